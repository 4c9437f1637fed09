"""What is not in an event type's table, as its lines in SQL: chosen, counted, read.

A record that was rejected again has a line for each time; only the newest counts. A line is known
by its record and the time of its rejection, and so is a receipt of its resubmission: a record that
is rejected once more has a new line, and that one has no receipt.

A record is known by its place in the stream. Firehose's lines on a failed invocation do not say
it: there it is known by its bytes and its arrival, so that of two that are the same to the
millisecond, which are one event, one is put again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from string import Template

import msgspec

from cli.athena import Answer
from cli.errors import MissingStack
from cli.stacks import Flow

KINDS = {
    "processing-failed": "Lambda.",
    "format-conversion-failed": "DataFormatConversion.",
    "metadata-extraction-failed": "DynamicPartitioning.",
}
"""Firehose's words for what failed, and how the codes begin that its lines give as the reason."""
ENDPOINT = "http-endpoint-failed"
"""What an HTTP endpoint did not take: lines of another table, and the lake has their events."""

DEPLOY = "deploy it again with `cdk deploy --all`"


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """The lines of one reason: records = waiting + resubmitted."""

    reason: str
    waiting: int
    resubmitted: int
    """Put on delivery again, and not rejected since."""
    newest: datetime
    example: str | None
    """A sequence number; null where Firehose does not say one."""
    detail: str


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """The lines of one reason that are to be put."""

    reason: str
    records: int
    bytes: int
    """Of payload."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One rejected record."""

    line: str
    """What it is known by."""
    reason: str
    detail: str
    arrived_at: int
    """Epoch milliseconds, as the next."""
    rejected_at: int
    arrival_date: str
    shard_id: str | None
    sequence_number: str | None
    subsequence_number: int | None
    run: str | None
    """The run that resubmitted it; null when none did since."""
    payload: str
    """In base64."""


# The newest line of each record, with the run that resubmitted it, as `chosen`.
CHOSEN = Template("""WITH read AS (
$read
), told AS (
    SELECT
        *,
        CASE
            WHEN sequence_number IS NULL
                THEN to_hex(sha256(from_base64(payload))) || ' ' || CAST(arrived_at AS varchar)
            ELSE coalesce(shard_id, '') || ' ' || sequence_number || ' '
                || CAST(coalesce(subsequence_number, 0) AS varchar)
        END AS record
    FROM read
    WHERE arrival_date >= '$day' AND arrived_at >= $since
), numbered AS (
    SELECT
        *,
        record || ' ' || CAST(rejected_at AS varchar) AS line,
        row_number() OVER (PARTITION BY record ORDER BY rejected_at DESC) AS place
    FROM told
), receipts AS (
    SELECT line AS of_line, max(run) AS run
    FROM $receipts
    WHERE arrival_date >= '$day'
    GROUP BY line
), chosen AS (
    SELECT *
    FROM numbered
    LEFT JOIN receipts ON of_line = line
    WHERE place = 1$conditions
)
""")
REJECTED = Template("""    SELECT
        coalesce(reason, '') AS reason,
        coalesce(detail, '') AS detail,
        payload_base64 AS payload,
        CAST(round(to_unixtime(arrived_at) * 1000) AS bigint) AS arrived_at,
        CAST(round(to_unixtime(rejected_at) * 1000) AS bigint) AS rejected_at,
        shard_id,
        sequence_number,
        subsequence_number,
        arrival_date
    FROM $table""")
UNSENT = Template("""    SELECT
        coalesce(errorcode, '') AS reason,
        coalesce(errormessage, '') AS detail,
        rawdata AS payload,
        arrivaltimestamp AS arrived_at,
        attemptendingtimestamp AS rejected_at,
        CAST(NULL AS varchar) AS shard_id,
        CAST(NULL AS varchar) AS sequence_number,
        CAST(NULL AS bigint) AS subsequence_number,
        arrival_date
    FROM $table""")
