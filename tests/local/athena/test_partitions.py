"""Which objects a query reads: projection, registered partitions, pruning and what it bills."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from tests.local.athena import data
from tests.local.athena.conftest import PROJECTION, Athena

IDS = pa.schema([("id", pa.int64()), ("filler", pa.string())])
ROWS = data.flights()


def file(*ids: int) -> bytes:
    return data.parquet([{"id": at, "filler": "x" * 10} for at in ids], IDS)


def table(athena: Athena, name: str, keys: dict[str, str], properties: dict[str, str]) -> None:
    athena.table(
        name,
        data.storage(f"s3://{data.BUCKET}/{name}/", {"id": "bigint", "filler": "string"}),
        PartitionKeys=data.columns(keys),
        Parameters=properties,
    )


def day_bytes(athena: Athena, columns: str, where: str) -> int:
    return athena.ask(f"SELECT {columns} FROM flights WHERE {where}").scanned


# --- what is billed


def test_a_query_for_one_day_reads_only_that_days_objects(athena: Athena) -> None:
    one = athena.ask("SELECT sum(distance), max(event_date) FROM flights "
                     "WHERE event_date = '2024-01-06'")  # fmt: skip
    everything = athena.ask("SELECT sum(distance) FROM flights")
    assert one.values[0][1] == "2024-01-06"
    assert 0 < one.scanned < everything.scanned / 20


def test_only_the_columns_that_are_used_are_billed(athena: Athena) -> None:
    import io

    import pyarrow.parquet as pq

    expected = 0
    for part in range(2):
        key = f"flights/event_date=2024-01-06/{part}.parquet"
        body = athena.s3.get_object(Bucket=data.BUCKET, Key=key)["Body"].read()
        metadata = pq.ParquetFile(io.BytesIO(body)).metadata
        for group in range(metadata.num_row_groups):
            for at in range(metadata.num_columns):
                chunk = metadata.row_group(group).column(at)
                if chunk.path_in_schema in ("distance", "carrier"):
                    expected += chunk.total_compressed_size
    assert day_bytes(athena, "carrier, sum(distance)", "event_date = '2024-01-06' GROUP BY 1") == (
        expected
    )


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM flights",
        "SELECT DISTINCT event_date FROM flights",
        "SELECT count(*) FROM (SELECT * FROM flights) WHERE event_date > '2024-01-20'",
    ],
)
def test_what_needs_no_column_scans_nothing(athena: Athena, sql: str) -> None:
    assert athena.ask(sql).scanned == 0


def test_columns_that_a_subquery_offers_but_nobody_uses_are_not_billed(athena: Athena) -> None:
    narrow = athena.ask("SELECT max(distance) FROM flights").scanned
    wide = "WITH a AS (SELECT *, upper(carrier) AS c FROM flights) SELECT max(distance) FROM a"
    assert athena.ask(wide).scanned == narrow


# --- pruning


@pytest.mark.parametrize(
    ("where", "days"),
    [
        ("event_date = '2024-01-06'", 1),
        ("'2024-01-06' = event_date", 1),
        ("event_date IN ('2024-01-06', '2024-01-07', '2030-01-01')", 2),
        ("event_date BETWEEN '2024-01-06' AND '2024-01-09'", 4),
        ("event_date >= '2024-02-08' AND distance > 5", 2),
        ("event_date = '2024-01-06' OR event_date = '2024-01-08'", 2),
        ("(event_date = '2024-01-06' AND carrier = 'AA') OR event_date < '2024-01-02'", 2),
        ("event_date = '2024-01-06' OR carrier = 'AA'", 40),
        ("NOT (event_date <> '2024-01-06')", 1),
        ("CAST(event_date AS date) = DATE '2024-01-06'", 1),
        ("date(event_date) > DATE '2024-02-09' - INTERVAL '3' DAY", 3),
        ("month(date(event_date)) = 2", 9),
        ("substr(event_date, 6, 2) = '02'", 9),
        ("event_date LIKE '2024-01-0%'", 9),
        ("event_date = date_format(DATE '2024-01-06', '%Y-%m-%d')", 1),
        ("event_date > carrier", 40),
        ("event_date = (SELECT '2024-01-06')", 40),
        ("regexp_like(event_date, '-0[12]$')", 4),
        ("event_date IS NULL", 0),
        ("event_date = '2024-01-06' AND event_date = '2024-01-07'", 0),
    ],
)
def test_only_partitions_that_the_condition_allows_are_read(
    athena: Athena, where: str, days: int
) -> None:
    bytes_of = _bytes_per_day(athena)
    scanned = athena.ask(f"SELECT max(number) FROM flights WHERE {where}").scanned
    extra = 0
    if "carrier" in where or "distance" in where:
        names = [name for name in ("carrier", "distance") if name in where]
        extra = _expected(athena, where, names)
    wanted = sorted(day for day in bytes_of if _allowed(day, where))
    assert len(wanted) == days
    assert scanned - extra == sum(bytes_of[day] for day in wanted)


_sizes: dict[tuple[str, ...], dict[str, int]] = {}


def _bytes_per_day(athena: Athena, columns: tuple[str, ...] = ("number",)) -> dict[str, int]:
    """What a day's files bill for some columns, from the footers."""
    if columns not in _sizes:
        import io

        import pyarrow.parquet as pq

        found: dict[str, int] = {}
        for day, _ in data.days():
            for part in range(2):
                key = f"flights/event_date={day}/{part}.parquet"
                body = athena.s3.get_object(Bucket=data.BUCKET, Key=key)["Body"].read()
                metadata = pq.ParquetFile(io.BytesIO(body)).metadata
                group = metadata.row_group(0)
                sizes = [group.column(at) for at in range(metadata.num_columns)]
                found[day] = found.get(day, 0) + sum(
                    c.total_compressed_size for c in sizes if c.path_in_schema in columns
                )
        _sizes[columns] = found
    return _sizes[columns]


