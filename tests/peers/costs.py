"""What lrviz costs against the size of a network and against the number of regions, as figures."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import lrviz
from lrviz.figures.axis import fit_axis
from lrviz.figures.paper import Paper, fit_axes, print_figure
from lrviz.figures.style import FAINT, MODEL_COLOURS, QUIET
from tests.peers.ours import NUM_REGIONS, VGG8
from tests.peers.process import BY_PYTORCH, OURS, Cost, measure_apart

FAMILIES = {
    "CNN5": {k: f"cnn5-w{k}-noise20" for k in (4, 5, 6, 8, 10, 12, 16, 24, 32)},
    "ResNet18": {k: f"resnet18-stride-w{k}-noise20" for k in (1, 2, 3, 4, 6, 8)},
}
"""Networks that ship, by their width k."""

WINDOWS = {OURS: tuple(VGG8), BY_PYTORCH: tuple(VGG8)[:5]}
"""Windows of the VGG8 in which regions are found, in either way."""

_PAPER = Paper(width_inches=5.2, height_inches=3.6)
_ROOM = 0.15
"""Share of the costs' axis that is free at both ends, for the notes and a tick below the first point."""

_TIMES = 3
"""Short times are measured so many times as often as those of the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Costs along one quantity.

    Attributes:
        name: What is measured.
        x: The quantity, in ascending order.
        costs: The cost at each of them.
        notes: What stands beside each point; nothing if empty.
    """

    name: str
    x: Sequence[float]
    costs: Sequence[Cost]
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What a figure is.

    Attributes:
        file: Name of its file.
        x_title: The quantity, in words.
        title: What stands above.
    """

    file: str
    x_title: str
    title: str


BY_SIZE = Chart(
    file="cost-by-size.svg",
    x_title="number of units",
    title=f"Finding about {NUM_REGIONS:,} regions of networks of width k (beside each point)",
)
BY_REGIONS = Chart(
    file="cost-by-regions.svg",
    x_title="number of regions",
    title="Finding regions of the shipped VGG8 (28,792 units), in larger and larger windows",
)


def curves_by_size(repeats: int) -> Iterator[Curve]:
    """Cost against the number of units, for each family, in windows with about as many regions."""
    for family, models in FAMILIES.items():
        yield Curve(
            name=f"{family}, k = {min(models)} to {max(models)}",
            x=[lrviz.load_model(model).program().num_units for model in models.values()],
            costs=[measure_apart(OURS, model, _TIMES * repeats) for model in models.values()],
            notes=[str(k) for k in models],
        )


def curves_by_regions(repeats: int) -> Iterator[Curve]:
    """Cost against the number of regions of one network."""
    for tool, windows in WINDOWS.items():
        costs = [measure_apart(tool, window, repeats) for window in windows]
        yield Curve(name=tool, x=[cost.regions for cost in costs], costs=costs)


def power(curve: Curve) -> float:
    """To which power of the quantity the CPU time grows, from the first point to the last."""
    first, last = curve.costs[0], curve.costs[-1]
    return float(np.log(last.cpu / first.cpu) / np.log(curve.x[-1] / curve.x[0]))


def render(suffix: str, curves: Sequence[Curve], chart: Chart) -> bytes:
    """The contents of a file that shows CPU time against a quantity; it carries the numbers as its description."""
    numbers = json.dumps([asdict(curve) for curve in curves])
    return print_figure(
        suffix, _PAPER, lambda figure: draw(figure, curves, chart), title=chart.title, description=numbers
    )


def draw(figure: Figure, curves: Sequence[Curve], chart: Chart) -> None:
    """Draw CPU time against a quantity, both on logarithmic axes, and a line of proportional growth."""
    axes = figure.subplots()
    for curve, colour in zip(curves, MODEL_COLOURS, strict=False):
        seconds = [cost.cpu for cost in curve.costs]
        axes.plot(curve.x, seconds, "o-", color=colour, markersize=4, linewidth=1.3, label=curve.name, zorder=3)
        for x, y, note in zip(curve.x, seconds, curve.notes, strict=False):
            axes.annotate(note, (x, y), (0, 5), textcoords="offset points", ha="center", fontsize=6, color=colour)
    every = np.concatenate([[(x, cost.cpu) for x, cost in zip(curve.x, curve.costs, strict=True)] for curve in curves])
    (low, bottom), (high, _) = every.min(0), every.max(0)
    axes.plot([low, high], [bottom, bottom * high / low], ":", color=QUIET, linewidth=1, label="proportional")
    axes.grid(color=FAINT, linewidth=0.4)
    axes.set_axisbelow(True)
    axes.set_title(chart.title, fontsize=8, loc="left")
    axes.set(xlabel=chart.x_title, ylabel="CPU time (s)")
    axes.legend(frameon=False, fontsize=7, loc="upper left")
    fit_axes(axes, fit_axis(every[:, 0], logarithmic=True), fit_axis(every[:, 1], logarithmic=True, room=_ROOM))


def write_figures(folder: Path, repeats: int) -> Iterator[str]:
    """Write both figures into a folder, and say what each shows."""
    for chart, make in {BY_SIZE: curves_by_size, BY_REGIONS: curves_by_regions}.items():
        curves = list(make(repeats))
        (folder / chart.file).write_bytes(render(Path(chart.file).suffix, curves, chart))
        powers = (f"{power(curve):.2f} ({curve.name})" for curve in curves)
        yield f"{chart.file}: CPU time grows with the {chart.x_title} to the power {', '.join(powers)}."
