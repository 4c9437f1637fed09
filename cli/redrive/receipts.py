"""What a redrive did, batch by batch: on the screen, and in the lake's bucket."""

import threading
from collections.abc import Iterable
from datetime import datetime

import msgspec

from cli.failures import Summary
from cli.redrive.shard import Settlement
from cli.terminal import counted
from events.failure import Gone


class Outcome(msgspec.Struct, kw_only=True):
    """One batch: records = recovered + failed again + left, and those that were gone before."""

    failure_id: str
    processor: str
    function_arn: str
    stream_arn: str
    shard_id: str
    start_sequence_number: str
    end_sequence_number: str
    records: int
    recovered: int = 0
    failed_again: int = 0
    lost: int = 0
    gone: list[Gone] = []
    """What the archive does not have: which sequence numbers, and why."""

    @property
    def left(self) -> int:
        return self.records - self.recovered - self.failed_again


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """A run in numbers; `left` were not tried, and `lost` were gone when it began."""

    batches: int
    records: int
    recovered: int
    failed_again: int
    left: int
    lost: int
    invocations: int
    throttled: int


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """`finished_at` is null while the run goes on, and stays so when it was killed: then the
    totals are those of a few seconds before, and `batches` are not there yet. `stopped` says why it
    ended early."""

    run: str
    started_at: datetime
    finished_at: datetime | None
    stopped: str
    totals: Totals
    batches: list[Outcome]

    def sentence(self) -> str:
        """The account for a person."""
        found = self.totals
        parts = [f"{found.recovered:,} recovered", f"{found.failed_again:,} failed again"]
        if found.left:
            parts.append(f"{found.left:,} not tried")
        if found.lost:
            parts.append(f"{found.lost:,} more gone before their rescue")
        records = counted(found.records, "record")
        batches = counted(found.batches, "failed batch", "failed batches")
        return (
            f"{records} of {batches}: {', '.join(parts)}; "
            f"{counted(found.invocations, 'invocation')}."
        )


class Account:
    """The receipt while it grows; of all threads."""

    def __init__(self, run: str, started_at: datetime, batches: Iterable[Summary]) -> None:
        self._run = run
        self._started_at = started_at
        self._lock = threading.Lock()
        self._invocations = self._throttled = 0
        self._outcomes = {
            one.failure_id: Outcome(
                failure_id=one.failure_id,
                processor=one.processor,
                function_arn=one.function_arn,
                stream_arn=one.stream_arn,
                shard_id=one.shard_id,
                start_sequence_number=one.start_sequence_number,
                end_sequence_number=one.end_sequence_number,
                records=one.records,
                lost=one.lost,
                gone=one.gone,
            )
            for one in batches
        }

    def invoked(self) -> None:
        with self._lock:
            self._invocations += 1

    def throttled(self) -> None:
        with self._lock:
            self._throttled += 1

    def settled(self, settlement: Settlement) -> None:
        """What an answer did is written."""
        with self._lock:
            for failure_id, number in settlement.recovered.items():
                self._outcomes[failure_id].recovered += number
            if settlement.failed:
                self._outcomes[settlement.failed].failed_again += 1

    @property
    def done(self) -> int:
        """Records whose end is known."""
        with self._lock:
            return sum(one.recovered + one.failed_again for one in self._outcomes.values())

    def receipt(self, finished_at: datetime | None = None, stopped: str = "") -> Receipt:
        """As things stand; whole when it is finished."""
        with self._lock:
            outcomes = list(self._outcomes.values())
            totals = Totals(
                batches=len(outcomes),
                records=sum(one.records for one in outcomes),
                recovered=sum(one.recovered for one in outcomes),
                failed_again=sum(one.failed_again for one in outcomes),
                left=sum(one.left for one in outcomes),
                lost=sum(one.lost for one in outcomes),
                invocations=self._invocations,
                throttled=self._throttled,
            )
        return Receipt(
            run=self._run,
            started_at=self._started_at,
            finished_at=finished_at,
            stopped=stopped,
            totals=totals,
            batches=outcomes if finished_at else [],
        )
