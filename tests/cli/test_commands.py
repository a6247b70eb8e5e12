"""The commands that measure a table again select the same models, paths and segments."""

import shlex
from itertools import pairwise

import numpy as np
import pytest

from lrviz.views.commands import measure_commands
from lrviz.views.numerals import read_ranges, write_ranges
from lrviz.views.selection import PathsSpec, find_models, find_paths
from tests.measures.test_sweeps import row, table


@pytest.mark.parametrize("numbers", [(0,), (0, 1, 2), (5, 7, 8), (0, 2, 4)])
def test_ranges_are_read_as_they_are_written(numbers):
    assert read_ranges(write_ranges(numbers), most=10) == numbers


def rows_of(name, card, spec):
    for path in find_paths(spec, card):
        segments = path.path.num_segments if path.segments is None else len(path.segments)
        yield row(
            model=name, data=card.data, path=path.path.kind, images=path.images, num_anchors=path.num_anchors,
            radius=path.radius, num_segments=segments, path_segments=path.path.num_segments,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("closed:samples:0-2,5", {}),
        ("closed:random:3-4", {"segments": 1}),
        ("open:samples:cifar100:1", {"num_anchors": 6, "radius": 3.0}),
        ("direction:samples:0,2", {"radius": 0.25}),
        ("direction:samples:0,2", {"radius": 1.23456789012}),
        ("closed:samples:0", {"radius": 4.0000004}),
        ("triplet:samples:3,1,2", {}),
        ("images:samples:0-3", {"segments": 2}),
    ],
)
def test_a_command_gives_the_paths_of_the_table_again(text, options):
    models = find_models(["cnn5-w1-noise20", "cnn5-w2-noise20"])
    written = [line for name, card in models.items() for line in rows_of(name, card, PathsSpec.parse(text, **options))]
    (command,) = measure_commands(table(written))
    words = shlex.split(command)
    given = {key: [value for name, value in pairwise(words) if name == key] for key in words}
    assert given["--models"] == list(models)
    numbers = {"num_anchors": "--anchors", "segments": "--segments", "radius": "--radius"}
    read = {name: (float if name == "radius" else int)(given[key][0]) for name, key in numbers.items() if key in given}
    specs = [PathsSpec.parse(path, **read) for path in given["--paths"]]
    again = [line for name, card in models.items() for spec in specs for line in rows_of(name, card, spec)]
    assert again == written
    assert "--data" not in words


def test_models_that_were_measured_on_other_images_have_a_command_of_their_own():
    rows = [
        row(model=model, path="closed", images=f"train:noisy:{k}", num_anchors=8, radius=4.0, path_segments=8,
            num_segments=1, data="CIFAR-10 (a copy)", input_similarity=np.nan)
        for model, images in (("a", (0, 1)), ("b c", (0, 1)), ("d", (2, 3)))
        for k in images
    ]  # fmt: skip
    end = "--segments 1 --data 'CIFAR-10 (a copy)' --out measured.csv"
    assert measure_commands(table(rows)) == [
        f"lrviz measure --models a --models 'b c' --paths closed:train:noisy:0-1 {end}",
        f"lrviz measure --models d --paths closed:train:noisy:2-3 {end}",
    ]
    with_gradients = table(rows).assign(input_similarity=[0.5, 0.5, *[np.nan] * 4])
    assert ["--gradients" in command for command in measure_commands(with_gradients)] == [True, False, False]
    assert measure_commands(table([])) == []


def test_names_that_anybody_may_have_written_stay_one_word():
    (command,) = measure_commands(table([row(model="a; rm", path="closed", images="x; y", data="$(z)", num_anchors=8)]))
    words = shlex.split(command)
    assert {"a; rm", "closed:x; y", "$(z)"} <= set(words)
