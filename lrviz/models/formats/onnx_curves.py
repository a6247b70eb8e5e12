"""ONNX operators whose graphs are curves or jump: they may stand where nothing depends on the input, or at the end."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from lrviz.models.formats.onnx_use import Literal, NotConverted, Operator, Use, reduce, simple


def _softmax(function: Callable[..., Tensor]) -> Operator:
    def apply(use: Use, x: Tensor) -> Tensor:
        if use.version >= 13:
            return function(x, dim=use.get("axis", -1))
        axis = use.get("axis", 1) % x.dim()
        return function(x.flatten(axis), dim=-1).reshape(x.shape) if axis < x.dim() - 1 else function(x, dim=axis)

    return apply


def _layer_norm(use: Use, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    axis = use.get("axis", -1) % x.dim()
    return F.layer_norm(x, x.shape[axis:], weight, bias, use.get("epsilon", 1e-5))


def _pow(use: Use, x: Tensor, exponent: Literal) -> Tensor:
    values = use.numbers("exponent", exponent) or []
    if len(values) != 1 or isinstance(values[0], list):
        raise NotConverted("a power with several exponents")
    return x ** values[0]


def _swish(use: Use, x: Tensor) -> Tensor:
    """The product of x and sigmoid(a x)."""
    alpha = use.get("alpha", 1.0)
    return F.silu(x) if alpha == 1 else F.silu(alpha * x) / alpha


def _normalise(use: Use, x: Tensor) -> Tensor:
    axis = use.get("axis", -1)
    return x / torch.linalg.vector_norm(x, use.get("p", 2), axis, keepdim=True)


def _product(x: Tensor, dim: tuple[int, ...], keepdim: bool) -> Tensor:
    for axis in sorted((axis % x.dim() for axis in dim), reverse=True):
        x = x.prod(axis, keepdim)
    return x


CURVES: dict[str, Operator] = {
    "Ceil": simple(torch.ceil),
    "Celu": lambda use, x: F.celu(x, use.get("alpha", 1.0)),
    "Cos": simple(torch.cos),
    "Elu": lambda use, x: F.elu(x, use.get("alpha", 1.0)),
    "Erf": simple(torch.erf),
    "Exp": simple(torch.exp),
    "Floor": simple(torch.floor),
    "Gelu": lambda use, x: F.gelu(x, approximate=use.get("approximate", "none")),
    "HardSwish": simple(F.hardswish),
    "LayerNormalization": _layer_norm,
    "Log": simple(torch.log),
    "LogSoftmax": _softmax(F.log_softmax),
    "LpNormalization": _normalise,
    "Mish": simple(F.mish),
    "Mod": lambda use, a, b: torch.fmod(a, b) if use.get("fmod", 0) else torch.remainder(a, b),
    "Pow": _pow,
    "Reciprocal": simple(torch.reciprocal),
    "ReduceL2": reduce(torch.linalg.vector_norm),
    "ReduceProd": reduce(_product),
    "Round": simple(torch.round),
    "Selu": simple(F.selu),
    "Sigmoid": simple(torch.sigmoid),
    "Sin": simple(torch.sin),
    "Softmax": _softmax(F.softmax),
    "Softplus": simple(F.softplus),
    "Softsign": simple(F.softsign),
    "Sqrt": simple(torch.sqrt),
    "Swish": _swish,
    "Tanh": simple(torch.tanh),
}
"""Operators that are not piecewise linear in any input that they bend."""
