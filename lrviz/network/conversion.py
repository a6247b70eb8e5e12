"""From the graph of a traced network to one of supported steps: affine ones, ReLUs and maxima."""

import operator
from typing import Any

import torch
from torch import fx
from torch.utils._pytree import tree_leaves, tree_map

from lrviz.errors import InvalidNetwork, LrvizError, Refusal, UnsupportedOperation
from lrviz.network.maxima import largest_entry
from lrviz.network.operations import (
    AFFINE,
    CONSTANT,
    RANDOM,
    REWRITES,
    Refused,
    aten,
    operation_name,
    rewrite,
    target_name,
)
from lrviz.network.prepare import first_line, in_double
from lrviz.network.refusals import describe, describe_use, line_of
from lrviz.network.rows import NotFinite, prove_affine
from lrviz.network.switches import Switch, Switches, is_constant
from lrviz.network.tracing import Trace, ancestors, is_random, module_path

_MOVES = frozenset(
    [
        "view",
        "_unsafe_view",
        "permute",
        "transpose",
        "squeeze",
        "unsqueeze",
        "expand",
        "slice",
        "select",
        "flip",
        "repeat",
    ]
)
_ENTRYWISE = frozenset(["_to_copy", "clone", "alias", "detach", "where", "masked_fill"])
"""Operations that work entry by entry, besides those that PyTorch says do."""


class _Jumps(Refused):
    """A step that needs a value which jumps."""

    def __init__(self, switch: Switch) -> None:
        super().__init__("what is computed from it jumps where it changes, as far as lrviz can tell")
        self.switch = switch


def convert(trace: Trace) -> tuple[fx.Graph, dict[str, torch.Tensor]]:
    """Convert a trace.

    Returns:
        A graph of the input, of weights and of supported steps only, and the values of the weights by name.

    Raises:
        UnsupportedOperation: It holds operations that are not supported; all of them are named.
        InvalidNetwork: A weight is not finite, or the output does not depend on the input.
    """
    return _Conversion(trace).run()


