"""Steps on many rows at once: those that move the axis of the batch, and those that fail."""

import io
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lrviz.engine.find_regions import find_regions
from lrviz.errors import UnsupportedOperation
from lrviz.geometry.plane import Plane, Window
from lrviz.models.formats.onnx_graph import read_onnx
from lrviz.network.program import Program
from lrviz.results.check import check
from lrviz.results.status import Status


def ones(*shape: int) -> Tensor:
    return torch.ones(*shape, dtype=torch.float64, device="cpu")


class Between(nn.Module):
    """A function of (n, 6) features between two layers."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.last, self.function = nn.Linear(6, 6), nn.Linear(6, 3), function

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.function(self.first(x)))


class Ensemble(nn.Module):
    """What some networks return, stacked in front of the batch."""

    def __init__(self, number: int, join: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.nets = nn.ModuleList(nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)) for _ in range(number))
        self.join = join

    def forward(self, x: Tensor) -> Tensor:
        return self.join(torch.stack([net(x) for net in self.nets]))


class Recurrent(nn.Module):
    def __init__(self, number: int) -> None:
        super().__init__()
        self.body = nn.RNN(4, 5, number, nonlinearity="relu", batch_first=True, bidirectional=number > 1)
        self.last = nn.Linear(10 if number > 1 else 5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.body(x)[0][:, -1])


class EachRow(nn.Module):
    """A PReLU of every input by itself, without an axis for the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.bend, self.last = nn.Linear(6, 6), nn.PReLU(), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.stack([self.bend(row) for row in self.first(x).unbind(0)]))


def set_columns(h: Tensor) -> Tensor:
    columns = h.relu().t().clone()
    columns[torch.tensor([2, 3], device="cpu")] = 0.0
    return columns.t()


MOVED: dict[str, Callable[[], nn.Module]] = {
    "new axis": lambda: Between(lambda h: (h.relu()[None] + h[None])[0]),
    "unsqueezed, joined and summed": lambda: Between(lambda h: torch.cat([h.unsqueeze(0), h.relu()[None]]).sum(0)),
    "viewed with an axis in front": lambda: Between(lambda h: h.view(1, -1, 6).relu().view(-1, 6)),
    "columns set to zero": lambda: Between(set_columns),
    "permuted": lambda: Between(lambda h: h.permute(1, 0).relu().permute(1, 0)),
    "transposed": lambda: Between(lambda h: (torch.eye(6, dtype=h.dtype, device="cpu") @ h.t().relu()).t()),
    "maxima of halves": lambda: Between(lambda h: h.view(-1, 3).amax(1).view(-1, 2) @ ones(2, 6)),
    "maxima of halves, added": lambda: Between(lambda h: h.view(2, 3).amax(1).sum(0).view(1, 1) * ones(1, 6)),
    "maximum of all": lambda: Between(lambda h: h.view(2, 3).amax().view(1, 1) * ones(1, 6)),
    "maxima of halves, pooled": lambda: Between(lambda h: F.max_pool1d(h.view(-1, 2, 3), 2).flatten(1) @ ones(2, 6)),
    "a choice between equal columns": lambda: Between(lambda h: torch.where(h > 0, h[:, :1], h[:, :1]).relu()),
    "PReLU without a batch": EachRow,
    "mean of one": lambda: Ensemble(1, lambda outputs: outputs.mean(0)),
    "mean": lambda: Ensemble(3, lambda outputs: outputs.mean(0)),
    "mean of as many as there are probes": lambda: Ensemble(4, lambda outputs: outputs.mean(0)),
    "largest of one": lambda: Ensemble(1, lambda outputs: outputs.max(0).values),
    "largest": lambda: Ensemble(3, lambda outputs: outputs.max(0).values),
    "smallest": lambda: Ensemble(3, lambda outputs: outputs.amin(0)),
    "difference": lambda: Ensemble(2, lambda outputs: outputs[0] - outputs[1]),
    "side by side": lambda: Ensemble(3, lambda outputs: outputs.permute(1, 0, 2).flatten(1)),
    "recurrent": lambda: Recurrent(1),
    "recurrent in both directions": lambda: Recurrent(2),
}


