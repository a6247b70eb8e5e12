"""Networks by name or file: their cards, loading them, and writing them."""

import difflib
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Shaped
from safetensors.torch import load_file, save
from torch import Tensor, nn

from lrviz.arrays import describe
from lrviz.errors import InvalidCheckpoint, LrvizError, OnRefusal, UnknownModel, UnreadableFile, stop_at_refusal
from lrviz.files import shown, write_whole
from lrviz.models.access import USER, Access
from lrviz.models.architectures import FAMILIES
from lrviz.models.assets import assets_folder
from lrviz.models.card import Card
from lrviz.models.described import open_described, without_exit
from lrviz.models.description import NOTHING, Description
from lrviz.models.formats.tensors import clean
from lrviz.models.images import ImageRecord, fit_image
from lrviz.models.library import is_upload
from lrviz.models.notes import Note, content_of, find_kept, keep_note, last_change, read_kept
from lrviz.models.numbers import image_shape
from lrviz.models.opening import SUFFIXES, family_blueprint, is_code
from lrviz.network.program import Program

SUFFIX = ".safetensors"

_FOREIGN = (".h5", ".keras", ".pb", ".tflite", ".msgpack", ".hdf5", ".pkl", ".joblib", ".npz", ".mat", ".mlmodel")
"""Files of networks of other libraries."""

_MOST_CONFIRMED = 50
"""Most assumptions that are kept as known to the user; the latest are."""

