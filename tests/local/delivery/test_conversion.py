"""JSON to columns by the rules of the OpenX SerDe; files that strangers read."""

import io
import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import orc

from local.delivery import conversion, hive, openx
from local.delivery.conversion import Failed, Output
from local.delivery.typed import Layout, Options

COLUMNS = {
    "s": "string",
    "ti": "tinyint",
    "i": "int",
    "b": "bigint",
    "f": "float",
    "d": "double",
    "ok": "boolean",
    "t": "timestamp",
    "day": "date",
    "dec": "decimal(10,2)",
    "arr": "array<string>",
    "m": "map<string,bigint>",
    "st": "struct<a:int,T2:timestamp,x:array<struct<y:double>>>",
}


DEFAULT = Options()


def layout(columns: dict[str, str] = COLUMNS, options: Options = DEFAULT) -> Layout:
    return Layout([(name, hive.parse(kind)) for name, kind in columns.items()], options)


def converted(kind: str, *values: Any) -> list[Any]:
    """What values become in a column of this type."""
    records = [json.dumps({"c": value}).encode() for value in values]
    table, failures = conversion.convert(layout({"c": kind}), records)
    assert failures == []
    result: list[Any] = table.column("c").to_pylist()
    return result


def failure(kind: str, document: str) -> tuple[str, str]:
    """Code and message of the one failure of a record."""
    table, (failed,) = conversion.convert(layout({"c": kind}), [document.encode()])
    assert table.num_rows == 0
    return failed.code.removeprefix("DataFormatConversion."), failed.message


NEW_YEAR = datetime(2013, 1, 1, 10, 15, 0)  # noqa: DTZ001  the columns have no zone


@pytest.mark.parametrize(
    ("kind", "value", "result"),
    [
        ("string", "x", "x"),
        ("string", 12, "12"),
        ("string", True, "true"),
        ("string", {"a": [1, {"b": None}]}, '{"a":[1,{"b":null}]}'),
        ("string", [1.5], "[1.5]"),
        ("string", "žluť 🚀", "žluť 🚀"),
        ("varchar(3)", "x", "x"),
        ("int", "12", 12),
        ("int", "-12", -12),
        ("int", "0x1F", 31),
        ("bigint", 2**63 - 1, 2**63 - 1),
        ("tinyint", -128, -128),
        ("double", "1e3", 1000.0),
        ("double", 7, 7.0),
        ("double", "Infinity", float("inf")),
        ("float", 0.5, 0.5),
        ("boolean", "TRUE", True),
        ("decimal(10,2)", "12.34", Decimal("12.34")),
        ("decimal(10,2)", 12, Decimal("12.00")),
        ("decimal(10,2)", 12.345, Decimal("12.35")),
        ("decimal(38,0)", "1" * 38, Decimal("1" * 38)),
        ("date", "2013-01-31", date(2013, 1, 31)),
        ("date", "2013-1-3", date(2013, 1, 3)),
        ("timestamp", "2013-01-01T10:15:00Z", NEW_YEAR),
        ("timestamp", "2013-01-01T10:15:00.123456789Z", NEW_YEAR.replace(microsecond=123456)),
        ("timestamp", "2013-01-01 10:15:00", NEW_YEAR),
        ("timestamp", "2013-1-1 10:15:0.5", NEW_YEAR.replace(microsecond=500_000)),
        ("timestamp", 1357035300, NEW_YEAR),
        ("timestamp", 1357035300.25, NEW_YEAR.replace(microsecond=250_000)),
        ("timestamp", 1357035300123, NEW_YEAR.replace(microsecond=123_000)),
        ("timestamp", "1357035300", NEW_YEAR),
        ("timestamp", -1, datetime(1969, 12, 31, 23, 59, 59)),  # noqa: DTZ001
        ("array<string>", ["a", None, 1], ["a", None, "1"]),
        ("array<int>", 7, [7]),
        ("array<array<int>>", [[1], 2], [[1], [2]]),
        ("map<string,int>", {"A": "1", "b": None}, [("A", 1), ("b", None)]),
        ("map<int,string>", {"1": "x"}, [(1, "x")]),
        ("struct<a:int,b:string>", {"A": "1", "zz": 0}, {"a": 1, "b": None}),
    ],
)
def test_a_value_that_fits_its_column_is_taken(kind: str, value: Any, result: Any) -> None:
    assert converted(kind, value, None) == [result, None]


