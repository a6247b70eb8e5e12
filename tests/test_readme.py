"""The README's Python and its commands run as they stand there; those that need data or time exist."""

import re
import shlex
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision.models import squeezenet1_1
from typer.testing import CliRunner

from lrviz.cli import app
from lrviz.measures.definitions import CONSTANT, PATH_QUANTITIES, PUBLISHED
from tests import sweep_table
from tests.peers import table

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.S)
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", README, re.S) for line in block.splitlines() if line]


def test_python_snippets_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert SNIPPETS
    for snippet in SNIPPETS:
        exec(compile(snippet, "README.md", "exec"), {})
    assert "regions, the largest slope is" in capsys.readouterr().out


def test_commands_name_what_exists() -> None:
    names = {command.name for command in app.registered_commands}
    used = {shlex.split(line)[1] for line in COMMANDS if "bin/lrviz" in line}
    assert used
    assert used <= names


RUN = ("models", "regions", "figure", "inspect")
BUILDER = """
from torch import nn

def build(width):
    return nn.Sequential(nn.Conv2d(1, width, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(width * 13 * 13, 2))
"""


def write_own_networks(folder: Path) -> None:
    """The files that the commands name."""
    (folder / "mynet.py").write_text(BUILDER)
    made: dict[str, Any] = {}
    exec(BUILDER, made)
    torch.manual_seed(0)
    torch.save({"state_dict": made["build"](8).state_dict()}, folder / "net.ckpt")
    torch.save(squeezenet1_1(num_classes=10).state_dict(), folder / "net.pth")
    torch.save(torch.nn.Sequential(torch.nn.Linear(2, 9), torch.nn.ReLU(), torch.nn.Linear(9, 3)).state_dict(),
               folder / "toy.pth")  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        example = (torch.zeros(1, 1, 28, 28, device="cpu"),)
        torch.onnx.export(made["build"](2).eval(), example, folder / "net.onnx", dynamo=False)


@pytest.mark.parametrize("line", [line for line in COMMANDS if shlex.split(line)[1] in RUN])
def test_commands_run_as_they_stand_there(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_own_networks(tmp_path)
    monkeypatch.setenv("LRVIZ_CACHE_DIR", str(tmp_path / "cache"))
    words = shlex.split(line)[1:]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "--out" not in words or (tmp_path / words[words.index("--out") + 1]).stat().st_size > 1000


def test_measures_are_defined_as_in_the_help_of_the_app() -> None:
    for name, quantity in PATH_QUANTITIES.items():
        text = quantity.help.replace("|", r"\|")
        assert f"| `{name}` | {text} | {quantity.unit} |" in README
    assert f"{CONSTANT} {PUBLISHED}" in " ".join(README.split())


def test_the_table_of_results_is_that_of_the_shipped_measures() -> None:
    assert "\n".join(sweep_table.lines()) in README


def test_the_table_of_other_tools_has_the_rows_of_the_command() -> None:
    _, found, after = README.partition(f"{table.HEADER}\n")
    rows = [line.split(" | ")[:2] for line in after.partition("\n\n")[0].splitlines()]
    assert found
    assert rows == [[f"| {name}", tool] for name, tools in table.ROWS.items() for tool in tools]


def test_every_picture_is_there() -> None:
    named = re.findall(r"!\[[^]]*\]\(([^)]*)\)", README)
    assert named and [name for name in named if not (ROOT / name).exists()] == []


def test_every_file_that_the_checks_name_is_there() -> None:
    named = re.findall(r"\btests/[\w/]+(?:\.py)?", (ROOT / ".ci" / "run").read_text())
    assert named and [name for name in named if not (ROOT / name).exists()] == []
