"""What a page or a file shows, in one frozen value: a link, the metadata of an exported file, a key of results."""

import json
import re
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, NamedTuple
from urllib.parse import urlencode

from lrviz.errors import InvalidView
from lrviz.files import read_json, shown, some_shown
from lrviz.measures.findings import AGAINST
from lrviz.measures.window import QUANTITIES
from lrviz.models import paths
from lrviz.views.texts import FIRST_NAME, FLAG, NAME, NAMES, SEPARATOR, Form, is_name, number, one_of, whole, word

ADDRESSES = {"explore": "", "compare": "Compare_widths", "paths": "Paths", "sweeps": "Double_descent"}
"""The pages, and where each of them is."""

MAP_PAGES = ("explore", "compare")
"""Those of maps, which show a window of a plane."""

COLOURS = tuple(QUANTITIES)
"""Quantities that regions can be coloured by."""

MAX_IMAGES = 24

NUM_IMAGES = {"closed": (1, 1), "open": (1, 1), "triplet": (3, 3), "images": (2, MAX_IMAGES)}
"""Fewest and most images that a kind of path is made of."""

BASELINES = ("zero", "chord", "view")
"""What is subtracted from f: nothing, the chord of each segment, or the line through f at both ends of the view."""

PREDICTED, ALL = "predicted", "all"
"""The outputs of a path that are no single class."""

IMAGES = ("samples:0", "samples:1", "samples:4")
"""The images that stand in where a page needs more than are chosen."""

MAX_MODELS = {"explore": 64, "compare": 64, "paths": 6, "sweeps": 64}
"""Most models by page; Explore shows the first."""

MAX_ANCHORS = 64

MAX_BUDGET = 10_000_000
"""Largest budget of regions; their results would take some 6 GB."""

MAX_COORDINATE = 1e9
"""Largest coordinate and extent of a window, in units of L2 distance."""


class Place(NamedTuple):
    """Where a field stands in the links of a page: its form, and the parameters that hold it or its parts."""

    form: Form
    keys: tuple[str, ...]


def _shown(*pages: str, keys: str, form: Form, default: Any = None) -> Any:
    """A field of some pages; what has the default value is not written."""
    return field(default=default, metadata=dict.fromkeys(pages, Place(form, tuple(keys.split()))))


def _of_regions(keys: str, form: Form, default: Any = None) -> Any:
    return _shown(*MAP_PAGES, keys=keys, form=form, default=default)


def _of_path(keys: str, form: Form, default: Any = None) -> Any:
    return _shown("paths", keys=keys, form=form, default=default)


def _of_sweeps(keys: str) -> Any:
    return _shown("sweeps", keys=keys, form=_LABEL)


_LIMIT = f"{MAX_COORDINATE:g}"
_COORDINATE = number(f"a number within {_LIMIT} of 0", lambda x: abs(x) <= MAX_COORDINATE)
_EXTENT = number(
    f"a positive number up to {_LIMIT}", lambda x: 0 < x <= MAX_COORDINATE, "a positive number that is finite"
)
_RADIUS = number("a positive number of pixels", lambda x: x > 0, "a number")
_REGION = word("the id of a region, 1 to 16 hexadecimal digits", re.compile("[0-9a-fA-F]{1,16}").fullmatch)
_OUTPUT = word(f"{PREDICTED}, {ALL} or a whole number from 0", re.compile(f"{PREDICTED}|{ALL}|[0-9]{{1,9}}").fullmatch)
_LABEL = word("a printable text", lambda value: value.isprintable() and len(value) <= 400)

