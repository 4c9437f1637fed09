"""An audit as the event type's function does it, step by step: read, compare, explain.

Every shard is read side by side and a few seconds at a time, so that whoever waits sees it move and
may stop it: a step changes nothing. Cuts (functions/audit/cutting.py) are passed on as they came.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import Struct

from cli.consumers import Consumer
from cli.errors import AccountFailure

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

READ_SECONDS = 5.0
TOGETHER = 16
MOST_CUTS = 5_000
"""In one request, which may have 6 MB."""
MOST_RECORDS = 100_000
"""Compared by name in one request, of one shard: some 20 s at the rate of a shard."""
AGAIN_SECONDS = 5.0
"""Between looks at what is on its way."""

Cut = dict[str, Any]
Answer = TypeVar("Answer")


class Plan(Struct, frozen=True, kw_only=True):
    """Instants in epoch milliseconds."""

    event_type: str
    stream: str
    shards: list[str]
    now: int
    answers_from: int
    due: int


class Gap(Struct, frozen=True, kw_only=True):
    """Sequence numbers that the stream forgot while it was read."""

    shard_id: str
    low: str
    high: str
    sure: bool


class Reading(Struct, frozen=True, kw_only=True):
    cuts: list[Cut]
    last: str | None
    seen: int
    through: int
    done: bool
    gaps: list[Gap]


class Tally(Struct, frozen=True, kw_only=True):
    """stream = lake + rejected + dropped + repeated + on_its_way + missing + gone"""

    stream: int = 0
    lake: int = 0
    rejected: int = 0
    dropped: int = 0
    repeated: int = 0
    on_its_way: int = 0
    missing: int = 0
    gone: int = 0
    resubmitted: int = 0
    twice: int = 0
    strange: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        names = self.__struct_fields__
        return Tally(**{name: getattr(self, name) + getattr(other, name) for name in names})


class Missing(Struct, frozen=True, kw_only=True):
    """A record of the stream that is nowhere else."""

    shard_id: str
    sequence_number: str
    subsequence_number: int
    arrived_at: int
    event_id: str
    event_date: str
    payload: str


class Comparison(Struct, frozen=True, kw_only=True):
    tallies: dict[str, Tally]
    differing: list[Cut]


class Explanation(Struct, frozen=True, kw_only=True):
    tally: Tally
    missing: list[Missing]


class Report(Struct, frozen=True, kw_only=True):
    """The proof, or what is wrong with it. Instants in epoch milliseconds; `since` is null where
    nobody asked for an instant: then it is everything that the stream has."""

    event_type: str
    stream: str
    since: int | None
    until: int
    answers_from: int
    proven: bool
    """Nothing is missing, and nothing that was asked for was forgotten by the stream."""
    total: Tally
    shards: dict[str, Tally]
    missing: list[Missing]
    gaps: list[Gap]
    compared_by_name: int
    """Records that had to be compared one by one."""
    consumers: list[Consumer]


@dataclass
class Steps:
    """The function, one step per invocation."""

    client: "LambdaClient"
    function: str

    def plan(self) -> Plan:
        return self._ask(Plan, step="plan")

    def read(self, shard_id: str, **where: Any) -> Reading:
        return self._ask(Reading, step="read", shard_id=shard_id, seconds=READ_SECONDS, **where)

    def compare(self, cuts: list[Cut], *, exact: bool) -> Comparison:
        return self._ask(Comparison, step="compare", cuts=cuts, exact=exact)

    def explain(self, shard_id: str, cuts: list[Cut]) -> Explanation:
        return self._ask(Explanation, step="explain", shard_id=shard_id, cuts=cuts)

    def _ask(self, kind: type[Answer], **request: Any) -> Answer:
        answer = self.client.invoke(
            FunctionName=self.function, Payload=msgspec.json.encode(request)
        )
        payload = answer["Payload"].read()
        if answer.get("FunctionError"):
            found = msgspec.json.decode(payload)
            said = found.get("errorMessage", "no reason given") if isinstance(found, dict) else "?"
            raise AccountFailure(
                f"The audit failed in {self.function}: {said}; its log group says more. It has "
                "changed nothing, repeat the command."
            )
        return msgspec.json.decode(payload, type=kind)


@dataclass
class Audit:
    """One audit of what arrived from `since` (None: all there is) to `until`."""

    steps: Steps
    plan: Plan
    since: int | None
    until: int
    exact: bool = False
    seen: dict[str, int] = field(default_factory=dict)
    """Records read so far, by shard."""
    through: dict[str, int] = field(default_factory=dict)
    tallies: dict[str, Tally] = field(default_factory=dict)
    missing: list[Missing] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    compared_by_name: int = 0
    _stop: Event = field(default_factory=Event)

    @property
    def read(self) -> int:
        return sum(self.seen.values())

    def position(self) -> tuple[float, float]:
        """How much of the time is read, over all shards."""
        first = self.plan.answers_from if self.since is None else self.since
        span = max(1, self.until - first)
        done = sum(min(max(at - first, 0), span) / span for at in self.through.values())
        return done, float(len(self.plan.shards))

    def run(self, *, wait: bool, tell: Callable[[], None]) -> None:
        """Audit; with `wait` look again at what is on its way until it has come, or is overdue.

        `tell` is called whenever there is something new to show. Ctrl-C leaves what runs in the
        function to end by itself, which it does within seconds.
        """
        shards = self.plan.shards
        self.tallies = dict.fromkeys(shards, Tally())
        with ThreadPoolExecutor(TOGETHER) as pool:
            try:
                due = self.until if wait else min(self.plan.due, self.until)
                each = pool.map(lambda shard_id: self._read(shard_id, due, tell), shards)
                cuts = [cut for some in each for cut in some]
                differing = self._compare(cuts, wait=wait)
                tell()
                jobs = list(_jobs(differing))
                for shard_id, explained in pool.map(lambda job: self._explain(*job), jobs):
                    self._add({shard_id: explained.tally})
                    self.missing += explained.missing
                    tell()
            except BaseException:
                self._stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _read(self, shard_id: str, due: int, tell: Callable[[], None]) -> list[Cut]:
        cuts: list[Cut] = []
        last: str | None = None
        seen, done = 0, False
        while not done and not self._stop.is_set():
            found = self.steps.read(
                shard_id, since=self.since, until=self.until, due=due, last=last, seen=seen
            )
            cuts += found.cuts
            self.gaps += found.gaps
            last, seen, done = found.last, found.seen, found.done
            self.seen[shard_id] = seen
            self.through[shard_id] = max(found.through, self.through.get(shard_id, 0))
            tell()
        return cuts

    def _compare(self, cuts: list[Cut], *, wait: bool) -> list[Cut]:
        """The cuts that differ when nothing more can be on its way."""
        settle = (self.plan.now - self.plan.due) / 1000
        while True:
            differing: list[Cut] = []
            for start in range(0, len(cuts), MOST_CUTS):
                part = cuts[start : start + MOST_CUTS]
                found = self.steps.compare(part, exact=self.exact)
                self._add(found.tallies)
                differing += found.differing
            latest = max((cut["last"] for cut in differing), default=0) / 1000
            if not wait or not differing or time.time() > latest + settle:
                return differing
            cuts = differing
            if self._stop.wait(AGAIN_SECONDS):
                return []

    def _explain(self, shard_id: str, cuts: list[Cut]) -> tuple[str, Explanation]:
        self.compared_by_name += sum(map(_size, cuts))
        return shard_id, self.steps.explain(shard_id, cuts)

    def _add(self, tallies: dict[str, Tally]) -> None:
        for shard_id, tally in tallies.items():
            self.tallies[shard_id] += tally

    def report(self, consumers: list[Consumer]) -> Report:
        """What was found, when it has run to its end."""
        total = sum(self.tallies.values(), Tally())
        forgotten = self.since is not None and self.since < self.plan.answers_from
        short = any(one.certainly_short(total.stream) for one in consumers)
        return Report(
            event_type=self.plan.event_type,
            stream=self.plan.stream,
            since=self.since,
            until=self.until,
            answers_from=self.plan.answers_from,
            proven=not (total.missing or total.gone or self.gaps or forgotten or short),
            total=total,
            shards=self.tallies,
            missing=sorted(self.missing, key=lambda one: (one.shard_id, int(one.sequence_number))),
            gaps=self.gaps,
            compared_by_name=self.compared_by_name,
            consumers=consumers,
        )


def _jobs(cuts: Iterable[Cut]) -> Iterator[tuple[str, list[Cut]]]:
    """Cuts to explain in one request each: of one shard, in order, of so many records."""
    shards: dict[str, list[Cut]] = {}
    for cut in cuts:
        shards.setdefault(cut["shard_id"], []).append(cut)
    for shard_id, each in shards.items():
        part: list[Cut] = []
        held = 0
        for cut in each:
            if part and held + _size(cut) > MOST_RECORDS:
                yield shard_id, part
                part, held = [], 0
            part.append(cut)
            held += _size(cut)
        yield shard_id, part


def _size(cut: Cut) -> int:
    return int(cut["records"] + cut["dropped"])
