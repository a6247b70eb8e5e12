"""How large the terms are that a network's values are summed from, and so up to where they are rounding errors."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import fx

from lrviz.errors import LostDigits
from lrviz.network.maxima import features_at, find_winners
from lrviz.tolerance import TOLERANCE

_SEED = 20220212
_NUM_PROBES = 4
_NUM_BETWEEN = 32
_BETWEEN = 3.0
_LEAST, _MOST = 1e-300, 1e150


@runtime_checkable
class Propagating(Protocol):
    """What is needed of a program."""

    def layer_name(self, layer: int) -> str:
        """The name of a layer."""

    def entries(self, layer: int) -> torch.Tensor | None:
        """The entries of a layer's maxima; None for ReLUs."""

    def constants(self, step: fx.Node) -> list[torch.Tensor] | None:
        """What an affine step makes of zeros; None for a layer."""

    def propagate(
        self,
        rows: torch.Tensor,
        num_points: int | None,
        on_layer: Callable[[int, torch.Tensor], torch.Tensor],
        extend: Callable[[torch.Tensor, int], torch.Tensor] | None = None,
        watch: Callable[[fx.Node, Any], Any] | None = None,
    ) -> torch.Tensor:
        """Push points and directions through."""


class Magnitude(NamedTuple):
    """Of the values before a layer, or of the outputs.

    Attributes:
        terms: (features,) how large the terms are that each is summed from.
        largest: The largest value.
        behind: (entries,) how far each entry of the layer's maxima lies behind the largest one, at the point where that
            is most, as a fraction of their terms; empty but for maxima, and where nobody asked.
    """

    terms: torch.Tensor
    largest: float
    behind: torch.Tensor


def find_magnitudes(
    program: Propagating, points: Float[torch.Tensor, "..."], *, spanning: bool = False, gated: bool = False
) -> list[Magnitude]:
    """Magnitudes of the values before every layer, and last of the outputs, at some points.

    Random directions as large as what each step and each layer returns, and as the constants that steps add, are
    pushed along: of the features, they give random sums of the same terms, also of terms that are copies of each other
    and cancel. What reaches a layer holds the errors of all layers before it.

    Args:
        program: The network.
        points: (n, *input_shape) inputs.
        spanning: Whether they span what is looked at, so that entries of maxima are to be compared.
        gated: Whether directions pass a layer as its units are at one of the points, a direction for each. Otherwise
            they pass every unit that may be on anywhere, so that they grow from layer to layer; no point does that.
    """
    n, found, generator = len(points), list[Magnitude](), np.random.default_rng(_SEED)
    num_probes = n if gated else _NUM_PROBES

    def probes(sizes: torch.Tensor) -> torch.Tensor:
        numbers = generator.uniform(-1, 1, (num_probes, sizes.numel()))
        random = torch.as_tensor(numbers, dtype=sizes.dtype, device="cpu")
        return random.to(sizes.device).view(num_probes, *sizes.shape) * sizes

    def on_layer(layer: int, z: torch.Tensor) -> torch.Tensor:
        entries, terms = program.entries(layer), z[n:].abs().amax(0)
        behind = _find_behind(z[:n], terms, entries if spanning else None)
        found.append(Magnitude(terms, _largest(z[:n]), behind))
        if entries is None:
            most = _find_most(z[:n]).clamp(min=0)
            is_on = z[:n] > 0 if gated else most > 0
            return torch.cat([z[:n].clamp(min=0), z[n:] * is_on + probes(most)])
        value, place, _ = find_winners(z[:n], entries, torch.zeros_like(z[0]))
        feature = features_at(place, entries) if gated else _largest_that_may_win(z[:n], value, terms, entries)
        passed = z[n:].gather(1, feature.expand(num_probes, -1))
        return torch.cat([value, passed + probes(value.abs().amax(0))])

    def add_errors(step: fx.Node, value: Any) -> Any:
        constants = program.constants(step)
        if constants is None:
            return value

        def with_errors(rows: torch.Tensor) -> torch.Tensor:
            constant = constants.pop(0)[0].abs() if constants else 0.0
            if len(rows) <= n:  # a batch normalisation returns empty tensors beside its result
                return rows
            return torch.cat([rows[:n], rows[n:] + probes(rows[:n].abs().amax(0) + constant)])

        return with_errors(value) if isinstance(value, torch.Tensor) else tuple(map(with_errors, value))

    output = program.propagate(torch.cat([points, probes(points.abs().amax(0))]), n, on_layer, watch=add_errors)
    return [*found, Magnitude(output[n:].abs().amax(0), _largest(output[:n]), output.new_zeros(0))]


