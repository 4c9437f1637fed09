"""One shard's failed batches, processed again: which records go next, and what an answer changes.

Nothing here has a client, a clock or a thread. A `Lane` is asked for its next invocation, is told
the answer, and says what is to be written in the archive for it:

    every record acknowledged      the batch is deleted: its lines, then itself
    some of them                   the batch is put again with the others
    a record failed by itself      it stays, with why it failed first and why it failed again

Progress is the archive itself: a batch's object holds what is not yet acknowledged and nothing
else. A second object that said how far a redrive came could disagree with it after a crash; one
object, overwritten as a whole, cannot. So whoever is killed between any two steps leaves an
archive that is right, and a redrive that is started again repeats only what was acknowledged and
not yet written.

A batch that fails again is cut in two, down to the record. A function that names the first record
it did not process (ReportBatchItemFailures) has acknowledged all before it: that record is tried
once more, alone, and what follows it goes on without it. No record is given up that did not fail
alone, and none is tried a second time after that, so no batch loops.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from events.failure import Batch, Reason, Record

REQUEST_BYTES = 6 * 1024 * 1024
"""A synchronous invocation's payload at most.
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
AROUND = len(b'{"Records":[]}')
CONDITION = "RedriveFailed"
"""Why a batch is still there after a redrive, among the conditions of the event source mapping."""
LONGEST_ERROR = 500
UNUSABLE = frozenset(
    {
        "Runtime.HandlerNotFound",
        "Runtime.ImportModuleError",
        "Runtime.InvalidEntrypoint",
        "Runtime.MalformedHandlerName",
        "Runtime.UserCodeSyntaxError",
    }
)
"""Errors of a function that has not come as far as looking at a record."""


class Limits(NamedTuple):
    """What an invocation may hold: the processor's batch size, and Lambda's request."""

    records: int
    size: int = REQUEST_BYTES


class Invocation(NamedTuple):
    """A call of the function that failed, with records of one shard in their order."""

    function_arn: str
    shard_id: str
    sequence_numbers: tuple[str, ...]
    payload: bytes


class Answer(NamedTuple):
    """What an invocation did: so many of its first records are acknowledged.

    `named`: the function said which record was the first that it did not process. `error` says
    why that was so, empty when all are acknowledged.
    """

    acknowledged: int
    error: str = ""
    named: bool = False
    request_id: str = ""
    at: datetime = datetime.min  # noqa: DTZ901  of an answer that acknowledges all


class Settlement(NamedTuple):
    """What an answer changes in the archive, and the records behind it by their batch's id:
    how many were recovered, and which one failed again."""

    kept: tuple[Batch, ...]
    finished: tuple[Batch, ...]
    recovered: Counter[str]
    failed: str | None


class Unusable(Exception):
    """The function cannot run at all: its error, which says nothing of any record."""


@dataclass(slots=True, eq=False)
class _Open:
    """A batch on its way: what is not yet acknowledged, and what failed again."""

    batch: Batch
    waiting: dict[str, Record]
    failed: dict[str, Reason] = field(default_factory=dict)

    def rest(self) -> Batch | None:
        """What the archive is to hold of it; None when nothing."""
        if not self.waiting and not self.batch.gone:
            return None
        kept = [one for one in self.batch.history if one.sequence_number in ("", *self.waiting)]
        records = list(self.waiting.values())
        return replace(self.batch, records=records, history=[*kept, *self.failed.values()])


class _Item(NamedTuple):
    """A record, its batch, and its part of the payload."""

    open: _Open
    number: str
    body: bytes