@pytest.mark.parametrize("kind", COLUMNS.values())
def test_a_missing_value_is_null(kind: str) -> None:
    table, failures = conversion.convert(layout({"c": kind}), [b"{}", b'{"c":null}'])
    assert (table.column("c").to_pylist(), failures) == ([None, None], [])


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", "oops"),
        ("int", 1.5),
        ("int", True),
        ("int", 2**31),
        ("int", " 1"),
        ("tinyint", 128),
        ("bigint", 2**63),
        ("double", "oops"),
        ("double", False),
        ("boolean", 1),
        ("boolean", "yes"),
        ("decimal(10,2)", "1_0"),
        ("decimal(10,2)", "NaN"),
        ("decimal(10,2)", 123456789),
        ("date", "2013-02-30"),
        ("date", "0000-01-01"),
        ("date", 5),
        ("timestamp", "2013-01-01T10:15:00+00:00"),
        ("timestamp", "2013-01-01T10:15:00.5+02:00"),
        ("timestamp", "2013-01-01T10:15:00"),
        ("timestamp", "2013-01-01 10:15:00Z"),
        ("timestamp", "2013-01-01"),
        ("timestamp", "2013-02-30 10:15:00"),
        ("timestamp", "0000-01-01T00:00:00Z"),
        ("timestamp", True),
        ("timestamp", 1e300),
        ("timestamp", {}),
        ("map<string,int>", [1]),
        ("struct<a:int>", 42),
        ("struct<a:int>", {"a": "x"}),
        ("array<int>", ["x"]),
    ],
)
def test_a_value_that_does_not_fit_fails(kind: str, value: Any) -> None:
    code, message = failure(kind, json.dumps({"c": value}))
    assert code == "MalformedData"
    assert message.startswith("Data does not match the schema. ")


@pytest.mark.parametrize(
    ("document", "code", "message"),
    [
        ('{"c":', "ParseError", "Encountered malformed JSON. Expecting value"),
        ("{}}", "ParseError", "Encountered malformed JSON. Expecting value"),
        ('{"c":NaN}', "ParseError", "Encountered malformed JSON. NaN is no JSON"),
        ('{"c":"\\ud800"}', "ParseError", "Encountered malformed JSON. Unpaired surrogate"),
        ("", "MalformedData", "The record was empty or contained only whitespace."),
        (" \n", "MalformedData", "The record was empty or contained only whitespace."),
        (
            "42",
            "MalformedData",
            "The input JSON contained a primitive at the top level. The top level must be an "
            "object or array.",
        ),
        (
            '[{"c":"x"}]',
            "MalformedData",
            "Data does not match the schema. The top level of a record must not be an array.",
        ),
        (
            '{"c":"x"}["y"]',
            "MalformedData",
            "Data does not match the schema. The top level of a record must not be an array.",
        ),
    ],
)
def test_what_is_no_json_object_fails(document: str, code: str, message: str) -> None:
    assert failure("string", document) == (code, message)


def test_depth_fails_alone() -> None:
    assert failure("string", '{"q":' + "[" * 100_000)[0] == "ParseError"


def test_invalid_utf8_fails_alone() -> None:
    table, (failed,) = conversion.convert(layout({"c": "string"}), [b'{"c":"\xff"}', b'{"c":"x"}'])
    assert table.to_pylist() == [{"c": "x"}]
    assert (failed.index, failed.code) == (0, "DataFormatConversion.ParseError")


def test_a_wrong_record_never_blocks_a_right_one() -> None:
    records = [json.dumps({"c": number}).encode() for number in range(5_000)]
    records[17] = b"wrong"
    records[4_999] = b'{"c":"wrong"}'
    table, failures = conversion.convert(layout({"c": "int"}), records)
    assert table.column("c").to_pylist() == [n for n in range(5_000) if n not in (17, 4_999)]
    assert [(one.index, one.code) for one in failures] == [
        (17, "DataFormatConversion.ParseError"),
        (4_999, "DataFormatConversion.MalformedData"),
    ]


def test_several_documents_in_one_record_are_rows_and_fail_together() -> None:
    records = [b'{"c":1}{"c":"2"}\n{"c":3}\n', b'{"c":4}{"c":"x"}']
    table, failures = conversion.convert(layout({"c": "int"}), records)
    assert table.column("c").to_pylist() == [1, 2, 3]
    assert [one.index for one in failures] == [1]


def test_different_forms_of_time_may_meet_in_one_chunk() -> None:
    texts = ["2013-01-01T10:15:00Z", "2013-01-01 10:15:00", 1357035300]
    assert converted("timestamp", *texts) == [NEW_YEAR] * 3


