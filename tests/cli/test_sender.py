"""The sender's threads, around a stream in memory."""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from cli import sender as module
from cli.pace import Pace
from cli.producer import Call, Entry, Limits, Producer, Retry
from cli.sender import Outcome, Put, Sender
from cli.shards import Shards
from tests.cli.streams import Stream as Resharded

LIMITS = Limits(records=10)


def entries(first: int, last: int) -> list[Entry]:
    return [Entry(n, f"k{n % 7}", b"x") for n in range(first, last + 1)]


def sender(put: Put, pace: Pace | None = None) -> tuple[Sender, Producer]:
    producer = Producer(limits=LIMITS, retry=Retry(attempts=3, base=0.001, cap=0.002), linger=0.001)
    made = Sender(producer=producer, put=put, pace=pace or Pace(), lanes=2, progress=lambda: None)
    return made, producer


class Stream:
    """Takes everything but what `refuse` names, which it refuses once."""

    def __init__(self, refuse: set[int] | None = None) -> None:
        self.refuse = refuse or set()
        self.taken: list[int] = []
        self.lock = threading.Lock()
        self.together = self.most = 0

    def __call__(self, call: Call) -> Sequence[str | None]:
        with self.lock:
            self.together += 1
            self.most = max(self.most, self.together)
        answer: list[str | None] = []
        with self.lock:
            for one in call.entries:
                refused = one.number in self.refuse
                self.refuse.discard(one.number)
                answer.append("Throttled" if refused else None)
                if not refused:
                    self.taken.append(one.number)
            self.together -= 1
        return answer


def test_everything_is_put_once_whatever_is_refused_on_the_way() -> None:
    stream = Stream(refuse=set(range(3, 900, 5)))
    made, producer = sender(stream)

    outcome = made.run(iter([entries(1, 400), [], entries(401, 1000)]))

    assert outcome == Outcome()
    assert sorted(stream.taken) == list(range(1, 1001))
    assert producer.tally.retried == Counter(Throttled=180)
    assert stream.most <= 2


def test_an_error_of_the_source_comes_after_what_was_read_before_it() -> None:
    class Broken(Exception):
        pass

    def chunks() -> Iterator[list[Entry]]:
        yield entries(1, 25)
        raise Broken

    stream = Stream()
    outcome = sender(stream)[0].run(chunks())

    assert isinstance(outcome.error, Broken)
    assert sorted(stream.taken) == list(range(1, 26))


def test_an_error_that_no_repetition_mends_stops_the_run_and_all_is_accounted_for() -> None:
    class Denied(Exception):
        pass

    calls: list[Call] = []

    def put(call: Call) -> Sequence[str | None]:
        calls.append(call)
        if len(calls) > 2:
            raise Denied
        return [None] * len(call.entries)

    made, producer = sender(put)
    outcome = made.run(iter([entries(1, 500)]))

    assert isinstance(outcome.error, Denied)
    assert outcome.unknown == producer.pending == 0
    tally = producer.tally
    assert tally.put > 0
    assert tally.put + sum(tally.not_put.values()) == 500
    assert set(tally.not_put) == {"Stopped"}


def test_an_interrupt_waits_for_the_answers_of_calls_in_flight() -> None:
    started, answer = threading.Event(), threading.Event()

    def put(call: Call) -> Sequence[str | None]:
        started.set()
        assert answer.wait(10)
        return [None] * len(call.entries)

    made, producer = sender(put)

    def interrupt() -> None:
        started.wait(10)
        made.interrupt()
        answer.set()

    threading.Thread(target=interrupt).start()
    outcome = made.run(iter([entries(1, 100)]))

    assert (outcome.interrupted, outcome.error, outcome.unknown) == (True, None, 0)
    tally = producer.tally
    assert 0 < tally.put <= 2 * LIMITS.records
    assert tally.not_put == Counter(Interrupted=100 - tally.put)


