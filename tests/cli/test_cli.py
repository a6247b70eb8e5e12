"""The commands: what they print and write, from where they answer, and how they refuse."""

import csv
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lrviz import cli
from lrviz.cli import finder, measurer, terminal
from lrviz.engine.find_pieces import find_path_pieces
from lrviz.engine.find_regions import find_regions
from lrviz.measures import requests
from lrviz.measures.sweeps import read_results
from lrviz.models.images import DATA_VARIABLE
from lrviz.results.diskstore import FOLDER_VARIABLE, DiskStore
from lrviz.results.pieces import Pieces
from lrviz.results.regions import Regions
from lrviz.results.status import Status
from lrviz.views.reproduce import command_line
from lrviz.views.scene import resolve
from lrviz.views.view import View

MODEL = "cnn5-w1-noise20"
VIEW = View(
    models=(MODEL,),
    images=("samples:0", "samples:1", "samples:2"),
    center=(40.0, 10.0),
    half_width=0.5,
    max_regions=5000,
)
SCENE = f"--model {MODEL} --images samples:0 samples:1 samples:2"
WINDOW = "--window 40 10 0.5"
PATHS = "--paths closed:samples:0-1 --anchors 2 --radius 1"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def expected_regions():
    scene = resolve(VIEW)
    return find_regions(scene.program, scene.plane, scene.window)


def test_regions_are_written_and_the_second_call_answers_from_disk(lrviz, folder):
    command = f"regions {SCENE} {WINDOW} --out regions.npz"
    code, out, err = lrviz(command)
    expected = expected_regions()
    assert (code, err) == (0, "")
    assert out.startswith(f"{len(expected):,} regions, area 1, ")
    assert "computed, complete: regions.npz" in out
    found = Regions.load(folder / "regions.npz")
    np.testing.assert_array_equal(found.pattern, expected.pattern)
    code, again, _ = lrviz(command.replace("regions.npz", "again.npz"))
    assert (code, "from cache, complete: again.npz" in again) == (0, True)
    np.testing.assert_array_equal(Regions.load(folder / "again.npz").coordinates, found.coordinates)


def test_the_npz_file_tells_its_view(lrviz, folder):
    lrviz(f"regions {SCENE} {WINDOW} --max-regions 5000 --out regions.npz")
    with np.load(folder / "regions.npz", allow_pickle=False) as archive:
        assert View.from_json(str(archive["view"])) == VIEW


def test_without_cache_nothing_is_stored(lrviz, folder):
    command = f"regions {SCENE} {WINDOW} --no-cache --out regions.npz"
    assert "computed" in lrviz(command)[1]
    assert "computed" in lrviz(command)[1]
    assert not (folder / "cache").exists()


def test_the_table_has_the_measures_of_every_region(lrviz, folder):
    lrviz(f"regions {SCENE} {WINDOW} --out regions.npz --csv regions.csv")
    found = Regions.load(folder / "regions.npz")
    with (folder / "regions.csv").open() as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    assert [int(row["pattern"], 16) for row in rows] == found.pattern.tolist()
    assert [float(row["area"]) for row in rows] == found.area.tolist()
    np.testing.assert_allclose([float(row["slope"]) for row in rows], np.linalg.norm(found.slope, axis=(1, 2)))
    assert {row["class"] for row in rows} <= set(resolve(VIEW).model.classes)


def test_a_budget_that_is_hit_gives_a_part_and_says_so(lrviz, folder):
    number = len(expected_regions())
    code, out, err = lrviz(f"regions {SCENE} {WINDOW} --max-regions {number // 2} --out regions.npz")
    assert (code, "max_regions" in out) == (0, True)
    assert re.search(r"budget of .* was hit: the result covers \d+\.\d+% of the window", err)
    assert Regions.load(folder / "regions.npz").status == "max_regions"


def test_without_a_window_it_is_the_triangle_or_a_window_that_fits(lrviz):
    code, out, err = lrviz(f"regions {SCENE} --max-regions 100 --out regions.npz")
    assert (code, out) == (2, "")
    half = re.search(r"half width ([\d.e+-]+), or raise the budget", err)[1]
    u, v = re.search(r"one around \(([-\d.]+), ([-\d.]+)\)", err).groups()
    assert lrviz(f"regions {SCENE} --window {u} {v} {half} --max-regions 2000 --out regions.npz")[0] == 0
    assert lrviz(f"regions {SCENE} --max-regions 10000000 --no-cache --out regions.npz --device nowhere")[0] == 2


