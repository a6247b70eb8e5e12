"""The network families that lrviz trains and ships: CNN5, VGG and ResNet for 32 x 32 colour images."""

from collections.abc import Callable
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from lrviz.errors import UnknownModel

IMAGE_SHAPE = (3, 32, 32)
"""Channels, height and width of the images that every family takes."""

_POOL = 0
_VGG_BLOCKS: dict[str, tuple[int, ...]] = {
    "vgg11": (1, _POOL, 2, _POOL, 4, 4, _POOL, 8, 8, _POOL, 8, 8, _POOL),
    "vgg13": (1, 1, _POOL, 2, 2, _POOL, 4, 4, _POOL, 8, 8, _POOL, 8, 8, _POOL),
    "vgg16": (1, 1, _POOL, 2, 2, _POOL, 4, 4, 4, _POOL, 8, 8, 8, _POOL, 8, 8, 8, _POOL),
    "vgg19": (1, 1, _POOL, 2, 2, _POOL, 4, 4, 4, 4, _POOL, 8, 8, 8, 8, _POOL, 8, 8, 8, 8, _POOL),
}
_RESNET_BLOCKS: dict[str, tuple[int, ...]] = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3)}

FAMILIES = ("cnn5", "vgg8", *_VGG_BLOCKS, *_RESNET_BLOCKS)
"""Names of the families, in the order in which lists show them."""


def build(family: str, width: int, num_classes: int, batch_norm: bool = False, *, seed: int = 0) -> nn.Module:
    """Build a freshly initialised network on the CPU, in evaluation mode.

    Args:
        family: one of `FAMILIES`.
        width: base width k, at least 1: the channels of the first layer (VGG8: 6 k).
        num_classes: number of outputs, at least 2.
        batch_norm: put a batch normalisation after every convolution.
        seed: seed of the initial weights.

    Returns:
        A float32 module from images (N, 3, 32, 32) to logits (N, num_classes).

    Raises:
        UnknownModel: the family is not known, or a number is out of range.

    >>> build("cnn5", 2, 10)(torch.zeros(1, 3, 32, 32, device="cpu")).shape
    torch.Size([1, 10])
    """
    if family not in FAMILIES:
        raise UnknownModel(f"Expected a family among {', '.join(FAMILIES)}, got {family!r}: choose one of them.")
    if width < 1 or num_classes < 2:
        raise UnknownModel(
            f"Expected a width of at least 1 and at least 2 classes, got width {width} and {num_classes} classes: "
            "raise them."
        )
    module = _builder(family)(width, num_classes, batch_norm)
    _initialise(module, torch.Generator("cpu").manual_seed(seed))
    return module.eval()


def _builder(family: str) -> Callable[[int, int, bool], nn.Module]:
    if family == "cnn5":
        return _cnn5
    if family == "vgg8":
        return _vgg8
    if family in _VGG_BLOCKS:
        return lambda width, num_classes, batch_norm: _vgg(_VGG_BLOCKS[family], width, num_classes, batch_norm)
    return lambda width, num_classes, batch_norm: _resnet(_RESNET_BLOCKS[family], width, num_classes, batch_norm)


def _cnn5(width: int, num_classes: int, batch_norm: bool) -> nn.Sequential:
    """Nakkiran et al. 2019 (arXiv 1912.02292), appendix B.1, with average pooling."""
    k = width
    features = _convolutions(3, (k, _POOL, 2 * k, _POOL, 4 * k, _POOL, 8 * k), batch_norm)
    return nn.Sequential(*features, nn.AvgPool2d(4), nn.Flatten(), _linear(8 * k, num_classes))


def _vgg8(width: int, num_classes: int, batch_norm: bool) -> nn.Sequential:
    """Gamba et al. 2022 (arXiv 2202.11749), the VGG8; every size is multiplied by the width."""
    blocks = (6, 6, _POOL, 16, 16, _POOL, 64, 64, _POOL)
    features = _convolutions(3, tuple(width * channels for channels in blocks), batch_norm)
    hidden = 120 * width
    return nn.Sequential(
        *features, nn.Flatten(), _linear(64 * width * 16, hidden), nn.ReLU(), _linear(hidden, num_classes)
    )


