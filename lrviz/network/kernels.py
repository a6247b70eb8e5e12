"""Steps that PyTorch computes slowly in float64 on the CPU, where it has no blocked kernels for them."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from jaxtyping import Float
from torch.nn import functional as F

from lrviz.network.operations import aten

_BUFFER_BYTES = 2**21
"""Size of the matrix of patches that is built at a time; it should stay in a core's cache."""


def convolve(
    images: Float[torch.Tensor, "..."],
    weight: Float[torch.Tensor, "..."],
    bias: Float[torch.Tensor, "channels"] | None = None,
    stride: Sequence[int] = (1,),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    groups: int = 1,
) -> Float[torch.Tensor, "..."]:
    """The convolution `aten.conv2d`, as matrix products of patches that stay in the cache."""
    if not _is_slow(images) or groups != 1 or any(step != 1 for step in dilation):
        return aten.conv2d.default(images, weight, bias, stride, padding, dilation, groups)
    border = (padding[-1], padding[-1], padding[0], padding[0])
    shape = [
        (size + 2 * padding[side % len(padding)] - length) // stride[side % len(stride)] + 1
        for side, (size, length) in enumerate(zip(images.shape[2:], weight.shape[2:], strict=True))
    ]
    result = images.new_empty(len(images), len(weight), *shape)
    rows = max(1, _BUFFER_BYTES // (8 * weight[0].numel() * prod(shape)))
    for part, target in zip(images.split(rows), result.split(rows), strict=True):
        padded = F.pad(part, border).transpose(0, 1)
        columns = _patches(padded, weight.shape[2:], stride).reshape(weight[0].numel(), -1)
        matrix = weight.flatten(1)
        product = matrix @ columns if bias is None else torch.addmm(bias[:, None], matrix, columns)
        target.copy_(product.unflatten(1, (len(part), *shape)).transpose(0, 1))
    return result


def _patches(padded: torch.Tensor, size: torch.Size, stride: Sequence[int]) -> torch.Tensor:
    """View (channels, n, h, w) images as (channels, *size, n, height, width) patches."""
    windows = padded.unfold(2, size[0], stride[0]).unfold(3, size[1], stride[-1])
    return windows.permute(0, 4, 5, 1, 2, 3)


def pool_average(
    images: Float[torch.Tensor, "..."],
    size: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    ceil_mode: bool = False,
    *options: Any,
) -> Float[torch.Tensor, "..."]:
    """The average pooling `aten.avg_pool2d`, as a sum of strided views."""
    if not _is_slow(images) or any(padding) or ceil_mode or options:
        return aten.avg_pool2d.default(images, size, stride, padding, ceil_mode, *options)
    height, width = size[0], size[-1]
    windows = images.unfold(-2, height, (stride or size)[0]).unfold(-2, width, (stride or size)[-1])
    total = windows[..., 0, 0].clone()
    for index in range(1, height * width):
        total += windows[..., index // width, index % width]
    return total.div_(height * width)


def _is_slow(images: torch.Tensor) -> bool:
    if images.requires_grad:
        return False  # these write into parts of their result, which cannot be differentiated
    return images.device.type == "cpu" and images.dtype == torch.float64 and images.dim() == 4


FASTER: dict[Any, Callable[..., Any]] = {
    aten.conv2d.default: convolve,
    aten.avg_pool2d.default: pool_average,
}
"""What to call in place of a step of a program."""