def test_estimate_tells_what_regions_finds(lrviz):
    code, out, err = lrviz(f"estimate {SCENE} {WINDOW}")
    assert (code, err) == (0, "")
    estimated, actual = float(re.match(r"about ([\d,]+) regions", out)[1].replace(",", "")), len(expected_regions())
    assert actual / 3 < estimated < actual * 3
    assert "above the budget of 3 regions" in lrviz(f"estimate {SCENE} {WINDOW} --max-regions 3")[2]


def test_pieces_are_written_and_the_second_call_answers_from_disk(lrviz, folder):
    command = f"pieces --model {MODEL} --from samples:0 --to samples:1 --out pieces.npz"
    code, out, _ = lrviz(command)
    found = Pieces.load(folder / "pieces.npz")
    assert (code, out.startswith(f"{len(found):,} pieces, length {found.length:.6g}, ")) == (0, True)
    assert "from cache" in lrviz(command)[1]


@pytest.mark.parametrize(
    ("suffix", "start"), [("pdf", b"%PDF"), ("svg", b"<?xml"), ("png", b"\x89PNG"), ("html", b"<")]
)
def test_figures_are_drawn(lrviz, folder, suffix, start):
    code, out, err = lrviz(f"figure {SCENE} {WINDOW} --colour jump --class 3 --size 3 2 --dpi 50 --out figure.{suffix}")
    assert (code, err) == (0, "")
    assert f"complete: figure.{suffix}" in out
    assert (folder / f"figure.{suffix}").read_bytes().startswith(start)
    if suffix == "png":
        with Image.open(folder / "figure.png") as image:
            assert image.size == (150, 100)
            assert json.loads(image.text["lrviz"])["class_index"] == "3"


def test_the_command_line_of_a_view_draws_it(lrviz, folder):
    code, _, err = lrviz(command_line(VIEW).removeprefix("lrviz ").replace("figure.pdf", "figure.png"))
    assert (code, err) == (0, "")
    with Image.open(folder / "figure.png") as image:
        assert View.from_json(image.text["lrviz"]) == VIEW