def _expected(athena: Athena, where: str, columns: list[str]) -> int:
    sizes = _bytes_per_day(athena, tuple(columns))
    return sum(size for day, size in sizes.items() if _allowed(day, where))


def _allowed(day: str, where: str) -> bool:
    """The partition's part of each condition above, in Python."""
    import datetime as dt

    date = dt.date.fromisoformat(day)
    allowed: dict[str, Any] = {
        "event_date = '2024-01-06'": day == "2024-01-06",
        "'2024-01-06' = event_date": day == "2024-01-06",
        "event_date IN": day in ("2024-01-06", "2024-01-07"),
        "event_date BETWEEN": "2024-01-06" <= day <= "2024-01-09",
        "event_date >=": day >= "2024-02-08",
        "event_date = '2024-01-06' OR event_date": day in ("2024-01-06", "2024-01-08"),
        "(event_date": day == "2024-01-06" or day < "2024-01-02",
        "event_date = '2024-01-06' OR carrier": True,
        "NOT": day == "2024-01-06",
        "CAST": day == "2024-01-06",
        "date(": date > dt.date(2024, 2, 6),
        "month": date.month == 2,
        "substr": date.month == 2,
        "event_date LIKE": day.startswith("2024-01-0"),
        "event_date = date_format": day == "2024-01-06",
        "event_date > carrier": True,
        "event_date = (SELECT": True,
        "regexp_like": day.endswith(("-01", "-02")),
        "event_date IS NULL": False,
        "event_date = '2024-01-06' AND event_date": False,
    }
    longest = max((key for key in allowed if where.startswith(key)), key=len)
    return bool(allowed[longest])


@pytest.mark.parametrize(
    "sql",
    [
        "WITH f AS (SELECT * FROM flights) SELECT max(number) FROM f WHERE event_date = {day}",
        "SELECT max(n) FROM (SELECT number AS n, event_date AS d FROM flights) WHERE d = {day}",
        "SELECT max(n) FROM (SELECT max(number) AS n, event_date FROM flights GROUP BY event_date)"
        " WHERE event_date = {day}",
        "SELECT max(number) FROM (SELECT number, date(event_date) AS d FROM flights)"
        " WHERE d = CAST({day} AS date)",
        "SELECT max(number) FROM (SELECT * FROM flights WHERE event_date < '2024-01-07')"
        " WHERE event_date >= {day}",
        "SELECT max(f.number) FROM carriers c JOIN flights f ON f.event_date = {day}",
        "SELECT max(number) FROM flights WHERE event_date = ?",
        "SELECT max(f.number) FROM (SELECT DISTINCT event_date AS d FROM flights) a "
        "JOIN flights f ON f.event_date = a.d WHERE a.d = {day}",
    ],
)
def test_a_condition_reaches_through_subqueries_and_joins(athena: Athena, sql: str) -> None:
    options = {"ExecutionParameters": ["'2024-01-06'"]} if "?" in sql else {}
    answer = athena.ask(sql.replace("{day}", "'2024-01-06'"), **options)
    assert answer.scanned == _bytes_per_day(athena)["2024-01-06"]
    assert answer.values == [
        (max(row["number"] for row in ROWS if row["event_date"] == "2024-01-06"),)
    ]


