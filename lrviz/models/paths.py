"""Paths of images: a closed or open path of translations of one image, the edges of a triplet, any list of images.

Translations are those of the code published with Gamba et al. 2022 (arXiv 2202.11749): an image is padded by its edge
pixels, moved, and cropped to its size again; offsets are rounded to whole pixels, as the published code's default
interpolation does. Images are pixels; a model normalises `points` afterwards, all at once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Shaped

from lrviz.arrays import ArrayLike, frozen_array
from lrviz.errors import InvalidPath

NUM_ANCHORS = 8
"""The paper's number of translations on a closed path, and `FEW_ANCHORS` the smaller one."""

FEW_ANCHORS = 4

MAX_ANCHORS = 10_000

RADIUS = 4.0
"""How far, in pixels, the paper's paths move an image."""

Image = Shaped[np.ndarray, "channels height width"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Path:
    """The straight segments from each of S + 1 images to the next.

    Attributes:
        kind: "closed", "open", "triplet" or "images".
        points: (S + 1, *image_shape) the images, as pixels: uint8 from 0 to 255, or floating point from 0 to 1.

    Raises:
        InvalidPath: There are fewer than two images, one holds a value that is not finite, or two in succession are
            equal.
    """

    kind: str
    points: Shaped[np.ndarray, "points ..."]

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", frozen_array(self.points))
        if len(self.points) < 2:
            raise InvalidPath(f"A path needs at least two different images; got {len(self.points)}. Add one.")
        if not np.isfinite(self.points).all():
            raise InvalidPath("A path needs finite pixels; got values that are not. Replace the image.")
        for index, (one, next_one) in enumerate(pairwise(self.points)):
            if np.array_equal(one, next_one):
                raise InvalidPath(
                    f"Successive images of a path must differ; on this {self.kind} path, numbers {index} and "
                    f"{index + 1} (from 0) are equal. {_REMEDY.get(self.kind, 'Leave one of them out.')}"
                )

    @property
    def num_segments(self) -> int:
        """Number of segments."""
        return len(self.points) - 1

    @property
    def length(self) -> float:
        """L2 length on the scale of pixels from 0 to 1; that of the normalised path is longer."""
        scale = 255 if self.points.dtype == np.uint8 else 1
        steps = np.diff(self.points.astype(float) / scale, axis=0).reshape(self.num_segments, -1)
        return float(np.linalg.norm(steps, axis=1).sum())


_REMEDY = dict.fromkeys(
    ("closed", "open"), "Take fewer anchors or a larger radius; a picture of one colour has no translations."
)


def closed_path(image: ArrayLike, num_anchors: int = NUM_ANCHORS, radius: float = RADIUS) -> Path:
    """The paper's closed path: translations of an image on a circle, from the right round and back to the first.

    Anchor k of K moves the image by (radius cos(2 pi k / K), radius sin(2 pi k / K)) pixels to the right and down.

    Args:
        image: (channels, height, width) pixels.
        num_anchors: K, the number of translations; as many segments.
        radius: Radius of the circle in pixels.

    Raises:
        InvalidPath: There are fewer than two anchors, two in succession are equal, or the radius is not between 0 and
            the image's size.
    """
    image = _require_image(image, num_anchors, radius)
    angle = 2 * np.pi * np.arange(num_anchors) / num_anchors
    offsets = _rounded(radius * np.cos(angle), radius * np.sin(angle))
    return Path(kind="closed", points=_translations(image, [*offsets, offsets[0]]))


def open_path(image: ArrayLike, num_anchors: int = NUM_ANCHORS, radius: float = RADIUS) -> Path:
    """The open path of the published code: an image that moves down, slowly at first and in the end.

    Anchor k of K moves the image by width / K pixels to the right and -radius cos(pi k / K) pixels down. Anchors that
    are rounded to the same pixel as the one before count once, so that there may be fewer than K - 1 segments.

    Args:
        image: (channels, height, width) pixels.
        num_anchors: K.
        radius: How far the image moves up and down, in pixels.

    Raises:
        InvalidPath: As for `closed_path`.
    """
    image = _require_image(image, num_anchors, radius)
    right = np.full(num_anchors, image.shape[2] / num_anchors)
    offsets = _rounded(right, -radius * np.cos(np.pi * np.arange(num_anchors) / num_anchors))
    return Path(kind="open", points=_translations(image, dict.fromkeys(offsets)))


def triplet_path(first: ArrayLike, second: ArrayLike, third: ArrayLike) -> Path:
    """The three edges of a triplet, closed."""
    return Path(kind="triplet", points=_stacked([first, second, third, first]))


def image_path(images: Sequence[ArrayLike]) -> Path:
    """The segments from each of some images to the next."""
    return Path(kind="images", points=_stacked(images))


def translate(image: Image, right: int, down: int) -> Image:
    """Move an image by whole pixels; what comes in at a border repeats the border's pixels.

    >>> translate(np.array([[[1, 2, 3]]]), 1, 0).tolist()
    [[[1, 1, 2]]]
    """
    height, width = image.shape[1:]
    rows = np.clip(np.arange(height) - down, 0, height - 1)
    columns = np.clip(np.arange(width) - right, 0, width - 1)
    return image[:, rows[:, None], columns]


def _translations(image: Image, offsets: Iterable[tuple[int, int]]) -> Shaped[np.ndarray, "points ..."]:
    return np.stack([translate(image, right, down) for right, down in offsets])


def _rounded(right: np.ndarray, down: np.ndarray) -> list[tuple[int, int]]:
    return [(int(x), int(y)) for x, y in np.rint(np.stack([right, down], 1))]


def _require_image(image: ArrayLike, num_anchors: int, radius: float) -> Image:
    image = frozen_array(image)
    if image.ndim != 3:
        raise InvalidPath(f"An image of shape (channels, height, width) is needed; got shape {image.shape}.")
    if num_anchors < 2:
        raise InvalidPath(f"At least two anchors are needed; got {num_anchors}. The paper takes {NUM_ANCHORS}.")
    if num_anchors > MAX_ANCHORS:
        raise InvalidPath(f"At most {MAX_ANCHORS:,} anchors are needed; got {num_anchors:,}. Take fewer.")
    if not 0 < radius < min(image.shape[1:]):
        raise InvalidPath(
            f"A radius above 0 and below the image's {min(image.shape[1:])} pixels is needed; got {radius:g}. The "
            f"paper takes {RADIUS:g}."
        )
    return image


def _stacked(images: Sequence[ArrayLike]) -> Shaped[np.ndarray, "points ..."]:
    arrays = [frozen_array(image) for image in images]
    kinds = {(array.shape, str(array.dtype)) for array in arrays}
    if len(kinds) > 1:
        raise InvalidPath(f"Images of one shape and type are needed; got {sorted(kinds)}. Convert them.")
    return np.stack(arrays) if arrays else np.zeros((0, 1))