def test_an_image_of_another_size_is_resized_with_a_notice(lrviz, folder):
    Image.new("RGB", (40, 30), "red").save(folder / "red.png")
    code, _, err = lrviz(f"estimate --model {MODEL} --images samples:0 samples:1 red.png --window 1 1 0.1")
    assert (code, "red.png is 40 x 30 pixels" in err) == (0, True)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (f"regions --model nothing --images samples:0 samples:1 samples:2 {WINDOW} --out r.npz", "shipped model"),
        (
            f"regions --model folder.npz --images samples:0 samples:1 samples:2 {WINDOW} --out r.npz",
            "the folder 'folder.npz'",
        ),
        (f"regions --model gone.safetensors --images samples:0 samples:1 samples:2 {WINDOW} --out r.npz", "gone"),
        (f"regions --model {MODEL} --images samples:0 samples:1 gone.png {WINDOW} --out r.npz", "gone.png"),
        (f"regions --model {MODEL} --images samples:0 samples:1 bad.png {WINDOW} --out r.npz", "cannot be decoded"),
        (f"regions --model {MODEL} --images samples:0 samples:1 samples:99 {WINDOW} --out r.npz", "samples:99"),
        (f"regions --model {MODEL} --images samples:0 samples:1 samples:1 {WINDOW} --out r.npz", "triangle of area"),
        (f"regions {SCENE} --window 1e6 0 1 --out r.npz", "closer"),
        (f"regions {SCENE} --window 0 0 0 --out r.npz", "positive"),
        (f"regions {SCENE} --window nan 0 1 --out r.npz", "must be a number"),
        (f"regions {SCENE} --half-height 1 --out r.npz", "half width"),
        (f"regions {SCENE} {WINDOW} --max-regions 0 --out r.npz", "max regions must be a whole number"),
        (f"regions {SCENE} {WINDOW} --max-regions 2 --out r.npz", "the budget is 2"),
        (f"regions {SCENE} {WINDOW} --out gone/r.npz", "cannot be written (No such file or directory)"),
        (f"regions {SCENE} {WINDOW} --out folder.npz", "it is a folder"),
        (f"regions {SCENE} {WINDOW} --out r.txt", "ends in .npz"),
        (f"regions {SCENE} {WINDOW} --out r.npz --csv r.txt", "ends in .csv"),
        (f"regions {SCENE} {WINDOW} --out r.npz --device toaster", "toaster"),
        (f"figure {SCENE} {WINDOW} --out f.gif", "ends in .pdf or .svg"),
        (f"figure {SCENE} {WINDOW} --out f.png --colour pink", "one of region, class"),
        (f"figure {SCENE} {WINDOW} --out f.png --class 10", "classes 0 to 9"),
        (f"figure {SCENE} {WINDOW} --out f.png --size 0 4", "inches"),
        (f"figure {SCENE} {WINDOW} --out f.png --dpi 100000", "dpi"),
        (f"figure {SCENE} {WINDOW} --out f.png --size 100 100 --dpi 2400", "lower --size or --dpi"),
        (f"figure {SCENE} {WINDOW} --out f.png --size 0.3 0.2", "a size of 1 to 100 inches"),
        (f"figure {SCENE} {WINDOW} --out f.png --colour class --class 3", "about one output (slope, jump"),
        (f"pieces --model {MODEL} --from samples:0 --to samples:0 --out p.npz", "two different inputs"),
        (f"measure --models nothing-* {PATHS} --out t.csv", "selects none"),
        (f"measure --models gone.safetensors {PATHS} --out t.csv", "gone"),
        (f"measure --models {MODEL} --paths round:samples:0 --out t.csv", "closed:samples:0-19"),
        (f"measure --models {MODEL} --paths closed:samples:20 --out t.csv", "from 0 to 19"),
        (f"measure --models {MODEL} --paths closed:test:0 --out t.csv", "LRVIZ_DATA_DIR"),
        (f"measure --models {MODEL} --paths closed:train:noisy:0 --out t.csv", "give --data"),
        (f"measure --models {MODEL} --paths closed:train:noisy:0 --data gone.npz --out t.csv", "check the path"),
        (f"measure --models {MODEL} --paths triplet:samples:0,1 --out t.csv", "three different images"),
        (f"measure --models {MODEL} {PATHS} --anchors 1 --out t.csv", "two anchors"),
        (f"measure --models {MODEL} {PATHS} --radius 40 --out t.csv", "32 pixels"),
        (f"measure --models {MODEL} {PATHS} --out t.txt", "ends in .csv or .parquet"),
        (f"measure --models {MODEL} {PATHS} --out t.csv --device toaster", "toaster"),
        ("cache limit big", "500MB"),
        ("cache limit 5I", "500MB"),
        ("cache limit 5", "Give a number and a unit"),
        ("cache limit 0B", "at least one byte"),
        ("train cnn6 --data nowhere --out nets", "a family among cnn5"),
        ("train cnn5 --width 0 --data nowhere --out nets", "width of at least 1"),
        ("train cnn5 --noise 2 --data nowhere --out nets", "label noise from 0 to 1"),
        ("train cnn5 --lr -1 --data nowhere --out nets", "a learning rate above 0"),
        ("train cnn5 --seed -1 --data nowhere --out nets", "seed of at least 0"),
        ("train cnn5 --temperature 3 --data nowhere --out nets", "name it with --teacher"),
        ("train cnn5 --momentum 0.3 --data nowhere --out nets", "--optimizer sgd"),
        ("train cnn5 --mean 0.5 --data nowhere --out nets", "--mean is about a network that is not named"),
    ],
)
def test_bad_input_ends_with_one_sentence_and_code_2(lrviz, folder, command, message):
    (folder / "folder.npz").mkdir()
    (folder / "bad.png").write_bytes(b"no image")
    code, out, err = lrviz(command)
    assert (code, out) == (2, "")
    assert err.startswith("lrviz: ")
    assert message in err
    assert err.count("\n") == 1
    assert {path.name for path in folder.iterdir()} <= {"folder.npz", "bad.png", "cache"}


