"""The traced network against its module, on every case."""

import copy
import io
import pickle
import warnings
from concurrent.futures import ProcessPoolExecutor
from functools import reduce
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from lrviz.errors import InvalidData, InvalidNetwork, UnsupportedOperation
from lrviz.network.patterns import xor_active
from lrviz.network.program import Program
from tests.cases import CASE, CASES, Case, mlp, traced


def trace(module: nn.Module, *shape: int) -> Program:
    return Program.from_module(module, torch.zeros(1, *shape, device="cpu"))


def random_inputs(program: Program, number: int = 6) -> Tensor:
    generator = torch.Generator("cpu").manual_seed(1)
    return torch.randn(number, *program.input_shape, generator=generator, dtype=torch.float64, device="cpu")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_outputs_are_the_modules(case: Case) -> None:
    inputs = torch.cat([random_inputs(case.program), case.plane().embed(case.window().random_points(20))])
    with torch.no_grad():
        expected = case.module(inputs).flatten(1)
    received = case.program(inputs)
    assert received.shape == (len(inputs), case.program.num_outputs)
    scale = float(expected.abs().max()) or 1.0
    torch.testing.assert_close(received, expected, rtol=1e-11, atol=1e-12 * scale)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_patterns_are_the_xor_of_the_active_units_keys(case: Case) -> None:
    program, points = case.program, case.window().random_points(10)
    inputs = case.plane().embed(points)
    active = case.activity(points)
    expected = [reduce(int.__xor__, (int(key) for key in program.keys()[row]), 0) for row in active]
    assert program.patterns(inputs).tolist() == expected


