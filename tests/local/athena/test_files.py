"""Files as tables: other formats, older schemas, and reading beside writing."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import re
import threading
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.orc as orc
import pyarrow.parquet as pq
import pytest

from local.athena.engine import Engine
from local.athena.sql import grammar
from local.athena.sql.operators import condition
from local.athena.sql.relations import Column, Scope, Source
from local.athena.sql.translator import Context, Translator, load
from local.athena.sql.types import DOUBLE
from tests.local.athena import data
from tests.local.athena.conftest import Athena


def place(name: str) -> str:
    return f"s3://{data.BUCKET}/{name}/"


def parquet(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def lines(*rows: object) -> bytes:
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


# --- JSON


JSON_TYPES = {
    "id": "bigint",
    "ratio": "double",
    "price": "decimal(8,2)",
    "ok": "boolean",
    "day": "date",
    "at": "timestamp",
    "tags": "array<string>",
    "owner": "struct<name:string,age:int>",
    "counts": "map<string,int>",
    "raw": "string",
}


def test_json_lines_are_read_by_the_openx_rules(athena: Athena) -> None:
    athena.put(
        "json/a.json",
        lines(
            {
                "ID": 1,
                "ratio": "0.5",
                "price": 12.345,
                "ok": True,
                "day": "2024-01-02",
                "at": "2024-01-02 03:04:05.678",
                "tags": ["a", None],
                "owner": {"NAME": "x", "age": "7", "extra": 1},
                "counts": {"k": 1},
                "raw": {"b": [1, 2]},
                "unknown": "dropped",
            },
            {"id": "2", "at": 1704164645678, "tags": "single", "raw": 5},
            {"id": 3, "at": "2024-01-02T03:04:05Z"},
        ),
    )
    athena.put("json/b.json.gz", gzip.compress(lines({"id": 4})))
    athena.put("json/c.json.bz2", bz2.compress(lines({"id": 5})))
    athena.table("json_lines", data.storage(place("json"), JSON_TYPES, "json"))
    found = athena.ask("SELECT * FROM json_lines ORDER BY id").values
    at = datetime(2024, 1, 2, 3, 4, 5)  # noqa: DTZ001  timestamps have no zone
    assert found[0] == (
        1,
        0.5,
        Decimal("12.35"),
        True,
        date(2024, 1, 2),
        at.replace(microsecond=678000),
        "[a, null]",
        "{name=x, age=7}",
        "{k=1}",
        '{"b":[1,2]}',
    )
    assert found[1] == (
        2, None, None, None, None, at.replace(microsecond=678000), "[single]", None, None, "5",
    )  # fmt: skip
    assert found[2][5] == at
    assert [row[0] for row in found] == [1, 2, 3, 4, 5]
    sizes = sum(
        o["Size"] for o in athena.s3.list_objects_v2(Bucket=data.BUCKET, Prefix="json/")["Contents"]
    )
    assert athena.ask("SELECT id FROM json_lines").scanned == sizes


def test_a_malformed_line_fails_the_query_unless_it_is_to_be_ignored(athena: Athena) -> None:
    athena.put("broken/a.json", b'{"id": 1}\n{"id": \n{"id": "x"}\n')
    athena.table("strictly", data.storage(place("broken"), {"id": "bigint"}, "json"))
    assert athena.reason("SELECT * FROM strictly").startswith(
        "HIVE_CURSOR_ERROR: Row is not a valid JSON Object"
    )
    lenient = data.storage(
        place("broken"), {"id": "bigint"}, "json", **{"ignore.malformed.json": "true"}
    )
    athena.table("leniently", lenient)
    assert athena.ask("SELECT count(*), count(id) FROM leniently").values == [(3, 1)]


def test_json_is_read_as_delivery_reads_it(athena: Athena) -> None:
    rows = [
        {"id": "0x1F", "ok": "TRUE", "at": 1704164645, "a.b": "x"},
        {"id": 7, "ok": False, "at": 1704164645.5, "A.B": "y"},
    ]
    athena.put("rules/a.json", lines(*rows))
    types = {"id": "bigint", "ok": "boolean", "at": "timestamp", "a_b": "string"}
    dots = {"dots.in.keys": "true"}
    athena.table("rules", data.storage(place("rules"), types, "json", **dots))
    at = datetime(2024, 1, 2, 3, 4, 5)  # noqa: DTZ001  timestamps have no zone
    assert athena.ask("SELECT * FROM rules ORDER BY id").values == [
        (7, False, at.replace(microsecond=500_000), "y"),
        (31, True, at, "x"),
    ]
    for number, wrong in enumerate(({"ok": "yes"}, {"id": 1.5}, {"id": 2**63})):
        name = f"wrong_{number}"
        athena.put(f"{name}/a.json", lines(wrong))
        athena.table(name, data.storage(place(name), types, "json"))
        assert athena.reason(f"SELECT * FROM {name}").startswith("HIVE_CURSOR_ERROR: Row is not")


def test_a_type_that_json_has_not_is_refused_by_its_name(athena: Athena) -> None:
    athena.put("bytes/a.json", lines({"b": "AA=="}))
    athena.table("bytes", data.storage(place("bytes"), {"b": "binary"}, "json"))
    assert athena.reason("SELECT * FROM bytes") == (
        "NOT_SUPPORTED: The type varbinary in JSON is not supported by the local Athena"
    )


def test_keys_can_be_mapped_to_columns(athena: Athena) -> None:
    athena.put("mapped/a.json", lines({"Event-Id": "e", "type": "t"}))
    serde = {"mapping.event_id": "Event-Id"}
    types = {"event_id": "string", "type": "string"}
    athena.table("mapped", data.storage(place("mapped"), types, "json", **serde))
    assert athena.ask("SELECT event_id, type FROM mapped").values == [("e", "t")]


# --- ORC, and what is not read


@pytest.mark.parametrize("form", ["csv", "text"])
def test_text_files_are_refused_by_their_format(athena: Athena, form: str) -> None:
    athena.put(f"{form}/a.{form}", b"1,a\n")
    athena.table(form, data.storage(place(form), {"id": "bigint"}, form))
    assert athena.reason(f"SELECT * FROM {form}") == (
        f"NOT_SUPPORTED: Tables of the format {form} are not supported by the local Athena"
    )


def test_orc_files_are_read(athena: Athena) -> None:
    sink = io.BytesIO()
    orc.write_table(pa.table({"Id": [1, 2], "tags": [["a"], []]}), sink)
    athena.put("orc/a.orc", sink.getvalue())
    types = {"id": "bigint", "tags": "array<string>"}
    athena.table("orc_file", data.storage(place("orc"), types, "orc"))
    assert athena.ask("SELECT * FROM orc_file ORDER BY id").values == [(1, "[a]"), (2, "[]")]


# --- schemas that change


def test_files_written_before_and_after_a_change_are_one_table(athena: Athena) -> None:
    """A new column is null in old files, wider numbers are cast, order and case do not matter."""
    old = pa.table(
        {
            "id": pa.array([1], pa.int32()),
            "Score": pa.array([0.5], pa.float32()),
            "price": pa.array([Decimal("1.50")], pa.decimal128(5, 2)),
            "owner": pa.array([{"name": "x"}]),
        }
    )
    new = pa.table(
        {
            "added": pa.array(["here"]),
            "owner": pa.array([{"age": 7, "name": "y"}]),
            "price": pa.array([Decimal("2.2500")], pa.decimal128(12, 4)),
            "score": pa.array([0.25], pa.float64()),
            "id": pa.array([2**40], pa.int64()),
            "dropped": pa.array([1]),
        }
    )
    athena.put("evolving/old.parquet", parquet(old))
    athena.put("evolving/new.parquet", parquet(new))
    types = {
        "id": "bigint",
        "score": "double",
        "price": "decimal(12,4)",
        "owner": "struct<name:string,age:int>",
        "added": "string",
    }
    athena.table("evolving", data.storage(place("evolving"), types))
    assert athena.ask("SELECT * FROM evolving ORDER BY id").values == [
        (1, 0.5, Decimal("1.5000"), "{name=x, age=null}", None),
        (2**40, 0.25, Decimal("2.2500"), "{name=y, age=7}", "here"),
    ]
    assert athena.ask("SELECT count(added), max(owner.age), sum(id) FROM evolving").values == [
        (1, 7, 2**40 + 1)
    ]


def test_a_file_that_contradicts_the_table_is_an_error(athena: Athena) -> None:
    athena.put("wrong/a.parquet", parquet(pa.table({"id": ["text"]})))
    athena.table("wrong", data.storage(place("wrong"), {"id": "bigint"}))
    assert athena.reason("SELECT id FROM wrong").startswith("HIVE_BAD_DATA: Field id's type string")
    athena.put("wrong2/a.parquet", b"this is not Parquet")
    athena.table("wrong2", data.storage(place("wrong2"), {"id": "bigint"}))
    assert athena.reason("SELECT * FROM wrong2").startswith("HIVE_BAD_DATA: Not valid Parquet file")


def test_timestamps_are_read_to_the_millisecond(athena: Athena) -> None:
    moments = [1704164645_123456, 1704164645_123999, None]
    for unit, factor in (("us", 1), ("ns", 1000)):
        values = pa.array([m and m * factor for m in moments], pa.timestamp(unit))
        athena.put(f"fine_{unit}/a.parquet", parquet(pa.table({"at": values})))
        athena.table(f"fine_{unit}", data.storage(place(f"fine_{unit}"), {"at": "timestamp"}))
        assert athena.ask(f"SELECT at FROM fine_{unit} ORDER BY at").rows == [
            ("2024-01-02 03:04:05.123",),
            ("2024-01-02 03:04:05.124",),
            (None,),
        ]
    zoned = pa.array([1704164645_123], pa.timestamp("ms", tz="UTC"))
    athena.put("zoned/a.parquet", parquet(pa.table({"at": zoned})))
    athena.table("zoned", data.storage(place("zoned"), {"at": "timestamp"}))
    assert athena.ask("SELECT at FROM zoned").rows == [("2024-01-02 03:04:05.123",)]
    old = parquet(
        pa.table({"at": zoned.cast(pa.timestamp("ns"))}), use_deprecated_int96_timestamps=True
    )
    athena.put("int96/a.parquet", old)
    athena.table("int96", data.storage(place("int96"), {"at": "timestamp"}))
    assert athena.ask("SELECT at FROM int96").rows == [("2024-01-02 03:04:05.123",)]


def test_a_partition_column_that_is_also_in_the_file_is_the_partitions(athena: Athena) -> None:
    athena.put("both/day=folder/a.parquet", parquet(pa.table({"id": [1], "day": ["file"]})))
    athena.table(
        "both",
        data.storage(place("both"), {"id": "bigint"}),
        PartitionKeys=[{"Name": "day", "Type": "string"}],
    )
    athena.ask("MSCK REPAIR TABLE both")
    assert athena.ask("SELECT id, day FROM both WHERE day = 'folder'").values == [(1, "folder")]


def test_partition_values_may_hold_any_character(athena: Athena) -> None:
    athena.ask(
        "CREATE EXTERNAL TABLE odd (id bigint) PARTITIONED BY (label string) STORED AS PARQUET "
        f"LOCATION '{place('odd')}'"
    )
    labels = ["a/b", "50%", "x=y", "it's", "ü ß", 'say "hi"', "a:b"]
    for at, label in enumerate(labels):
        athena.ask("INSERT INTO odd SELECT ?, ?", ExecutionParameters=[str(at), quoted(label)])
    assert athena.ask("SELECT id, label FROM odd ORDER BY id").values == list(enumerate(labels))
    for at, label in enumerate(labels):
        sql = "SELECT id FROM odd WHERE label = ?"
        assert athena.ask(sql, ExecutionParameters=[quoted(label)]).values == [(at,)]


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


# --- reading beside writing


def test_a_replaced_object_is_read_as_it_is_now(athena: Athena) -> None:
    athena.table("replaced", data.storage(place("replaced"), {"id": "bigint"}))
    for value in (1, 2, 3):
        athena.put("replaced/a.parquet", parquet(pa.table({"id": [value]})))
        assert athena.ask("SELECT id FROM replaced").values == [(value,)]
    athena.s3.delete_object(Bucket=data.BUCKET, Key="replaced/a.parquet")
    assert athena.ask("SELECT id FROM replaced").values == []


def test_queries_beside_delivery_see_whole_files_and_never_fewer(athena: Athena) -> None:
    """Each file holds ten rows that sum to zero: half a file would show."""
    athena.table("busy", data.storage(place("busy"), {"value": "bigint"}))
    block = parquet(pa.table({"value": [*range(1, 6), *range(-5, 0)]}))
    written = threading.Event()

    def deliver() -> None:
        client = Athena(athena.aws)
        for number in range(60):
            client.put(f"busy/{number}.parquet", block)
        written.set()

    thread = threading.Thread(target=deliver)
    thread.start()
    counts: list[int] = []
    while not written.is_set() or not counts:
        [(count, total)] = athena.ask("SELECT count(value), sum(value) FROM busy").values
        counts.append(count)
        assert total in (0, None)
    thread.join()
    assert counts == sorted(counts)
    assert all(count % 10 == 0 for count in counts)
    assert athena.ask("SELECT count(*) FROM busy").values == [(600,)]


def test_a_row_knows_the_object_it_is_from(athena: Athena) -> None:
    sql = (
        "SELECT \"$path\", count(*) FROM flights WHERE event_date = '2024-01-06' "
        "GROUP BY 1 ORDER BY 1"
    )
    found = athena.ask(sql)
    assert [row[0] for row in found.values] == [
        f"s3://{data.BUCKET}/flights/event_date=2024-01-06/{part}.parquet" for part in (0, 1)
    ]
    assert found.scanned == 0
    assert "$path" not in athena.ask("SELECT * FROM flights LIMIT 1").labels


RATIOS = [-1.0, 2.0, 3.0, float("inf"), float("nan"), None]


def test_nan_is_not_compared_with_a_number_though_a_files_statistics_leave_it_out(
    athena: Athena,
) -> None:
    ids = list(range(len(RATIOS)))
    table = pa.table({"id": pa.array(ids, pa.int64()), "ratio": pa.array(RATIOS, pa.float64())})
    athena.put("ratios/a.parquet", parquet(table))
    # The statistics of this one say that every ratio is between 2 and 3.
    athena.put("ratios/b.parquet", parquet(table.take(pa.array([1, 2, 4]))))
    athena.table("ratios", data.storage(place("ratios"), {"id": "bigint", "ratio": "double"}))
    conditions = {
        "ratio < 9": [0, 1, 1, 2, 2],
        "ratio <= 3": [0, 1, 1, 2, 2],
        "ratio > 2": [2, 2, 3],
        "ratio >= -1e0": [0, 1, 1, 2, 2, 3],
        "ratio = 3": [2, 2],
        "ratio <> 3": [0, 1, 1, 3, 4, 4],
        "NOT (ratio < 9)": [3, 4, 4],
        "ratio BETWEEN 0 AND 9": [1, 1, 2, 2],
        "ratio NOT BETWEEN 0 AND 9": [0, 3, 4, 4],
        "ratio IN (2, 3)": [1, 1, 2, 2],
        "ratio NOT IN (2e0, 3e0)": [0, 3, 4, 4],
        "ratio = ratio": [0, 1, 1, 2, 2, 3],
        "is_nan(ratio)": [4, 4],
    }
    found = {
        condition: [
            row[0]
            for row in athena.ask(f"SELECT id FROM ratios WHERE {condition} ORDER BY id").values
        ]
        for condition in conditions
    }
    assert found == conditions


def test_a_comparison_of_a_double_with_a_constant_skips_row_groups(tmp_path: Path) -> None:
    ratios = pa.table({"ratio": [float(number) for number in range(1_000)]})
    pq.write_table(ratios, tmp_path / "a.parquet", row_group_size=100)
    load()
    engine = Engine(tmp_path)
    read = {}
    for node in (
        "250 < ratio",
        "ratio = 250",
        "ratio BETWEEN 250 AND 260",
        "ratio IN (-1, 1, 250)",
    ):
        column = Column("ratio", DOUBLE, "ratio")
        translator = Translator(Context(Nothing()), Scope([Source((), [column])]))
        where = condition(translator, grammar.parse(f"SELECT {node}").expressions[0])
        plan = engine.cursor().execute(
            f"EXPLAIN ANALYZE SELECT * FROM read_parquet('{tmp_path}/a.parquet') WHERE {where}"
        )
        [(_, text)] = plan.fetchall()
        read[node] = re.findall(r"Row Groups Scanned: (\d+) / (\d+)", text)
    engine.close()
    assert read == {
        "250 < ratio": [("8", "10")],
        "ratio = 250": [("1", "10")],
        "ratio BETWEEN 250 AND 260": [("1", "10")],
        "ratio IN (-1, 1, 250)": [("2", "10")],
    }


class Nothing:
    """A catalog without tables."""

    def relation(self, catalog: str, database: str, name: str) -> None:
        """None: there is no such table."""
