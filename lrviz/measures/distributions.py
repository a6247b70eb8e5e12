"""How a measure is distributed over paths, and how far the distributions of two kinds of images lie apart."""

from itertools import combinations

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy import stats

from lrviz.errors import InvalidData
from lrviz.measures.sweeps import MEASURES
from lrviz.results.status import Status

NETWORK = ("model", "path", "num_anchors", "radius", "num_segments")
"""What the paths of one distribution have in common, but for the kind of their images."""


def distribution(values: Float[np.ndarray, "n"]) -> tuple[Float[np.ndarray, "m"], Float[np.ndarray, "m"]]:
    """The empirical distribution: the finite values in ascending order, and the share of values up to each.

    >>> distribution(np.array([3.0, 1.0, np.nan, 2.0, 1.0]))
    (array([1., 1., 2., 3.]), array([0.25, 0.5 , 0.75, 1.  ]))
    """
    ordered = np.sort(values[np.isfinite(values)])
    return ordered, np.arange(1, len(ordered) + 1) / max(len(ordered), 1)


def compare_images(table: pd.DataFrame, measure: str = "deviation") -> pd.DataFrame:
    """The two-sample Kolmogorov-Smirnov statistic of a measure between kinds of images, for every network.

    It is the largest difference of the two empirical distributions over paths: 0 where they are the same, 1 where all
    values of one lie below those of the other.

    Args:
        table: As from `lrviz.measures.sweeps.read_results`.
        measure: One of `lrviz.measures.sweeps.MEASURES`.

    Returns:
        A row for every network and pair of kinds: `NETWORK`, `one`, `other` (values of `image_kind`), `num_one`,
        `num_other` (paths), `statistic`, `p_value` (of one common distribution, exact for few paths).

    Raises:
        InvalidData: There is no such measure.
    """
    if measure not in MEASURES:
        raise InvalidData(f"Expected a measure among {', '.join(MEASURES)}; got {measure!r}. Choose one of them.")
    known = table[(table["status"] == Status.COMPLETE) & np.isfinite(table[measure])]
    rows = []
    for network, paths in known.groupby(list(NETWORK), sort=False):
        kinds = {str(kind): values.to_numpy() for kind, values in paths.groupby("image_kind")[measure]}
        for one, other in combinations(kinds, 2):
            found = stats.ks_2samp(kinds[one], kinds[other])
            rows.append(
                dict(zip(NETWORK, network, strict=True))
                | {"one": one, "other": other, "num_one": len(kinds[one]), "num_other": len(kinds[other])}
                | {"statistic": float(found.statistic), "p_value": float(found.pvalue)}
            )
    columns = [*NETWORK, "one", "other", "num_one", "num_other", "statistic", "p_value"]
    return pd.DataFrame(rows, columns=columns)
