"""A lane of failed batches against functions of every kind, killed between every two steps."""

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.errors import Overtaken
from cli.failures import Archive
from cli.redrive.shard import (
    Answer,
    Invocation,
    Lane,
    Limits,
    Settlement,
    Unusable,
    read,
)
from cli.redrive.worker import follow
from events.failure import Gone, decode, objects
from tests.cli.failed import FIRST, SHARD, MemoryS3, batch, record

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FAILING = {"reports", "raises", "reports nonsense"}


class Killed(BaseException):
    """kill -9."""


class Late(Future[None]):
    """Writes when somebody waits for it: as late as can be."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__()
        self._work = work

    def result(self, timeout: float | None = None) -> None:
        if not self.done():
            self._work()
            self.set_result(None)
        super().result(timeout)


class AtOnce(Late):
    """Writes before anything else happens."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__(work)
        self.result()


@dataclass
class World:
    """An archive and the function that failed what is in it: `poison` records fail for ever, `ill`
    ones so many times more. What it acknowledged is counted by record, in order."""

    sizes: list[int]
    poison: set[int]
    ill: Counter[int]
    fails: str
    writes: type[Late]
    acknowledged: list[int] = field(default_factory=list)
    attempts: Counter[int] = field(default_factory=Counter)
    invocations: int = 0
    fuse: int = -1
    dead: bool = False

    def __post_init__(self) -> None:
        self.s3 = MemoryS3()
        start = 0
        self.records = [record(number, b"%d" % number) for number in range(sum(self.sizes))]
        for size in self.sizes:
            self.s3.fill(batch(self.records[start : start + size]))
            start += size
        self.s3.step = self.step

    def step(self) -> None:
        """Between every two steps of a run: where it may be killed, and then does no more."""
        self.fuse -= 1
        if self.fuse == 0:
            self.dead = True
        if self.dead:
            raise Killed

    def run(self, limit: int, fuse: int = -1) -> Counter[str]:
        self.dead, self.fuse = False, fuse
        archive = Archive(self.s3, "lake")  # type: ignore[arg-type]
        stored = sorted(archive.scan(), key=lambda one: int(one.summary.start_sequence_number))
        done: Counter[str] = Counter()

        def settle(settlement: Settlement) -> None:
            archive.keep(settlement.kept)
            archive.finish(settlement.finished)
            done["recovered"] += settlement.recovered.total()
            done["failed"] += settlement.failed is not None

        lane = Lane((one.batch() for one in stored), Limits(limit))
        follow(
            lane,
            invoke=self.invoke,
            settle=lambda settlement: self.writes(lambda: settle(settlement)),
            stopping=lambda: False,
        )
        return +done

    def invoke(self, invocation: Invocation) -> Answer:
        self.step()
        self.invocations += 1
        found = json.loads(invocation.payload)["Records"]
        numbers = [int(one["kinesis"]["sequenceNumber"]) - FIRST for one in found]
        assert found == [self.records[number] for number in numbers]
        assert numbers == sorted(numbers)
        self.attempts.update(numbers)
        error, answer = None, ""
        for place, number in enumerate(numbers):
            if number not in self.poison and not self.ill[number]:
                continue
            self.ill[number] -= self.ill[number] > 0
            if self.fails == "reports":
                self.acknowledged += numbers[:place]
                wrong = str(FIRST + number)
            else:
                wrong = "there is none"
            answer = json.dumps({"batchItemFailures": [{"itemIdentifier": wrong}]})
            error = "Unhandled" if self.fails == "raises" else None
            break
        else:
            self.acknowledged += numbers
        self.step()
        return read(
            answer.encode(),
            error,
            invocation.sequence_numbers,
            report=True,
            request_id=f"request-{self.invocations}",
            at=NOW,
        )

    def kept(self) -> dict[int, list[str]]:
        """The records that are archived, with the requests in which each failed alone."""
        return {
            int(one["kinesis"]["sequenceNumber"]) - FIRST: [
                reason.request_id
                for reason in found.history
                if reason.sequence_number == one["kinesis"]["sequenceNumber"]
            ]
            for key, (body, _) in self.s3.objects.items()
            if key.startswith("failures/batches/")
            for found in [decode(body)]
            for one in found.records
        }

    def consistent(self) -> None:
        """A batch that is there is there with its lines, unless it is being deleted; and no line
        is there without its batch."""
        lines = {key.rpartition("/")[2] for key in self.s3.objects if "/records/" in key}
        batches = {key.rpartition("/")[2] for key in self.s3.objects if "/batches/" in key}
        assert lines <= batches


