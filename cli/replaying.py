"""One replay: entries through a sender onto a stream, and the account of it."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from cli.errors import Failure, Interrupted
from cli.feeds import Feed
from cli.kinesis import PutRecords, limits, open_shards
from cli.pace import Pace
from cli.producer import AGGREGATE, Entry, Producer, Tally
from cli.progress import bar
from cli.sender import Outcome, Sender, on_interrupt
from cli.terminal import counted, say, write

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

LANES = 2
"""Calls in flight. botocore's serialization is Python, so a third one gains nothing."""
LINGER = 0.1
"""Seconds that an event waits at most for others to share its record or its call."""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The account of a replay: read = put + not put + unknown."""

    event_type: str
    stream: str
    read: int
    put: int
    not_put: dict[str, int]
    first_not_put: int | None
    """Number of the first line (or built-in event) that was not put."""
    first_to_repeat: int | None = None
    """Number of the first that may not be put and could be: what is before it is put."""
    unknown: int
    """Sent, and the end came before the answer."""
    retried: dict[str, int]
    invalid: dict[str, int]
    put_bytes: int
    records: int
    """Kinesis records in which they were put."""
    calls: int
    throttled_calls: int
    """Calls of which the stream refused a part, because it was too much."""
    seconds: float
    events_per_second: float
    interrupted: bool

    def sentences(self) -> Iterator[str]:
        """The account for a person, a sentence a line."""
        packed = f" in {counted(self.records, 'record')}" if self.records < self.put else ""
        yield (
            f"Put {self.put:,} {self.event_type} events ({self.put_bytes / 1e6:,.1f} MB{packed}) "
            f"in {self.seconds:,.1f} s: {self.events_per_second:,.0f} events/s."
        )
        if self.retried:
            yield f"Sent again: {by_reason(self.retried)}."
        if self.invalid:
            yield (f"Do not validate, and delivery will reject them: {by_reason(self.invalid)}.")

    @property
    def complete(self) -> bool:
        return not (self.not_put or self.unknown)

    def loss(self) -> str:
        """What was and what was not put, for the last sentence of a replay that is not complete."""
        parts = [f"{self.put:,} put"]
        if self.not_put:
            reasons = "" if self.interrupted else f" ({by_reason(self.not_put)})"
            parts.append(
                f"{sum(self.not_put.values()):,} read but not put{reasons}, "
                f"the first of them number {self.first_not_put:,} of the source"
            )
        if self.unknown:
            parts.append(f"{self.unknown:,} sent without an answer, so they may be put")
        return ", ".join(parts)


def by_reason(counts: dict[str, int]) -> str:
    """Counts as words: NoAnswer 500, Throttled 3."""
    return ", ".join(f"{reason} {count:,}" for reason, count in sorted(counts.items()))


def tell(summary: Summary, *, as_json: bool = False) -> None:
    """Print the account."""
    if as_json:
        write(msgspec.json.encode(summary).decode())
        return
    for sentence in summary.sentences():
        write(sentence)


def judge(summary: Summary, error: BaseException | None, then: str = "") -> None:
    """Raise what kept the replay from being complete; `then` says how to go on."""
    if error is not None:
        if then or not summary.complete:
            say(f"headrace: Stopped: {summary.loss()}.{then}")
        raise error
    if summary.interrupted:
        raise Interrupted(f"Interrupted: {summary.loss()}; what follows was not read.{then}")
    if not summary.complete:
        raise Failure(f"Not everything is on the stream: {summary.loss()}.{then}")


class Replay:
    """Puts entries on the stream of an event type; `tally` can be watched while it runs."""

    def __init__(
        self,
        kinesis: "KinesisClient",
        *,
        event_type: str,
        stream: str,
        apart: bool = False,
        aggregate: bool = True,
    ) -> None:
        """With `aggregate` events are packed into records as the Kinesis Producer Library does it;
        with that, or with `apart`, every partition key keeps its order, whatever Kinesis refuses.
        """
        self._event_type = event_type
        self._stream = stream
        self._put = PutRecords(kinesis, stream)
        self._shards = partial(open_shards, kinesis, stream)
        self._producer = Producer(
            limits=limits(kinesis, stream),
            lanes=LANES,
            linger=LINGER,
            apart=apart,
            shards=self._shards(),
            aggregate=AGGREGATE if aggregate else 0,
        )

    @property
    def tally(self) -> Tally:
        return self._producer.tally

    def run(
        self,
        chunks: Iterator[list[Entry]],
        *,
        pace: Pace,
        invalid: dict[str, int],
        progress: Callable[[], None] = lambda: None,
    ) -> tuple[Summary, BaseException | None]:
        """The account, and what ended it early. Ctrl-C ends it early too, accounted for."""
        sender = Sender(
            producer=self._producer,
            put=self._put,
            pace=pace,
            lanes=LANES,
            progress=progress,
            shards=self._shards,
        )
        started = time.monotonic()
        with on_interrupt(sender.interrupt):
            outcome = sender.run(chunks)
        return self._summary(outcome, invalid, time.monotonic() - started), outcome.error

    def _summary(self, outcome: Outcome, invalid: dict[str, int], seconds: float) -> Summary:
        tally = self.tally
        return Summary(
            event_type=self._event_type,
            stream=self._stream,
            read=tally.put + sum(tally.not_put.values()) + outcome.unknown,
            put=tally.put,
            not_put=dict(tally.not_put),
            first_not_put=tally.first_not_put,
            first_to_repeat=tally.first_to_repeat,
            unknown=outcome.unknown,
            retried=dict(tally.retried),
            invalid=dict(invalid),
            put_bytes=tally.put_bytes,
            records=tally.records,
            calls=tally.calls,
            throttled_calls=tally.throttled,
            seconds=round(seconds, 3),
            events_per_second=round(tally.put / seconds, 1) if seconds else 0.0,
            interrupted=outcome.interrupted,
        )


def put(
    kinesis: "KinesisClient",
    feed: Feed,
    *,
    event_type: str,
    stream: str,
    pace: Pace,
    quiet: bool,
    apart: bool = False,
    aggregate: bool = True,
) -> tuple[Summary, BaseException | None]:
    """Put what a feed has, with a progress bar unless `quiet`."""
    replay = Replay(kinesis, event_type=event_type, stream=stream, apart=apart, aggregate=aggregate)
    with bar(
        event_type,
        put=lambda: replay.tally.put,
        position=lambda: feed.position(replay.tally.put),
        shown=not quiet,
    ) as progress:
        return replay.run(feed.chunks(), pace=pace, invalid=feed.invalid, progress=progress)
