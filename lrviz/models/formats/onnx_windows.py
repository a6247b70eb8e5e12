"""ONNX operators of windows of images: convolutions, pools, padding, resizing."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from lrviz.models.formats.onnx_use import Literal, NotConverted, Operator, Use, by_axes


def _padding(use: Use, x: Tensor, kernel: Sequence[int]) -> tuple[list[int], list[int]]:
    """Places before the first and after the last entry, per pooled or convolved axis."""
    number = len(kernel)
    strides, dilations = (list(use.get(name, [1] * number)) for name in ("strides", "dilations"))
    kind = use.get("auto_pad", "NOTSET")
    if kind == "VALID":
        return [0] * number, [0] * number
    if kind in ("SAME_UPPER", "SAME_LOWER"):
        total = []
        for extent, size, stride, dilation in zip(x.shape[2:], kernel, strides, dilations, strict=True):
            total.append(max((math.ceil(extent / stride) - 1) * stride + (size - 1) * dilation + 1 - extent, 0))
        half = [pad // 2 for pad in total]
        rest = [pad - part for pad, part in zip(total, half, strict=True)]
        return (half, rest) if kind == "SAME_UPPER" else (rest, half)
    pads = list(use.get("pads", [0] * 2 * number))
    return pads[:number], pads[number:]


def _pad_zeros(x: Tensor, before: list[int], after: list[int]) -> Tensor:
    pairs = [pad for pair in reversed(list(zip(before, after, strict=True))) for pad in pair]
    return F.pad(x, pairs) if any(pairs) else x


def conv(use: Use, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """A convolution."""
    number = weight.dim() - 2
    before, after = _padding(use, x, weight.shape[2:])
    if before != after:
        x, before = _pad_zeros(x, before, after), [0] * number
    convolve = by_axes(F.conv1d, F.conv2d, F.conv3d)[number]
    strides, dilations = (use.get(name, [1] * number) for name in ("strides", "dilations"))
    return convolve(x, weight, bias, strides, before, dilations, use.get("group", 1))


def conv_transpose(use: Use, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """A transposed convolution; what is padded more on one side is cut off."""
    number = weight.dim() - 2
    strides, dilations = (list(use.get(name, [1] * number)) for name in ("strides", "dilations"))
    extra = list(use.get("output_padding", [0] * number))
    convolve = by_axes(F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[number]
    full = [
        (extent - 1) * stride + (size - 1) * dilation + 1 + more
        for extent, size, stride, dilation, more in zip(
            x.shape[2:], weight.shape[2:], strides, dilations, extra, strict=True
        )
    ]
    longer = [max(size, wanted) for size, wanted in zip(full, use.get("output_shape", full)[-number:], strict=True)]
    extra, full = [more + size - least for more, size, least in zip(extra, longer, full, strict=True)], longer
    before, after = _transposed_padding(use, x, full, strides)
    if before == after:
        return convolve(x, weight, bias, strides, before, extra, use.get("group", 1), dilations)
    whole = convolve(x, weight, bias, strides, 0, extra, use.get("group", 1), dilations)
    return whole[(..., *(slice(a, size - b) for a, b, size in zip(before, after, full, strict=True)))]


def _transposed_padding(use: Use, x: Tensor, full: list[int], strides: list[int]) -> tuple[list[int], list[int]]:
    """What is cut off before and after, per axis, of a result that would have some sizes."""
    kind, number = use.get("auto_pad", "NOTSET"), len(full)
    wanted = use.get("output_shape")
    if wanted is None and kind in ("NOTSET", "VALID"):
        pads = list(use.get("pads", [0] * 2 * number)) if kind == "NOTSET" else [0] * 2 * number
        return pads[:number], pads[number:]
    sizes = wanted[-number:] if wanted else [extent * step for extent, step in zip(x.shape[2:], strides, strict=True)]
    total = [max(size - target, 0) for size, target in zip(full, sizes, strict=True)]
    half = [pad // 2 for pad in total]
    rest = [pad - part for pad, part in zip(total, half, strict=True)]
    return (half, rest) if kind == "SAME_UPPER" else (rest, half)


def max_pool(use: Use, x: Tensor) -> Tensor:
    """A max-pool."""
    kernel = list(use.get("kernel_shape"))
    number = len(kernel)
    before, after = _padding(use, x, kernel)
    strides, dilations = (list(use.get(name, [1] * number)) for name in ("strides", "dilations"))
    if use.num_outputs > 1:
        raise NotConverted("the places of the largest entries")
    pool = by_axes(F.max_pool1d, F.max_pool2d, F.max_pool3d)[number]
    rounded_up = bool(use.get("ceil_mode", 0))
    shape = [
        _num_windows(extent, first, last, (size - 1) * dilation + 1, stride, rounded_up)
        for extent, first, last, size, dilation, stride in zip(
            x.shape[2:], before, after, kernel, dilations, strides, strict=True
        )
    ]
    if any(2 * pad > size for pad, size in zip(before, kernel, strict=True)):
        raise NotConverted("a max-pool that is padded by more than half its kernel")
    for ceil_mode in (rounded_up, not rounded_up):  # padding after the last entry is the same as partial windows
        pooled = pool(x, kernel, strides, before, dilations, ceil_mode)
        if all(got >= wanted for got, wanted in zip(pooled.shape[2:], shape, strict=True)):
            return pooled[(..., *(slice(size) for size in shape))] if list(pooled.shape[2:]) != shape else pooled
    if all(step == 1 for step in dilations) and all(pad < size for pad, size in zip(after, kernel, strict=True)):
        # A copy of the last entry changes no maximum.
        longer = F.pad(x, [pad for last in reversed(after) for pad in (0, last)], mode="replicate")
        return pool(longer, kernel, strides, before, 1, rounded_up)[(..., *(slice(size) for size in shape))]
    raise NotConverted("a max-pool with windows outside its input")


def _num_windows(extent: int, before: int, after: int, size: int, stride: int, rounded_up: bool) -> int:
    """How many windows of a size there are along an axis; rounded up, none begins in the padding after it."""
    room = extent + before + after - size
    if not rounded_up:
        return room // stride + 1
    number = math.ceil(room / stride) + 1
    return number - ((number - 1) * stride >= extent + before)


def average_pool(use: Use, x: Tensor) -> Tensor:
    """An average pool."""
    kernel = list(use.get("kernel_shape"))
    if any(step != 1 for step in use.get("dilations", [1])):
        raise NotConverted("an average pooling with dilation")
    before, after = _padding(use, x, kernel)
    strides, ceil_mode = list(use.get("strides", [1] * len(kernel))), bool(use.get("ceil_mode", 0))
    pool, all_count = (
        by_axes(F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[len(kernel)],
        bool(use.get("count_include_pad", 0)),
    )
    if before == after and all(2 * pad <= size for pad, size in zip(before, kernel, strict=True)):
        return pool(x, kernel, strides, before, ceil_mode, all_count)
    sizes = zip(x.shape[2:], before, after, kernel, strides, strict=True)
    windows = (..., *(slice(_num_windows(*size, ceil_mode)) for size in sizes))
    pooled, padded = (
        pool(_pad_zeros(part, before, after), kernel, strides, 0, ceil_mode)[windows]
        for part in (x, torch.ones_like(x))
    )
    return pooled if all_count else pooled / padded


def over_image(reduce: Callable[..., Tensor]) -> Operator:
    """A reduction over the axes of the image."""
    return lambda use, x: reduce(x, dim=tuple(range(2, x.dim())), keepdim=True)


def pad(use: Use, x: Tensor, pads: Literal = None, value: Literal = None, axes: Literal = None) -> Tensor:
    """Padding by a constant, by the edge, by reflection or around."""
    given = use.numbers("pads", pads) or []
    chosen = use.numbers("axes", axes) or list(range(x.dim()))
    before, after = [0] * x.dim(), [0] * x.dim()
    for place, axis in enumerate(chosen):
        before[axis], after[axis] = given[place], given[place + len(chosen)]
    pairs = [pad for pair in reversed(list(zip(before, after, strict=True))) for pad in pair]
    mode = use.get("mode", "constant")
    if mode == "constant":
        return F.pad(x, pairs, value=float((use.numbers("value", value) or [0.0])[0]))
    inner = max(2 * (x.dim() - 2), 2)  # PyTorch pads all axes but those of batch and channels
    if any(pairs[inner:]):
        raise NotConverted(f"padding by {mode} along the axes of batch or channels")
    modes = {"reflect": "reflect", "edge": "replicate", "wrap": "circular"}
    return F.pad(x, pairs[:inner], mode=modes[mode]) if any(pairs) else x


def depth_to_space(use: Use, x: Tensor) -> Tensor:
    """Channels become blocks of the image."""
    size = use.get("blocksize")
    if use.get("mode", "DCR") == "CRD":
        return F.pixel_shuffle(x, size)
    n, c, h, w = x.shape
    return x.reshape(n, size, size, c // size**2, h, w).permute(0, 3, 4, 1, 5, 2).reshape(n, -1, h * size, w * size)


def space_to_depth(use: Use, x: Tensor) -> Tensor:
    """Blocks of the image become channels."""
    size = use.get("blocksize")
    n, c, h, w = x.shape
    return (
        x.reshape(n, c, h // size, size, w // size, size).permute(0, 3, 5, 1, 2, 4).reshape(n, -1, h // size, w // size)
    )