@st.composite
def worlds(draw: st.DrawFn) -> World:
    sizes = draw(st.lists(st.integers(1, 7), min_size=1, max_size=5))
    numbers = st.integers(0, sum(sizes) - 1)
    return World(
        sizes=sizes,
        poison=draw(st.sets(numbers, max_size=4)),
        ill=Counter(draw(st.dictionaries(numbers, st.integers(1, 2), max_size=3))),
        fails=draw(st.sampled_from(sorted(FAILING))),
        writes=draw(st.sampled_from([Late, AtOnce])),
    )


@settings(deadline=None, max_examples=100)
@given(worlds(), st.integers(1, 9))
def test_every_record_is_acknowledged_once_in_order_or_kept_with_both_reasons(
    world: World, limit: int
) -> None:
    everything = set(range(sum(world.sizes)))
    done = world.run(limit)
    kept = world.kept()
    assert world.poison <= kept.keys()
    assert world.acknowledged == sorted(everything - kept.keys())
    assert all(len(requests) == 1 for requests in kept.values())
    assert done == +Counter(recovered=len(everything) - len(kept), failed=len(kept))
    # No loop: a record is tried with its batch, with each half of it, and alone.
    assert max(world.attempts.values()) <= 2 + 2 * limit
    world.consistent()
    if not kept:
        assert world.s3.objects == {}


@settings(deadline=None, max_examples=150)
@given(worlds(), st.integers(1, 9), st.lists(st.integers(1, 40), min_size=1, max_size=4))
def test_a_redrive_that_is_killed_anywhere_goes_on_without_loss_and_repeats_two_invocations_at_most(
    world: World, limit: int, fuses: list[int]
) -> None:
    everything = set(range(sum(world.sizes)))
    kills = 0
    for fuse in fuses:
        before = set(world.acknowledged)
        try:
            world.run(limit, fuse)
        except Killed:
            kills += 1
        # Whatever is not acknowledged is archived, at any moment.
        assert everything - set(world.acknowledged) <= world.kept().keys()
        unwritten = (set(world.acknowledged) - before) & world.kept().keys()
        assert len(unwritten) <= 2 * limit
        world.consistent()
    world.run(limit)
    kept = world.kept()
    assert kept.keys() | set(world.acknowledged) == everything
    assert world.poison <= kept.keys()
    assert all(kept.values())
    assert max(Counter(world.acknowledged).values(), default=0) <= 1 + kills
    world.consistent()


def test_a_second_redrive_recovers_what_failed_again_and_forgets_why() -> None:
    world = World([4], {2}, Counter(), "raises", AtOnce)
    assert world.run(100) == {"recovered": 3, "failed": 1}
    assert world.run(100) == {"failed": 1}
    assert {number: len(requests) for number, requests in world.kept().items()} == {2: 2}
    world.poison = set()
    assert world.run(100) == {"recovered": 1}
    assert world.s3.objects == {}


def test_consecutive_batches_share_invocations_as_large_as_the_batch_size() -> None:
    world = World([1] * 25, set(), Counter(), "reports", AtOnce)
    world.run(10)
    assert (world.invocations, world.s3.objects) == (3, {})