class Skip(nn.Module):
    """W relu(x) + x + b, whose ReLU gets more rows than the input has."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(F.relu(x)) + x


def test_directions_that_a_relu_appends_reach_the_output_without_the_bias() -> None:
    module = Skip().to(torch.float64)
    program = trace(module, 3)
    point = torch.tensor([[1.0, -2, 3]], dtype=torch.float64, device="cpu")
    step = torch.tensor([[0.5, 4, -1]], dtype=torch.float64, device="cpu")
    new = torch.tensor([[0.1, -0.2, 0.3], [1, 0, 0]], dtype=torch.float64, device="cpu")
    mask = (point > 0).to(torch.float64)
    received = program.propagate(torch.cat([point, step]), 1, lambda _, z: torch.cat([z * mask, new]))
    weight, bias = module.linear.weight.detach(), module.linear.bias.detach()
    expected = torch.cat([(point * mask) @ weight.T + bias + point, (step * mask) @ weight.T + step, new @ weight.T])
    torch.testing.assert_close(received, expected)


def test_tracing_leaves_the_module_alone() -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Dropout(0.9), nn.Flatten()).train()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    program = trace(module, 1, 5, 5)
    assert module.training
    assert all(p.requires_grad and p.dtype == torch.float32 for p in module.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    inputs = random_inputs(program)
    with torch.no_grad():
        expected = module.double().eval()(inputs)
    torch.testing.assert_close(program(inputs), expected)


def test_layers_are_the_relu_calls_in_order() -> None:
    program = CASE["residual"].program
    names = [layer.name for layer in program.layers]
    assert names[:2] == ["stem.2", "body.2"]
    assert program.layers[0].shape == (4, 8, 8)
    assert [layer.first_unit for layer in program.layers[:3]] == [0, 256, 512]
    assert program.num_units == sum(layer.num_units for layer in program.layers)


def test_units_know_their_layer_and_name() -> None:
    program = CASE["residual"].program
    assert program.layer_of(np.array([-1, 0, 255, 256, program.num_units - 1])).tolist() == [
        -1, 0, 0, 1, len(program.layers) - 1,
    ]  # fmt: skip
    assert program.unit_name(0) == "stem.2 [0, 0, 0]"
    assert program.unit_name(256 + 64 + 8 + 3) == "body.2 [1, 1, 3]"
    assert program.unit_words(256 + 64 + 8 + 3) == "layer 2, channel 1, at 1, 3"


def test_keys_are_different_and_the_same_in_every_run() -> None:
    """Stored results hold ids made of these keys: the numbers must never change."""
    keys = CASE["residual"].program.keys()
    assert keys.dtype == np.uint64
    assert len(np.unique(keys)) == len(keys) == 1168
    assert keys[:2].tolist() == [8145005706626570533, 17414103684036073221]
    np.testing.assert_array_equal(CASE["mlp-50-50"].program.keys(), keys[:100])


def test_digest_tells_networks_apart() -> None:
    def leaky(slope: float) -> nn.Module:
        module, _ = mlp(2, 4, 3)()
        return nn.Sequential(module[0], nn.LeakyReLU(slope), module[2])

    digests = [trace(leaky(0.1), 2).digest, trace(leaky(0.2), 2).digest, traced("mlp-50-50").digest]
    nudged, _ = mlp(2, 50, 50, 3)()
    with torch.no_grad():
        nudged[2].bias[7] += 1e-12
    digests.append(trace(nudged, 2).digest)
    assert len(set(digests)) == 4
    assert trace(leaky(0.1), 2).digest == digests[0]
    assert trace(mlp(2, 50, 50, 3)()[0], 2).digest == digests[2]


def test_single_precision_is_another_program() -> None:
    program = CASE["mlp-50-50"].program
    single = program.to("cpu", torch.float32)
    inputs = random_inputs(program)
    assert single(inputs.float()).dtype == torch.float32
    assert program(inputs).dtype == torch.float64
    torch.testing.assert_close(single(inputs.float()).double(), program(inputs), rtol=1e-4, atol=1e-4)
    assert single.digest == program.digest


@given(st.data(), st.integers(0, 9), st.integers(1, 4))
@settings(max_examples=40)
def test_xor_of_any_number_of_units(data: st.DataObject, units: int, points: int) -> None:
    words = st.integers(-(2**63), 2**63 - 1)
    keys = data.draw(st.lists(words, min_size=units, max_size=units))
    active = [data.draw(st.lists(st.booleans(), min_size=points, max_size=points)) for _ in range(units)]
    chosen = [[key for key, row in zip(keys, active, strict=True) if row[n]] for n in range(points)]
    expected = [reduce(int.__xor__, some, 0) for some in chosen]
    on = torch.tensor(active, dtype=torch.bool, device="cpu").reshape(units, points)
    assert xor_active(on, torch.tensor(keys, dtype=torch.int64, device="cpu")).tolist() == expected


class TwoInputs(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y


class TwoOutputs(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x + 1, x - 1


class Random(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + torch.rand_like(x)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (TwoInputs(), "one tensor argument of shape"),
        (Random(), "rand"),
    ],
)
def test_networks_of_another_kind_are_refused(module: nn.Module, message: str) -> None:
    with pytest.raises(UnsupportedOperation, match=message):
        trace(module, 3)


def test_of_several_outputs_the_first_or_a_named_one_is_used() -> None:
    inputs = torch.zeros(1, 3, dtype=torch.float64, device="cpu")
    first = Program.from_module(TwoOutputs(), inputs)
    assert float(first(inputs)[0, 0]) == 1
    assert "the first one, 0, is used" in first.notes[0]
    assert float(Program.from_module(TwoOutputs(), inputs, output=1)(inputs)[0, 0]) == -1


def test_a_network_with_weights_that_are_not_numbers_is_refused() -> None:
    module, _ = mlp(2, 4, 3)()
    with torch.no_grad():
        module[0].weight[0, 0] = float("nan")
    with pytest.raises(InvalidNetwork, match=r"The weight '0\.weight' is not finite: 1 of its 8 numbers are NaN"):
        trace(module, 2)


def test_a_network_with_a_negative_variance_is_refused() -> None:
    module = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ReLU())
    module[1].running_var[1] = -0.5
    with pytest.raises(InvalidNetwork, match=r"running variance of '1' is negative, -0\.5"):
        trace(module, 2)


class Typed(nn.Module):
    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind, self.linear = kind, nn.Linear(3, 2, device="cpu")

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(torch.relu(x).type(self.kind))


@pytest.mark.parametrize("kind", [torch.FloatTensor, "torch.FloatTensor", "torch.cuda.HalfTensor", torch.float32])
def test_a_network_that_asks_for_a_smaller_type_computes_in_float64(kind: Any) -> None:
    module = Typed(kind)
    x = torch.randn(2, 3, device="cpu", dtype=torch.float64)
    expected = copy.deepcopy(module.linear).double()(x.relu())
    torch.testing.assert_close(trace(module, 3)(x), expected, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_program_that_was_pickled_or_saved_comes_back_the_same(case: Case) -> None:
    program = case.program
    inputs = case.plane().embed(case.window().corners)
    for again in (pickle.loads(pickle.dumps(program)), load(saved(program))):
        assert again.digest == program.digest
        assert (again.layers, again.notes, again.input_shape) == (program.layers, program.notes, program.input_shape)
        assert torch.equal(again(inputs), program(inputs))
        assert np.array_equal(again.patterns(inputs), program.patterns(inputs))


def saved(program: Program) -> bytes:
    buffer = io.BytesIO()
    program.save(buffer)
    return buffer.getvalue()


def load(data: bytes) -> Program:
    return Program.load(io.BytesIO(data))


@pytest.mark.parametrize(
    ("part", "old", "new"),
    [
        ("header", '"Program"', '"Regions"'),
        ("graph", "aten.relu.default", "os.system.default"),
        ("graph", "aten.relu.default", "aten.no_such.default"),
        ("graph", "p_0_weight", "p_9_weight"),
        ("graph", '[{"step"', "[[{"),
        ("graph", '{"operation"', '{"pickle"'),
    ],
)
def test_a_file_that_is_no_program_is_refused(part: str, old: str, new: str) -> None:
    data = saved(CASE["mlp-50-50"].program)
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        arrays = dict(archive)
    assert old in str(arrays[part])
    arrays[part] = np.array(str(arrays[part]).replace(old, new, 1))
    np.savez(changed := io.BytesIO(), **arrays)
    for damaged in (changed.getvalue(), data[: len(data) // 2], b""):
        with pytest.raises(InvalidData, match=r"Convert the network again\.$"):
            load(damaged)


def test_a_program_goes_to_another_process() -> None:
    case = CASE["residual"]
    inputs = case.plane().embed(case.window().corners)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert torch.equal(pool.submit(case.program.forward, inputs).result(), case.program(inputs))


def test_a_copy_of_a_program_is_the_program() -> None:
    program = CASE["mlp-50-50"].program
    assert copy.copy(program) is program
    assert copy.deepcopy(program) is program
    assert pickle.loads(pickle.dumps(program.to("cpu", torch.float32))).digest == program.digest


def test_a_network_whose_outputs_cancel_is_converted():
    """Twins with opposite signs: all that is left of the output is the rounding error of its terms."""
    hidden, last = nn.Linear(2, 4), nn.Linear(4, 2, bias=False)
    with torch.no_grad():
        hidden.weight.copy_(torch.tensor([[0.1, 0.3], [0.3, -0.2]] * 2, device="cpu"))
        hidden.bias.copy_(torch.tensor([0.7, 0.9] * 2, device="cpu"))
        last.weight.copy_(torch.tensor([[0.1, 0.7, -0.1, -0.7], [0.3, 0.9, -0.3, -0.9]], device="cpu"))
    program = Program.from_module(nn.Sequential(hidden, nn.ReLU(), last), torch.zeros(1, 2, device="cpu"))
    assert program(torch.ones(1, 2, dtype=torch.float64, device="cpu")).abs().max() < 1e-15


@pytest.mark.parametrize("seed", range(3))
def test_a_convolutional_network_whose_outputs_cancel_is_converted(seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        first, last = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 4, 3, padding=1, bias=False)
    with torch.no_grad():
        first.weight[4:], first.bias[4:], last.weight[:, 4:] = first.weight[:4], first.bias[:4], -last.weight[:, :4]
    module = nn.Sequential(first, nn.ReLU(), last, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    program = Program.from_module(module, torch.zeros(1, 3, 8, 8, device="cpu"))
    assert program(torch.ones(1, 3, 8, 8, dtype=torch.float64, device="cpu")).abs().max() < 1e-14


class Branching(nn.Module):
    """A network whose steps depend on its input's values."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if bool(x.sum() > 0):
            return x.relu()
        return x * 2


