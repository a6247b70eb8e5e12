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
        program: The network.
        plane: The plane.
        point: (u, v) inside the region.
        outputs: Which outputs; all if None.

    Returns:
        (outputs, *input_shape) change of logit per unit of each normalised input.
    """
    x = plane.embed(np.asarray(point)[None]).to(program.device)
    return input_gradients(program, x, outputs)[0].cpu().numpy()


def input_gradients(
    program: Program, inputs: Float[torch.Tensor, "n ..."], outputs: list[int] | None = None
) -> Float[torch.Tensor, "n outputs ..."]:
    """Gradients of outputs with respect to every input, at many inputs at once.

    A ReLU whose value is a rounding error is not active, as in the pattern of a region.

    Args:
        program: The network.
        inputs: (n, *input_shape) normalised, on the program's device.
        outputs: Which outputs; all if None.

    Returns:
        (n, outputs, *input_shape) change of logit per unit of each normalised input.
    """
    zeros = program.zeros(inputs)

    def on_layer(layer: int, z: torch.Tensor) -> torch.Tensor:
        return z * (z > zeros[layer]) if program.entries(layer) is None else program.activate(layer, z)

    x = inputs.detach().clone().requires_grad_(True)
    with torch.enable_grad():
        logits = program.propagate(x, len(x), on_layer).sum(0)
        chosen = range(len(logits)) if outputs is None else outputs
        rows = [torch.autograd.grad(logits[k], x, retain_graph=True)[0] for k in chosen]
    return torch.stack(rows, 1)