@pytest.mark.parametrize(
    "sql",
    [
        # a limit, a window and an outer join need the other rows
        "SELECT max(number) FROM (SELECT * FROM flights ORDER BY event_date DESC LIMIT 5) "
        "WHERE event_date = '2024-01-06'",
        "SELECT max(n) FROM (SELECT event_date, row_number() OVER (ORDER BY number) AS n "
        "FROM flights) WHERE event_date = '2024-01-06'",
        "SELECT max(number) FROM flights f WHERE NOT EXISTS (SELECT 1 FROM carriers "
        "WHERE f.event_date = '2024-01-06' AND f.number < 0)",
        "SELECT max(n) FROM (SELECT event_date, max(number) AS n FROM flights "
        "GROUP BY ROLLUP (event_date)) WHERE event_date IS NULL",
        "SELECT count(f.number) FROM carriers c LEFT JOIN flights f ON f.distance < 0 "
        "WHERE f.event_date IS NULL AND f.number IS NULL",
    ],
)
def test_a_condition_is_not_pushed_where_it_would_change_the_answer(
    athena: Athena, sql: str
) -> None:
    assert athena.ask(sql).scanned >= sum(_bytes_per_day(athena).values())


def test_an_outer_join_keeps_its_rows_whatever_the_condition_says(athena: Athena) -> None:
    sql = (
        "SELECT c.carrier, count(f.flight_id) FROM carriers c LEFT JOIN flights f "
        "ON f.carrier = c.carrier AND f.event_date = '2024-01-06' GROUP BY 1 ORDER BY 1"
    )
    day = [row["carrier"] for row in ROWS if row["event_date"] == "2024-01-06"]
    answer = athena.ask(sql)
    assert answer.values == [(code, day.count(code)) for code, _, _ in data.CARRIERS]
    assert answer.scanned < 10_000


# --- the four types


def test_a_date_may_be_several_folders(athena: Athena) -> None:
    table(
        athena,
        "hourly",
        {"region": "string", "hour": "string"},
        {
            "projection.enabled": "true",
            "projection.region.type": "enum",
            "projection.region.values": "eu,us",
            "projection.hour.type": "date",
            "projection.hour.format": "yyyy/MM/dd/HH",
            "projection.hour.range": "2024/01/01/00,NOW",
            "projection.hour.interval": "1",
            "projection.hour.interval.unit": "HOURS",
            "storage.location.template": f"s3://{data.BUCKET}/hourly/${{region}}/${{hour}}/",
        },
    )
    for at, place in enumerate(("eu/2024/01/01/05", "us/2024/01/02/06", "eu/2023/12/31/23")):
        athena.put(f"hourly/{place}/{at}.parquet", file(at))
    assert athena.ask("SELECT * FROM hourly ORDER BY id").rows == [
        ("0", "x" * 10, "eu", "2024/01/01/05"),
        ("1", "x" * 10, "us", "2024/01/02/06"),
    ]
    assert athena.ask("SELECT id FROM hourly WHERE hour >= '2024/01/02'").values == [(1,)]


def test_enum_integer_and_date_projections_work_together(athena: Athena) -> None:
    keys = {"region": "string", "shard": "int", "day": "date"}
    table(
        athena,
        "together",
        keys,
        {
            "projection.enabled": "true",
            "projection.region.type": "enum",
            "projection.region.values": "eu,us",
            "projection.shard.type": "integer",
            "projection.shard.range": "1,20",
            "projection.shard.digits": "2",
            "projection.day.type": "date",
            "projection.day.format": "yyyy-MM-dd",
            "projection.day.range": "2024-01-01,NOW",
            "storage.location.template": f"s3://{data.BUCKET}/together/${{region}}/${{shard}}"
            "/day-${day}",
        },
    )
    for at, place in enumerate(
        [
            "eu/01/day-2024-01-05",
            "us/12/day-2024-01-06",
            "ap/01/day-2024-01-05",  # not in the enum
            "eu/1/day-2024-01-05",  # not two digits
            "eu/21/day-2024-01-05",  # out of range
            "eu/01/day-2023-12-31",  # before the range
            "eu/01/day-2999-01-01",  # after NOW
            "eu/01/2024-01-05",  # not the template
        ]
    ):
        athena.put(f"together/{place}/{at}.parquet", file(at))
    assert athena.ask("SELECT id, region, shard, day FROM together ORDER BY id").rows == [
        ("0", "eu", "1", "2024-01-05"),
        ("1", "us", "12", "2024-01-06"),
    ]
    assert athena.ask("SELECT id FROM together WHERE shard > 10").values == [(1,)]
    one = athena.ask("SELECT id FROM together WHERE day = DATE '2024-01-05' AND region = 'eu'")
    assert one.values == [(0,)]
    assert one.scanned == athena.ask("SELECT id FROM together").scanned / 2
    # out of range, or nothing there: no rows and no error
    for where in ("region = 'ap'", "shard = 99", "day = DATE '1999-01-01'"):
        assert athena.ask(f"SELECT id FROM together WHERE {where}").values == []


