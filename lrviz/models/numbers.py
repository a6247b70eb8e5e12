"""Inputs by numbers, for networks that take no images: points, noise, and arrays in .npy files."""

import io
import math
import re

import numpy as np
from jaxtyping import Float64, Shaped

from lrviz.errors import InvalidImage
from lrviz.files import shown

POINT = "point:"
"""What a reference begins with that gives the numbers of an input."""

NOISE = "noise:"
"""What a reference begins with that gives the seed of an input of independent standard normal numbers."""

ARRAY = ".npy"
"""What files end in that hold one input."""

_LEAST_SIDE = 8
"""Fewer numbers in a row are not taken for the pixels of an image."""

Shape = tuple[int, ...]


def image_shape(shape: tuple[int, ...]) -> tuple[int, int, int] | None:
    """Channels, height and width of the images that fit an input: grey or colour, or their pixels in a row.

    >>> image_shape((1, 28, 28)), image_shape((784,)), image_shape((2,))
    ((1, 28, 28), (1, 28, 28), None)
    """
    if len(shape) == 3:
        return (shape[0], shape[1], shape[2]) if shape[0] in (1, 3) else None
    if len(shape) == 1:
        for channels in (1, 3):
            side = round((shape[0] / channels) ** 0.5)
            if side >= _LEAST_SIDE and channels * side**2 == shape[0]:
                return channels, side, side
    return None


def read_numbers(reference: str, shape: Shape) -> Float64[np.ndarray, "..."]:
    """The input that a reference such as "point:0.5:-1" or "noise:3" gives.

    Raises:
        InvalidImage: It gives none of this shape.

    >>> read_numbers("point:0.5:-1", (2,)).tolist(), read_numbers("noise:3", (4, 84, 84)).shape
    ([0.5, -1.0], (4, 84, 84))
    """
    return _noise(reference, shape) if reference.startswith(NOISE) else _point(reference, shape)


def _point(reference: str, shape: Shape) -> Float64[np.ndarray, "..."]:
    words = reference.removeprefix(POINT).split(":")
    try:
        values = np.array([float(word) for word in words])
    except ValueError:
        values = np.array([np.nan])
    if not np.isfinite(values).all() or len(values) != math.prod(shape):
        raise InvalidImage(
            f"Expected {POINT} and {math.prod(shape)} finite numbers, such as {POINT}0.5:-1, got {shown(reference)}: "
            f"the network takes inputs of shape {shape}."
        )
    return values.reshape(shape)


def _noise(reference: str, shape: Shape) -> Float64[np.ndarray, "..."]:
    match = re.fullmatch(rf"{NOISE}([0-9]{{1,9}})", reference)
    if match is None:
        raise InvalidImage(
            f"Expected {NOISE} and a whole number, such as {NOISE}3, got {shown(reference)}: correct it."
        )
    return np.random.default_rng(int(match[1])).standard_normal(shape)


def decode_array(data: bytes, reference: str, shape: Shape) -> Shaped[np.ndarray, "..."]:
    """The input in a .npy file: whole numbers from 0 to 255 of an image are pixels, others are taken as they are.

    Raises:
        InvalidImage: It is damaged, holds objects, or has another shape.
    """
    try:
        values = np.load(io.BytesIO(data), allow_pickle=False)
    except Exception as error:  # NumPy raises many kinds for a damaged file
        raise InvalidImage(
            f"Expected an array of numbers in {shown(reference)}, got a file that is damaged or holds objects: save it "
            "by numpy.save."
        ) from error
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu" or not np.isfinite(values).all():
        raise InvalidImage(f"Expected finite real numbers in {shown(reference)}, got others: save it again.")
    if values.shape not in (shape, (1, *shape)):
        raise InvalidImage(
            f"Expected an array of shape {shape} in {shown(reference)}, got {values.shape}: the network takes inputs "
            f"of shape {shape}."
        )
    values = values.reshape(shape)
    is_image = values.dtype.kind in "iu" and image_shape(shape) is not None
    is_image = is_image and values.min() >= 0 and values.max() <= np.iinfo(np.uint8).max
    return values.astype(np.uint8 if is_image or values.dtype == np.uint8 else np.float64)
