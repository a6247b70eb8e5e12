"""The estimate against the count."""

import pytest

from lrviz.engine.estimate import estimate_regions
from lrviz.engine.find_regions import find_regions
from tests.cases import CASE


@pytest.mark.parametrize("name", ["mlp-50-50", "mlp-16-inputs", "residual", "cnn"])
def test_the_estimate_is_of_the_right_size(name: str) -> None:
    """A few points cannot do better than a factor of two on a window of some hundred regions."""
    case = CASE[name]
    estimate = estimate_regions(case.program, case.plane(), case.window())
    number = len(find_regions(case.program, case.plane(), case.window()))
    assert number / 2.5 < estimate.num_regions < 2.5 * number
    assert estimate.seconds > 0


@pytest.mark.parametrize("name", ["twin-units", "twin-filters", "one-line", "constant-images"])
def test_units_that_change_on_one_line_count_once(name: str) -> None:
    test_the_estimate_is_of_the_right_size(name)


def test_an_affine_network_has_one_region() -> None:
    case = CASE["no-relu"]
    assert estimate_regions(case.program, case.plane(), case.window()).num_regions == 1
