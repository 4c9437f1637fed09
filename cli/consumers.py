"""What became of an event type's records in its processors: counts, at least once.

A processor's own metrics count what it acknowledged, and the failure archive holds what it gave up.
A batch that was acknowledged and is delivered again, or redriven, is counted again: enough is no
proof, too few is one. What it received is none either way: every try of a batch counts.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec import Struct

from cli.metrics import Metric, sums

if TYPE_CHECKING:
    from cli.athena import Database
    from cli.aws import Account
    from cli.stacks import Deployed, Lake

MARGIN = timedelta(minutes=1)


class Consumer(Struct, frozen=True, kw_only=True):
    """One processor; user records but for `waiting`, which are messages of batches."""

    processor: str
    received: int
    """As often as they were delivered to it."""
    processed: int
    """Acknowledged."""
    rescued: int
    """Given up, and kept in the failure archive."""
    lost: int
    """Given up, and forgotten by the stream before they were rescued."""
    waiting: int
    """Failed batches that are not rescued yet."""

    def short(self, records: int) -> int:
        """How many of so many records it has not acknowledged, nor given up."""
        return max(0, records - self.processed - self.rescued - self.lost)

    def certainly_short(self, records: int) -> bool:
        """Whether it has not acknowledged, nor given up, all of them, and no failed batch is left
        that may have the rest; or some were lost. A batch in its retries is such a rest: whether it
        will be acknowledged, nobody can say yet."""
        return self.lost > 0 or (not self.waiting and self.short(records) > 0)


def consumers(
    account: "Account",
    deployed: "Deployed",
    database: "Database",
    *,
    event_type: str,
    since: datetime,
    now: datetime,
) -> list[Consumer]:
    """The processors that read the event type, by name."""
    from cli.standing import waiting

    names = [name for name in deployed.processors if deployed.processor(name).reads == event_type]
    if not names:
        return []
    metrics = {
        f"{name}/{word}": Metric("Headrace", word, "Function", name, deployed.environment)
        for name in names
        for word in ("Received", "Acknowledged")
    }
    counted = sums(account.cloudwatch, metrics, start=since, end=now + MARGIN)
    kept = _archived(database, deployed.lake(), event_type, since)
    queued = waiting(account.sqs, deployed)
    return [
        Consumer(
            processor=name,
            received=counted[f"{name}/Received"],
            processed=counted[f"{name}/Acknowledged"],
            rescued=kept.get(name, (0, 0))[0],
            lost=kept.get(name, (0, 0))[1],
            waiting=queued[name],
        )
        for name in names
    ]


def _archived(
    database: "Database", lake: "Lake", event_type: str, since: datetime
) -> dict[str, tuple[int, int]]:
    """Records in the failure archive, and those that are gone, by processor."""
    if not lake.failures_name:
        return {}
    rows = database.ask(
        f"""SELECT processor, count_if(gone IS NULL), coalesce(sum(gone_records), 0)
FROM "{lake.failures_name}"
WHERE event_type = '{event_type}' AND failed_date >= '{since.date()}'
    AND (arrived_at IS NULL OR arrived_at >= TIMESTAMP '{since:%Y-%m-%d %H:%M:%S.000}')
GROUP BY 1"""  # noqa: S608  names of our own
    ).rows
    return {str(name): (int(kept or 0), int(gone or 0)) for name, kept, gone in rows}
