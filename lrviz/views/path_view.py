"""What the figure of a path shows, in one frozen value: a link, the metadata of a file, and how to make it again."""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from lrviz.arrays import ArrayLike
from lrviz.errors import InvalidView
from lrviz.files import shown
from lrviz.models import paths
from lrviz.views.numerals import read_number, read_whole
from lrviz.views.view import MAX_COORDINATE, MAX_NAME

SEPARATOR = ","
"""Stands between the models, and between the images, of a link."""

NUM_IMAGES = {"closed": (1, 1), "open": (1, 1), "triplet": (3, 3), "images": (2, 24)}
"""Fewest and most images that a kind of path is made of."""

BASELINES = ("zero", "chord", "view")
"""What is subtracted from f: nothing, the chord of each segment, or the line through f at both ends of the view."""

PREDICTED, ALL = "predicted", "all"
MAX_MODELS = 6
MAX_ANCHORS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class PathView:
    """Models, a path, and which part of it is drawn.

    Attributes:
        models: Names of shipped models, or their files; the first one's deviation and breakpoints are drawn.
        kind: One of `NUM_IMAGES`.
        images: References, as `lrviz.models.images.load_image` takes them.
        num_anchors: Translations of the image on a closed or open path.
        radius: How far they move it, in pixels.
        output: "predicted" (what the first model predicts for the first image), "all", or the number of a class.
        baseline: One of `BASELINES`.
        start: L2 distance along the path at which the figure begins; None for the whole path.
        end: Where it ends.

    Raises:
        InvalidView: A value is outside its range.
    """

    models: tuple[str, ...]
    kind: str = "closed"
    images: tuple[str, ...]
    num_anchors: int = paths.NUM_ANCHORS
    radius: float = paths.RADIUS
    output: str = PREDICTED
    baseline: str = "zero"
    start: float | None = None
    end: float | None = None

    def __post_init__(self) -> None:
        self._check_names()
        if self.kind not in NUM_IMAGES:
            raise InvalidView(f"The kind of path must be one of {', '.join(NUM_IMAGES)}; got {shown(self.kind)}.")
        fewest, most = NUM_IMAGES[self.kind]
        if not fewest <= len(self.images) <= most:
            number = str(fewest) if fewest == most else f"{fewest} to {most}"
            raise InvalidView(f"A path of the kind {self.kind!r} takes {number} images; got {len(self.images)}.")
        if not 2 <= self.num_anchors <= MAX_ANCHORS:
            raise InvalidView(f"The number of anchors must be from 2 to {MAX_ANCHORS}; got {self.num_anchors}.")
        if not (math.isfinite(self.radius) and self.radius > 0):
            raise InvalidView(f"The radius must be a positive number of pixels; got {self.radius}.")
        if self.output not in (PREDICTED, ALL) and _OUTPUT.fullmatch(self.output) is None:
            raise InvalidView(
                f"The output must be {PREDICTED}, {ALL} or a whole number from 0; got {shown(self.output)}."
            )
        if self.baseline not in BASELINES:
            raise InvalidView(f"The baseline must be one of {', '.join(BASELINES)}; got {shown(self.baseline)}.")
        self._check_range()

    def _check_names(self) -> None:
        if not 1 <= len(self.models) <= MAX_MODELS or len(set(self.models)) < len(self.models):
            raise InvalidView(
                f"A figure of a path shows one to {MAX_MODELS} different models; got {shown(self.models)}."
            )
        for name in (*self.models, *self.images):
            if not name.strip() or not name.isprintable() or SEPARATOR in name or len(name) > MAX_NAME:
                raise InvalidView(f"Models and images need names without a comma; got {shown(name)}. Rename the file.")

    def _check_range(self) -> None:
        if (self.start is None) != (self.end is None):
            raise InvalidView("A part of a path needs its start and its end; got only one. Give both or none.")
        if self.start is None or self.end is None:
            return
        object.__setattr__(self, "start", float(self.start))
        object.__setattr__(self, "end", float(self.end))
        if not -MAX_COORDINATE <= self.start < self.end <= MAX_COORDINATE:
            raise InvalidView(f"A part of a path must end after its start; got {self.start} to {self.end}.")

    def to_query(self) -> dict[str, str]:
        """The view as the parameters of a link, without those that have their default value."""
        query = {"models": SEPARATOR.join(self.models), "images": SEPARATOR.join(self.images)}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in _PARSERS and value != field.default:
                query[field.name] = repr(value) if isinstance(value, float) else str(value)
        return query

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "PathView":
        """Read a link's parameters; unknown ones are ignored.

        Raises:
            InvalidView: A parameter is missing, or its value is not usable.
        """
        missing = [key for key in ("models", "images") if not query.get(key)]
        if missing:
            raise InvalidView(f"A link to a path needs models and images; {' and '.join(missing)} is missing.")
        values = {key: _parse(key, query[key]) for key in _PARSERS if key in query}
        return cls(models=_split(query["models"]), images=_split(query["images"]), **values)

    def to_json(self) -> str:
        """The link's parameters as one line of JSON."""
        return json.dumps(self.to_query())

    def make_path(self, images: Sequence[ArrayLike]) -> paths.Path:
        """The path of its images.

        Args:
            images: The pixels of every image.

        Raises:
            InvalidPath: The images form no path.
        """
        if self.kind in _TRANSLATIONS:
            return _TRANSLATIONS[self.kind](images[0], self.num_anchors, self.radius)
        return paths.triplet_path(*images) if self.kind == "triplet" else paths.image_path(images)

    def python(self) -> str:
        """Lines of Python that find the same pieces, as `pieces`, and their measures."""
        arguments = {
            "closed": f"*images, num_anchors={self.num_anchors}, radius={self.radius!r}",
            "open": f"*images, num_anchors={self.num_anchors}, radius={self.radius!r}",
            "triplet": "*images",
            "images": "images",
        }[self.kind]
        name = "image" if self.kind == "images" else self.kind
        return "\n".join(
            (
                "import lrviz",
                "from lrviz.models import paths",
                "",
                f"images = [lrviz.load_image(name).image for name in {list(self.images)!r}]",
                f"path = paths.{name}_path({arguments})",
                f"for name in {list(self.models)!r}:",
                "    model = lrviz.load_model(name)",
                "    points = model.normalise(path.points)",
                "    program = model.program()",
                "    pieces = lrviz.find_path_pieces(program, points)",
                "    measures = lrviz.measures.measure_path(pieces)",
                "    print(name, measures.num_pieces.sum(), measures.deviation.mean(), measures.variation.mean())",
                "",
            )
        )


_TRANSLATIONS: dict[str, Callable[[ArrayLike, int, float], paths.Path]] = {
    "closed": paths.closed_path,
    "open": paths.open_path,
}
_OUTPUT = re.compile("[0-9]{1,9}")
_PARSERS: dict[str, Callable[[str], Any]] = {
    "kind": str, "num_anchors": read_whole, "radius": read_number, "output": str, "baseline": str,
    "start": read_number, "end": read_number,
}  # fmt: skip


def _parse(key: str, text: str) -> Any:
    try:
        return _PARSERS[key](text)
    except ValueError as error:
        raise InvalidView(f"The link's {key} must be a number; got {shown(text)}.") from error


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(SEPARATOR) if part.strip())