def _vgg(blocks: tuple[int, ...], width: int, num_classes: int, batch_norm: bool) -> nn.Sequential:
    features = _convolutions(3, tuple(width * channels for channels in blocks), batch_norm)
    return nn.Sequential(*features, nn.Flatten(), _linear(8 * width, num_classes))


def _resnet(blocks: tuple[int, ...], width: int, num_classes: int, batch_norm: bool) -> nn.Sequential:
    """Basic-block ResNet with average pooling after the stem and in place of strides."""
    stages = [width, *(width * 2**stage for stage in range(len(blocks)))]
    layers: list[nn.Module] = [*_convolutions(3, (width,), batch_norm)]
    for num_blocks, (num_in, num_out) in zip(blocks, pairwise(stages), strict=True):
        layers.append(nn.AvgPool2d(2))
        layers.append(ResidualBlock(num_in, num_out, batch_norm))
        layers.extend(ResidualBlock(num_out, num_out, batch_norm) for _ in range(num_blocks - 1))
    return nn.Sequential(*layers, nn.AvgPool2d(2), nn.Flatten(), _linear(stages[-1], num_classes))


class ResidualBlock(nn.Module):
    """relu(shortcut(x) + conv(relu(conv(x)))), the shortcut padded with zeros where channels are added.

    Padding, unlike a 1 x 1 convolution, cannot switch off all units of a narrow network before it is trained.
    """

    def __init__(self, num_in: int, num_out: int, batch_norm: bool) -> None:
        """Make the block for `num_in` channels in and `num_out` channels out."""
        super().__init__()
        self.branch = nn.Sequential(
            *_convolutions(num_in, (num_out,), batch_norm), *_convolution(num_out, num_out, batch_norm)
        )
        self.num_padded = num_out - num_in
        self.relu = nn.ReLU()

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d h w"]:
        """Apply the block."""
        return self.relu(F.pad(x, (0, 0, 0, 0, 0, self.num_padded)) + self.branch(x))


def _convolutions(num_in: int, channels: tuple[int, ...], batch_norm: bool) -> list[nn.Module]:
    """3 x 3 convolutions with ReLU; a `_POOL` among the channels is a 2 x 2 average pooling."""
    layers: list[nn.Module] = []
    for num_out in channels:
        if num_out == _POOL:
            layers.append(nn.AvgPool2d(2))
            continue
        layers += [*_convolution(num_in, num_out, batch_norm), nn.ReLU()]
        num_in = num_out
    return layers


def _convolution(num_in: int, num_out: int, batch_norm: bool) -> list[nn.Module]:
    convolution = nn.Conv2d(num_in, num_out, 3, padding=1, bias=not batch_norm, device="cpu")
    return [convolution, nn.BatchNorm2d(num_out, device="cpu")] if batch_norm else [convolution]


def _linear(num_in: int, num_out: int) -> nn.Linear:
    return nn.Linear(num_in, num_out, device="cpu")


def _initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Kaiming initialisation; residual branches without batch norm scaled as in Fixup.

    Fixup (Zhang et al. 2019, arXiv 1901.09321): with L blocks of two convolutions, the first of a branch is
    scaled by L^(-1/2) and the last starts at zero.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    branches = [layer.branch for layer in module.modules() if isinstance(layer, ResidualBlock)]
    for branch in branches:
        convolutions = [layer for layer in branch if isinstance(layer, nn.Conv2d)]
        if not any(isinstance(layer, nn.BatchNorm2d) for layer in branch):
            convolutions[0].weight.data.mul_(len(branches) ** -0.5)
            nn.init.zeros_(convolutions[-1].weight)
