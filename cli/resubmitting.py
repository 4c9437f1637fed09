"""One resubmission: lines of rejected records through a sender onto a delivery stream, with their
receipts, and the account of it."""

from collections.abc import Callable, Iterator
from itertools import islice

import msgspec

from cli.errors import Failure, Interrupted
from cli.firehose import LIMITS
from cli.pace import Pace
from cli.producer import TOO_LARGE, Entry, Limits, Producer, Retry
from cli.receipting import Receipts
from cli.rejections import Line
from cli.sender import Put, Sender, on_interrupt

LANES = 2
RETRY = Retry()
CHUNK = 500


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The account: put + not put + unknown = what was read of the lines that were chosen."""

    run: str
    event_type: str
    delivery_stream: str
    put: int
    not_put: dict[str, int]
    unknown: int
    """Sent, and the end came before the answer."""
    retried: dict[str, int]
    receipts: list[str]
    """Objects that name what was put."""
    interrupted: bool

    @property
    def loss(self) -> str:
        """What was not put, in words; empty when all was."""
        parts = [f"{number:,} {why}" for why, number in sorted(self.not_put.items())]
        if self.unknown:
            parts.append(f"{self.unknown:,} sent without an answer")
        return ", ".join(parts)


class Resubmission:
    """Puts lines on one delivery stream; `put_so_far` can be watched while it runs."""

    def __init__(
        self,
        put: Put,
        receipts: Receipts,
        record: Callable[[Line], bytes],
        *,
        limits: Limits = LIMITS,
        retry: Retry = RETRY,
    ) -> None:
        self._receipts = receipts
        self._record = record
        self._put = receipts.around(put)
        self._producer = Producer(limits=limits, retry=retry, lanes=LANES)

    @property
    def put_so_far(self) -> int:
        return self._producer.tally.put

    def run(
        self,
        lines: Iterator[Line],
        *,
        run: str,
        event_type: str,
        stream: str,
        progress: Callable[[], None] = lambda: None,
    ) -> tuple[Summary, BaseException | None]:
        """The account, and what ended it early. Ctrl-C ends it early too, accounted for."""
        sender = Sender(
            producer=self._producer, put=self._put, pace=Pace(), lanes=LANES, progress=progress
        )
        error: BaseException | None = None
        with on_interrupt(sender.interrupt):
            outcome = sender.run(self._chunks(lines))
            try:
                self._receipts.close()
            except Exception as failure:  # what was put without a receipt is put once more
                error = failure
        tally = self._producer.tally
        summary = Summary(
            run=run,
            event_type=event_type,
            delivery_stream=stream,
            put=tally.put,
            not_put=dict(tally.not_put),
            unknown=outcome.unknown,
            retried=dict(tally.retried),
            receipts=self._receipts.keys,
            interrupted=outcome.interrupted,
        )
        return summary, outcome.error or error

    def _chunks(self, lines: Iterator[Line]) -> Iterator[list[Entry]]:
        number = 0
        while chunk := list(islice(lines, CHUNK)):
            entries = []
            for line in chunk:
                number += 1
                self._receipts.expect(number, line)
                entries.append(Entry(number, str(number), self._record(line)))
            yield entries


def judge(summary: Summary, error: BaseException | None) -> None:
    """Raise what kept the resubmission from being complete."""
    again = "Repeat the command: what has a receipt is left out."
    if error is not None:
        raise error
    if summary.interrupted:
        raise Interrupted(f"Interrupted: {summary.put:,} records put. {again}")
    if summary.not_put.keys() - {TOO_LARGE} or summary.unknown:
        raise Failure(f"{summary.put:,} records put, but not {summary.loss}. {again}")
    if summary.not_put:
        raise Failure(
            f"{summary.put:,} records put, but not {summary.loss}: with its mark a record may have "
            "1,000 KiB on a delivery stream. Put those on the type's stream again, in smaller "
            "events."
        )
