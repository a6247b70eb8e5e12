"""Tables from .csv and .parquet files that anybody may have written: known columns only, of a bounded size."""

import io
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lrviz.errors import UnreadableFile
from lrviz.files import read_regular, shown

MAX_TABLE_BYTES = 200 * 2**20
"""Largest file of a table that is read."""

MAX_ROWS = 1_000_000
MAX_TEXT = 300
"""Most characters of a text in a table."""

_MAX_HEADER = 20_000

Columns = Mapping[str, type]


def read_table(source: Path | str | os.PathLike[str] | io.BytesIO, name: str, columns: Columns) -> pd.DataFrame:
    """Read the known columns of a table.

    Args:
        source: A .csv or .parquet file, or an open one.
        name: The file's name, which tells its kind.
        columns: Names and types of the columns: str, int, float or bool.

    Returns:
        The columns that are there, in the order of `columns`, not yet of their types.

    Raises:
        UnreadableFile: There is no such file, or it may not be read.
        ValueError: It is no table, or too large.
    """
    data = source.getvalue() if isinstance(source, io.BytesIO) else read_regular(source, MAX_TABLE_BYTES)
    if len(data) > MAX_TABLE_BYTES:
        raise ValueError(f"it has more than {MAX_TABLE_BYTES / 2**20:.0f} MB")
    read = _read_csv if Path(name).suffix.lower() == ".csv" else _read_parquet
    try:
        table = read(data, columns)
    except (UnreadableFile, ValueError):
        raise
    except Exception as error:  # pandas and pyarrow raise many kinds for a damaged file
        raise ValueError("it is damaged") from error
    return table[[column for column in columns if column in table.columns]]


def check_types(table: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """The table with its columns' types.

    Raises:
        ValueError: A value is of another type, or a text too long; names the column.
    """
    converted = {}
    for name, kind in columns.items():
        values = table[name]
        if kind is bool and len(values) and values.dtype != bool:
            raise ValueError(f"{name} without yes or no")
        if kind is str and values.astype(str).str.len().gt(MAX_TEXT).any():
            raise ValueError(f"{name} with a text of more than {MAX_TEXT} characters")
        try:
            converted[name] = (_require_whole(values) if kind is int else values).astype(kind)
        except (ValueError, TypeError, OverflowError) as error:
            raise ValueError(f"{name} without a number") from error
    return pd.DataFrame(converted)


def _require_whole(values: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(values).to_numpy(float)
    if not ((np.abs(numbers) < 2**53) & (numbers == np.rint(numbers))).all():
        raise ValueError("a whole number is needed")
    return pd.to_numeric(values)


def check_ranges(table: pd.DataFrame, ranges: Mapping[str, tuple[float, float]], unknown: Sequence[str] = ()) -> None:
    """Refuse numbers out of range; those that may be unknown may be NaN.

    Raises:
        ValueError: A number is not finite, or out of its column's range; names the column.
    """
    for name, (least, largest) in ranges.items():
        values = table[name].to_numpy(float)
        if not np.isfinite(values[~np.isnan(values)] if name in unknown else values).all():
            raise ValueError(f"{name} without a number")
        wrong = values[(values < least) | (values > largest)]
        if len(wrong):
            raise ValueError(f"{name} of {wrong[0]:g}, outside {least:g} to {largest:g}")


def _read_csv(data: bytes, columns: Columns) -> pd.DataFrame:
    header = re.split(rb"[\r\n]", data[: _MAX_HEADER + 1], maxsplit=1)[0]
    if len(header) > _MAX_HEADER or header.count(b'"') % 2:
        raise ValueError("its first line is no list of columns")
    # Numbers with a fraction are read as text first: pandas rounds the last digit of some, Python does not.
    texts = {name: str for name, kind in columns.items() if kind in (str, float)}
    table = pd.read_csv(io.BytesIO(data), dtype=texts, nrows=MAX_ROWS + 1)
    if len(table) > MAX_ROWS:
        raise ValueError(f"it has more than {MAX_ROWS:,} rows")
    return table


def _read_parquet(data: bytes, columns: Columns) -> pd.DataFrame:
    """Read texts as numbers of a dictionary, which take little however often a long one is repeated."""
    texts = [name for name, kind in columns.items() if kind is str]
    file = pq.ParquetFile(io.BytesIO(data), read_dictionary=texts)
    if file.metadata.num_rows > MAX_ROWS:
        raise ValueError(f"it has more than {MAX_ROWS:,} rows")
    table = file.read(columns=[name for name in columns if name in file.schema_arrow.names])
    for name in table.column_names:
        _check_text(table[name], name)
    return table.to_pandas()


def _check_text(column: pa.ChunkedArray, name: str) -> None:
    for chunk in column.chunks:
        texts = chunk.dictionary if isinstance(chunk, pa.DictionaryArray) else chunk
        if pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type):
            longest = pc.max(pc.utf8_length(texts)).as_py() or 0
            if longest > MAX_TEXT:
                raise ValueError(f"{shown(name)} has a text of more than {MAX_TEXT} characters")
        elif not _is_plain(texts.type):
            raise ValueError(f"{shown(name)} holds neither numbers nor texts")


def _is_plain(kind: pa.DataType) -> bool:
    types = pa.types
    return types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_null(kind)
