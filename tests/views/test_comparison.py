"""A comparison is one value: it survives its link, refuses nonsense, and averages over seeds."""

import json
from dataclasses import replace

import numpy as np
import pytest

from lrviz.errors import InvalidView
from lrviz.measures.boundary import class_areas, find_boundary
from lrviz.measures.summary import summary
from lrviz.results.status import Status
from lrviz.views.comparison import ERRORS, MEASURES, Member, compare, spread_over_seeds
from lrviz.views.view import View
from tests.pictures import regions

VIEW = View(
    page="compare", models=("cnn5-w2", "folder/other file.safetensors", "cnn5-w8"),
    images=("samples:0", "samples:1", "samples:2"), center=(0.1 + 0.2, -4.0), half_width=1 / 3,
    colour="jump", class_index=2, max_regions=5000,
)  # fmt: skip


def member(width, seed=0, **values):
    found = replace(summary(regions()), **values)
    return Member(
        model=f"w{width}-s{seed}", width=width, seed=seed, train_error=0.1 * (seed or 0), test_error=0.5, summary=found,
        boundary=find_boundary(regions()),
    )  # fmt: skip


def test_a_link_is_read_as_it_was_written():
    assert View.from_query(VIEW.to_query()) == VIEW
    assert View.from_query({**VIEW.to_query(), "page": "2"}) == VIEW
    assert json.loads(VIEW.to_json()) == VIEW.to_query()


def test_every_model_has_the_same_view():
    assert [view.models for view in VIEW.each] == [(name,) for name in VIEW.models]
    assert len({replace(view, models=("same",)) for view in VIEW.each}) == 1
    assert VIEW.model == VIEW.models[0]


@pytest.mark.parametrize(
    ("models", "words"),
    [((), "at least one"), (("a", "b", "a"), "once"), (("a,b",), "comma")],
)
def test_wrong_models_are_refused(models, words):
    with pytest.raises(InvalidView, match=words):
        replace(VIEW, models=models)


@pytest.mark.parametrize("change", [{"models": ""}, {"models": " , "}, {"b": ""}, {"half_width": "wide"}])
def test_a_damaged_link_is_refused(change):
    with pytest.raises(InvalidView):
        View.from_query({**VIEW.to_query(), **change}, "compare")


def test_what_a_network_has_not_is_not_shown():
    assert not {"width", "seed"} & {*compare([member(0, None)])}
    assert compare([member(0, None), member(8, 1)])["width"].tolist()[1] == 8
    assert np.isnan(compare([member(0, None), member(8, 1)])["seed"][0])


def test_the_table_has_a_row_for_every_model():
    table = compare([member(2), member(8, seed=1)])
    assert {len(column) for column in table.values()} == {2}
    assert table["width"].tolist() == [2, 8]
    assert table["train_error"].tolist() == [0.0, 0.1]
    assert table["num_regions"].tolist() == [len(regions())] * 2
    assert table["mean_slope"][0] == summary(regions()).mean_slope
    assert {*MEASURES, *ERRORS} <= table.keys()


def test_the_agreement_is_that_with_the_first_model():
    """A network that always predicts class 0 agrees where the other one does, and not at all with what is partial."""
    found = regions()
    first = np.arange(found.num_outputs) == 0
    constant = replace(found, bias=np.where(first, 1.0, 0.0) * np.ones((len(found), 1)), slope=0 * found.slope)
    other, partial = (
        replace(member(8), boundary=find_boundary(each)) for each in (constant, replace(found, status=Status.CANCELLED))
    )
    share = class_areas(find_boundary(found))[0] / found.area.sum()
    agreement = compare([member(2), member(4), other, partial])["agreement"]
    np.testing.assert_allclose(agreement, [1, 1, share, np.nan], rtol=1e-9)
    assert 0 < share < 1


def test_a_spread_is_the_mean_and_standard_deviation_over_seeds():
    members = [
        member(8, 0, mean_slope=1.0), member(8, 1, mean_slope=4.0), member(2, 0, mean_slope=2.0),
        member(8, 2, mean_slope=np.nan), member(3, 0, mean_slope=np.nan),
    ]  # fmt: skip
    found = spread_over_seeds(members, "mean_slope")
    assert found.widths.tolist() == [2, 8]
    assert found.mean.tolist() == [2.0, 2.5]
    np.testing.assert_allclose(found.sd, [np.nan, np.sqrt(4.5)])
