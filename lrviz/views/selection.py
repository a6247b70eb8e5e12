"""Which models and which paths a text such as "cnn5-w*-noise20" or "closed:train:noisy:0-9" selects."""

import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lrviz.errors import (
    InvalidData,
    InvalidImage,
    InvalidPath,
    InvalidRequest,
    LrvizError,
    OnRefusal,
    UnknownModel,
    stop_at_refusal,
)
from lrviz.files import shown
from lrviz.models import paths
from lrviz.models.access import USER, Access
from lrviz.models.attack import DISTANCE, Attack, direction_path
from lrviz.models.card import Card
from lrviz.models.catalogue import find_card, list_checkpoints, list_models
from lrviz.models.opening import is_file
from lrviz.models.train import PARTIAL_SUFFIX
from lrviz.views.numerals import read_ranges
from lrviz.views.sources import SOURCE, Image, depends_on_model, find_images

TRANSLATED, MOVED, JOINED = ("closed", "open"), ("attack", "direction"), ("triplet", "images")
PATH_KINDS = (*TRANSLATED, *MOVED, *JOINED)
"""Translations of an image; an image moved a little in one direction; images joined."""

MAX_IMAGES = 100_000
"""Most images that one text can name."""

_IMAGES = re.compile(rf"({SOURCE}):([-,0-9]+)")
_HELP = (
    "closed:samples:0-19, open:test:0-9, closed:cifar10:test:0-63, closed:train:noisy:0-9, closed:random:0-9, "
    "attack:test:0-9, direction:test:0-9, triplet:samples:0,1,2 or images:test:cat:0-5"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PathsSpec:
    """Paths, by the images that they join.

    Attributes:
        kind: One of `PATH_KINDS`; triplets and lists join all images, of the other kinds one path starts at each.
        source: Of which images; one that `lrviz.views.sources.find_images` takes.
        indices: Positions of the images, from 0.
        num_anchors: Translations of an image on a closed or open path.
        radius: How far images are moved: pixels on a closed or open path, else L2 distance of pixels from 0 to 1.
        segments: How many segments of each path are measured, chosen at random; all if None.
    """

    kind: str
    source: str
    indices: tuple[int, ...]
    num_anchors: int = paths.NUM_ANCHORS
    radius: float = paths.RADIUS
    segments: int | None = None

    def __post_init__(self) -> None:
        if self.segments is not None and self.segments < 1:
            raise InvalidRequest(f"At least one segment of every path is needed; got {self.segments}. Give 1 or more.")

    @classmethod
    def parse(
        cls,
        text: str,
        *,
        num_anchors: int = paths.NUM_ANCHORS,
        radius: float | None = None,
        segments: int | None = None,
    ) -> "PathsSpec":
        """Read a text such as "closed:samples:0-19" or "triplet:test:3,5,8".

        Args:
            text: What is wanted.
            num_anchors: See the attributes.
            radius: Likewise; what is usual for the kind if None.
            segments: Likewise.

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
            raise InvalidRequest(
                f"Expected three different images, got {shown(text)}. Name three, such as triplet:samples:0,1,2."
            )
        if radius is None:
            radius = DISTANCE if kind in MOVED else paths.RADIUS
        return cls(
            kind=kind, source=match[1], indices=indices, num_anchors=num_anchors, radius=radius, segments=segments
        )

    @property
    def text(self) -> str:
        """The text that `parse` reads."""
        return f"{self.kind}:{self.source}:{','.join(map(str, self.indices))}"


class NamedPath(NamedTuple):
    """A path with what a table says about it.

    Attributes:
        path: The images, or the attack that gives them.
        image_kind: Of which images: "samples", "samples-cifar100", "test", "test-cat", "train-noisy", "random", ...
        images: Their reference, such as "samples:3" or "train:noisy:0".
        image_index: Position of the first one.
        num_anchors: Translations, or images, that it joins.
        radius: How far they are moved, as in `PathsSpec`; 0 for paths that do not move images.
        segments: Which segments are measured, ascending from 0; all if None.
    """

    path: paths.Path | Attack
    image_kind: str
    images: str
    image_index: int
    num_anchors: int
    radius: float
    segments: tuple[int, ...] | None = None


def find_paths(
    spec: PathsSpec, card: Card, data_path: Path | str | None = None, refused: OnRefusal = stop_at_refusal
) -> list[NamedPath]:
    """The paths of a specification, for one model.

    Args:
        spec: Which paths.
        card: The model's card, which tells its data set, and its training images and their noisy labels.
        data_path: Where the data sets are; the environment variable `LRVIZ_DATA_DIR` when None.
        refused: Called with the reference of images that form no path, or that this model does not have, and the
            error, which names them; raises it if not given.

    Raises:
        InvalidImage: There are no such images.
        InvalidData: The data set is missing, or another one than the model's.
        InvalidPath: The images form no path.
    """
    try:
        images = find_images(spec.source, spec.indices, card, data_path)
    except (InvalidImage, InvalidData) as error:
        if not depends_on_model(spec.source):
            raise
        refused(spec.source, error)  # other models may have them
        return []
    starts = [(spec.indices, images)]
    if spec.kind not in JOINED:
        starts = [((index,), [image]) for index, image in zip(spec.indices, images, strict=True)]
    found = []
    for indices, some in starts:
        reference = f"{spec.source}:{','.join(map(str, indices))}"
        try:
            found.append(_named(spec, _make_path(spec, some, indices[0]), reference, indices))
        except InvalidPath as error:
            refused(reference, InvalidPath(f"{reference}: {error}"))
    return found


def _named(spec: PathsSpec, path: paths.Path | Attack, reference: str, indices: tuple[int, ...]) -> NamedPath:
    num_anchors = spec.num_anchors if spec.kind in TRANSLATED else max(2, len(indices))
    return NamedPath(
        path=path,
        image_kind=spec.source.removesuffix(":cifar10").replace(":", "-"),
        images=reference,
        image_index=indices[0],
        num_anchors=num_anchors,
        radius=0.0 if spec.kind in JOINED else float(spec.radius),
        segments=_choose_segments(spec, reference, path.num_segments),
    )


def _make_path(spec: PathsSpec, images: list[Image], index: int) -> paths.Path | Attack:
    """The path that joins some images, or that begins at the only one, whose position is the index."""
    if spec.kind in JOINED:
        return paths.triplet_path(*images) if spec.kind == "triplet" else paths.image_path(images)
    (image,) = images
    if spec.kind == "attack":
        return Attack(image=image, distance=spec.radius)
    if spec.kind == "direction":
        return direction_path(image, spec.radius, _seed(f"{spec.source}:{index}"))
    if image.dtype != np.uint8 or image.ndim != 3:
        raise InvalidPath(
            f"A path of the kind {spec.kind} moves an image, and inputs of shape {image.shape} are none. Choose "
            "direction, attack, triplet or images."
        )
    return _translated(spec.kind, image.tobytes(), image.shape, spec.num_anchors, spec.radius)


@lru_cache(maxsize=4096)
def _translated(kind: str, pixels: bytes, shape: tuple[int, ...], num_anchors: int, radius: float) -> paths.Path:
    """The path of an image, one for all models that share it."""
    make = paths.closed_path if kind == "closed" else paths.open_path
    return make(np.frombuffer(pixels, np.uint8).reshape(shape), num_anchors, radius)


def _choose_segments(spec: PathsSpec, reference: str, num_segments: int) -> tuple[int, ...] | None:
    """Segments chosen at random, the same ones of an image's path for all models."""
    if spec.segments is None or spec.segments >= num_segments:
        return None
    generator = np.random.default_rng(_seed(f"{spec.kind}:{reference}"))
    return tuple(sorted(generator.permutation(num_segments)[: spec.segments].tolist()))


def _seed(text: str) -> int:
    """A seed that depends on a text only."""
    return zlib.crc32(text.encode())


def find_models(
    names: Sequence[str],
    *,
    snapshots: bool = False,
    access: Access = USER,
    refused: OnRefusal = stop_at_refusal,
) -> dict[str, Card]:
    """The models that some texts select, each once, in the order of the texts.

    Args:
        names: Names or patterns such as "cnn5-w*" of shipped models, files of networks, or folders of them.
        snapshots: Whether patterns and folders select snapshots, which are else selected by their name or file only.
        access: Which files may be opened.
        refused: Called with a file that is damaged or no network, and the error; raises it if not given.

    Returns:
        The card of every model by what `lrviz.load_model` takes.

    Raises:
        UnknownModel: A text selects nothing.
    """
    found: dict[str, Card] = {}
    for name in names:
        broken: dict[str, LrvizError] = {}
        selected = dict(_select_models(name, snapshots, access, broken.__setitem__))
        for file, error in broken.items():
            refused(file, error)
        known = {Path(key).resolve() for key in found}
        found |= {key: card for key, card in selected.items() if Path(key).resolve() not in known}
        if not selected and not broken:
            raise UnknownModel(
                "Expected a shipped model, a pattern such as 'cnn5-w*-noise20', a file of a network or a folder of "
                f"them; got {shown(name)}, which selects none. List the names with lrviz models."
            )
    return _told_apart(found)


def _told_apart(found: dict[str, Card]) -> dict[str, Card]:
    """The same; where several have one name, that of files has their folder's name before it, their suffix, or both.

    Where that is not enough, it has the path.
    """
    first = {key: card.name for key, card in found.items()}
    ways: tuple[Callable[[Path, str], str], ...] = (
        lambda path, name: f"{path.parent.name}/{name}",
        lambda path, name: f"{path.parent.name}/{path.name}",
        lambda path, name: f"{path.parent}/{name}",
        lambda path, name: f"{path.parent}/{path.name}",
    )
    for way in ways:
        number = Counter(card.name for card in found.values())
        found = {
            key: replace(card, name=way(Path(key).absolute(), first[key]))
            if number[card.name] > 1 and is_file(key)
            else card
            for key, card in found.items()
        }
    return found


def _select_models(name: str, snapshots: bool, access: Access, refused: OnRefusal) -> Iterator[tuple[str, Card]]:
    path = Path(name)
    if is_file(name):
        yield from _cards([path], access, refused)
    elif path.is_dir():
        broken: dict[Path, LrvizError] = {}
        described = list_checkpoints(path, broken.__setitem__)
        for file, error in broken.items():
            refused(str(file), error)
        yield from ((str(file), card) for file, card in described.items() if _wanted(card, snapshots))
        files = (file for file in sorted(path.iterdir()) if not file.name.startswith(".") and file.is_file())
        others = (file for file in files if is_file(file.name) and file not in {*described, *broken})
        yield from _cards((file for file in others if not file.name.endswith(PARTIAL_SUFFIX)), access, refused)
    else:
        for card in list_models():
            if card.name == name or (fnmatchcase(card.name, name) and _wanted(card, snapshots)):
                yield card.name, card


def _cards(files: Iterable[Path], access: Access, refused: OnRefusal) -> Iterator[tuple[str, Card]]:
    for file in files:
        try:
            card = find_card(file, access=access)
        except UnknownModel:
            raise  # there is no such file
        except LrvizError as error:
            refused(str(file), error)
        else:
            yield str(file), card


def _wanted(card: Card, snapshots: bool) -> bool:
    return snapshots or not (card.is_own and card.is_snapshot)
