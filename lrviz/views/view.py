"""What a figure shows, in one frozen value: a link, the metadata of an exported file, and how to make it again."""

import json
import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from lrviz.errors import InvalidView
from lrviz.files import read_json, shown
from lrviz.measures.window import QUANTITIES
from lrviz.views.numerals import read_number, read_whole

COLOURS = tuple(QUANTITIES)
"""Quantities that regions can be coloured by."""

MAX_BUDGET = 10_000_000
"""Largest budget of regions; their results would take some 6 GB."""

MAX_NAME = 4096
"""Most characters of the name of a model or an image: as many as a path can have."""

MAX_COORDINATE = 1e9
"""Largest coordinate and extent of a window, in units of L2 distance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewSpec:
    """A model, three images, a window of their plane, and how it is coloured.

    Attributes:
        model: Name of a shipped model, or its file.
        images: References of the triplet, as `lrviz.models.images.load_image` takes them.
        center: (u, v) of the middle of the window, in plane coordinates; None for the triangle of the triplet.
        half_width: Half the window's extent along u, in units of L2 distance; None for the triangle.
        half_height: Likewise along v; the half width if None.
        colour: One of `COLOURS`.
        class_index: The output that the colour is about; None for all, or the predicted one.
        layer_edges: Whether edges are coloured by the layer that drew them.
        boundary: Whether the decision boundary is drawn as bold lines.
        max_regions: The budget.

    Raises:
        InvalidView: A value has the wrong type or is outside its range.
    """

    model: str
    images: tuple[str, str, str]
    center: tuple[float, float] | None = None
    half_width: float | None = None
    half_height: float | None = None
    colour: str = "slope"
    class_index: int | None = None
    layer_edges: bool = False
    boundary: bool = False
    max_regions: int = 200_000

    def __post_init__(self) -> None:
        names = (self.model, *self.images)
        if not all(name.strip() and name.isprintable() and len(name) <= MAX_NAME for name in names):
            raise InvalidView(f"A view needs the names of a model and of three images; got {shown(names)}.")
        if (self.center is None) != (self.half_width is None):
            raise InvalidView("A window needs its centre u and v and its half width; got only one. Give both or none.")
        if self.center is None and self.half_height is not None:
            raise InvalidView("A half height needs a window; give its centre u and v and its half width as well.")
        self._set_floats()
        if not all(map(math.isfinite, self.center or ())):
            raise InvalidView(f"The centre of a window needs finite u and v; got {self.center}.")
        halves = [half for half in (self.half_width, self.half_height) if half is not None]
        if not all(math.isfinite(half) and half > 0 for half in halves):
            raise InvalidView(f"A window needs a positive and finite half width and half height; got {halves}.")
        if max(map(abs, (*(self.center or ()), *halves)), default=0.0) > MAX_COORDINATE:
            raise InvalidView(
                f"A window must lie within {MAX_COORDINATE:g} of the origin; got {self.center}, {halves}."
            )
        if self.colour not in COLOURS:
            raise InvalidView(f"The colour must be one of {', '.join(COLOURS)}; got {shown(self.colour)}.")
        if self.class_index is not None and self.class_index < 0:
            raise InvalidView(f"The class must be a whole number from 0; got {shown(self.class_index)}.")
        if not 1 <= self.max_regions <= MAX_BUDGET:
            raise InvalidView(
                f"The budget must be a whole number from 1 to {MAX_BUDGET:,}; got {shown(self.max_regions)}."
            )

    def _set_floats(self) -> None:
        """Turn numpy's numbers into Python's, whose text is a number."""
        if self.center is not None:
            object.__setattr__(self, "center", (float(self.center[0]), float(self.center[1])))
        for name in ("half_width", "half_height"):
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else float(value))

    def to_query(self) -> dict[str, str]:
        """The view as the parameters of a link, without those that have their default value."""
        query = {"model": self.model, **dict(zip(("a", "b", "c"), self.images, strict=True))}
        if self.center is not None:
            query |= {"u": repr(self.center[0]), "v": repr(self.center[1]), "half_width": repr(self.half_width)}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in _PARSERS and value != field.default:
                query[field.name] = ("yes" if value else "no") if isinstance(value, bool) else str(value)
        return query

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "ViewSpec":
        """Read a link's parameters; unknown ones are ignored.

        Raises:
            InvalidView: A parameter is missing, or its value is not usable.
        """
        missing = [key for key in ("model", "a", "b", "c") if not query.get(key)]
        if missing:
            raise InvalidView(f"A link needs the parameters model, a, b and c; {', '.join(missing)} is missing.")
        values: dict[str, Any] = {key: _parse(key, query[key]) for key in _PARSERS if key in query}
        if any(key in query for key in ("u", "v")):
            values["center"] = (_parse("u", query.get("u", "")), _parse("v", query.get("v", "")))
        return cls(model=query["model"], images=(query["a"], query["b"], query["c"]), **values)

    def to_json(self) -> str:
        """The link's parameters as one line of JSON."""
        return json.dumps(self.to_query())

    @classmethod
    def from_json(cls, text: str) -> "ViewSpec":
        """Read what `to_json` wrote; unknown keys are ignored.

        Raises:
            InvalidView: The text is not a view.
        """
        try:
            query = read_json(text)
        except ValueError as error:
            raise InvalidView("A view is stored as JSON; got text that is not.") from error
        if not isinstance(query, dict) or not all(isinstance(value, str) for value in query.values()):
            raise InvalidView(f"A stored view is an object of texts; got {shown(text)}.")
        return cls.from_query(query)

    def command_line(self) -> str:
        """The command that makes the figure again; its file is figure.pdf."""
        words = ["lrviz", "figure", "--model", self.model, "--images", *self.images]
        if self.center is not None:
            words += ["--window", *map(repr, self.center), repr(self.half_width)]
        words += [] if self.half_height is None else ["--half-height", repr(self.half_height)]
        words += ["--colour", self.colour]
        words += [] if self.class_index is None else ["--class", str(self.class_index)]
        words += ["--layer-edges"] if self.layer_edges else []
        words += ["--boundary"] if self.boundary else []
        return shlex.join([*words, "--max-regions", str(self.max_regions), "--out", "figure.pdf"])

    def python(self) -> str:
        """Lines of Python that find the same regions, as `regions`."""
        window = "plane.triangle()"
        if self.center is not None:
            height = "" if self.half_height is None else f", half_height={self.half_height!r}"
            window = f"lrviz.Window.rectangle(center={self.center!r}, half_width={self.half_width!r}{height})"
        return "\n".join(
            (
                "import lrviz",
                "",
                f"model = lrviz.load_model({self.model!r})",
                f"images = [model.normalise(lrviz.load_image(name)) for name in {list(self.images)!r}]",
                "program = model.program()",
                "plane = lrviz.Plane.through(*images)",
                f"window = {window}",
                f"regions = lrviz.find_regions(program, plane, window, max_regions={self.max_regions})",
                "",
            )
        )


def _parse_flag(text: str) -> bool:
    return {"yes": True, "no": False}[text]


def _parse_half(text: str) -> float:
    return read_number(text)


_PARSERS: dict[str, Any] = {
    "half_width": _parse_half,
    "half_height": _parse_half,
    "colour": str,
    "class_index": read_whole,
    "layer_edges": _parse_flag,
    "boundary": _parse_flag,
    "max_regions": read_whole,
}
_EXPECTED = {
    read_number: "a number that is finite",
    _parse_half: "a positive number that is finite",
    read_whole: "a whole number",
    _parse_flag: "yes or no",
}


def _parse(key: str, text: str) -> Any:
    parser = _PARSERS.get(key, read_number)
    try:
        return parser(text)
    except (ValueError, KeyError) as error:
        raise InvalidView(f"The link's {key} must be {_EXPECTED[parser]}; got {shown(text)}.") from error
