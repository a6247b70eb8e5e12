"""Where the shipped models and sample images live."""

from functools import cache
from pathlib import Path


@cache
def assets_folder() -> Path:
    """Return the folder of shipped files: inside an installed package, or at the top of a checkout.

    Raises:
        FileNotFoundError: Neither place has it, so the installation is incomplete.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "assets", package.parent / "assets"):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"Expected the folder 'assets' in {package} or beside it: install lrviz again.")
