"""Which architecture tensors belong to, told by their names and shapes."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import cache

from torch import nn

from lrviz.errors import InvalidCheckpoint, UnknownModel
from lrviz.files import some_shown
from lrviz.models.access import USER, Access
from lrviz.models.architectures import FAMILIES, IMAGE_SIZE, build
from lrviz.models.blueprint import TORCHVISION, Blueprint, torchvision_names
from lrviz.models.formats.tensors import Tensors, in_order, split_parts
from lrviz.models.multilayer import MLP, find_mlp, stands_beside
from lrviz.models.weights import fit_tensors

_VGG8 = "vgg8"
_VGG8_CHANNELS, _VGG8_FEATURES = 6, 64
"""At width 1: channels of the first layer of the VGG8, and of the last convolution, before a linear layer."""

LAST_LAYERS = frozenset(["Softmax", "LogSoftmax"])
"""Activations that are left off; the weights of other layers look the same."""

_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


def guess_architecture(tensors: Tensors, layers: Collection[str] = (), access: Access = USER) -> Blueprint:
    """The one of our and of torchvision's architectures that fits.

    Args:
        tensors: Of its state dict.
        layers: Kinds of layers that it is known to have, if any are.
        access: Whose errors these are.

    Raises:
        InvalidCheckpoint: None does.
    """
    activations = {name for name in layers if hasattr(nn.modules.activation, name)} - LAST_LAYERS
    part = find_mlp(tensors) if activations <= {"ReLU"} else None
    if part is not None and all(name in part or stands_beside(name) for name in tensors):
        return Blueprint(name=MLP)
    for part in (tensors, _largest_part(tensors)):
        for blueprint in (*_families(part), *_torchvision(part)):
            with suppress(InvalidCheckpoint, UnknownModel):
                fits = len(fit_tensors(part, blueprint.shapes(), blueprint)) >= len(part)
                if fits and activations <= blueprint.kinds():
                    return blueprint
    names = some_shown(tensors, most=4)
    code = "" if access.is_visitor else ", or mynet.py:build with --trust"
    raise InvalidCheckpoint(
        f"Expected weights of an architecture that lrviz or torchvision has, got others ({len(tensors)} tensors, such "
        f"as {names}): say which it is by --architecture, such as mlp or 'torchvision:resnet18(num_classes=10)'{code}; "
        "or export the network by torch.onnx.export."
    )


def _largest_part(tensors: Tensors) -> Tensors:
    """The tensors of the part of a network that has the most; beside it may be a loss, measures, a normalisation."""
    return max(split_parts(tensors).values(), key=len, default={})


def _families(tensors: Tensors) -> Iterator[Blueprint]:
    """Our families that have weights of these names, with the width, classes and image size that the shapes tell."""
    batch_norm = any(name.endswith(_BUFFERS) for name in tensors)
    counted = {name for name in tensors if not name.endswith(_BUFFERS[2])}
    for family in FAMILIES:
        if counted != _names(family, batch_norm):
            continue
        last = next(tensors[name] for name in reversed(in_order(counted)) if tensors[name].dim() == 2)
        width, options = int(tensors["0.weight"].shape[0]), dict[str, int | bool]()
        if family == _VGG8:
            width = max(width // _VGG8_CHANNELS, 1)
            hidden = next(tensors[name] for name in in_order(counted) if tensors[name].dim() == 2)
            side = round((hidden.shape[1] / (_VGG8_FEATURES * width)) ** 0.5) * 8
            options = {"image_size": side} if side != IMAGE_SIZE else {}
        options = {"width": width, "num_classes": int(last.shape[0]), **options}
        yield Blueprint(name=family, options=options | ({"batch_norm": True} if batch_norm else {}))


@cache
def _names(family: str, batch_norm: bool) -> frozenset[str]:
    """The weights of a family, without counters."""
    names = build(family, 1, 2, batch_norm).state_dict()
    return frozenset(name for name in names if not name.endswith(_BUFFERS[2]))


def _torchvision(tensors: Tensors) -> Iterator[Blueprint]:
    """Those of torchvision's models that have as many parameters, if one of the layers is the last one."""
    from torchvision.models import get_model_weights  # noqa: PLC0415  slow to import

    main = [value for name, value in tensors.items() if "aux" not in name.lower() and not name.endswith(_BUFFERS)]
    number = sum(value.numel() for value in main)
    heads = {(int(value.shape[0]), int(value.shape[1])) for value in main if value.dim() in (2, 4)}
    for name in torchvision_names():
        meta = next(iter(get_model_weights(name.removeprefix(TORCHVISION)))).meta
        for num_classes, num_features in sorted(heads):
            removed = (len(meta["categories"]) - num_classes) * (num_features + 1)
            if meta["num_params"] - number == removed:
                yield Blueprint(name=name, options={"num_classes": num_classes})
                yield Blueprint(name=name, options={"num_classes": num_classes, "aux_logits": False})