MAX_CHECKPOINT_BYTES = 4 * 2**30
"""Largest checkpoint that is read."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """A trained network with all that is needed to feed it images.

    Attributes:
        name: Its name.
        module: The network: on the CPU, in evaluation mode, in float32 unless its file is in float64; from normalised
            images to logits.
        input_shape: Channels, height, width; or the shape of another input, such as (2,) for points of a plane.
        mean: Mean per channel, on the scale 0 to 1.
        std: Standard deviation per channel, on the scale 0 to 1.
        classes: Names of the outputs.
        card: Where it comes from.
        assumed: What nobody said and is taken to be so, in words such as "the input shape 3,32,32".
        said: What was said of it, now or before.
        digest: Hash of its file and of all else that decides what the network computes; empty where code does.
    """

    name: str
    module: nn.Module
    input_shape: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    classes: tuple[str, ...]
    card: Card
    assumed: tuple[str, ...] = ()
    said: Description = NOTHING
    digest: str = ""

    def program(self) -> Program:
        """Trace the network, every time anew.

        Raises:
            UnsupportedOperation: It holds an operation that is not piecewise linear or not known.
        """
        with without_exit():
            return Program.from_module(self.module, torch.zeros(1, *self.input_shape, device="cpu"))

    def normalise(
        self, images: ImageRecord | Shaped[Tensor, "..."] | Shaped[np.ndarray, "..."]
    ) -> Float[Tensor, "..."]:
        """Turn images into the network's inputs.

        Args:
            images: (*batch, *input_shape) uint8 from 0 to 255, or floating point from 0 to 1, of networks that take
                pixels in a row also (*batch, channels, height, width); or what `load_image` gives.

        Returns:
            (*batch, *input_shape) (image - mean) / std per channel; float32 for uint8 images, otherwise of their own
            type.
        """
        values = fit_image(images, self.input_shape).image if isinstance(images, ImageRecord) else images
        pixels = torch.as_tensor(np.array(values)) if isinstance(values, np.ndarray) else values
        if len(self.input_shape) == 1 and pixels.shape[-3:] == image_shape(self.input_shape):
            pixels = pixels.flatten(-3)
        if not pixels.is_floating_point():
            pixels = pixels.to(torch.float32) / 255
        return (pixels - self._column(self.mean, pixels)) / self._column(self.std, pixels)

    def _column(self, values: tuple[float, ...], like: Tensor) -> Float[Tensor, "c ..."]:
        return torch.tensor(values, dtype=like.dtype, device=like.device).view(-1, *[1] * (len(self.input_shape) - 1))


def models_folder() -> Path:
    """Return the folder of the shipped checkpoints."""
    return assets_folder() / "models"


def list_models(folder: Path | None = None) -> tuple[Card, ...]:
    """Return the cards of the models in a folder (the shipped ones by default), by family, noise, width and seed.

    Raises:
        UnknownModel: There is no such folder.
        InvalidCheckpoint: A card is damaged.
    """
    return tuple(list_checkpoints(folder).values())


def list_checkpoints(folder: Path | None = None, refused: OnRefusal = stop_at_refusal) -> dict[Path, Card]:
    """Return the files of the models in a folder of which cards are kept, and these, in the order of `list_models`.

    Args:
        folder: Where they are; that of the shipped ones if None.
        refused: Called with the file of a model whose card cannot be read, and the error; raises it if not given.

    Raises:
        UnknownModel: There is no such folder.
    """
    if folder is not None and not folder.is_dir():
        raise UnknownModel(f"Expected a folder of networks at {shown(str(folder))}, found none: check the path.")
    found: dict[Path, Card] = {}
    files = [(_described_by(path), path) for path in (folder or models_folder()).glob("*.json")]
    for file, path in sorted(files, key=lambda item: item[1].name.startswith(item[0].name)):  # notes come last
        try:
            card = _kept_card(file, path, is_known=file in found)
        except LrvizError as error:
            refused(file, error)
        else:
            if card is not None:
                found[file] = card
    return dict(sorted(found.items(), key=lambda item: _sort_key(item[1])))


def _kept_card(file: Path, path: Path, *, is_known: bool) -> Card | None:
    """The card of a network that a JSON file keeps; None if it keeps none that says more than what is known."""
    kept = read_kept(path, USER)
    if isinstance(kept, Card):
        return kept
    if not isinstance(kept, Note) or not file.is_file():
        return None
    card = find_kept(file, USER).note.found
    return find_card(file) if card is None and is_known else card  # what its note says is newer


def _described_by(path: Path) -> Path:
    """The file of the network that a card or a note is of, by its name."""
    file = path.with_name(path.name.removesuffix(".json").removesuffix(".lrviz"))
    return file if file.suffix.lower() in SUFFIXES else path.with_suffix(SUFFIX)


def find_card(name_or_path: str | Path, *, access: Access = USER) -> Card:
    """Return the card of a model, without loading it if it has one; arguments and errors as in `load_model`."""
    kept = find_kept(_find_checkpoint(name_or_path, access), access)
    card = kept.note.found or (kept.card if kept.note.said.is_empty else None)
    return load_model(name_or_path, access=access).card if card is None else card


def load_model(
    name_or_path: str | Path,
    *,
    architecture: str | None = None,
    input_shape: Sequence[int] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    classes: Sequence[str] | None = None,
    dataset: str | None = None,
    output: str | None = None,
    trust: bool = False,
    access: Access = USER,
) -> Model:
    """Load a network; what is not said here or by the card beside its file is assumed: see `Model.assumed`.

    Args:
        name_or_path: The name of a shipped model (`list_models`); a file of `lrviz train`; an .onnx file; a state
            dict or a whole network in a .safetensors file or one of `torch.save` (.pt, .pth, .th, .ckpt ...), of which
            the weights are read.
        architecture: What a state dict is of: one of ours such as "cnn5(width=8)", "mlp",
            "torchvision:resnet18(num_classes=10)", or with `trust` a function in a Python file, "mynet.py:build".
        input_shape: Of one input, such as (3, 32, 32) or (2,).
        mean: What normalisation subtracts, per channel, on the scale 0 to 1.
        std: What normalisation divides by, per channel, on the scale 0 to 1.
        classes: Names of the outputs.
        dataset: What it was trained on, one of `lrviz.models.description.PRESETS`: it tells mean, std and classes.
        output: Which of several outputs, by name or position; the first if None.
        trust: Whether files that run code when they are opened may be opened: .pt2 files, TorchScript, Python files.
        access: Which files may be named.

    Raises:
        UnknownModel: There is no such name, file or architecture.
        InvalidCheckpoint: The checkpoint or its card is damaged, they do not fit together, or code would be run.
        UnsupportedOperation: An ONNX file holds operators that are not converted.

    >>> load_model("cnn5-w1-noise20").input_shape
    (3, 32, 32)
    """
    said = Description(
        architecture=architecture,
        input_shape=input_shape if input_shape is None else tuple(input_shape),
        mean=mean if mean is None else tuple(mean),
        std=std if std is None else tuple(std),
        classes=classes if classes is None else tuple(classes),
        dataset=dataset,
        output=output,
    )
    access = replace(access, trust=access.trust or trust)
    path = _find_checkpoint(name_or_path, access)
    kept = find_kept(path, access)
    card, content = kept.card, content_of(path)
    if card is not None and card.is_own and card.architecture in FAMILIES and said.over(kept.note.said).is_empty:
        return _model(_load_module(path, card), card, path, content)
    with access.open(name_or_path if is_upload(str(name_or_path)) else path, MAX_CHECKPOINT_BYTES) as file:
        opened, whole = open_described(file, path.stem, said, kept, access)
    name = kept.note.name or opened.card.name
    assumed = tuple(words for words in (*opened.assumed, *kept.notices) if words not in kept.note.confirmed)
    return _model(opened.module, replace(opened.card, name=name), path, content, assumed, whole)


def _model(
    module: nn.Module,
    card: Card,
    path: Path,
    content: str,
    assumed: tuple[str, ...] = (),
    said: Description = NOTHING,
) -> Model:
    return Model(
        name=card.name, module=module, input_shape=card.input_shape, mean=card.mean, std=card.std, classes=card.classes,
        card=card, assumed=assumed, said=said, digest=_digest(card, path, content),
    )  # fmt: skip


def _digest(card: Card, path: Path, content: str) -> str:
    """What tells a network from all others, given what its file held before it was read."""
    if is_code(card.architecture) or content_of(path) != content:
        return ""
    architecture = str(family_blueprint(card)) if card.architecture in FAMILIES else card.architecture
    return hashlib.sha256(repr((content, architecture, card.output, card.input_shape)).encode()).hexdigest()


def remember(name_or_path: str | Path, model: Model, *, confirm: bool = True, access: Access = USER) -> Path:
    """Keep what was said of a network, so that it has not to be said again; nothing that is assumed is kept as said.

    Args:
        name_or_path: The file, as in `load_model`; it is kept beside it, or for a visitor in the library.
        model: The network, as it was loaded.
        confirm: Whether the user knows what is assumed of this file, and need not be told again.
        access: Which files may be named.

    Returns:
        Where it is kept.

    Raises:
        InvalidRequest: It cannot be written there, is too long, or files of somebody else's have its names.
    """
    path = _find_checkpoint(name_or_path, access)
    confirmed = find_kept(path, access).note.confirmed
    note = Note(
        said=model.said,
        name=model.name if model.name != path.stem else "",
        confirmed=tuple(dict.fromkeys((*confirmed, *model.assumed)))[-_MOST_CONFIRMED:] if confirm else confirmed,
        found=replace(model.card, name=model.name),
        assumed=() if confirm else model.assumed,
    )
    return keep_note(path, note, access)


def remembered(name_or_path: str | Path, *, access: Access = USER) -> Note:
    """What is remembered of a network, a note of its content if nothing is; arguments and errors as in `load_model`."""
    path = _find_checkpoint(name_or_path, access)
    return replace(find_kept(path, access).note, content=content_of(path))


def changed_at(name_or_path: str | Path, *, access: Access = USER) -> int:
    """What tells a model's file and card from earlier ones; 0 for shipped models, and if there is no such file."""
    if Path(name_or_path).suffix.lower() not in SUFFIXES:
        return 0
    try:
        return last_change(access.locate(name_or_path, MAX_CHECKPOINT_BYTES), access)
    except (UnreadableFile, OSError):
        return 0


