"""The comparison with other tools: the same networks for all, the table, the figures."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from lrviz.engine.find_pieces import find_pieces
from lrviz.engine.find_regions import find_regions
from lrviz.network.program import Program
from tests.peers import camera, costs, edges, lines, ours, process, table
from tests.peers.modules import build, embed
from tests.peers.networks import CNN, HALF_WIDTHS, MLPS, Layers, dense_layers

COST = process.Cost(regions=1_000, seconds=1.5, cpu=2.0, peak=800.0, before=600.0)


def outputs(layers: Layers, values: np.ndarray) -> np.ndarray:
    for weight, bias in layers[:-1]:
        values = np.maximum(values @ weight.T + bias, 0)
    return values @ layers[-1][0].T + layers[-1][1]


@pytest.mark.parametrize("name", HALF_WIDTHS)
def test_dense_matrices_are_the_same_network(name: str) -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (20, 2)) * HALF_WIDTHS[name]
    with torch.inference_mode():
        expected = build(name)(embed(name, torch.tensor(points, device="cpu"))).numpy()
    assert outputs(dense_layers(name), points) == pytest.approx(expected, abs=1e-10)


def test_every_tool_finds_as_many_regions() -> None:
    name = "2-64x4-10"
    number = ours.counter(name)()
    assert edges.counter(name)() == number
    pytest.importorskip("regioncam")
    assert camera.counter(name)() == number


def test_regioncam_takes_the_cnn_on_the_same_window() -> None:
    pytest.importorskip("regioncam")
    layers = [(weight.astype(np.float32), bias.astype(np.float32)) for weight, bias in dense_layers(CNN)]
    assert camera.count_faces(layers, 0.7) == edges.subdivide(dense_layers(CNN), 0.7).num_cells


@pytest.mark.parametrize("name", ["2-64x4-10", CNN])
def test_a_line_meets_the_pieces_on_it(name: str) -> None:
    half_width, v = HALF_WIDTHS[name], 0.1
    ends = embed(name, torch.tensor([[-half_width, v], [half_width, v]], dtype=torch.float64, device="cpu"))
    program, _, _ = ours.random_scene(name)
    found = lines.patterns_on_line(name, build(name), dense_layers(name), v)
    assert len(found) == len(find_pieces(program, *ends))


def test_lines_meet_a_part_of_the_regions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "NUM_LINES", 2)
    found = lines.counter("2-64x4-10")()
    on_lines = [
        lines.patterns_on_line("2-64x4-10", build("2-64x4-10"), dense_layers("2-64x4-10"), v) for v in (-0.5, 0.5)
    ]
    assert found == len(on_lines[0] | on_lines[1]) > max(map(len, on_lines))


def test_the_tools_name_how_many_lines() -> None:
    assert f" {lines.NUM_LINES} lines" in process.LINES


def test_windows_of_trained_networks_hold_as_many_regions() -> None:
    assert find_number("cnn5-w4-noise20") == pytest.approx(ours.NUM_REGIONS, rel=0.03)


def find_number(name: str) -> int:
    program, plane, window = ours.trained_scene(name)
    return len(find_regions(program, plane, window))


def test_the_memory_of_a_process_is_its_own() -> None:
    """This process holds PyTorch; one that it starts does not."""
    command = [sys.executable, "-c", "from tests.peers.process import peak_memory; print(peak_memory())"]
    other = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert 5 < other < process.peak_memory() / 2


def test_a_tool_is_measured_in_a_process_of_its_own() -> None:
    cost = process.measure_apart(process.EDGES, "2-64x4-10", 1)
    assert cost.regions == edges.counter("2-64x4-10")()
    assert 0 < cost.before <= cost.peak
    assert min(cost.seconds, cost.cpu) > 0


def test_rows_hold_ratios() -> None:
    other = process.Cost(regions=800, seconds=0.5, cpu=26.0, peak=200.0, before=40.0)
    assert table.row("regioncam", CNN, other, COST) == (
        "| small CNN | regioncam | 800 | 0.50 | 26.00 | 13 | 200 MB (40 MB) | 0.25 |"
    )
    assert "| 800 (80 %) |" in table.row(process.LINES, CNN, other, COST)
    assert len(set(map(lambda line: line.count("|"), table.HEADER.splitlines()))) == 1


def test_other_counts_stop_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    other = process.Cost(regions=998, seconds=0.5, cpu=25.0, peak=200.0, before=40.0)
    monkeypatch.setattr(table, "measure_apart", lambda tool, name, repeats: COST if tool == process.OURS else other)
    with pytest.raises(SystemExit, match="lrviz by PyTorch finds 998 regions of 2-64x4-10; lrviz 1,000"):
        list(table.lines(1))
    table.require_agreement(process.LINES, CNN, other, COST)


def test_every_row_is_of_a_tool() -> None:
    assert {tool for tools in table.ROWS.values() for tool in tools} == set(process.TOOLS)
    assert {*MLPS, CNN, *ours.VGG8} >= set(table.ROWS)


def grown(x: float, exponent: float) -> process.Cost:
    return process.Cost(regions=1_000, seconds=1.0, cpu=0.01 * x**exponent, peak=800.0, before=600.0)


CURVES = [
    costs.Curve(name="one", x=[1e3, 1e4], costs=[grown(1e3, 0.5), grown(1e4, 0.5)], notes=["4", "32"]),
    costs.Curve(name="other", x=[2e3, 1e5], costs=[grown(2e3, 1.0), grown(1e5, 1.0)]),
]


def test_the_power_of_growth_is_that_of_the_ends() -> None:
    assert [costs.power(curve) for curve in CURVES] == pytest.approx([0.5, 1.0])


def test_figures_show_every_point_with_its_name() -> None:
    figure = Figure()
    costs.draw(figure, CURVES, costs.BY_SIZE)
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("number of units", "CPU time (s)")
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    for line, curve in zip(axes.lines, CURVES, strict=False):
        assert line.get_ydata() == pytest.approx([cost.cpu for cost in curve.costs])
        assert axes.get_xlim()[0] < min(line.get_xdata()) <= max(line.get_xdata()) < axes.get_xlim()[1]
        assert axes.get_ylim()[0] < min(line.get_ydata()) <= max(line.get_ydata()) < axes.get_ylim()[1]
    assert [text.get_text() for text in axes.texts] == ["4", "32"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["one", "other", "proportional"]


def test_the_command_writes_both_figures_with_their_numbers(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "measure_apart", lambda tool, name, repeats: COST)
    monkeypatch.setattr(costs, "curves_by_regions", lambda repeats: iter(CURVES))
    monkeypatch.setattr(costs, "FAMILIES", {"CNN5": {4: "cnn5-w4-noise20", 8: "cnn5-w8-noise20"}})
    said = list(costs.write_figures(tmp_path, 1))
    assert "0.00 (CNN5, k = 4 to 8)" in said[0] and "0.50 (one), 1.00 (other)" in said[1]
    found = (tmp_path / "cost-by-regions.svg").read_text()
    description = re.search(r"<dc:description>(.*?)</dc:description>", found, re.S)
    assert [curve["name"] for curve in json.loads(description[1].replace("&quot;", '"'))] == ["one", "other"]
    assert "<svg" in (tmp_path / "cost-by-size.svg").read_text()


def test_a_network_of_the_table_is_traced_as_it_is() -> None:
    program, _, window = ours.random_scene(CNN)
    assert isinstance(program, Program) and program.num_units == 512
    assert window.radius == HALF_WIDTHS[CNN]
