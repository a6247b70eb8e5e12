"""Small seeded networks, each with a plane and a window: all kinds of layers, every degenerate case.

Single operations are in `test_operations.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lrviz.geometry.plane import Plane, Window
from lrviz.network.program import Program

Build = Callable[[], tuple[nn.Module, tuple[int, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A network with a plane of its inputs and a window that holds 1 to some 3,000 regions.

    Attributes:
        name: What tests print.
        build: Makes the network (float64, eval mode, CPU) and tells the shape of one input; the same one every time.
        plane: Makes the plane.
        window: Makes the window.
        degenerate: Whether units vanish on whole cells, coincide, or meet in one point.
        mlp: Whether the network is a plain chain of linear layers and ReLUs.
    """

    name: str
    build: Build
    plane: Callable[[], Plane]
    window: Callable[[], Window]
    degenerate: bool = False
    mlp: bool = False

    @property
    def program(self) -> Program:
        """The traced network, traced once per process."""
        return traced(self.name)

    @property
    def has_maxima(self) -> bool:
        """Whether the network takes maxima or minima of activations."""
        return any(layer.num_entries for layer in self.program.layers)

    def activity(self, points: np.ndarray) -> np.ndarray:
        """Which units (n, num_units) are active, or win and are not zero, at plane coordinates (n, 2)."""
        return activity(self.program, self.plane().embed(points))

    @property
    def module(self) -> nn.Module:
        """The network itself, built once per process."""
        return built(self.name)[0]


def activity(program: Program, inputs: Tensor) -> np.ndarray:
    """Which units (n, num_units) are active, or win and are not zero, at inputs, evaluated directly."""
    layers: list[Tensor] = []

    def on_layer(layer: int, z: Tensor) -> Tensor:
        entries, zero = program.entries(layer), 4e-15 * z.abs().max()
        if entries is None:
            layers.append(z > zero)
            return z.clamp(min=0)
        table = z[:, entries]
        first = (table >= table.amax(2, keepdim=True) - zero).int().argmax(2, keepdim=True)
        wins = torch.zeros_like(table, dtype=torch.bool).scatter_(2, first, True)
        layers.append((wins & (table.amax(2, keepdim=True).abs() > zero)).flatten(1))
        return table.amax(2)

    program.propagate(inputs, len(inputs), on_layer)
    return torch.cat(layers, 1).numpy() if layers else np.zeros((len(inputs), 0), dtype=bool)


@cache
def built(name: str) -> tuple[nn.Module, tuple[int, ...]]:
    return CASE[name].build()


@cache
def traced(name: str) -> Program:
    module, shape = built(name)
    return Program.from_module(module, torch.zeros(1, *shape, dtype=torch.float64, device="cpu"))


def dense(values: list) -> Tensor:
    return torch.tensor(values, dtype=torch.float64, device="cpu")


# --- the parts of a case ---------------------------------------------------------------------------------------------


def seeded(make: Callable[[], nn.Module], shape: tuple[int, ...], seed: int = 0, spread: float = 0.5) -> Build:
    """A builder of the same random network every time, batch-norm statistics and biases included."""

    def build() -> tuple[nn.Module, tuple[int, ...]]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = make().to(device="cpu", dtype=torch.float64).eval()
            for name, tensor in module.state_dict().items():
                if name.endswith("running_var"):
                    tensor.uniform_(0.3, 2.0)
                elif name.endswith(("bias", "running_mean")):
                    tensor.normal_(0.0, spread)
        return module, shape

    return build


def edited(build: Build, edit: Callable[[nn.Module], None]) -> Build:
    """The same network after a change of its weights."""

    def change() -> tuple[nn.Module, tuple[int, ...]]:
        module, shape = build()
        with torch.no_grad():
            edit(module)
        return module, shape

    return change


