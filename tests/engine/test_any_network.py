"""Networks of every supported operation x windows x weights: everything that a result promises, or a clear refusal.

`LRVIZ_FUZZ=10000 python -m pytest -n0 -s tests/engine/test_any_network.py` tries 10,000 new ones, for hours, and
says what came of them.
"""

import contextlib
import itertools
import math
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch import nn

from lrviz.engine.find_pieces import find_pieces
from lrviz.engine.find_regions import find_regions
from lrviz.errors import LostDigits, LrvizError
from lrviz.geometry.plane import Plane, Window
from lrviz.network import rounding
from lrviz.network.program import Program
from lrviz.tolerance import TOLERANCE
from tests.cases import dense, flat_plane
from tests.engine.test_random_networks import Scene, assert_pieces, assert_right, assert_same, tiled

WINDOWS = ("ordinary", "tiny", "huge", "thin", "rotated", "far away", "triangle")
WEIGHTS = ("normal", "zeros", "twins", "whole", "signs", "scales", "extreme scales")
MOST = 600
"""Cases of more regions are not looked at."""

NUMBER = int(os.environ.get("LRVIZ_FUZZ") or 70)

BENDS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": F.relu,
    "leaky": lambda x: F.leaky_relu(x, 0.2),
    "relu6": lambda x: F.relu6(3 * x),
    "abs": torch.abs,
    "hardtanh": F.hardtanh,
    "hardsigmoid": F.hardsigmoid,
    "clamp": lambda x: x.clamp(-0.3, 0.4),
    "where": lambda x: torch.where(x > 0, x, -0.5 * x),
    "maximum": lambda x: torch.maximum(x, x.flip(1)),
    "minimum": lambda x: torch.minimum(x, 0.5 * x.roll(1, 1)),
    "maxout": lambda x: x.unflatten(1, (-1, 2)).amax(2).repeat_interleave(2, 1),
    "pool": lambda x: F.max_pool2d(x, 3, 1, 1) if x.ndim == 4 else F.max_pool1d(x[:, None], 3, 1, 1)[:, 0],
    "gate": lambda x: F.hardsigmoid(F.hardtanh(x)) - F.relu(-x),
}
"""What bends, of (n, channels) and of (n, channels, 4, 4), and keeps the shape."""

SATURATING = {"relu6", "hardtanh", "hardsigmoid", "clamp", "gate"}
"""Bends at thresholds of their own; where inputs are 1e12 times as large, float64 keeps too few digits of them."""

STEPS: dict[str, Callable[[int], nn.Module]] = {
    "linear": lambda n: nn.Linear(n, n),
    "normalised": lambda n: nn.Sequential(nn.Linear(n, n), nn.BatchNorm1d(n)),
    "shuffled": lambda n: nn.Sequential(nn.Linear(n, n), nn.Unflatten(1, (2, -1)), Swapped(), nn.Flatten()),
}
IMAGE_STEPS: dict[str, Callable[[int], nn.Module]] = {
    "convolution": lambda n: nn.Conv2d(n, n, 3, padding=1),
    "padded": lambda n: nn.Sequential(nn.ReplicationPad2d(1), nn.Conv2d(n, n, 3)),
    "grouped": lambda n: nn.Sequential(nn.Conv2d(n, n, 3, padding=1, groups=n), nn.BatchNorm2d(n)),
    "transposed": lambda n: nn.Sequential(nn.Conv2d(n, n, 2, 2), nn.ConvTranspose2d(n, n, 2, 2)),
    "upsampled": lambda n: nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(n, n, 1), nn.Upsample(scale_factor=2)),
    "blurred": lambda n: nn.Sequential(nn.Conv2d(n, n, 1), nn.AdaptiveAvgPool2d(3), nn.Upsample(4, mode="bilinear")),
    "mixed pixels": lambda n: nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(4 * n, 4 * n, 1), nn.PixelShuffle(2)),
}