REASONS = """SELECT
    reason,
    count(*) - count(run) AS waiting,
    count(run) AS resubmitted,
    max(rejected_at) AS newest,
    max_by(sequence_number, rejected_at) AS example,
    max_by(detail, rejected_at) AS detail
FROM chosen
GROUP BY reason
ORDER BY waiting DESC, reason"""
TOTALS = """SELECT
    reason,
    count(*) AS records,
    CAST(sum(length(payload) * 3 / 4) AS bigint) AS bytes
FROM chosen
GROUP BY reason
ORDER BY records DESC, reason"""
LINES = Template("""SELECT $columns
FROM chosen
ORDER BY $order""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which lines are meant; `reason` is one, or one of Firehose's words."""

    reason: str = ""
    since: datetime | None = None
    """Of arrival."""
    pending: bool = False
    """Only those that were not resubmitted since."""

    @property
    def endpoint(self) -> bool:
        return self.reason == ENDPOINT

    @property
    def conditions(self) -> str:
        found = " AND run IS NULL" if self.pending else ""
        if not self.reason or self.endpoint:
            return found
        if start := KINDS.get(self.reason):
            return f"{found} AND reason LIKE '{start}%'"
        return f"{found} AND reason = {literal(self.reason)}"


def counted(flow: Flow, choice: Choice) -> str:
    """The query whose rows are Reasons, the most frequent first."""
    return _chosen(flow, choice) + REASONS


def totalled(flow: Flow, choice: Choice) -> str:
    """The query whose rows are Totals."""
    return _chosen(flow, choice) + TOTALS


def listed(flow: Flow, choice: Choice, limit: int | None = None) -> str:
    """The query whose rows are Lines: the newest first if there is a limit, else by arrival date,
    as receipts are kept."""
    order = "arrival_date, line" if limit is None else f"rejected_at DESC, line LIMIT {limit}"
    columns = ", ".join(Line.__struct_fields__)
    return _chosen(flow, choice) + LINES.substitute(columns=columns, order=order)


def reasons(answer: Answer) -> list[Reason]:
    return [
        Reason(
            reason=reason,
            waiting=waiting,
            resubmitted=resubmitted,
            newest=datetime.fromtimestamp(newest / 1000, UTC),
            example=example,
            detail=detail or "",
        )
        for reason, waiting, resubmitted, newest, example, detail in answer.rows
    ]


def totals(answer: Answer) -> list[Total]:
    return [
        Total(reason=reason, records=records, bytes=size) for reason, records, size in answer.rows
    ]


def lines(answer: Answer) -> Iterator[Line]:
    """Row by row, as they are read."""
    for row in answer.rows:
        yield msgspec.convert(dict(zip(Line.__struct_fields__, row, strict=True)), Line)


def literal(text: str) -> str:
    """Text in SQL."""
    return "'" + text.replace("'", "''") + "'"


def _chosen(flow: Flow, choice: Choice) -> str:
    if not flow.resubmitted_name or not flow.rejected_name:
        raise MissingStack(f"The stack of {flow.event_type} keeps no receipts: {DEPLOY}.")
    if choice.endpoint and not flow.unsent_name:
        raise MissingStack(
            f"{flow.event_type} is delivered to no HTTP endpoint in this environment; "
            "infra/environments.py is where one is added."
        )
    read = (
        UNSENT.substitute(table=flow.unsent_name)
        if choice.endpoint
        else REJECTED.substitute(table=flow.rejected_name)
    )
    since = choice.since.timestamp() if choice.since else 0
    return CHOSEN.substitute(
        read=read,
        since=int(since * 1000),
        # A day earlier: the folders are by Firehose's clock, and may be by another zone's day.
        day=datetime.fromtimestamp(max(0, since - 86_400), UTC).date(),
        receipts=flow.resubmitted_name,
        conditions=choice.conditions,
    )
