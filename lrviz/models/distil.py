"""Distillation: a network learns to give the outputs of another one beside the labels."""

import copy

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from lrviz.errors import InvalidData
from lrviz.models.batches import normalise
from lrviz.models.catalogue import Model


class Teacher:
    """A trained model on the device of a training."""

    def __init__(self, model: Model, device: torch.device) -> None:
        """Copy the model to the device."""
        self.mean, self.std = model.mean, model.std
        module = copy.deepcopy(model.module).float().requires_grad_(False)
        self.module = module.to(device).to(memory_format=torch.channels_last)
        self._try(model, device)

    def _try(self, model: Model, device: torch.device) -> None:
        """Refuse a network that takes no batches of any size, as exported ones may."""
        channels, height, width = model.input_shape
        try:
            shape = self.logits(torch.zeros(2, height, width, channels, dtype=torch.uint8, device=device)).shape
        except Exception as error:  # exported programs raise many kinds
            raise InvalidData(
                f"Expected a teacher that takes several images at once, got {model.name}, which does not: export it "
                "for batches of any size."
            ) from error
        if shape != (2, len(model.classes)):
            raise InvalidData(
                f"Expected {len(model.classes)} outputs for each of two images from the teacher {model.name}, got "
                f"the shape {tuple(shape)}: choose another one."
            )

    def logits(self, images: UInt8[Tensor, "n h w 3"]) -> Float[Tensor, "n k"]:
        """Return its outputs for images from 0 to 255, which it normalises in its own way."""
        with torch.no_grad():
            return self.module(normalise(images, self.mean, self.std)).float()


def distillation_loss(
    logits: Float[Tensor, "n k"], targets: Float[Tensor, "n k"], temperature: float
) -> Float[Tensor, ""]:
    """Return T^2 KL(softmax(targets / T) || softmax(logits / T)), mean over images, in nats.

    Hinton, Vinyals and Dean 2015 (arXiv 1503.02531); T^2 keeps the size of the gradient.
    """
    expected = F.log_softmax(targets / temperature, dim=1)
    found = F.log_softmax(logits / temperature, dim=1)
    return temperature**2 * F.kl_div(found, expected, reduction="batchmean", log_target=True)
