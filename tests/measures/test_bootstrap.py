"""Intervals against resampling by hand, known standard errors, and the truth that they should hold."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lrviz.measures import bootstrap
from lrviz.measures.bootstrap import resample
from lrviz.measures.sweeps import MEASURES, SERIES, aggregate, correlations
from tests.measures.test_sweeps import row, sweep, table


def paths(widths=(1, 2, 3), seeds=(0, 1, 2), images=("a", "b", "c", "d"), generator=None):
    generator = generator or np.random.default_rng(0)
    return pd.DataFrame(
        {"width": w, "seed": s, "images": i, "x": generator.normal(), "test_error": 0.1 * w + 0.01 * s}
        for w in widths
        for s in seeds
        for i in images
    )


def average(data):
    """Over images, then over seeds; as a dictionary by width."""
    return data.groupby(["width", "seed"])["x"].mean().groupby("width").mean()


def test_every_resample_is_the_average_of_what_was_drawn():
    """Seeds and images are drawn once for all widths; missing paths are left out."""
    data = paths().drop(index=[0, 5, 17]).reset_index(drop=True)
    found = resample(data, ("x",), ("test_error",), num_resamples=50)
    seed_weights, image_weights = bootstrap._draw(3, 4, 50)
    assert (seed_weights.sum(1) == 2).all() and (image_weights.sum(1) == 3).all()
    for b in range(50):
        drawn = []
        for number, seed in enumerate(np.repeat(np.arange(3), seed_weights[b].astype(int))):
            for image in np.repeat(["a", "b", "c", "d"], image_weights[b].astype(int)):
                drawn.append(data[(data["seed"] == seed) & (data["images"] == image)].assign(seed=number))
        expected = average(pd.concat(drawn))
        for k, width in enumerate((1, 2, 3)):
            assert found.curves["x"][b, k] == pytest.approx(expected.get(width, np.nan), nan_ok=True)
        errors = [0.01 * seed for seed in np.repeat(np.arange(3), seed_weights[b].astype(int))]
        np.testing.assert_allclose(found.curves["test_error"][b], 0.1 * np.arange(1, 4) + np.mean(errors))


def test_an_interval_over_many_images_is_that_of_the_mean():
    data = paths(widths=(1,), seeds=(0,), images=range(400))
    low, high = (end[0] for end in resample(data, ("x",), ()).interval("x"))
    error = data["x"].std() / 20
    assert (low, high) == pytest.approx((data["x"].mean() - 1.96 * error, data["x"].mean() + 1.96 * error), abs=0.02)
    assert resample(data, ("x",), ()).standard_error("x")[0] == pytest.approx(error, rel=0.1)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    """Networks and images both add something of their own to every value; the truth is 0."""
    generator, held = np.random.default_rng(1), []
    seeds, images = np.repeat(np.arange(20), 20), np.tile(np.arange(20), 20)
    for _ in range(100):
        noise = generator.normal(size=20)[seeds] + generator.normal(size=20)[images] + generator.normal(size=400)
        data = pd.DataFrame({"width": 1, "seed": seeds, "images": images, "x": noise})
        low, high = resample(data, ("x",), (), num_resamples=300).interval("x")
        held.append(low[0] <= 0 <= high[0])
    assert 0.88 <= np.mean(held) <= 1


@pytest.mark.parametrize("name", ["x", "test_error"])
def test_intervals_over_three_seeds_hold_the_truth_as_often(name):
    """Percentiles would hold it in three cases of four; the standard error is right on average as well."""
    generator, held, variance = np.random.default_rng(1), [], []
    seeds, images = np.repeat(np.arange(3), 22), np.tile(np.arange(22), 3)
    for _ in range(200):
        of_seeds = generator.normal(size=3)[seeds]
        noise = of_seeds + generator.normal(size=22)[images] + generator.normal(size=66)
        data = pd.DataFrame({"width": 1, "seed": seeds, "images": images, "x": noise, "test_error": of_seeds})
        found = resample(data, ("x",), ("test_error",), num_resamples=300)
        low, high = found.interval(name)
        held.append(low[0] <= 0 <= high[0])
        variance.append(found.standard_error(name)[0] ** 2)
    assert 0.9 <= np.mean(held) <= 0.99
    assert np.mean(variance) == pytest.approx(1 / 3 + (name == "x") * (1 / 22 + 1 / 66), rel=0.15)


def test_images_that_all_networks_share_do_not_make_differences_unsure():
    """One curve is above the other on every image; their rank correlation is sure though each value is not."""
    generator = np.random.default_rng(2)
    images = 10 * generator.normal(size=30)
    data = pd.DataFrame(
        {"width": w, "seed": s, "images": i, "x": images[i] + w, "test_error": 0.1 * w}
        for w in (1, 2, 3, 4)
        for s in (0, 1)
        for i in range(30)
    )
    found = resample(data, ("x",), ("test_error",))
    low, high = found.interval("x")
    assert (high - low).min() > 3
    assert found.correlation_interval("x", "test_error", np.array([1, 2, 3, 4])) == pytest.approx((1, 1))
    assert found.correlation_interval("x", "test_error", np.array([2, 3, 4])) == pytest.approx((1, 1))
    assert np.isnan(found.correlation_interval("x", "test_error", np.array([2, 3]))).all()


def test_correlations_of_resamples_equal_scipys():
    data = paths(widths=range(6))
    found = resample(data, ("x",), ("test_error",), num_resamples=40)
    expected = [
        stats.spearmanr(one, other).statistic
        for one, other in zip(found.curves["x"], found.curves["test_error"], strict=True)
    ]
    received = found.correlation_interval("x", "test_error", np.arange(6))
    assert received == pytest.approx(np.quantile(expected, [0.025, 0.975]))


def test_what_cannot_be_drawn_anew_has_no_interval():
    one = resample(paths(seeds=(0,), images=("a",)), ("x",), ("test_error",))
    assert np.isnan(one.interval("x")).all() and np.isnan(one.interval("test_error")).all()
    seed = resample(paths(seeds=(0,)), ("x",), ("test_error",))
    assert np.isfinite(seed.interval("x")).all() and np.isnan(seed.interval("test_error")).all()
    unknown = resample(paths().assign(x=np.nan), ("x",), ("test_error",))
    assert np.isnan(unknown.interval("x")).all() and np.isfinite(unknown.interval("test_error")).all()


def test_a_seed_that_only_one_width_lacks_is_left_out_there():
    data = paths()
    data = data[~((data["width"] == 2) & (data["seed"] == 1))]
    found = resample(data, ("x",), ("test_error",))
    low, high = found.interval("test_error")
    assert (low[1] + high[1]) / 2 == pytest.approx(0.21) and 0.01 < high[1] - low[1] < 0.3
    assert np.isnan(found.curves["test_error"][:, 1]).any() and not np.isnan(found.curves["test_error"][:, 0]).any()


def test_averages_carry_their_intervals():
    data = sweep(paths=(0, 1, 2)).assign(images=lambda t: t["image_index"].astype(str))
    result = aggregate(data)
    for name in ("density", "deviation", "test_error"):
        assert (result[f"{name}_low"] <= result[name] + 1e-9).all()
        assert (result[f"{name}_high"] >= result[name] - 1e-9).all()
        middle = (result[f"{name}_low"] + result[f"{name}_high"]) / 2
        np.testing.assert_allclose(middle[result[f"{name}_low"] > 0], result[name][result[f"{name}_low"] > 0])
        assert (result[f"{name}_low"] >= 0).all()
    reach = stats.t.ppf(0.975, 1) * result["test_error_se"]
    np.testing.assert_allclose(result["test_error_high"], result["test_error"] + reach)
    pd.testing.assert_frame_equal(aggregate(data), result, check_exact=True)
    empty = aggregate(table([row(status="cancelled")]))
    assert len(empty) == 0 and "density_low" in empty.columns


def test_rank_correlations_carry_their_intervals():
    data = sweep(paths=(0, 1, 2)).assign(images=lambda t: t["image_index"].astype(str))
    found = correlations(aggregate(data), data)
    rows = found[found["range"] == "all"].set_index("measure")
    assert rows.loc["deviation", ["low", "high"]].tolist() == pytest.approx([1, 1])
    assert rows.loc["density", ["low", "high"]].tolist() == pytest.approx([-0.5, -0.5])
    assert correlations(aggregate(data))["low"].isna().all()
    assert len(found) % len(MEASURES) == 0 and set(SERIES) <= set(found.columns)
