"""The layers of the house: a room imports only from rooms below its own, as the contracts in pyproject.toml say."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def lint_imports(folder: Path) -> tuple[bool, str]:
    """Whether the package in a folder keeps the contracts, and what import-linter says."""
    code = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package, to be broken."""
    shutil.copytree(ROOT / "lrviz", tmp_path / "lrviz", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_all_contracts_are_kept() -> None:
    kept, said = lint_imports(ROOT)
    assert kept, said


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("geometry/plane", "from lrviz.network.program import Program"),
        ("geometry/plane", "def f():\n    from lrviz.network import program"),
        ("measures/window", "import lrviz.figures.style"),
        ("engine/requests", "from lrviz.models.catalogue import load_model"),
        ("network/program", "from lrviz.engine.find_pieces import find_pieces"),
        ("measures/window", "import plotly"),
        ("cli/finder", "import streamlit"),
        ("geometry/cells", "from lrviz.geometry import mirror"),
        ("attic", "import numpy"),
    ],
)
def test_a_wrong_import_is_noticed(copy: Path, module: str, source: str) -> None:
    if "mirror" in source:
        (copy / "lrviz/geometry/mirror.py").write_text("from lrviz.geometry import cells\n")
    with (copy / f"lrviz/{module}.py").open("a") as file:
        file.write(f"\n{source}\n")
    kept, said = lint_imports(copy)
    assert not kept, said


def test_nothing_that_streamlit_keeps_to_itself_is_imported() -> None:
    files = [ROOT / "app.py", *ROOT.glob("pages/*.py"), *ROOT.glob("lrviz/**/*.py"), *ROOT.glob("tests/*.py")]
    private = re.compile(
        r"\b(?:from|import) streamlit\.(?!testing\.v1\b)|\bst\.(delta_generator|runtime|elements|proto|errors)\b"
    )
    found = [
        f"{path.name}: {line}"
        for path in files
        if path != Path(__file__)
        for line in path.read_text().splitlines()
        if private.search(line)
    ]
    assert not found


@pytest.mark.parametrize("path", [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py"))], ids=lambda path: path.name)
def test_the_app_s_files_hold_a_line_each(path: Path) -> None:
    assert all("lrviz.ui" in line for line in path.read_text().splitlines() if "import" in line)
