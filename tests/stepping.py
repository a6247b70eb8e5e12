"""The method of the code published with Gamba et al. 2022, as an oracle: step past each crossing by 1e-6.

`python -m tests.stepping` compares it with `find_pieces` on a segment of the VGG8; it takes some minutes.
"""

import time
from itertools import chain

import numpy as np
import torch
from torch import Tensor, nn

EPSILON = 1e-6
"""In units of the segment: crossings nearer than this are ignored, and every other is overshot by it."""


def step_along(module: nn.Module, start: Tensor, end: Tensor) -> np.ndarray:
    """Positions in [0, 1] of the crossings that stepping finds between two inputs.

    At a point, the affine map of its region gives the nearest crossing of any unit further than `EPSILON`; the next
    point lies `EPSILON` behind it.

    Args:
        module: A float64 network whose only nonlinearities are `nn.ReLU` modules, not in place.
        start: One end, of the network's input shape.
        end: The other.
    """
    direction, position, found = (end - start)[None], 0.0, []
    last = pattern_at(module, end[None])
    while True:
        values, rates = pre_activations(module, start[None] + position * direction, direction)
        if torch.equal(values > 0, last):
            return np.array(found)
        distance = -values / rates
        step = distance[distance > EPSILON].min().item() if (distance > EPSILON).any() else np.inf
        if position + step + EPSILON > 1:
            return np.array(found)
        found.append(position + step)
        position += step + EPSILON


def pattern_at(module: nn.Module, point: Tensor) -> Tensor:
    """Which units (num_units,) are active at a point (1, ...)."""
    return pre_activations(module, point, torch.zeros_like(point))[0] > 0


def pre_activations(module: nn.Module, point: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
    """All units' pre-activations (num_units,) at a point (1, ...), and their rates of change along a direction.

    The point goes through the network together with its sum with the direction; both take the point's pattern, so that
    the second meets the affine map of the point's region.
    """
    caught: list[Tensor] = []

    def take_pattern(_: nn.Module, inputs: tuple[Tensor], __: Tensor) -> Tensor:
        caught.append(inputs[0].reshape(2, -1))
        return inputs[0] * (inputs[0][:1] > 0)

    hooks = [part.register_forward_hook(take_pattern) for part in module.modules() if isinstance(part, nn.ReLU)]
    with torch.inference_mode():
        module(torch.cat([point, point + direction]))
    for hook in hooks:
        hook.remove()
    here, there = torch.cat(caught, 1)
    return here, there - here


def main() -> None:
    from lrviz.engine.find_pieces import find_pieces  # noqa: PLC0415  stepping alone is to load PyTorch only
    from lrviz.models.images import load_image  # noqa: PLC0415
    from lrviz.views.scene import load_program  # noqa: PLC0415

    model, program = load_program("vgg8")
    ends = [model.normalise(load_image(f"samples:{index}").image).double() for index in (0, 1)]
    began = time.perf_counter()
    pieces = find_pieces(program, *ends)
    ours = time.perf_counter() - began
    began = time.perf_counter()
    stepped = step_along(model.module.double(), *ends)
    theirs = time.perf_counter() - began
    gaps = np.diff(pieces.breakpoints)
    report(len(pieces), ours, len(stepped) + 1, theirs, gaps)


def report(num_pieces: int, seconds: float, num_stepped: int, seconds_stepped: float, gaps: np.ndarray) -> None:
    rows = [("find_pieces", num_pieces, seconds), ("stepping by 1e-6", num_stepped, seconds_stepped)]
    lines = (f"| {name} | {number:,} | {taken:.2f} |" for name, number, taken in rows)
    print("\n".join(chain(["| method | pieces | seconds |", "| --- | --- | --- |"], lines)))
    print(
        f"Stepping misses {num_pieces - num_stepped:,} ({(num_pieces - num_stepped) / num_pieces:.1%}); "
        f"{(gaps < 2 * EPSILON).sum():,} pieces are thinner than {2 * EPSILON:g} of the segment, "
        f"the thinnest is {gaps.min():.1e}."
    )


if __name__ == "__main__":
    main()
