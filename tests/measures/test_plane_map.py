"""Maps, tile by tile: the same counts and measures as of the whole window at once."""

import numpy as np
import pytest
import torch

from lrviz.engine.find_regions import find_regions
from lrviz.engine.requests import request_key, run
from lrviz.errors import InvalidData, InvalidRequest
from lrviz.geometry.plane import Window
from lrviz.measures import window as measures
from lrviz.measures.boundary import class_areas, find_boundary
from lrviz.measures.interpolation import deviation
from lrviz.measures.plane_map import MapGrid, map_requests
from lrviz.network.program import Program
from lrviz.results.plane_map import PlaneMap
from lrviz.results.store import MemoryStore
from tests.cases import CASE, flat_plane


def mapped(program, plane, window, *, resolution=40, block=9):
    grid, store = MapGrid(window=window, resolution=resolution, block=block), MemoryStore()
    tiles = [run(request, store, device="cpu").result for request in map_requests(program, plane, grid)]
    return PlaneMap.join(tiles, *grid.centres(), window.corners)


@pytest.mark.parametrize("name", ["mlp-50-50", "residual", "branches", "whole-numbers", "twin-units"])
@pytest.mark.parametrize("shape", ["window", "triangle"])
def test_tiles_add_up_to_the_window(name, shape):
    case = CASE[name]
    plane, window = case.plane(), case.window()
    if shape == "triangle":
        window = Window(corners=window.corners[[0, 1, 2]])
    whole = find_regions(case.program, plane, window, device="cpu")
    found = mapped(case.program, plane, window)
    length = measures.inner_length(whole)
    assert found.num_tiles > 10
    assert found.num_regions == len(whole)
    assert found.area == pytest.approx(window.area, rel=1e-9)
    areas = class_areas(find_boundary(whole))
    np.testing.assert_allclose(found.class_area, areas, atol=1e-9 * window.area)
    assert found.mean_slope == pytest.approx(measures.mean_slope(whole), rel=1e-9)
    assert found.edge_length == pytest.approx(length.sum(), rel=1e-8)
    assert found.mean_jump == pytest.approx(measures.weighted_mean(measures.jump(whole), length), rel=1e-8)
    assert found.mean_similarity == pytest.approx(measures.weighted_mean(measures.similarity(whole), length), rel=1e-8)
    assert found.mean_deviation == pytest.approx(deviation(whole).sum(0).mean() / window.area, rel=1e-8)


def test_a_line_along_the_side_of_tiles_is_no_region_less():
    module = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1)).double()
    with torch.no_grad():
        module[0].weight.copy_(torch.eye(2))
        module[0].bias.zero_()
    program = Program.from_module(module, torch.zeros(1, 2))
    assert mapped(program, flat_plane(), Window.rectangle((0, 0), 1.0), block=10).num_regions == 4


def test_pixels_hold_what_is_there():
    case = CASE["mlp-50-50"]
    window = case.window()
    found = mapped(case.program, case.plane(), window)
    centres = np.stack(np.meshgrid(found.u, found.v), 2).reshape(-1, 2)
    with torch.no_grad():
        classes = case.program.forward(case.plane().embed(centres)).argmax(1).numpy().reshape(found.predicted.shape)
    assert (found.predicted == classes).all()
    assert all(np.isfinite(getattr(found, name)).all() for name in ("density", "slope"))
    assert found.slope.min() >= 0 and found.density.min() > 0


def test_pixels_outside_the_window_are_empty():
    case = CASE["mlp-50-50"]
    window = Window(corners=case.window().corners[[0, 1, 2]])
    found = mapped(case.program, case.plane(), window)
    inside = window.contains(np.stack(np.meshgrid(found.u, found.v), 2).reshape(-1, 2)).reshape(found.predicted.shape)
    assert (found.predicted[inside] >= 0).all()
    assert (found.predicted[~inside] == -1).all()


def test_the_key_of_a_tile_depends_on_the_map():
    case = CASE["mlp-50-50"]
    keys = [
        request_key(map_requests(case.program, case.plane(), MapGrid(window=case.window(), resolution=n, block=8))[0])
        for n in (16, 16, 17)
    ]
    assert keys[0] == keys[1] != keys[2]


def test_the_grid_fits_the_number_of_regions():
    window = Window.rectangle((1, 2), 3.0)
    assert MapGrid.fit(window, 10, 64).block == 64
    assert len(list(MapGrid.fit(window, 2e6, 64).tiles())) >= 100
    with pytest.raises(InvalidRequest, match="pixels along a side"):
        MapGrid.fit(window, 10, 0)


def test_a_map_is_saved_and_read(tmp_path):
    case = CASE["mlp-50-50"]
    found = mapped(case.program, case.plane(), case.window(), resolution=12, block=6)
    found.save(tmp_path / "map.npz")
    assert PlaneMap.load(tmp_path / "map.npz") == found
    assert f"{found.num_regions:,} regions" in repr(found)
    (tmp_path / "map.npz").write_bytes(b"no map")
    with pytest.raises(InvalidData, match="cannot be read as PlaneMap"):
        PlaneMap.load(tmp_path / "map.npz")
