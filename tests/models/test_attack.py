"""Attacks on networks against closed forms, and their bounds on a trained one."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from lrviz.errors import InvalidPath
from lrviz.models.attack import Attack, direction_path, find_attack
from lrviz.models.catalogue import Model, load_model
from lrviz.models.images import load_image
from lrviz.network.program import Program


def linear(weights: np.ndarray) -> tuple[Model, Program]:
    """Two outputs, weights @ x and its negative, of images that are not normalised."""
    layer = nn.Linear(weights.size, 2, bias=False).double()
    with torch.no_grad():
        layer.weight.copy_(torch.as_tensor(np.stack([weights.ravel(), -weights.ravel()])))
    program = Program.from_module(nn.Sequential(nn.Flatten(), layer), torch.zeros(1, *weights.shape, device="cpu"))
    model = load_model("cnn5-w1-noise20")
    return replace(model, name="linear", input_shape=weights.shape, mean=(0.0,), std=(1.0,)), program


def test_an_attack_on_a_linear_network_goes_straight_down_its_gradient():
    weights = np.array([[[3.0, 0.0], [0.0, 4.0]]])
    image = np.full((1, 2, 2), 0.5)
    end = find_attack(*linear(weights), image, 0.2)
    np.testing.assert_allclose(end, image - 0.2 * weights / 5, atol=1e-9)


def test_an_attack_stays_among_images():
    """Where a pixel cannot fall any further, the attack goes as far as it can in the others."""
    weights = np.array([[[3.0, 0.0], [0.0, 4.0]]])
    image = np.array([[[0.01, 0.5], [0.5, 0.9]]])
    end = find_attack(*linear(weights), image, 0.2)
    assert end[0, 0, 0] == 0
    assert 0.15 < 0.9 - end[0, 1, 1] <= 0.2 + 1e-12
    assert np.linalg.norm(end - image) <= 0.2 + 1e-12


def test_an_attack_on_numbers_that_are_no_image_goes_no_further_than_its_distance():
    weights, start = np.array([3.0, 4.0]), np.array([-2.0, 5.0])
    end = find_attack(*linear(weights), start, 0.5)
    np.testing.assert_allclose(np.abs(end - start), [0.3, 0.4], atol=1e-9)


def test_a_network_that_does_not_change_cannot_be_attacked():
    with pytest.raises(InvalidPath, match="linear does not"):
        find_attack(*linear(np.zeros((1, 2, 2))), np.full((1, 2, 2), 0.5), 0.2)


@pytest.mark.parametrize("sample", [0, 3])
def test_an_attack_on_a_trained_network_beats_random_directions(sample):
    model = load_model("cnn5-w4-noise20")
    program, image = model.program(), load_image(f"samples:{sample}").image
    path = Attack(image=image, distance=0.25).on(model, program)
    start, end = path.points
    np.testing.assert_allclose(start, image / 255)
    assert np.linalg.norm(end - start) == pytest.approx(0.25, rel=1e-6)
    assert end.min() >= 0 and end.max() <= 1
    assert (path.kind, path.num_segments) == ("attack", 1)
    np.testing.assert_array_equal(Attack(image=image, distance=0.25).on(model, program).points, path.points)
    ends = [end, *(direction_path(image, 0.25, seed).points[1] for seed in range(20))]
    logits = program(model.normalise(torch.as_tensor(np.stack([start, *ends]))))
    loss = nn.functional.cross_entropy(logits[1:], logits[:1].argmax(1).expand(21), reduction="none")
    assert loss[0] > 2 * loss[1:].max()


def test_an_attack_too_small_for_float64_is_refused():
    model, program = linear(np.array([[[3.0, 0.0], [0.0, 4.0]]]))
    with pytest.raises(InvalidPath, match="changes no pixel in float64"):
        find_attack(model, program, np.full((1, 2, 2), 0.5), 1e-300)


@pytest.mark.parametrize("distance", [0.0, -1.0, float("nan"), float("inf")])
def test_distances_that_lead_nowhere_are_refused(distance):
    image = load_image("samples:0").image
    for make in (lambda: Attack(image=image, distance=distance), lambda: direction_path(image, distance, 0)):
        with pytest.raises(InvalidPath, match="A distance above 0"):
            make()


@pytest.mark.parametrize("scale", [1, 100, 1e6])
def test_an_attack_goes_the_same_way_however_sure_a_network_is(scale):
    """The cross-entropy of a network that is sure is flat in float64."""
    weights = np.random.default_rng(0).normal(size=(3, 4, 4))
    model, program = linear(scale * weights)
    image = np.full(weights.shape, 0.5)
    sign = 1 if (weights * image).sum() > 0 else -1
    expected = image - 0.1 * sign * weights / np.linalg.norm(weights)
    np.testing.assert_allclose(find_attack(model, program, image, 0.1), expected, atol=1e-9)
