"""The slope of a region in the whole input space, not only in the plane."""

import numpy as np
import torch
from jaxtyping import Float

from lrviz.geometry.plane import Plane
from lrviz.network.program import Program


def input_slope(
    program: Program, plane: Plane, point: Float[np.ndarray, "2"], outputs: list[int] | None = None
) -> Float[np.ndarray, "outputs *input_shape"]:
    """Gradient of outputs with respect to every input, at a point of the plane.

    Inside a region the gradient is the same everywhere, so any inner point will do, such as its centroid.

    Args:
        program: the network.
        plane: the plane.
        point: (u, v) inside the region.
        outputs: which outputs; all if None.

    Returns:
        (outputs, *input_shape) change of logit per unit of each normalised input.
    """
    x = plane.embed(np.asarray(point)[None]).to(program.device).requires_grad_(True)
    with torch.enable_grad():
        logits = program.forward(x)[0]
        chosen = range(len(logits)) if outputs is None else outputs
        rows = [torch.autograd.grad(logits[k], x, retain_graph=True)[0][0] for k in chosen]
    return torch.stack(rows).cpu().numpy()
