"""Counts, values and polygons whose right answer is known beforehand, where they once were wrong."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lrviz.engine.find_pieces import find_pieces
from lrviz.engine.find_regions import find_regions
from lrviz.engine.sample import sample_plane
from lrviz.errors import InvalidWindow
from lrviz.geometry.plane import Plane, Window
from lrviz.measures import window as measures
from lrviz.network.program import Program
from lrviz.results.regions import Regions
from tests.cases import CASE, CASES, activity, built, dense, flat_plane, mlp

WITH_MAXIMA = [case.name for case in CASES if case.has_maxima]
GENERIC_MAXIMA = [case.name for case in CASES if case.has_maxima and not case.degenerate]


def trace(module: nn.Module, *shape: int) -> Program:
    return Program.from_module(module.to(torch.float64), torch.zeros(1, *shape, dtype=torch.float64, device="cpu"))


def regions_of(name: str) -> Regions:
    case = CASE[name]
    return find_regions(case.program, case.plane(), case.window())


# --- maxima ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seed", "right"), [(0, 6), (1, 4), (2, 5), (3, 5)])
def test_a_pool_has_one_region_for_each_entry_that_wins(seed: int, right: int) -> None:
    rng = np.random.default_rng(seed)
    images = [torch.tensor(rng.standard_normal((1, 4, 4)), device="cpu") for _ in range(3)]
    plane, program = Plane.through(*images), trace(nn.Sequential(nn.MaxPool2d(4), nn.Flatten()), 1, 4, 4)
    window = Window.rectangle(plane.triangle().center, 3.0)
    grid = window.random_points(20_000)
    assert len(np.unique(plane.embed(grid).flatten(1).argmax(1))) == right
    assert len(find_regions(program, plane, window)) == right


def test_a_pool_has_one_piece_for_each_entry_that_wins() -> None:
    rng = np.random.default_rng(3)
    start, end = (5 * torch.tensor(rng.standard_normal((1, 4, 4)), device="cpu") for _ in range(2))
    program = trace(nn.Sequential(nn.MaxPool2d(4), nn.Flatten()), 1, 4, 4)
    pieces = find_pieces(program, start, end)
    share = torch.linspace(0, 1, 100_001, dtype=torch.float64, device="cpu")[:, None]
    winners = torch.lerp(start.flatten(), end.flatten(), share).argmax(1)
    assert len(pieces) == 1 + int((winners[1:] != winners[:-1]).sum())


@pytest.mark.parametrize("name", WITH_MAXIMA)
def test_regions_are_the_cells_of_signs_and_winners(name: str) -> None:
    """No two regions have the same signs and winners at their centroids, and the ids say which these are."""
    case, regions = CASE[name], regions_of(name)
    large = regions.area > 1e-10 * case.window().area
    on = case.activity(regions.centroid[large])
    assert len(np.unique(on, axis=0)) == large.sum()
    ids = [np.bitwise_xor.reduce(case.program.keys()[row]) for row in on]
    assert (np.array(ids, dtype=np.uint64) == regions.pattern[large]).all()


@pytest.mark.parametrize("name", GENERIC_MAXIMA)
def test_samples_see_the_patterns_of_the_regions(name: str) -> None:
    case, regions = CASE[name], regions_of(name)
    samples = sample_plane(case.program, case.plane(), case.window(), resolution=24)
    inside = samples.predicted >= 0
    assert np.isin(samples.pattern[inside], regions.pattern).all()


class Largest(nn.Module):
    """The largest of many affine functions of a point."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.first = nn.Linear(2, number)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.max_pool1d(self.first(x)[:, None], self.first.out_features).flatten(1)


def test_the_regions_of_a_large_maximum_are_those_of_its_upper_envelope() -> None:
    torch.manual_seed(0)
    module = Largest(40)
    program, window = trace(module, 2), Window.rectangle((0, 0), 2.0)
    regions = find_regions(program, flat_plane(), window)
    points = torch.tensor(window.random_points(200_000), device="cpu")
    seen = np.unique(module.first(points).argmax(1).numpy())
    assert len(seen) <= len(regions) <= 40
    winners = module.first(torch.tensor(regions.centroid, device="cpu")).argmax(1).numpy()
    assert len(np.unique(winners)) == len(regions)
    assert np.isin(seen, winners).all()


