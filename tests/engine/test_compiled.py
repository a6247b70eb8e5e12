"""The compiled core and PyTorch find the same cells."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import fields

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lrviz.engine.compiled import ready
from lrviz.engine.compiled.partners import find_partners
from lrviz.engine.compiled.ready import ready_core, wait_until_ready
from lrviz.engine.compiled.rebase import rebase
from lrviz.engine.compiled.shrink import shrink, shrink_relus
from lrviz.engine.compiled.tile import find_cells
from lrviz.engine.compiled.walk import walk
from lrviz.engine.find_regions import find_regions
from lrviz.geometry.plane import Plane, Window
from lrviz.network.program import Program
from lrviz.network.tracing import TRACING
from lrviz.progress import Stopped
from lrviz.results.check import check
from lrviz.results.regions import Regions
from tests.cases import CASE, CASES, Case, flat_plane
from tests.engine.test_restrict import corners, restriction_of

ALL = [case.name for case in CASES]


def both(program: Program, plane: Plane, window: Window) -> Iterator[Regions]:
    """The regions as PyTorch and as the compiled core find them."""
    for mode in ("never", "wait"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LRVIZ_COMPILED", mode)
            assert (ready_core() is None) == (mode == "never")
            yield find_regions(program, plane, window)


def assert_same(case: Case | tuple[Program, Plane, Window]) -> None:
    program, plane, window = (case.program, case.plane(), case.window()) if isinstance(case, Case) else case
    by_torch, compiled = both(program, plane, window)
    assert (compiled.pattern == by_torch.pattern).all()
    assert np.abs(compiled.area - by_torch.area).max() < 1e-12 * window.area
    scale = max(np.abs(by_torch.centroid_values).max(), 1e-3)
    middle = np.arange(len(compiled)), by_torch.centroid
    assert np.abs(compiled.values(*middle) - by_torch.values(*middle)).max() < 1e-10 * scale
    assert ((compiled.slope == 0) == (by_torch.slope == 0)).all()
    assert len(compiled.edge_unit) == len(by_torch.edge_unit)
    assert check(compiled)


@pytest.mark.parametrize("name", ALL)
def test_both_find_the_same_regions(name: str) -> None:
    assert_same(CASE[name])


@pytest.mark.parametrize("name", [case.name for case in CASES if not case.has_maxima])
def test_both_restrict_alike_to_a_smaller_window(name: str) -> None:
    restriction, _ = restriction_of(name)
    frame = torch.tensor([[1, 0, 0], [0.3, 0.5, 0], [-0.2, 0, 0.5]], dtype=torch.float64, device="cpu")
    one, two = restriction.shrink(frame, corners()), shrink(restriction, frame.numpy(), corners().numpy())
    assert two.stages == one.stages
    for item in fields(one):
        if item.name != "stages":
            torch.testing.assert_close(getattr(two, item.name), getattr(one, item.name), rtol=1e-10, atol=1e-12)


class Mixed(nn.Module):
    """ReLUs and maxima of few inputs, in whole numbers if asked, so that lines coincide."""

    def __init__(self, seed: int, width: int, pool: int, whole: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(2, 6 * width), nn.Linear(6 * width, 6 * width), nn.Linear(width, 2)])
        self.pool = pool
        generator = torch.Generator(device="cpu").manual_seed(seed)
        for parameter in self.parameters():
            with torch.no_grad():
                values = torch.randn(parameter.shape, generator=generator, device="cpu")
                parameter.copy_((2 * values).round() if whole else values)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, second, last = self.layers
        x = torch.relu(first(x))
        x = torch.nn.functional.max_pool1d(second(x)[:, None], self.pool, self.pool)[:, 0]
        x = torch.relu(x) if self.pool % 2 else x
        return last(x.unflatten(1, (-1, 6 // self.pool)).mean(2))


@settings(max_examples=15)
@given(
    seed=st.integers(0, 10_000),
    width=st.integers(1, 4),
    pool=st.sampled_from([1, 2, 3]),
    whole=st.booleans(),
    size=st.sampled_from([1e-6, 1e-2, 1.0, 30.0]),
)
def test_both_find_the_same_regions_of_any_network(seed: int, width: int, pool: int, whole: bool, size: float) -> None:
    module = Mixed(seed, width, pool, whole).to(torch.float64)
    program = Program.from_module(module, torch.zeros(1, 2, dtype=torch.float64, device="cpu"))
    assert_same((program, flat_plane(), Window.rectangle((0.1, -0.2), size, 0.7 * size)))


def test_many_sides_and_many_cells_find_room() -> None:
    """More sides than a waiting cell has room for at first, and more cells than are taken away at once."""
    angles = 2 * np.pi * np.arange(60) / 60
    module = nn.Sequential(nn.Linear(2, 160), nn.ReLU(), nn.Linear(160, 1)).to(torch.float64)
    with torch.no_grad():
        module[0].weight[:60] = torch.tensor(np.stack([np.cos(angles), np.sin(angles)], 1), device="cpu")
        module[0].bias[:60] = -0.5
    program = Program.from_module(module, torch.zeros(1, 2, dtype=torch.float64, device="cpu"))
    by_torch, compiled = both(program, flat_plane(), Window.rectangle((0, 0), 1.0))
    assert len(compiled) == len(by_torch) > 2048
    assert np.diff(compiled.offsets).max() == np.diff(by_torch.offsets).max()


def test_it_stops_when_asked() -> None:
    restriction, _ = restriction_of("mlp-50-50")

    def stop() -> None:
        raise Stopped

    with pytest.raises(Stopped):
        list(find_cells(restriction, corners()[:, 1:].numpy(), -1 - np.arange(4), np.ones(6), stop))


def test_it_is_not_loaded_while_a_network_is_traced() -> None:
    """`torch.export` replaces functions of `math` meanwhile, and numba would look them up."""
    core = ready._Core()
    loader = threading.Thread(target=core._load)
    with TRACING:
        loader.start()
        loader.join(0.3)
        assert loader.is_alive()
        assert core._module is None
    loader.join()
    assert core._module is not None


def test_it_is_compiled_once_for_all_networks() -> None:
    assert wait_until_ready()
    assert [len(function.signatures) for function in (walk, rebase, shrink_relus, find_partners)] == [1] * 4


def test_without_numba_pytorch_serves() -> None:
    """In a process where numba cannot be imported."""
    script = (
        "import sys; sys.modules['numba'] = None\n"
        "import torch, lrviz\n"
        "from lrviz.engine.compiled.ready import wait_until_ready\n"
        "program = lrviz.Program.from_module(torch.nn.Linear(2, 1), torch.zeros(1, 2))\n"
        "plane = lrviz.Plane.through([0.0, 0.0], [1.0, 0.0], [0.0, 1.0])\n"
        "print(wait_until_ready(), len(lrviz.find_regions(program, plane, plane.triangle())))\n"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert output.split() == ["False", "1"]
