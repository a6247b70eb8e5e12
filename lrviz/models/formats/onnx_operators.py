"""What ONNX operators compute, in PyTorch.

An operator is a function of a `Use` (its attributes) and of its inputs: tensors, None for one that is left out, and
plain numbers or lists for those of `LITERALS`, such as shapes. Definitions: https://onnx.ai/onnx/operators.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from lrviz.models.formats import onnx_moves as moves
from lrviz.models.formats import onnx_windows as windows
from lrviz.models.formats.onnx_curves import CURVES
from lrviz.models.formats.onnx_resize import resize
from lrviz.models.formats.onnx_use import Literal, NotConverted, Operator, Use, chain, reduce, simple

UNBOUNDED = 3e38
"""Bounds from here on are how exporters write that there is none."""

_TRAINING_SAID = 14
"""From this operator set on a batch normalisation says its mode; before, it returns its statistics in training only."""


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
    return x.to(use.kind if kind.is_floating_point else kind)


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


def _batch_norm(use: Use, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    if use.get("training_mode", 0) or (use.version < _TRAINING_SAID and use.num_outputs > 1):
        raise NotConverted("a batch normalisation in training mode; export the network in eval mode")
    return F.batch_norm(x, mean, variance, weight, bias, eps=use.get("epsilon", 1e-5))


def _dropout(use: Use, x: Tensor, ratio: Literal = None, is_training: Literal = None) -> Tensor:
    if is_training and ratio != 0:
        raise NotConverted("a dropout in training mode; export the network in eval mode")
    return x


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


OPERATORS: dict[str, Operator] = {
    **CURVES,
    "Abs": simple(torch.abs),
    "Add": simple(torch.add),
    "And": simple(torch.logical_and),
    "AveragePool": windows.average_pool,
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "CastLike": _cast,
    "Clip": _clip,
    "Concat": lambda use, *inputs: torch.cat(inputs, use.get("axis")),
    "ConstantOfShape": moves.constant_of_shape,
    "Conv": windows.conv,
    "ConvTranspose": windows.conv_transpose,
    "CumSum": moves.cumulate,
    "DepthToSpace": windows.depth_to_space,
    "Div": _div,
    "Dropout": _dropout,
    "Einsum": _einsum,
    "Equal": simple(torch.eq),
    "Expand": moves.expand,
    "Flatten": moves.flatten,
    "Gather": moves.gather,
    "GatherElements": moves.gather_elements,
    "GatherND": moves.gather_nd,
    "Gemm": _gemm,
    "GlobalAveragePool": windows.over_image(torch.mean),
    "GlobalMaxPool": windows.over_image(torch.amax),
    "Greater": simple(torch.gt),
    "GreaterOrEqual": simple(torch.ge),
    "HardSigmoid": _hard_sigmoid,
    "Identity": simple(lambda x: x),
    "IsNaN": simple(torch.isnan),
    "LeakyRelu": lambda use, x: F.leaky_relu(x, use.get("alpha", 0.01)),
    "Less": simple(torch.lt),
    "LessOrEqual": simple(torch.le),
    "MatMul": simple(torch.matmul),
    "Max": chain(torch.maximum),
    "MaxPool": windows.max_pool,
    "Mean": lambda use, *inputs: chain(torch.add)(use, *inputs) / len(inputs),
    "Min": chain(torch.minimum),
    "Mul": simple(torch.mul),
    "Neg": simple(torch.neg),
    "Not": simple(torch.logical_not),
    "Or": simple(torch.logical_or),
    "PRelu": _prelu,
    "Pad": windows.pad,
    "Range": moves.range_,
    "ReduceL1": reduce(lambda x, dim, keepdim: x.abs().sum(dim, keepdim)),
    "ReduceMax": reduce(torch.amax),
    "ReduceMean": reduce(torch.mean),
    "ReduceMin": reduce(torch.amin),
    "ReduceSum": reduce(torch.sum),
    "Relu": simple(F.relu),
    "Reshape": moves.reshape,
    "Resize": resize,
    "Scatter": moves.scatter_elements,
    "ScatterElements": moves.scatter_elements,
    "ScatterND": moves.scatter_nd,
    "Shape": moves.shape,
    "Shrink": _shrink,
    "Sign": simple(torch.sign),
    "Size": lambda use, x: torch.tensor(x.numel(), device="cpu"),
    "Slice": moves.slice_,
    "SpaceToDepth": windows.space_to_depth,
    "Split": moves.split,
    "Squeeze": moves.squeeze,
    "Sub": simple(torch.sub),
    "Sum": chain(torch.add),
    "ThresholdedRelu": _thresholded_relu,
    "Tile": lambda use, x, repeats: x.repeat(repeats),
    "Transpose": moves.transpose,
    "Trilu": moves.triangle,
    "Unsqueeze": moves.unsqueeze,
    "Upsample": resize,
    "Where": simple(torch.where),
    "Xor": simple(torch.logical_xor),
}
"""Operators that are converted; whether what they compute has linear regions is found out afterwards."""

LITERALS: dict[str, frozenset[int]] = {
    "Clip": frozenset([1, 2]),
    "ConstantOfShape": frozenset([0]),
    "CumSum": frozenset([1]),
    "Dropout": frozenset([1, 2]),
    "Expand": frozenset([1]),
    "Gather": frozenset([1]),
    "Pad": frozenset([1, 2, 3]),
    "Pow": frozenset([1]),
    "Range": frozenset([0, 1, 2]),
    "Reshape": frozenset([1]),
    "Resize": frozenset([1, 2, 3]),
    "Slice": frozenset([1, 2, 3, 4]),
    "Split": frozenset([1]),
    "Squeeze": frozenset([1]),
    "Tile": frozenset([1]),
    "Trilu": frozenset([1]),
    "Unsqueeze": frozenset([1]),
    "Upsample": frozenset([1]),
    **dict.fromkeys([name for name in OPERATORS if name.startswith("Reduce")], frozenset([1])),
}
"""Positions of inputs that tell shapes, places and the like: their values have to be known."""
