"""The command that counts and measures a whole window: its file, its figure, how it goes on and how it refuses."""

import numpy as np
import pytest
from typer.testing import CliRunner

from lrviz import cli
from lrviz.cli import mapper
from lrviz.engine.find_regions import find_regions
from lrviz.figures.plane_map import MAP_QUANTITIES, render_map
from lrviz.measures import plane_map
from lrviz.measures.class_map import num_sampled_areas
from lrviz.results.plane_map import PlaneMap
from lrviz.views.scene import resolve
from lrviz.views.view import View

SCENE = (
    *("map", "--model", "cnn5-w1-noise20", "--images", "samples:0", "samples:1", "samples:2"),
    *("--window", "40", "10", "0.5", "--resolution", "12"),
)
VIEW = View(
    models=("cnn5-w1-noise20",), images=("samples:0", "samples:1", "samples:2"), center=(40.0, 10.0), half_width=0.5
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LRVIZ_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plane_map, "REGIONS_PER_TILE", 20)
    return tmp_path


def call(*words):
    return CliRunner().invoke(cli.app, [*SCENE, *words])


def test_a_map_counts_what_the_engine_finds_and_is_drawn(folder):
    result = call("--out", "map.npz", "--figure", "map.png", "--colour", "slope")
    assert result.exit_code == 0, result.output
    found, scene = PlaneMap.load(folder / "map.npz"), resolve(VIEW)
    whole = find_regions(scene.program, scene.plane, scene.window)
    assert found.num_tiles > 4
    assert found.num_regions == len(whole)
    assert found.area == pytest.approx(1.0)
    assert f"{len(whole):,} regions in {found.num_tiles} tiles" in result.output
    assert f"{num_sampled_areas(found.predicted)} class area" in result.output
    assert View.from_json(found.description) == VIEW
    assert (folder / "map.png").read_bytes().startswith(b"\x89PNG")


def test_a_second_run_finds_every_tile_in_the_cache(folder, monkeypatch):
    assert call("--out", "map.npz").exit_code == 0
    monkeypatch.setattr(plane_map, "find_regions", None)
    assert call("--out", "again.npz").exit_code == 0
    assert PlaneMap.load(folder / "again.npz") == PlaneMap.load(folder / "map.npz")


def test_a_stopped_map_goes_on_where_it_was(folder, monkeypatch):
    answers = mapper.answer_all

    def stop_early(*words, **options):
        done = []
        how = {"progress": lambda share, text: done.append(share), "cancelled": lambda: len(done) > 1}
        return answers(*words, **(options | how))

    with monkeypatch.context() as patch:
        patch.setattr(mapper, "answer_all", stop_early)
        stopped = call("--out", "map.npz")
    assert stopped.exit_code == 130
    assert "the same command goes on there" in stopped.output
    assert not (folder / "map.npz").exists()
    begun = []
    search = plane_map.find_regions
    monkeypatch.setattr(
        plane_map, "find_regions", lambda *words, **options: begun.append(1) or search(*words, **options)
    )
    assert call("--out", "map.npz").exit_code == 0
    assert 0 < len(begun) < PlaneMap.load(folder / "map.npz").num_tiles


def test_what_cannot_be_drawn_is_refused(folder):
    result = call("--out", "map.npz", "--colour", "beauty")
    assert result.exit_code != 0
    assert "density" in str(result.exception)
    assert "ends in" in str(call("--out", "map.doc").exception)


@pytest.mark.parametrize("quantity", MAP_QUANTITIES)
def test_every_quantity_is_drawn(quantity, folder):
    call("--out", "map.npz")
    found = PlaneMap.load(folder / "map.npz")
    assert render_map(".svg", found, quantity).startswith(b"<?xml")
    assert np.isfinite(found.mean_deviation)