class _Conversion:
    """Converts node by node; `found` is what each traced node became: a node, a switch, or another constant."""

    def __init__(self, trace: Trace) -> None:
        self.trace, self.graph = trace, fx.Graph()
        self.state: dict[str, torch.Tensor] = {}
        self.found: dict[fx.Node, Any] = {}
        self.refusals: list[Refusal] = []
        self.spoiled = set[fx.Node]()
        self.known: dict[tuple[Any, str, str], fx.Node] = {}
        self.source: fx.Node = trace.input
        self.switches = Switches(self.call, self.state)

    def run(self) -> tuple[fx.Graph, dict[str, torch.Tensor]]:
        for node in self.trace.needed:
            self.source = node
            self.found[node] = self._placeholder(node) if node.op == "placeholder" else self._convert(node)
        output = self.found[self.trace.output]
        if isinstance(output, Switch):
            self.refusals.append(describe_use(output.source, str(_Jumps(output))))
        if self.refusals:
            raise UnsupportedOperation(describe(self.refusals), tuple(dict.fromkeys(self.refusals)))
        if is_constant(output):
            raise InvalidNetwork("The output does not depend on the input; expected a network that uses its input.")
        self.graph.output(output)
        self.graph.eliminate_dead_code()
        used = {node.name for node in self.graph.nodes}
        return self.graph, {name: tensor for name, tensor in self.state.items() if name in used}

    def _placeholder(self, node: fx.Node) -> fx.Node:
        if node is not self.trace.input:
            return self._hold(node.name, self.trace.tensors[node.name])
        new = self.graph.placeholder(node.name)
        new.meta = {"val": node.meta["val"].to("meta"), "path": "network"}
        return new

    def _hold(self, name: str, tensor: torch.Tensor) -> fx.Node:
        node = self.graph.get_attr(name)
        node.meta = {"val": tensor.to("meta"), "path": module_path(self.source)}
        self.state[node.name] = tensor.contiguous()
        return node

    def _convert(self, node: fx.Node) -> Any:
        args, kwargs = fx.map_arg((node.args, node.kwargs), self.found.__getitem__)  # type: ignore[misc]
        spoiled = bool(self.spoiled.intersection(node.all_input_nodes))
        try:
            if is_random(node) and operation_name(node) not in REWRITES:
                raise Refused(RANDOM)
            new = self._shaped(self._apply(node.target, args, kwargs), node.meta["val"])
        except _Jumps as error:
            self.refusals.append(describe_use(error.switch.source, str(error)))
            return self._refuse(node, args, kwargs, "", known=True)
        except Refused as error:
            # What stands in place of a refused step may be zero, or as large as nothing else is.
            return self._refuse(node, args, kwargs, str(error), known=spoiled and isinstance(error, NotFinite))
        except LrvizError:
            raise
        except Exception as error:
            return self._refuse(node, args, kwargs, "" if spoiled else first_line(error), known=spoiled)
        if spoiled:
            self.spoiled.add(node)
        if isinstance(new, fx.Node):
            new.meta.setdefault("source", node.name)
        return new

    def _shaped(self, new: Any, traced: Any) -> Any:
        """A step in the shape of the traced one: maxima have a leading axis, and sums lack axes where all is equal."""
        value = new.meta["val"] if isinstance(new, fx.Node) else None
        if not isinstance(value, torch.Tensor) or value.shape == traced.shape:
            return new
        reshape = aten.view if value.numel() == traced.numel() else aten.expand
        return self.call(reshape.default, new, list(traced.shape))

    def _apply(self, target: Any, args: Any, kwargs: Any) -> Any:
        """What an operation becomes, given what its arguments became."""
        switches = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Switch)]
        if switches:
            return self._apply_switch(
                target, args, kwargs, min(switches, key=lambda switch: self._order(switch.signal))
            )
        name = target_name(target)
        if name in CONSTANT:
            args = (torch.zeros(args[0].meta["val"].shape, dtype=torch.float64, device="cpu"), *args[1:])
        if all(map(is_constant, tree_leaves((args, kwargs)))):
            return self._compute(target, args, kwargs)
        if target is operator.getitem and isinstance(args[0], tuple):
            if args[0][args[1]] is None:
                raise Refused("which entry is the largest is no number that changes with the input bit by bit")
            return args[0][args[1]]
        if name in REWRITES:
            return rewrite(self.source, target, args, kwargs, self.call, self._value)
        compared = self.switches.compare(self.source, name, args)
        if compared is not None:
            return compared
        if name not in AFFINE | {"relu", "getitem"}:
            raise Refused
        if kwargs.get("rounding_mode") is not None:
            raise Refused("it rounds")
        return self.call(target, *args, **kwargs)

    def _apply_switch(self, target: Any, args: Any, kwargs: Any, switch: Switch) -> Any:
        name = target_name(target)
        if name == "index_put" and len(args) == 3 and len(args[1]) == 1:
            target, args = aten.where.self, (args[1][0], args[2], args[0])
        if name in _MOVES and args[0] is switch:
            traced = self.source.args[0].meta["val"]  # type: ignore[union-attr]
            parts = [self._shaped(part, traced) for part in (switch.signal, switch.on, switch.off)]
            signal, on, off = (self.call(target, part, *args[1:], **kwargs) for part in parts)
            return Switch(signal=signal, on=on, off=off, source=switch.source)
        if name not in _ENTRYWISE and torch.Tag.pointwise not in getattr(target, "tags", ()):
            raise _Jumps(switch)

        def side(positive: bool) -> Any:
            def choose(leaf: Any) -> Any:
                if not (isinstance(leaf, Switch) and leaf.signal is switch.signal):
                    return leaf
                return leaf.on if positive else leaf.off

            return self._apply(target, *tree_map(choose, (args, kwargs)))

        return self.switches.join(switch, side(True), side(False))

    def _order(self, node: fx.Node) -> int:
        """Where a step stands in the graph."""
        return next(place for place, other in enumerate(self.graph.nodes) if other is node)

    def call(self, target: Any, *args: Any, **kwargs: Any) -> fx.Node:
        """Append a step, and prove that it is affine; compute it if it does not depend on the input."""
        if all(map(is_constant, tree_leaves((args, kwargs)))):
            return self._compute(target, args, kwargs)
        key = (target, repr(args), repr(kwargs))
        if key in self.known:
            return self.known[key]
        node = self.graph.call_function(target, args, kwargs)
        node.meta |= {"path": module_path(self.source), "line": line_of(self.source)}
        if target is aten.relu.default:
            node.meta["val"] = args[0].meta["val"]
        elif target is operator.getitem:
            node.meta["val"] = args[0].meta["val"][args[1]]
        elif target is largest_entry:
            node.meta["val"] = torch.empty(1, *args[2], dtype=torch.float64, device="meta")
        else:
            self._prove(node)
        self.known[key] = node
        return node

    def _prove(self, node: fx.Node) -> None:
        try:
            prove_affine(node, self.state)
        except NotFinite:
            self._check_weights()
            raise

    def _check_weights(self) -> None:
        """Refuse weights that are not numbers, if the present step depends on any."""
        for node in ancestors(self.trace.graph, self.source):
            tensor = self.trace.tensors.get(node.name)
            if tensor is not None and not bool(tensor.isfinite().all()):
                bad = int((~tensor.isfinite()).sum())
                kind = "NaN" if bool(tensor.isnan().any()) else "infinite"
                raise InvalidNetwork(
                    f"The weight '{self.trace.names[node.name]}' is not finite: {bad} of its {tensor.numel()} numbers "
                    f"are {kind}. Load a checkpoint whose weights are finite."
                )

    def _compute(self, target: Any, args: Any, kwargs: Any) -> Any:
        """Run what does not depend on the input."""
        args, kwargs = tree_map(lambda leaf: self._value(leaf) if isinstance(leaf, fx.Node) else leaf, (args, kwargs))
        with in_double():
            value = target(*args, **kwargs)
        return self._hold(self.source.name, value) if isinstance(value, torch.Tensor) else value

    def _value(self, constant: fx.Node) -> torch.Tensor:
        return self.state[constant.name]

    def _refuse(self, node: fx.Node, args: Any, kwargs: Any, reason: str, known: bool = False) -> fx.Node:
        """Note an operation, and go on with a step in its place, so that all others are found as well."""
        if not known:
            self.refusals.append(describe_use(node, reason))
        self.spoiled.add(node)
        args, kwargs = tree_map(lambda leaf: leaf.signal if isinstance(leaf, Switch) else leaf, (args, kwargs))
        new = self.graph.call_function(node.target, args, kwargs)  # type: ignore[arg-type]
        new.meta["val"] = tree_map(
            lambda value: torch.empty(value.shape, dtype=torch.float64, device="meta"), node.meta["val"]
        )
        return new
