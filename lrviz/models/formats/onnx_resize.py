"""Resizing of images in ONNX."""

import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor
from torch.nn import functional as F

from lrviz.models.formats.onnx_use import Literal, NotConverted, Use

_ROUNDINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "floor": torch.floor,
    "ceil": torch.ceil,
    "round_prefer_floor": lambda x: torch.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: torch.floor(x + 0.5),
}

_OF_PYTORCH = ("half_pixel", "pytorch_half_pixel", "align_corners")


def resize(use: Use, x: Tensor, region: Literal = None, scales: Literal = None, sizes: Literal = None) -> Tensor:
    """Nearest and linear resizing of any axes; cubic resizing as PyTorch has it."""
    if use.version < 11:  # `Upsample`, and `Resize` before it had a region
        scales, region = scales if scales is not None else region, None
    if use.get("antialias", 0) or use.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise NotConverted("a resizing with anti-aliasing or a fixed aspect ratio")
    axes = [axis % x.dim() for axis in use.get("axes") or range(x.dim())]
    old = [x.shape[axis] for axis in axes]
    new = [int(size) for size in use.numbers("sizes", sizes) or []]
    factors = [float(factor) for factor in use.numbers("scales", scales) or []] if not new else []
    new = new or [math.floor(np.float32(size) * np.float32(factor)) for size, factor in zip(old, factors, strict=True)]
    factors = factors or [size / before for size, before in zip(new, old, strict=True)]
    mode = use.get("mode", "nearest")
    places = use.get("coordinate_transformation_mode", "half_pixel" if use.version >= 11 else "asymmetric")
    if mode == "nearest":
        rounding = _ROUNDINGS[use.get("nearest_mode", "round_prefer_floor" if use.version >= 11 else "floor")]
        for axis, before, after, factor in zip(axes, old, new, factors, strict=True):
            if before != after or factor != 1:
                index = rounding(_coordinates(places, before, after, factor)).clamp(0, before - 1)
                x = x.index_select(axis, index.to(torch.int64))
        return x
    if mode == "linear":
        for axis, before, after, factor in zip(axes, old, new, factors, strict=True):
            if before != after or factor != 1:
                weights = _linear_weights(_coordinates(places, before, after, factor), before).to(x.dtype)
                x = (x.movedim(axis, -1) @ weights.T).movedim(-1, axis)
        return x
    if places != "align_corners" and any(f * n != m for f, n, m in zip(factors, old, new, strict=True)):
        raise NotConverted("a cubic resizing by a factor that the sizes do not have")
    changed = [axis for axis, before, after in zip(axes, old, new, strict=True) if before != after]
    cubic = use.get("cubic_coeff_a", -0.75) == -0.75 and not use.get("exclude_outside", 0)
    if mode == "cubic" and cubic and places in _OF_PYTORCH and x.dim() == 4 and set(changed) <= {2, 3}:
        whole = {**dict(enumerate(x.shape)), **dict(zip(axes, new, strict=True))}
        return F.interpolate(x, (whole[2], whole[3]), mode="bicubic", align_corners=places == "align_corners")
    raise NotConverted(f"a resizing of the kind {mode!r} with coordinates {places!r}")


def _coordinates(kind: str, before: int, after: int, factor: float) -> Tensor:
    """(after,) where entries of the result lie among those of an axis, in single precision as ONNX has it."""
    return torch.tensor(_places(kind, before, after, np.float32(factor)).astype(float), device="cpu")


def _places(kind: str, before: int, after: int, factor: np.float32) -> Float32[np.ndarray, "after"]:
    place = np.arange(after, dtype=np.float32)
    middle = (place + np.float32(0.5)) / factor - np.float32(0.5)
    match kind:
        case "half_pixel":
            return middle
        case "pytorch_half_pixel":
            return middle if after > 1 else place
        case "align_corners":
            return place * np.float32(before - 1) / np.float32(max(after - 1, 1))
        case "asymmetric":
            return place / factor
        case "half_pixel_symmetric":
            return np.float32(before / 2) * (1 - np.float32(after) / (factor * np.float32(before))) + middle
        case "tf_half_pixel_for_nn":
            return middle + np.float32(0.5)
    raise NotConverted(f"a resizing with coordinates {kind!r}")


def _linear_weights(place: Tensor, number: int) -> Tensor:
    """(after, number) weights of the two neighbours of each place."""
    place = place.clamp(0, number - 1)
    return (1 - (place[:, None] - torch.arange(number, dtype=place.dtype, device="cpu")).abs()).clamp(min=0)
