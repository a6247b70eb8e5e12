"""Which models and which paths a text such as "cnn5-w*-noise20" or "closed:train:noisy:0-9" selects."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lrviz.errors import InvalidData, InvalidImage, InvalidRequest, UnknownModel
from lrviz.files import shown
from lrviz.models import paths
from lrviz.models.card import Card
from lrviz.models.catalogue import SUFFIX, find_card, list_models
from lrviz.models.datasets import CIFAR_NAMES, Dataset, load_dataset
from lrviz.models.images import DATA_VARIABLE, load_image
from lrviz.models.recipes import default_config
from lrviz.models.train import prepare_data
from lrviz.views.numerals import read_ranges

PATH_KINDS = ("closed", "open", "triplet", "images")

MAX_IMAGES = 100_000
"""Most images that one text can name."""

_IMAGES = re.compile(r"(samples(?::cifar100?)?|test|train:clean|train:noisy):([-,0-9]+)")
_HELP = "closed:samples:0-19, open:test:0-9, closed:train:noisy:0-9, triplet:samples:0,1,2 or images:samples:0-5"


@dataclass(frozen=True, slots=True, kw_only=True)
class PathsSpec:
    """Paths, by the images that they join.

    Attributes:
        kind: One of `PATH_KINDS`; closed and open paths start from one image each, the others join them all.
        source: "samples", "samples:cifar10", "samples:cifar100", "test", "train:clean" or "train:noisy".
        indices: Positions of the images, from 0; for training images among those with clean, or noisy, labels.
        num_anchors: Translations of an image on a closed or open path.
        radius: How far they move it, in pixels.
    """

    kind: str
    source: str
    indices: tuple[int, ...]
    num_anchors: int = paths.NUM_ANCHORS
    radius: float = paths.RADIUS

    @classmethod
    def parse(cls, text: str, *, num_anchors: int = paths.NUM_ANCHORS, radius: float = paths.RADIUS) -> "PathsSpec":
        """Read a text such as "closed:samples:0-19" or "triplet:test:3,5,8".

        Raises:
            InvalidRequest: It does not say which paths.
        """
        kind, _, rest = text.partition(":")
        match = _IMAGES.fullmatch(rest)
        if kind not in PATH_KINDS or match is None:
            raise InvalidRequest(f"Expected paths such as {_HELP}; got {shown(text)}.")
        try:
            indices = read_ranges(match[2], most=MAX_IMAGES)
        except ValueError as error:
            raise InvalidRequest(f"Expected paths such as {_HELP}; got {shown(text)}: {error}.") from error
        if kind == "triplet" and len(indices) != 3:
            raise InvalidRequest(f"Expected three different images of a triplet, such as {_HELP}; got {shown(text)}.")
        return cls(kind=kind, source=match[1], indices=indices, num_anchors=num_anchors, radius=radius)

    @property
    def text(self) -> str:
        """The text that `parse` reads."""
        return f"{self.kind}:{self.source}:{','.join(map(str, self.indices))}"


class NamedPath(NamedTuple):
    """A path with what a table says about it.

    Attributes:
        path: The images.
        image_kind: "samples", "samples-cifar100", "test", "train-clean" or "train-noisy".
        images: Their reference, such as "samples:3" or "train:noisy:0".
        image_index: Position of the first one.
        num_anchors: Translations, or images, that it joins.
        radius: How far they are moved, in pixels; 0 for paths that do not move images.
    """

    path: paths.Path
    image_kind: str
    images: str
    image_index: int
    num_anchors: int
    radius: float


def find_paths(spec: PathsSpec, card: Card, data_path: Path | str | None = None) -> list[NamedPath]:
    """The paths of a specification, for one model.

    Args:
        spec: Which paths.
        card: The model's card, which tells its data set, and its training images and their noisy labels.
        data_path: Where the data sets are; the environment variable `LRVIZ_DATA_DIR` when None.

    Raises:
        InvalidImage: There are no such images.
        InvalidData: The data set is missing, or another one than the model's.
        InvalidPath: The images form no path.
    """
    images = _load_images(spec, card, data_path)
    kind = spec.source.removesuffix(":cifar10").replace(":", "-")
    if spec.kind in ("closed", "open"):
        make = paths.closed_path if spec.kind == "closed" else paths.open_path
        return [
            NamedPath(
                path=make(image, spec.num_anchors, spec.radius),
                image_kind=kind,
                images=f"{spec.source}:{index}",
                image_index=index,
                num_anchors=spec.num_anchors,
                radius=float(spec.radius),
            )
            for index, image in zip(spec.indices, images, strict=True)
        ]
    path = paths.triplet_path(*images) if spec.kind == "triplet" else paths.image_path(images)
    reference = f"{spec.source}:{','.join(map(str, spec.indices))}"
    return [NamedPath(path, kind, reference, spec.indices[0], len(images), 0.0)]


def find_models(names: Sequence[str], *, snapshots: bool = False) -> dict[str, Card]:
    """The models that some texts select, each once, in the order of the texts.

    Args:
        names: Names or patterns such as "cnn5-w*" of shipped models, .safetensors files, or folders of them.
        snapshots: Whether patterns and folders select snapshots, which are else selected by their name or file only.

    Returns:
        The card of every model by what `lrviz.load_model` takes.

    Raises:
        UnknownModel: A text selects nothing.
        InvalidCheckpoint: A card is damaged.
    """
    found: dict[str, Card] = {}
    for name in names:
        selected = dict(_select_models(name, snapshots))
        if not selected:
            raise UnknownModel(
                f"Expected a shipped model, a pattern such as 'cnn5-w*-noise20', a {SUFFIX} file or a folder of them; "
                f"got {shown(name)}, which selects none. List the names with lrviz models."
            )
        found |= selected
    return found


def _select_models(name: str, snapshots: bool) -> Iterator[tuple[str, Card]]:
    path = Path(name)
    if path.suffix == SUFFIX:
        yield name, find_card(path)
    elif path.is_dir():
        yield from (
            (str(path / f"{card.name}{SUFFIX}"), card) for card in list_models(path) if _wanted(card, snapshots)
        )
    else:
        for card in list_models():
            if card.name == name or (fnmatchcase(card.name, name) and _wanted(card, snapshots)):
                yield card.name, card


def _wanted(card: Card, snapshots: bool) -> bool:
    return snapshots or not card.is_snapshot


def _load_images(spec: PathsSpec, card: Card, data_path: Path | str | None) -> list[np.ndarray]:
    if spec.source.startswith("train:"):
        clean, noisy = _training_images(card.architecture, _recipe(card), _data_folder(spec, data_path), card.data)
        images = noisy if spec.source == "train:noisy" else clean
        if max(spec.indices) >= len(images):
            raise InvalidImage(
                f"Expected {spec.source} images from 0 to {len(images) - 1} of {card.name}, got {max(spec.indices)}: "
                "choose others."
            )
        return [images[index] for index in spec.indices]
    prefix = spec.source if spec.source.startswith("samples") else f"{_dataset_name(card.data)}:test"
    return [load_image(f"{prefix}:{index}", data_path=data_path).image for index in spec.indices]


def _recipe(card: Card) -> tuple[int, float, int]:
    return card.num_train_images, card.label_noise, card.seed


@lru_cache(maxsize=16)
def _training_images(
    family: str, recipe: tuple[int, float, int], folder: str, data: str
) -> tuple[np.ndarray, np.ndarray]:
    """The training images of a model whose labels are clean, and those whose labels are noise, in their order."""
    train_set = _load_train_set(_dataset_name(data), folder)
    if train_set.name != data:
        raise InvalidData(
            f"Expected {data}, which the model was trained on, at {folder}; got {train_set.name}: name its place."
        )
    size, noise, seed = recipe
    subset = size if size < len(train_set) else None
    config = default_config(family, 1, subset=subset, label_noise=noise, seed=seed)
    prepared, moved = prepare_data(config, train_set)
    return prepared.images[~moved], prepared.images[moved]


@lru_cache(maxsize=1)
def _load_train_set(name: str, folder: str) -> Dataset:
    return load_dataset(name, "train", folder)


def _dataset_name(data: str) -> str:
    """The short name of a card's data set; CIFAR-10 if it is another, for archives of any name."""
    return next((short for short, name in CIFAR_NAMES.items() if data.partition(" ")[0] == name), "cifar10")


def _data_folder(spec: PathsSpec, data_path: Path | str | None) -> str:
    folder = data_path or os.environ.get(DATA_VARIABLE)
    if not folder:
        raise InvalidData(
            f"Expected to know where the data set is, to load {spec.source} images: give --data, or set the "
            f"environment variable {DATA_VARIABLE}."
        )
    return str(folder)
