"""Results are read-only, checked, and survive a round trip through a file."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from lrviz.engine.find_pieces import find_pieces
from lrviz.engine.find_regions import find_regions
from lrviz.errors import InvalidData
from lrviz.results.estimate import Estimate
from lrviz.results.pieces import Pieces
from lrviz.results.regions import Regions
from tests.cases import CASE

CASE_USED = CASE["mlp-one-layer"]


def some_regions() -> Regions:
    return find_regions(CASE_USED.program, CASE_USED.plane(), CASE_USED.window())


def test_regions_survive_a_file(tmp_path: Path) -> None:
    regions = some_regions()
    regions.save(tmp_path / "regions.npz")
    loaded = Regions.load(tmp_path / "regions.npz")
    for item in fields(Regions):
        assert np.array_equal(getattr(loaded, item.name), getattr(regions, item.name)), item.name
    assert loaded.pattern.dtype == np.uint64


def test_pieces_survive_a_file(tmp_path: Path) -> None:
    pieces = find_pieces(CASE_USED.program, *CASE_USED.plane().embed([(0, 0), (1, 1)]))
    pieces.save(tmp_path / "pieces.npz")
    assert np.array_equal(Pieces.load(tmp_path / "pieces.npz").breakpoints, pieces.breakpoints)


def test_arrays_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        some_regions().area[0] = 1


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    Estimate(num_regions=2, seconds=1, pieces_per_length=1).save(tmp_path / "estimate.npz")
    with pytest.raises(InvalidData, match="not Regions"):
        Regions.load(tmp_path / "estimate.npz")


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x03\x04 cut off"])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "regions.npz").write_bytes(content)
    with pytest.raises(InvalidData, match=r"regions\.npz cannot be read as Regions"):
        Regions.load(tmp_path / "regions.npz")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match=r"none\.npz cannot be read"):
        Regions.load(tmp_path / "none.npz")


def test_inconsistent_arrays_are_refused() -> None:
    regions = some_regions()
    values = {item.name: getattr(regions, item.name) for item in fields(Regions)}
    with pytest.raises(InvalidData, match="offsets do not fit"):
        Regions(**{**values, "coordinates": regions.coordinates[:-1]})
    with pytest.raises(InvalidData, match="status must be one of"):
        Regions(**{**values, "status": "done"})
