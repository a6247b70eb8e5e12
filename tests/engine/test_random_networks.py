"""Random small networks against their modules: everything that makes lines coincide, cut into small tiles."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lrviz.engine.find_pieces import find_pieces
from lrviz.engine.find_regions import find_regions
from lrviz.engine.tiles import Limits
from lrviz.geometry.plane import Plane, Window
from lrviz.network.program import Program
from lrviz.results.check import check
from lrviz.results.regions import Regions
from tests.cases import dense

Scene = tuple[nn.Module, Program, Plane, Window]

ACTIVATIONS = {
    "relu": F.relu,
    "leaky": F.leaky_relu,
    "abs": torch.abs,
    "hardtanh": F.hardtanh,
    "clamp": lambda x: x.clamp(-0.3, 0.4),
    "maxout": lambda x: x.unflatten(1, (-1, 2)).amax(2).repeat_interleave(2, 1),
    "pool": lambda x: F.max_pool1d(x[:, None], 3, 1, 1)[:, 0],
    "pool2d": lambda x: F.max_pool2d(x, 3, 1, 1),
    "average": lambda x: F.avg_pool2d(x, 3, 1, 1),
}


class Random(nn.Module):
    """Linear layers or convolutions, each with an activation and sometimes a shortcut."""

    def __init__(self, rng: np.random.Generator, *, image: bool) -> None:
        super().__init__()
        width = 2 if image else int(rng.choice([6, 8]))
        self.first = nn.Conv2d(1, width, 3, padding=1) if image else nn.Linear(2, width)
        sizes = [width] * int(rng.integers(1, 3))
        self.hidden = nn.ModuleList(nn.Conv2d(n, n, 3, padding=1) if image else nn.Linear(n, n) for n in sizes)
        self.norm = nn.BatchNorm2d(width) if image else nn.Identity()
        self.last = nn.Linear(16 * width if image else width, 2)
        names = [name for name in ACTIVATIONS if name not in (("pool",) if image else ("pool2d", "average"))]
        self.activations = [str(name) for name in rng.choice(names, 3)]
        self.shortcut = bool(rng.integers(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = ACTIVATIONS[self.activations[0]](self.norm(self.first(x)))
        for layer, name in zip(self.hidden, self.activations[1:], strict=False):
            y = ACTIVATIONS[name](layer(x))
            x = x + y if self.shortcut else y
        return self.last(x.flatten(1))


def fill(layer: nn.Module, rng: np.random.Generator) -> None:
    """Give a layer ordinary weights, or such as make lines coincide."""
    kind = rng.choice(["normal", "whole", "sparse", "repeated", "zeros", "scales", "float32"])
    shape = layer.weight.shape
    weight, bias = rng.normal(size=shape), rng.normal(size=shape[0]) * rng.choice([0.0, 0.5])
    if kind == "whole":
        weight, bias = weight.round(), (2 * bias).round()
    elif kind == "sparse":
        weight *= rng.random(shape) < 0.3
    elif kind == "repeated":
        source, factor = rng.integers(0, 2, shape[0]), rng.choice([1.0, -1.0, 3.0, -1 / 3], shape[0])
        weight, bias = weight[source] * factor.reshape(-1, *[1] * (len(shape) - 1)), bias[source] * factor
    elif kind == "zeros":
        off = rng.random(shape[0]) < 0.4
        weight[off], bias[off] = 0.0, rng.choice([0.0, -1.0])
    elif kind == "scales":
        scale = 10.0 ** rng.uniform(-2, 2, shape[0])
        weight, bias = weight * scale.reshape(-1, *[1] * (len(shape) - 1)), bias * scale
    elif kind == "float32":
        weight, bias = weight.astype(np.float32), bias.astype(np.float32)
    with torch.no_grad():
        layer.weight.copy_(dense(weight.tolist()))
        layer.bias.copy_(dense(bias.tolist()))


def scene(seed: int) -> Scene:
    """A network, and a window of a plane through random, whole-number, flat or nearly collinear inputs."""
    rng = np.random.default_rng(seed)
    image = bool(rng.random() < 0.4)
    shape = (1, 4, 4) if image else (2,)
    module = Random(rng, image=image).to(device="cpu", dtype=torch.float64).eval()
    for layer in (module.first, *module.hidden, module.last):
        fill(layer, rng)
    anchors = rng.normal(size=(3, *shape))
    kind = rng.choice(["any", "whole", "flat", "nearly collinear"])
    if kind == "whole":
        anchors = np.reshape([[0, 0], [2, 0], [1, 2]], (3, 2)) if not image else (2 * anchors).round()
    elif kind == "flat" and image:
        anchors = np.ones((3, *shape)) * np.reshape([0.0, 1.0, 0.0], (3, 1, 1, 1))
        anchors[2, :, :, :2] = 0.5
    elif kind == "nearly collinear":
        anchors[2] = anchors[:2].mean(0) + 1e-5 * anchors[2]
    plane = Plane.through(*anchors)
    size = float(rng.choice([1.0, 1.0, 0.1, 1e-3]))
    center = plane.anchors.mean(0) if rng.random() < 0.6 else np.zeros(2)
    program = Program.from_module(module, torch.zeros(1, *shape, dtype=torch.float64, device="cpu"))
    return module, program, plane, Window.rectangle(center, size, size * float(rng.choice([1.0, 0.3])))


def tiled(
    scene: Scene, units: int, compiled: str, monkeypatch: pytest.MonkeyPatch, max_regions: int = 10_000
) -> Regions:
    """The regions, found in tiles of few units."""
    monkeypatch.setenv("LRVIZ_COMPILED", compiled)
    limits = Limits(tile_units=units, program_units=1024, chunk=4096, workers=1)
    monkeypatch.setattr(Limits, "of", lambda program: limits)
    return find_regions(*scene[1:], max_regions=max_regions)


def depths(regions: Regions, points: np.ndarray) -> np.ndarray:
    """(R, n) how far points lie inside each region; negative outside."""
    sides = [np.roll(polygon, -1, 0) - polygon for polygon in polygons(regions)]
    outward = [np.stack([side[:, 1], -side[:, 0]], 1) / np.hypot(*side.T)[:, None] for side in sides]
    inside = zip(polygons(regions), outward, strict=True)
    return np.array([((p[:, None] - points) * n[:, None]).sum(2).min(0) for p, n in inside])


def polygons(regions: Regions) -> list[np.ndarray]:
    return np.split(regions.coordinates, regions.offsets[1:-1])


def assert_right(regions: Regions, scene: Scene, seed: int) -> None:
    """Everything that a result promises, by the module itself and by patterns at points."""
    module, program, plane, window = scene
    check(regions).require()
    assert regions.status == "complete"
    extent = np.ptp(window.corners, axis=0).max()
    owner = np.repeat(np.arange(len(regions)), np.diff(regions.offsets))
    with torch.no_grad():
        expected = module(plane.embed(regions.coordinates)).numpy()
    terms = program.magnitudes(plane.embed(window.corners))[-1].numpy()
    assert (np.abs(regions.values(owner, regions.coordinates) - expected) <= 1e-9 * terms).all()
    points = window.random_points(60, seed=seed)
    depth = depths(regions, points)
    assert (depth.max(0) > -1e-9 * extent).all()
    clear = depth.max(0) > 1e-8 * extent
    assert (regions.pattern[depth.argmax(0)] == program.patterns(plane.embed(points)))[clear].all()


def assert_same(one: Regions, two: Regions) -> None:
    """The same patterns and areas, but for slivers that rounding makes or not."""
    known, area = np.isin(one.pattern, two.pattern), one.area.sum()
    assert (one.area[~known] < 1e-9 * area).all()
    assert (two.area[~np.isin(two.pattern, one.pattern)] < 1e-9 * area).all()
    place = np.searchsorted(two.pattern, one.pattern[known])
    assert np.abs(one.area[known] - two.area[place]).max() < 1e-9 * area


def assert_pieces(scene: Scene, regions: Regions, seed: int) -> None:
    """The pieces of a segment are what the regions cut out of it."""
    _, program, plane, window = scene
    ends = window.random_points(2, seed=seed)
    pieces = find_pieces(program, *plane.embed(ends))
    assert len(np.unique(pieces.pattern)) == len(pieces)
    middle = ends[0] + (pieces.breakpoints[1:] + pieces.breakpoints[:-1])[:, None] / 2 * (ends[1] - ends[0])
    depth = depths(regions, middle)
    clear = depth.max(0) > 1e-8 * np.ptp(window.corners, axis=0).max()
    assert (regions.pattern[depth.argmax(0)] == pieces.pattern)[clear].all()


@pytest.mark.parametrize("seed", (6, 7, 12, 45, 49, 50, 55, 56, 57, 58))
def test_a_random_network_is_cut_right(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of 8 to 40 units, by PyTorch and by the compiled core, and the whole window at once."""
    one = scene(seed)
    units = (8, 16, 40)[seed % 3]
    whole = tiled(one, 1000, "wait", monkeypatch)
    compiled = tiled(one, units, "wait", monkeypatch)
    by_torch = tiled(one, units, "never", monkeypatch)
    for regions in (whole, compiled, by_torch):
        assert_right(regions, one, seed)
    assert_same(compiled, by_torch)
    assert_same(whole, compiled)
    assert_pieces(one, whole, seed)
