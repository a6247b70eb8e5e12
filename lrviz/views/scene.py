"""From the names in a view to the objects that the engine works on."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from lrviz.arrays import ArrayLike
from lrviz.errors import InvalidView, InvalidWindow
from lrviz.geometry.plane import Plane, Window
from lrviz.models import paths
from lrviz.models.access import USER, Access
from lrviz.models.catalogue import Model, changed_at, load_model
from lrviz.models.converted import program_of
from lrviz.models.images import ImageRecord, load_image
from lrviz.network.program import Program
from lrviz.results.store import Store
from lrviz.views.view import View

FARTHEST = 100.0
"""A window may lie and reach this far from the triplet, in units of the triplet's own extent."""


class Scene(NamedTuple):
    """The objects that a view names.

    Attributes:
        model: The model.
        program: Its traced network.
        plane: The plane through the three normalised images.
        window: The window, or the triangle.
        images: The three images.
    """

    model: Model
    program: Program
    plane: Plane
    window: Window
    images: tuple[ImageRecord, ImageRecord, ImageRecord]

    @property
    def digest(self) -> str:
        """Names the network and the plane: another one through other images, or if they are normalised otherwise."""
        plane = hashlib.blake2b(self.plane.origin.tobytes() + self.plane.basis.tobytes(), digest_size=16)
        return f"{self.program.digest} {plane.hexdigest()}"


def resolve(view: View, *, access: Access = USER, store: Store | None = None) -> Scene:
    """Load what a view names.

    Args:
        view: What is shown.
        access: Which files it may name.
        store: Where converted networks are kept.

    Raises:
        UnknownModel: There is no such model.
        InvalidCheckpoint: The model's file is damaged.
        UnsupportedOperation: The network cannot be traced.
        InvalidImage: A reference names no image.
        InvalidPlane: The three images are equal or collinear.
        InvalidWindow: The window is empty or outside reason.
        InvalidView: The model has no such class.
    """
    model, program = load_program(view.model, access=access, store=store)
    if view.class_index is not None and view.class_index >= len(model.classes):
        raise InvalidView(
            f"The model {model.name} has the classes 0 to {len(model.classes) - 1}; got {view.class_index}. "
            "Choose one of them, or all."
        )
    first, second, third = view.triplet
    a, b, c = images = (
        load_image(first, shape=model.input_shape, access=access),
        load_image(second, shape=model.input_shape, access=access),
        load_image(third, shape=model.input_shape, access=access),
    )
    normalise = model.normalise
    plane = Plane.through(normalise(a), normalise(b), normalise(c), names=view.triplet)
    return Scene(model=model, program=program, plane=plane, window=view_window(view, plane), images=images)


def load_program(name: str, *, access: Access = USER, store: Store | None = None) -> tuple[Model, Program]:
    """A model and its traced network; the last ones are remembered while their files stay as they are.

    Args:
        name: Name of a shipped model, or its file.
        access: Which files may be named.
        store: Where converted networks are kept.
    """
    return _load_program(name, changed_at(name, access=access), access, store)  # type: ignore[arg-type]


@lru_cache(maxsize=16)
def _load_program(name: str, changed: int, access: Access, store: Store | None) -> tuple[Model, Program]:
    model = load_model(name, access=access)
    return model, program_of(model, store)


def view_path(view: View, images: Sequence[ArrayLike]) -> paths.Path:
    """The path of a view.

    Args:
        view: What is shown.
        images: The pixels of every image.

    Raises:
        InvalidPath: The images form no path.
    """
    if view.kind in ("closed", "open"):
        make = paths.closed_path if view.kind == "closed" else paths.open_path
        return make(images[0], view.num_anchors, view.radius)
    return paths.triplet_path(*images) if view.kind == "triplet" else paths.image_path(images)


def view_window(view: View, plane: Plane) -> Window:
    """The window of a view, checked against the triplet.

    Raises:
        InvalidWindow: The window is empty, or more than `FARTHEST` times the triplet's extent away or wide.
    """
    triangle = plane.triangle()
    if view.center is None or view.half_width is None:
        return triangle
    window = Window.rectangle(view.center, view.half_width, view.half_height)
    if np.abs(window.corners - triangle.center).max() > FARTHEST * triangle.radius:
        u, v = triangle.center
        raise InvalidWindow(
            f"A window within {FARTHEST * triangle.radius:.4g} of the triplet's middle ({u:.4g}, {v:.4g}) is needed; "
            f"got one around ({view.center[0]:.4g}, {view.center[1]:.4g}) with half width {view.half_width:.4g}. "
            "Move it closer or make it smaller."
        )
    return window