class Swapped(nn.Module):
    """The first two axes behind the batch change places."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.transpose(1, 2)


class Any(nn.Module):
    """Steps and bends in turn, from (n, 2) or (n, 1, 4, 4) to (n, 2), with shortcuts or not."""

    def __init__(self, steps: list[str], bends: list[str], *, image: bool, shortcut: bool) -> None:
        super().__init__()
        width = 2 if image else 6
        self.first = nn.Conv2d(1, width, 3, padding=1) if image else nn.Linear(2, width)
        self.steps = nn.ModuleList((IMAGE_STEPS if image else STEPS)[name](width) for name in steps)
        self.last = nn.Linear(16 * width if image else width, 2)
        self.bends, self.shortcut = bends, shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = BENDS[self.bends[0]](self.first(x))
        for step, name in zip(self.steps, self.bends[1:], strict=True):
            y = BENDS[name](step(x))
            x = x + y if self.shortcut else y
        return self.last(x.flatten(1))


def fill(layer: nn.Module, kind: str, rng: np.random.Generator) -> None:
    """Give a layer weights of a kind."""
    shape = tuple(layer.weight.shape)
    row = (-1, *[1] * (len(shape) - 1))
    fan_in = max(1, math.prod(shape[1:]))
    weight, bias = rng.normal(size=shape) * math.sqrt(2 / fan_in), rng.normal(size=shape[0]) * rng.choice([0.0, 0.5])
    if kind == "zeros":
        off = rng.random(shape[0]) < 0.4
        weight[off], bias[off] = 0.0, rng.choice([0.0, -1.0])
    elif kind == "twins":
        source, factor = rng.integers(0, min(2, shape[0]), shape[0]), rng.choice([1.0, -1.0, 3.0, -1 / 3], shape[0])
        weight, bias = weight[source] * factor.reshape(row), bias[source] * factor
    elif kind == "whole":
        weight, bias = (2 * weight).round(), (2 * bias).round()
    elif kind == "signs":
        weight, bias = np.where(weight > 0, 1.0, -1.0), np.where(bias > 0, 1.0, 0.0)
    elif kind == "scales":
        scale = 10.0 ** rng.uniform(-3, 3, shape[0])
        weight, bias = weight * scale.reshape(row), bias * scale
    elif kind == "extreme scales":
        scale = 10.0 ** rng.choice([-12.0, 0.0, 12.0])
        weight, bias = weight * scale, bias * scale
    with torch.no_grad():
        layer.weight.copy_(dense(weight.tolist()))
        if isinstance(layer, nn.ConvTranspose2d):
            bias = bias[: len(layer.bias)]
        layer.bias.copy_(dense(bias.tolist()))


def window_of(kind: str, plane: Plane, rng: np.random.Generator) -> Window:
    """A window of a kind."""
    center, size = plane.anchors.mean(0), float(rng.choice([1.0, 0.1]))
    far, power = 10.0 ** rng.uniform(2, 5) * rng.normal(size=2), rng.uniform(0, 4)
    angles = rng.uniform(0, 2 * np.pi) + 2 * np.pi * np.arange(rng.integers(3, 8)) / 8
    windows = {
        "ordinary": lambda: Window.rectangle(center, size, size * 0.7),
        "tiny": lambda: Window.rectangle(center, 10 ** (power - 9)),
        "huge": lambda: Window.rectangle(center, 10 ** (power + 2)),
        "thin": lambda: Window.rectangle(center, size, size * 10 ** (power - 6)),
        "rotated": lambda: Window(corners=center + size * np.stack([np.cos(angles), np.sin(angles)], 1)),
        "far away": lambda: Window.rectangle(center + far, size),
        "triangle": plane.triangle,
    }
    return windows[kind]()


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What makes a network, a plane of its inputs, and windows in it."""

    steps: list[str]
    bends: list[str]
    weights: list[str]
    shortcut: bool
    seed: int

    def scenes(self) -> Iterator[Scene]:
        """The network in a window of each kind."""
        rng = np.random.default_rng(self.seed)
        torch.manual_seed(self.seed)
        image = self.steps[0] in IMAGE_STEPS
        module = Any(self.steps, self.bends, image=image, shortcut=self.shortcut)
        module = module.to(device="cpu", dtype=torch.float64).eval()
        layers = [layer for layer in module.modules() if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]
        for layer, kind in zip(layers, itertools.cycle(self.weights)):
            fill(layer, kind, rng)
        shape = (1, 4, 4) if image else (2,)
        plane = Plane.through(*rng.normal(size=(3, *shape)))
        program = Program.from_module(module, torch.zeros(1, *shape, dtype=torch.float64, device="cpu"))
        for window in WINDOWS:
            yield module, program, plane, window_of(window, plane, rng)


@st.composite
def recipes(draw: st.DrawFn, first: str) -> Recipe:
    """Recipes with a step of a kind first."""
    steps = [first, *draw(st.lists(st.sampled_from(list(IMAGE_STEPS if first in IMAGE_STEPS else STEPS)), max_size=1))]
    bends = [draw(st.sampled_from(list(BENDS))) for _ in range(len(steps) + 1)]
    weights = WEIGHTS[:-1] if SATURATING & set(bends) else WEIGHTS
    return Recipe(
        steps=steps,
        bends=bends,
        weights=[draw(st.sampled_from(weights)) for _ in range(3)],
        shortcut=draw(st.booleans()),
        seed=draw(st.integers(0, 2**31)),
    )


