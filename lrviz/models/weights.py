"""Named tensors and the weights that an architecture has: which fit, and what to say of those that do not."""

from collections.abc import Iterable, Mapping

import torch

from lrviz.errors import InvalidCheckpoint
from lrviz.files import shown, some_shown
from lrviz.models.formats.tensors import Tensors, wrapper_prefix

Shapes = Mapping[str, tuple[int, ...]]

_COUNTER = "num_batches_tracked"


def fit_tensors(tensors: Tensors, expected: Shapes, architecture: object) -> Tensors:
    """The tensors under the names of an architecture's weights; more may be there, such as those of a loss.

    Raises:
        InvalidCheckpoint: Some are missing, or have another shape.
    """
    own = wrapper_prefix(expected)  # of a network that keeps all in one part, which tensors have lost
    names = {name: name.removeprefix(own) for name in expected}
    prefix = _common_prefix(tensors, names.values())
    found = {name: tensors[prefix + short] for name, short in names.items() if prefix + short in tensors}
    for name in expected:
        if name.rpartition(".")[2] == _COUNTER:  # older checkpoints have none, and nothing depends on it
            found.setdefault(name, torch.zeros((), dtype=torch.int64, device="cpu"))
    missing = [name for name in expected if name not in found]
    different = [name for name in found if tuple(found[name].shape) != expected[name]]
    if missing or different:
        unknown = [name for name in tensors if name.removeprefix(prefix) not in names.values()]
        raise InvalidCheckpoint(
            f"Expected the weights of {shown(str(architecture))}, got other tensors: "
            + "; ".join(_describe(missing, unknown, different, found, expected))
            + ". Name the architecture that the file was saved from, with its options."
        )
    return found


def fill(state: Tensors, tensors: Tensors, architecture: object) -> None:
    """Put tensors into a state dict of an architecture, as copies, for a file may change.

    Raises:
        InvalidCheckpoint: They do not fit, or are whole numbers in the place of real weights, as quantised networks
            have them beside their scales.
    """
    found = fit_tensors(tensors, {name: tuple(value.shape) for name, value in state.items()}, architecture)
    whole = [name for name in found if state[name].is_floating_point() and not found[name].is_floating_point()]
    if whole:
        kind = str(found[whole[0]].dtype).removeprefix("torch.")
        raise InvalidCheckpoint(
            f"Expected real numbers in the weights of {shown(str(architecture))}, got {kind} in {shown(whole[0])}: "
            "the network is quantised. Save it as it was before, or with its weights multiplied by their scales."
        )
    state.update({name: value.clone() for name, value in found.items()})


def unused(tensors: Tensors, expected: Iterable[str]) -> list[str]:
    """Names of the tensors that are no weights of an architecture."""
    own = wrapper_prefix(expected)
    names = {name.removeprefix(own) for name in expected}
    prefix = _common_prefix(tensors, names)
    return [name for name in tensors if not (name.startswith(prefix) and name.removeprefix(prefix) in names)]


def _common_prefix(tensors: Iterable[str], expected: Iterable[str]) -> str:
    """What stands before the expected names in a file whose network was part of something larger."""
    expected = list(expected)
    first = next(iter(expected), "")
    prefixes = [name.removesuffix(first) for name in tensors if name.endswith(f".{first}") or name == first]
    present = set(tensors)
    return max(prefixes, key=lambda prefix: sum(prefix + name in present for name in expected), default="")


def _describe(
    missing: list[str], unknown: list[str], different: list[str], found: Tensors, expected: Shapes
) -> Iterable[str]:
    if missing:
        yield f"{len(missing)} missing, such as {some_shown(missing, most=4)}"
    if unknown:
        yield f"{len(unknown)} unknown, such as {some_shown(unknown, most=4)}"
    if different:
        name = different[0]
        shapes = f"{tuple(found[name].shape)} in place of {expected[name]}"
        yield f"{len(different)} of another shape, such as {shown(name)}: {shapes}"
