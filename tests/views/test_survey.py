"""Measuring many models on many paths: what a row says, against brute force; going on after a stop."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch

from lrviz.engine.find_pieces import find_path_pieces
from lrviz.engine.workers import Workers, answer_all
from lrviz.errors import LostDigits
from lrviz.measures import requests
from lrviz.measures.sweeps import MEASURES
from lrviz.models.catalogue import load_model
from lrviz.models.images import load_image
from lrviz.models.paths import closed_path
from lrviz.results.store import MemoryStore
from lrviz.views import survey as survey_module
from lrviz.views.selection import PathsSpec, find_models
from lrviz.views.survey import Survey, make_table

NAMES = ("cnn5-w1-noise20", "cnn5-w1-noise20-seed1")
SPECS = tuple(
    PathsSpec.parse(text, num_anchors=3, radius=1) for text in ("closed:samples:0-1", "triplet:samples:3,1,2")
)


def ignore(fraction, text):
    pass


def never():
    return False


def plan():
    return Survey.plan(find_models(NAMES), SPECS)


def test_a_path_that_two_specifications_name_is_measured_once():
    specs = [PathsSpec.parse(text) for text in ("closed:samples:0-1", "closed:samples:1-2", "open:samples:1")]
    paths = [(path.path.kind, path.images) for _, _, path in Survey.plan(find_models(NAMES[:1]), specs).tasks]
    assert paths == [("closed", f"samples:{k}") for k in range(3)] + [("open", "samples:1")]


@pytest.fixture
def count(monkeypatch):
    """How often paths were really searched for pieces."""
    calls = []

    def find(*args, **options):
        calls.append(1)
        return find_path_pieces(*args, **options)

    monkeypatch.setattr(requests, "find_path_pieces", find)
    return calls


def test_every_model_is_measured_on_every_path():
    table = make_table(list(plan().rows(MemoryStore(), progress=ignore, cancelled=never)))
    assert table["model"].tolist() == [name for name in NAMES for _ in range(3)]
    assert table["images"].tolist() == ["samples:0", "samples:1", "samples:3,1,2"] * 2
    assert table["path"].tolist() == ["closed", "closed", "triplet"] * 2
    assert table["num_segments"].tolist() == [3] * 6
    assert table["radius"].tolist() == [1, 1, 0] * 2
    assert table["seed"].tolist() == [0] * 3 + [1] * 3
    assert table.dtypes.to_dict() == make_table([]).dtypes.to_dict()
    card = load_model(NAMES[1]).card
    row = table.iloc[-1]
    assert (row["family"], row["width"], row["test_error"]) == ("cnn5", 1, card.test_error)
    unknown = [f"{name}_sd" for name in MEASURES] + ["input_similarity"]
    assert not table.drop(columns=unknown).isna().any(axis=None)
    assert table["input_similarity"].isna().all()


def brute_force(name, points, samples):
    """Mean over classes and segments of the deviation and the variation, from values on a dense grid."""
    module = load_model(name).module.to(torch.float64)
    t = torch.linspace(0, 1, samples, dtype=torch.float64, device="cpu")[:, None, None, None]
    deviation, variation, lengths = [], [], []
    for start, end in pairwise(points):
        with torch.inference_mode():
            values = torch.cat([module(start + part * (end - start)) for part in t.split(500)]).numpy()
        position, length = t[:, 0, 0].numpy(), float((end - start).norm())
        difference = np.abs(values - ((1 - position) * values[0] + position * values[-1]))
        deviation.append(length * np.trapezoid(difference, position, axis=0).mean())
        variation.append(np.abs(np.diff(values, axis=0)).sum(0).mean())
        lengths.append(length)
    return np.mean(deviation), np.mean(variation), sum(lengths)


def test_a_row_agrees_with_dense_evaluation():
    path = closed_path(load_image("samples:0").image, 3, 1)
    points = load_model(NAMES[0]).normalise(path.points).double()
    deviation, variation, length = brute_force(NAMES[0], points, samples=2501)
    row = next(plan().rows(MemoryStore(), progress=ignore, cancelled=never))
    assert row["length"] == pytest.approx(length)
    assert row["deviation"] == pytest.approx(deviation, rel=1e-4)
    assert row["variation"] == pytest.approx(variation, rel=1e-3)
    assert row["density"] == row["num_pieces"] / row["length"]


def test_chosen_segments_are_an_unbiased_sample_of_the_whole_path(count):
    """The mean of a row over all segments that can be chosen is that of the whole path; every measure of it."""
    store = MemoryStore()
    whole = next(plan().rows(store, progress=ignore, cancelled=never))
    ((name, card, path), *_) = plan().tasks
    tasks = [(name, card, path._replace(segments=(k,))) for k in range(path.path.num_segments)]
    seen = []
    rows = make_table(
        list(Survey(tasks=tuple(tasks)).rows(store, progress=lambda *report: seen.append(report[0]), cancelled=never))
    )
    assert seen == sorted(seen)
    for measure in MEASURES:
        if measure != "input_similarity":
            assert rows[measure].mean() == pytest.approx(whole[measure], rel=1e-12), measure
    assert rows["num_segments"].tolist() == [1] * 3
    assert rows["path_segments"].tolist() == [whole["path_segments"]] * 3 == [3] * 3
    assert rows["path_length"].tolist() == pytest.approx([whole["length"]] * 3)
    assert rows["num_pieces"].sum() == whole["num_pieces"]
    assert len(count) == 4


def test_several_chosen_segments_are_one_row_and_stored_one_by_one(count):
    ((name, card, path), *_) = plan().tasks
    store = MemoryStore()
    survey = Survey(tasks=((name, card, path._replace(segments=(0, 2))),))
    (row,) = survey.rows(store, progress=ignore, cancelled=never)
    assert (row["num_segments"], row["path_segments"], len(count)) == (2, 3, 2)
    assert np.isfinite(row["deviation_sd"])
    assert row["density"] == pytest.approx(row["num_pieces"] / 2 * 3 / row["path_length"])
    more = Survey(tasks=((name, card, path._replace(segments=(0, 1))),))
    list(more.rows(store, progress=ignore, cancelled=never))
    assert len(count) == 3


def test_what_cannot_be_measured_is_told_once_and_the_rest_is_measured(monkeypatch):
    ((name, card, path), *_) = plan().tasks
    tasks = tuple((name, card, path._replace(segments=segments)) for segments in (None, (0, 2), (1,)))
    refusals = []

    def find(program, points, **options):
        if len(points) == 2 and not np.array_equal(points, whole[1:3]):
            raise LostDigits("No digit is left.")
        return find_path_pieces(program, points, **options)

    whole = load_model(name).normalise(path.path.points)
    monkeypatch.setattr(requests, "find_path_pieces", find)
    survey = Survey(tasks=tasks)
    rows = list(survey.rows(MemoryStore(), refused=lambda task, error: refusals.append((task, str(error)))))
    assert [row["num_segments"] for row in rows] == [3, 1]
    assert refusals == [(tasks[1], "No digit is left.")]
    with pytest.raises(LostDigits):
        list(survey.rows(MemoryStore()))


def test_attacks_and_directions_are_measured():
    specs = [PathsSpec.parse(text, radius=0.5) for text in ("attack:samples:0", "direction:samples:0")]
    survey = Survey.plan(find_models(NAMES[:1]), specs, gradients=True)
    table = make_table(list(survey.rows(MemoryStore(), progress=ignore, cancelled=never)))
    assert table["path"].tolist() == ["attack", "direction"]
    assert table["num_segments"].tolist() == [1, 1]
    assert (table["length"] > 0).all()
    assert np.isfinite(table["input_similarity"]).all()
    assert table["slope"][0] > table["slope"][1]


def test_a_stopped_survey_goes_on_from_the_store(count):
    store = MemoryStore()
    rows = plan().rows(store, progress=ignore, cancelled=never)
    first = [next(rows) for _ in range(4)]
    rows.close()
    assert len(count) == 4
    again = list(plan().rows(store, progress=ignore, cancelled=never))
    assert len(count) == 6
    pd.testing.assert_frame_equal(make_table(again[:4]), make_table(first), check_exact=True)
    list(plan().rows(store, progress=ignore, cancelled=never))
    assert len(count) == 6


def test_workers_give_the_same_rows_in_the_same_order(monkeypatch):
    def backwards(requests, store, *, workers, **_):
        assert workers.number == 2
        return reversed(list(answer_all(requests, store)))

    store = MemoryStore()
    here = make_table(list(plan().rows(store)))
    monkeypatch.setattr(survey_module, "answer_all", backwards)
    there = make_table(list(plan().rows(store, workers=Workers(number=2))))
    pd.testing.assert_frame_equal(there, here, check_exact=True)


def test_a_path_that_is_cancelled_midway_gives_no_row_and_is_not_stored(count):
    store, answers = MemoryStore(), iter([False] * 3)
    rows = plan().rows(store, progress=ignore, cancelled=lambda: next(answers, True))
    assert list(rows) == []
    assert len(store) == 1  # the converted network
    assert len(list(plan().rows(store, progress=ignore, cancelled=never))) == 6


def test_progress_counts_paths_and_names_them():
    seen = []
    list(plan().rows(MemoryStore(), progress=lambda *report: seen.append(report), cancelled=never))
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert 5 / 6 <= fractions[-1] <= 1
    assert seen[0][1] == "cnn5-w1-noise20, closed samples:0 (1 of 6 paths)"
