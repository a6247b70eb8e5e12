"""Tables hold every region with all digits."""

import csv

import numpy as np
import pytest

from lrviz.engine.find_regions import find_regions
from lrviz.measures.path import mean_and_spread
from lrviz.measures.tables import PER_CLASS, measure_classes, measure_regions, measure_segments, save_csv
from lrviz.measures.window import colour_values, slope_norm
from lrviz.results.pieces import PathMeasures
from tests.cases import CASES


@pytest.fixture(scope="module")
def regions():
    case = CASES[0]
    return find_regions(case.program, case.plane(), case.window())


def test_a_table_gives_the_measures_back(regions, tmp_path):
    save_csv(tmp_path / "table.csv", measure_regions(regions))
    with (tmp_path / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(regions) > 1
    assert [int(row["pattern"], 16) for row in rows] == regions.pattern.tolist()
    assert [int(row["class"]) for row in rows] == regions.predicted.tolist()
    assert [int(row["corners"]) for row in rows] == [len(regions.polygon(index)) for index in range(len(regions))]
    for name, expected in {
        "area": regions.area,
        "u": regions.centroid[:, 0],
        "v": regions.centroid[:, 1],
        "slope": slope_norm(regions),
        "slope_margin": slope_norm(regions, "margin"),
        "deviation": colour_values(regions, "deviation"),
        "jump": colour_values(regions, "jump"),
    }.items():
        np.testing.assert_array_equal([float(row[name]) for row in rows], expected, err_msg=name)


def test_classes_are_named(regions):
    names = tuple(f"class {index}" for index in range(regions.num_outputs))
    assert measure_regions(regions, names)["class"].tolist() == [names[index] for index in regions.predicted]


def path_measures():
    generator = np.random.default_rng(0)
    return PathMeasures(
        num_pieces=np.array([10, 30]),
        length=np.array([2.0, 3.0]),
        joint_similarity=np.array([0.5, np.nan]),
        **{name: generator.random((2, 3)) for name in PER_CLASS},
    )


def test_segments_have_their_means_and_every_class():
    measures = path_measures()
    columns = measure_segments(measures, ("a", "b", "c"))
    assert {len(column) for column in columns.values()} == {2}
    np.testing.assert_array_equal(columns["density"], [5.0, 10.0])
    np.testing.assert_array_equal(columns["variation_b"], measures.variation[:, 1])
    np.testing.assert_allclose(columns["deviation"], measures.deviation.mean(1))
    np.testing.assert_allclose(columns["mean_difference"] * measures.length, measures.deviation.mean(1))
    np.testing.assert_array_equal(columns["joint_similarity"], measures.joint_similarity)
    np.testing.assert_array_equal(columns["jump_c"], measures.jump[:, 2])


def test_every_output_has_a_column_whatever_the_names_are():
    columns = measure_segments(path_measures(), ("cat", "cat"))
    assert [name for name in columns if name.startswith("jump_")] == ["jump_cat (0)", "jump_cat (1)", "jump_2"]
    assert measure_classes(path_measures(), ("cat",))["class"].tolist() == ["cat", "1", "2"]


def test_names_may_be_fewer_than_outputs(regions):
    found = measure_regions(regions, ("first",))["class"]
    assert set(found) <= {"first", *map(str, range(1, regions.num_outputs))}


def test_classes_have_means_and_standard_deviations_over_segments():
    measures = path_measures()
    columns = measure_classes(measures, ("a", "b", "c"))
    assert columns["class"].tolist() == ["a", "b", "c"]
    first, second = measures.deviation
    np.testing.assert_allclose(columns["deviation"], (first + second) / 2)
    np.testing.assert_allclose(columns["deviation_sd"], np.abs(first - second) / np.sqrt(2))
    np.testing.assert_allclose(columns["mean_difference"], (first + second) / 5)


def test_means_are_of_the_segments_that_have_a_value():
    values = np.array([[1.0, np.nan, np.nan], [3.0, 5.0, np.nan]])
    mean, spread = mean_and_spread(values)
    np.testing.assert_array_equal(mean, [2, 5, np.nan])
    np.testing.assert_allclose(spread, [np.sqrt(2), np.nan, np.nan])
