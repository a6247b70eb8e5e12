"""A file of a network, and what is said of it, become a module and a card; what is not said is assumed, and named."""

import dataclasses
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from lrviz.errors import InvalidCheckpoint, InvalidNetwork, LrvizError
from lrviz.files import shown, some_shown
from lrviz.models.access import TRUST_VARIABLE, Access
from lrviz.models.adapt import CHANNELS, OneOutput, Rearranged, channels_first
from lrviz.models.architectures import FAMILIES, IMAGE_SIZE
from lrviz.models.blueprint import TORCHVISION, Blueprint
from lrviz.models.card import Card
from lrviz.models.description import Description, Preset, likely_preset
from lrviz.models.formats.onnx_file import OpenShape
from lrviz.models.formats.onnx_graph import read_onnx
from lrviz.models.formats.onnx_network import OnnxNetwork
from lrviz.models.formats.pickles import Kind, find_kind
from lrviz.models.formats.trusted import read_exported, read_script
from lrviz.models.front import normalises
from lrviz.models.numbers import image_shape
from lrviz.models.rebuilding import Network, read_weights
from lrviz.network.allocation import bounded
from lrviz.network.prepare import first_line
from lrviz.network.scripted import cause, without_script

SAFETENSORS, ONNX, EXPORTED = ".safetensors", ".onnx", ".pt2"
SUFFIXES = (SAFETENSORS, ONNX, EXPORTED, ".pt", ".pth", ".th", ".ckpt", ".tar", ".bin")
"""What files of networks end in."""


def is_file(name: str) -> bool:
    """Whether a text can name a file of a network, there or not."""
    return name.lower().endswith(SUFFIXES)


_EXPORTED, _SCRIPT = "pt2", "torchscript"


def is_code(architecture: str) -> bool:
    """Whether an architecture, as a card names it, is code of somebody's that is run."""
    return architecture in (_EXPORTED, _SCRIPT) or Blueprint(name=architecture).is_code


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
    network = _adapt(_read(file, what, known, access), what)
    assumed = [*network.assumed]
    shape, number = _find_shape(network, what)
    if what.input_shape is None and network.input_shape is None:
        assumed.append(f"the input shape {_listed(shape)}")
    network = dataclasses.replace(network, module=without_script(network.module, _zeros(network.module, shape)))
    card, more = _describe(network, name, what, known, shape, number)
    return Opened(module=network.module, card=card, assumed=(*assumed, *more))


def _read(file: BinaryIO, what: Description, known: Card | None, access: Access) -> Network:
    suffix = Path(file.name).suffix.lower()
    if suffix == ONNX:
        return _read_graph(file.read(), what)
    kind = Kind.TENSORS if suffix == SAFETENSORS else find_kind(file)
    if suffix == EXPORTED or kind == Kind.EXPORTED:
        _require_trust(Kind.EXPORTED, access)
        exported, shape = read_exported(file)
        return Network(module=exported, architecture=_EXPORTED, input_shape=shape)
    if kind == Kind.SCRIPT:
        _require_trust(kind, access)
        return Network(module=read_script(file), architecture=_SCRIPT)
    if what.architecture is not None and known is not None and known.architecture == what.architecture in FAMILIES:
        blueprint: Blueprint | None = family_blueprint(known)
    else:
        blueprint = None if what.architecture is None else Blueprint.parse(what.architecture)
    if blueprint is not None and blueprint.is_code:
        _require_code(access)
        path, _, function = blueprint.name.rpartition(":")
        blueprint = dataclasses.replace(blueprint, name=f"{Path(path).resolve()}:{function}")
    return read_weights(file, blueprint, access, safe=suffix == SAFETENSORS)


def _read_graph(data: bytes, what: Description) -> Network:
    """A network of an ONNX graph; sizes of images that it leaves open are tried."""
    try:
        return _onnx(read_onnx(data, what.input_shape, what.output), what)
    except OpenShape as error:
        declared = channels_first(error.declared, least=0)
        if len(declared) != 3 or declared[0] not in CHANNELS:
            raise
        for side in _sides(declared[0]):
            shape = (declared[0], declared[1] or side, declared[2] or side)
            with suppress(InvalidCheckpoint):
                network = _onnx(read_onnx(data, shape, what.output), what)
                return dataclasses.replace(network, assumed=(*network.assumed, f"the input shape {_listed(shape)}"))
        raise


def _onnx(module: OnnxNetwork, what: Description) -> Network:
    several = len(module.outputs) > 1 and what.output is None
    assumed = [f"the first of the outputs {some_shown(module.outputs)}"] if several else []
    mean, std = ((0.0,), (1 / 255,)) if module.takes_bytes else ((), ())
    if module.takes_bytes and (what.mean is None or what.std is None):
        assumed.append("pixels from 0 to 255 (its input is uint8)")
    return Network(
        module=module.eval(), architecture="onnx", input_shape=module.input_shape, mean=mean, std=std,
        assumed=tuple(assumed),
    )  # fmt: skip