def test_what_a_second_interrupt_does_not_wait_for_is_reported_as_unknown() -> None:
    started, answer = threading.Event(), threading.Event()

    def put(call: Call) -> Sequence[str | None]:
        started.set()
        assert answer.wait(10)
        return [None] * len(call.entries)

    made, producer = sender(put)

    def interrupt() -> None:
        started.wait(10)
        made.interrupt()
        made.interrupt()

    threading.Thread(target=interrupt).start()
    outcome = made.run(iter([entries(1, 100)]))
    answer.set()

    assert outcome.interrupted
    assert 0 < outcome.unknown <= 2 * LIMITS.records
    assert producer.tally.not_put == Counter(Interrupted=100 - outcome.unknown)


def test_an_answer_that_does_not_come_in_time_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE", 0.05)
    started, answer = threading.Event(), threading.Event()

    def put(call: Call) -> Sequence[str | None]:
        started.set()
        assert answer.wait(10)
        return [None] * len(call.entries)

    made, _ = sender(put)

    def interrupt() -> None:
        started.wait(10)
        made.interrupt()

    threading.Thread(target=interrupt).start()
    outcome = made.run(iter([entries(1, 100)]))
    answer.set()

    assert outcome.unknown > 0


def test_the_source_is_not_read_further_ahead_than_memory_allows() -> None:
    read: list[int] = []
    started, answer, full = threading.Event(), threading.Event(), threading.Event()

    def chunks() -> Iterator[list[Entry]]:
        for first in range(1, 10_000, 10):
            read.append(first)
            if len(read) > module.AHEAD + 4:
                full.set()
            yield entries(first, first + 9)

    def put(call: Call) -> Sequence[str | None]:
        started.set()
        assert answer.wait(10)
        return [None] * len(call.entries)

    made, producer = sender(put)

    def watch() -> None:
        started.wait(10)
        full.wait(10)
        read_before_an_answer.append(len(read))
        made.interrupt()
        answer.set()

    read_before_an_answer: list[int] = []
    threading.Thread(target=watch).start()
    made.run(chunks())

    # two full calls a lane in the producer, one chunk cut, AHEAD in the queue, one in the hand
    assert read_before_an_answer[0] <= 4 + 1 + module.AHEAD + 1
    assert producer.tally.put + producer.tally.not_put["Interrupted"] <= 10 * len(read)


def refused(code: str, status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "ListShards")


def split_while_it_is_asked_for(error: Exception) -> tuple[Outcome, Resharded, Producer]:
    """A run in which the stream is split, and the first question for its shards fails."""
    stream = Resharded(Shards.even(2), reshapes={2: 0})
    producer = Producer(limits=LIMITS, lanes=1, linger=0.001, shards=stream.shards, aggregate=60)
    errors = [error]

    def shards() -> Shards:
        if errors:
            raise errors.pop()
        return stream.shards

    made = Sender(
        producer=producer,
        put=stream.answer,
        pace=Pace(),
        lanes=1,
        progress=lambda: None,
        shards=shards,
    )
    return made.run(iter([entries(1, 300)])), stream, producer


@pytest.mark.parametrize(
    "error",
    [
        ConnectionClosedError(endpoint_url="x"),
        ReadTimeoutError(endpoint_url="x"),
        refused("LimitExceededException"),
        refused("ResourceInUseException"),
        refused("InternalFailure", 500),
        ValueError("the shards do not share out the hash keys"),
    ],
)
def test_shards_are_asked_for_again_when_the_answer_was_lost(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.0)
    outcome, stream, producer = split_while_it_is_asked_for(error)
    assert outcome == Outcome()
    assert (producer.tally.put, producer.tally.not_put) == (300, Counter())
    assert stream.by_key().keys() == {f"k{n}" for n in range(7)}


def test_an_error_that_asking_again_does_not_mend_ends_the_run() -> None:
    denied = refused("AccessDeniedException")
    outcome, _, producer = split_while_it_is_asked_for(denied)
    assert outcome.error is denied
    tally = producer.tally
    assert tally.put + sum(tally.not_put.values()) == 300
    assert set(tally.not_put) == {"Stopped"}


def test_a_pace_is_kept() -> None:
    stream = Stream()
    made, producer = sender(stream, Pace(rate=1000))
    ticks: list[int] = []
    made._progress = lambda: ticks.append(producer.tally.put)

    made.run(iter([entries(1, 200)]))

    assert sorted(stream.taken) == list(range(1, 201))
    assert len(set(ticks)) > 10