def mlp(*sizes: int, seed: int = 0, spread: float = 0.5) -> Build:
    def make() -> nn.Module:
        layers: list[nn.Module] = []
        for num_in, num_out in pairwise(sizes[:-1]):
            layers += [nn.Linear(num_in, num_out), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(*sizes[-2:]))

    return seeded(make, (sizes[0],), seed, spread)


def flat_plane() -> Plane:
    """The whole of a two-dimensional input space, with its own coordinates."""
    return Plane(origin=np.zeros(2), basis=np.eye(2), input_shape=(2,))


def random_plane(*shape: int, seed: int = 0, scale: float = 1.0) -> Callable[[], Plane]:
    """The plane through three random inputs."""
    return lambda: Plane.through(*np.random.default_rng(seed).normal(scale=scale, size=(3, *shape)))


def rectangle(u: float, v: float, half_width: float, half_height: float | None = None) -> Callable[[], Window]:
    return lambda: Window.rectangle((u, v), half_width, half_height)


def around_anchors(plane: Callable[[], Plane], half_width: float) -> Callable[[], Window]:
    """A rectangle around the middle of the triplet."""
    return lambda: Window.rectangle(plane().anchors.mean(0), half_width)


def triangle(plane: Callable[[], Plane]) -> Callable[[], Window]:
    return lambda: plane().triangle()


def around_crossing(build: Build, half_width: float) -> Callable[[], Window]:
    """A tiny square around the point where two units of the first layer meet."""

    def window() -> Window:
        first = build()[0][0]
        points = [torch.linalg.solve(first.weight[i : i + 2], -first.bias[i : i + 2]).tolist() for i in range(10)]
        return Window.rectangle(min(points, key=lambda point: max(map(abs, point))), half_width)

    return window


# --- networks --------------------------------------------------------------------------------------------------------


class Residual(nn.Module):
    """Convolutions with batch norm around a shortcut, both kinds of max-pool, dropout, adaptive average pool."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU())
        self.body = nn.Sequential(
            nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 3, padding=1)
        )
        self.pools = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(4, 4, 1), nn.MaxPool2d(3, stride=2, padding=1))
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(4, 3))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return self.head(self.pools(F.relu(x + self.body(x))))


class Downsampling(nn.Module):
    """Strided residual block whose shortcut is sliced and padded with zero channels, as in CIFAR ResNets."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 3, 3, padding=1)
        self.first, self.second = nn.Conv2d(3, 5, 3, stride=2, padding=1), nn.Conv2d(5, 5, 3, padding=1)
        self.norm = nn.BatchNorm2d(5)
        self.head = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        shortcut = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 1, 1))
        x = F.relu(shortcut + self.norm(self.second(F.relu(self.first(x)))))
        return self.head(F.avg_pool2d(x, x.shape[-1]).view(x.shape[0], -1))


class Branches(nn.Module):
    """Splits, concatenations, stacks and leaky units."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 12), nn.Linear(20, 3)
        self.leaky, self.prelu = nn.LeakyReLU(0.2), nn.PReLU(4)
        with torch.no_grad():
            self.prelu.weight.copy_(torch.tensor([0.25, -0.5, 1.0, 1.5], device="cpu"))

    def forward(self, x: Tensor) -> Tensor:
        one, two, three = self.first(x).split([4, 4, 4], 1)
        one, two = self.leaky(one), self.prelu(two)
        four, five = torch.split(F.relu(three), 2, 1)
        six, seven = torch.stack([five, -four], 1).unbind(1)
        return self.last(torch.cat([one, two, 1 - three, six, seven, four - five, torch.add(five, six, alpha=0.5)], 1))


class Saturating(nn.Module):
    """The piecewise linear operations with kinks away from zero."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(2, 14), nn.Linear(12, 3)
        self.relu6, self.tanh = nn.ReLU6(), nn.Hardtanh(-0.4, 0.5)

    def forward(self, x: Tensor) -> Tensor:
        a, b, c, d, e, f, g = self.first(x).chunk(7, 1)
        high, low = torch.maximum(d, e), torch.minimum(e, f)
        a, b, c, g = self.relu6(8 * a), self.tanh(b), c.clamp(-0.3, 0.4), g.abs()
        pair = torch.max(torch.clamp_min(a, 0.2), torch.min(b, low))
        return self.last(torch.cat([a, b, torch.clamp_max(c, 0.1), high.clamp(max=0.6), pair, g.clamp(min=0.1)], 1))


