"""Trained models: their cards, loading them by name or file, and writing them."""

import difflib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Shaped
from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from lrviz.errors import InvalidCheckpoint, UnknownModel, UnreadableFile
from lrviz.files import shown
from lrviz.models.access import USER, Access
from lrviz.models.architectures import FAMILIES, IMAGE_SHAPE, build
from lrviz.models.assets import assets_folder
from lrviz.models.card import MAX_CARD_BYTES, Card
from lrviz.models.images import ImageRecord
from lrviz.network.program import Program

SUFFIX = ".safetensors"

MAX_CHECKPOINT_BYTES = 4 * 2**30
"""Largest checkpoint that is read."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """A trained network with all that is needed to feed it images.

    Attributes:
        name: its name.
        module: the network: float32, on the CPU, in evaluation mode; from normalised images to logits.
        input_shape: channels, height, width.
        mean: mean per channel, on the scale 0 to 1.
        std: standard deviation per channel, on the scale 0 to 1.
        classes: names of the outputs.
        card: where it comes from.
    """

    name: str
    module: nn.Module
    input_shape: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    classes: tuple[str, ...]
    card: Card

    def program(self) -> Program:
        """Trace the network, every time anew.

        Raises:
            UnsupportedOperation: it holds an operation that is not piecewise linear or not known.
        """
        return Program.from_module(self.module, torch.zeros(1, *self.input_shape, device="cpu"))

    def normalise(
        self, images: ImageRecord | Shaped[Tensor, "*batch c h w"] | Shaped[np.ndarray, "*batch c h w"]
    ) -> Float[Tensor, "*batch c h w"]:
        """Turn images into the network's inputs.

        Args:
            images: uint8 from 0 to 255, or floating point from 0 to 1; or what `load_image` gives.

        Returns:
            (image - mean) / std per channel; float32 for uint8 images, otherwise of their own type.
        """
        values = images.image if isinstance(images, ImageRecord) else images
        pixels = torch.as_tensor(np.array(values)) if isinstance(values, np.ndarray) else values
        if not pixels.is_floating_point():
            pixels = pixels.to(torch.float32) / 255
        return (pixels - self._column(self.mean, pixels)) / self._column(self.std, pixels)

    @staticmethod
    def _column(values: tuple[float, ...], like: Tensor) -> Float[Tensor, "c 1 1"]:
        return torch.tensor(values, dtype=like.dtype, device=like.device)[:, None, None]


def models_folder() -> Path:
    """Return the folder of the shipped checkpoints."""
    return assets_folder() / "models"


def list_models(folder: Path | None = None) -> tuple[Card, ...]:
    """Return the cards of the models in a folder (the shipped ones by default), by family, noise, width and seed.

    Raises:
        InvalidCheckpoint: a card is damaged.
    """
    paths = (folder or models_folder()).glob("*.json")
    return tuple(sorted((_read_card(path) for path in paths), key=_sort_key))


def find_card(name_or_path: str | Path, *, access: Access = USER) -> Card:
    """Return the card of a model, without loading it; arguments and errors as in `load_model`."""
    return _read_card(_find_checkpoint(name_or_path, access).with_suffix(".json"), access)


def load_model(name_or_path: str | Path, *, access: Access = USER) -> Model:
    """Load a trained model.

    Args:
        name_or_path: the name of a shipped model (`list_models`), or a .safetensors file written by
            `lrviz train`, with its .json card beside it.
        access: which files may be named.

    Raises:
        UnknownModel: there is no such name or file.
        InvalidCheckpoint: the checkpoint or its card is damaged, or they do not fit together.
    """
    path = _find_checkpoint(name_or_path, access)
    card = _read_card(path.with_suffix(".json"), access)
    module = _load_module(path, card)
    return Model(
        name=card.name,
        module=module,
        input_shape=(IMAGE_SHAPE[0], card.image_size, card.image_size),
        mean=card.mean,
        std=card.std,
        classes=card.classes,
        card=card,
    )


def changed_at(name_or_path: str | Path, *, access: Access = USER) -> int:
    """When a model's file was written, in nanoseconds; 0 for shipped models, and where there is no such file."""
    if Path(name_or_path).suffix != SUFFIX:
        return 0
    try:
        return access.locate(name_or_path, MAX_CHECKPOINT_BYTES).stat().st_mtime_ns
    except (UnreadableFile, OSError):
        return 0