def script(module: nn.Module) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(module)


def traced_script(module: nn.Module) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.trace(module, torch.zeros(1, 2, dtype=module[0].weight.dtype, device="cpu"), check_trace=False)


@pytest.mark.parametrize("wrap", [lambda inner: inner, lambda inner: nn.Sequential(inner, nn.Linear(3, 2))])
def test_torchscript_alone_and_inside_a_network_is_converted(wrap: Any) -> None:
    module = wrap(script(nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 3))))
    program = Program.from_module(module, torch.zeros(1, 2, device="cpu"))
    x = torch.rand(5, 2, dtype=torch.float64, device="cpu")
    assert program.num_units == 8
    assert module.training
    torch.testing.assert_close(program(x), module.eval().double()(x))


@pytest.mark.parametrize("compiled", [script, traced_script], ids=["scripted", "traced"])
def test_torchscript_of_a_randomised_relu_is_converted_where_it_is_not_random(compiled: Any) -> None:
    module = nn.Sequential(nn.Linear(2, 8), nn.RReLU(0.1, 0.3), nn.Linear(8, 3)).eval()
    program = Program.from_module(compiled(module), torch.zeros(1, 2, device="cpu"))
    x = torch.randn(5, 2, dtype=torch.float64, device="cpu")
    torch.testing.assert_close(program(x), module.double()(x))
    module[1].forward = lambda x: torch.rrelu(x, 0.1, 0.3, True)  # random at any time
    with pytest.raises(UnsupportedOperation, match=r"rrelu.*random"):
        Program.from_module(traced_script(module), torch.zeros(1, 2, device="cpu"))