@pytest.fixture(scope="module")
def outcomes() -> Iterator[Counter[str]]:
    """How many cases came to what; said at the end."""
    counted = Counter[str]()
    yield counted
    assert counted["right"] > counted.total() / 2
    print(f"\n{counted.total():,} networks in windows: {', '.join(f'{n:,} {what}' for what, n in counted.items())}")


FAULTS = {
    "slivers thinner than the sides of their neighbours can be told apart": Recipe(
        steps=["normalised"],
        bends=["relu", "gate"],
        weights=["zeros", "signs", "whole"],
        shortcut=False,
        seed=241,
    ),
    "thin regions in many tiles": Recipe(
        steps=["normalised"],
        bends=["hardtanh", "hardtanh"],
        weights=["whole"],
        shortcut=True,
        seed=295,
    ),
    "copies of a value that cancel": Recipe(
        steps=["convolution"],
        bends=["maxout", "minimum"],
        weights=["signs", "signs", "scales"],
        shortcut=False,
        seed=592,
    ),
    "slivers, and more regions than asked for": Recipe(
        steps=["shuffled", "normalised"],
        bends=["gate", "maximum", "gate"],
        weights=["scales", "scales", "normal"],
        shortcut=False,
        seed=1300182,
    ),
    "tips of regions that are hardly wider than slivers": Recipe(
        steps=["shuffled", "linear"],
        bends=["where", "where", "relu6"],
        weights=["scales", "scales", "scales"],
        shortcut=True,
        seed=2143097,
    ),
    "outputs that are nothing but rounding errors": Recipe(
        steps=["linear", "normalised"],
        bends=["leaky", "relu6", "relu6"],
        weights=["signs", "zeros", "twins"],
        shortcut=False,
        seed=0,
    ),
    "losers of maxima that rounding errors lift above their winners": Recipe(
        steps=["upsampled", "blurred"],
        bends=["where", "maximum", "maximum"],
        weights=["whole", "twins", "whole"],
        shortcut=False,
        seed=0,
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_went_wrong_once(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = FAULTS[fault]
    for kind, scene in zip(WINDOWS, recipe.scenes(), strict=True):
        if kind in ("huge", "ordinary"):
            assert look_at(scene, recipe.seed, monkeypatch) in ("right", f"more than {MOST} regions")


@pytest.mark.timeout(0)
@pytest.mark.parametrize("first", (*STEPS, *IMAGE_STEPS))
def test_any_network_in_any_window(first: str, outcomes: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    number = max(1, NUMBER // (len(STEPS) + len(IMAGE_STEPS)) // len(WINDOWS))

    @settings(max_examples=number, phases=[Phase.generate])  # to shrink what failed would take hours
    @given(recipes(first))
    def look(recipe: Recipe) -> None:
        for scene in recipe.scenes():
            outcomes[look_at(scene, recipe.seed, monkeypatch)] += 1

    look()


def look_at(scene: Scene, seed: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """Say what came of it, if that is right."""
    try:
        regions = tiled(scene, 16, "wait", monkeypatch, MOST)
    except LrvizError as error:
        assert str(error).endswith(".")
        return type(error).__name__
    if regions.status != "complete":
        return f"more than {MOST} regions"
    assert_right(regions, scene, seed)
    assert_same(regions, tiled(scene, 1000, "never", monkeypatch, MOST))
    with contextlib.suppress(LostDigits):
        assert_pieces(scene, regions, seed)
    return "right"


def test_values_that_float64_cannot_tell_apart_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind too large weights a clamp keeps few digits; 1e-12 times too small ones vanish in a bias."""
    saturating = Recipe(
        steps=["linear"], bends=["hardtanh", "relu"], weights=["extreme scales", "normal"], shortcut=False, seed=3
    )
    vanishing = Recipe(
        steps=["mixed pixels"],
        bends=["leaky", "pool"],
        weights=["extreme scales", "twins", "twins"],
        shortcut=False,
        seed=2029148516,
    )
    with pytest.raises(LostDigits, match=r"got values up to 2 that are left of terms up to 3e\+12: scale"):
        tiled(next(saturating.scenes()), 16, "never", monkeypatch)
    nearly = Recipe(
        steps=["normalised", "normalised", "linear", "shuffled"],
        bends=["leaky", "pool", "maximum", "maxout", "clamp"],
        weights=["scales", "normal", "twins"],
        shortcut=False,
        seed=768978328,
    )
    _, _, in_huge, *_ = nearly.scenes()
    with pytest.raises(LostDigits, match=r"\d+ of \d+ inner edges .*: the outputs are left of terms up to 1e\+09"):
        tiled(in_huge, 16, "never", monkeypatch)
    *_, in_triangle = vanishing.scenes()
    with pytest.raises(LostDigits, match=r"got some that differ by no more than 1e-11 of their terms: choose"):
        tiled(in_triangle, 16, "never", monkeypatch)
    monkeypatch.setattr(rounding, "TOLERANCE", replace(TOLERANCE, clear=0.0))  # if it were not seen beforehand
    with pytest.raises(LostDigits, match=r"add up to 0\.93\d+ .*expected 1\. Values in the window differ by less"):
        tiled(in_triangle, 16, "never", monkeypatch)


def test_maxima_whose_entries_hardly_differ_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights of 1e-12 leave three digits of what differs between the entries of a pool, all of which have one bias."""
    recipe = Recipe(
        steps=["convolution", "convolution"],
        bends=["pool", "abs", "pool"],
        weights=["extreme scales"] * 3,
        shortcut=False,
        seed=4434,
    )
    for kind, scene in zip(WINDOWS, recipe.scenes(), strict=True):
        if kind != "huge":
            with pytest.raises(LostDigits, match=r"that differ by no more than \de-1[12] of their terms"):
                tiled(scene, 16, "never", monkeypatch)


def test_lines_that_every_tile_places_elsewhere_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries that differ by 1e-8 of their biases meet at lines that are 1e-9 of the window apart in two tiles."""
    recipe = Recipe(
        steps=["normalised"],
        bends=["pool", "pool"],
        weights=["extreme scales", "signs", "signs"],
        shortcut=True,
        seed=24972806,
    )
    _, _, scene, *_ = recipe.scenes()
    with pytest.raises(LostDigits, match=r"add up to 1\.0{8}\d+ .*expected 1\. Values in the window differ by less"):
        tiled(scene, 16, "never", monkeypatch)
    assert_right(tiled(scene, 1000, "never", monkeypatch), scene, recipe.seed)


def test_a_deep_network_without_normalisation_keeps_its_digits() -> None:
    """Its terms grow at every layer where they pass all units that are on somewhere, which no point does."""
    generator = torch.Generator("cpu").manual_seed(0)
    steps: list[nn.Module] = []
    for _ in range(70):
        step = nn.Linear(48, 48)
        with torch.no_grad():
            step.weight.normal_(0, (2 / 48) ** 0.5, generator=generator)
            step.bias.zero_()
        steps += [step, nn.ReLU()]
    program = Program.from_module(nn.Sequential(*steps, nn.Linear(48, 2)), torch.zeros(1, 48, device="cpu"))
    points = torch.randn(4, 48, dtype=torch.float64, generator=generator, device="cpu")
    terms, zeros = program.magnitudes(points)[-2], program.zeros(points, spanning=True)[-2]
    assert TOLERANCE.rounding * terms.max() > 100 * zeros.max()
    pieces = find_pieces(program, points[0], points[1], device="cpu")
    assert len(pieces.pattern) > 100
    places = torch.as_tensor((pieces.breakpoints[1:] + pieces.breakpoints[:-1]) / 2)[:, None]
    middles = torch.lerp(points[0], points[1], places)
    np.testing.assert_array_equal(program.patterns(middles), pieces.pattern)
    halfway = (pieces.values[1:] + pieces.values[:-1]) / 2
    np.testing.assert_allclose(program(middles), halfway, rtol=0, atol=1e-9 * np.abs(halfway).max())


@pytest.mark.parametrize("scale", [1e78, 1e160])
def test_terms_whose_squares_float64_cannot_hold_are_refused(scale):
    module = nn.Sequential(nn.Linear(2, 12), nn.ReLU(), nn.Linear(12, 10), nn.ReLU(), nn.Linear(10, 3)).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(scale if scale < 1e100 or parameter is module[0].weight else 1.0)
    program = Program.from_module(module, torch.zeros(1, 2, device="cpu", dtype=torch.float64))
    with pytest.raises(LrvizError, match=r"whose squares float64 can hold|not finite"):
        find_regions(program, flat_plane(), Window.rectangle((0, 0), 1.0))
