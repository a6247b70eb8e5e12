"""How sure averages over networks and images are: a bootstrap over seeds and images at once.

Every resample draws seeds, and images, with replacement, and takes both for all positions alike: the networks of a seed
share their training data, and all of them the images (A. B. Owen, The pigeonhole bootstrap, 2007). It draws one less of
each than there are, which makes the variance of an average right for few as well (J. N. K. Rao and C. F. J. Wu,
Resampling inference with complex survey data, 1988). Test errors are resampled over seeds only.

The interval of an average reaches as many standard errors to both sides as Student's t distribution says: percentiles
of averages over three seeds would never leave the range of the three, which holds the truth in three cases of four.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int, Shaped
from scipy import stats

from lrviz.measures.ranks import rank

NUM_RESAMPLES = 1000
LEVEL = 0.95
"""The probability with which an interval should hold the truth."""

_SEED = 20220214


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resamples:
    """The curve of one series, as a rule against width, resampled B times.

    Attributes:
        positions: (W,) what it is drawn against, ascending.
        curves: For every measure and error its averages (B, W); NaN where a resample holds no network at a position.
        cells: For every measure and error the values (W, S, I) that are resampled; NaN where there are none.
    """

    positions: Shaped[np.ndarray, "positions"]
    curves: Mapping[str, Float[np.ndarray, "resamples positions"]]
    cells: Mapping[str, Float[np.ndarray, "positions seeds images"]]

    def interval(self, name: str) -> tuple[Float[np.ndarray, "positions"], Float[np.ndarray, "positions"]]:
        """Lower and upper end (W,) for a measure or an error; NaN where nothing could be drawn anew."""
        networks, error = _mean(self.cells[name], 2), self.standard_error(name)
        reach = stats.t.ppf((1 + LEVEL) / 2, self._degrees(name)) * error
        return _mean(networks, 1) - reach, _mean(networks, 1) + reach

    def standard_error(self, name: str) -> Float[np.ndarray, "positions"]:
        """Standard deviation (W,) of the averages over resamples; NaN likewise."""
        values = self.curves[name]
        result, some = np.full(values.shape[1], np.nan), np.isfinite(values).sum(0) > 1
        result[some] = np.nanstd(values[:, some], axis=0, ddof=1)
        return result

    def _degrees(self, name: str) -> Float[np.ndarray, "positions"]:
        """Degrees of freedom (W,) of the standard errors (F. E. Satterthwaite, 1946): those of seeds and of images."""
        cells, whole = self.cells[name], self.standard_error(name) ** 2
        num_seeds, num_images = _count(cells, 1), _count(cells, 2)
        networks = _mean(cells, 2)
        of_seeds = _mean((networks - _mean(networks, 1)[:, None]) ** 2, 1) / np.maximum(num_seeds - 1, 1)
        of_seeds = np.fmin(of_seeds, whole)
        parts = of_seeds**2 / np.maximum(num_seeds - 1, 1) + (whole - of_seeds) ** 2 / np.maximum(num_images - 1, 1)
        return np.divide(whole**2, parts, out=np.ones_like(whole), where=parts > 0)

    def correlation_interval(self, name: str, other: str, positions: Shaped[np.ndarray, "some"]) -> tuple[float, float]:
        """Lower and upper end of the rank correlation of two curves over some of the positions, by percentiles."""
        chosen = np.isin(self.positions, positions)
        pairs = np.stack([self.curves[name][:, chosen], self.curves[other][:, chosen]], 1)
        pairs = pairs[np.isfinite(pairs).all((1, 2))]
        if pairs.shape[2] < 3 or not len(pairs):
            return float("nan"), float("nan")
        ranks = rank(pairs)
        ranks -= ranks.mean(2, keepdims=True)
        size = np.sqrt((ranks**2).sum(2).prod(1))
        values = np.divide((ranks[:, 0] * ranks[:, 1]).sum(1), size, out=np.full(len(size), np.nan), where=size > 0)
        low, high = _percentiles(values[:, None])
        return float(low[0]), float(high[0])


def resample(
    paths: pd.DataFrame,
    measures: tuple[str, ...],
    errors: tuple[str, ...],
    num_resamples: int = NUM_RESAMPLES,
    against: str = "width",
) -> Resamples:
    """Resample seeds and images of one series.

    Args:
        paths: A row for every path, with the columns `seed`, `images` and what the curve is drawn against.
        measures: Columns that are averaged over images and then over seeds.
        errors: Columns that are the same for all paths of a network, and averaged over seeds.
        num_resamples: B.
        against: The column of the positions.
    """
    units = [np.unique(paths[name], return_inverse=True) for name in (against, "seed", "images")]
    (positions, position), (seeds, seed), (images, image) = units
    seed_weights, image_weights = _draw(len(seeds), len(images), num_resamples)
    shape = (len(positions), len(seeds), len(images))
    curves, tables = {}, {}
    for name in (*measures, *errors):
        cells = tables[name] = _table(paths[name].to_numpy(float), (position, seed, image), shape)
        if name in errors:
            known, per_network = _average(cells.transpose(2, 0, 1).reshape(len(images), -1), np.ones((1, len(images))))
            known, per_network = (np.repeat(part, num_resamples, 0) for part in (known, per_network))
            may_vary = (_count(cells, 1) > 1)[None]
            tables[name] = _mean(cells, 2)[..., None]
        else:
            known, per_network = _average(cells.transpose(2, 0, 1).reshape(len(images), -1), image_weights)
            may_vary = ((_count(cells, 1) > 1) | (_count(cells, 2) > 1))[None]
        curves[name] = np.where(may_vary, _average_seeds(known, per_network, seed_weights, len(positions)), np.nan)
    return Resamples(positions=positions, curves=curves, cells=tables)


def _draw(num_seeds: int, num_images: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    """How often each seed (B, S), and each image (B, I), is drawn."""
    generator = np.random.default_rng(_SEED)
    return tuple(  # type: ignore[return-value]
        generator.multinomial(max(size - 1, 1), np.full(size, 1 / size), size=number).astype(float)
        for size in (num_seeds, num_images)
    )


def _table(values: np.ndarray, index: tuple[np.ndarray, ...], shape: tuple[int, ...]) -> Float[np.ndarray, "w s i"]:
    """Mean values by position, seed and image; NaN where there are none."""
    place, known = np.ravel_multi_index(index, shape), np.isfinite(values)
    number = np.bincount(place[known], minlength=int(np.prod(shape)))
    total = np.bincount(place[known], values[known], len(number))
    return np.divide(total, number, out=np.full(len(number), np.nan), where=number > 0).reshape(shape)


def _mean(values: Float[np.ndarray, "..."], axis: int) -> Float[np.ndarray, "..."]:
    """Means of what is known; NaN where nothing is."""
    known = np.isfinite(values)
    number = known.sum(axis)
    total = np.where(known, values, 0.0).sum(axis)
    return np.divide(total, number, out=np.full(number.shape, np.nan), where=number > 0)


def _count(cells: Float[np.ndarray, "w s i"], axis: int) -> Int[np.ndarray, "w"]:
    """How many seeds (axis 1), or images (axis 2), have a value at every position."""
    return np.isfinite(cells).any(3 - axis).sum(1)


def _average(
    values: Float[np.ndarray, "images cells"], weights: Float[np.ndarray, "resamples images"]
) -> tuple[Float[np.ndarray, "resamples cells"], Float[np.ndarray, "resamples cells"]]:
    """Weighted means over images, and whether there is any, as 0 or 1."""
    known = np.isfinite(values)
    total, weight = weights @ np.where(known, values, 0.0), weights @ known
    return (weight > 0).astype(float), np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)


def _average_seeds(
    known: Float[np.ndarray, "resamples cells"],
    per_network: Float[np.ndarray, "resamples cells"],
    weights: Float[np.ndarray, "resamples seeds"],
    num_positions: int,
) -> Float[np.ndarray, "resamples positions"]:
    shape = (len(weights), num_positions, weights.shape[1])
    part = known.reshape(shape) * weights[:, None]
    total, weight = (part * per_network.reshape(shape)).sum(2), part.sum(2)
    return np.divide(total, weight, out=np.full(weight.shape, np.nan), where=weight > 0)


def _percentiles(values: Float[np.ndarray, "resamples n"]) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """Ends (n,) of the intervals; NaN where no resample has a value."""
    ends = np.full((2, values.shape[1]), np.nan)
    some = np.isfinite(values).any(0)
    if some.any():
        ends[:, some] = np.nanquantile(values[:, some], [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return ends[0], ends[1]
