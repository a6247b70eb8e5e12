"""Planes, windows and segments of the input space."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np
import torch
from jaxtyping import Float

from lrviz.arrays import ArrayLike, Comparable, describe, number_array
from lrviz.errors import InvalidPlane, InvalidWindow
from lrviz.tolerance import TOLERANCE


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Window(Comparable):
    """A convex polygon in plane coordinates.

    Attributes:
        corners: (n, 2), counter-clockwise.

    Raises:
        InvalidWindow: The corners are not finite, not convex, or enclose nothing.
    """

    corners: Float[np.ndarray, "corners 2"]

    def __post_init__(self) -> None:
        corners = number_array(self.corners, "The corners of a window", InvalidWindow)
        if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3:
            raise InvalidWindow(f"A window needs at least three corners (u, v); got an array of shape {corners.shape}.")
        if not np.isfinite(corners).all():
            raise InvalidWindow(f"A window needs finite corners; got {corners.tolist()}. Give finite u and v.")
        side = np.roll(corners, -1, 0) - corners
        following = np.roll(side, -1, 0)
        turn = side[:, 0] * following[:, 1] - side[:, 1] * following[:, 0]
        once_around = np.arctan2(turn, (side * following).sum(1)).sum() < 3 * np.pi  # 2 pi; a star turns 4 pi or more
        if not ((turn > 0).all() and once_around):
            raise InvalidWindow(
                "A window must be a convex polygon with positive area, its corners counter-clockwise; "
                f"got {corners.tolist()}. Enlarge the window or reorder its corners."
            )
        object.__setattr__(self, "corners", corners)

    @classmethod
    def rectangle(
        cls, center: Sequence[float] | np.ndarray, half_width: float, half_height: float | None = None
    ) -> "Window":
        """An axis-parallel rectangle.

        Args:
            center: (u, v) of its centre.
            half_width: Half its extent along u, in units of L2 distance.
            half_height: Half its extent along v; the half width if None.
        """
        half_height = half_width if half_height is None else half_height
        middle = number_array(center, "The center of a rectangle", InvalidWindow)
        if middle.shape != (2,):
            raise InvalidWindow(f"The center of a rectangle must be (u, v); got {describe(center)}. Give two numbers.")
        size = number_array([half_width, half_height], "The half width and half height", InvalidWindow)
        if not (size > 0).all():
            raise InvalidWindow(
                f"A rectangle needs positive half width and half height; got {half_width} and {half_height}. "
                "Give positive ones."
            )
        corners = middle + size * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
        if np.isfinite(corners).all() and not (corners[2] > corners[0]).all():
            raise InvalidWindow(
                f"A window of half width {half_width:g} and half height {half_height:g} around "
                f"{tuple(middle.tolist())} has no positive area in float64. Choose a larger one."
            )
        return cls(corners=corners)

    @property
    def area(self) -> float:
        """Area in squared units of L2 distance."""
        (x, y), (x1, y1) = (self.corners - self.center).T, np.roll(self.corners - self.center, -1, 0).T
        return float((x * y1 - y * x1).sum() / 2)

    @property
    def perimeter(self) -> float:
        """Length of the boundary in units of L2 distance."""
        return float(np.linalg.norm(np.roll(self.corners, -1, 0) - self.corners, axis=1).sum())

    @property
    def center(self) -> Float[np.ndarray, "2"]:
        """Middle of the bounding box, (u, v)."""
        return (self.corners.min(0) + self.corners.max(0)) / 2

    @property
    def radius(self) -> float:
        """Half of the longer side of the bounding box."""
        return float((self.corners.max(0) - self.corners.min(0)).max() / 2)

    def contains(self, points: Float[np.ndarray, "points 2"]) -> np.ndarray:
        """Tell which points (n, 2) lie inside or on the border, as (n,) booleans."""
        start, side = self.corners, np.roll(self.corners, -1, 0) - self.corners
        offset = np.asarray(points)[:, None] - start
        return (side[:, 0] * offset[..., 1] - side[:, 1] * offset[..., 0] >= 0).all(1)

    def random_points(self, number: int, seed: int = 0) -> Float[np.ndarray, "points 2"]:
        """Points (number, 2) uniformly distributed in the window."""
        rng = np.random.default_rng(seed)
        triangles = np.stack(
            [np.broadcast_to(self.corners[0], self.corners[2:].shape), self.corners[1:-1], self.corners[2:]], 1
        )
        one, two = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
        areas = np.abs(one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0])
        chosen = rng.choice(len(triangles), number, p=areas / areas.sum())
        a, b = rng.random((2, number, 1))
        a, b = np.where(a + b > 1, 1 - a, a), np.where(a + b > 1, 1 - b, b)
        return triangles[chosen, 0] + a * one[chosen] + b * two[chosen]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plane(Comparable):
    """An affine 2-D subspace of the input space, with L2 distances.

    Attributes:
        origin: (D,) the input at plane coordinates (0, 0), flattened.
        basis: (2, D) orthonormal rows.
        input_shape: Shape of one input; its product is D.
        anchors: (3, 2) plane coordinates of the triplet.
    """

    origin: Float[np.ndarray, "dimensions"]
    basis: Float[np.ndarray, "2 dimensions"]
    input_shape: tuple[int, ...]
    anchors: Float[np.ndarray, "3 2"] = field(default_factory=lambda: np.array([[0.0, 0], [1, 0], [0, 1]]))

    def __post_init__(self) -> None:
        for name in ("origin", "basis", "anchors"):
            array = number_array(getattr(self, name), "The origin, basis and anchors of a plane", InvalidPlane)
            if not np.isfinite(array).all():
                raise InvalidPlane(f"A plane needs finite numbers; its {name} holds others. Replace them.")
            object.__setattr__(self, name, array)
        object.__setattr__(self, "input_shape", tuple(int(n) for n in self.input_shape))
        if self.basis.shape != (2, prod(self.input_shape)) or self.origin.shape != self.basis.shape[1:]:
            raise InvalidPlane(
                f"A plane in inputs of shape {self.input_shape} needs an origin of {prod(self.input_shape)} numbers "
                f"and two such basis rows; got {self.origin.shape} and {self.basis.shape}."
            )
        if not np.allclose(self.basis @ self.basis.T, np.eye(2), atol=TOLERANCE.orthonormal):
            raise InvalidPlane("The basis of a plane must be orthonormal; use Plane.through to build one.")

    @classmethod
    def through(
        cls,
        x0: ArrayLike,
        x1: ArrayLike,
        x2: ArrayLike,
        names: Sequence[str] = ("the first", "the second", "the third"),
    ) -> "Plane":
        """The plane through three inputs: the first at (0, 0), the second on the positive u axis, the third at v > 0.

        Inputs of two numbers have one plane only, and these numbers are its coordinates.

        Args:
            x0: An input of the network, already normalised.
            x1: Another of the same shape.
            x2: A third.
            names: What to call the three images in an error.

        Raises:
            InvalidPlane: The shapes differ, a value is not finite, or the three are equal or collinear.
        """
        inputs = [number_array(x, "Images of a plane", InvalidPlane) for x in (x0, x1, x2)]
        shapes = [x.shape for x in inputs]
        if len(set(shapes)) > 1:
            raise InvalidPlane(f"Three images of one shape are needed; got shapes {shapes}. Resize them to one shape.")
        if not all(np.isfinite(x).all() for x in inputs):
            raise InvalidPlane("The images hold values that are not finite. Replace them.")
        a, b, c = (x.ravel() for x in inputs)
        if a.size < 2:
            raise InvalidPlane("Inputs of one number span no plane. Find the pieces between two of them instead.")
        sides = [float(np.linalg.norm(d)) for d in (b - a, c - b, a - c)]
        basis, triangle = np.linalg.qr(np.stack([b - a, c - a], 1))
        area = abs(triangle[0, 0] * triangle[1, 1]) / 2
        if not area > TOLERANCE.collinear * max(sides) ** 2:
            first, second, third = names
            raise InvalidPlane(
                f"Three images that are not on one line are needed; {first}, {second} and {third} span a triangle of "
                f"area {area:.3g} with sides {sides[0]:.3g}, {sides[1]:.3g} and {sides[2]:.3g}. Replace one of them."
            )
        if a.size == 2:
            return cls(origin=np.zeros(2), basis=np.eye(2), input_shape=shapes[0], anchors=np.stack([a, b, c]))
        signs = np.sign(np.diag(triangle))
        anchors = (signs[:, None] * triangle).T
        return cls(origin=a, basis=(basis * signs).T, input_shape=shapes[0], anchors=np.vstack([np.zeros(2), anchors]))

    def embed(self, uv: ArrayLike | Sequence) -> torch.Tensor:
        """Inputs at plane coordinates.

        Args:
            uv: (n, 2) plane coordinates.

        Returns:
            (n, *input_shape), float64, on the CPU.

        Raises:
            InvalidPlane: The coordinates are no pairs of numbers.
        """
        points = number_array(uv, "Plane coordinates", InvalidPlane)
        if points.shape[-1:] != (2,):
            raise InvalidPlane(f"Plane coordinates (n, 2) are needed; got {describe(uv)}. Give pairs of u and v.")
        inputs = self.origin + points @ self.basis
        return torch.as_tensor(inputs, device="cpu").reshape(-1, *self.input_shape)

    def references(self, window: Window) -> torch.Tensor:
        """Inputs (C + 1, *input_shape) at a window's C corners and its centre, which stand for the whole window."""
        return self.embed(np.vstack([window.corners, window.center]))

    def project(self, x: ArrayLike) -> Float[np.ndarray, "points 2"]:
        """Plane coordinates (n, 2) of the points of the plane nearest to the inputs (n, *input_shape).

        Raises:
            InvalidPlane: The inputs have another shape.
        """
        inputs = number_array(x, "Inputs", InvalidPlane)
        dimensions = (self.origin.size,)
        if dimensions != inputs.shape[-1:] and self.input_shape != inputs.shape[inputs.ndim - len(self.input_shape) :]:
            raise InvalidPlane(
                f"The plane holds inputs of shape {self.input_shape}; got {describe(x)}. Resize them, or build the "
                "plane from images of their shape."
            )
        flat = inputs.reshape(-1, self.origin.size)
        return (flat - self.origin) @ self.basis.T

    def rows(self, center: ArrayLike | Sequence, radius: float) -> torch.Tensor:
        """The local frame of a window: the input at its centre, and the two directions of length `radius`.

        Args:
            center: (2,) plane coordinates.
            radius: The unit of the local coordinates, in units of L2 distance.

        Returns:
            (3, *input_shape), float64, on the CPU.
        """
        rows = np.vstack([self.origin + np.asarray(center, float) @ self.basis, radius * self.basis])
        return torch.as_tensor(rows, device="cpu").reshape(-1, *self.input_shape)

    def require_shape(self, input_shape: tuple[int, ...]) -> None:
        """Raise InvalidPlane unless the plane's inputs have this shape."""
        if self.input_shape != tuple(input_shape):
            raise InvalidPlane(
                f"The network takes inputs of shape {tuple(input_shape)}; the plane holds inputs of shape "
                f"{self.input_shape}. Build the plane from images of the network's shape."
            )

    def require_resolution(self, window: Window) -> None:
        """Raise InvalidWindow if float64 cannot tell the points of a window apart."""
        center = self.origin + window.center @ self.basis
        largest = max(float(np.abs(window.center).max()), float(np.abs(center).max(initial=0)))
        if window.radius < TOLERANCE.resolution * largest:
            raise InvalidWindow(
                f"A window needs a half width of at least {TOLERANCE.resolution:g} of its distance from the origin, "
                f"here {TOLERANCE.resolution * largest:.2g}; this one has less, where float64 no longer tells points "
                "apart. Enlarge the window."
            )

    def triangle(self) -> Window:
        """The window with the triplet at its corners."""
        (u, v), (u1, v1) = self.anchors[1:] - self.anchors[0]
        return Window(corners=self.anchors if u * v1 > v * u1 else self.anchors[::-1])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segment(Comparable):
    """The straight line between two inputs.

    Attributes:
        start: (D,) flattened.
        end: (D,) flattened.
        input_shape: Shape of one input.
    """

    start: Float[np.ndarray, "dimensions"]
    end: Float[np.ndarray, "dimensions"]
    input_shape: tuple[int, ...]

    @classmethod
    def between(cls, start: ArrayLike, end: ArrayLike) -> "Segment":
        """The segment between two inputs of one shape.

        Raises:
            InvalidPlane: The shapes differ, a value is not finite, or the two are equal.
        """
        a, b = (number_array(x, "The ends of a segment", InvalidPlane) for x in (start, end))
        if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
            raise InvalidPlane(
                f"Two finite inputs of one shape are needed; got shapes {a.shape} and {b.shape}. Replace one of them."
            )
        if np.array_equal(a, b):
            raise InvalidPlane("A segment needs two different inputs; got the same one twice. Replace one of them.")
        return cls(start=a.ravel(), end=b.ravel(), input_shape=a.shape)

    @property
    def length(self) -> float:
        """L2 distance between the ends."""
        return float(np.linalg.norm(self.end - self.start))
