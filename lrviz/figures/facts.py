"""What is said of regions beside their colour: the coloured quantity first, then the others, of the same outputs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, Shaped

from lrviz.figures.colouring import Colouring, class_name, name_of
from lrviz.figures.style import literal
from lrviz.measures.region import REGION_QUANTITIES, measure_region
from lrviz.measures.window import QUANTITIES, Output, colour_values, slope_norm
from lrviz.results.regions import Regions
from lrviz.results.samples import Samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A quantity of a region.

    Attributes:
        name: What it is called, with its output.
        value: The number, or the name of a class.
        unit: The unit; empty if it has none.
        help: What it is.
    """

    name: str
    value: str
    unit: str = ""
    help: str = ""

    @property
    def html(self) -> str:
        """The fact as one line for Plotly, in bold up to its unit."""
        return f"<b>{literal(f'{self.name} {self.value}')}</b> {self.unit}".rstrip()

    @property
    def text(self) -> str:
        """The fact as one line for Plotly."""
        return f"{literal(f'{self.name} {self.value}')} {self.unit}".rstrip()


def region_facts(
    regions: Regions, chosen: Int[np.ndarray, " n"], colouring: Colouring, class_names: tuple[str, ...]
) -> list[list[Fact]]:
    """What the pointer says of each chosen region: the coloured quantity, then class, id, area and slope."""
    predicted, pattern, area = regions.predicted[chosen], regions.pattern[chosen], regions.area[chosen]
    output: Output = "all" if colouring.class_index is None else colouring.class_index
    columns = {
        "class": [class_name(k, class_names) for k in predicted.tolist()],
        "region": [f"{name:016x}" for name in pattern],
        "area": area.tolist(),
        "slope": slope_norm(regions, output)[chosen].tolist(),
    }
    if colouring.quantity not in columns:
        assert colouring.values is not None
        columns[colouring.quantity] = colouring.values[chosen].tolist()
    order = _coloured_first(columns, colouring.quantity)
    facts = [[_fact(name, value, colouring, class_names) for value in columns[name]] for name in order]
    return [list(row) for row in zip(*facts, strict=True)]


def card_facts(regions: Regions, region: int, colouring: Colouring, class_names: tuple[str, ...]) -> list[Fact]:
    """Every quantity of one region, the coloured one first."""
    values: dict[str, float | str] = {"class": class_name(int(regions.predicted[region]), class_names)}
    values |= measure_region(regions, region, colouring.class_index)
    if colouring.quantity == "density" and colouring.values is not None:
        values["density"] = float(colouring.values[region])
    return [_fact(name, values[name], colouring, class_names) for name in _coloured_first(values, colouring.quantity)]


def _coloured_first(names: Sequence[str] | dict, coloured: str) -> list[str]:
    return [name for name in names if name == coloured] + [name for name in names if name != coloured]


def _fact(quantity: str, value: float | str, colouring: Colouring, class_names: tuple[str, ...]) -> Fact:
    name, told = name_of(quantity, colouring.class_index, class_names), QUANTITIES[quantity]
    if isinstance(value, str):
        return Fact(name=name, value=value, help=told.help)
    is_defined = bool(np.isfinite(value))
    number = f"{value:.3g}" if is_defined else "not defined"
    return Fact(name=name, value=number, unit=told.unit if is_defined else "", help=told.help)


@dataclass(frozen=True, slots=True, kw_only=True)
class FactColumn:
    """A quantity of all regions.

    Attributes:
        name: What it is called, with its output.
        unit: The unit; empty if it has none.
        values: (R,) numbers, NaN where it is not defined, or indices of names.
        names: What a categorical quantity can be; None for a number.
    """

    name: str
    unit: str
    values: Shaped[np.ndarray, " regions"]
    names: tuple[str, ...] | None = None


MAX_MEASURED = 30_000
"""Of more regions the pointer tells only what takes no time to measure."""


def fact_columns(regions: Regions, colouring: Colouring, class_names: tuple[str, ...]) -> list[FactColumn]:
    """Every quantity of all regions, the coloured one first and of the same outputs as the colour."""
    names = tuple(class_name(k, class_names) for k in range(regions.num_outputs))
    quantities = REGION_QUANTITIES if len(regions) <= MAX_MEASURED else ("slope", "area")
    if colouring.quantity not in ("class", "region", *quantities):
        quantities = (*quantities, colouring.quantity)
    columns = {"class": FactColumn(name=QUANTITIES["class"].label, unit="", values=regions.predicted, names=names)}
    for quantity in quantities:
        columns[quantity] = FactColumn(
            name=name_of(quantity, colouring.class_index, class_names),
            unit=QUANTITIES[quantity].unit,
            values=np.asarray(colour_values(regions, quantity, colouring.class_index), float),
        )
    if len(regions) <= MAX_MEASURED:
        ids = tuple(f"{pattern:016x}" for pattern in regions.pattern.tolist())
        columns["region"] = FactColumn(name="region", unit="", values=np.arange(len(regions)), names=ids)
    return [columns[name] for name in _coloured_first(columns, colouring.quantity)]


def sample_columns(samples: Samples, colouring: Colouring, class_names: tuple[str, ...]) -> list[FactColumn]:
    """What is known of every pixel of samples, row by row, the coloured quantity first."""
    names = tuple(class_name(k, class_names) for k in range(samples.values.shape[2]))
    predicted = np.maximum(samples.predicted.ravel(), 0)
    columns = {"class": FactColumn(name=QUANTITIES["class"].label, unit="", values=predicted, names=names)}
    if colouring.values is not None:
        name = name_of(colouring.quantity, colouring.class_index, class_names)
        columns[colouring.quantity] = FactColumn(
            name=name, unit=QUANTITIES[colouring.quantity].unit, values=colouring.values
        )
    return [columns[name] for name in _coloured_first(columns, colouring.quantity)]
