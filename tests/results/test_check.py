"""`lrviz.check` accepts what the engine finds and notices everything that is wrong with regions."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import lrviz
from lrviz.engine import subdivide
from lrviz.engine.find_regions import find_regions
from lrviz.errors import InvalidGeometry
from lrviz.geometry.cells import Cells, measure_cells, split_cells
from lrviz.geometry.validity import check_cells, polygon_faults
from lrviz.results.regions import Regions
from lrviz.results.status import Status
from tests.cases import CASE, CASES, Case


def regions_of(case: Case, **options: Any) -> Regions:
    return find_regions(case.program, case.plane(), case.window(), **options)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_all_that_is_found_is_right(case: Case) -> None:
    assert lrviz.check(regions_of(case)).faults == ()


@pytest.mark.parametrize("max_regions", [1, 7, 60])
@pytest.mark.parametrize("name", ["mlp-50-50", "residual", "twin-units", "black-image"])
def test_all_that_is_found_in_part_is_right(name: str, max_regions: int) -> None:
    assert lrviz.check(regions_of(CASE[name], max_regions=max_regions)).faults == ()
    assert lrviz.check(regions_of(CASE[name], cancelled=lambda: True))


BASE = "mlp-one-layer"


def change(name: str, index: Any, value: Callable[[np.ndarray], Any]) -> Callable[[Regions], Regions]:
    """Regions with a part of one array changed."""

    def changed(regions: Regions) -> Regions:
        array = getattr(regions, name).copy()
        array[index] = value(array[index])
        return replace(regions, **{name: array})

    return changed


def without_first(regions: Regions) -> Regions:
    """The first region is missing, with its edges left as border."""
    count = regions.offsets[1]
    there = (regions.edge_regions != 0).all(1)
    names = ("pattern", "bias", "slope", "area", "centroid")
    edges = ("edge_unit", "edge_layer", "edge_length", "edge_coordinates")
    return replace(
        regions,
        **{name: getattr(regions, name)[1:] for name in names},
        **{name: getattr(regions, name)[there] for name in edges},
        edge_regions=np.maximum(regions.edge_regions[there] - 1, -1),
        coordinates=regions.coordinates[count:],
        offsets=regions.offsets[1:] - count,
    )


def turned(regions: Regions) -> Regions:
    """The first polygon runs clockwise."""
    first = slice(0, regions.offsets[1])
    return change("coordinates", first, lambda polygon: polygon[::-1])(regions)


def dented(regions: Regions) -> Regions:
    """A corner of the first polygon with five corners moved beyond its middle."""
    region = int(np.flatnonzero(np.diff(regions.offsets) >= 5)[0])
    corner, middle = int(regions.offsets[region]), regions.centroid[region]
    return change("coordinates", corner, lambda vertex: middle + 0.2 * (middle - vertex))(regions)


def inner_edge(regions: Regions) -> int:
    return int(np.flatnonzero((regions.edge_regions >= 0).all(1))[0])


WRONG: dict[str, tuple[Callable[[Regions], Regions], str]] = {
    "clockwise": (turned, r"1 of 2\d\d polygons are clockwise or enclose nothing, such as 0"),
    "not finite": (change("slope", (3, 0, 0), lambda _: np.nan), "slope holds numbers that are not finite"),
    "vertices not finite": (change("coordinates", 3, lambda _: np.inf), "Vertices are not finite"),
    "dented": (dented, "1 of .* polygons are not convex"),
    "area": (change("area", 2, lambda area: 1.01 * area), "1 of .* regions have another area than their polygon"),
    "negative area": (change("area", 2, lambda area: -area), "have no positive area"),
    "centroid": (change("centroid", 2, lambda point: point + 1), "have their centroid outside"),
    "missing": (without_first, "areas add up to 0.98"),
    "edge length": (
        lambda r: change("edge_length", inner_edge(r), lambda x: x + 0.1)(r),
        "another length than their ends",
    ),
    "ghost": (lambda r: change("edge_regions", (inner_edge(r), 1), lambda _: -1)(r), "of a unit have no neighbour"),
    "no unit": (lambda r: change("edge_unit", inner_edge(r), lambda _: -1)(r), "between two regions have no unit"),
    "itself": (
        lambda r: change("edge_regions", inner_edge(r), lambda pair: [pair[0], pair[0]])(r),
        "have one region on both sides",
    ),
    "nowhere": (change("edge_regions", 0, lambda _: -1), "regions that do not exist"),
    "bias": (change("bias", 4, lambda bias: bias + 1e-3), "lie between maps that differ there"),
    "slope": (change("slope", 4, lambda slope: slope + 1e-3), "lie between maps that differ there"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_everything_wrong_is_noticed(kind: str) -> None:
    edit, said = WRONG[kind]
    verdict = lrviz.check(edit(regions_of(CASE[BASE])))
    assert not verdict
    with pytest.raises(InvalidGeometry, match=said):
        verdict.require()


@pytest.mark.parametrize("offsets", [[0, 4, 3, 6], [0, 3, 7], [1, 3, 6]])
def test_offsets_that_lead_astray_are_noticed(offsets: list[int]) -> None:
    assert polygon_faults(np.zeros((6, 2)), np.array(offsets), 1.0) == [
        "The offsets do not lead from 0 to the number of vertices."
    ]


def test_a_pattern_that_stands_twice_is_noticed() -> None:
    regions = regions_of(CASE[BASE])
    pattern = regions.pattern.copy()
    pattern[5] = pattern[7]
    verdict = lrviz.check(replace(regions, pattern=pattern))
    assert str(verdict) == f"2 of {len(regions)} regions share their pattern with another, such as 5."


def test_a_region_may_be_missing_where_the_result_is_partial() -> None:
    regions = replace(without_first(regions_of(CASE[BASE])), status=Status.MAX_REGIONS)
    assert "areas" not in str(lrviz.check(regions))
    assert "add up to 1.97" in str(lrviz.check(change("area", slice(None), lambda area: 2 * area)(regions)))


# --- cells -----------------------------------------------------------------------------------------------------------


def checked_split(cells: Cells, distance: torch.Tensor, label: torch.Tensor) -> tuple[Cells, Cells]:
    """`split_cells`, judged: one positive run, and two halves that are convex and make up the whole."""
    sign = (distance > 0) & cells.used
    before = torch.where(cells.used, sign, sign[:1])
    assert ((before != before.roll(1, 0)).sum(0) <= 2).all(), "a line crosses a convex cell once"
    halves = split_cells(cells, distance, label)
    if len(cells) == 0:
        return halves
    areas = [measure_cells(half)[0] for half in halves]
    whole = measure_cells(cells)[0]
    assert (sum(areas) - whole).abs().max() <= 1e-12 * whole.max()
    return halves


@pytest.mark.parametrize("name", ["mlp-50-50", "mlp-deep", "residual", "saturating", "twin-units", "lines-meet-inside"])
def test_every_split_leaves_two_convex_halves(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LRVIZ_COMPILED", "never")
    monkeypatch.setattr(subdivide, "split_cells", checked_split)
    regions_of(CASE[name])


def test_cells_that_are_wrong_are_noticed() -> None:
    square = torch.tensor([[0.0, 0], [1, 0], [1, 1], [0, 1]], dtype=torch.float64, device="cpu")
    labels = torch.arange(4, device="cpu")
    assert check_cells(Cells.polygon(square, labels))
    assert "clockwise" in str(check_cells(Cells.polygon(square.flip(0), labels)))
    square[2] = 0.1
    assert "1 of 1 polygons are not convex" in str(check_cells(Cells.polygon(square, labels)))


@settings(max_examples=50)
@given(st.integers(0, 10_000))
def test_halves_of_random_cells_are_convex(seed: int) -> None:
    generator = torch.Generator("cpu").manual_seed(seed)
    angles = torch.sort(torch.rand(7, generator=generator, dtype=torch.float64, device="cpu")).values * 2 * torch.pi
    corners = torch.stack([angles.cos(), angles.sin()], 1)
    line = torch.randn(3, generator=generator, dtype=torch.float64, device="cpu")
    distance = (corners @ line[:2] + 0.3 * line[2])[:, None]
    if (distance > 0).any() and (distance < 0).any():
        cell = Cells.polygon(corners, torch.arange(7, device="cpu"))
        for half in checked_split(cell, distance, torch.tensor([9], device="cpu")):
            check_cells(half).require()
