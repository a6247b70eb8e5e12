"""A file of a network, and what is said of it, become a module and a card; what is not said is assumed, and named."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from lrviz.errors import InvalidCheckpoint, InvalidNetwork, LrvizError
from lrviz.files import shown
from lrviz.models.access import TRUST_VARIABLE, Access
from lrviz.models.architectures import FAMILIES, IMAGE_SIZE
from lrviz.models.blueprint import TORCHVISION, Blueprint
from lrviz.models.card import Card
from lrviz.models.description import Description, likely_preset
from lrviz.models.formats.onnx_graph import OnnxNetwork, read_onnx
from lrviz.models.formats.pickles import Kind, find_kind
from lrviz.models.formats.tensors import read_safetensors, read_torch
from lrviz.models.formats.trusted import build_from_file, read_exported
from lrviz.models.guess import guess_architecture
from lrviz.models.multilayer import MLP
from lrviz.models.weights import fit_tensors
from lrviz.network.allocation import bounded

SAFETENSORS, ONNX, EXPORTED = ".safetensors", ".onnx", ".pt2"
SUFFIXES = (SAFETENSORS, ONNX, EXPORTED, ".pt", ".pth", ".th", ".ckpt", ".tar", ".bin")
"""What files of networks end in."""

_WITHOUT_ARCHITECTURE = {ONNX: "onnx", EXPORTED: "pt2"}
"""What cards call the architecture of files that hold it themselves."""

_SIDES = (32, 28, 64, 96, 128, 224, 299)
"""Sides of images that are tried, in this order."""

_GREY_SIDES = (28, 32, 64, 96, 128, 224, 299)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Opened:
    """A network from a file.

    Attributes:
        module: In evaluation mode, on the CPU.
        card: What is said, and assumed, of it.
        assumed: What nobody said, in words such as "the input shape 3,32,32".
    """

    module: nn.Module
    card: Card
    assumed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Network:
    """A module, and what its file tells of it.

    Attributes:
        module: The module.
        architecture: As cards call it.
        blueprint: Its architecture, if the file does not hold it.
        input_shape: Of its inputs, if the file tells.
        normalises: Whether it subtracts means by itself.
        guessed: Whether the architecture is guessed.
    """

    module: nn.Module
    architecture: str
    blueprint: Blueprint | None = None
    input_shape: tuple[int, ...] | None = None
    normalises: bool = False
    guessed: bool = False


def open_network(file: BinaryIO, name: str, said: Description, known: Card | None, access: Access) -> Opened:
    """Read a network.

    Args:
        file: Open for reading, with the suffix that tells its kind.
        name: What to call it.
        said: What the user says of it.
        known: The card that was beside it.
        access: Whether code may be run.

    Raises:
        InvalidCheckpoint: The file is damaged, or does not fit what is said, or runs code.
        UnknownModel: There is no such architecture.
        UnsupportedOperation: It holds ONNX operators that are not converted.
        InvalidNetwork: It would need more memory than any machine has.
    """
    what = said.over(known)
    network = _read(file, what, known, access)
    assumed = [f"the architecture {network.architecture}"] if network.guessed else []
    shape, number = _find_shape(network, what)
    if what.input_shape is None and network.input_shape is None:
        assumed.append(f"the input shape {_listed(shape)}")
    card, more = _describe(network, name, what, known, shape, number)
    return Opened(module=network.module, card=card, assumed=(*assumed, *more))


def _read(file: BinaryIO, what: Description, known: Card | None, access: Access) -> _Network:
    suffix = Path(file.name).suffix.lower()
    if suffix == ONNX:
        return _onnx(read_onnx(file.read(), what.input_shape))
    kind = Kind.TENSORS if suffix == SAFETENSORS else find_kind(file)
    if suffix == EXPORTED or kind == Kind.EXPORTED:
        _require_trust(Kind.EXPORTED, access)
        exported, shape = read_exported(file)
        return _Network(module=exported, architecture="pt2", input_shape=shape)
    if kind == Kind.SCRIPT:
        raise _refuse_code(kind, access)
    if what.architecture is not None and known is not None and known.architecture == what.architecture in FAMILIES:
        blueprint: Blueprint | None = family_blueprint(known)
    else:
        blueprint = None if what.architecture is None else Blueprint.parse(what.architecture)
    if blueprint is not None and blueprint.is_code:
        _require_code(access)
        path, _, function = blueprint.name.rpartition(":")
        blueprint = dataclasses.replace(blueprint, name=f"{Path(path).resolve()}:{function}")
    tensors = read_safetensors(file) if suffix == SAFETENSORS else read_torch(file)
    if blueprint is not None and blueprint.is_code:
        module = build_from_file(blueprint.name, blueprint.options)
        state = module.state_dict()
        state.update(fit_tensors(tensors, {key: tuple(value.shape) for key, value in state.items()}, blueprint))
        module.load_state_dict(state)
        return _Network(module=module.cpu(), architecture=str(blueprint), blueprint=blueprint)
    guessed = blueprint is None
    blueprint = guess_architecture(tensors) if blueprint is None else _complete(blueprint, tensors)
    return _Network(module=blueprint.load(tensors), architecture=str(blueprint), blueprint=blueprint, guessed=guessed)


def _onnx(module: OnnxNetwork) -> _Network:
    return _Network(
        module=module.eval(), architecture="onnx", input_shape=module.input_shape, normalises=module.normalises
    )


def _complete(blueprint: Blueprint, tensors: dict[str, Tensor]) -> Blueprint:
    """Take options that are not said, such as the width and the number of classes, from the shapes."""
    try:
        guess = guess_architecture(tensors)
    except InvalidCheckpoint:
        return blueprint
    return blueprint.given(**guess.options) if guess.name == blueprint.name else blueprint


def family_blueprint(card: Card) -> Blueprint:
    """The architecture of a card of one of our families."""
    options = {"width": card.width, "num_classes": len(card.classes)}
    options |= {"batch_norm": True} if card.batch_norm else {}
    options |= {"image_size": card.image_size} if card.image_size != IMAGE_SIZE else {}
    return Blueprint(name=card.architecture, options=options)


def _require_trust(kind: Kind, access: Access) -> None:
    if not access.trust:
        raise _refuse_code(kind, access)


def _refuse_code(kind: Kind, access: Access) -> InvalidCheckpoint:
    if kind == Kind.SCRIPT and access.trust:
        return InvalidCheckpoint(
            "Expected a network that can be traced, got a TorchScript program, which cannot be traced again: export "
            "the module that it was made from, by torch.onnx.export."
        )
    other = "export the network by torch.onnx.export, or save its weights by safetensors.torch.save_file"
    way = (
        f"or ask who runs this server whether to set {TRUST_VARIABLE}=1"
        if access.is_visitor
        else "or, if you trust where it comes from, add --trust"
    )
    return InvalidCheckpoint(
        f"Expected a file of numbers, got {kind}, which can run code when it is opened, so that it was not: {other}, "
        f"{way}."
    )


def _require_code(access: Access) -> None:
    if access.is_visitor:
        raise InvalidCheckpoint(
            "Expected one of the architectures that lrviz and torchvision have, got a Python file, which only the "
            "command line runs: export the network by torch.onnx.export."
        )
    if not access.trust:
        raise InvalidCheckpoint(
            "Expected leave to run a Python file as the architecture: add --trust if you trust where it comes from."
        )


def _find_shape(network: _Network, what: Description) -> tuple[tuple[int, ...], int]:
    """The shape of an input, and the number of outputs for one."""
    said = what.input_shape or network.input_shape
    candidates = [said] if said else list(_likely_shapes(network))
    reason = "no weights tell its input"
    for shape in candidates:
        try:
            return shape, _count_outputs(network.module, shape)
        except LrvizError:
            raise
        except Exception as error:
            reason = str(error).strip().partition("\n")[0][:200].rstrip(".")
    tried = "; ".join(_listed(shape) for shape in candidates) or "none"
    raise InvalidCheckpoint(
        f"Expected a network that runs on an input, tried inputs of the shape {tried}, and got an error: {reason}. "
        "Say the shape by --input-shape, such as 3,32,32."
    )


def _count_outputs(module: nn.Module, shape: tuple[int, ...]) -> int:
    kind = next((value.dtype for value in module.parameters() if value.is_floating_point()), torch.float32)
    with torch.no_grad(), bounded():
        returned = module(torch.zeros(1, *shape, dtype=kind, device="cpu"))
    tensors = [leaf for leaf in tree_leaves(returned) if isinstance(leaf, Tensor)]
    if not tensors or tensors[0].numel() == 0:
        raise InvalidNetwork("The network returns no tensor; expected a tensor of logits (batch, classes).")
    return tensors[0].numel()


def _likely_shapes(network: _Network) -> Iterator[tuple[int, ...]]:
    name = network.blueprint.name if network.blueprint else ""
    options = network.blueprint.options if network.blueprint else {}
    weight = next((value for value in network.module.parameters() if value.dim() >= 2), None)
    if weight is None:
        return
    if name in FAMILIES:
        side = options.get("image_size", IMAGE_SIZE)
        yield 3, side, side
    elif name == MLP or weight.dim() == 2:
        yield (int(weight.shape[1]),)
    elif weight.dim() == 4:
        channels = int(weight.shape[1])
        sides: tuple[int, ...] = _GREY_SIDES if channels == 1 else _SIDES
        if name.startswith(TORCHVISION) and options.get("num_classes", 1000) == 1000:
            sides = (299,) if "inception" in name else (224,)
        yield from ((channels, side, side) for side in sides)


def _describe(
    network: _Network, name: str, what: Description, known: Card | None, shape: tuple[int, ...], number: int
) -> tuple[Card, list[str]]:
    """The card of a network, and what of it is assumed."""
    preset, assumed = what.preset, list[str]()
    likely = preset or likely_preset(shape, number)
    mean, std, classes = what.mean, what.std, what.classes
    if mean is None or std is None:
        source = None if network.normalises and preset is None else likely
        mean = mean or (source.mean if source else (0.0,))
        std = std or (source.std if source else (1.0,))
        if preset is None:
            origin = f" (those of {source.name})" if source else ""
            assumed.append(f"the mean {_listed(mean)} and std {_listed(std)}{origin}")
    if classes is None:
        classes = likely.find_classes() if likely and likely.num_classes == number else tuple(map(str, range(number)))
        if preset is None and likely is not None:
            assumed.append(f"the classes of {likely.name}")
    if len(classes) != number:
        raise InvalidCheckpoint(
            f"Expected as many names of classes as the network has outputs, {number}, got {len(classes)}: correct "
            "--classes."
        )
    fields = _family_fields(network.blueprint)
    card = dataclasses.replace(
        known or Card(name=name, architecture="", mean=(), std=(), classes=()),
        architecture=fields.pop("architecture", network.architecture),
        mean=_per_channel("mean", mean, shape),
        std=_per_channel("std", std, shape),
        classes=classes,
        input_shape=shape,
        **fields,
        num_parameters=count_parameters(network.module),
    )
    return (card if preset is None else dataclasses.replace(card, data=preset.name)), assumed


def count_parameters(module: nn.Module) -> int:
    """Numbers of the parameters; of ONNX graphs, which do not tell what was trained, of all constants."""
    found: list[Tensor] = list(module.parameters())
    found = found or [value for value in module.buffers() if value.is_floating_point()]
    return sum(value.numel() for value in found)


def _family_fields(blueprint: Blueprint | None) -> dict:
    if blueprint is None or blueprint.name not in FAMILIES:
        return {}
    options = {"width": 1, "batch_norm": False, **blueprint.options}
    return {"architecture": blueprint.name, "width": options["width"], "batch_norm": options["batch_norm"]}


def _per_channel(name: str, values: tuple[float, ...], shape: tuple[int, ...]) -> tuple[float, ...]:
    values = values * shape[0] if len(values) == 1 else values
    if len(values) != shape[0]:
        raise InvalidCheckpoint(
            f"Expected one number, or one per channel ({shape[0]}), as the {name}, got {shown(values)}: correct "
            f"--{name}."
        )
    return tuple(values)


def _listed(values: tuple) -> str:
    return ",".join(f"{value:g}" for value in values)
