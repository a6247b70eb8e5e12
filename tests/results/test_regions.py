"""Results are read-only, checked, and survive a round trip through a file."""

import json
import re
from dataclasses import fields, replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from lrviz.engine.estimate import estimate_regions
from lrviz.engine.find_pieces import find_path_pieces, find_pieces
from lrviz.engine.find_regions import find_regions
from lrviz.engine.sample import sample_plane
from lrviz.errors import InvalidData, InvalidRequest
from lrviz.geometry.plane import Segment
from lrviz.measures.path import measure_path
from lrviz.results.archive import Archive
from lrviz.results.estimate import Estimate
from lrviz.results.pieces import Pieces
from lrviz.results.regions import Regions
from lrviz.results.status import Status
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


RESULTS = ("regions", "pieces", "path", "measures", "samples", "estimate")


@pytest.fixture(scope="module")
def results() -> dict[str, tuple[Archive, Archive]]:
    """Every kind of result, found twice."""

    def find() -> list[Archive]:
        program, plane, window = CASE_USED.program, CASE_USED.plane(), CASE_USED.window()
        points = plane.embed([(0, 0), (1, 1), (0, 1)])
        path = find_path_pieces(program, points)
        return [
            find_regions(program, plane, window),
            find_pieces(program, *points[:2]),
            path,
            measure_path(path),
            sample_plane(program, plane, window, resolution=16),
            estimate_regions(program, plane, window),
        ]

    return dict(zip(RESULTS, zip(find(), find(), strict=True), strict=True))


@pytest.mark.parametrize("name", RESULTS)
def test_equal_arrays_make_equal_results(results: dict[str, tuple[Archive, Archive]], name: str) -> None:
    one, again = results[name]
    assert one == again
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)


@pytest.mark.parametrize("name", RESULTS)
def test_another_number_makes_another_result(results: dict[str, tuple[Archive, Archive]], name: str) -> None:
    one, _ = results[name]
    for item in fields(one):
        value = getattr(one, item.name)
        if isinstance(value, np.ndarray) and value.size:
            other = value.copy()
            other.ravel()[-1] = np.nan_to_num(other.ravel()[-1]) + 1
            if item.name not in ("offsets", "starts"):
                assert replace(one, **{item.name: other}) != one, item.name
    assert one != results[RESULTS[RESULTS.index(name) - 1]][0]
    assert one != name


def test_nan_equals_nan() -> None:
    one, other = (Estimate(num_regions=2.0, seconds=number, pieces_per_length=np.nan) for number in (1.0, 2.0))
    assert one == other
    assert one != replace(one, pieces_per_length=1.0)


def test_planes_windows_and_segments_compare() -> None:
    plane, window = CASE_USED.plane(), CASE_USED.window()
    assert (plane == CASE_USED.plane(), window == CASE_USED.window()) == (True, True)
    assert plane != replace(plane, origin=plane.origin + 1)
    assert window != plane.triangle()
    assert Segment.between(np.zeros(2), np.ones(2)) != Segment.between(np.zeros(2), np.eye(2)[0])


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_says_in_one_line_what_it_holds(results: dict[str, tuple[Archive, Archive]], name: str) -> None:
    one, _ = results[name]
    text = repr(one)
    assert text.startswith(f"{type(one).__name__}(")
    assert "\n" not in text
    assert len(text) < 150
    assert re.search(r"\d s[ )]", text) or name == "measures"
    assert getattr(one, "status", "") in text


def test_the_line_tells_counts_window_status_and_seconds(results: dict[str, tuple[Archive, Archive]]) -> None:
    regions = replace(results["regions"][0], status=Status.MAX_REGIONS, seconds=0.0812)
    assert repr(regions) == f"Regions({len(regions):,} regions, window of 2 x 2 around (0, 0), max_regions, 0.081 s)"


@pytest.mark.parametrize("name", RESULTS)
def test_a_notebook_shows_a_picture_with_its_numbers(results: dict[str, tuple[Archive, Archive]], name: str) -> None:
    one, _ = results[name]
    page = one._repr_html_()
    root = ElementTree.fromstring(page.replace('">', '"/>', 1) if "<img" in page else page)
    assert all(fact in page for fact in one.facts())
    kind = {"regions": "img", "samples": "img", "pieces": "svg", "path": "svg"}.get(name)
    assert [child.tag for child in root] == ([kind] if kind else []) + ["figcaption"]
    assert page.count("<polyline") == (one.values.shape[1] if kind == "svg" else 0)