def test_an_invocation_fits_lambda_s_request_and_holds_one_shard() -> None:
    other = "shardId-000000000001"
    size = 1_000_000
    found = [
        batch([record(number, b"x" * size) for number in range(6)]),
        batch([record(9, shard=other), record(10, shard=other)]),
    ]
    lane = Lane(found, Limits(100))
    seen = []
    while invocation := lane.next():
        assert len(invocation.payload) <= 6 * 1024 * 1024
        assert len(json.loads(invocation.payload)["Records"]) == len(invocation.sequence_numbers)
        seen.append((invocation.shard_id, len(invocation.sequence_numbers)))
        lane.answered(Answer(len(invocation.sequence_numbers)))
    assert seen == [(SHARD, 4), (SHARD, 2), (other, 2)]


def test_a_batch_with_records_that_are_gone_stays_to_say_so() -> None:
    gone = Gone(from_sequence_number="1", to_sequence_number="2", why="trimmed", records=2)
    lane = Lane([batch([record(1), record(2)], gone=[gone])], Limits(100))
    lane.next()
    [kept] = lane.answered(Answer(2)).kept
    assert (kept.records, kept.gone) == ([], [gone])
    assert lane.next() is None


def test_what_somebody_else_has_changed_is_not_overwritten() -> None:
    world = World([3], {1}, Counter(), "reports", AtOnce)

    def interfere(invocation: Invocation) -> Answer:
        assert len(invocation.sequence_numbers) == 3
        for key, body in objects(batch(world.records[:3], note="rescued again")):
            world.s3.put_object(Key=key, Body=body)
        return Answer(1, error="x", named=True)

    world.invoke = interfere  # type: ignore[method-assign]
    with pytest.raises(Overtaken):
        world.run(100)
    assert set(world.kept()) == {0, 1, 2}


@pytest.mark.parametrize(
    ("payload", "acknowledged", "named"),
    [
        (b"", 3, False),
        (b"null", 3, False),
        (b'""', 3, False),
        (b"[]", 3, False),
        (b"{}", 3, False),
        (b'{"batchItemFailures": null}', 3, False),
        (b'{"batchItemFailures": []}', 3, False),
        (b'{"batchItemFailures": [{"itemIdentifier": "9"}]}', 1, True),
        (b'{"batchItemFailures": [{"itemIdentifier": "10"}, {"itemIdentifier": "9"}]}', 1, True),
        (b'{"batchItemFailures": [{"itemIdentifier": "8"}]}', 0, True),
        (b'{"batchItemFailures": [{"itemIdentifier": "7"}]}', 0, False),
        (b'{"batchItemFailures": [{"itemIdentifier": ""}]}', 0, False),
        (b'{"batchItemFailures": [{"itemIdentifier": null}]}', 0, False),
        (b'{"batchItemFailures": [{}]}', 0, False),
        (b'{"batchItemFailures": [{"itemIdentifier": "9"}, {}]}', 0, False),
        (b'{"batchItemFailures": "9"}', 0, False),
        (b'"done"', 0, False),
        (b"not JSON", 0, False),
    ],
)
def test_an_answer_means_what_it_means_to_an_event_source_mapping(
    payload: bytes, acknowledged: int, *, named: bool
) -> None:
    found = answer(payload)
    assert (found.acknowledged, found.named) == (acknowledged, named)
    assert bool(found.error) == (acknowledged < 3)
    assert answer(payload, report=False).acknowledged == 3


def test_a_function_that_raises_acknowledges_nothing_and_one_that_cannot_load_says_nothing() -> (
    None
):
    raised = answer(b'{"errorType": "KeyError", "errorMessage": "\'tail\'"}', "Unhandled")
    assert (raised.acknowledged, raised.named, raised.error) == (0, False, "KeyError: 'tail'")
    assert answer(b"", "Unhandled").error == "Unhandled"
    with pytest.raises(Unusable, match=r"^Runtime.ImportModuleError: no module$"):
        answer(
            b'{"errorType": "Runtime.ImportModuleError", "errorMessage": "no module"}', "Unhandled"
        )


def answer(payload: bytes, error: str | None = None, *, report: bool = True) -> Answer:
    """What it acknowledges of the records 8, 9 and 10."""
    return read(payload, error, ["8", "9", "10"], report=report, request_id="r", at=NOW)
