"""Links that anybody may have written: what can be read of one, and what was left out and why."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, NamedTuple

from lrviz.errors import InvalidView
from lrviz.views.view import IMAGES, View, parse

_WINDOW, _PART = ("center", "half_width", "half_height"), ("start", "end")

OpenWindow = tuple[float | None, float | None, float | None]
"""u, v and half width of a window, as far as they are known."""


class Reading(NamedTuple):
    """What a link says.

    Attributes:
        view: The view of all that could be read.
        problems: A sentence for everything that was left out.
        missing: Names of parameters that a whole link has and this one has not; others stand in.
        window: What the link says of its window, if that is not all; the view shows the triangle then.
    """

    view: View
    problems: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    window: OpenWindow | None = None


def read_link(query: Mapping[str, str], standing_in: View) -> Reading:
    """Read a link's parameters; what is missing or wrong loses nothing of the rest.

    Args:
        query: The parameters.
        standing_in: The page, the models and images for those that are missing, and what other pages show.
    """
    page = standing_in.page
    values, errors = parse(query, page)
    missing = [key for key in errors if not query.get(key, "").strip()]
    problems = {key: str(error) for key, error in errors.items() if key not in missing}
    if page != "paths" and "images" in values:
        values["images"] = _completed(values["images"], standing_in.images)
    window = _open_window(values)
    if None in (values.get("center") or ()):
        values = {name: value for name, value in values.items() if name != "center"}
    if window is not None:
        values = {name: value for name, value in values.items() if name not in _WINDOW}
        missing += [key for key in ("u", "v", "half_width") if key not in query]
    needed = ("models", "images")
    plain: dict[str, Any] = {
        each.name: each.default for each in fields(View) if page in each.metadata and each.name not in needed
    }
    view = replace(standing_in, **plain)
    for group in _groups(values):
        try:
            view = replace(view, **group)
        except InvalidView as error:
            problems[next(iter(group))] = str(error)
    return Reading(view, tuple(problems.values()), tuple(dict.fromkeys(missing)), window)


def _completed(images: Sequence[str | None], others: Sequence[str]) -> tuple[str, ...]:
    """Images, with others in the place of those that are missing: those that stood there, but none twice."""
    found = list(images)
    for place, other in enumerate(others[: len(found)]):
        if not found[place]:
            free = (name for name in (other, *others, *IMAGES) if name not in found)
            found[place] = next(free, other)
    return tuple(map(str, found))


def _groups(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What was read, in parts that mean something by themselves."""
    known = {name: value for name, value in values.items() if value is not None}
    together = [{name: known[name] for name in names if name in known} for names in (_WINDOW, _PART)]
    return [{name: value} for name, value in known.items() if name not in _WINDOW + _PART] + together


def _open_window(values: Mapping[str, Any]) -> OpenWindow | None:
    """What is known of a window of which something is, but not all."""
    u, v = values.get("center") or (None, None)
    known = (u, v, values.get("half_width"))
    return known if len({part is None for part in known}) > 1 else None
