"""What is done to the view on the Paths page: another kind of path, other images, another part of it."""

from typing import Any

import numpy as np

from lrviz.figures.path.data import Stretch
from lrviz.measures.curve import Curve
from lrviz.tolerance import TOLERANCE
from lrviz.ui import state
from lrviz.views.view import View

FEW_PIECES = 12


def change_path(**values: Any) -> None:
    """Change the path, which is then shown as a whole."""
    state.change(**values, start=None, end=None)
    state.forget_selections()


def set_kind(kind: str) -> None:
    """Another kind of path, of as many of the images as it takes, and others of the samples."""
    change_path(kind=kind, images=state.current().filled(kind))


def set_image(index: int, reference: str) -> None:
    """Replace an image of the path, or add one at the end."""
    images = list(state.current().images)
    images[index : index + 1] = [reference]
    change_path(images=tuple(images))


def remove_image(index: int) -> None:
    """Leave an image out."""
    images = state.current().images
    change_path(images=images[:index] + images[index + 1 :])


def stretch_of(view: View, length: float) -> Stretch:
    """The part of a path of some length that the view shows; the whole path if it shows nothing of it."""
    low, high = max(view.start or 0.0, 0.0), min(view.end or length, length)
    if view.start is None or high - low < TOLERANCE.closest * length:
        low, high = 0.0, length
    return Stretch(low=low, high=high, baseline=view.baseline)


def show_part(low: float, high: float, length: float) -> None:
    """Show a part of a path; the whole path if the part holds it."""
    low, high = max(low, 0.0), min(high, length)
    if high - low < TOLERANCE.closest * length:
        state.tell(f"A part of at least {TOLERANCE.closest * length:.1g} of length can be shown.")
    elif (low, high) == (0.0, length):
        state.change(start=None, end=None)
    else:
        state.change(start=float(f"{low:.14g}"), end=float(f"{high:.14g}"))
    state.forget_selections()


def show_few_pieces(curve: Curve) -> None:
    """Show some single pieces around the middle of the view, with the line of the view subtracted."""
    stretch = stretch_of(state.current(), curve.length)
    (middle,) = curve.piece_at(np.array([(stretch.low + stretch.high) / 2]))
    first = max(int(middle) - FEW_PIECES // 2, 0)
    last = min(first + FEW_PIECES, curve.num_pieces)
    show_part(float(curve.position[first]), float(curve.position[last]), curve.length)
    state.change(baseline="view")
