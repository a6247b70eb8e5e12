"""The README's table of what the shipped sweeps show: `python -m tests.results`."""

from lrviz.measures.sweeps import RANGES, SERIES, aggregate, correlations, read_results
from lrviz.models.assets import assets_folder

HEADER = (
    "| family | paths around | test error, peak to widest | density, narrowest to widest "
    "| deviation, largest to widest | widths that fit | ρ density | ρ deviation |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |"
)
NAMES = {"samples": "test images", "train-clean": "training images", "train-noisy": "noisily labelled ones"}


def lines() -> list[str]:
    """The table, line by line."""
    means = aggregate(read_results(assets_folder() / "measured.csv"))
    found = correlations(means).set_index([*SERIES, "measure", "widths"])
    rows = []
    for series, curve in means.groupby(list(SERIES), sort=False):
        error, density, deviation = (curve.set_index("width")[name] for name in ("test_error", "density", "deviation"))
        fitted = [found.loc[(*series, name, RANGES[2])] for name in ("density", "deviation")]
        rows.append(
            f"| {series[0]} | {NAMES[series[SERIES.index('image_kind')]]} | {peak(error)} | "
            f"{density.iloc[0]:.3g} to {density.iloc[-1]:.3g} | {peak(deviation)} | {fitted[0]['num_widths']:.0f} | "
            f"{fitted[0]['correlation']:+.2f} | {fitted[1]['correlation']:+.2f} |"
        )
    return [*HEADER.splitlines(), *rows]


def peak(values) -> str:
    """The largest value and its width, and the value of the widest network."""
    return f"{values.max():.3g} (k = {values.idxmax()}) to {values.iloc[-1]:.3g} (k = {values.index[-1]})"


if __name__ == "__main__":
    print("\n".join(lines()))
