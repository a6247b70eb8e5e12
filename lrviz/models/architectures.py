"""The network families that lrviz trains and ships: CNN5, VGG and ResNet for small colour images.

Of the VGGs and ResNets there are two kinds. `vgg11-head`, `resnet18-stride` and their like are the networks of Gamba
et al. 2022 (arXiv 2202.11749): VGGs with two hidden linear layers at the end, ResNets that halve the image by strides
and change the channels of a shortcut by 1 x 1 convolutions. `vgg11`, `resnet18` and their like are slimmer: no hidden
linear layer, average pooling in place of strides, and shortcuts padded with zeros.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from lrviz.errors import UnknownModel

IMAGE_SIZE = 32
"""Pixels a side of the images that the families are made for; they take multiples of it too."""

IMAGE_SHAPE = (3, IMAGE_SIZE, IMAGE_SIZE)
"""Channels, height and width of those images."""

MAX_WIDTH, MAX_CLASSES = 4096, 100_000
"""Most that a network is built of; a ResNet18 of the largest width has 45 billion parameters."""

_NEAR_ZERO = 1e-3
_POOL = 0
_VGG_BLOCKS: dict[str, tuple[int, ...]] = {
    "vgg11": (1, _POOL, 2, _POOL, 4, 4, _POOL, 8, 8, _POOL, 8, 8, _POOL),
    "vgg13": (1, 1, _POOL, 2, 2, _POOL, 4, 4, _POOL, 8, 8, _POOL, 8, 8, _POOL),
    "vgg16": (1, 1, _POOL, 2, 2, _POOL, 4, 4, 4, _POOL, 8, 8, 8, _POOL, 8, 8, 8, _POOL),
    "vgg19": (1, 1, _POOL, 2, 2, _POOL, 4, 4, 4, 4, _POOL, 8, 8, 8, 8, _POOL, 8, 8, 8, 8, _POOL),
}
_RESNET_BLOCKS: dict[str, tuple[int, ...]] = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3)}

_HEAD = "-head"
_STRIDE = "-stride"

FAMILIES = (
    "cnn5",
    "vgg8",
    *_VGG_BLOCKS,
    *(name + _HEAD for name in _VGG_BLOCKS),
    *_RESNET_BLOCKS,
    *(name + _STRIDE for name in _RESNET_BLOCKS),
)
"""Names of the families, in the order in which lists show them."""


def require_family(family: str) -> None:
    """Raise UnknownModel unless there is such a family."""
    if family not in FAMILIES:
        raise UnknownModel(f"Expected a family among {', '.join(FAMILIES)}, got {family!r}: choose one of them.")


def build(
    family: str,
    width: int,
    num_classes: int,
    batch_norm: bool = False,
    *,
    seed: int | None = 0,
    image_size: int = IMAGE_SIZE,
) -> nn.Module:
    """Build a freshly initialised network on the CPU, in evaluation mode.

    Args:
        family: One of `FAMILIES`.
        width: Base width k, at least 1: the channels of the first layer (VGG8: 6 k).
        num_classes: Number of outputs, at least 2.
        batch_norm: Put a batch normalisation after every convolution.
        seed: Seed of the initial weights; None for those of PyTorch's layers, which will be replaced.
        image_size: Pixels a side of the images, a multiple of `IMAGE_SIZE`; the last pooling covers what is left.

    Returns:
        A float32 module from images (N, 3, image_size, image_size) to logits (N, num_classes).

    Raises:
        UnknownModel: The family is not known, or a number is out of range.

    >>> build("cnn5", 2, 10)(torch.zeros(1, 3, 32, 32, device="cpu")).shape
    torch.Size([1, 10])
    """
    require_family(family)
    if not (1 <= width <= MAX_WIDTH and 2 <= num_classes <= MAX_CLASSES):
        raise UnknownModel(
            f"Expected a width from 1 to {MAX_WIDTH:,} and 2 to {MAX_CLASSES:,} classes, got width {width} and "
            f"{num_classes} classes: choose others."
        )
    if image_size < IMAGE_SIZE or image_size % IMAGE_SIZE:
        raise UnknownModel(
            f"Expected images of {IMAGE_SIZE} pixels a side or a multiple of that, got {image_size}: resize them."
        )
    size = _Size(width=width, num_classes=num_classes, batch_norm=batch_norm, image_size=image_size)
    module = _builder(family)(size)
    if seed is not None:
        _initialise(module, torch.Generator("cpu").manual_seed(seed))
    return module.eval()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Size:
    """What tells the networks of a family apart."""

    width: int
    num_classes: int
    batch_norm: bool
    image_size: int


def _builder(family: str) -> Callable[[_Size], nn.Module]:
    if family == "cnn5":
        return _cnn5
    if family == "vgg8":
        return _vgg8
    if family in _VGG_BLOCKS:
        return partial(_vgg, _VGG_BLOCKS[family])
    if family in _RESNET_BLOCKS:
        return partial(_pooled_resnet, _RESNET_BLOCKS[family])
    if family.endswith(_HEAD):
        return partial(_vgg_with_head, _VGG_BLOCKS[family.removesuffix(_HEAD)])
    return partial(_strided_resnet, _RESNET_BLOCKS[family.removesuffix(_STRIDE)])


def _cnn5(size: _Size) -> nn.Sequential:
    """Nakkiran et al. 2019 (arXiv 1912.02292), appendix B.1, with average pooling."""
    k = size.width
    features = _convolutions(3, (k, _POOL, 2 * k, _POOL, 4 * k, _POOL, 8 * k), size.batch_norm)
    return nn.Sequential(*features, *_pool_rest(size.image_size // 8), nn.Flatten(), _linear(8 * k, size.num_classes))


def _vgg8(size: _Size) -> nn.Sequential:
    """Gamba et al. 2022 (arXiv 2202.11749), the VGG8; every size is multiplied by the width."""
    blocks = (6, 6, _POOL, 16, 16, _POOL, 64, 64, _POOL)
    features = _convolutions(3, tuple(size.width * channels for channels in blocks), size.batch_norm)
    num_features, num_hidden = 64 * size.width * (size.image_size // 8) ** 2, 120 * size.width
    head = (_linear(num_features, num_hidden), nn.ReLU(), _linear(num_hidden, size.num_classes))
    return nn.Sequential(*features, nn.Flatten(), *head)


def _vgg(blocks: tuple[int, ...], size: _Size) -> nn.Sequential:
    return nn.Sequential(*_vgg_features(blocks, size), _linear(8 * size.width, size.num_classes))


def _vgg_with_head(blocks: tuple[int, ...], size: _Size) -> nn.Sequential:
    """VGG with two hidden linear layers of 64 k units: 4,096 at the width of 64 that the paper uses."""
    num_features, num_hidden = 8 * size.width, 64 * size.width
    head = (
        *(_linear(num_features, num_hidden), nn.ReLU()),
        *(_linear(num_hidden, num_hidden), nn.ReLU()),
        _linear(num_hidden, size.num_classes),
    )
    return nn.Sequential(*_vgg_features(blocks, size), *head)


def _vgg_features(blocks: tuple[int, ...], size: _Size) -> list[nn.Module]:
    features = _convolutions(3, tuple(size.width * channels for channels in blocks), size.batch_norm)
    return [*features, *_pool_rest(size.image_size // 32), nn.Flatten()]


def _strided_resnet(blocks: tuple[int, ...], size: _Size) -> nn.Sequential:
    """Basic-block ResNet (He et al. 2015, arXiv 1512.03385) for small images: a 3 x 3 stem without pooling."""
    layers: list[nn.Module] = [*_convolutions(3, (size.width,), size.batch_norm)]
    num_in = size.width
    for stage, num_blocks in enumerate(blocks):
        num_out = size.width * 2**stage
        for block in range(num_blocks):
            stride = 2 if stage and not block else 1
            layers.append(StridedBlock(num_in, num_out, stride, size.batch_norm))
            num_in = num_out
    pool = _pool_rest(size.image_size // 2 ** (len(blocks) - 1))
    return nn.Sequential(*layers, *pool, nn.Flatten(), _linear(num_in, size.num_classes))


def _pooled_resnet(blocks: tuple[int, ...], size: _Size) -> nn.Sequential:
    """Basic-block ResNet with average pooling after the stem and in place of strides."""
    stages = [size.width, *(size.width * 2**stage for stage in range(len(blocks)))]
    layers: list[nn.Module] = [*_convolutions(3, (size.width,), size.batch_norm)]
    for num_blocks, (num_in, num_out) in zip(blocks, pairwise(stages), strict=True):
        layers.append(nn.AvgPool2d(2))
        layers.append(ResidualBlock(num_in, num_out, size.batch_norm))
        layers.extend(ResidualBlock(num_out, num_out, size.batch_norm) for _ in range(num_blocks - 1))
    pool = _pool_rest(size.image_size // 2 ** len(blocks))
    return nn.Sequential(*layers, *pool, nn.Flatten(), _linear(stages[-1], size.num_classes))


def _pool_rest(image_size: int) -> list[nn.Module]:
    """The average over all that is left of an image, unless that is one pixel."""
    return [nn.AvgPool2d(image_size)] if image_size > 1 else []


class ResidualBlock(nn.Module):
    """relu(shortcut(x) + conv(relu(conv(x)))), the shortcut padded with zeros where channels are added."""

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


class StridedBlock(nn.Module):
    """relu(shortcut(x) + conv(relu(conv(x)))), the first convolution with a stride.

    The shortcut is the identity, or a 1 x 1 convolution where the block changes the size of its input.
    """

    def __init__(self, num_in: int, num_out: int, stride: int, batch_norm: bool) -> None:
        """Make the block for `num_in` channels in and `num_out` channels out."""
        super().__init__()
        self.branch = nn.Sequential(
            *_convolution(num_in, num_out, batch_norm, stride=stride),
            nn.ReLU(),
            *_convolution(num_out, num_out, batch_norm),
        )
        # A 1 x 1 convolution with a stride is this subsampling and one without; the former's backward pass in oneDNN
        # (channels last, fewer than eight channels, AVX2) writes outside its memory.
        subsample = [nn.AvgPool2d(1, stride=stride)] if stride != 1 else []
        mix = _convolution(num_in, num_out, batch_norm, size=1) if num_in != num_out else []
        self.shortcut = nn.Sequential(*subsample, *mix)
        self.relu = nn.ReLU()

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d g v"]:
        """Apply the block."""
        return self.relu(self.shortcut(x) + self.branch(x))


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


def _convolution(num_in: int, num_out: int, batch_norm: bool, *, stride: int = 1, size: int = 3) -> list[nn.Module]:
    convolution = nn.Conv2d(num_in, num_out, size, stride=stride, padding=size // 2, bias=not batch_norm, device="cpu")
    return [convolution, nn.BatchNorm2d(num_out, device="cpu")] if batch_norm else [convolution]


def _linear(num_in: int, num_out: int) -> nn.Linear:
    return nn.Linear(num_in, num_out, device="cpu")


def _initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Kaiming initialisation; residual blocks without batch norm as in Fixup.

    Fixup (Zhang et al. 2019, arXiv 1901.09321): with L blocks of two convolutions, the first of a branch is
    scaled by L^(-1/2) and the last starts near zero. At zero or below, the channels that a shortcut pads would never
    learn: their ReLU would have no slope. A 1 x 1 shortcut starts with copies of its channels, for random mixtures can
    switch off all units of a narrow network.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    blocks = [layer for layer in module.modules() if isinstance(layer, ResidualBlock | StridedBlock)]
    for block in blocks:
        if not any(isinstance(layer, nn.BatchNorm2d) for layer in block.modules()):
            _initialise_block(block, len(blocks))


def _initialise_block(block: "ResidualBlock | StridedBlock", num_blocks: int) -> None:
    convolutions = [layer for layer in block.branch if isinstance(layer, nn.Conv2d)]
    convolutions[0].weight.data.mul_(num_blocks**-0.5)
    convolutions[-1].weight.data.abs_().mul_(_NEAR_ZERO)
    for layer in block.shortcut.modules() if isinstance(block, StridedBlock) else ():
        if isinstance(layer, nn.Conv2d):
            rows = torch.arange(layer.out_channels, device="cpu")
            nn.init.zeros_(layer.weight)
            layer.weight.data[rows, rows % layer.in_channels] = 1
