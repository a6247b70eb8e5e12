"""A report on a network before any work: what it is, how it was converted, what it returns, what windows will cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from lrviz.engine.estimate import estimate_regions
from lrviz.geometry.plane import Plane, Window
from lrviz.models.catalogue import Model
from lrviz.models.described import without_exit
from lrviz.models.images import ImageRecord, load_image
from lrviz.models.numbers import ARRAY, NOISE, POINT, image_shape
from lrviz.network.inspection import inspect_module
from lrviz.network.program import Program
from lrviz.results.estimate import Estimate

_MOST_OF_A_POINT = 8
"""Inputs of more numbers are not written out."""

_SHARES = (1e-3, 1e-2, 1e-1)
"""Half widths of windows, as shares of the triangle's radius."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inspection:
    """What is found out about a network.

    Attributes:
        model: The network.
        program: It as affine steps, ReLUs and maxima.
        rewritten: How often each operation occurs that became ReLUs or maxima.
        error: The largest difference of the program from the network on random inputs, relative to the largest output.
        image: The input that it was tried on.
        outputs: (K,) what it returns for it.
        estimates: What squares around the middle of the triplet hold and cost, by half width.
    """

    model: Model
    program: Program
    rewritten: Mapping[str, int]
    error: float
    image: ImageRecord
    outputs: Float[np.ndarray, "outputs"]
    estimates: Mapping[float, Estimate]


def default_images(input_shape: tuple[int, ...]) -> tuple[str, str, str]:
    """A triplet for a network of inputs of this shape: sample images, or points or noise if they are no images.

    >>> default_images((2,))
    ('point:-1:-1', 'point:1:-1', 'point:0:1')
    """
    if image_shape(input_shape) is not None:
        return "samples:0", "samples:1", "samples:2"
    number = int(np.prod(input_shape))
    if number > _MOST_OF_A_POINT:
        return f"{NOISE}0", f"{NOISE}1", f"{NOISE}2"
    corners = [np.full(number, 0.0) for _ in range(3)]
    corners[0][:2], corners[1][:2], corners[2][1:2] = -1, [1, -1][: min(number, 2)], 1
    a, b, c = (POINT + ":".join(f"{value:g}" for value in corner) for corner in corners)
    return a, b, c


def fitting_images(images: tuple[str, ...], input_shape: tuple[int, ...]) -> tuple[str, ...]:
    """The same triplet if a network of inputs of this shape takes it, else its default one.

    >>> fitting_images(("samples:3", "samples:4", "samples:5"), (2,))
    ('point:-1:-1', 'point:1:-1', 'point:0:1')
    """
    is_image = image_shape(input_shape) is not None

    def fits(name: str) -> bool:
        if name.startswith(POINT):
            return not is_image and name.count(":") == int(np.prod(input_shape))
        return is_image or name.startswith(NOISE) or name.endswith(ARRAY)

    return images if all(map(fits, images)) else default_images(input_shape)


def inspect_model(model: Model, images: Sequence[ImageRecord] = ()) -> Inspection:
    """Find out about a network.

    Args:
        model: The network.
        images: A triplet of inputs of its shape; samples, or points, if it is empty.

    Raises:
        UnsupportedOperation: It holds operations that are not piecewise linear or not known.
        InvalidNetwork: It has weights that are not finite, or the like.
        InvalidPlane: The images are equal or collinear.
    """
    with without_exit():
        conversion = inspect_module(model.module, torch.zeros(1, *model.input_shape, device="cpu"))
    program = conversion.program
    records = list(images) or [load_image(name, shape=model.input_shape) for name in default_images(model.input_shape)]
    inputs = [model.normalise(record).to(torch.float64) for record in records]
    plane = Plane.through(inputs[0], inputs[1], inputs[2], names=[record.reference for record in records])
    triangle = plane.triangle()
    windows = {share * triangle.radius: Window.rectangle(triangle.center, share * triangle.radius) for share in _SHARES}
    return Inspection(
        model=model,
        program=program,
        rewritten=conversion.rewritten,
        error=conversion.error,
        image=records[0],
        outputs=program.forward(inputs[0][None])[0].numpy(),
        estimates={half: estimate_regions(program, plane, window) for half, window in windows.items()},
    )
