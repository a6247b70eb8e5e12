"""Every supported operation: traced, compared with the module at points and along directions; and what is refused."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lrviz.errors import UnsupportedOperation
from lrviz.network.operations import AFFINE, REWRITES, aten, operation_name, supported_operations
from lrviz.network.program import Program
from lrviz.network.refusals import alternative
from lrviz.network.tracing import module_path, trace_module

VECTOR, SERIES, IMAGE, VOLUME = (8,), (2, 8), (2, 6, 6), (2, 4, 4, 4)
Function = Callable[[Tensor], Tensor]


def weight(*shape: int) -> Tensor:
    generator = torch.Generator("cpu").manual_seed(len(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64, device="cpu")


BIAS, MATRIX, SMALL, FILTER = weight(8), weight(8, 3), weight(3, 2), weight(3, 2, 3, 3)
PLANES = weight(2, 8)
GRID, GRID_3D, ORDER = weight(1, 3, 4, 2), weight(1, 2, 2, 2, 3), torch.tensor([3, 0, 2, 1, 7, 5, 4, 6], device="cpu")


def assigned(x: Tensor) -> Tensor:
    y = x.clone()
    y[:, [1, 0]] = 2 * x
    return y


class Call(nn.Module):
    """One use of an operation."""

    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class Calls(nn.Module):
    """A ReLU whose kinks are not at zero, then all the calls side by side."""

    def __init__(self, functions: list[Function]) -> None:
        super().__init__()
        self.calls = nn.ModuleList(Call(function) for function in functions)

    def forward(self, x: Tensor) -> Tensor:
        x = x + F.relu(x - 0.1) - 0.3
        return torch.cat([call(x).flatten(1) for call in self.calls], 1)


def norm(num_channels: int, kind: type[nn.Module]) -> nn.Module:
    module = kind(num_channels)
    for tensor, shift in zip(module.state_dict().values(), (1, 0.3, -0.2, 2), strict=False):
        tensor.copy_(shift + 0.1 * BIAS[:num_channels])
    return module


# Names of traced operations on the left; some have several callers in `torch`.
OPERATIONS: dict[str, list[tuple[tuple[int, ...], Function]]] = {
    "conv1d": [(SERIES, nn.Conv1d(2, 3, 3, padding=1, dilation=2))],
    "conv2d": [(IMAGE, nn.Conv2d(2, 4, 3, stride=2, groups=2)), (IMAGE, nn.Conv2d(2, 3, 3, padding="same"))],
    "conv3d": [(VOLUME, nn.Conv3d(2, 3, 2))],
    "convolution": [
        (IMAGE, lambda x: aten.convolution.default(x, FILTER, BIAS[:3], [1, 1], [1, 1], [1, 1], False,
                                                   [0, 0], 1))
    ],
    "conv_transpose1d": [(SERIES, nn.ConvTranspose1d(2, 3, 3))],
    "conv_transpose2d": [(IMAGE, nn.ConvTranspose2d(2, 3, 3, stride=2, output_padding=1))],
    "conv_transpose3d": [(VOLUME, nn.ConvTranspose3d(2, 3, 2))],
    "linear": [(VECTOR, nn.Linear(8, 3)), (SERIES, nn.Linear(8, 3, bias=False))],
    "_native_batch_norm_legit_no_training": [
        (VECTOR, norm(8, nn.BatchNorm1d)), (IMAGE, norm(2, nn.BatchNorm2d)), (VOLUME, norm(2, nn.BatchNorm3d)),
    ],
    "avg_pool1d": [(SERIES, nn.AvgPool1d(3, 2, 1))],
    "avg_pool2d": [(IMAGE, nn.AvgPool2d(3, 2, 1, count_include_pad=False))],
    "avg_pool3d": [(VOLUME, nn.AvgPool3d(2))],
    "adaptive_avg_pool1d": [(SERIES, nn.AdaptiveAvgPool1d(3))],
    "adaptive_avg_pool2d": [(IMAGE, nn.AdaptiveAvgPool2d(4)), (IMAGE, nn.AdaptiveAvgPool2d(1))],
    "adaptive_avg_pool3d": [(VOLUME, nn.AdaptiveAvgPool3d(3))],
    "_adaptive_avg_pool2d": [(IMAGE, lambda x: aten._adaptive_avg_pool2d.default(x, [2, 4]))],
    "_adaptive_avg_pool3d": [(VOLUME, lambda x: aten._adaptive_avg_pool3d.default(x, [2, 1, 3]))],
    "mean": [(IMAGE, lambda x: x.mean((2, 3))), (IMAGE, lambda x: x.mean(1, keepdim=True))],
    "sum": [(IMAGE, lambda x: x.sum(-1))],
    "view": [(IMAGE, nn.Flatten()), (VECTOR, nn.Unflatten(1, (2, 4))), (IMAGE, lambda x: x.reshape(-1, 8, 9))],
    "_unsafe_view": [(SERIES, lambda x: aten._unsafe_view.default(x, [x.shape[0], 16]))],
    "permute": [(IMAGE, lambda x: x.permute(0, 2, 3, 1)), (IMAGE, lambda x: x.movedim(1, 3))],
    "transpose": [(IMAGE, lambda x: x.transpose(1, 2))],
    "squeeze": [((1, 4), lambda x: x.squeeze(1))],
    "unsqueeze": [(VECTOR, lambda x: x.unsqueeze(1))],
    "expand": [((1, 4), lambda x: x.expand(-1, 3, 4))],
    "repeat": [(VECTOR, lambda x: x.repeat(1, 2))],
    "slice": [(IMAGE, lambda x: x[:, :, ::2, 1:]), (IMAGE, lambda x: x.narrow(2, 1, 2))],
    "select": [(IMAGE, lambda x: x[:, 1])],
    "index": [(IMAGE, lambda x: x[:, [1, 0, 1]])],
    "index_select": [(IMAGE, lambda x: torch.index_select(x, 2, torch.tensor([3, 0, 0], device="cpu")))],
    "flip": [(IMAGE, lambda x: x.flip(2))],
    "roll": [(IMAGE, lambda x: x.roll(1, 3))],
    "split": [(VECTOR, lambda x: x.split(3, 1)[2]), (VECTOR, lambda x: x.chunk(2, 1)[0])],
    "split_with_sizes": [(VECTOR, lambda x: x.split([3, 5], 1)[1])],
    "unbind": [(IMAGE, lambda x: x.unbind(1)[1])],
    "pad": [
        (IMAGE, nn.ConstantPad2d(1, 0.7)), (IMAGE, nn.ReflectionPad2d(2)), (IMAGE, nn.ReplicationPad2d(1)),
        (IMAGE, nn.CircularPad2d(1)),
    ],
    "constant_pad_nd": [(IMAGE, lambda x: aten.constant_pad_nd.default(x, [1, 1, 0, 2], -0.4))],
    "pixel_shuffle": [((4, 3, 3), nn.PixelShuffle(2))],
    "pixel_unshuffle": [(IMAGE, nn.PixelUnshuffle(2))],
    "upsample_nearest2d": [(IMAGE, nn.Upsample(scale_factor=2)), (IMAGE, nn.Upsample(size=7))],
    "upsample_bilinear2d": [(IMAGE, nn.Upsample(size=7, mode="bilinear", align_corners=True))],
    "upsample_nearest1d": [(SERIES, nn.Upsample(scale_factor=2))],
    "upsample_nearest3d": [(VOLUME, nn.Upsample(size=5))],
    "_upsample_nearest_exact1d": [(SERIES, nn.Upsample(size=5, mode="nearest-exact"))],
    "_upsample_nearest_exact2d": [(IMAGE, nn.Upsample(size=5, mode="nearest-exact"))],
    "_upsample_nearest_exact3d": [(VOLUME, nn.Upsample(size=5, mode="nearest-exact"))],
    "upsample_linear1d": [(SERIES, nn.Upsample(size=5, mode="linear"))],
    "upsample_trilinear3d": [(VOLUME, nn.Upsample(size=5, mode="trilinear"))],
    "upsample_bicubic2d": [(IMAGE, nn.Upsample(scale_factor=2, mode="bicubic"))],
    "_upsample_bilinear2d_aa": [(IMAGE, lambda x: F.interpolate(x, size=4, mode="bilinear", antialias=True))],
    "_upsample_bicubic2d_aa": [(IMAGE, lambda x: F.interpolate(x, size=4, mode="bicubic", antialias=True))],
    "channel_shuffle": [((4, 3, 3), nn.ChannelShuffle(2))],
    "grid_sampler_2d": [(IMAGE, lambda x: F.grid_sample(x, GRID.expand(len(x), -1, -1, -1), align_corners=False))],
    "grid_sampler_3d": [
        (VOLUME, lambda x: F.grid_sample(x, GRID_3D.expand(len(x), -1, -1, -1, -1), align_corners=False))
    ],
    "reflection_pad1d": [(SERIES, lambda x: aten.reflection_pad1d.default(x, [1, 2]))],
    "reflection_pad2d": [(IMAGE, lambda x: aten.reflection_pad2d.default(x, [1, 2, 0, 1]))],
    "reflection_pad3d": [(VOLUME, lambda x: aten.reflection_pad3d.default(x, [1, 2, 0, 1, 1, 1]))],
    "replication_pad1d": [(SERIES, lambda x: aten.replication_pad1d.default(x, [1, 2]))],
    "replication_pad2d": [(IMAGE, lambda x: aten.replication_pad2d.default(x, [1, 2, 0, 1]))],
    "replication_pad3d": [(VOLUME, lambda x: aten.replication_pad3d.default(x, [1, 2, 0, 1, 1, 1]))],
    "im2col": [(IMAGE, lambda x: F.unfold(x, 3, padding=1))],
    "col2im": [(IMAGE, lambda x: F.fold(F.unfold(x, 3), 6, 3))],
    "bmm": [(SERIES, lambda x: torch.bmm(x, MATRIX.expand(len(x), -1, -1)))],
    "baddbmm": [
        (SERIES, lambda x: torch.baddbmm(BIAS[:3], x, MATRIX.expand(len(x), -1, -1), beta=2.0)),
        (SERIES, lambda x: torch.baddbmm(x, SMALL[:2].expand(len(x), -1, -1), PLANES.expand(len(x), -1, -1))),
    ],
    "mv": [(VECTOR, lambda x: torch.mv(x, BIAS)[:, None])],
    "cumsum": [(IMAGE, lambda x: x.cumsum(2))],
    "where": [(IMAGE, lambda x: torch.where(torch.eye(6, device="cpu").bool(), x, -2 * x))],
    "lerp": [(VECTOR, lambda x: torch.lerp(x, F.relu(x), 0.3)), (VECTOR, lambda x: torch.lerp(BIAS, MATRIX[:, 0], x))],
    "addcmul": [(VECTOR, lambda x: torch.addcmul(F.relu(x), x, BIAS, value=0.5))],
    "addcdiv": [(VECTOR, lambda x: torch.addcdiv(x, F.relu(x), BIAS, value=0.5))],
    "gather": [(VECTOR, lambda x: x.gather(1, ORDER.expand(len(x), -1)))],
    "scatter": [(VECTOR, lambda x: torch.zeros_like(x).scatter(1, ORDER.expand(len(x), -1), x))],
    "index_put": [(IMAGE, assigned)],
    "slice_scatter": [(IMAGE, lambda x: x.slice_scatter(2 * x[:, :, 1:3], 2, 3, 5))],
    "select_scatter": [(IMAGE, lambda x: x.select_scatter(2 * x[:, :, 1], 2, 3))],
    "copy": [(IMAGE, lambda x: x.clone().copy_(2 * x))],
    "_to_copy": [(IMAGE, lambda x: aten._to_copy.default(x, dtype=x.dtype))],
    "diagonal": [(IMAGE, lambda x: x.diagonal(1, 2, 3))],
    "unfold": [(SERIES, lambda x: x.unfold(2, 3, 2))],
    "as_strided": [(VECTOR, lambda x: x.clone().as_strided((len(x), 3, 2), (8, 2, 1)))],
    "neg": [(VECTOR, lambda x: -x)],
    "clone": [(IMAGE, lambda x: x.permute(0, 2, 3, 1).contiguous())],
    "alias": [(VECTOR, aten.alias.default)],
    "detach": [(VECTOR, lambda x: x.detach())],
    "div": [(VECTOR, lambda x: x / 3), (VECTOR, lambda x: x / (BIAS.abs() + 1))],
    "mm": [(VECTOR, lambda x: torch.mm(x, MATRIX))],
    "matmul": [(VECTOR, lambda x: x @ MATRIX), (SERIES, lambda x: SMALL @ x)],
    "addmm": [(VECTOR, lambda x: torch.addmm(BIAS[:3], x, MATRIX, beta=2.0, alpha=0.5))],
    "add": [(VECTOR, lambda x: x + 1), (VECTOR, lambda x: torch.add(x, F.relu(x), alpha=2))],
    "sub": [(VECTOR, lambda x: x - 2 * F.relu(x)), (VECTOR, lambda x: x - BIAS)],
    "rsub": [(VECTOR, lambda x: 1 - x)],
    "mul": [(VECTOR, lambda x: x * BIAS), (VECTOR, lambda x: 0.3 * x)],
    "cat": [(VECTOR, lambda x: torch.cat([F.relu(x), x], 1))],
    "stack": [(VECTOR, lambda x: torch.stack([x, F.relu(x)], 2))],
    "relu": [(VECTOR, nn.ReLU())],
    "leaky_relu": [(VECTOR, nn.LeakyReLU(0.2)), (VECTOR, nn.LeakyReLU())],
    "prelu": [(IMAGE, nn.PReLU(2)), (VECTOR, nn.PReLU(init=-0.5))],
    "hardtanh": [(VECTOR, nn.Hardtanh(-0.5, 0.7)), (VECTOR, nn.ReLU6())],
    "clamp": [
        (VECTOR, lambda x: x.clamp(-0.2, 0.3)), (VECTOR, lambda x: x.clamp(max=0.1)),
        (VECTOR, lambda x: torch.clamp(x, BIAS)),
    ],
    "amax": [(IMAGE, lambda x: x.amax(1)), (IMAGE, lambda x: x.amax((2, 3), keepdim=True))],
    "amin": [(IMAGE, lambda x: x.amin(2))],
    "max": [(IMAGE, lambda x: x.max(1).values), (VECTOR, lambda x: torch.max(x, x.flip(1)))],
    "min": [(IMAGE, lambda x: x.min(3, keepdim=True).values), (VECTOR, lambda x: torch.min(x, 0.5 * x.flip(1)))],
    "adaptive_max_pool1d": [(SERIES, nn.AdaptiveMaxPool1d(3))],
    "adaptive_max_pool2d": [(IMAGE, nn.AdaptiveMaxPool2d(1)), (IMAGE, nn.AdaptiveMaxPool2d((4, 3)))],
    "adaptive_max_pool3d": [(VOLUME, nn.AdaptiveMaxPool3d((1, 3, 2)))],
    "max_pool1d_with_indices": [(SERIES, lambda x: F.max_pool1d(x, 2, return_indices=True)[0])],
    "max_pool2d_with_indices": [(IMAGE, lambda x: F.max_pool2d(x, 3, 2, 1, return_indices=True)[0])],
    "max_pool3d_with_indices": [(VOLUME, lambda x: F.max_pool3d(x, 2, return_indices=True)[0])],
    "relu6": [(VECTOR, lambda x: F.relu6(4 * x))],
    "hardsigmoid": [(VECTOR, lambda x: F.hardsigmoid(4 * x))],
    "threshold": [(VECTOR, lambda x: F.threshold(x, 0.2, 0.2)), (VECTOR, lambda x: F.threshold(x, 0.0, 0.0))],
    "rrelu": [(VECTOR, nn.RReLU()), (VECTOR, nn.RReLU(0.1, 0.2))],
    "clamp_min": [(VECTOR, lambda x: torch.clamp_min(x, 0.1))],
    "clamp_max": [(VECTOR, lambda x: torch.clamp_max(x, 0.1))],
    "abs": [(VECTOR, torch.abs)],
    "pow": [(VECTOR, lambda x: x**1), (IMAGE, nn.LPPool2d(1, 2))],
    "maximum": [(VECTOR, lambda x: torch.maximum(x, x.flip(1))), (VECTOR, lambda x: torch.maximum(BIAS, x))],
    "minimum": [(VECTOR, lambda x: torch.minimum(x, x.flip(1)))],
    "max_pool1d": [(SERIES, nn.MaxPool1d(3, 2, 1))],
    "max_pool2d": [
        (IMAGE, nn.MaxPool2d(2)), (IMAGE, nn.MaxPool2d(3, 2, 1)), (IMAGE, nn.MaxPool2d((2, 3), dilation=(2, 1))),
        (IMAGE, nn.MaxPool2d(4, 3, ceil_mode=True)), (IMAGE, nn.Sequential(nn.ReLU(), nn.MaxPool2d(3, 2, 1))),
    ],
    "max_pool3d": [(VOLUME, nn.MaxPool3d(2))],
}  # fmt: skip

SHAPES = sorted({shape for calls in OPERATIONS.values() for shape, _ in calls})


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """All calls on inputs of one shape, traced as one network."""

    names: list[str]
    module: Calls
    program: Program
    operations: list[set[str]]


@cache
def traced(shape: tuple[int, ...]) -> Traced:
    calls = [(name, call) for name, calls in OPERATIONS.items() for its_shape, call in calls if its_shape == shape]
    module = Calls([call for _, call in calls]).to(device="cpu", dtype=torch.float64).eval()
    example = torch.zeros(1, *shape, dtype=torch.float64, device="cpu")
    operations: list[set[str]] = [set() for _ in calls]
    for node in trace_module(module, example).graph.nodes:
        path = module_path(node).split(".")
        if node.op == "call_function" and path[0] == "calls":
            operations[int(path[1])].add(operation_name(node))
    return Traced(names=[name for name, _ in calls], module=module, program=Program.from_module(module, example),
                  operations=operations)  # fmt: skip


def assert_each_close(calls: Traced, received: Tensor, expected: list[Tensor], tolerance: float) -> None:
    """Compare call by call, so that a failure names the operation."""
    parts = received.split([part.flatten(1).shape[1] for part in expected], 1)
    for name, part, value in zip(calls.names, parts, expected, strict=True):
        torch.testing.assert_close(
            part, value.flatten(1), rtol=tolerance, atol=tolerance, msg=lambda text, name=name: f"{name}: {text}"
        )


def outputs(calls: Traced, inputs: Tensor) -> list[Tensor]:
    with torch.no_grad():
        inputs = inputs + F.relu(inputs - 0.1) - 0.3
        return [call(inputs) for call in calls.module.calls]


def test_every_supported_operation_has_a_call_here() -> None:
    assert set(AFFINE) | set(REWRITES) | {"relu"} == set(OPERATIONS)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_operations_are_traced_under_their_names(shape: tuple[int, ...]) -> None:
    calls = traced(shape)
    assert [name for name, seen in zip(calls.names, calls.operations, strict=True) if name not in seen] == []


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_operations_compute_what_the_module_computes(shape: tuple[int, ...]) -> None:
    calls, inputs = traced(shape), weight(5, *shape)
    assert_each_close(calls, calls.program(inputs), outputs(calls, inputs), 1e-12)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_operations_push_directions_as_differences(shape: tuple[int, ...]) -> None:
    calls, points = traced(shape), weight(4, *shape)
    step = 1e-7 * points.roll(1, 0)
    assert (calls.program.patterns(points) == calls.program.patterns(points + step)).all(), "the step leaves the region"
    push = calls.program.differentiate
    received = calls.program.propagate(torch.cat([points, step]), 4, lambda layer, z: push(layer, z, 4))[4:]
    pairs = zip(outputs(calls, points + step), outputs(calls, points), strict=True)
    assert_each_close(calls, received / 1e-7, [(there - here) / 1e-7 for there, here in pairs], 1e-7)


def no_variance() -> nn.Module:
    norm = nn.BatchNorm2d(2, eps=0.0)
    norm.running_var.zero_()
    return norm


REFUSED: dict[str, tuple[tuple[int, ...], Function, str]] = {
    "sigmoid": (VECTOR, torch.sigmoid, "sigmoid"),
    "softmax": (VECTOR, lambda x: F.relu(x.softmax(1) - 0.1), "softmax"),
    "gelu": (VECTOR, nn.GELU(), "gelu"),
    "layer-norm": (VECTOR, nn.LayerNorm(8), "layer_norm"),
    "product-of-activations": (VECTOR, lambda x: x * F.relu(x), "mul"),
    "square": (VECTOR, lambda x: x * x, "mul"),
    "power": (VECTOR, lambda x: x**3, "pow in module 'network': its exponent is not 1"),
    "attention": (SERIES, lambda x: x @ x.transpose(1, 2), "matmul"),
    "division-by-activations": (VECTOR, lambda x: 1 / (x + 10), "reciprocal"),
    "normalised": (VECTOR, lambda x: F.relu(x) / F.relu(x).sum(1, keepdim=True), "div .*: it multiplies or divides"),
    "infinite": (VECTOR, lambda x: x / torch.zeros((), device="cpu"), "div .*: its result is not finite"),
    "own-statistics": (
        (2, 5, 5), nn.BatchNorm2d(2, track_running_stats=False), "batch_norm .*: without running statistics it divides",
    ),
    "no-variance": ((2, 5, 5), no_variance(), "batch_norm .*: its result is not finite"),
    "rounded-division": (VECTOR, lambda x: torch.div(x, 2, rounding_mode="floor"), "div"),
    "integer-division": (VECTOR, lambda x: x // 2, "floor_divide"),
    "reversed-batch": (VECTOR, lambda x: x.flip(0), "mixes the inputs of a batch"),
    "rolled-batch": (VECTOR, lambda x: x.roll(1, 0), "mixes the inputs of a batch"),
    "mean-over-batch": (VECTOR, lambda x: x - x.mean(0), "mixes the inputs of a batch"),
    "stacked-batch": (VECTOR, lambda x: torch.stack([x, x], 0), "mixes the inputs of a batch"),
    "transposed-batch": (VECTOR, lambda x: x.t(), "mixes the inputs of a batch"),
    "batch-size-as-number": (VECTOR, lambda x: x + x.shape[0], "batch"),
    "data-dependent-branch": (VECTOR, lambda x: x if x.sum() > 0 else -x, "torch.export"),
}  # fmt: skip


@pytest.mark.parametrize(("shape", "function", "message"), REFUSED.values(), ids=REFUSED)
def test_refuses_what_is_not_piecewise_linear_per_input(shape: tuple, function: Function, message: str) -> None:
    with pytest.raises(UnsupportedOperation, match=message):
        Program.from_module(Call(function), torch.zeros(1, *shape, device="cpu"))


def test_refusal_names_operation_module_and_alternatives() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU(), nn.Sigmoid()))
    with pytest.raises(UnsupportedOperation) as caught:
        Program.from_module(module, torch.zeros(1, 2, device="cpu"))
    message = str(caught.value)
    assert "sigmoid in module '1.1'" in message
    assert ", ".join(supported_operations()) in message
    assert {"relu", "conv2d", "max_pool2d"} <= set(supported_operations())


@pytest.mark.parametrize(
    ("operation", "instead"),
    [
        ("ArgMax", "nothing: it jumps"),
        ("argmax", "nothing: it jumps"),
        ("TopK", "maximum, minimum, amax, max_pool"),
        ("sort", "maximum, minimum, amax, max_pool"),
        ("GRU", "linear layers with relu, over a fixed number of steps"),
        ("LSTM", "linear layers with relu, over a fixed number of steps"),
        ("LRN", "batch_norm"),
        ("native_layer_norm", "batch_norm"),
        ("InstanceNormalization", "batch_norm"),
        ("pow", "sums, and products with constants"),
        ("mul", "sums, and products with constants"),
        ("MatMul", "sums, and products with constants"),
        ("exp", "relu, leaky_relu"),
        ("HardSwish", "relu, leaky_relu"),
        ("log_sigmoid_forward", "relu, leaky_relu"),
        ("QLinearConv", "affine operations, relu, leaky_relu, clamp, abs, maximum, max_pool"),
        ("DequantizeLinear", "the network as it was before quantisation"),
        ("_scaled_dot_product_attention", "fixed weights in place of attention"),
    ],
)
def test_every_refusal_says_what_to_use_instead(operation: str, instead: str) -> None:
    assert alternative(operation) == instead
