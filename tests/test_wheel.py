"""The wheel holds everything, and `lrviz app` opens the app from any folder."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import lrviz
from lrviz.cli import app, serving
from lrviz.errors import InvalidRequest

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(not (ROOT / "pyproject.toml").is_file(), reason="needs a checkout")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel installs."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    assert f"-{lrviz.__version__}-" in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run_from(site: Path, folder: Path, *command: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(site)}
    words = [sys.executable, *command]
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


def test_the_wheel_holds_code_models_samples_pages_and_settings(site: Path) -> None:
    code = sorted(path.relative_to(ROOT) for path in (ROOT / "lrviz").rglob("*.py*") if "__pycache__" not in path.parts)
    assert all((site / path).is_file() for path in code if path.suffix != ".pyc")
    assert (site / "lrviz" / "py.typed").is_file()
    assert len(list((site / "lrviz" / "assets").rglob("*.safetensors"))) > 10
    pages = {path.name for path in (ROOT / "pages").glob("*.py")}
    assert {path.name for path in (site / "lrviz" / "ui" / "app" / "pages").glob("*.py")} == pages
    assert (site / "lrviz" / "ui" / "app" / ".streamlit" / "config.toml").is_file()


def test_the_installed_package_finds_its_parts(site: Path, tmp_path: Path) -> None:
    code = (
        "import lrviz; from lrviz.cli.serving import app_file; print(app_file(), lrviz.load_image('samples:0').label)"
    )
    where, label = run_from(site, tmp_path, "-c", code).split()
    assert Path(where) == site / "lrviz" / "ui" / "app" / "app.py"
    assert label == "cat"
    assert "cnn5-w8-noise20" in run_from(site, tmp_path, "-m", "lrviz.cli", "models")


@pytest.fixture
def address(site: Path, tmp_path: Path) -> Iterator[str]:
    """A server that `lrviz app` started in another folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "lrviz.cli", "app", "--port", str(port), "--no-browser"]
    environment = {**os.environ, "PYTHONPATH": str(site), "LRVIZ_CACHE_DIR": str(tmp_path)}
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield f"http://localhost:{port}"
    finally:
        os.killpg(server.pid, 2)
        server.wait(10)


def test_the_app_opens_from_any_folder(address: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2) as answer:
                assert answer.read() == b"ok"
            return
        except OSError:
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.2)


def test_a_checkout_runs_its_own_app(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], *, check: bool) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 3)

    monkeypatch.setattr(serving.subprocess, "run", run)
    result = CliRunner().invoke(app, ["app", "--port", "9000", "--address", "0.0.0.0"])
    assert result.exit_code == 3
    assert commands[0][2:] == [
        "streamlit", "run", str(ROOT / "app.py"), "--server.port=9000", "--server.address=0.0.0.0",
        "--server.headless=false",
    ]  # fmt: skip


def test_an_installation_without_the_app_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(serving, "_FOLDERS", (tmp_path,))
    with pytest.raises(InvalidRequest, match="Install lrviz again"):
        serving.app_file()


def test_the_citation_names_this_version() -> None:
    assert f"version: {lrviz.__version__}\n" in (ROOT / "CITATION.cff").read_text()