def test_a_result_without_anything_shows_its_numbers() -> None:
    regions = find_regions(CASE_USED.program, CASE_USED.plane(), CASE_USED.window(), cancelled=lambda: True)
    assert regions._repr_html_() == f"<figure><figcaption>Regions: {' · '.join(regions.facts())}</figcaption></figure>"


def test_a_status_is_its_text_and_carries_a_remedy() -> None:
    assert [Status.COMPLETE.remedy, Status.COMPLETE.reason] == ["", ""]
    for status in (Status.MAX_REGIONS, Status.CANCELLED):
        assert status.reason
        assert status.remedy.endswith(".")


def test_a_file_keeps_the_status(tmp_path: Path) -> None:
    regions = replace(some_regions(), status=Status.CANCELLED)
    assert f"{regions.status}" == "cancelled"
    regions.save(tmp_path / "regions.npz")
    assert Regions.load(tmp_path / "regions.npz").status is Status.CANCELLED


def test_a_file_of_an_unknown_status_is_refused(tmp_path: Path) -> None:
    regions = some_regions()
    regions.save(tmp_path / "regions.npz")
    with np.load(tmp_path / "regions.npz") as archive:
        arrays = dict(archive)
    np.savez(tmp_path / "other.npz", **{**arrays, "header": str(arrays["header"]).replace("complete", "finished")})
    with pytest.raises(InvalidData, match="must be one of complete, max_regions, cancelled; got 'finished'"):
        Regions.load(tmp_path / "other.npz")


def rewrite(path: Path, **changes: object) -> None:
    """Replace parts of a stored result; None leaves one out."""
    with np.load(path) as archive:
        parts = {name: archive[name] for name in archive.files} | changes
    np.savez(path, **{name: part for name, part in parts.items() if part is not None})


NUM_EDGES, OFFSETS = len(some_regions().edge_unit), some_regions().offsets


def header(**changes: object) -> np.ndarray:
    values = {"kind": "Regions", "schema": Regions.schema, "status": "complete", "seconds": 0.0, "device": "cpu"}
    return np.array(json.dumps(values | changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"header": None}, "header"),
        ({"header": np.array("[" * 100_000)}, "nested too deeply"),
        ({"header": np.array("[]")}, "cannot be read"),
        ({"header": header(seconds="long")}, "seconds has another type"),
        ({"header": header(surprise=1)}, "other parts"),
        ({"header": header(status="fine")}, "status must be one of"),
        ({"area": None}, "other parts"),
        ({"area": np.array(["a"])}, "area has another type or shape"),
        ({"area": np.zeros((3, 3))}, "area has another type or shape"),
        ({"area": np.zeros(5)}, "another type or shape"),
        ({"area": np.array([{}], dtype=object)}, "Python objects"),
        ({"slope": np.zeros((2, 10, 3))}, "another type or shape"),
        ({"edge_regions": np.full((NUM_EDGES, 2), 10**6)}, "regions that there are not"),
        ({"edge_regions": np.full((NUM_EDGES, 2), -2)}, "regions that there are not"),
        ({"offsets": OFFSETS[[0, 2, 1, *range(3, len(OFFSETS))]]}, "offsets do not fit"),
        ({"offsets": np.maximum(OFFSETS, 1)}, "offsets do not fit"),
    ],
)
def test_parts_that_somebody_changed_are_refused(tmp_path: Path, changes: dict, words: str) -> None:
    some_regions().save(tmp_path / "regions.npz")
    rewrite(tmp_path / "regions.npz", **changes)
    with pytest.raises(InvalidData, match=words):
        Regions.load(tmp_path / "regions.npz")


def test_a_file_is_where_it_was_to_be_saved(tmp_path: Path) -> None:
    some_regions().save(tmp_path / "run1.dat")
    assert Regions.load(tmp_path / "run1.dat") == some_regions()
    for place in (tmp_path, tmp_path / "missing" / "run1.npz"):
        with pytest.raises(InvalidRequest, match="Expected a place to write to"):
            some_regions().save(place)