def save_model(path: Path, module: nn.Module, card: Card) -> None:
    """Write a checkpoint and its card, each complete or not at all; the card comes last.

    Args:
        path: The .safetensors file; the card goes beside it as .json.
        module: The trained network.
        card: Its card.
    """
    # Weights that layers share are stored once for each: the format has no other way.
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in module.state_dict().items()}
    write_whole(path, save(tensors))
    write_whole(path.with_suffix(".json"), card.to_json().encode())


def _find_checkpoint(name_or_path: str | Path, access: Access) -> Path:
    if not isinstance(name_or_path, str | Path):
        raise UnknownModel(
            f"Expected the name of a model or the path of its file, got {describe(name_or_path)}: list the names with "
            "lrviz models, or by lrviz.models.catalogue.list_models()."
        )
    shipped = {file.stem: file for file in models_folder().glob(f"*{SUFFIX}")}
    if str(name_or_path) in shipped:
        return shipped[str(name_or_path)]
    if Path(name_or_path).suffix.lower() not in SUFFIXES:
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
    if not access.is_visitor and Path(name).is_dir():
        return f"Expected the name of a shipped model or a file, got the folder {shown(name)}: name a file in it."
    if Path(name).suffix.lower() in _FOREIGN and not access.is_visitor:
        return (
            f"Expected a file of PyTorch or ONNX ({', '.join(SUFFIXES)}), got {shown(name)}: export the network to "
            "ONNX, as tf2onnx does for Keras and TensorFlow."
        )
    close = difflib.get_close_matches(name[:100], list(known), n=3, cutoff=0.5)
    asked = f"did you mean {' or '.join(close)}?" if close else ""
    if access.is_visitor:
        way = "upload its file." if is_upload(name) else "choose one of the list."
        return f"Expected a model that this server has, got {shown(name)}: {asked or way}"
    return (
        f"Expected the name of a shipped model or a file ({', '.join(SUFFIXES)}), got {shown(name)}: "
        f"{asked or 'list the names with lrviz models.'}"
    )


def _load_module(path: Path, card: Card) -> nn.Module:
    try:
        return family_blueprint(card).load(clean(load_file(path, device="cpu")))
    except Exception as error:  # PyTorch and safetensors raise many kinds for a damaged file
        raise _misfit(path, card) from error


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