class Shapes(nn.Module):
    """Operations that move, repeat or weigh activations, on images."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, padding=1, padding_mode="circular")
        self.up, self.last = nn.ConvTranspose2d(4, 2, 2, stride=2), nn.Linear(6, 3)
        self.register_buffer("order", torch.tensor([2, 0, 1], device="cpu"))
        self.register_buffer("mixing", torch.linspace(-1, 1, 9, device="cpu").view(3, 3))

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(F.relu(self.conv(x)), (1, 1, 0, 2), mode="replicate")
        x = F.relu(self.up(F.pad(x, (1, 0, 1, 0), mode="reflect"))) / 2
        x = F.interpolate(F.pixel_unshuffle(x[:, :, :12, :12], 2), scale_factor=0.5, mode="bilinear")
        x = F.interpolate(F.pixel_shuffle(x, 2), scale_factor=2).roll(1, 3).flip(2)
        x = x.permute(0, 2, 3, 1).contiguous().transpose(1, 2)[..., :1].expand(-1, -1, -1, 3).clone()
        x = F.relu(torch.index_select(x, 3, self.order) @ self.mixing - 0.02).detach()
        x = torch.cat([x.mean((1, 2)), x.sum(1).select(1, 3).unsqueeze(1).squeeze(1) * 0.3], 1)
        return self.last(x.reshape(x.shape[0], 2, 3).flatten(1))


class Sequence(nn.Module):
    """One-dimensional convolutions and pools, and products with constant matrices."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.up = nn.Conv1d(2, 4, 3, padding=1), nn.ConvTranspose1d(4, 3, 2)
        self.norm, self.last = nn.BatchNorm1d(4), nn.Linear(6, 3)
        self.register_buffer("weight", torch.linspace(-1, 1, 6, device="cpu").view(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool1d(F.relu(self.norm(self.conv(x))), 3, 1, 1)
        x = F.adaptive_avg_pool1d(F.avg_pool1d(F.relu(self.up(x)), 2), 2)
        x = torch.addmm(self.weight[0], x.flatten(1)[:, :2], self.weight)
        return self.last(torch.cat([F.relu(x), torch.mm(x, self.weight.T @ self.weight)], 1))


def volume() -> nn.Module:
    return nn.Sequential(
        nn.Conv3d(1, 3, 2), nn.BatchNorm3d(3), nn.ReLU(), nn.AvgPool3d(2), nn.Flatten(), nn.Linear(3, 2)
    )


def decomposed(build: Build) -> Build:
    """The same network as a loaded .pt2 file shows it: in core ATen operations."""

    def export() -> tuple[nn.Module, tuple[int, ...]]:
        module, shape = build()
        batch = torch.export.Dim("batch", min=1, max=2**20)
        example = torch.zeros(2, *shape, dtype=torch.float64, device="cpu")
        exported = torch.export.export(module, (example,), dynamic_shapes=({0: batch},))
        module = exported.run_decompositions().module()
        module.eval = module.train = lambda *_: module  # an exported graph has no modes
        return module, shape

    return export


# --- degenerate weights ----------------------------------------------------------------------------------------------


def kill_units(module: nn.Module) -> None:
    """Units that never fire: far below zero, and exactly zero everywhere."""
    module[0].bias[:3] = -100.0
    module[0].weight[3:6] = 0.0
    module[0].bias[3:6] = 0.0
    module[2].weight[:2] = 0.0
    module[2].bias[:2] = dense([0.0, -1.0])


def zero_layer(module: nn.Module) -> None:
    module[2].weight[:] = 0.0
    module[2].bias[:] = 0.0


def zero_everything(module: nn.Module) -> None:
    for parameter in module.parameters():
        parameter.zero_()


def twin_units(module: nn.Module) -> None:
    """Exact duplicates, multiples by 2 and by 3, and negations, in both layers."""
    for layer in (module[0], module[2]):
        for target, factor in ((1, 1.0), (2, 2.0), (3, -1.0), (4, 3.0), (5, -0.5)):
            layer.weight[target] = factor * layer.weight[0]
            layer.bias[target] = factor * layer.bias[0]


def zero_bias(module: nn.Module) -> None:
    for name, parameter in module.named_parameters():
        if name.endswith("bias"):
            parameter.zero_()


def through_corners(module: nn.Module) -> None:
    """Lines through the corners (-1, -1), (1, 1) and (1, -1) of the unit square, along its sides and diagonals."""
    module[0].weight[:6] = dense([[1, -1], [1, 1], [1, 0], [0, 1], [2, -1], [1, 3]])
    module[0].bias[:6] = dense([0, 0, -1, 1, 1, 2])


def one_line(module: nn.Module) -> None:
    """All units of the first layer change at u = 0, with either sign."""
    module[0].weight[:] = dense([[1.0, 0.0]] * 4 + [[-2.0, 0.0]] * 4)
    module[0].bias[:] = 0.0


def twin_filters(module: nn.Module) -> None:
    """Convolution filters that repeat each other, so that whole channels draw the same lines."""
    module[0].weight[1], module[0].bias[1] = module[0].weight[0], module[0].bias[0]
    module[0].weight[2], module[0].bias[2] = 2 * module[0].weight[0], 2 * module[0].bias[0]
    module[0].weight[3], module[0].bias[3] = -module[0].weight[0], -module[0].bias[0]


def small_cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(4 * 9, 3),
    )  # fmt: skip


def pool_net() -> nn.Module:
    """Overlapping max-pools with padding after ReLUs, and one over what is left."""
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2, 1), nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(3, 2, 1), nn.Flatten(), nn.Linear(16, 3),
    )  # fmt: skip


