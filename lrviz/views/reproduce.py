"""How to make again what a view shows: the command, and lines of Python."""

import shlex

from lrviz.results.plane_map import RASTERS
from lrviz.views.view import View


def command_line(view: View, out: str = "figure.pdf") -> str:
    """The command that makes the figure of the first model's regions again, in a file."""
    words = ["lrviz", "figure", *_place_words(view), "--colour", view.colour]
    words += [] if view.class_index is None else ["--class", str(view.class_index)]
    words += ["--layer-edges"] if view.layer_edges else []
    words += ["--boundary"] if view.boundary else []
    return shlex.join([*words, "--max-regions", str(view.max_regions), "--out", out])


def map_line(view: View) -> str:
    """The command that finds all regions of a view tile by tile, however many they are, and draws them."""
    colour = view.colour if view.colour in (*RASTERS, "class") else RASTERS[0]
    words = ["lrviz", "map", *_place_words(view), "--out", "map.npz", "--figure", "map.pdf", "--colour", colour]
    return shlex.join(words)


def _place_words(view: View) -> list[str]:
    words = ["--model", view.model, "--images", *view.triplet]
    if view.center is not None:
        words += ["--window", *map(repr, view.center), repr(view.half_width)]
    return words + ([] if view.half_height is None else ["--half-height", repr(view.half_height)])


def python_lines(view: View, *, is_sampled: bool = False) -> str:
    """Lines of Python that find the same regions, as `regions`, or the same pieces, as `pieces`, and their measures.

    Args:
        view: What is shown.
        is_sampled: Whether it holds too many regions to find, so that samples of it are shown.
    """
    return _path_lines(view) if view.page == "paths" else _region_lines(view, is_sampled)


def recipes(view: View, *, is_sampled: bool = False) -> dict[str, tuple[str, str]]:
    """The ways to make again what is shown: by what they are called, the language and the text."""
    python = {"Python": ("python", python_lines(view, is_sampled=is_sampled))}
    if is_sampled:
        return {"Command line, for all regions, tile by tile": ("bash", map_line(view)), **python}
    if view.page == "explore":
        return {"Command line": ("bash", command_line(view)), **python}
    if view.page == "compare":
        lines = [command_line(each, f"figure-{number}.pdf") for number, each in enumerate(view.each, start=1)]
        return {"Command lines, one for each map": ("bash", "\n".join(lines))}
    return python if view.page == "paths" else {}


def _region_lines(view: View, is_sampled: bool) -> str:
    find = f"regions = lrviz.find_regions(program, plane, window, max_regions={view.max_regions})"
    window = "plane.triangle()"
    if view.center is not None:
        height = "" if view.half_height is None else f", half_height={view.half_height!r}"
        window = f"lrviz.Window.rectangle(center={view.center!r}, half_width={view.half_width!r}{height})"
    return "\n".join(
        (
            "import lrviz",
            "",
            f"model = lrviz.load_model({view.model!r})",
            "images = [model.normalise(lrviz.load_image(name, shape=model.input_shape)) for name in "
            f"{list(view.triplet)!r}]",
            "program = model.program()",
            "plane = lrviz.Plane.through(*images)",
            f"window = {window}",
            "samples = lrviz.sample_plane(program, plane, window)" if is_sampled else find,
            "",
        )
    )


def _path_lines(view: View) -> str:
    translated = f"*images, num_anchors={view.num_anchors}, radius={view.radius!r}"
    arguments = {"closed": translated, "open": translated, "triplet": "*images", "images": "images"}[view.kind]
    name = "image" if view.kind == "images" else view.kind
    return "\n".join(
        (
            "import lrviz",
            "from lrviz.models import paths",
            "",
            f"shape = lrviz.load_model({view.model!r}).input_shape",
            f"images = [lrviz.load_image(name, shape=shape).image for name in {list(view.path_images)!r}]",
            f"path = paths.{name}_path({arguments})",
            f"for name in {list(view.models)!r}:",
            "    model = lrviz.load_model(name)",
            "    points = model.normalise(path.points)",
            "    program = model.program()",
            "    pieces = lrviz.find_path_pieces(program, points)",
            "    measures = lrviz.measures.measure_path(pieces)",
            "    print(name, measures.num_pieces.sum(), measures.deviation.mean(), measures.variation.mean())",
            "",
        )
    )
