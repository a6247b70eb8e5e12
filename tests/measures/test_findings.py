"""What is said of a series."""

import numpy as np
import pytest

from lrviz.measures.findings import describe, find_fitted, find_peak, find_threshold
from lrviz.measures.sweeps import aggregate, correlations
from tests.measures.test_sweeps import curve, row, sweep, table

FITTED = [0.5, *[0.0] * 6]
FALLING = [0.7, 0.69, 0.66, 0.63, 0.6, 0.57, 0.54]


def claim(density, deviation, train_error=FITTED):
    rows = [
        row(width=k + 1, test_error=error, train_error=train_error[k], seed=seed, images=str(i))
        | {"density": density[k] + i, "deviation": deviation[k] + i}
        for k, error in enumerate(FALLING)
        for seed in (0, 1)
        for i in (0, 1, 2)
    ]
    data = table(rows)
    means = aggregate(data)
    return describe(means, correlations(means, data)).partition("Over ")[2]


def test_the_claim_is_seen_where_it_is_there():
    said = claim(density=[10 * k for k in range(7)], deviation=[5, *range(60, 0, -10)])
    assert said.startswith("the 6 that fit their labels, the deviation follows the test error (ρ = +1.00, +1.00 to")
    assert "the density goes against the test error (ρ = -1.00" in said


def test_the_claim_is_not_seen_where_it_is_not_there():
    said = claim(density=[10 * k for k in range(7)], deviation=[5, 10, 60, 20, 50, 30, 40])
    assert "the deviation has no sure relation to the test error" in said
    against = claim(density=[10 * k for k in range(7)], deviation=[10 * k for k in range(7)])
    assert "the deviation goes against the test error" in against


def test_few_networks_show_nothing_surely():
    said = claim(
        density=[10 * k for k in range(7)], deviation=[5, *range(60, 0, -10)], train_error=[0.5, 0.5, 0.5, 0.5, 0, 0, 0]
    )
    assert said.startswith("the 3 that fit their labels, the deviation has no sure relation")
    assert claim([1] * 7, [2] * 7).endswith("no correlation can be told.")
    two = claim([10 * k for k in range(7)], [70 - 10 * k for k in range(7)], train_error=[*[0.5] * 5, 0, 0])
    assert two.startswith("all 7, the deviation follows")
    unfitted = claim([10 * k for k in range(7)], [70 - 10 * k for k in range(7)], train_error=[0.5] * 7)
    assert unfitted.startswith("all 7, the deviation follows")


def test_one_network_of_each_kind_shows_nothing_surely():
    data = table(row(width=k + 1, test_error=error, density=k, deviation=9 - k) for k, error in enumerate(FALLING))
    said = describe(aggregate(data), correlations(aggregate(data), data))
    unsure = "has no sure relation to the test error (ρ = +1.00, no interval over one seed, p < 0.001)"
    assert f"the deviation {unsure}" in said


def test_nothing_is_claimed_without_correlations():
    assert "Over" not in describe(curve([0.6, 0.7, 0.5], density=[1, 2, 3], deviation=[1, 3, 2]))


@pytest.mark.parametrize(
    ("against", "positions", "words"),
    [
        ("epochs", [1, 10, 100], ("peaks at epoch 10", "to 0.500 at epoch 100", "from epoch 10 on")),
        ("sparsity", [0.0, 0.5, 0.9], ("peaks at sparsity 50%", "to 0.500 at sparsity 90%", "at the sparsest network")),
    ],
)
def test_words_follow_what_the_series_is_drawn_against(against, positions, words):
    means = aggregate(sweep()).assign(against=against, train_error=[0.6, 0.0, 0.0], **{against: positions})
    assert (find_peak(means), find_threshold(means)) == (positions[1], positions[1])
    for word in words:
        assert word in describe(means)


@pytest.mark.parametrize(
    ("train_error", "fitted", "words"),
    [
        ([0.6, 0.0, 0.0], [0.5, 0.9], "from sparsity 50% on the networks fit"),
        ([0.0, 0.0, 0.6], [0.0, 0.5], "up to sparsity 50% the networks fit"),
        ([0.0, 0.0, 0.0], [0.0, 0.5, 0.9], "all networks fit"),
        ([0.6, 0.0, 0.6], [], "no network"),
    ],
)
def test_the_networks_that_fit_their_labels_may_be_the_first_ones(train_error, fitted, words):
    means = aggregate(sweep()).assign(against="sparsity", train_error=train_error, sparsity=[0.0, 0.5, 0.9])
    assert find_fitted(means) == fitted
    assert words in describe(means)
    ranked = correlations(curve([0.5] * 3, train_error)).query("range == 'labels fitted' and measure == 'density'")
    assert ranked["num_points"].tolist() == ([len(fitted)] if fitted else [])


@pytest.mark.parametrize("unknown", [[np.nan] * 3, [0.5, np.nan, 0.0]])
def test_networks_of_unknown_errors_are_not_said_to_fit_their_labels(unknown):
    means = aggregate(sweep()).assign(train_error=unknown)
    assert find_fitted(means) == ([] if np.isnan(unknown[-1]) else [4])
    assert "which networks fit their training labels is unknown" in describe(means)
    said = describe(means.assign(test_error=np.nan))
    assert "from unknown at width 1 to unknown at width 4" in said and "nan" not in said
    assert "The test error is unknown at the only width" in describe(means[:1].assign(test_error=np.nan))
