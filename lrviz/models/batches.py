"""Batches of images for training and evaluation, channels last in memory."""

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from lrviz.models.datasets import Dataset

CROP_PADDING = 4
"""Pixels around an image within which its random crops lie."""


def to_nhwc(dataset: Dataset, device: torch.device | str) -> UInt8[Tensor, "n h w 3"]:
    """Copy a data set's images to a device."""
    return torch.tensor(dataset.images.transpose(0, 2, 3, 1), device=device)


def normalise(
    images: UInt8[Tensor, "n h w 3"], mean: tuple[float, ...], std: tuple[float, ...]
) -> Float[Tensor, "n 3 h w"]:
    """Turn images from 0 to 255, channels last in memory, into a network's inputs."""
    offset = torch.tensor(mean, device=images.device)
    scale = torch.tensor(std, device=images.device)
    return ((images.to(torch.float32) / 255 - offset) / scale).permute(0, 3, 1, 2)


def crop_and_flip(
    padded: UInt8[Tensor, "n p p 3"], batch: Int[Tensor, " b"], generator: torch.Generator
) -> UInt8[Tensor, "b h w 3"]:
    """Cut a random window out of each image, padded by `CROP_PADDING`, and mirror half of them."""
    size = padded.shape[1] - 2 * CROP_PADDING
    corner = torch.randint(0, 2 * CROP_PADDING + 1, (len(batch), 2), generator=generator, device="cpu")
    flip = torch.randint(0, 2, (len(batch), 1), generator=generator, device="cpu", dtype=torch.bool)
    steps = torch.arange(size, device="cpu")
    rows = corner[:, :1] + steps
    columns = corner[:, 1:] + torch.where(flip, steps.flip(0), steps)
    index = (batch[:, None, None], rows[:, :, None], columns[:, None, :])
    return padded[tuple(part.to(padded.device) for part in index)]
