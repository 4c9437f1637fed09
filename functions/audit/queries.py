"""What the lake is asked, in Trino's dialect: of the same cuts the same digests as of the stream.

A row is its record's by (shard, sequence, subsequence), whichever of the tables it is in: `<type>`
is delivered and compacted rows together, `<type>_rejected` what delivery refused. Sequence numbers
have 56 digits and are kept as text: texts of one length compare as the numbers do, which no type of
SQL holds. Each shard's lowest and highest number are named once more by themselves, and so is the
time: by these, unlike by a join, a reader of Parquet leaves out row groups.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from functions.audit.cutting import DIGITS, PRIME, Cut

MOST_CUTS = 1_500
"""In one query, whose text may have 262,144 bytes: a cut takes 150."""
MOST_VALUES = 1_000
SKEW = timedelta(hours=1)
"""How far the clocks of stream and transform may differ, and more."""
DAY = timedelta(days=1)


def digests(event_type: str, cuts: Sequence[Cut]) -> str:
    """Per cut that has any: its number in `cuts`, identities, rows, identities with a row, those
    that were rejected, those that are both, and the weight of all."""
    return f"""{_found(event_type, cuts)}
SELECT
    cut,
    count(*),
    sum(row_count),
    count_if(row_count > 0),
    count_if(rejected_count > 0),
    count_if(row_count > 0 AND rejected_count > 0),
    sum(CAST(
        TRY_CAST(substr(sequence_number, -{DIGITS}) AS bigint) % {PRIME} * (subsequence_number + 1)
        AS decimal(38, 0)
    ))
FROM found
GROUP BY cut"""  # noqa: S608  of our own names and numbers


def identities(event_type: str, cuts: Sequence[Cut]) -> str:
    """Every identity in the cuts: cut, sequence number, subsequence number, rows, rejected."""
    return f"""{_found(event_type, cuts)}
SELECT cut, sequence_number, subsequence_number, row_count, rejected_count FROM found"""  # noqa: S608


def events(event_type: str, id_column: str, ids: Sequence[str], dates: Iterable[str]) -> str:
    """Those of the event ids, of these event dates, that have a row."""
    return f"""SELECT DISTINCT "{id_column}"
FROM "{event_type}"
WHERE event_date IN ({_texts(sorted(set(dates)))}) AND "{id_column}" IN ({_texts(ids)})"""  # noqa: S608


def payloads(event_type: str, digests: Sequence[str], first: int, last: int) -> str:
    """Those of the payloads, by SHA-256 of their base64 in hexadecimal, that are kept under a line
    of Firehose that does not say which record it is about."""
    digest = "to_hex(sha256(to_utf8(payload_base64)))"
    return f"""SELECT DISTINCT {digest}
FROM "{event_type}_rejected"
WHERE sequence_number IS NULL AND {_arrivals(first, last)} AND {digest} IN ({_texts(digests)})"""  # noqa: S608


def _found(event_type: str, cuts: Sequence[Cut]) -> str:
    values = ",\n    ".join(
        f"({number}, {_text(cut.shard_id)}, {_text(cut.low)}, {_text(cut.high)})"
        for number, cut in enumerate(cuts)
    )
    first, last = min(cut.first for cut in cuts), max(cut.last for cut in cuts)
    return f"""WITH cuts (cut, shard_id, low, high) AS (VALUES
    {values}
), stored AS (
    SELECT shard_id, sequence_number, subsequence_number, 1 AS row_count, 0 AS rejected_count
    FROM "{event_type}"
    WHERE ingested_at >= TIMESTAMP '{_instant(first)}' AND ({_ranges(cuts)})
    UNION ALL
    SELECT shard_id, sequence_number, coalesce(subsequence_number, 0), 0, 1
    FROM "{event_type}_rejected"
    WHERE {_arrivals(first, last)} AND ({_ranges(cuts)})
), found AS (
    SELECT
        cuts.cut,
        stored.sequence_number,
        stored.subsequence_number,
        sum(stored.row_count) AS row_count,
        sum(stored.rejected_count) AS rejected_count
    FROM stored
    JOIN cuts ON
        stored.shard_id = cuts.shard_id
        AND stored.sequence_number BETWEEN cuts.low AND cuts.high
        AND length(stored.sequence_number) = length(cuts.low)
    GROUP BY cuts.cut, stored.sequence_number, stored.subsequence_number
)"""  # noqa: S608


def _ranges(cuts: Sequence[Cut]) -> str:
    """Each shard's lowest and highest number of each length."""
    shards: dict[tuple[str, int], list[Cut]] = defaultdict(list)
    for cut in cuts:
        shards[cut.shard_id, len(cut.low)].append(cut)
    return " OR ".join(
        f"(shard_id = {_text(shard_id)} AND sequence_number BETWEEN"
        f" {_text(min(cut.low for cut in each))} AND {_text(max(cut.high for cut in each))})"
        for (shard_id, _), each in shards.items()
    )


def _arrivals(first: int, last: int) -> str:
    """Firehose files a line by the oldest record of its buffer, up to a quarter of an hour back,
    and by the instant at which it gave up at the latest."""
    low, high = _day(_utc(first) - DAY), _day(_utc(last) + 2 * DAY)
    return f"arrival_date BETWEEN '{low}' AND '{high}'"


def _instant(moment: int) -> str:
    return (_utc(moment) - SKEW).strftime("%Y-%m-%d %H:%M:%S.000")


def _utc(moment: int) -> datetime:
    return datetime.fromtimestamp(moment / 1000, UTC)


def _day(instant: datetime) -> str:
    return instant.date().isoformat()


def _texts(values: Iterable[str]) -> str:
    return ", ".join(map(_text, values))


def _text(value: str) -> str:
    quoted = value.replace("'", "''")
    return f"'{quoted}'"
