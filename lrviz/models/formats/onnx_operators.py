"""What ONNX operators compute, in PyTorch.

An operator is a function of a `Use` (its attributes) and of its inputs: tensors, None for one that is left out, and
plain numbers or lists for those of `LITERALS`, such as shapes. Definitions: https://onnx.ai/onnx/operators.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

Literal = int | float | list[Any] | None
"""An input whose value has to be known."""

UNBOUNDED = 3e38
"""Bounds from here on are how exporters write that there is none."""


class NotConverted(Exception):
    """A use of an operator that is not converted; the message says what is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """How one node uses its operator.

    Attributes:
        attributes: By name.
        version: Of the operator set.
        num_outputs: Results that are asked for.
    """

    attributes: Mapping[str, Any]
    version: int
    num_outputs: int

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute."""
        return self.attributes.get(name, default)

    def numbers(self, name: str, given: Literal = None) -> list[Any] | None:
        """A list that is an input, or was an attribute in older versions; None if it is neither."""
        value = self.attributes.get(name) if given is None else given
        return None if value is None else list(value) if isinstance(value, Sequence) else [value]


Operator = Callable[..., Any]


def _simple(function: Callable[..., Any]) -> Operator:
    return lambda use, *inputs: function(*inputs)


def _chain(function: Callable[[Tensor, Tensor], Tensor]) -> Operator:
    """An operator of any number of inputs from one of two."""

    def apply(use: Use, first: Tensor, *others: Tensor) -> Tensor:
        for other in others:
            first = function(first, other)
        return first

    return apply


def _div(use: Use, a: Tensor, b: Tensor) -> Tensor:
    return a / b if a.is_floating_point() else torch.div(a, b, rounding_mode="trunc")


def _clip(use: Use, x: Tensor, low: Literal = None, high: Literal = None) -> Tensor:
    bounds = [use.numbers(name, given) for name, given in (("min", low), ("max", high))]
    least, most = (None if bound is None or abs(bound[0]) >= UNBOUNDED else bound[0] for bound in bounds)
    return x if least is None and most is None else torch.clamp(x, least, most)


def _prelu(use: Use, x: Tensor, slope: Tensor) -> Tensor:
    return F.relu(x) - slope * F.relu(-x)


def _cast(use: Use, x: Tensor, like: Tensor | None = None) -> Tensor:
    kind = _TYPES.get(use.get("to")) if like is None else like.dtype
    if kind is None:
        raise NotConverted("a cast to a type other than numbers")
    if kind.is_floating_point and x.is_floating_point():
        return x
    return x.to(torch.get_default_dtype() if kind.is_floating_point else kind)


_TYPES = {
    **dict.fromkeys((1, 10, 11, 16), torch.float32),
    **dict.fromkeys((2, 3, 4, 5, 6, 7, 12, 13), torch.int64),
    9: torch.bool,
}
"""Types of ONNX by number."""


def _gemm(use: Use, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
    a, b = (x.T if use.get(name, 0) else x for x, name in ((a, "transA"), (b, "transB")))
    product = a @ b
    alpha, beta = use.get("alpha", 1.0), use.get("beta", 1.0)
    product = product if alpha == 1 else alpha * product
    return product if c is None else product + (c if beta == 1 else beta * c)


def _einsum(use: Use, *inputs: Tensor) -> Tensor:
    return torch.einsum(use.get("equation"), *inputs)


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


def _conv(use: Use, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    number = weight.dim() - 2
    before, after = _padding(use, x, weight.shape[2:])
    if before != after:
        x, before = _pad_zeros(x, before, after), [0] * number
    convolve = _by_axes(F.conv1d, F.conv2d, F.conv3d)[number]
    strides, dilations = (use.get(name, [1] * number) for name in ("strides", "dilations"))
    return convolve(x, weight, bias, strides, before, dilations, use.get("group", 1))


def _conv_transpose(use: Use, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    number = weight.dim() - 2
    if use.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID") or use.get("output_shape"):
        raise NotConverted("a transposed convolution whose padding follows from its output")
    before, after = _padding(use, x, weight.shape[2:])
    if before != after:
        raise NotConverted("a transposed convolution with another padding before than after")
    strides, extra = use.get("strides", [1] * number), use.get("output_padding", [0] * number)
    convolve = _by_axes(F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[number]
    return convolve(x, weight, bias, strides, before, extra, use.get("group", 1), use.get("dilations", [1] * number))


def _batch_norm(use: Use, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    if use.get("training_mode", 0):
        raise NotConverted("a batch normalisation in training mode; export the network in eval mode")
    return F.batch_norm(x, mean, variance, weight, bias, eps=use.get("epsilon", 1e-5))


def _max_pool(use: Use, x: Tensor) -> Tensor:
    kernel = list(use.get("kernel_shape"))
    number = len(kernel)
    before, after = _padding(use, x, kernel)
    strides, dilations = (list(use.get(name, [1] * number)) for name in ("strides", "dilations"))
    if use.num_outputs > 1:
        raise NotConverted("the places of the largest entries")
    pool = _by_axes(F.max_pool1d, F.max_pool2d, F.max_pool3d)[number]
    rounded_up = bool(use.get("ceil_mode", 0))
    shape = [
        _num_windows(extent + first + last - (size - 1) * dilation - 1, stride, rounded_up)
        for extent, first, last, size, dilation, stride in zip(
            x.shape[2:], before, after, kernel, dilations, strides, strict=True
        )
    ]
    if any(2 * pad > size for pad, size in zip(before, kernel, strict=True)):
        raise NotConverted("a max-pool that is padded by more than half its window")
    for ceil_mode in (rounded_up, not rounded_up):  # padding after the last entry is the same as partial windows
        pooled = pool(x, kernel, strides, before, dilations, ceil_mode)
        if all(got >= wanted for got, wanted in zip(pooled.shape[2:], shape, strict=True)):
            return pooled[(..., *(slice(size) for size in shape))] if list(pooled.shape[2:]) != shape else pooled
    raise NotConverted("a max-pool with windows outside its input")


def _num_windows(room: int, stride: int, rounded_up: bool) -> int:
    return (math.ceil(room / stride) if rounded_up else room // stride) + 1


def _average_pool(use: Use, x: Tensor) -> Tensor:
    kernel = list(use.get("kernel_shape"))
    if any(step != 1 for step in use.get("dilations", [1])):
        raise NotConverted("an average pooling with dilation")
    before, after = _padding(use, x, kernel)
    strides, ceil_mode = list(use.get("strides", [1] * len(kernel))), bool(use.get("ceil_mode", 0))
    pool, all_count = (
        _by_axes(F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[len(kernel)],
        bool(use.get("count_include_pad", 0)),
    )
    if before == after and all(2 * pad <= size for pad, size in zip(before, kernel, strict=True)):
        return pool(x, kernel, strides, before, ceil_mode, all_count)
    pooled = pool(_pad_zeros(x, before, after), kernel, strides, 0, ceil_mode)
    return (
        pooled
        if all_count
        else pooled / pool(_pad_zeros(torch.ones_like(x), before, after), kernel, strides, 0, ceil_mode)
    )


def _by_axes(*functions: Any) -> dict[int, Any]:
    return dict(enumerate(functions, 1))


def _global(reduce: Callable[..., Tensor]) -> Operator:
    return lambda use, x: reduce(x, dim=tuple(range(2, x.dim())), keepdim=True)


def _reduce(function: Callable[..., Tensor]) -> Operator:
    """A sum, mean, maximum ... over some axes, or over all but with care: none if none are given and that is asked."""

    def apply(use: Use, x: Tensor, axes: Literal = None) -> Tensor:
        chosen = use.numbers("axes", axes)
        if not chosen and use.get("noop_with_empty_axes", 0):
            return x
        return function(x, dim=tuple(chosen or range(x.dim())), keepdim=bool(use.get("keepdims", 1)))

    return apply


def _reshape(use: Use, x: Tensor, shape: Literal = None) -> Tensor:
    sizes = use.numbers("shape", shape) or []
    keep = not use.get("allowzero", 0)
    return x.reshape([x.shape[axis] if size == 0 and keep else size for axis, size in enumerate(sizes)])


def _flatten(use: Use, x: Tensor) -> Tensor:
    axis = use.get("axis", 1)
    axis += x.dim() if axis < 0 else 0
    return x.reshape(math.prod(x.shape[:axis]), -1)


def _transpose(use: Use, x: Tensor) -> Tensor:
    return x.permute(use.get("perm") or list(reversed(range(x.dim()))))


def _squeeze(use: Use, x: Tensor, axes: Literal = None) -> Tensor:
    chosen = use.numbers("axes", axes)
    return x.squeeze() if chosen is None else x.squeeze(tuple(chosen))


def _unsqueeze(use: Use, x: Tensor, axes: Literal = None) -> Tensor:
    chosen = use.numbers("axes", axes) or []
    for axis in sorted(axis + (x.dim() + len(chosen) if axis < 0 else 0) for axis in chosen):
        x = x.unsqueeze(axis)
    return x


def _split(use: Use, x: Tensor, sizes: Literal = None) -> Sequence[Tensor]:
    axis, lengths = use.get("axis", 0), use.numbers("split", sizes)
    return x.split(lengths or math.ceil(x.shape[axis] / use.num_outputs), axis)


def _slice(
    use: Use,
    x: Tensor,
    starts: Literal = None,
    ends: Literal = None,
    axes: Literal = None,
    steps: Literal = None,
) -> Tensor:
    first, last = use.numbers("starts", starts) or [], use.numbers("ends", ends) or []
    chosen = use.numbers("axes", axes) or list(range(len(first)))
    for start, end, axis, step in zip(
        first, last, chosen, use.numbers("steps", steps) or [1] * len(first), strict=True
    ):
        places = range(x.shape[axis])[slice(start, end if step > 0 or end >= -x.shape[axis] else None, step)]
        if step < 0:
            x, places = x.flip(axis), range(x.shape[axis] - 1 - places.start, x.shape[axis] - 1 - places.stop, -step)
        index = [slice(None)] * x.dim()
        index[axis] = slice(places.start, max(places.stop, places.start), places.step)
        x = x[tuple(index)]
    return x


def _gather(use: Use, x: Tensor, index: Tensor) -> Tensor:
    axis = use.get("axis", 0) % max(x.dim(), 1)
    places = torch.where(index < 0, index + x.shape[axis], index)
    taken = x.index_select(axis, places.flatten())
    return taken.reshape([*x.shape[:axis], *index.shape, *x.shape[axis + 1 :]])


def _expand(use: Use, x: Tensor, shape: list[int]) -> Tensor:
    return x.expand(torch.broadcast_shapes(x.shape, tuple(shape)))


def _pad(use: Use, x: Tensor, pads: Literal = None, value: Literal = None, axes: Literal = None) -> Tensor:
    given = use.numbers("pads", pads) or []
    chosen = use.numbers("axes", axes) or list(range(x.dim()))
    before, after = [0] * x.dim(), [0] * x.dim()
    for place, axis in enumerate(chosen):
        before[axis], after[axis] = given[place], given[place + len(chosen)]
    pairs = [pad for pair in reversed(list(zip(before, after, strict=True))) for pad in pair]
    mode = use.get("mode", "constant")
    if mode == "constant":
        return F.pad(x, pairs, value=float((use.numbers("value", value) or [0.0])[0]))
    while pairs and not any(pairs[-2:]):
        pairs = pairs[:-2]
    modes = {"reflect": "reflect", "edge": "replicate", "wrap": "circular"}
    return F.pad(x, pairs, mode=modes[mode]) if pairs else x


def _resize(use: Use, x: Tensor, region: Literal = None, scales: Literal = None, sizes: Literal = None) -> Tensor:
    """Resizing; the settings that PyTorch has too are converted."""
    if use.version < 11:  # `Upsample`, and `Resize` before it had a region
        scales, region = scales if scales is not None else region, None
    if (
        use.get("axes") is not None
        or use.get("antialias", 0)
        or use.get("keep_aspect_ratio_policy", "stretch") != "stretch"
    ):
        raise NotConverted("a resizing of some axes, with anti-aliasing or a fixed aspect ratio")
    if sizes:
        shape, factors = [int(size) for size in use.numbers("sizes", sizes) or []], None
    else:
        factors = [float(factor) for factor in use.numbers("scales", scales) or []]
        shape = [math.floor(extent * factor) for extent, factor in zip(x.shape, factors, strict=True)]
    if shape[:2] != list(x.shape[:2]):
        raise NotConverted("a resizing of the channels")
    mode = use.get("mode", "nearest")
    places = use.get("coordinate_transformation_mode", "half_pixel" if use.version >= 11 else "asymmetric")
    options = (
        {"size": tuple(shape[2:])}
        if factors is None
        else {"scale_factor": tuple(factors[2:]), "recompute_scale_factor": False}
    )
    if mode == "nearest":
        whole = all(new % old == 0 for new, old in zip(shape[2:], x.shape[2:], strict=True))
        rounding = use.get("nearest_mode", "round_prefer_floor" if use.version >= 11 else "floor")
        if whole or (places == "asymmetric" and rounding == "floor"):
            return F.interpolate(x, mode="nearest", **options)
    elif mode in ("linear", "cubic") and places in ("half_pixel", "pytorch_half_pixel", "align_corners"):
        kind = {1: "linear", 2: "bilinear", 3: "trilinear"}[x.dim() - 2] if mode == "linear" else "bicubic"
        if mode == "linear" or use.get("cubic_coeff_a", -0.75) == -0.75:
            return F.interpolate(x, mode=kind, align_corners=places == "align_corners", **options)
    raise NotConverted(f"a resizing of the kind {mode!r} with coordinates {places!r}")


def _depth_to_space(use: Use, x: Tensor) -> Tensor:
    size = use.get("blocksize")
    if use.get("mode", "DCR") == "CRD":
        return F.pixel_shuffle(x, size)
    n, c, h, w = x.shape
    return x.reshape(n, size, size, c // size**2, h, w).permute(0, 3, 4, 1, 5, 2).reshape(n, -1, h * size, w * size)


def _space_to_depth(use: Use, x: Tensor) -> Tensor:
    size = use.get("blocksize")
    n, c, h, w = x.shape
    return (
        x.reshape(n, c, h // size, size, w // size, size).permute(0, 3, 5, 1, 2, 4).reshape(n, -1, h // size, w // size)
    )


def _softmax(function: Callable[..., Tensor]) -> Operator:
    def apply(use: Use, x: Tensor) -> Tensor:
        if use.version >= 13:
            return function(x, dim=use.get("axis", -1))
        axis = use.get("axis", 1) % x.dim()
        return function(x.flatten(axis), dim=-1).reshape(x.shape) if axis < x.dim() - 1 else function(x, dim=axis)

    return apply


def _constant_of_shape(use: Use, shape: list[int]) -> Tensor:
    value = use.get("value")
    number = 0.0 if value is None else value.reshape(-1)[0].item()
    return torch.full(shape, number, dtype=None if value is None else value.dtype, device="cpu")


def _range(use: Use, start: float, limit: float, delta: float) -> Tensor:
    return torch.arange(start, limit, delta, device="cpu")


def _shape(use: Use, x: Tensor) -> Tensor:
    return torch.tensor(list(x.shape)[use.get("start", 0) : use.get("end")], dtype=torch.int64, device="cpu")


def _layer_norm(use: Use, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    axis = use.get("axis", -1) % x.dim()
    return F.layer_norm(x, x.shape[axis:], weight, bias, use.get("epsilon", 1e-5))


def _hard_sigmoid(use: Use, x: Tensor) -> Tensor:
    return torch.clamp(use.get("alpha", 0.2) * x + use.get("beta", 0.5), 0.0, 1.0)


def _thresholded_relu(use: Use, x: Tensor) -> Tensor:
    alpha = use.get("alpha", 1.0)
    return F.threshold(x, alpha, 0.0)


def _shrink(use: Use, x: Tensor) -> Tensor:
    bias, limit = use.get("bias", 0.0), use.get("lambd", 0.5)
    if bias != limit:
        raise NotConverted("a shrinking that jumps")
    return F.softshrink(x, limit)


def _pow(use: Use, x: Tensor, exponent: Literal) -> Tensor:
    values = use.numbers("exponent", exponent) or []
    if len(values) != 1 or isinstance(values[0], list):
        raise NotConverted("a power with several exponents")
    return x ** values[0]


OPERATORS: dict[str, Operator] = {
    "Abs": _simple(torch.abs),
    "Add": _simple(torch.add),
    "And": _simple(torch.logical_and),
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "CastLike": _cast,
    "Ceil": _simple(torch.ceil),
    "Clip": _clip,
    "Concat": lambda use, *inputs: torch.cat(inputs, use.get("axis")),
    "ConstantOfShape": _constant_of_shape,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "DepthToSpace": _depth_to_space,
    "Div": _div,
    "Dropout": lambda use, x, *_: x,
    "Einsum": _einsum,
    "Elu": lambda use, x: F.elu(x, use.get("alpha", 1.0)),
    "Equal": _simple(torch.eq),
    "Erf": _simple(torch.erf),
    "Exp": _simple(torch.exp),
    "Expand": _expand,
    "Flatten": _flatten,
    "Floor": _simple(torch.floor),
    "Gather": _gather,
    "Gelu": lambda use, x: F.gelu(x, approximate=use.get("approximate", "none")),
    "Gemm": _gemm,
    "GlobalAveragePool": _global(torch.mean),
    "GlobalMaxPool": _global(torch.amax),
    "Greater": _simple(torch.gt),
    "GreaterOrEqual": _simple(torch.ge),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _simple(F.hardswish),
    "Identity": _simple(lambda x: x),
    "LayerNormalization": _layer_norm,
    "LeakyRelu": lambda use, x: F.leaky_relu(x, use.get("alpha", 0.01)),
    "Less": _simple(torch.lt),
    "LessOrEqual": _simple(torch.le),
    "Log": _simple(torch.log),
    "LogSoftmax": _softmax(F.log_softmax),
    "MatMul": _simple(torch.matmul),
    "Max": _chain(torch.maximum),
    "MaxPool": _max_pool,
    "Mean": lambda use, *inputs: _chain(torch.add)(use, *inputs) / len(inputs),
    "Min": _chain(torch.minimum),
    "Mish": _simple(F.mish),
    "Mod": lambda use, a, b: torch.fmod(a, b) if use.get("fmod", 0) else torch.remainder(a, b),
    "Mul": _simple(torch.mul),
    "Neg": _simple(torch.neg),
    "Not": _simple(torch.logical_not),
    "Or": _simple(torch.logical_or),
    "PRelu": _prelu,
    "Pad": _pad,
    "Pow": _pow,
    "Range": _range,
    "Reciprocal": _simple(torch.reciprocal),
    "ReduceL2": _reduce(torch.linalg.vector_norm),
    "ReduceMax": _reduce(torch.amax),
    "ReduceMean": _reduce(torch.mean),
    "ReduceMin": _reduce(torch.amin),
    "ReduceSum": _reduce(torch.sum),
    "Relu": _simple(F.relu),
    "Reshape": _reshape,
    "Resize": _resize,
    "Selu": _simple(F.selu),
    "Shape": _shape,
    "Shrink": _shrink,
    "Sigmoid": _simple(torch.sigmoid),
    "Sign": _simple(torch.sign),
    "Size": lambda use, x: torch.tensor(x.numel(), device="cpu"),
    "Slice": _slice,
    "Softmax": _softmax(F.softmax),
    "Softplus": _simple(F.softplus),
    "SpaceToDepth": _space_to_depth,
    "Split": _split,
    "Sqrt": _simple(torch.sqrt),
    "Squeeze": _squeeze,
    "Sub": _simple(torch.sub),
    "Sum": _chain(torch.add),
    "Swish": lambda use, x: x * torch.sigmoid(use.get("alpha", 1.0) * x),
    "Tanh": _simple(torch.tanh),
    "ThresholdedRelu": _thresholded_relu,
    "Tile": lambda use, x, repeats: x.repeat(repeats),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Upsample": _resize,
    "Where": _simple(torch.where),
}
"""Operators that are converted; whether what they compute has linear regions is found out afterwards."""

LITERALS: dict[str, frozenset[int]] = {
    "Clip": frozenset([1, 2]),
    "ConstantOfShape": frozenset([0]),
    "Expand": frozenset([1]),
    "Pad": frozenset([1, 2, 3]),
    "Pow": frozenset([1]),
    "Range": frozenset([0, 1, 2]),
    "Reshape": frozenset([1]),
    "Resize": frozenset([1, 2, 3]),
    "Slice": frozenset([1, 2, 3, 4]),
    "Split": frozenset([1]),
    "Squeeze": frozenset([1]),
    "Tile": frozenset([1]),
    "Unsqueeze": frozenset([1]),
    "Upsample": frozenset([1]),
    **dict.fromkeys(("ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum"), frozenset([1])),
}
"""Positions of inputs that tell shapes, places and the like: their values have to be known."""
