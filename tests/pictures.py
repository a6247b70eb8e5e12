"""A small network's regions and samples, shared by the tests of figures and files."""

from functools import cache

import numpy as np
import torch
from torch import nn

from lrviz.engine.find_regions import find_regions
from lrviz.engine.sample import sample_plane
from lrviz.geometry.plane import Plane, Window
from lrviz.network.program import Program
from lrviz.results.regions import Regions
from lrviz.results.samples import Samples

NAMES = ("cat", "dog", "ship")


@cache
def network(width: int = 24) -> Program:
    """A random network from 6 numbers to 3 logits."""
    generator = torch.Generator(device="cpu").manual_seed(3)
    module = nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Linear(width, 12), nn.ReLU(), nn.Linear(12, 3))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, device="cpu") / 2)
    return Program.from_module(module, torch.zeros(1, 6, device="cpu"))


@cache
def plane() -> Plane:
    """A plane through three random inputs."""
    generator = torch.Generator(device="cpu").manual_seed(9)
    return Plane.through(*torch.randn(3, 6, generator=generator, device="cpu", dtype=torch.float64))


@cache
def regions() -> Regions:
    """Some hundred regions."""
    return find_regions(network(), plane(), Window.rectangle((2.4, 0.6), 1.5, 1.0))


@cache
def samples() -> Samples:
    """The triangle in 24 pixels."""
    return sample_plane(network(), plane(), plane().triangle(), resolution=24)


def keep_sheets(monkeypatch, module):
    """The sheets that a module prints from now on, in a list that grows."""
    sheets, whole = [], module.print_figure

    def print_and_keep(suffix, paper, draw, **words):
        return whole(suffix, paper, lambda sheet: (sheets.append(sheet), draw(sheet))[1], **words)

    monkeypatch.setattr(module, "print_figure", print_and_keep)
    return sheets


def traces(figure, name):
    """The traces of a Plotly figure that have a name."""
    return [trace for trace in figure.data if trace.name == name]


def assert_inside(sheet, artist):
    """A printed artist is whole on its sheet."""
    box = artist.get_window_extent()
    width, height = sheet.bbox.size
    assert 0 <= box.x0 <= box.x1 <= width and 0 <= box.y0 <= box.y1 <= height, (artist, box)


def region_at(regions: Regions, point: np.ndarray) -> int | None:
    """The region that holds a point (u, v) of the plane, by the side of each of its edges; None if there is none."""
    for index in range(len(regions)):
        corners = regions.polygon(index)
        side, offset = np.roll(corners, -1, axis=0) - corners, point - corners
        if (side[:, 0] * offset[:, 1] - side[:, 1] * offset[:, 0] >= 0).all():
            return index
    return None
