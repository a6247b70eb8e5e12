"""lrviz itself, and networks that ship with it, which no other tool takes."""

from collections.abc import Callable

import torch

import lrviz
from tests.peers.modules import build
from tests.peers.networks import HALF_WIDTHS, slice_of

VGG8 = {
    "vgg8 1e3": 0.062,
    "vgg8 3e3": 0.118,
    "vgg8 1e4": 0.21,
    "vgg8 3e4": 0.37,
    "vgg8 1e5": 0.66,
    "vgg8 3e5": 1.17,
    "vgg8 1e6": 2.1,
}
"""Half widths of windows of the shipped VGG8 that hold about so many regions."""

NUM_REGIONS = 5_000
"""About so many hold the windows of the other networks that ship."""

_MOST_TRIES, _NEAR = 8, 0.03
Scene = tuple[lrviz.Program, lrviz.Plane, lrviz.Window]


def counter(name: str) -> Callable[[], int]:
    """Counts the regions of a network."""
    program, plane, window = random_scene(name) if name in HALF_WIDTHS else trained_scene(name)
    count(program, plane, lrviz.Window.rectangle(window.center, window.radius / 100))
    return lambda: count(program, plane, window)


def count(program: lrviz.Program, plane: lrviz.Plane, window: lrviz.Window) -> int:
    return len(lrviz.find_regions(program, plane, window, max_regions=3_000_000, device="cpu"))


def random_scene(name: str) -> Scene:
    """A network of the comparison, and its window."""
    plane = slice_of(name)
    example = torch.zeros(1, *plane.input_shape, dtype=torch.float64)
    return (
        lrviz.Program.from_module(build(name), example),
        lrviz.Plane(origin=plane.origin, basis=plane.basis, input_shape=plane.input_shape),
        lrviz.Window.rectangle((0, 0), HALF_WIDTHS[name]),
    )


def trained_scene(name: str) -> Scene:
    """A network that ships, and a window around the middle of the first three samples."""
    model = lrviz.load_model(name.partition(" ")[0])
    plane = lrviz.Plane.through(*(model.normalise(lrviz.load_image(f"samples:{index}")) for index in range(3)))
    program = model.program()
    half_width = VGG8[name] if name in VGG8 else find_half_width(program, plane)
    return program, plane, lrviz.Window.rectangle(plane.triangle().center, half_width)


def find_half_width(program: lrviz.Program, plane: lrviz.Plane) -> float:
    """Half the width of a window that holds about `NUM_REGIONS`."""
    half_width = 0.02
    for _ in range(_MOST_TRIES):
        window = lrviz.Window.rectangle(plane.triangle().center, half_width)
        found = len(lrviz.find_regions(program, plane, window, max_regions=4 * NUM_REGIONS, device="cpu"))
        if abs(found / NUM_REGIONS - 1) < _NEAR:
            return half_width
        half_width *= min((NUM_REGIONS / found) ** 0.5, 4)
    raise SystemExit(
        f"Expected a window with about {NUM_REGIONS:,} regions; got {found:,} at a half width of {half_width:.3g}."
    )
