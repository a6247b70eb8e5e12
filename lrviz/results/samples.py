"""A network sampled on a grid."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int, UInt64

from lrviz.results.archive import Archive, describe_window, require
from lrviz.results.status import Status


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Samples(Archive):
    """A network evaluated at the pixel centres of a grid over the bounding box of a window.

    Row 0 is the lowest v. Pixels outside the window have `predicted` -1, NaN elsewhere.

    Attributes:
        u: (W,) plane coordinates of the columns.
        v: (H,) plane coordinates of the rows.
        predicted: (H, W) index of the largest output.
        values: (H, W, K) outputs.
        slope: (H, W, K, 2) change of logit per unit of L2 distance in the plane.
        pattern: (H, W) pattern ids, 0 outside.
        density: Regions per squared unit of L2 distance, from an estimate; NaN if there was none.
        window: (C, 2) corners of the window.
        status: "complete" or "cancelled".
        seconds: Time that sampling took.
    """

    u: Float[np.ndarray, "width"]
    v: Float[np.ndarray, "height"]
    predicted: Int[np.ndarray, "height width"]
    values: Float[np.ndarray, "height width outputs"]
    slope: Float[np.ndarray, "height width outputs 2"]
    pattern: UInt64[np.ndarray, "height width"]
    density: float
    window: Float[np.ndarray, "corners 2"]
    status: Status = Status.COMPLETE
    seconds: float = field(default=0.0, compare=False)

    def _facts(self) -> tuple[str, ...]:
        return (f"{len(self.u):,} x {len(self.v):,} pixels", describe_window(self.window))

    def _check(self) -> None:
        shape = (len(self.v), len(self.u))
        for name in ("predicted", "values", "slope", "pattern"):
            require(getattr(self, name).shape[:2] == shape, f"{name} does not have one entry per pixel.")