def _adapt(network: Network, what: Description) -> Network:
    """The same network with images as they are here, and one output."""
    module, shape, assumed = network.module, network.input_shape, network.assumed
    if what.output is not None and not isinstance(module, OnnxNetwork):
        module = OneOutput(module, what.output)
    if shape is not None:
        wanted = what.input_shape or channels_first(shape)
        if wanted != shape and prod(wanted) == prod(shape):
            module = Rearranged(module, shape, wanted).eval()
            if what.input_shape is None:
                assumed = (*assumed, f"the channels last in its inputs of {_listed(shape)}")
            shape = wanted
    return dataclasses.replace(network, module=module, input_shape=shape, assumed=assumed)


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


def _find_shape(network: Network, what: Description) -> tuple[tuple[int, ...], int]:
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
            reason = cause(error) if isinstance(network.module, torch.jit.ScriptModule) else first_line(error)[:200]
    tried = "; ".join(_listed(shape) for shape in candidates) or "none"
    remedy = (
        "Correct --input-shape, or save a network that takes one input at a time (a batch of 1)"
        if said
        else "Say the shape by --input-shape, such as 3,32,32"
    )
    raise InvalidCheckpoint(
        f"Expected a network that runs on an input, tried inputs of the shape {tried}, and got an error: {reason}. "
        f"{remedy}."
    )


def _count_outputs(module: nn.Module, shape: tuple[int, ...]) -> int:
    with torch.no_grad(), bounded():
        returned = module(_zeros(module, shape))
    tensors = [leaf for leaf in tree_leaves(returned) if isinstance(leaf, Tensor)]
    if not tensors or tensors[0].numel() == 0:
        raise InvalidNetwork("The network returns no tensor; expected a tensor of logits (batch, classes).")
    return tensors[0].numel()


def _zeros(module: nn.Module, shape: tuple[int, ...]) -> Tensor:
    """An input, in the precision of a network's weights; ONNX graphs hold them as buffers."""
    weights = (*module.parameters(), *module.buffers())
    kind = next((value.dtype for value in weights if value.is_floating_point()), torch.float32)
    return torch.zeros(1, *shape, dtype=kind, device="cpu")


def _likely_shapes(network: Network) -> Iterator[tuple[int, ...]]:
    name = network.blueprint.name if network.blueprint else ""
    options = network.blueprint.options if network.blueprint else {}
    first = _first_layer(network.module)
    if first is None:
        return
    number, num_axes = first
    if name in FAMILIES:
        side = options.get("image_size", IMAGE_SIZE)
        yield 3, side, side
    elif num_axes == 0:
        image = image_shape((number,))
        if image is not None and len(network.mean) == image[0] > 1:
            yield image
        yield (number,)
    elif num_axes == 2:
        channels = number
        sides = _sides(channels)
        if name.startswith(TORCHVISION) and options.get("num_classes", 1000) == 1000:
            sides = (299,) if "inception" in name else (224,)
        yield from ((channels, side, side) for side in sides)


def _sides(channels: int) -> tuple[int, ...]:
    return _GREY_SIDES if channels == 1 else _SIDES


def _first_layer(module: nn.Module) -> tuple[int, int] | None:
    """The numbers or channels that the first layer takes, and how many axes more; None if nothing tells."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            return layer.in_features, 0
        if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d):
            return layer.in_channels, len(layer.kernel_size)
    weight = next((value for value in module.parameters() if value.dim() >= 2), None)
    return None if weight is None else (int(weight.shape[1]), weight.dim() - 2)


def _describe(
    network: Network, name: str, what: Description, known: Card | None, shape: tuple[int, ...], number: int
) -> tuple[Card, list[str]]:
    """The card of a network, and what of it is assumed."""
    preset, assumed = what.preset, list[str]()
    likely = preset or likely_preset(shape, number)
    mean, std, classes = what.mean or network.mean or None, what.std or network.std or None, what.classes
    if mean is None or std is None:
        usual_mean, usual_std, origin = _usual(network, shape, likely, is_said=preset is not None)
        mean, std = mean or usual_mean, std or usual_std
        if preset is None:
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
        output=what.output or "",
        **fields,
        num_parameters=count_parameters(network.module),
    )
    return (card if preset is None else dataclasses.replace(card, data=preset.name)), assumed


def _usual(
    network: Network, shape: tuple[int, ...], likely: Preset | None, *, is_said: bool
) -> tuple[tuple[float, ...], tuple[float, ...], str]:
    """The mean and std of inputs where they are not said, and whose they are, in brackets."""
    may_normalise = network.blueprint is None or network.blueprint.is_code
    if may_normalise and not is_said and image_shape(shape) is not None:
        own = normalises(network.module, _zeros(network.module, shape))
        if own is not None:
            numbers = " numbers from 0 to 255" if own[1] < 1 else ""
            return own[:1], own[1:], f" (the network normalises{numbers} by itself)"
    return (likely.mean, likely.std, f" (those of {likely.name})") if likely else ((0.0,), (1.0,), "")


def count_parameters(module: nn.Module) -> int:
    """Numbers of the parameters; of ONNX graphs and TorchScript, which do not tell what was trained, all."""
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