class Absolute(nn.Module):
    """Absolute values of sums and differences, whose kinks lie on each other in parts of the plane."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(2, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.second(self.first(x).abs()).abs())


def whole_numbers(module: nn.Module) -> None:
    """Weights and biases in whole numbers, so that many lines pass through the same points."""
    for parameter in module.parameters():
        parameter.copy_((3 * parameter).round())


def many_scales(module: nn.Module) -> None:
    """Units of one layer on scales that are up to 1e12 apart; the next layer makes up for them."""
    scale = 10.0 ** torch.linspace(-6, 6, len(module[0].bias), dtype=torch.float64, device="cpu")
    module[0].weight.mul_(scale[:, None])
    module[0].bias.mul_(scale)
    module[2].weight.div_(scale)


def lines_that_part(module: nn.Module) -> None:
    """Two units that draw one line where a unit of the first layer is off, and lines of their own where it is on."""
    first, second = module[0], module[2]
    first.weight[:4], first.bias[:4] = dense([[1, 0], [0, 1], [1, 1], [1, -2]]), dense([2, 2, -0.3, 0.2])
    second.weight[:2] = 0.0
    second.weight[:2, :4] = dense([[1, -1, 1, 0], [-3, 3, 0, 1]])
    second.bias[:2] = dense([0.1, -0.3])


def black_corner_plane() -> Plane:
    """One black image and two that are black but for a few pixels: most units are zero along the way."""
    images = np.zeros((3, 1, 6, 6))
    images[1, 0, 1:3, 1:3], images[2, 0, 3:5, 2:4] = [[1, 0.5], [0.2, 0.9]], [[0.3, 1], [0.8, 0.1]]
    return Plane.through(*images)


def constant_image_plane() -> Plane:
    """A black, a grey and a half grey image, so that all positions away from the border behave alike."""
    images = np.zeros((3, 1, 6, 6))
    images[1], images[2, :, :, :3] = 1.0, 0.5
    return Plane.through(*images)


# --- the list --------------------------------------------------------------------------------------------------------

_square = rectangle(0, 0, 1)
_deep = random_plane(16, seed=3)
_cnn, _cnn_plane = seeded(small_cnn, (1, 6, 6), 7, 0.3), random_plane(1, 6, 6, seed=7)
_residual_plane, _downsampling_plane = random_plane(2, 8, 8, seed=1), random_plane(1, 8, 8, seed=2)
_downsampling = seeded(Downsampling, (1, 8, 8), 2, 0.3)

CASES: tuple[Case, ...] = (
    Case(name="mlp-50-50", build=mlp(2, 50, 50, 3), plane=flat_plane, window=_square, mlp=True),
    Case(name="mlp-one-layer", build=mlp(2, 40, 1, seed=1), plane=flat_plane, window=_square, mlp=True),
    Case(name="mlp-deep", build=mlp(2, 16, 16, 16, 16, 16, 3, seed=2), plane=flat_plane,
         window=rectangle(0.5, -0.5, 1.5, 0.7), mlp=True),
    Case(name="mlp-16-inputs", build=mlp(16, 30, 30, 4, seed=3), plane=_deep, window=triangle(_deep), mlp=True),
    Case(name="mlp-far-away", build=mlp(2, 20, 20, 3, seed=4), plane=flat_plane,
         window=rectangle(3e4, -2e4, 1e4), mlp=True),
    Case(name="mlp-deep-zoom", build=mlp(2, 50, 50, 3), plane=flat_plane,
         window=around_crossing(mlp(2, 50, 50, 3), 1e-7), mlp=True),
    Case(name="residual", build=seeded(Residual, (2, 8, 8), 1, 0.3), plane=_residual_plane,
         window=around_anchors(_residual_plane, 0.6)),
    Case(name="downsampling", build=_downsampling, plane=_downsampling_plane,
         window=around_anchors(_downsampling_plane, 0.8)),
    Case(name="core-aten", build=decomposed(_downsampling), plane=_downsampling_plane,
         window=around_anchors(_downsampling_plane, 0.4)),
    Case(name="branches", build=seeded(Branches, (6,), 4), plane=random_plane(6, seed=4),
         window=triangle(random_plane(6, seed=4))),
    Case(name="saturating", build=seeded(Saturating, (2,), 5), plane=flat_plane, window=rectangle(0, 0, 3)),
    Case(name="shapes", build=seeded(Shapes, (2, 6, 6), 6, 0.2), plane=random_plane(2, 6, 6, seed=6),
         window=around_anchors(random_plane(2, 6, 6, seed=6), 0.7)),
    Case(name="sequence", build=seeded(Sequence, (2, 6), 8, 0.2), plane=random_plane(2, 6, seed=8),
         window=triangle(random_plane(2, 6, seed=8))),
    Case(name="volume", build=seeded(volume, (1, 3, 3, 3), 9, 0.3), plane=random_plane(1, 3, 3, 3, seed=9),
         window=triangle(random_plane(1, 3, 3, 3, seed=9))),
    Case(name="cnn", build=_cnn, plane=_cnn_plane, window=around_anchors(_cnn_plane, 1.0)),
    Case(name="dead-units", build=edited(mlp(2, 20, 20, 3, seed=10), kill_units), plane=flat_plane, window=_square,
         degenerate=True, mlp=True),
    Case(name="zero-layer", build=edited(mlp(2, 10, 10, 3, seed=11), zero_layer), plane=flat_plane, window=_square,
         degenerate=True, mlp=True),
    Case(name="zero-network", build=edited(mlp(2, 10, 3, seed=12), zero_everything), plane=flat_plane,
         window=_square, degenerate=True, mlp=True),
    Case(name="twin-units", build=edited(mlp(2, 16, 16, 3, seed=13), twin_units), plane=flat_plane, window=_square,
         degenerate=True, mlp=True),
    Case(name="twin-filters", build=edited(_cnn, twin_filters), plane=_cnn_plane,
         window=around_anchors(_cnn_plane, 1.0), degenerate=True),
    Case(name="lines-meet-inside", build=edited(mlp(2, 16, 16, 3, seed=14), zero_bias), plane=flat_plane,
         window=_square, degenerate=True, mlp=True),
    Case(name="lines-meet-at-corner", build=edited(mlp(2, 16, 16, 3, seed=14), zero_bias), plane=flat_plane,
         window=rectangle(0.5, 0.5, 0.5), degenerate=True, mlp=True),
    Case(name="lines-through-corners", build=edited(mlp(2, 12, 12, 3, seed=15), through_corners), plane=flat_plane,
         window=_square, degenerate=True, mlp=True),
    Case(name="window-side-on-line", build=edited(mlp(2, 12, 12, 3, seed=15), through_corners), plane=flat_plane,
         window=lambda: Window(corners=np.array([[-1.0, -1], [1, -1], [1, 1]])), degenerate=True, mlp=True),
    Case(name="one-line", build=edited(mlp(2, 8, 6, 2, seed=16), one_line), plane=flat_plane, window=_square,
         degenerate=True, mlp=True),
    Case(name="black-image", build=edited(_cnn, zero_bias), plane=black_corner_plane,
         window=triangle(black_corner_plane), degenerate=True),
    Case(name="black-image-inside", build=edited(_cnn, zero_bias), plane=black_corner_plane, window=_square,
         degenerate=True),
    Case(name="constant-images", build=_cnn, plane=constant_image_plane, window=rectangle(2, 0.5, 2, 1),
         degenerate=True),
    Case(name="constant-network", build=edited(_cnn, zero_everything), plane=_cnn_plane,
         window=triangle(_cnn_plane), degenerate=True),
    Case(name="pool-only", build=seeded(lambda: nn.Sequential(nn.MaxPool2d(4), nn.Flatten()), (1, 4, 4)),
         plane=random_plane(1, 4, 4), window=around_anchors(random_plane(1, 4, 4), 3.0)),
    Case(name="pools", build=seeded(pool_net, (1, 8, 8), 19, 0.3), plane=random_plane(1, 8, 8, seed=19),
         window=around_anchors(random_plane(1, 8, 8, seed=19), 0.8)),
    Case(name="pools-of-dead-units", build=edited(seeded(pool_net, (1, 8, 8), 20, 0.3), zero_bias),
         plane=random_plane(1, 8, 8, seed=20), window=around_anchors(random_plane(1, 8, 8, seed=20), 0.5),
         degenerate=True),
    Case(name="absolute-values", build=seeded(Absolute, (2,), 21), plane=flat_plane, window=_square, degenerate=True),
    Case(name="whole-numbers", build=edited(mlp(2, 12, 12, 3, seed=22, spread=1.0), whole_numbers), plane=flat_plane,
         window=rectangle(0, 0, 2), degenerate=True, mlp=True),
    Case(name="many-scales", build=edited(mlp(2, 24, 16, 3, seed=23), many_scales), plane=flat_plane, window=_square,
         mlp=True),
    Case(name="lines-that-part", build=edited(mlp(2, 24, 12, 3, seed=24), lines_that_part), plane=flat_plane,
         window=_square, degenerate=True, mlp=True),
    Case(name="no-relu", build=seeded(lambda: nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 3)), (2,), 17),
         plane=flat_plane, window=triangle(flat_plane), degenerate=True),
    Case(name="no-crossing", build=mlp(2, 20, 20, 3, seed=18), plane=flat_plane,
         window=rectangle(0.3, 0.3, 1e-5), degenerate=True, mlp=True),
)  # fmt: skip

CASE = {case.name: case for case in CASES}