def save_model(path: Path, module: nn.Module, card: Card) -> None:
    """Write a checkpoint and its card, each complete or not at all; the card comes last.

    Args:
        path: the .safetensors file; the card goes beside it as .json.
        module: the trained network.
        card: its card.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(save(tensors))
    os.replace(temporary, path)
    temporary.write_text(card.to_json(), encoding="utf-8")
    os.replace(temporary, path.with_suffix(".json"))


def count_parameters(module: nn.Module) -> int:
    """Return how many numbers of a network are trained."""
    return sum(parameter.numel() for parameter in module.parameters())


def _find_checkpoint(name_or_path: str | Path, access: Access) -> Path:
    shipped = {file.stem: file for file in models_folder().glob(f"*{SUFFIX}")}
    if str(name_or_path) in shipped:
        return shipped[str(name_or_path)]
    if Path(name_or_path).suffix != SUFFIX:
        raise UnknownModel(_describe_unknown(str(name_or_path), shipped, access))
    try:
        return access.locate(name_or_path, MAX_CHECKPOINT_BYTES)
    except UnreadableFile as error:
        if access.is_visitor:
            raise UnknownModel(_describe_unknown(str(name_or_path), (), access)) from error
        raise UnknownModel(
            f"Expected a checkpoint file at {shown(str(name_or_path))}, found none that can be read ({error}): "
            "check the path."
        ) from error


def _describe_unknown(name: str, known: Iterable[str], access: Access) -> str:
    close = difflib.get_close_matches(name[:100], list(known), n=3, cutoff=0.5)
    asked = f"did you mean {' or '.join(close)}?" if close else ""
    if access.is_visitor:
        return f"Expected a model that this server has, got {shown(name)}: {asked or 'choose one of the list.'}"
    return (
        f"Expected the name of a shipped model or a {SUFFIX} file, got {shown(name)}: "
        f"{asked or 'list the names with lrviz models?'}"
    )


def _read_card(path: Path, access: Access = USER) -> Card:
    try:
        with access.open(path, MAX_CARD_BYTES) as file:
            text = file.read(MAX_CARD_BYTES).decode("utf-8")
    except (UnreadableFile, OSError, UnicodeDecodeError) as error:
        remedy = "choose another model" if access.is_visitor else "put the .json file of lrviz train beside it"
        raise InvalidCheckpoint(
            f"Expected a readable card {path.name} beside the checkpoint, got none: {remedy}."
        ) from error
    return Card.from_json(text, path.name)


def _load_module(path: Path, card: Card) -> nn.Module:
    try:
        module = _build(card) if _read_shapes(path) == _expected_shapes(card) else None
        if module is not None:
            module.load_state_dict(load_file(path, device="cpu"))
    except Exception as error:  # PyTorch and safetensors raise many kinds for a damaged file
        raise _misfit(path, card) from error
    if module is None:
        raise _misfit(path, card)
    return module.eval()


def _build(card: Card) -> nn.Module:
    return build(card.architecture, card.width, len(card.classes), card.batch_norm, image_size=card.image_size)


def _read_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    with safe_open(path, "pt", device="cpu") as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118


def _expected_shapes(card: Card) -> dict[str, tuple[int, ...]]:
    """Shapes of the weights of the network that a card describes, which may be larger than any memory."""
    with FakeTensorMode():
        return {name: tuple(value.shape) for name, value in _build(card).state_dict().items()}


def _misfit(path: Path, card: Card) -> InvalidCheckpoint:
    return InvalidCheckpoint(
        f"Expected the weights of a {shorten(card.architecture, 40)} of width {card.width} in {path.name}, got a file "
        "that is damaged or belongs to another card: fetch or train it again."
    )


def _sort_key(card: Card) -> tuple[Any, ...]:
    family = FAMILIES.index(card.architecture) if card.architecture in FAMILIES else len(FAMILIES)
    natural = [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", card.name)]
    origin = card.pruned_from, card.teacher, card.sparsity
    return family, card.data, card.batch_norm, card.label_noise, card.width, card.seed, origin, card.epochs, natural
