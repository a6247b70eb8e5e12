"""Global magnitude pruning: the smallest weights of a network become zero and stay so."""

from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor, nn
from torch.nn.utils import prune

from lrviz.errors import InvalidData
from lrviz.files import shown
from lrviz.models.card import Card
from lrviz.models.recipes import TrainConfig

FINE_TUNING: dict[str, Any] = {
    "learning_rate": 5e-4,
    "warmup_steps": 0,
    "batch_size": 128,
    "epochs": 3,
    "loss_target": 0.0,
}
"""What the recipe after pruning differs in from that of `TrainConfig`."""


_SOME_ZEROS = 0.05
"""So much more of the weights may be zero before, as where they began as zeros or were rounded to float16."""


def prune_config(card: Card, sparsity: float, num_images: int, **overrides: Any) -> TrainConfig:
    """Return the recipe that prunes a model and then trains what is left, shortly, on what it was trained on.

    Args:
        card: The model's card.
        sparsity: Fraction of the weights that become zero.
        num_images: Number of training images of the whole data set.
        overrides: What of the recipe to set otherwise; the learning rate falls linearly over all epochs.

    Raises:
        InvalidData: The model is sparser already.
    """
    if 0 <= sparsity < card.sparsity:
        raise InvalidData(
            f"Expected a sparsity of at least {card.sparsity:g}, which {shown(card.name)} has already, got "
            f"{sparsity:g}: prune the network that it was made from."
        )
    values = FINE_TUNING | overrides
    return TrainConfig(
        family=card.architecture,
        width=card.width,
        batch_norm=card.batch_norm,
        seed=card.seed,
        subset=card.num_train_images if 0 < card.num_train_images < num_images else None,
        label_noise=card.label_noise,
        augment=card.augmentation,
        pruned_from=card.name,
        sparsity=sparsity,
        decay_epochs=values["epochs"],
        **values,
    )


def prune_weights(module: nn.Module, sparsity: float) -> list[tuple[nn.Parameter, Bool[Tensor, "..."]]]:
    """Set the smallest weights of all convolutions and linear layers together to zero; those that are zero stay so.

    Global magnitude pruning (Han et al. 2015, arXiv 1506.02626): one threshold for all layers; biases and batch norms
    are kept.

    Args:
        module: The network, which is changed.
        sparsity: Fraction of the weights, from 0 to below 1.

    Returns:
        Each pruned weight tensor, and which of its entries are kept.

    Raises:
        InvalidData: The fraction is out of range, or more weights are zero already.
    """
    if not 0 <= sparsity < 1:
        raise InvalidData(f"Expected a sparsity from 0 to below 1, got {sparsity:g}: give the fraction of the weights.")
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    if not layers:
        raise InvalidData(
            "Expected a network with convolutions or linear layers to prune, got one without, as ONNX graphs, "
            "TorchScript and exported programs are: give a state dict and its --architecture."
        )
    zero = sum(int((layer.weight == 0).sum()) for layer in layers) / sum(layer.weight.numel() for layer in layers)
    if zero > sparsity + _SOME_ZEROS:
        raise InvalidData(
            f"Expected a sparsity of at least {zero:.3g}, for so many of the weights are zero already, got "
            f"{sparsity:g}: give more, or prune the network that it was made from."
        )
    prune.global_unstructured(
        [(layer, "weight") for layer in layers], pruning_method=prune.L1Unstructured, amount=float(sparsity)
    )
    for layer in layers:
        prune.remove(layer, "weight")
    weights = [layer.get_parameter("weight") for layer in layers]
    return [(weight, weight.detach() != 0) for weight in weights]


def keep_zero(pruned: list[tuple[nn.Parameter, Bool[Tensor, "..."]]]) -> None:
    """Set what was pruned to zero again, after a step of training."""
    with torch.no_grad():
        for weight, kept in pruned:
            weight.mul_(kept)
