"""Trained models: their cards, loading them by name or file, and writing them."""

import difflib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import MISSING, Field, asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_args, get_origin

import numpy as np
import torch
from jaxtyping import Float, Shaped
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from lrviz.errors import InvalidCheckpoint, LrvizError, UnknownModel
from lrviz.models.architectures import FAMILIES, IMAGE_SHAPE, IMAGE_SIZE, build
from lrviz.models.assets import assets_folder
from lrviz.models.images import ImageRecord
from lrviz.network.program import Program

SUFFIX = ".safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What is known about a trained model.

    Attributes:
        name: the model's name, and the stem of its files.
        architecture: its family, one of `lrviz.models.architectures.FAMILIES`.
        width: base width k of the family.
        batch_norm: whether every convolution is followed by a batch normalisation.
        data: the data set that it was trained on.
        num_train_images: images in its training set.
        label_noise: fraction of the training labels that were moved to a random other class.
        augmentation: whether training images were cropped and flipped at random.
        seed: seed of the initial weights, the subset, the label noise and the order of the images.
        epochs: passes over the training set.
        train_error: fraction of training images that differ from the (noisy) labels it was trained on.
        test_error: fraction of test images that are classified wrongly.
        mean: mean of each input channel that normalisation subtracts, on the scale 0 to 1.
        std: standard deviation of each input channel that normalisation divides by.
        classes: names of the classes, one per output.
        num_parameters: number of trained numbers.
        recipe: the training recipe in words.
        reproduce: the command that trains it again.
        date: day on which training ended, as YYYY-MM-DD.
        lrviz_version: version of lrviz that trained it.
        image_size: pixels a side of its images.
        sparsity: fraction of the weights that were pruned, and are zero.
        pruned_from: name of the model that it was pruned from; empty if it is not pruned.
        teacher: name of the model whose outputs it was trained to give; empty if it had none.
    """

    name: str
    architecture: str
    width: int
    batch_norm: bool
    data: str
    num_train_images: int
    label_noise: float
    augmentation: bool
    seed: int
    epochs: int
    train_error: float
    test_error: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    classes: tuple[str, ...]
    num_parameters: int
    recipe: str
    reproduce: str
    date: str
    lrviz_version: str
    image_size: int = IMAGE_SIZE
    sparsity: float = 0.0
    pruned_from: str = ""
    teacher: str = ""

    @property
    def is_snapshot(self) -> bool:
        """Whether it is a checkpoint from the middle of a training."""
        return self.name.endswith(f"-epoch{self.epochs}")

    @property
    def training(self) -> str:
        """What a checkpoint's name has in common with those of the other epochs: the name of the last one."""
        return self.name.removesuffix(f"-epoch{self.epochs}")

    @property
    def family(self) -> str:
        """What its architecture and what was done to it have in common with others, such as "cnn5 pruned"."""
        pruned, distilled = [" pruned"] * bool(self.pruned_from), [" distilled"] * bool(self.teacher)
        return "".join([self.architecture, *pruned, *distilled])

    @property
    def is_variant(self) -> bool:
        """Whether it was pruned or distilled, so that it belongs to no series of widths."""
        return bool(self.pruned_from or self.teacher)

    def to_json(self) -> str:
        """Return the card as the text of its file."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str) -> "Card":
        """Read a card.

        Args:
            text: the contents of its file.
            source: how errors call the file.

        Raises:
            InvalidCheckpoint: the text is not a card.
        """
        try:
            values = json.loads(text)
        except ValueError as error:
            raise InvalidCheckpoint(
                f"Expected a JSON card in {source}, got text that is not JSON: fetch it again."
            ) from error
        names = {field.name for field in fields(cls)}
        if isinstance(values, dict):
            # A card written before a field was added has none of it.
            values = {field.name: field.default for field in fields(cls) if field.default is not MISSING} | values
        if not isinstance(values, dict) or values.keys() != names:
            received = ", ".join(sorted(names ^ values.keys())) if isinstance(values, dict) else "no object"
            raise InvalidCheckpoint(
                f"Expected a card with this lrviz's fields in {source}, got one in which these are missing or unknown: "
                f"{received}; use the lrviz version that wrote it, or train the model again."
            )
        return cls(**{field.name: _read_field(field, values[field.name], source) for field in fields(cls)})


def _read_field(field: Field[Any], value: Any, source: str) -> Any:
    try:
        result = _read_value(value, field.type)
        if field.name in {"mean", "std"} and len(result) != IMAGE_SHAPE[0]:
            raise ValueError("one number per channel")
        if field.name == "std" and min(result) <= 0:
            raise ValueError("positive numbers")
    except ValueError as error:
        raise InvalidCheckpoint(
            f"Expected {error} for the field {field.name!r} in {source}, got {value!r}: "
            "correct the card or fetch it again."
        ) from error
    return result


def _read_value(value: Any, expected: Any) -> Any:
    """Turn a JSON value into a field's type, or raise a ValueError that names what was expected."""
    if expected is float and type(value) in (int, float):
        return float(value)
    if expected in (str, bool, int) and type(value) is expected:
        return value
    if get_origin(expected) is tuple and type(value) is list:
        return tuple(_read_value(item, get_args(expected)[0]) for item in value)
    raise ValueError(getattr(expected, "__name__", "a value"))


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