class LargestOf(nn.Module):
    """The larger of two given affine functions of a point (u, v), and nothing else."""

    def __init__(self, *rows: tuple[float, float, float]) -> None:
        super().__init__()
        self.first = nn.Linear(2, len(rows))
        with torch.no_grad():
            self.first.weight.copy_(dense([row[:2] for row in rows]))
            self.first.bias.copy_(dense([row[2] for row in rows]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.first(x).amax(1, keepdim=True)


@pytest.mark.parametrize("compiled", ["wait", "never"])
def test_a_winner_that_is_zero_in_the_middle_of_a_region_is_its_winner(
    compiled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The maximum is u where v < 2: zero at the middle of that region, and of the segment along it."""
    monkeypatch.setenv("LRVIZ_COMPILED", compiled)
    program, window = trace(LargestOf((1.0, 0.0, 0.0), (1.0, 1.0, -2.0)), 2), Window.rectangle((0, 1.0), 1.0, 3.0)
    first, second = program.keys().tolist()
    regions = find_regions(program, flat_plane(), window)
    assert set(regions.pattern.tolist()) == {first, second}
    pieces = find_pieces(program, np.array([-1.0, 0.0]), np.array([1.0, 0.0]))
    assert pieces.pattern.tolist() == [first]


def test_a_maximum_of_which_the_largest_entry_is_zero_has_no_slope() -> None:
    """The first entry is negative in the window, the second is zero everywhere."""
    module = LargestOf((1.0, 1.0, -10.0), (0.0, 0.0, 0.0))
    program, window = trace(module, 2), Window.rectangle((0, 0), 1.0)
    assert not find_regions(program, flat_plane(), window).slope.any()
    assert not sample_plane(program, flat_plane(), window, resolution=4).slope.any()


# --- lines that lie on each other ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_lines_that_coincide_in_part_leave_every_polygon_convex_and_every_side_an_edge(seed: int) -> None:
    rng = np.random.default_rng(seed)
    module, _ = mlp(2, 300, 3, 1, seed=seed)()
    with torch.no_grad():
        module[0].weight[:2], module[0].bias[:2] = dense([[1, 0], [0, 1]]), dense([1.5, 1.5])
        module[0].bias[2:5] = dense(rng.uniform(-0.4, -0.1, 3).tolist())
        module[2].weight[:] = 0.0
        scale = dense(rng.uniform(0.2, 5, 3).tolist())
        module[2].weight[:, 0], module[2].weight[:, 1], module[2].bias[:] = 0.7 * scale, -0.9 * scale, 0.1 * scale
        module[2].weight[:, 2:5] = torch.eye(3, dtype=torch.float64, device="cpu")
    regions = find_regions(trace(module, 2), flat_plane(), Window.rectangle((0, 0), 1.0))
    inner = (regions.edge_regions >= 0).all(1)
    assert not ((regions.edge_regions < 0).any(1) & (regions.edge_unit >= 0)).any()
    assert 2 * inner.sum() + (~inner).sum() == len(regions.coordinates)
    covered = np.bincount(regions.edge_regions[inner].ravel(), np.repeat(regions.edge_length[inner], 2), len(regions))
    covered += np.bincount(regions.edge_regions[~inner].max(1), regions.edge_length[~inner], len(regions))
    assert covered == pytest.approx(measures.perimeter(regions), abs=1e-9)


# --- partial results -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many_lines() -> tuple[Program, Window, dict[int, float]]:
    program, window = trace(mlp(2, 500, 2, seed=0)()[0], 2), Window.rectangle((0, 0), 1.0)
    whole = find_regions(program, flat_plane(), window)
    return program, window, dict(zip(whole.pattern.tolist(), whole.area.tolist(), strict=True))


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.99])
def test_a_budget_counts_regions_and_its_polygons_are_what_was_found(
    many_lines: tuple[Program, Window, dict[int, float]], share: float
) -> None:
    program, window, whole = many_lines
    budget = int(share * len(whole))
    part = find_regions(program, flat_plane(), window, max_regions=budget)
    assert part.status == "max_regions"
    assert len(part) == budget
    size = np.array([whole[pattern] for pattern in part.pattern.tolist()])
    assert (part.area <= size * (1 + 1e-6)).all()
    assert (part.area >= size * (1 - 1e-6)).mean() > 0.5
    assert np.isin(part.edge_regions, np.arange(-1, budget)).all()
    one, two = part.edge_regions[(part.edge_regions >= 0).all(1)].T
    middle = part.edge_coordinates[(part.edge_regions >= 0).all(1)].mean(1)
    gap = np.abs(part.values(one, middle) - part.values(two, middle))
    assert gap.max() < 1e-9 * np.abs(part.centroid_values).max()


# --- constant regions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_regions_where_the_network_is_constant_have_no_slope(seed: int) -> None:
    module, _ = mlp(2, 30, 3, 2, seed=seed)()
    with torch.no_grad():
        module[2].bias -= 0.6
    program = trace(module, 2)
    regions = find_regions(program, flat_plane(), Window.rectangle((0, 0), 3.0))
    with torch.no_grad():
        hidden = module[:4](torch.tensor(regions.centroid, device="cpu"))
    constant = (hidden == 0).all(1).numpy()
    assert 0 < constant.sum() < len(regions)
    assert (regions.slope[constant] == 0).all()
    pairs = regions.edge_regions[(regions.edge_regions >= 0).all(1)]
    similarity = measures.similarity(regions)
    assert (similarity[constant[pairs].all(1)] == 1).all()
    assert (similarity[constant[pairs].sum(1) == 1] == 0).all()


# --- rounding --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["constant-images", "black-image", "pools-of-dead-units", "twin-filters"])
def test_points_and_regions_agree_about_what_is_active(name: str) -> None:
    case, regions = CASE[name], regions_of(name)
    large = regions.area > 1e-6 * case.window().area
    points = regions.centroid[large]
    assert (case.program.patterns(case.plane().embed(points)) == regions.pattern[large]).all()


def test_units_of_large_scale_do_not_blur_those_of_small_scale() -> None:
    """A unit's lines are where they are whatever the scale of the other units of its layer."""
    plain, scaled = built("mlp-50-50")[0], mlp(2, 50, 50, 3)()[0]
    with torch.no_grad():
        scale = dense((10.0 ** np.linspace(-7, 7, 50)).tolist())
        scaled[0].weight *= scale[:, None]
        scaled[0].bias *= scale
        scaled[2].weight /= scale
    window = Window.rectangle((0.1, 0.2), 0.5)
    one, two = (find_regions(trace(module, 2), flat_plane(), window) for module in (plain, scaled))
    assert (one.pattern == two.pattern).all()
    assert one.area == pytest.approx(two.area, rel=1e-9, abs=1e-14)


def test_activity_is_evaluated_as_the_definition_says() -> None:
    program, points = CASE["pools"].program, CASE["pools"].window().random_points(5)
    on = activity(program, CASE["pools"].plane().embed(points))
    pool = program.layers[1]
    wins = on[:, pool.units].reshape(5, pool.num_results, pool.num_entries)
    assert wins.sum(2).max() == 1


def test_what_is_left_of_constants_that_cancel_is_not_active() -> None:
    """0.1 + 0.2 - 0.3 is 5.6e-17, by steps that no input reaches."""
    module = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2), nn.ReLU())
    with torch.no_grad():
        for layer in module[:2]:
            layer.weight[:] = layer.bias[:] = 0.0
        module[0].bias[:] = dense([0.1, 0.2, -0.3])
        module[1].weight[0] = 1.0
        module[1].weight[1, 0] = 1.0
    program, window = trace(module, 2), Window.rectangle((0, 0), 1.0)
    regions = find_regions(program, flat_plane(), window)
    expected = program.keys()[1:]
    assert regions.pattern.tolist() == expected.tolist()
    assert program.patterns(flat_plane().embed(window.random_points(3))).tolist() == expected.tolist() * 3
    pieces = find_pieces(program, np.zeros(2), np.ones(2))
    assert pieces.pattern.tolist() == expected.tolist()


@pytest.mark.parametrize("place", [(1.0, 0.0), (0.0, -1e6)])
def test_a_window_too_small_for_its_place_is_refused(place: tuple[float, float]) -> None:
    program = CASE["mlp-50-50"].program
    window = Window.rectangle(place, 5e-13 * max(map(abs, place)))
    with pytest.raises(InvalidWindow, match=r"at least .* of its distance from the origin.*Enlarge"):
        find_regions(program, flat_plane(), window)
