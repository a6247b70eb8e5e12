"""The command that opens the app."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from lrviz.errors import InvalidRequest

_PACKAGE = Path(__file__).resolve().parents[1]
_FOLDERS = (_PACKAGE / "ui" / "app", _PACKAGE.parent)
"""Where `app.py` and its pages are: inside an installed package, or at the top of a checkout."""


def open_app(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the server.")] = 8501,
    address: Annotated[
        str, typer.Option(help="Address that the server listens on; others than this computer reach 0.0.0.0.")
    ] = "localhost",
    browser: Annotated[bool, typer.Option(help="Open the app in a browser.")] = True,
) -> None:
    """Open the app; Ctrl-C ends it."""
    command = [sys.executable, "-m", "streamlit", "run", str(app_file())]
    command += [f"--server.port={port}", f"--server.address={address}", f"--server.headless={not browser}".lower()]
    try:
        code = subprocess.run(command, check=False).returncode
    except KeyboardInterrupt:
        code = 0
    raise typer.Exit(code)


def app_file() -> Path:
    """The app's file, with its pages and its settings beside it.

    Raises:
        InvalidRequest: The installation has none.
    """
    for folder in _FOLDERS:
        if (folder / "app.py").is_file() and (folder / "pages").is_dir():
            return folder / "app.py"
    raise InvalidRequest(f"Expected app.py and its pages in {_FOLDERS[0]}; found none. Install lrviz again.")