@pytest.mark.parametrize("command", ["regions", "figure", "estimate", "map"])
def test_a_device_that_there_is_not_is_refused_where_the_answer_is_stored(lrviz, folder, command):
    out = "" if command == "estimate" else f"--out r{'.png' if command == 'figure' else '.npz'}"
    assert lrviz(f"{command} {SCENE} {WINDOW} {out}")[0] == 0
    code, _, err = lrviz(f"{command} {SCENE} {WINDOW} {out} --device toaster")
    assert (code, "toaster" in err) == (2, True)


def test_a_store_that_cannot_be_written_gives_one_warning(lrviz, folder, monkeypatch):
    (folder / "file").write_text("")
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder / "file" / "cache"))
    code, out, err = lrviz(f"regions {SCENE} {WINDOW} --out regions.npz")
    assert (code, "computed" in out) == (0, True)
    assert err.startswith("lrviz: Results cannot be stored in ")
    assert err.count("\n") == 1


def test_cache_tells_and_sets_its_size(lrviz):
    lrviz(f"estimate {SCENE} {WINDOW}")
    assert re.search(r"cache: 2 results, .* of 2 GB", lrviz("cache info")[1])  # the estimate, and the converted network
    assert re.search(r"2 results, .* of 500 MB", lrviz("cache limit 500MB")[1])
    assert DiskStore().limit_bytes == 500 * 2**20
    assert "0 results" in lrviz("cache limit 1B")[1]
    lrviz("cache limit 1.5GB")
    lrviz(f"estimate {SCENE} {WINDOW}")
    assert lrviz("cache clear")[1].startswith("Dropped 2 results, ")
    assert len(DiskStore()) == 0


def test_an_interrupt_keeps_what_was_found_and_says_so(lrviz, folder, monkeypatch):
    def interrupt_midway(request, store, *, progress, cancelled, device):
        os.kill(os.getpid(), signal.SIGINT)
        assert cancelled()
        result = find_regions(request.program, request.plane, request.window, max_regions=5)
        values = {name: getattr(result, name) for name in Regions.__slots__}
        return finder.Outcome(result=Regions(**{**values, "status": Status.CANCELLED}), stored=False, seconds=1.0)

    monkeypatch.setattr(finder, "run", interrupt_midway)
    before = signal.getsignal(signal.SIGINT)
    code, out, err = lrviz(f"regions {SCENE} {WINDOW} --out regions.npz")
    assert (code, signal.getsignal(signal.SIGINT)) == (terminal.INTERRUPTED, before)
    assert re.match(r"lrviz: cancelled: the result covers \d", err)
    assert "5 regions" in out
    assert len(Regions.load(folder / "regions.npz")) == 5


def test_an_interrupt_before_anything_was_found_writes_nothing(lrviz, folder, monkeypatch):
    run = finder.run
    monkeypatch.setattr(finder, "run", lambda *args, **options: run(*args, **{**options, "cancelled": lambda: True}))
    code, out, err = lrviz(f"regions {SCENE} {WINDOW} --out regions.npz")
    assert (code, out, "nothing was written" in err) == (terminal.INTERRUPTED, "", True)
    assert not (folder / "regions.npz").exists()


