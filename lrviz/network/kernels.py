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
    shape = [
        (size + 2 * padding[side % len(padding)] - length) // stride[side % len(stride)] + 1
        for side, (size, length) in enumerate(zip(images.shape[2:], weight.shape[2:], strict=True))
    ]
    border, steps = (padding[-1], padding[-1], padding[0], padding[0]), (stride[0], stride[-1])
    if len(images) and 2 * int((images[-1] != 0).any(0).sum()) < prod(images.shape[2:]):  # as the newest directions are
        return _convolve_occupied(images, weight, bias, border, steps)
    result = images.new_empty(len(images), len(weight), *shape)
    rows = max(1, _BUFFER_BYTES // (8 * weight[0].numel() * prod(shape)))
    matrix = weight.flatten(1)
    for part, target in zip(images.split(rows), result.split(rows), strict=True):
        padded = F.pad(part, border).transpose(0, 1)
        columns = _windows(padded, weight.shape[2:], steps).permute(0, 4, 5, 1, 2, 3).reshape(matrix.shape[1], -1)
        product = matrix @ columns if bias is None else torch.addmm(bias[:, None], matrix, columns)
        target.copy_(product.unflatten(1, (len(part), *shape)).transpose(0, 1))
    return result


def _convolve_occupied(
    images: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    border: tuple[int, int, int, int],
    steps: tuple[int, int],
) -> Float[torch.Tensor, "..."]:
    """The same for images that are mostly zero, without multiplying the zeros, given padding and stride."""
    occupied = (images != 0).any(1)
    pixels = images.permute(0, 2, 3, 1)[occupied]
    zero = len(pixels)
    place = torch.full(occupied.shape, zero, device=images.device)
    place[occupied] = torch.arange(zero, device=images.device)
    seen = _windows(F.pad(place, border, value=zero), weight.shape[2:], steps)
    needed = _windows(F.pad(occupied, border), weight.shape[2:], steps).flatten(3).any(3)
    pixels = torch.cat([pixels, pixels.new_zeros(1, pixels.shape[1])])
    matrix = weight.permute(2, 3, 1, 0).flatten(0, 2)
    parts = seen[needed].flatten(1).split(max(1, _BUFFER_BYTES // (8 * len(matrix))))
    result = pixels.new_zeros(len(needed), len(weight), *needed.shape[1:])
    result.permute(0, 2, 3, 1)[needed] = torch.cat([pixels[part].flatten(1) @ matrix for part in parts])
    return result if bias is None else result.add_(bias[:, None, None])


def _windows(images: torch.Tensor, size: torch.Size, steps: tuple[int, int]) -> torch.Tensor:
    """View (..., h, w) images as (..., height, width, *size) windows."""
    return images.unfold(-2, size[0], steps[0]).unfold(-2, size[1], steps[1])


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
