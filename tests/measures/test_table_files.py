"""Tables that anybody may have written end in the known columns or in a sentence, at a bounded cost."""

import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lrviz.errors import InvalidData, UnreadableFile
from lrviz.measures.sweeps import COLUMNS, read_results
from lrviz.measures.table_files import check_types, read_table

KINDS = {"name": str, "number": float, "count": int, "flag": bool}


def csv(text):
    return io.BytesIO(text.encode() if isinstance(text, str) else text)


def parquet(**columns):
    buffer = io.BytesIO()
    pd.DataFrame(columns).to_parquet(buffer)
    return buffer


def repeated_text(length, number):
    """A small file that says a long text many times."""
    numbers = pa.array(np.zeros(number, np.int32))
    column = pa.DictionaryArray.from_arrays(numbers, pa.array(["x" * length]))
    buffer = io.BytesIO()
    pq.write_table(pa.table({"name": column}), buffer, compression="zstd")
    assert len(buffer.getvalue()) < 10**6
    return buffer


def test_known_columns_come_in_their_order():
    table = read_table(csv("flag,other,name\nTrue,1,a\nFalse,2,b\n"), "t.csv", KINDS)
    assert table.columns.tolist() == ["name", "flag"]
    table = read_table(parquet(count=[1, 2], other=[0, 0], name=["a", "b"]), "t.parquet", KINDS)
    assert table.columns.tolist() == ["name", "count"]
    assert table["name"].tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (csv(""), "t.csv"),
        (csv("," * 10**6), "t.csv"),
        (csv('"a\n' + "," * 10**5), "t.csv"),
        (csv("name\n" + "a\n" * 1_000_001), "t.csv"),
        (csv("a\n1,2,3\n1,2,3,4\n"), "t.csv"),
        (csv(b"\xff\xfe\x00"), "t.csv"),
        (csv("PAR1"), "t.parquet"),
        (csv(b"PAR1" + bytes(100) + b"PAR1"), "t.parquet"),
        (repeated_text(10_000_000, 200_000), "t.parquet"),
        (parquet(number=np.zeros(1_000_001)), "t.parquet"),
        (parquet(name=[["nested"]]), "t.parquet"),
    ],
    ids=["empty", "columns", "quoted", "rows", "ragged", "bytes", "magic", "footer", "text", "many", "nested"],
)
def test_tables_that_cost_too_much_or_are_damaged(source, name):
    with pytest.raises((ValueError, UnreadableFile)) as caught:
        read_table(source, name, KINDS)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("name", ["x" * 301]),
        ("number", ["1e"]),
        ("number", ["nan?"]),
        ("count", ["9" * 5000]),
        ("count", [np.inf]),
        ("count", [1e300]),
        ("flag", ["maybe"]),
        ("flag", [2]),
    ],
)
def test_values_of_another_type_name_their_column(column, values):
    with pytest.raises(ValueError, match=column):
        check_types(pd.DataFrame({column: values}), {column: KINDS[column]})


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("width", -3),
        ("width", 10**12),
        ("test_error", 1.5),
        ("train_error", "1e400"),
        ("density", -1),
        ("deviation", 1e300),
        ("label_noise", "nan"),
        ("num_segments", 0),
        ("radius", "inf"),
    ],
)
def test_results_out_of_range_are_refused(tmp_path, column, value):
    sound = {str: "one", int: 3, float: 0.5, bool: False}
    row = {name: sound[kind] for name, kind in COLUMNS.items()} | {"status": "complete", column: value}
    pd.DataFrame([row]).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(InvalidData, match=f"{column} "):
        read_results(tmp_path / "t.csv")
