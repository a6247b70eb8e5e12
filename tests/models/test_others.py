"""Networks that others made: torchvision's classifiers and a CIFAR ResNet, converted or refused by name."""

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from lrviz.engine.find_pieces import find_pieces
from lrviz.engine.find_regions import find_regions
from lrviz.errors import UnsupportedOperation
from lrviz.geometry.plane import Plane, Window
from lrviz.network.program import Program
from lrviz.results.check import check
from lrviz.results.status import Status

CLASSIFIERS = {
    "resnet18": 32, "resnet50": 32, "vgg11": 32, "vgg11_bn": 32, "alexnet": 64, "squeezenet1_1": 32, "mobilenet_v2": 32,
    "densenet121": 32, "googlenet": 32, "shufflenet_v2_x0_5": 32, "mnasnet0_5": 32, "regnet_x_400mf": 32,
}  # fmt: skip
"""Sides of the images that each is tried on."""

SMALL = {"googlenet": 1e-3}
"""Half widths where the usual one takes minutes: most of its units cannot be told to be stable in a larger window."""

REFUSED = {"mobilenet_v3_small": "hardswish", "efficientnet_b0": "silu"}


class Padded(nn.Module):
    """A block of a CIFAR ResNet (He et al. 2015): its shortcut takes every other pixel and pads channels with zeros."""

    def __init__(self, num_in, num_out):
        super().__init__()
        self.stride, self.more = 1 if num_in == num_out else 2, num_out - num_in
        self.first = nn.Conv2d(num_in, num_out, 3, self.stride, 1, bias=False)
        self.second = nn.Conv2d(num_out, num_out, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(num_out), nn.BatchNorm2d(num_out)])

    def forward(self, x):
        shortcut = x[:, :, :: self.stride, :: self.stride]
        if self.more:
            shortcut = nn.functional.pad(shortcut, (0, 0, 0, 0, self.more // 2, self.more - self.more // 2))
        return torch.relu(shortcut + self.norms[1](self.second(torch.relu(self.norms[0](self.first(x))))))


def cifar_resnet():
    blocks = [Padded(8, 8), Padded(8, 16), Padded(16, 32)]
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 1, 1), nn.ReLU(), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10)
    )


def make(name):
    torch.manual_seed(0)
    if name == "CIFAR ResNet":
        return cifar_resnet().eval()
    options = {"init_weights": False} if name == "googlenet" else {}
    module = torchvision.models.get_model(name, weights=None, num_classes=10, **options)
    if name == "mobilenet_v2":  # its features vanish with depth, to 1e-10 of their terms, unless they are normalised
        with torch.no_grad():
            module.train()(torch.randn(16, 3, 32, 32, device="cpu"))
    return module.eval()


@pytest.mark.parametrize("name", [*CLASSIFIERS, "CIFAR ResNet"])
def test_regions_are_those_of_the_network(name):
    module, side = make(name), CLASSIFIERS.get(name, 16)
    program = Program.from_module(module, torch.zeros(1, 3, side, side, device="cpu"))
    inputs = np.random.default_rng(0).normal(size=(3, 3, side, side))
    plane = Plane.through(*inputs)
    center, half = plane.triangle().center, SMALL.get(name, 1e-2)
    for _ in range(6):
        window = Window.rectangle(center, half)
        regions = find_regions(program, plane, window, max_regions=400)
        if regions.status == Status.COMPLETE and len(regions) > 1:
            break
        half *= 4 if len(regions) == 1 else 0.3
    assert regions.status == Status.COMPLETE
    assert len(regions) > 1
    check(regions)
    assert regions.area.sum() == pytest.approx(window.area, rel=1e-9)
    assert len(np.unique(regions.pattern)) == len(regions)
    expected = program.forward(plane.embed(regions.centroid)).numpy()
    received = regions.bias + np.einsum("rku,ru->rk", regions.slope, regions.centroid)
    # Outputs of a deep random network are small sums of large terms, known to their rounding only.
    rounding = 1e-14 * program.magnitudes(plane.embed(window.corners))[-1].max().item()
    assert np.abs(received - expected).max() <= 1e-9 * np.abs(expected).max() + rounding
    assert rounding < 1e-3 * np.abs(expected).max()
    assert np.array_equal(program.patterns(plane.embed(regions.centroid)), regions.pattern)
    start, end = plane.embed(window.corners[[0, 2]])
    pieces = find_pieces(program, start, end)
    assert set(pieces.pattern) <= set(regions.pattern)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_piecewise_linear_is_refused_by_name(name):
    with pytest.raises(UnsupportedOperation, match=REFUSED[name]) as caught:
        Program.from_module(make(name), torch.zeros(1, 3, 32, 32, device="cpu"))
    assert len({refusal.module for refusal in caught.value.refusals}) > 3