class Lane:
    """Failed batches of one shard, or of shards that follow each other, in their order.

    Batches are read when they are needed, one invocation ahead at most.
    """

    def __init__(self, batches: Iterable[Batch], limits: Limits) -> None:
        self._limits = limits
        self._items = _items(batches)
        self._ahead: _Item | None = next(self._items, None)
        self._pieces: deque[list[_Item]] = deque()

    def next(self) -> Invocation | None:
        """The invocation that is to be answered next; None when all is done."""
        if not self._pieces:
            if not (piece := self._fill()):
                return None
            self._pieces.append(piece)
        piece = self._pieces[0]
        return Invocation(
            function_arn=piece[0].open.batch.function_arn,
            shard_id=piece[0].open.batch.shard_id,
            sequence_numbers=tuple(item.number for item in piece),
            payload=b'{"Records":[' + b",".join(item.body for item in piece) + b"]}",
        )

    def answered(self, answer: Answer) -> Settlement:
        """Take in the answer to the last invocation."""
        piece = self._pieces.popleft()
        done = piece[: answer.acknowledged]
        recovered: Counter[_Open] = Counter()
        for item in done:
            del item.open.waiting[item.number]
            recovered[item.open] += 1
        touched = list(recovered)
        failed = None
        rest = piece[answer.acknowledged :]
        if len(piece) == len(rest) == 1:
            [item] = rest
            item.open.failed[item.number] = _reason(answer, item.number)
            touched.append(item.open)
            failed = item.open.batch.failure_id
        elif rest:
            cut = 1 if answer.named else (len(rest) + 1) // 2
            self._pieces.extendleft(part for part in (rest[cut:], rest[:cut]) if part)
        states = [(one.batch, one.rest()) for one in touched]
        return Settlement(
            kept=tuple(rest for _, rest in states if rest is not None),
            finished=tuple(batch for batch, rest in states if rest is None),
            recovered=Counter({one.batch.failure_id: recovered[one] for one in recovered}),
            failed=failed,
        )

    def _fill(self) -> list[_Item]:
        """As many of the next records as one invocation takes: of one function and one shard."""
        piece: list[_Item] = []
        most, room = self._limits.records, self._limits.size - AROUND
        batch: _Open | None = None
        while (item := self._ahead) is not None:
            room -= len(item.body) + 1
            if piece:
                if len(piece) == most or room < 0:
                    break
                if item.open is not batch and source(item.open) != source(piece[0].open):
                    break
            batch = item.open
            piece.append(item)
            self._ahead = next(self._items, None)
        return piece


def source(one: _Open) -> tuple[str, str, str]:
    """What one invocation holds records of, and no others."""
    return one.batch.function_arn, one.batch.stream_arn, one.batch.shard_id


def _items(batches: Iterable[Batch]) -> Iterator[_Item]:
    encode = msgspec.json.encode
    for batch in batches:
        waiting = {record["kinesis"]["sequenceNumber"]: record for record in batch.records}
        if not _ordered(list(waiting)):
            # Not as rescue writes it, yet no reason to stop.
            waiting = {number: waiting[number] for number in sorted(waiting, key=int)}
        one = _Open(batch, waiting)
        for number, record in list(waiting.items()):
            yield _Item(one, number, encode(record))


def _ordered(numbers: list[str]) -> bool:
    """Of equal length they are in order as texts when they are as numbers; else better sorted."""
    return len(set(map(len, numbers))) == 1 and numbers == sorted(numbers)


def _reason(answer: Answer, number: str) -> Reason:
    return Reason(
        failed_at=answer.at,
        condition=CONDITION,
        request_id=answer.request_id,
        invocations=1,
        error=answer.error,
        sequence_number=number,
    )


def read(
    payload: bytes,
    error: str | None,
    numbers: Sequence[str],
    *,
    report: bool,
    request_id: str,
    at: datetime,
) -> Answer:
    """What an invocation that ran has acknowledged, as an event source mapping understands it.

    `report`: the mapping has ReportBatchItemFailures; without it whatever is returned is a success.
    The lowest reported sequence number counts; one that is not in the batch, and an answer of
    another shape, acknowledge nothing. Raises Unusable when the function cannot even be loaded.
    """
    try:
        answer = msgspec.json.decode(payload) if payload else None
    except msgspec.DecodeError:
        answer = payload.decode(errors="replace")
    if error:
        return Answer(0, error=_said(answer, error), request_id=request_id, at=at)
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else answer
    if not report or failures in (None, "", [], {}):
        return Answer(len(numbers))
    named = _named(failures, {number: index for index, number in enumerate(numbers)})
    if named is None:
        said = msgspec.json.encode(answer).decode()
        wrong = f"no answer of an event source mapping: {said}"[:LONGEST_ERROR]
        return Answer(0, error=wrong, request_id=request_id, at=at)
    why = "reported in batchItemFailures"
    return Answer(named, error=why, named=True, request_id=request_id, at=at)


def _named(failures: Any, places: dict[str, int]) -> int | None:
    """The place of the first record that is reported; None when a report makes no sense."""
    if not isinstance(failures, list):
        return None
    found = [one.get("itemIdentifier") if isinstance(one, dict) else None for one in failures]
    if not all(isinstance(number, str) and number in places for number in found):
        return None
    return min(places[str(number)] for number in found)


def _said(answer: Any, error: str) -> str:
    """Type and message of a function's error. Raises Unusable."""
    if not isinstance(answer, dict):
        return error
    kind, message = str(answer.get("errorType", error)), str(answer.get("errorMessage", ""))
    said = f"{kind}: {message}"[:LONGEST_ERROR] if message else kind
    if kind in UNUSABLE:
        raise Unusable(said)
    return said
