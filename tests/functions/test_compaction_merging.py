"""Many files into few, by DuckDB on real files."""

from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from events.columns import COMPACTION_COLUMN
from functions.compaction.merging import Merged, Merging
from tests.lake import SCHEMA, Row, flight

DAY = date(2026, 7, 1)
START = datetime.fromisoformat("2026-07-02T00:00:00")
ORDER = ("tail_number", "scheduled_departure")


def row(number: int, seconds: float, **changes: Any) -> Row:
    found = flight(number, DAY, ingested_at=START + timedelta(seconds=seconds))
    return {**found, "sequence_number": str(10**55 + int(seconds * 1000)), **changes}


def write(folder: Path, name: str, rows: list[Row], schema: pa.Schema = SCHEMA) -> str:
    path = folder / name
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return str(path)


def merge(folder: Path, paths: list[str], **options: Any) -> Merged:
    wanted = {"number": 7, "pieces": 1, "target": folder / "merged", **options}
    merging = Merging(200, folder)
    return merging.merge(paths, id_column="event_id", sort_columns=ORDER, **wanted)


def read(merged: Merged) -> list[Row]:
    return [row for path in merged.files for row in pq.read_table(path).to_pylist()]


def test_every_event_is_there_once_sorted_and_unchanged(tmp_path: Path) -> None:
    random = Random(1)  # noqa: S311
    rows = [row(number, number / 10) for number in range(2_000)]
    rows[77] |= {"tail_number": None}
    shuffled = random.sample(rows, len(rows))
    paths = [write(tmp_path, f"{at}.parquet", shuffled[at::20]) for at in range(20)]
    merged = merge(tmp_path, paths)
    assert (len(merged.files), merged.rows, merged.duplicates) == (1, 2_000, 0)
    found = read(merged)
    assert {one.pop(COMPACTION_COLUMN) for one in found} == {7}
    full = pa.Table.from_pylist(rows, schema=SCHEMA).to_pylist()
    ordered = sorted(full, key=lambda r: (r["tail_number"] is None, r["tail_number"] or ""))
    assert [one["tail_number"] for one in found] == [one["tail_number"] for one in ordered]
    by_id = {one["event_id"]: one for one in found}
    assert by_id == {one["event_id"]: one for one in full}


def test_of_duplicates_the_first_delivered_stays(tmp_path: Path) -> None:
    """By time; within one time by shard, then by the sequence number, which is a number."""
    first = [
        row(1, 5, distance=1),
        row(2, 9, distance=2, shard_id="shardId-000000000001", sequence_number="5"),
        row(3, 9, distance=3, sequence_number="99"),
        row(4, 9, distance=4, sequence_number="7", subsequence_number=3),
    ]
    later = [
        row(1, 5.5, distance=11),
        row(2, 9, distance=12, shard_id="shardId-000000000002", sequence_number="4"),
        row(3, 9, distance=13, sequence_number="100"),
        row(4, 9, distance=14, sequence_number="7", subsequence_number=4),
    ]
    paths = [write(tmp_path, "a.parquet", later), write(tmp_path, "b.parquet", first)]
    merged = merge(tmp_path, paths)
    assert (merged.rows, merged.duplicates) == (4, 4)
    assert sorted(one["distance"] for one in read(merged)) == [1, 2, 3, 4]


def test_events_that_are_in_files_that_stay_are_not_written_again(tmp_path: Path) -> None:
    kept = write(tmp_path, "kept.parquet", [row(1, 0), row(2, 1)])
    known = tmp_path / "known.parquet"
    Merging(200, tmp_path).identifiers(kept, "event_id", known)
    new = write(tmp_path, "new.parquet", [row(number, 5) for number in (1, 3)])
    merged = merge(tmp_path, [new], known=[str(known)])
    assert (merged.rows, merged.duplicates) == (1, 1)
    assert [one["event_id"] for one in read(merged)] == [f"{DAY}-0000003"]