def _find_most(values: Float[torch.Tensor, "n features"]) -> Float[torch.Tensor, "features"]:
    """How large values may be between points: what is off, or behind, at all of them may be on, or win, in between."""
    high = values.amax(0)
    return high + _BETWEEN * (high - values.amin(0))


def _largest_that_may_win(
    values: Float[torch.Tensor, "n features"],
    value: Float[torch.Tensor, "n results"],
    terms: Float[torch.Tensor, "features"],
    entries: torch.Tensor,
) -> torch.Tensor:
    """Of every maximum the entry with the largest terms among those that may win between some points."""
    may_win = _find_most(values)[entries] >= value.amin(0)[:, None]
    place = torch.where(may_win, terms[entries], -1.0).argmax(1, keepdim=True)
    return entries.gather(1, place).T


def _find_behind(
    values: Float[torch.Tensor, "n features"], terms: Float[torch.Tensor, "features"], entries: torch.Tensor | None
) -> torch.Tensor:
    """See `Magnitude.behind`; empty without entries."""
    if entries is None:
        return terms.new_zeros(0)
    behind = values.new_zeros(entries.shape)
    for value in values:  # one by one, for there may be millions of entries
        candidates = value[entries]
        behind = torch.maximum(behind, candidates.amax(1, keepdim=True) - candidates)
    sizes = terms[entries]
    return (behind / (sizes + sizes.amax(1, keepdim=True)).clamp(min=_LEAST)).flatten()


def find_zeros(
    program: Propagating, points: Float[torch.Tensor, "..."], *, spanning: bool
) -> list[Float[torch.Tensor, "_"]]:
    """The values up to which features are rounding errors near points: see `Program.zeros`.

    In a deep network without normalisation, directions that pass all units that may be on grow by orders of magnitude
    more than any that pass those which are on together. Where that leaves no digits, it is looked at point by point.

    Raises:
        LostDigits: Too few digits of the values before a layer, or of the differences in a maximum, are left.
    """
    precision = torch.finfo(points.dtype).eps / torch.finfo(torch.float64).eps
    found = find_magnitudes(program, points, spanning=spanning)
    for layer, (terms, *_) in enumerate(found):
        if _largest(terms) > _MOST:
            raise LostDigits(
                f"Expected terms of {_name(program, layer, found)} whose squares float64 can hold, got some of about "
                f"{_largest(terms):.1g}: scale the weights, or choose a smaller window."
            )
    lost = _find_lost(found)
    if lost is not None:
        more = torch.cat([points, _between(points)]) if spanning else points
        gated = find_magnitudes(program, more, spanning=spanning, gated=True)
        if _find_lost(gated) is not None:
            raise LostDigits(
                f"Expected values of {_name(program, lost, found)} that float64 can tell apart, got values up to "
                f"{found[lost].largest:.1g} that are left of terms up to {_largest(found[lost].terms):.1g}: scale the "
                "weights before it so that less cancels or saturates."
            )
        found = gated
    for layer, (_, _, behind) in enumerate(found):
        doubtful = behind[(behind > 10 * TOLERANCE.rounding) & (behind < TOLERANCE.clear)]
        if len(doubtful):
            raise LostDigits(
                f"Expected maxima of {_name(program, layer, found)} whose entries float64 can tell apart, got some "
                f"that differ by no more than {_largest(doubtful):.1g} of their terms: choose a larger window, or "
                "scale the weights before it."
            )
    return [precision * TOLERANCE.rounding * terms for terms, *_ in found]


def _find_lost(found: list[Magnitude]) -> int | None:
    """The first layer whose values are so small beside their terms that few digits are left; not if all cancels."""
    for layer, (terms, largest, _) in enumerate(found):
        most = _largest(terms)
        if 10 * TOLERANCE.rounding * most < largest < TOLERANCE.left * most:
            return layer
    return None


def _between(points: Float[torch.Tensor, "..."]) -> Float[torch.Tensor, "..."]:
    """Means of some points (n, *input_shape) with random weights, as (_NUM_BETWEEN, *input_shape)."""
    weights = np.random.default_rng(_SEED).dirichlet(np.full(len(points), 0.5), _NUM_BETWEEN)
    shares = torch.as_tensor(weights, dtype=points.dtype, device=points.device)
    return (shares @ points.flatten(1)).view(-1, *points.shape[1:])


def _name(program: Propagating, layer: int, found: list[Magnitude]) -> str:
    return "the output" if layer == len(found) - 1 else f"layer {program.layer_name(layer)!r}"


def _largest(values: torch.Tensor) -> float:
    return float(values.abs().max()) if values.numel() else 0.0
