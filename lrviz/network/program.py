"""A traced network as a list of affine steps, ReLUs and maxima."""

import hashlib
from collections.abc import Callable
from inspect import isfunction
from typing import Any, BinaryIO

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import fx, nn

from lrviz.arrays import frozen_array
from lrviz.devices import single_threaded
from lrviz.errors import InvalidData
from lrviz.network.archive import Parts, decode_graph, encode_graph, read_parts, write_parts
from lrviz.network.conversion import convert
from lrviz.network.layer import Layer
from lrviz.network.maxima import features_at, find_winners, largest_entry
from lrviz.network.operations import aten
from lrviz.network.origins import tell_origins
from lrviz.network.patterns import xor_active, xor_winners
from lrviz.network.prepare import first_line, prepare_example, prepare_module
from lrviz.network.proof import prove
from lrviz.network.refusals import refusing
from lrviz.network.rounding import find_magnitudes, find_zeros
from lrviz.network.rows import call_rows
from lrviz.network.scripted import without_script
from lrviz.network.tracing import Trace, module_path, trace_module
from lrviz.network.values import first_tensor, flat_rows, map_tensors, subtract_offset, tensors_of, with_zeros

_KEY_SEED = 20220211
_LAYERS = frozenset([aten.relu.default, largest_entry])

OnLayer = Callable[[int, torch.Tensor], torch.Tensor]
Extend = Callable[[torch.Tensor, int], torch.Tensor]
Watch = Callable[[fx.Node, Any], Any]


