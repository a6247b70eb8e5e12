"""How a window is cut into tiles."""

import numpy as np
import torch
from torch import nn

from lrviz.engine import tiles
from lrviz.engine.find_regions import find_regions
from lrviz.geometry.plane import Plane, Window
from lrviz.network.program import Program


def test_cuts_that_settle_no_units_are_soon_given_up(monkeypatch):
    torch.manual_seed(1)
    pools = [nn.Conv2d(2, 12, 1), nn.MaxPool2d(3, 1, 1), nn.Conv2d(12, 12, 1), nn.MaxPool2d(3, 1, 1)]
    program = Program.from_module(nn.Sequential(*pools, nn.Flatten(), nn.Linear(48, 3)), torch.zeros(1, 2, 2, 2))
    plane = Plane.through(*torch.randn(3, 2, 2, 2, generator=torch.Generator().manual_seed(1)))
    window = Window.rectangle((0.0, 0.0), 0.1)
    expected = find_regions(program, plane, window)
    restrict_part, restricted = tiles._restrict_part, []

    def restrict_and_count(*arguments):
        restricted.append(arguments[2].parent is None)
        return restrict_part(*arguments)

    monkeypatch.setattr(tiles, "_restrict_part", restrict_and_count)
    few = tiles.Limits(tile_units=4, program_units=24, chunk=4096, workers=1)
    monkeypatch.setattr(tiles.Limits, "of", lambda _: few)
    regions = find_regions(program, plane, window)
    assert 1 < sum(restricted) <= 1 + 2 + 4 + 8
    assert np.array_equal(np.sort(regions.pattern), np.sort(expected.pattern))
