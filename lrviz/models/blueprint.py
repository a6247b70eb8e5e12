"""Architectures by their text: `cnn5(width=8)`, `mlp`, `torchvision:resnet18(num_classes=10)`, `mynet.py:build`."""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from lrviz.errors import LrvizError, UnknownModel
from lrviz.files import shown
from lrviz.models.architectures import FAMILIES, build
from lrviz.models.formats.tensors import Tensors
from lrviz.models.multilayer import MLP, build_mlp
from lrviz.models.weights import Shapes, fill

TORCHVISION = "torchvision:"

_TEXT = re.compile(r"(?P<name>[^()]{1,4000}?)\s*(?:\((?P<options>.{0,4000})\))?", re.S)
_MOST = 100_000
"""Largest whole number that an option may be."""

_HELP = (
    f"use one of {', '.join(FAMILIES)}, with options as in cnn5(width=8); {MLP}; torchvision:NAME, as in "
    "torchvision:resnet18(num_classes=10); or, on the command line, a function in a Python file, mynet.py:build"
)
_EAGER = {"googlenet": {"init_weights": False}, "inception_v3": {"init_weights": False}}
"""Options that keep torchvision from computing initial weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """An architecture with its options.

    Attributes:
        name: One of `FAMILIES`, "mlp", "torchvision:" and the name of one of its models, or a Python file, ":" and a
            function in it.
        options: Keyword arguments of what builds it.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> "Blueprint":
        """Read a text; options are numbers, words, True, False and None.

        Raises:
            UnknownModel: It is no such text, or names no architecture.

        >>> Blueprint.parse("cnn5(width=8, batch_norm=True)").options
        {'width': 8, 'batch_norm': True}
        """
        match = _TEXT.fullmatch(text.strip())
        options = None if match is None else _read_options(match["options"] or "")
        if match is None or options is None:
            raise UnknownModel(f"Expected an architecture, got {shown(text)}: {_HELP}.")
        found = cls(name=match["name"].strip(), options=options)
        if not (found.is_code or found.name in (*FAMILIES, MLP) or found.name in torchvision_names()):
            raise UnknownModel(f"Expected an architecture, got {shown(text)}: {_HELP}.")
        return found

    @property
    def is_code(self) -> bool:
        """Whether it is a function in a Python file."""
        return ".py:" in self.name

    def __str__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self.options.items())
        return f"{self.name}({options})" if options else self.name

    def given(self, **options: Any) -> "Blueprint":
        """The same with further options, where it does not say them itself."""
        return replace(self, options={**options, **self.options})

    def shapes(self) -> Shapes:
        """The shapes of its weights, by name; nothing is allocated.

        Raises:
            UnknownModel: The options do not fit.
        """
        return {name: tuple(value.shape) for name, value in self._hollow().state_dict().items()}

    def kinds(self) -> frozenset[str]:
        """The kinds of its layers, such as "Linear"; errors as for `shapes`."""
        return frozenset(type(layer).__name__ for layer in self._hollow().modules())

    def load(self, tensors: Tensors) -> nn.Module:
        """The network with these weights, in evaluation mode.

        Raises:
            UnknownModel: The options do not fit.
            InvalidCheckpoint: The tensors do not.
        """
        if self.name == MLP:
            return build_mlp(tensors).eval()
        module = self._hollow()
        state = module.state_dict()  # with the versions of its layers
        fill(state, tensors, self)
        module.load_state_dict(state, assign=True)
        return module.eval()

    def _hollow(self) -> nn.Module:
        """The network without values."""
        try:
            with _Hollow():
                if self.name in FAMILIES:
                    return build(self.name, seed=None, **{"width": 1, "num_classes": 10, **self.options})
                return _torchvision_model(self.name.removeprefix(TORCHVISION), self.options)
        except LrvizError:
            raise
        except Exception as error:
            reason = str(error).partition("\n")[0][:200]
            raise UnknownModel(f"Expected options that fit {shown(str(self))}, got an error: {reason}.") from error


class _Hollow(TorchFunctionMode):
    """Weights take no memory: they are created without values."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}) | ({"device": "meta"} if func is torch.empty else {}))


@cache
def torchvision_names() -> tuple[str, ...]:
    """What torchvision's classifiers are called here."""
    from torchvision import models  # noqa: PLC0415  slow to import

    return tuple(f"{TORCHVISION}{name}" for name in models.list_models(module=models))


def _torchvision_model(name: str, options: Mapping[str, Any]) -> nn.Module:
    from torchvision import models  # noqa: PLC0415

    if any(word.startswith("weights") or word in ("pretrained", "progress") for word in options):
        raise UnknownModel("Expected options of the architecture, got one about weights: the file has the weights.")
    return models.get_model(name, weights=None, **{**_EAGER.get(name, {}), **options})


def _read_options(text: str) -> dict[str, Any] | None:
    """Keyword arguments with plain values; None if the text is something else."""
    try:
        call = ast.parse(f"f({text})", mode="eval").body
        if not isinstance(call, ast.Call) or call.args or not isinstance(call.func, ast.Name):
            return None
        options = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords if word.arg}
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    fits = all(
        isinstance(value, str | float | None) or (isinstance(value, int) and abs(value) <= _MOST)
        for value in options.values()
    )
    return options if fits and len(options) == len(call.keywords) else None