def made(name: str) -> tuple[nn.Module, tuple[int, ...]]:
    """A network with random weights, in float64, and the shape of its inputs."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = MOVED[name]().to(device="cpu", dtype=torch.float64).eval()
    return module, (5, 4) if isinstance(module, Recurrent) else (6,)


def inputs(number: int, shape: tuple[int, ...]) -> Tensor:
    return torch.as_tensor(np.random.default_rng(1).normal(size=(number, *shape)))


def assert_computes(program: Program, module: nn.Module, shape: tuple[int, ...]) -> None:
    x = inputs(5, shape)
    with torch.no_grad():
        expected = torch.cat([module(row[None].to(next(module.parameters()).dtype)).double() for row in x])
    torch.testing.assert_close(program(x), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", MOVED)
def test_steps_may_move_the_axis_of_the_batch(name: str) -> None:
    module, shape = made(name)
    assert_computes(Program.from_module(module, torch.zeros(1, *shape, device="cpu")), module, shape)


@pytest.mark.parametrize("name", ["mean", "largest", "recurrent", "new axis", "transposed"])
def test_regions_of_such_networks_are_exact(name: str) -> None:
    module, shape = made(name)
    program = Program.from_module(module, torch.zeros(1, *shape, device="cpu"))
    plane = Plane.through(*inputs(3, shape))
    window = Window.rectangle(plane.triangle().center, 2.0)
    regions = find_regions(program, plane, window)
    assert regions.status == Status.COMPLETE
    assert len(regions) > 5
    check(regions)
    assert regions.area.sum() == pytest.approx(window.area, rel=1e-9)
    with torch.no_grad():
        expected = module(plane.embed(regions.centroid)).numpy()
    received = regions.bias + np.einsum("rku,ru->rk", regions.slope, regions.centroid)
    np.testing.assert_allclose(received, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("options", [{"dynamo": False}, {"dynamo": True, "verbose": False}], ids=["script", "dynamo"])
@pytest.mark.parametrize("name", ["mean", "largest", "new axis"])
def test_exports_of_such_networks_convert(name: str, options: dict) -> None:
    module, shape = made(name)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module.float(), (torch.zeros(1, *shape, device="cpu"),), buffer, **options)
    network = read_onnx(buffer.getvalue())
    assert_computes(Program.from_module(network, torch.zeros(1, *shape, device="cpu")), module, shape)


def test_a_step_that_fails_is_named() -> None:
    module, shape = made("new axis")
    program = Program.from_module(module, torch.zeros(1, *shape, device="cpu"))
    weight = next(name for name in program.state if "last" in name)
    program.state[weight] = ones(7, 7)
    plane = Plane.through(*inputs(3, shape))
    for run in (
        lambda: program.forward(inputs(2, shape)),
        lambda: find_regions(program, plane, Window.rectangle(plane.triangle().center, 0.1)),
    ):
        with pytest.raises(UnsupportedOperation, match=r"'last' \(.*test_rows.py:\d+\): RuntimeError") as caught:
            run()
        (refusal,) = caught.value.refusals
        assert (refusal.operation, refusal.module) == ("linear", "last")
        assert refusal.line.rpartition(":")[0].endswith("test_rows.py")


class Tired(nn.Module):
    """A network that fails when it has been called a few times."""

    def __init__(self) -> None:
        super().__init__()
        self.calls, self.last = 0, nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        if self.calls > 4:
            raise ValueError("enough\nof this")
        return self.last(x)


def test_a_network_that_fails_while_it_is_compared_is_refused() -> None:
    with pytest.raises(UnsupportedOperation, match=r"from the network \(.*test_rows.py:\d+\): ValueError: enough\. Wr"):
        Program.from_module(Tired(), torch.zeros(1, 6, device="cpu"))


def test_memory_that_is_not_enough_is_no_fault_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    module, shape = made("new axis")
    program = Program.from_module(module, torch.zeros(1, *shape, device="cpu"))

    def allocate(*_: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes.")

    next(node for node in program.graph.nodes if node.op == "call_function").target = allocate
    with pytest.raises(MemoryError):
        program.forward(inputs(2, shape))