def find_card(name_or_path: str | Path) -> Card:
    """Return the card of a model, without loading it; names and errors as in `load_model`."""
    return _read_card(_find_checkpoint(name_or_path).with_suffix(".json"))


def load_model(name_or_path: str | Path) -> Model:
    """Load a trained model.

    Args:
        name_or_path: the name of a shipped model (`list_models`), or a .safetensors file written by
            `lrviz train`, with its .json card beside it.

    Raises:
        UnknownModel: there is no such name or file.
        InvalidCheckpoint: the checkpoint or its card is damaged, or they do not fit together.
    """
    path = _find_checkpoint(name_or_path)
    card = _read_card(path.with_suffix(".json"))
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


def _find_checkpoint(name_or_path: str | Path) -> Path:
    path = Path(name_or_path)
    if path.suffix == SUFFIX:
        if path.is_file():
            return path
        raise UnknownModel(f"Expected a checkpoint file at {path}, found none: check the path.")
    shipped = {file.stem: file for file in models_folder().glob(f"*{SUFFIX}")}
    if str(name_or_path) in shipped:
        return shipped[str(name_or_path)]
    raise UnknownModel(_describe_unknown(str(name_or_path), shipped))


def _describe_unknown(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    remedy = f"did you mean {' or '.join(close)}" if close else "list the names with lrviz models"
    return f"Expected the name of a shipped model or a {SUFFIX} file, got {name!r}: {remedy}?"


def _read_card(path: Path) -> Card:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidCheckpoint(
            f"Expected a readable card at {path}, got none ({type(error).__name__}): put the .json file that "
            "lrviz train wrote beside the checkpoint."
        ) from error
    return Card.from_json(text, path.name)


def _load_module(path: Path, card: Card) -> nn.Module:
    try:
        module = build(card.architecture, card.width, len(card.classes), card.batch_norm, image_size=card.image_size)
        module.load_state_dict(load_file(path, device="cpu"))
    except (LrvizError, SafetensorError, RuntimeError, OSError) as error:
        raise InvalidCheckpoint(
            f"Expected the weights of a {card.architecture} of width {card.width} in {path.name}, got a file that is "
            "damaged or belongs to another card: fetch or train it again."
        ) from error
    return module.eval()


def _sort_key(card: Card) -> tuple[Any, ...]:
    family = FAMILIES.index(card.architecture) if card.architecture in FAMILIES else len(FAMILIES)
    natural = [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", card.name)]
    origin = card.pruned_from, card.teacher, card.sparsity
    return family, card.data, card.batch_norm, card.label_noise, card.width, card.seed, origin, card.epochs, natural
