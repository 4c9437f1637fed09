"""The state of a trial, made anew from the lake while its function's mapping is paused."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

import msgspec

from cli.auditing import Audit, Steps
from cli.errors import AccountFailure, Failure, Interrupted, MissingStack
from cli.on_trial import OnTrial
from cli.releases import TELEMETRY
from cli.report.data import chosen
from cli.terminal import say
from events.release import Digested, Fact, Trial

if TYPE_CHECKING:
    from cli.athena import Database

CHUNK = 5_000
"""Events in one invocation: some 600 KB of at most 6 MB."""
PATIENCE = 300.0
"""Seconds in which a mapping stops or starts, and in which the state comes to rest."""
PAUSE = 0.5
IDLE = 2.0
"""Seconds in which the state of a paused mapping does not change any more: nothing runs."""
LEAVING = "headrace: letting the event source mapping go on; Ctrl-C again leaves it paused."


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """What a rebuild would read."""

    release: str
    trial: int
    events: int
    devices: int
    from_event_time: datetime
    to_event_time: datetime

    def sentence(self) -> str:
        return (
            f"The lake has {self.events:,} events of {self.devices:,} devices for the trial of "
            f"{self.release}, from {self.from_event_time:%Y-%m-%d %H:%M:%S} to "
            f"{self.to_event_time:%Y-%m-%d %H:%M:%S} UTC."
        )


class Rebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """received = applied + duplicates + late + other + skewed"""

    release: str
    trial: int
    received: int
    applied: int
    duplicates: int
    late: int
    other: int
    skewed: int
    before: str
    """Digest of the state before; the same as `after` when nothing was missing or too much."""
    after: str
    seconds: float

    def sentence(self) -> str:
        same = "identical to" if self.before == self.after else "not the same as"
        beside = ", ".join(
            f"{number:,} {word}"
            for number, word in (
                (self.duplicates, "repeated"),
                (self.late, "too late"),
                (self.other, "of no trial"),
                (self.skewed, "by a clock that is not believed"),
            )
            if number
        )
        return (
            f"Fed {self.received:,} events in {self.seconds:.1f} s: {self.applied:,} applied"
            f"{f', {beside}' if beside else ''}. The state is {same} what it was "
            f"({self.after[:12]}{f', before {self.before[:12]}' * (self.before != self.after)})."
        )


@dataclass
class Rebuilding:
    """One rebuild; `fed` can be watched while it runs."""

    on: OnTrial
    trial: Trial
    database: "Database"
    table: str
    steps: Steps
    """The audit of telemetry."""
    fed: int = 0
    total: int | None = None
    _counts: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, release: str, environment: str) -> Self:
        """Raises MissingStack and NotOnTrial."""
        on = OnTrial.find(environment)
        trial = on.releases.trial(release)
        source = on.source()
        audit = on.deployed.flow(TELEMETRY).audit_function_name
        if not audit:
            raise MissingStack(
                f"The stack of {TELEMETRY} has no audit, which tells when the lake has everything: "
                f"deploy it again with `cdk deploy --all -c env={on.deployed.environment}`."
            )
        steps = Steps(on.account.functions, audit)
        return cls(on, trial, source.database, source.telemetry, steps)

    def position(self) -> tuple[float, float | None]:
        return self.fed, self.total

    def plan(self) -> Planned:
        """What is in the lake now."""
        first, last = self._span()
        where = chosen(self.trial, first, last)
        [row] = self.database.ask(
            f"SELECT count(*), count(DISTINCT device) FROM {self.table} WHERE {where}"  # noqa: S608  of our own
        ).rows
        return Planned(
            release=self.trial.canary,
            trial=self.trial.number,
            events=int(row[0]),
            devices=int(row[1]),
            from_event_time=first,
            to_event_time=last,
        )

    def run(self, tell: Callable[[], None] = lambda: None) -> Rebuilt:
        """Do it. Raises AccountFailure and Interrupted; the mapping goes on whatever happens,
        unless it is interrupted twice."""
        release, health = self.trial.canary, self.on.health
        began = time.monotonic()
        flushed = False
        try:
            self._mapping()
            # What has long arrived is read back before the pause, which holds up every trial.
            audited = self._audited(self._earliest(), wait=False, tell=tell)
            with self._paused():
                before = self._settled()
                self._audited(audited, wait=True, tell=tell)
                self.total = self.plan().events
                chunks = self._facts()
                health.flush(release)
                flushed = True
                for facts in chunks:
                    answer = msgspec.to_builtins(health.feed(release, facts))
                    for name, number in answer.items():
                        self._counts[name] = self._counts.get(name, 0) + number
                    self.fed += len(facts)
                    tell()
                after = health.digest(release)
        except (KeyboardInterrupt, Exception) as error:
            if flushed and (half := _half(error, release, self.fed)):
                raise half from None
            raise
        return Rebuilt(
            release=release,
            trial=self.trial.number,
            **{name: self._counts.get(name, 0) for name in COUNTED},
            before=before.digest,
            after=after.digest,
            seconds=round(time.monotonic() - began, 3),
        )

    def _span(self) -> tuple[datetime, datetime]:
        """Event times that the trial may count."""
        ahead = timedelta(minutes=self.trial.skew_minutes)
        return self.trial.prepares_at, self.trial.stopped_at or datetime.now(UTC) + ahead

    def _facts(self) -> Iterator[list[Fact]]:
        """The lake's events of the trial in the order of devices and their counters: asked for now,
        so that an answer that fails does so before anything is changed."""
        answer = self.database.ask(
            "SELECT to_unixtime(coalesce(arrived_at, ingested_at)), device, boot_id, counter,"  # noqa: S608  of our own
            " release,"
            " to_unixtime(event_time), heap_bytes, cpu, channel_change_ms, crashed"
            f" FROM {self.table} WHERE {chosen(self.trial, *self._span())}"
            " ORDER BY device, boot_id, counter"
        )
        rows = map(_fact, answer.rows)
        return iter(lambda: list(islice(rows, CHUNK)), [])

    def _settled(self) -> Digested:
        """The state when nothing changes it any more."""
        release, health = self.trial.canary, self.on.health
        state, since = health.digest(release), time.monotonic()
        deadline = since + PATIENCE
        while time.monotonic() - since < IDLE:
            time.sleep(PAUSE)
            now = health.digest(release)
            if now.digest != state.digest:
                state, since = now, time.monotonic()
            if since > deadline:
                raise AccountFailure(
                    f"The state of {release} still changes, though its mapping is paused: see that "
                    "nobody else rebuilds it, and repeat the command."
                )
        return state

    def _earliest(self) -> int:
        """No event that the trial may count has arrived before, in epoch milliseconds."""
        seconds = self.trial.prepares_at.timestamp() - self.trial.skew_minutes * 60
        return round(seconds * 1000)

    def _audited(self, since: int, *, wait: bool, tell: Callable[[], None]) -> int:
        """Until when everything that arrived is in the lake, or accounted for; with `wait` it is
        now. Raises AccountFailure.

        What the state has counted says nothing of that: a trial that was backdated has counted less
        than the lake has, and counts of a preparation, or of duplicates, do not compare."""
        plan = self.steps.plan()
        until = plan.now if wait else max(since, plan.due)
        audit = Audit(self.steps, plan, since=max(since, plan.answers_from), until=until)
        audit.run(wait=wait, tell=tell)
        total = audit.report([]).total
        if lacking := total.missing + total.on_its_way:
            raise AccountFailure(
                f"{lacking:,} of {total.stream:,} records of {TELEMETRY} that arrived are not in "
                f"the lake, so nothing was changed: see with `headrace audit {TELEMETRY}` which, "
                "and repeat the command once they are."
            )
        return until

    def _mapping(self) -> str:
        """The function's event source mapping, which nobody has paused."""
        name = self.on.health.function
        client = self.on.account.functions
        found = client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
        if not found:
            raise MissingStack(
                f"{name} has no event source mapping to pause: deploy its stack again."
            )
        mapping = found[0]["UUID"]
        if found[0].get("State") in ("Disabled", "Disabling"):
            raise AccountFailure(
                f"The event source mapping of {name} is paused already: another rebuild runs, or "
                f"one was killed; once none runs, `aws lambda update-event-source-mapping --uuid "
                f"{mapping} --enabled` lets it go on."
            )
        return mapping

    @contextmanager
    def _paused(self) -> Iterator[None]:
        """The function's mapping is disabled meanwhile, and goes on where it was. Raises
        Interrupted where it may not: the second Ctrl-C leaves it as it is."""
        client, mapping = self.on.account.functions, self._mapping()
        with self._perhaps_paused(mapping):
            client.update_event_source_mapping(UUID=mapping, Enabled=False)
        try:
            self._wait_for(client, mapping, "Disabled")
            yield
        except KeyboardInterrupt:
            say(LEAVING)
            raise
        finally:
            with self._perhaps_paused(mapping):
                self._wait_for(client, mapping, "Disabled")
                client.update_event_source_mapping(UUID=mapping, Enabled=True)
                self._wait_for(client, mapping, "Enabled")

    @contextmanager
    def _perhaps_paused(self, mapping: str) -> Iterator[None]:
        """Who interrupts the body is told what it may leave behind."""
        try:
            yield
        except KeyboardInterrupt:
            raise Interrupted(
                f"Interrupted while the event source mapping of {self.on.health.function} was "
                "paused, and it may still be: `aws lambda update-event-source-mapping --uuid "
                f"{mapping} --enabled` lets it go on."
            ) from None

    def _wait_for(self, client: Any, mapping: str, state: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while client.get_event_source_mapping(UUID=mapping)["State"] != state:
            if time.monotonic() > deadline:
                raise AccountFailure(
                    f"The event source mapping {mapping} does not become {state}: look at it in "
                    "the console, and enable it."
                )
            time.sleep(PAUSE / 2)


COUNTED = ("received", "applied", "duplicates", "late", "other", "skewed")


def _fact(row: list[Any]) -> Fact:
    arrived, device, boot, counter, release, at, heap, cpu, change, crashed = row
    return Fact(
        arrived=float(arrived),
        device=device,
        boot_id=int(boot),
        counter=int(counter),
        release=release,
        event_time=float(at),
        heap_bytes=int(heap),
        cpu=float(cpu),
        channel_change_ms=None if change is None else float(change),
        crashed=bool(crashed),
    )


def _half(error: BaseException, release: str, fed: int) -> Failure | None:
    """What stopped it between the flush and the end, and what to do; None for a defect."""
    from cli.aws import explain

    then = (
        f"The state of {release} is half there ({fed:,} events): repeat `headrace release rebuild "
        f"{release} --yes`."
    )
    if isinstance(error, KeyboardInterrupt):
        return Interrupted(f"Interrupted. {then}")
    if isinstance(error, Interrupted):
        return Interrupted(f"{error} {then}")
    said = error if isinstance(error, Failure) else explain(error)
    return AccountFailure(f"{said} {then}") if said else None