def test_pieces_follow_on_each_other(tmp_path: Path) -> None:
    path = write(tmp_path, "a.parquet", [row(number, number) for number in range(1_001)])
    merged = merge(tmp_path, [path], pieces=3)
    assert [pq.read_metadata(file).num_rows for file in merged.files] == [334, 334, 333]
    tails = [one["tail_number"] for one in read(merged)]
    assert tails == sorted(tails)
    assert not (tmp_path / "merged" / "whole.parquet").exists()


def test_files_older_than_a_column_give_null_and_numbers_widen(tmp_path: Path) -> None:
    old = SCHEMA.remove(SCHEMA.get_field_index("carrier"))
    at = old.get_field_index("distance")
    old = old.set(at, pa.field("distance", pa.int32()))
    rows = [{name: value for name, value in row(1, 0).items() if name != "carrier"}]
    paths = [write(tmp_path, "old.parquet", rows, old), write(tmp_path, "new.parquet", [row(2, 1)])]
    merged = merge(tmp_path, paths)
    assert pq.read_schema(merged.files[0]).field("distance").type == pa.int64()
    found = sorted((one["event_id"], one["carrier"], one["distance"]) for one in read(merged))
    assert found == [(f"{DAY}-0000001", None, 2), (f"{DAY}-0000002", "UA", 3)]


def test_nested_values_and_instants_keep_their_types(tmp_path: Path) -> None:
    nested = pa.schema(
        [
            *SCHEMA,
            pa.field("tags", pa.map_(pa.string(), pa.list_(pa.int64()))),
            pa.field("place", pa.struct([("x", pa.float64()), ("names", pa.list_(pa.string()))])),
        ]
    )
    value = {"tags": [("a", [1, 2])], "place": {"x": 0.5, "names": ["n", None]}}
    path = write(tmp_path, "a.parquet", [row(1, 0.000_001) | value], nested)
    (file,) = merge(tmp_path, [path]).files
    (found,) = pq.read_table(file).to_pylist()
    assert {name: found[name] for name in value} == value
    assert found["ingested_at"] == START + timedelta(microseconds=1)
    assert pq.read_schema(file).field("ingested_at").type == pa.timestamp("us")


def test_it_sorts_what_does_not_fit_into_memory(tmp_path: Path) -> None:
    """Rows of 400 bytes, 320 MB in all, in 120 MiB."""
    paths = []
    for at in range(4):
        path = tmp_path / f"{at}.parquet"
        relation = duckdb.sql(
            "SELECT format('{:07}', i) AS event_id, 'N' || hash(i) % 4043 AS tail_number,"
            " TIMESTAMP '2026-07-01' AS scheduled_departure, TIMESTAMP '2026-07-02' AS ingested_at,"
            " 's' AS shard_id, i::VARCHAR AS sequence_number, 0::BIGINT AS subsequence_number,"
            " repeat(md5(i::VARCHAR), 10) AS text"
            f" FROM range({at * 200_000}, {at * 200_000 + 200_000}) AS r (i)"
        )
        assert relation is not None
        relation.write_parquet(str(path), row_group_size=10_000)
        paths.append(str(path))
    merging = Merging(120, tmp_path)
    merged = merging.merge(
        paths,
        number=1,
        id_column="event_id",
        sort_columns=ORDER,
        pieces=1,
        target=tmp_path / "merged",
    )
    assert (merged.rows, merged.duplicates) == (800_000, 0)
    tails = pq.read_table(merged.files[0], columns=["tail_number"])["tail_number"].to_pylist()
    assert tails == sorted(tails)


def test_spans_are_those_of_the_rows(tmp_path: Path) -> None:
    paths = [
        write(tmp_path, f"{at}.parquet", [row(number, at * 100 + number) for number in range(5)])
        for at in range(2)
    ]
    seconds = {
        path: tuple((instant - START).total_seconds() for instant in span)
        for path, span in Merging(200, tmp_path).spans(paths).items()
    }
    assert seconds == {paths[0]: (0.0, 4.0), paths[1]: (100.0, 104.0)}


def test_a_damaged_file_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path, "a.parquet", [row(1, 1)])
    Path(path).write_bytes(Path(path).read_bytes()[:-10])
    with pytest.raises(Exception, match=r"(?i)parquet"):
        merge(tmp_path, [path])