@pytest.mark.parametrize(
    ("options", "document", "row"),
    [
        (Options(), {"C": 1, "unknown": {"c": 2}}, {"c": 1, "a_b": None}),
        (Options(case_insensitive=False), {"C": 1, "a_b": 2}, {"c": None, "a_b": 2}),
        (Options(dots_to_underscores=True), {"c": 1, "a.b": 2}, {"c": 1, "a_b": 2}),
        (Options(keys={"c": "See"}), {"see": 1, "c": 3}, {"c": 1, "a_b": None}),
        (Options(case_insensitive=False, keys={"c": "See"}), {"See": 1}, {"c": 1, "a_b": None}),
    ],
)
def test_keys_are_found_as_the_options_say(
    options: Options, document: dict[str, Any], row: dict[str, int | None]
) -> None:
    columns = layout({"c": "int", "a_b": "int"}, options)
    table, failures = conversion.convert(columns, [json.dumps(document).encode()])
    assert (table.to_pylist(), failures) == ([row], [])


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "s": st.text() | st.integers() | st.booleans(),
    "ti": st.integers(-200, 200),
    "i": st.integers(-(2**33), 2**33) | st.sampled_from(["5", "x"]),
    "b": st.integers(),
    "f": st.floats(allow_nan=False, allow_infinity=False, width=32) | st.integers(-100, 100),
    "d": st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(["1.5", "x"]),
    "ok": st.booleans() | st.sampled_from(["true", 1]),
    "t": st.datetimes(min_value=datetime(1900, 1, 1)).map(lambda t: f"{t.isoformat()}Z")  # noqa: DTZ001
    | st.sampled_from(["2013-01-01 10:15:00.5", "2013-01-01T10:15:00+00:00", 5, 1357035300123]),
    "day": st.dates().map(str) | st.sampled_from(["2013-02-30", 5]),
    "dec": st.decimals(-(10**9), 10**9, places=3).map(str) | st.integers(-(10**9), 10**9),
    "arr": st.lists(st.none() | st.text() | st.integers()) | st.text(),
    "m": st.dictionaries(st.text(), st.none() | st.integers(0, 9)) | st.just([]),
    "st": st.fixed_dictionaries(
        {}, optional={"a": st.integers(0, 9), "T2": st.just("2013-01-01T10:15:00Z")}
    )
    | st.just(5),
}
DOCUMENTS = st.fixed_dictionaries({}, optional={k: st.none() | v for k, v in VALUES.items()})


@settings(deadline=None)
@given(st.lists(DOCUMENTS, min_size=1, max_size=8))
def test_the_fast_way_and_the_careful_way_agree(documents: list[dict[str, Any]]) -> None:
    columns = layout()
    records = [json.dumps(document).encode() for document in documents]
    fast, failures = conversion.convert(columns, records)
    rows, careful = conversion._one_by_one(columns, records, 0, careful=True)
    assert fast.to_pylist() == columns.batch(rows).to_pylist()
    assert failures == careful


ROW = {
    "s": "x",
    "ti": 1,
    "i": 2,
    "b": 3,
    "f": 0.5,
    "d": 1.5,
    "ok": True,
    "t": "2013-01-01T10:15:00.5Z",
    "day": "2013-01-31",
    "dec": "12.34",
    "arr": ["a", None],
    "m": {"k": 1},
    "st": {"a": 1, "t2": "2013-01-01T10:15:00Z", "x": [{"y": 1.5}]},
}


@pytest.mark.parametrize("compression", ["snappy", "gzip", "none"])
def test_parquet_is_read_by_arrow_and_duckdb_as_plain_utc(compression: str, tmp_path: Path) -> None:
    table, failures = conversion.convert(layout(), [json.dumps(ROW).encode(), b"{}"])
    assert failures == []
    file = tmp_path / "x.parquet"
    file.write_bytes(conversion.write(table, Output(compression=compression)))
    stored = pq.read_table(file)
    assert stored.equals(table)
    assert stored.schema.names == list(COLUMNS)
    assert stored.schema.field("t").type == pa.timestamp("us")
    described = duckdb.execute(f"DESCRIBE SELECT t, day, dec, st, m FROM '{file}'").fetchall()
    assert [kind for _, kind, *_ in described] == [
        "TIMESTAMP",
        "DATE",
        "DECIMAL(10,2)",
        "STRUCT(a INTEGER, t2 TIMESTAMP, x STRUCT(y DOUBLE)[])",
        "MAP(VARCHAR, BIGINT)",
    ]
    found = duckdb.execute(f"SELECT t, m['k'] FROM '{file}' WHERE s = 'x'").fetchall()
    assert found == [(NEW_YEAR.replace(microsecond=500_000), 1)]


@pytest.mark.parametrize("compression", ["snappy", "zlib", "uncompressed"])
def test_orc_holds_the_same_rows(compression: str) -> None:
    table, _ = conversion.convert(layout(), [json.dumps(ROW).encode(), b"{}"])
    body = conversion.write(table, Output(format="orc", compression=compression))
    assert orc.read_table(io.BytesIO(body)).cast(table.schema).to_pylist() == table.to_pylist()


@pytest.mark.parametrize(
    "kind",
    ["", "strin", "binary", "uniontype<int>", "array<int", "array<int>>", "decimal(39,1)", "map<>"],
)
def test_a_type_that_the_serde_cannot_read_is_unsupported(kind: str) -> None:
    with pytest.raises(hive.UnsupportedType):
        hive.parse(kind)


def test_failures_say_where_they_are() -> None:
    _, failures = conversion.convert(layout({"c": "int"}), [b"{}", b'{"c":"oops"}'])
    message = 'Data does not match the schema. For input string: "oops"'
    assert failures == [Failed(1, "DataFormatConversion.MalformedData", message)]


def test_a_number_in_a_string_column_stays_as_it_was_written() -> None:
    (document,) = openx.documents(b'{"c":1.10}')
    assert openx.text(document["c"]) == "1.10"