@pytest.fixture
def interrupts():
    """Python's own answer to Ctrl-C, which a shell's background process starts without."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
def test_a_second_interrupt_stops_at_once():
    with pytest.raises(KeyboardInterrupt), terminal.cancel_on_interrupt() as cancelled:
        os.kill(os.getpid(), signal.SIGINT)
        assert cancelled()
        os.kill(os.getpid(), signal.SIGINT)


def test_a_file_is_written_whole_or_not_at_all(folder):
    (folder / "kept.npz").write_text("before")
    with pytest.raises(ZeroDivisionError), terminal.written_whole(folder / "kept.npz", (".npz",)) as part:
        part.write_text("half")
        raise ZeroDivisionError
    assert [path.name for path in folder.iterdir()] == ["kept.npz"]
    assert (folder / "kept.npz").read_text() == "before"


@pytest.mark.parametrize(
    "command", ["", "models", "train", "estimate", "regions", "pieces", "figure", "measure", "cache"]
)
def test_every_command_has_help(lrviz, command):
    code, out, _ = lrviz(f"{command} --help")
    assert (code, "Usage:" in out) == (0, True)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_measures_are_written_and_the_second_call_answers_from_disk(lrviz, folder, suffix):
    command = f"measure --models {MODEL} --models 'cnn5-w1-noise20-seed[12]' {PATHS} --out table.{suffix}"
    code, out, err = lrviz(command)
    table = read_results(folder / f"table.{suffix}")
    assert (code, err) == (0, "")
    assert re.fullmatch(rf"6 paths of 3 models, [\d,]+ pieces, [\d.]+ s: table.{suffix}\n", out)
    assert table["model"].tolist() == [name for name in (MODEL, f"{MODEL}-seed1", f"{MODEL}-seed2") for _ in range(2)]
    assert table["num_anchors"].tolist() == [2] * 6
    assert len(DiskStore()) == 6 + 3  # the measures, and the converted networks
    lrviz(command.replace("table", "again"))
    pd.testing.assert_frame_equal(read_results(folder / f"again.{suffix}"), table)
    assert len(DiskStore()) == 6 + 3


def test_an_interrupted_measurement_writes_what_is_complete_and_goes_on(lrviz, folder, monkeypatch):
    started = []

    def interrupt_at_the_third(*args, **options):
        started.append(1)
        if len(started) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return find_path_pieces(*args, **options)

    monkeypatch.setattr(requests, "find_path_pieces", interrupt_at_the_third)
    command = f"measure --models {MODEL} --models {MODEL}-seed1 {PATHS} --out table.csv"
    code, out, err = lrviz(command)
    assert (code, len(read_results(folder / "table.csv"))) == (terminal.INTERRUPTED, 2)
    assert out.startswith("2 paths of 1 model, ")
    assert err.startswith("lrviz: cancelled: 2 of 4 paths were measured; what is finished is stored")
    assert lrviz(command)[0] == 0
    assert (len(read_results(folder / "table.csv")), len(started)) == (4, 3 + 2)


def test_a_measurement_that_is_interrupted_at_once_writes_nothing(lrviz, folder, monkeypatch):
    monkeypatch.setattr(measurer, "cancel_on_interrupt", lambda: nullcontext(lambda: True))
    code, out, err = lrviz(f"measure --models {MODEL} {PATHS} --out table.csv")
    assert (code, out, "nothing was written" in err) == (terminal.INTERRUPTED, "", True)
    assert not (folder / "table.csv").exists()


def call_python(*words):
    return subprocess.run(
        [sys.executable, *words], cwd=Path(cli.__file__).parents[2], capture_output=True, text=True, check=False
    )


def test_help_and_finding_do_not_wait_for_plotting_libraries():
    done = call_python("-c", "import sys, lrviz.cli.finder; print({'matplotlib', 'plotly'} & set(sys.modules))")
    assert (done.stderr, done.stdout) == ("", "set()\n")


def test_the_module_runs_in_a_process_of_its_own(folder):
    done = call_python("-m", "lrviz.cli", *shlex.split(f"regions {SCENE} {WINDOW} --out '{folder}/regions.npz'"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "computed, complete" in done.stdout
    assert (folder / "regions.npz").exists()


@pytest.mark.parametrize("size", ["", "-1", "1e9", "nan", "9" * 400 + "TB", "٣GB", "999999999999999TB", "0"])
def test_sizes_that_are_none_are_refused(size, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LRVIZ_CACHE_DIR", str(tmp_path))
    with pytest.raises(SystemExit, match="2"):
        cli.main(["cache", "limit", "--", size])
    assert len(capsys.readouterr().err) < 300


@pytest.mark.parametrize("window", [("nan", "0", "1"), ("inf", "0", "1"), ("0", "0", "1e400"), ("0", "0", "-0")])
def test_windows_that_are_none_are_refused(window, capsys):
    words = ["regions", "--model", "cnn5-w1-noise20", "--images", "samples:0", "samples:1", "samples:2"]
    with pytest.raises(SystemExit, match="2"):
        cli.main([*words, "--window", *window, "--out", "never.npz"])
    assert capsys.readouterr().err.startswith("lrviz: ")


def test_anchors_without_end_are_refused(tmp_path, capsys):
    words = ["measure", "--models", "cnn5-w1-noise20", "--paths", "closed:samples:0", "--anchors", "1000000000"]
    with pytest.raises(SystemExit, match="2"):
        cli.main([*words, "--out", str(tmp_path / "out.csv")])
    assert "anchors are needed" in capsys.readouterr().err