_ALL_MODELS = dict.fromkeys(("compare", "paths"), Place(NAMES, ("models",)))
_TRIPLET = dict.fromkeys(MAP_PAGES, Place(NAME, ("a", "b", "c")))


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Models, images, and what a page shows of them; a page uses the fields that its links hold, and keeps the others.

    Attributes:
        page: One of `ADDRESSES`.
        models: Names of shipped models, or their files, in the order in which they are shown; Explore shows the first.
        images: References, as `lrviz.models.images.load_image` takes them; the first three are the triplet.
        center: (u, v) of the middle of the window, in plane coordinates; None for the triangle of the triplet.
        half_width: Half the window's extent along u, in units of L2 distance; None for the triangle.
        half_height: Likewise along v; the half width if None.
        colour: One of `COLOURS`.
        class_index: The output that the colour is about; None for all, or the predicted one.
        layer_edges: Whether edges are coloured by the layer that drew them.
        boundary: Whether the decision boundary is drawn as bold lines.
        max_regions: The budget.
        region: The id of the open region, in hexadecimal digits.
        kind: The kind of path, one of `NUM_IMAGES`.
        num_anchors: Translations of the image on a closed or open path.
        radius: How far they move it, in pixels.
        output: "predicted" (what the first model predicts for the first image), "all", or the number of a class.
        baseline: One of `BASELINES`.
        start: L2 distance along the path at which its figure begins; None for the whole path.
        end: Where it ends.
        family: The architecture whose widths are compared on the page of double descent.
        against: What its networks are drawn against, one of `lrviz.measures.findings.AGAINST`.
        data: The data set that they were trained on.
        path_kind: The kind of the paths that they were measured on.
        image_kind: Around which images.
        series: Which of several such results.

    Raises:
        InvalidView: A value is outside its range, or they do not go together.
    """

    page: str = "explore"
    models: tuple[str, ...] = field(default=(), metadata={"explore": Place(FIRST_NAME, ("model",)), **_ALL_MODELS})
    images: tuple[str, ...] = field(default=(), metadata={**_TRIPLET, "paths": Place(NAMES, ("images",))})
    center: tuple[float, float] | None = _of_regions("u v", _COORDINATE)
    half_width: float | None = _of_regions("half_width", _EXTENT)
    half_height: float | None = _of_regions("half_height", _EXTENT)
    colour: str = _of_regions("colour", one_of(COLOURS), "slope")
    class_index: int | None = _of_regions("class_index", whole(0))
    layer_edges: bool = _of_regions("layer_edges", FLAG, False)
    boundary: bool = _of_regions("boundary", FLAG, False)
    max_regions: int = _of_regions("max_regions", whole(1, MAX_BUDGET), 200_000)
    region: str | None = _shown("explore", keys="region", form=_REGION)
    kind: str = _of_path("kind", one_of(tuple(NUM_IMAGES)), "closed")
    num_anchors: int = _of_path("num_anchors", whole(2, MAX_ANCHORS), paths.NUM_ANCHORS)
    radius: float = _of_path("radius", _RADIUS, paths.RADIUS)
    output: str = _of_path("output", _OUTPUT, PREDICTED)
    baseline: str = _of_path("baseline", one_of(BASELINES), "zero")
    start: float | None = _of_path("start", _COORDINATE)
    end: float | None = _of_path("end", _COORDINATE)
    family: str | None = _of_sweeps("family")
    against: str = _shown("sweeps", keys="against", form=one_of(tuple(AGAINST)), default="width")
    data: str | None = _of_sweeps("data")
    path_kind: str | None = _of_sweeps("paths")
    image_kind: str | None = _of_sweeps("images")
    series: str | None = _of_sweeps("series")

    def __post_init__(self) -> None:
        self._set_floats()
        for each in fields(self):
            _check_field(each, getattr(self, each.name))
        _check_names(self)
        if self.page == "paths":
            _check_path(self)
        _check_window(self)

    def _set_floats(self) -> None:
        """Turn numpy's numbers into Python's, whose text is a number."""
        if self.center is not None:
            object.__setattr__(self, "center", (float(self.center[0]), float(self.center[1])))
        for name in ("half_width", "half_height", "radius", "start", "end"):
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else float(value))

    @property
    def model(self) -> str:
        """The first model."""
        return self.models[0]

    @property
    def triplet(self) -> tuple[str, str, str]:
        """The images that span the plane."""
        first, second, third = self.images[:3]
        return first, second, third

    @property
    def path_images(self) -> tuple[str, ...]:
        """The images of the path."""
        return self.images[: NUM_IMAGES[self.kind][1]]

    @property
    def each(self) -> tuple["View", ...]:
        """The view of each model, as Explore shows it, without an open region."""
        return tuple(replace(self, page="explore", models=(model,), region=None) for model in self.models)

    def on(self, page: str) -> "View":
        """The same on another page, with images added and models left out as that page needs."""
        images = self.filled(self.kind if page == "paths" else "triplet")
        return replace(self, page=page, models=self.models[: MAX_MODELS[page]], images=images)

    def filled(self, kind: str) -> tuple[str, ...]:
        """The images, with as many more as a kind of path needs."""
        more = [name for name in IMAGES if name not in self.images]
        return self.images + tuple(more[: max(NUM_IMAGES[kind][0] - len(self.images), 0)])

    def to_query(self) -> dict[str, str]:
        """The view as the parameters of a link to its page, without those that have their default value."""
        query: dict[str, str] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if self.page in each.metadata and value != each.default:
                form, keys = each.metadata[self.page]
                if each.name == "images" and self.page == "paths":
                    value = self.path_images
                parts = value if len(keys) > 1 else [value]
                query |= {key: form.write(part) for key, part in zip(keys, parts, strict=False)}
        return query

    def to_link(self) -> str:
        """The address of the view on its server."""
        # Plotly encodes the addresses in its texts again, but for what needs no code.
        return f"/{ADDRESSES[self.page]}?{urlencode(self.to_query(), safe=':,/')}"

    def to_json(self) -> str:
        """The link's parameters as one line of JSON."""
        return json.dumps(self.to_query())

    @classmethod
    def from_query(cls, query: Mapping[str, str], page: str | None = None) -> "View":
        """Read a link's parameters; unknown ones are ignored.

        Args:
            query: The parameters.
            page: Which page they are of; told by their names if None.

        Raises:
            InvalidView: A parameter is missing, or its value is not usable.
        """
        page = page or page_of(query)
        values, problems = parse(query, page)
        for problem in problems.values():
            raise problem
        return cls(page=page, **values)

    @classmethod
    def from_json(cls, text: str) -> "View":
        """Read what `to_json` wrote; unknown keys are ignored.

        Raises:
            InvalidView: The text is not a view.
        """
        try:
            query = read_json(text)
        except ValueError as error:
            raise InvalidView("A view is stored as JSON; got text that is not. Export the file again.") from error
        if not isinstance(query, dict) or not all(isinstance(value, str) for value in query.values()):
            raise InvalidView(f"A stored view is an object of texts; got {shown(text)}. Export the file again.")
        return cls.from_query(query)


