"""The README's table of what the shipped sweeps show: `python -m tests.sweep_table`."""

import pandas as pd

from lrviz.measures.findings import RANGES
from lrviz.measures.sweeps import SERIES, aggregate, correlations, read_results
from lrviz.models.assets import assets_folder

HEADER = (
    "| family, data | paths around | paths | test error, peak to widest | density, narrowest to widest "
    "| deviation, largest to widest | similarity, narrowest to widest | widths that fit | ρ density | ρ deviation |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)
NAMES = {
    "samples": "shipped test images",
    "test": "test images",
    "train-clean": "training images",
    "train-noisy": "noisily labelled ones",
    "random": "random pixels",
}
WHOLE = {8: ", whole paths"}


def lines() -> list[str]:
    """The table, line by line."""
    table = read_results(assets_folder() / "measured.csv")
    means = aggregate(table)
    found = correlations(means, table).set_index([*SERIES, "measure", "range"])
    rows = []
    for series, points in means.groupby(list(SERIES), sort=False):
        if len(points) < 3:
            continue
        named, curve = dict(zip(SERIES, series, strict=True)), points.set_index("width")
        density, deviation = (rank(found, (*series, name, RANGES[2])) for name in ("density", "deviation"))
        cells = [
            f"{named['family']}, {named['data'].replace(' (JPEG-compressed copy)', ' (JPEG)').partition(' (loss')[0]}",
            f"{NAMES.get(named['image_kind'], named['image_kind'])}{WHOLE.get(named['num_segments'], '')}",
            span(curve["num_paths"]),
            peak(curve, "test_error"),
            f"{value(curve, 'density', curve.index[0])} to {value(curve, 'density', curve.index[-1])}",
            peak(curve, "deviation"),
            " to ".join(value(curve, "similarity", width) for width in curve.index[[0, -1]]),
            f"{density[0]}",
            density[1],
            deviation[1],
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return [*HEADER.splitlines(), *rows]


def value(curve: pd.DataFrame, name: str, width: int) -> str:
    """A mean and its standard error."""
    mean, error = curve.loc[width, [name, f"{name}_se"]]
    if pd.isna(mean):
        return "?"
    return f"{mean:.3g}" + ("" if pd.isna(error) else f" ± {error:.2g}")


def peak(curve: pd.DataFrame, name: str) -> str:
    """The largest value and its width, and the value of the widest network."""
    top, last = curve[name].idxmax(), curve.index[-1]
    return f"{value(curve, name, top)} (k = {top}) to {value(curve, name, last)} (k = {last})"


def span(numbers: pd.Series) -> str:
    """The fewest and the most."""
    return f"{numbers.min()}" if numbers.nunique() == 1 else f"{numbers.min()} to {numbers.max()}"


def rank(found: pd.DataFrame, key: tuple) -> tuple[int, str]:
    """Over how many widths, and the rank correlation with its interval."""
    if key not in found.index:
        return 0, "none fits"
    row = found.loc[key]
    if pd.isna(row["correlation"]):
        return int(row["num_points"]), "too few"
    interval = "" if pd.isna(row["low"]) else f" ({row['low']:+.2f} to {row['high']:+.2f})"
    return int(row["num_points"]), f"{row['correlation']:+.2f}{interval}"


if __name__ == "__main__":
    print("\n".join(lines()))
