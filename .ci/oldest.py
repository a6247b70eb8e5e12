"""Print the oldest version of every dependency that pyproject.toml allows, but for PyTorch."""

import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
for dependency in project["dependencies"]:
    if not dependency.startswith("torch"):
        print(dependency.replace(">=", "=="))