def page_of(query: Mapping[str, str]) -> str:
    """The page that a link's parameters are of."""
    if "family" in query:
        return "sweeps"
    if "models" not in query:
        return "explore"
    return "paths" if "images" in query else "compare"


def parse(query: Mapping[str, str], page: str) -> tuple[dict[str, Any], dict[str, InvalidView]]:
    """What a link's parameters hold, and what is wrong with them.

    Args:
        query: The parameters.
        page: Which page they are of.

    Returns:
        Values by the names of fields, None for each part that is missing or wrong; and by parameter, what is wrong.
    """
    values: dict[str, Any] = {}
    problems: dict[str, InvalidView] = {}
    for each in fields(View):
        form, keys = each.metadata.get(page, (NAME, ()))
        is_needed = each.name in ("models", "images")
        if not keys or not (is_needed or any(key in query for key in keys)):
            continue
        parts: dict[str, Any] = dict.fromkeys(keys)
        for key in keys:
            try:
                text = query.get(key, "")
                parts[key] = form.parse(key, text) if text.strip() or not is_needed else None
                if is_needed and not parts[key]:
                    raise InvalidView(f"The link has no {key}.")
            except InvalidView as error:
                problems[key] = error
        values[each.name] = tuple(parts.values()) if len(keys) > 1 else parts[keys[0]]
    return values, problems


def _check_field(each: Field[Any], value: Any) -> None:
    """Check a field of one page against its form."""
    if value is None or each.name in ("page", "models", "images"):
        return
    form, keys = next(iter(each.metadata.values()))
    for part in value if len(keys) > 1 else [value]:
        form.check(each.name.replace("_", " "), part)


def _check_names(view: View) -> None:
    if view.page not in ADDRESSES:
        raise InvalidView(f"The page must be one of {', '.join(ADDRESSES)}; got {shown(view.page)}.")
    names = (*view.models, *view.images)
    if not all(map(is_name, names)):
        raise InvalidView(f"A view needs the names of a model and of images; got {some_shown(names)}. Name them.")
    if view.page == "sweeps":
        return
    most = MAX_MODELS[view.page]
    if not 1 <= len(view.models) <= most:
        raise InvalidView(f"A view needs at least one model, and shows one to {most}; got {len(view.models):,} models.")
    if len(set(view.models)) < len(view.models):
        raise InvalidView(f"The models must be different, each is shown once; got {some_shown(view.models)}.")
    lists = view.models if view.page == "compare" else names if view.page == "paths" else ()
    for name in lists:
        if SEPARATOR in name:
            raise InvalidView(f"A list needs names without a comma; got {shown(name)}. Rename the file.")
    if view.page != "paths" and len(view.images) < 3:
        raise InvalidView(f"A view needs three images, which span the plane; got {some_shown(view.images)}.")


def _check_path(view: View) -> None:
    fewest, most = NUM_IMAGES[view.kind]
    if len(view.path_images) < fewest or len(view.images) > MAX_IMAGES:
        wanted = str(fewest) if fewest == most else f"{fewest} to {most}"
        raise InvalidView(f"A path of the kind {view.kind!r} takes {wanted} images; got {len(view.images)}.")
    if (view.start is None) != (view.end is None):
        raise InvalidView("A part of a path needs its start and its end; got only one. Give both or none.")
    if view.start is not None and view.end is not None and not view.start < view.end:
        raise InvalidView(f"A part of a path must end after its start; got {view.start} to {view.end}.")


def _check_window(view: View) -> None:
    if (view.center is None) != (view.half_width is None):
        raise InvalidView("A window needs its centre u and v and its half width; got only one. Give both or none.")
    if view.center is None and view.half_height is not None:
        raise InvalidView("A half height needs a window; give its centre u and v and its half width as well.")
