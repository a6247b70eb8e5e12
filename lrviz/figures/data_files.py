"""Results and tables as files of numbers, with what they show written inside."""

import io
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from numpy.lib.format import write_array

from lrviz.engine.requests import pack
from lrviz.measures.tables import Columns, save_csv
from lrviz.results.archive import NOTE
from lrviz.results.pieces import PathPieces
from lrviz.results.regions import Regions


def write_table(columns: Columns, *, description: str) -> bytes:
    """Columns as comma-separated text; the description is a comment in the first line."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        save_csv(path, columns)
        return f"# {description}\n".encode() + path.read_bytes()


def write_archive(result: Regions | PathPieces, *, description: str) -> bytes:
    """A result as an npz archive; the description is an array of its own, `view`."""
    buffer = io.BytesIO(pack(result))
    with zipfile.ZipFile(buffer, "a") as archive, archive.open(f"{NOTE}.npy", "w") as file:
        write_array(file, np.array(description), allow_pickle=False)
    return buffer.getvalue()