def test_torchscript_that_branches_on_values_is_refused() -> None:
    with pytest.raises(UnsupportedOperation, match="steps do not depend on the values"):
        Program.from_module(script(Branching()), torch.ones(1, 2, device="cpu"))


def test_only_a_sentence_is_said_of_a_network_that_branches_on_values(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UnsupportedOperation, match=r"could not trace the network at .*test_program.py:\d+: "):
        Program.from_module(Branching(), torch.ones(1, 2, device="cpu"))
    assert capfd.readouterr() == ("", "")


class PoolsIntoRows(nn.Module):
    """What it views lies in another order in memory in a program than in the network itself."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pooled = torch.max_pool2d(x.contiguous(memory_format=torch.channels_last), 2)
        return pooled.permute(0, 2, 3, 1).view(len(x), -1)


def test_views_do_not_depend_on_the_order_in_memory() -> None:
    x = torch.rand(3, 2, 4, 4, dtype=torch.float64, device="cpu")
    assert torch.equal(Program.from_module(PoolsIntoRows(), x[:1])(x), PoolsIntoRows()(x))


def test_a_program_says_what_it_is():
    module = nn.Sequential(nn.Flatten(), nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 3))
    program = Program.from_module(module, torch.zeros(1, 2, 2, 2))
    assert repr(program) == "Program(input 2 x 2 x 2, 1 layers of 5 units, 3 outputs)"