def test_an_injected_column_needs_its_value(athena: Athena) -> None:
    properties = {"projection.enabled": "true", "projection.tenant.type": "injected"}
    table(athena, "tenants", {"tenant": "string"}, properties)
    for at, tenant in enumerate(("a", "b", "c")):
        athena.put(f"tenants/tenant={tenant}/x.parquet", file(at))
    assert athena.ask("SELECT id, tenant FROM tenants WHERE tenant = 'b'").values == [(1, "b")]
    assert athena.ask("SELECT id FROM tenants WHERE tenant IN ('a', 'c') ORDER BY 1").values == [
        (0,),
        (2,),
    ]
    for sql in ("SELECT * FROM tenants", "SELECT * FROM tenants WHERE tenant > 'a'"):
        assert athena.reason(sql).startswith(
            "CONSTRAINT_VIOLATION: For the injected projected partition column tenant, the WHERE "
            "clause must contain only static equality conditions"
        )


def test_projection_hides_registered_partitions(athena: Athena) -> None:
    table(athena, "hiding", {"event_date": "string"}, PROJECTION)
    athena.put("hiding/event_date=2024-01-01/x.parquet", file(1))
    athena.put("elsewhere/x.parquet", file(2))
    athena.ask(
        "ALTER TABLE hiding ADD PARTITION (event_date = '2024-01-09') "
        f"LOCATION 's3://{data.BUCKET}/elsewhere/'"
    )
    assert athena.ask("SELECT id, event_date FROM hiding").values == [(1, "2024-01-01")]


def test_a_partition_column_without_projection_is_an_error(athena: Athena) -> None:
    table(athena, "halfway", {"event_date": "string", "region": "string"}, PROJECTION)
    assert athena.reason("SELECT * FROM halfway").startswith("HIVE_METASTORE_ERROR: Table ")


# --- registered partitions


def test_registered_partitions_are_read_from_where_they_are_registered(athena: Athena) -> None:
    table(athena, "registered", {"day": "date", "kind": "int"}, {})
    athena.put("registered/day=2024-01-01/kind=1/a.parquet", file(1))
    athena.put("registered/day=2024-01-02/kind=2/a.parquet", file(2))
    athena.put("far/away.parquet", file(3))
    assert athena.ask("SELECT count(*) FROM registered").values == [(0,)]
    athena.ask(
        "ALTER TABLE registered ADD IF NOT EXISTS PARTITION (day = '2024-01-01', kind = 1) "
        "PARTITION (day = '2024-01-02', kind = 2) "
        f"PARTITION (day = '2024-01-03', kind = 3) LOCATION 's3://{data.BUCKET}/far'"
    )
    assert athena.ask("SELECT id, day, kind FROM registered ORDER BY id").rows == [
        ("1", "2024-01-01", "1"),
        ("2", "2024-01-02", "2"),
        ("3", "2024-01-03", "3"),
    ]
    one = athena.ask("SELECT id FROM registered WHERE kind = 2 AND day > DATE '2024-01-01'")
    assert one.values == [(2,)]
    assert one.scanned == athena.ask("SELECT id FROM registered").scanned / 3
    assert athena.ask("SHOW PARTITIONS registered").rows == [
        ("day=2024-01-01/kind=1",),
        ("day=2024-01-02/kind=2",),
        ("day=2024-01-03/kind=3",),
    ]


def test_msck_repair_registers_what_is_there_once(athena: Athena) -> None:
    table(athena, "repairable", {"day": "string"}, {})
    athena.put("repairable/day=a b/x.parquet", file(1))
    athena.put("repairable/day=c%3Ad/x.parquet", file(2))
    athena.put("repairable/other/x.parquet", file(3))
    first = athena.ask("MSCK REPAIR TABLE repairable")
    assert len(first.rows) == 3
    assert athena.ask("MSCK REPAIR TABLE repairable").rows == []
    assert athena.ask("SELECT id, day FROM repairable ORDER BY id").values == [
        (1, "a b"),
        (2, "c:d"),
    ]


def test_hidden_and_empty_objects_and_neighbours_are_not_read(athena: Athena) -> None:
    athena.table("plain", data.storage(f"s3://{data.BUCKET}/plain", {"id": "bigint"}))
    athena.put("plain/a.parquet", file(1))
    athena.put("plain/deep/er/b.parquet", file(2))
    athena.put("plain/_SUCCESS", b"nothing")
    athena.put("plain/.hidden.parquet", file(3))
    athena.put("plain/empty.parquet", b"")
    athena.put("plainer/a.parquet", file(4))
    assert athena.ask("SELECT id FROM plain ORDER BY id").values == [(1,), (2,)]