class Program:
    """A network in eval mode, in float64, as affine steps, ReLUs and maxima.

    Build one with `Program.from_module`. Programs are immutable: `to` returns another one, and a copy is the program
    itself. A pickle holds the exact weights, on the CPU; like any pickle, load it only where you trust its source.

    Attributes:
        graph: The steps, as a `torch.fx` graph of affine operations, `aten.relu` and `largest_entry`.
        state: Weights and buffers by the name that the graph uses.
        layers: The ReLU calls and the maxima in order of execution.
        input_shape: Shape of one input.
        num_outputs: Length of the flattened output for one input.
        notes: Sentences on what differs from the module, such as a softmax that is left off.
        digest: Hash of the graph and the weights.
    """

    _exact: "Program | None" = None

    def __init__(
        self,
        graph: fx.Graph,
        state: dict[str, torch.Tensor],
        input_shape: tuple[int, ...],
        notes: tuple[str, ...] = (),
    ) -> None:
        self.graph, self.state, self.input_shape, self.notes = graph, state, input_shape, notes
        self._nodes = [node for node in graph.nodes if node.op == "call_function"]
        self._input = next(node for node in graph.nodes if node.op == "placeholder")
        self._output = next(node for node in graph.nodes if node.op == "output").args[0]
        self._release = _last_uses(self._nodes, self._output)
        self._entries: dict[int, str] = {}
        self._offsets, self.layers, self.num_outputs = self._measure()
        self.digest = self._hash()

    def __repr__(self) -> str:
        size = " x ".join(map(str, self.input_shape))
        return (
            f"Program(input {size}, {len(self.layers)} layers of {self.num_units:,} units, {self.num_outputs} outputs)"
        )

    @classmethod
    def from_module(cls, module: nn.Module, example: torch.Tensor, output: str | int | None = None) -> "Program":
        """Trace a module and convert it, and prove that the result computes the same function.

        Args:
            module: Any network; it is copied, set to eval mode and to float64.
            example: (1, *input_shape) an input of the right shape.
            output: Which one of several outputs: its position, or its name in a dictionary; the first one if None.

        Raises:
            UnsupportedOperation: The network holds operations that are not piecewise linear or not known, mixes the
                inputs of a batch, or is random.
            InvalidNetwork: What was given is no network with finite weights, or no example for it.
        """
        return cls.proven(module, example, output)[0]

    @classmethod
    @single_threaded()
    def proven(
        cls, module: nn.Module, example: torch.Tensor, output: str | int | None = None
    ) -> tuple["Program", Trace, float]:
        """As `from_module`; also returns the trace, and the largest relative difference that the proof met."""
        with refusing():
            example = prepare_example(example)
            module = prepare_module(without_script(module, example))
            trace = tell_origins(trace_module(module, example, output), module)
            program = cls(*convert(trace), tuple(example.shape[1:]), trace.notes)
            return program, trace, prove(program, module, trace)

    @property
    def num_units(self) -> int:
        """Number of units of the whole network, the entries of maxima included."""
        return sum(layer.num_units for layer in self.layers)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next((t.device for t in self.state.values()), torch.device("cpu"))

    def keys(self) -> np.ndarray:
        """The random 64-bit key (num_units,) uint64 of every unit; the same in every run."""
        return np.random.Philox(_KEY_SEED).random_raw(self.num_units)

    def layer_of(self, unit: np.ndarray) -> np.ndarray:
        """Index of the layer of every unit; -1 for negative units."""
        starts = np.array([layer.first_unit for layer in self.layers], dtype=np.int64)
        return np.where(np.asarray(unit) < 0, -1, np.searchsorted(starts, unit, side="right") - 1)

    def unit_name(self, unit: int) -> str:
        """A unit's module path and position, such as `features.3 [4, 10, 12]`."""
        layer, position, entry = self._locate(unit)
        return f"{self.layers[layer].name} {position}{entry}"

    def unit_words(self, unit: int) -> str:
        """The same as one would say it, the first layer being 1: `layer 2, channel 4, at 10, 12`."""
        layer, position, entry = self._locate(unit)
        match position:
            case [channel, *place] if len(place) > 1:
                words = f"channel {channel}, at {', '.join(map(str, place))}"
            case _:
                words = f"unit {', '.join(map(str, position))}"
        return f"layer {layer + 1}, {words}{entry}"

    def _locate(self, unit: int) -> tuple[int, list[int], str]:
        """A unit's layer, its position there, and which entry of a maximum it is."""
        index = int(self.layer_of(np.array(unit)))
        layer = self.layers[index]
        place, entry = divmod(unit - layer.first_unit, max(layer.num_entries, 1))
        position = [int(i) for i in np.unravel_index(place, layer.shape)]
        return index, position, f" entry {entry}" if layer.num_entries else ""

    def to(self, device: torch.device | str, dtype: torch.dtype = torch.float64) -> "Program":
        """The same program with its weights on a device; one in float32 remembers the exact one."""
        exact, device = self._exact or self, torch.device(device)
        if device == exact.device and dtype == torch.float64:
            return exact
        other = Program.__new__(Program)
        vars(other).update(vars(exact))
        other._exact = exact if dtype != torch.float64 else None

        def move(value: Any) -> Any:
            if isinstance(value, torch.Tensor):
                return value.to(device, dtype if value.is_floating_point() else value.dtype)
            return tuple(move(v) for v in value) if isinstance(value, tuple) else value

        for name in ("state", "_offsets"):
            setattr(other, name, {key: move(value) for key, value in getattr(exact, name).items()})
        return other

    def save(self, file: BinaryIO | Any) -> None:
        """Write the program, exactly, to an npz file without pickles."""
        write_parts(file, self._parts())

    @classmethod
    def load(cls, file: BinaryIO | Any) -> "Program":
        """Read what `save` wrote; nothing is proven again.

        Raises:
            InvalidData: The file is damaged, or of another kind or version.
        """
        try:
            return cls._restore(*read_parts(file))
        except InvalidData:
            raise
        except Exception as error:  # a graph of other steps fails in many ways
            raise InvalidData(f"The data hold no program ({first_line(error)}). Convert the network again.") from error

    def _parts(self) -> Parts:
        exact = self.to("cpu")
        return encode_graph(exact.graph), exact.state, exact.input_shape, exact.notes

    @classmethod
    def _restore(cls, graph: str, *parts: Any) -> "Program":
        return cls(decode_graph(graph), *parts)

    def __reduce__(self) -> tuple[Any, ...]:
        return Program._restore, self._parts()

    def __copy__(self) -> "Program":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "Program":
        return self

    def forward(self, inputs: Float[torch.Tensor, "..."]) -> Float[torch.Tensor, "batch outputs"]:
        """The network's output (n, num_outputs) for inputs (n, *input_shape)."""
        return self.propagate(inputs, len(inputs), self.activate)

    __call__ = forward

    def entries(self, layer: int) -> Int[torch.Tensor, "M n"] | None:
        """The entries of a layer's maxima among the features before it; None for ReLUs."""
        return self.state[self._entries[layer]] if layer in self._entries else None

    def activate(self, layer: int, z: Float[torch.Tensor, "points features"]) -> Float[torch.Tensor, "points results"]:
        """What a layer makes of points: their ReLUs or maxima."""
        entries = self.entries(layer)
        return z.clamp(min=0) if entries is None else flat_rows(largest_entry(z, entries, self.layers[layer].shape))

    def differentiate(
        self, layer: int, z: Float[torch.Tensor, "rows features"], num_points: int
    ) -> Float[torch.Tensor, "rows results"]:
        """What a layer makes of n points and of as many directions at each of them, one direction after the other."""
        points, directions = z[:num_points], z[num_points:]
        copies, entries = len(directions) // num_points, self.entries(layer)
        if entries is None:
            return z * (points > 0).repeat(1 + copies, 1)
        value, place, _ = find_winners(points, entries, torch.zeros_like(z[0]))
        feature = features_at(place, entries).repeat(copies, 1)
        return torch.cat([value, directions.gather(1, feature)])

    def propagate(
        self,
        rows: torch.Tensor,
        num_points: int | None,
        on_layer: OnLayer,
        extend: Extend | None = None,
        watch: Watch | None = None,
    ) -> torch.Tensor:
        """Push points and directions through the program.

        Points go through an affine step f as f(x), directions as f(x) - f(0). At a layer, `on_layer(layer, z)` gets
        the rows (n, features) before it and returns rows (m, results), m >= n.

        Args:
            rows: (n, *input_shape), the points first.
            num_points: How many of the rows are points; None if all are, those that come later as well.
            on_layer: What becomes of the rows at a layer; `activate` does it for points.
            extend: `extend(value, m)` appends the rows that a value from before a layer is missing; zeros, as for new
                directions, if not given.
            watch: `watch(node, value)` sees the rows after every step, and returns those to go on with.

        Returns:
            (m, num_outputs) the rows of the output.
        """
        values: dict[fx.Node, Any] = {self._input: rows}
        layer = 0
        for node in self._nodes:
            if node.target in _LAYERS:
                result = on_layer(layer, flat_rows(values[node.args[0]]))
                values[node] = result.reshape(-1, *self.layers[layer].shape)
                layer += 1
            else:
                values[node] = self._affine(node, values, num_points, extend or with_zeros)
            if watch is not None:
                values[node] = watch(node, values[node])
            for used in self._release.get(node, ()):
                values.pop(used, None)
        return flat_rows(values[self._output])

    def magnitudes(self, points: Float[torch.Tensor, "..."]) -> list[Float[torch.Tensor, "_"]]:
        """For every layer, and last for the outputs, how large the terms are that they are summed from, at some points.

        A feature's rounding error is a small multiple of this, however small the feature itself is.

        Args:
            points: (n, *input_shape) inputs.
        """
        return [values.terms for values in find_magnitudes(self, points)]

    def zeros(self, points: Float[torch.Tensor, "..."], *, spanning: bool = False) -> list[Float[torch.Tensor, "_"]]:
        """For every layer, and last for the outputs, the values up to which features are rounding errors near points.

        Features up to there are not active.

        Args:
            points: (n, *input_shape) inputs.
            spanning: Whether they span all that is looked at.

        Raises:
            LostDigits: All features of a layer are so much smaller than their terms that few digits of them are left;
                or the differences in a maximum are, at all points that span what is looked at.
        """
        return find_zeros(self, points, spanning=spanning)

    def layer_name(self, layer: int) -> str:
        """The path of the module that a layer came from."""
        return self.layers[layer].name

    def constants(self, step: fx.Node) -> list[torch.Tensor] | None:
        """What an affine step makes of zeros, (1, ...) each, empty if that is zero; None for a layer."""
        if step.target in _LAYERS:
            return None
        offset = self._offsets.get(step.name)
        return [] if offset is None else list(tensors_of(offset))

    def patterns(self, inputs: Float[torch.Tensor, "..."]) -> np.ndarray:
        """Pattern ids (n,) uint64 of inputs (n, *input_shape): the XOR of the keys of active units and of winners."""
        keys = torch.as_tensor(self.keys().view(np.int64), device=inputs.device)
        ids = torch.zeros(len(inputs), dtype=torch.int64, device=inputs.device)
        zeros = self.zeros(inputs)

        def on_layer(layer: int, z: torch.Tensor) -> torch.Tensor:
            entries, own = self.entries(layer), keys[self.layers[layer].units]
            if entries is None:
                ids.bitwise_xor_(xor_active((z > zeros[layer]).T, own))
                return z.clamp(min=0)
            value, _, winner = find_winners(z, entries, zeros[layer])
            ids.bitwise_xor_(xor_winners(winner, own.view(entries.shape)))
            return value

        self.propagate(inputs, len(inputs), on_layer)
        return frozen_array(ids).view(np.uint64)

    def _affine(self, node: fx.Node, values: dict[fx.Node, Any], num_points: int | None, extend: Extend) -> Any:
        inputs = [n for n in node.all_input_nodes if n in values]
        num_rows = max(len(first_tensor(values[n])) for n in inputs)
        extended = {n: map_tensors(values[n], lambda tensor: extend(tensor, num_rows)) for n in inputs}
        output = call_rows(node, extended, self.state, num_rows)
        offset = self._offsets[node.name]
        if offset is None or num_points is None or num_rows == num_points:
            return output
        return subtract_offset(output, offset, num_points)

    def _measure(self) -> tuple[dict[str, Any], tuple[Layer, ...], int]:
        """Run every step on zeros once: its offset f(0), the layers' shapes, the number of outputs."""
        values: dict[fx.Node, Any] = {self._input: torch.zeros(1, *self.input_shape, dtype=torch.float64, device="cpu")}
        offsets: dict[str, Any] = {}
        layers: list[Layer] = []
        for node in self._nodes:
            value = call_rows(node, values, self.state, 1)
            values[node] = map_tensors(value, torch.zeros_like)
            if node.target in _LAYERS:
                if node.target is largest_entry:
                    self._entries[len(layers)] = str(node.args[1])
                layers.append(self._layer(node, value, layers))
            else:
                offsets[node.name] = value if any(bool(t.any()) for t in tensors_of(value)) else None
        return offsets, tuple(layers), values[self._output].numel()

    def _layer(self, node: fx.Node, value: torch.Tensor, before: list[Layer]) -> Layer:
        entries = self.state[str(node.args[1])] if node.target is largest_entry else None
        return Layer(
            name=module_path(node),
            shape=tuple(value.shape[1:]),
            first_unit=before[-1].units.stop if before else 0,
            num_entries=0 if entries is None else entries.shape[1],
        )

    def _hash(self) -> str:
        digest = hashlib.sha256(repr(self.input_shape).encode())
        for node in self._nodes:
            target = getattr(node.target, "__name__", "") if isfunction(node.target) else node.target
            digest.update(f"{node.name}={target}{node.args}{node.kwargs}".encode())
        for name, tensor in self.state.items():
            digest.update(name.encode() + repr(tuple(tensor.shape)).encode())
            digest.update(tensor.detach().contiguous().numpy().tobytes())
        return digest.hexdigest()


def _last_uses(nodes: list[fx.Node], output: Any) -> dict[fx.Node, list[fx.Node]]:
    """For every node, the values that nobody needs after it."""
    last: dict[fx.Node, fx.Node] = {}
    for node in nodes:
        for used in node.all_input_nodes:
            last[used] = node
    release: dict[fx.Node, list[fx.Node]] = {}
    for used, node in last.items():
        if used is not output:
            release.setdefault(node, []).append(used)
    return release
