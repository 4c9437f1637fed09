"""One run: its faults and its input by its seed, and the verdict on what became of the input."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

import msgspec

from cli.kinesis import PutRecords
from cli.pace import Pace
from cli.producer import Entry, Limits, Producer, Retry
from cli.sender import Sender
from events.aggregation import deaggregate
from events.decoding import Decoder
from events.delay_alert.event import DelayAlert
from events.flight.event import Flight
from events.rejection import Rejected
from tests.faults import given as inputs
from tests.faults.given import Given
from tests.faults.matrix import FAULTS, FUNCTION, Fault
from tests.faults.world import Never, Record, World, until, updated

WAVES = 4
SIZE = 30
PAUSE_SECONDS = 0.25
"""Between two waves, so that batches and faults meet."""
REDRIVES = 8
"""A redrive that is killed or refused is started again this often at most."""
COMMAND_SECONDS = 120.0


PAIRED = range(len(FAULTS), 240)
"""Seeds whose faults are pairs, after those of each fault alone."""


class Lost(AssertionError):
    """The proof of a run: something is missing, wrong or not said."""


def chosen(seed: int, faults: list[Callable[[], Fault]] = FAULTS) -> list[Fault]:
    """The first seeds are every fault alone, the others a pair each."""
    if seed < len(faults):
        return [faults[seed]()]
    picked = Random(f"faults {seed}").sample(faults, 2)  # noqa: S311  no secret
    return [one() for one in picked]


@dataclass
class Run:
    """A run on a world; `play` does it, raising Lost or Never."""

    world: World
    seed: int
    faults: list[Fault]
    given: Given = field(init=False)
    random: Random = field(init=False)
    trimmed: bool = False
    notes: dict[str, Any] = field(default_factory=dict)
    retried: Counter[str] = field(default_factory=Counter)
    """Records that the producer put again, by the error."""
    _redrive: subprocess.Popen[str] | None = None
    began: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.random = Random(f"run {self.seed}")  # noqa: S311  no secret
        poison = 0.2 if "poison" in self.names else 0.03
        self.given = inputs.make(self.seed, waves=WAVES, size=SIZE, poison=poison)
        if any(one.stage != "put" for one in self.faults) and not any(
            one.breaks for one in self.faults
        ):
            self.faults = [*self.faults, FUNCTION[1]()]

    @property
    def names(self) -> list[str]:
        return [one.name for one in self.faults]

    def play(self) -> None:
        now = datetime.now(UTC)
        self.began = now.replace(microsecond=now.microsecond // 1000 * 1000)
        started: list[Fault] = []
        try:
            for one in self.faults:
                if one.stage != "redrive":
                    started.append(one)
                    one.begin(self)
            self._put()
            self._end("put", started)
            self._witness()
            for one in self.faults:
                one.settled(self)
            self._end("rescue", started)
            self._rescued()
            self._redriven()
            self._prove()
        finally:
            for one in started:
                one.end(self)
            self.world.proxy.clear()
            self.world.forget_failures()

    def control(self, do: str, **asked: Any) -> Any:
        assert self.world.control, "only with the faults' own host"
        return self.world.control(do, **asked)

    def kill(self, app: str) -> None:
        """Kill a function's processes, or the redrive that is at work."""
        if app != "redrive":
            self.world.kill(app)
        elif self._redrive:
            self._redrive.kill()

    def _end(self, stage: str, started: list[Fault]) -> None:
        for one in [one for one in started if one.stage == stage]:
            started.remove(one)
            one.end(self)

    # Putting.

    def _put(self) -> None:
        for number, entries in enumerate(self.given.waves):
            for one in self.faults:
                one.wave(self, number)
            self._send(entries)
            time.sleep(PAUSE_SECONDS)

    def _send(self, entries: list[Entry]) -> None:
        """Put entries as `headrace replay` does; it must come to an end with all of them put."""
        producer = Producer(
            limits=Limits(records=20), retry=Retry(attempts=60, base=0.02, cap=0.3), lanes=2
        )
        sender = Sender(
            producer=producer,
            put=PutRecords(self.world.producer, self.world.stream),
            pace=Pace(),
            lanes=2,
            progress=lambda: None,
        )
        outcome = sender.run(iter([entries]))
        self.retried += producer.tally.retried
        if outcome.error or producer.tally.put != len(entries):
            raise Lost(
                f"the producer put {producer.tally.put} of {len(entries)}: {outcome.error!r}"
            )

    def _witness(self) -> None:
        """When a last flight of each shard is an alert, everything before it was processed."""
        witnesses = {}
        for number, shard in enumerate(self.world.open_shards()):
            while True:
                found = inputs.flight(self.random, self.seed, f"witness-{number}")
                if inputs.alerted(found):
                    break
            witnesses[found.event_id] = found
            self.world.kinesis.put_record(
                StreamName=self.world.stream,
                Data=msgspec.json.encode(found),
                PartitionKey="witness",
                ExplicitHashKey=shard["HashKeyRange"]["StartingHashKey"],
            )
        self.given.right |= witnesses
        until(
            lambda: witnesses.keys() <= self._alerts().keys() | self._archived(),
            "the last record of each shard was processed, or given up",
        )

    # Looking.

    def _alerts(self) -> dict[str, list[DelayAlert]]:
        """The alerts of this run on the derived stream, by the id of their flight."""
        decode = Decoder(DelayAlert).decode
        found: dict[str, list[DelayAlert]] = {}
        for record in self.world.alerts.read():
            if b'"fault-%d-' % self.seed in record["Data"]:
                made = decode(record["Data"])
                found.setdefault(made.flight_id, []).append(made)
        return found

    def delivered(self) -> None:
        """Wait until all of the input is in the lake or among the rejected."""
        until(
            lambda: (
                self.given.right.keys() <= self.world.rows(self.given.days).keys()
                and self.given.wrong <= self.world.rejected()
            ),
            "the whole input is in the lake",
        )

    # Rescue and redrive.

    def rescue(self, *, working: bool) -> None:
        """Let the rescue work, or let its messages wait."""
        for mapping in self.world.rescues():
            updated(self.world, mapping["UUID"], Enabled=working)

    def _rescued(self) -> None:
        """Wait until every flight that should be an alert and is none is in the archive."""
        waiting, open_ = 0, set[str]()

        def holds() -> bool:
            nonlocal waiting, open_
            waiting = self.world.waiting()
            open_ = self.given.alerts.keys() - self._alerts().keys() - self._archived()
            return not waiting and not open_

        try:
            until(holds, "every alert that is not made was rescued, or named as gone")
        except Never as never:
            raise Never(f"{never}: {waiting} messages wait, open are {sorted(open_)}") from None

    def _archived(self) -> set[str]:
        """The flights in the failure archive, and those that it names as gone."""
        return {
            name
            for batch in self.world.archived(self.began)
            for data in (
                *(b64decode(one["kinesis"]["data"]) for one in batch["records"]),
                *(
                    record["Data"]
                    for one in batch["gone"]
                    for record in self._between(batch["shard_id"], one)
                ),
            )
            for name in names_in(data)
        }

    def _redriven(self) -> None:
        """Redrive as a person would: again, until nothing is left that can be recovered."""
        faults = [one for one in self.faults if one.stage == "redrive"]
        for one in faults:
            one.begin(self)
        for _ in range(REDRIVES):
            if not self.world.archived(self.began) and not faults:
                return
            recovered = self._redrive_once()
            for one in faults:
                one.end(self)
            faults = []
            if recovered:
                return
        raise Never(f"{REDRIVES} redrives did not recover everything")

    def _redrive_once(self) -> bool:
        """Whether nothing is left to recover."""
        self._redrive = self.world.headrace("redrive", "--yes", "--json", app="redrive")
        said, told = ended(self._redrive)
        code = self._redrive.returncode
        self.notes["redrives"] = self.notes.get("redrives", 0) + 1
        if code == -signal.SIGKILL:
            # As if half a minute had passed: then the next would take the lease of one that died.
            self.world.release()
            return False
        if code not in (0, 1):
            raise Lost(f"the redrive ended with {code}: {told}")
        if not said.strip():
            self.notes["redrive"] = told.strip()
            return False
        totals = json.loads(said)["totals"]
        return code == 0 or (self.trimmed and not totals["left"] and not totals["failed_again"])

    # The proof.

    def _prove(self) -> None:
        self.delivered()
        self._prove_lake()
        self._prove_alerts()
        self._prove_audit()

    def _prove_lake(self) -> None:
        rows = self.world.rows(self.given.days)
        ours = {
            name: found for name, found in rows.items() if name.startswith(f"fault-{self.seed}-")
        }
        expected = {name: {_row(one)} for name, one in self.given.right.items()}
        found = {name: {_columns(row) for row in several} for name, several in ours.items()}
        self.notes["duplicates"] = sum(map(len, ours.values())) - len(ours)
        if found != expected:
            wrong = [
                name
                for name in expected.keys() | found.keys()
                if found.get(name) != expected.get(name)
            ]
            raise Lost(f"the lake is not the input: {len(wrong)} differ, {sorted(wrong)[:5]}")
        strangers = {
            one
            for one in self.world.rejected() - self.given.wrong
            if b"fault-%d-" % self.seed in one or any(_of(one, self.seed))
        }
        if strangers:
            raise Lost(f"{len(strangers)} right records are among the rejected: {strangers}")

    def _prove_alerts(self) -> None:
        """Each flight has its alert, but those whose record the stream forgot: the archive names
        these, and their number."""
        expected = {name: _said(one) for name, one in self.given.alerts.items()}
        found = {name: {_said(one) for one in several} for name, several in self._alerts().items()}
        wrong = [name for name, said in found.items() if said != {expected.get(name)}]
        if wrong:
            raise Lost(f"{len(wrong)} alerts are wrong, {sorted(wrong)[:5]}")
        missing = expected.keys() - found.keys()
        gone = self._gone()
        self.notes["alerts gone"] = len(missing)
        if missing - gone or (gone & expected.keys()) - missing - found.keys():
            raise Lost(
                f"{len(missing)} alerts are missing, of which the archive names "
                f"{len(missing & gone)}: {sorted(missing - gone)[:5]}"
            )

    def _prove_audit(self) -> None:
        """The audit finds the same: nothing is missing, or it names as lost what was trimmed."""
        asked = ("audit", "flight", "--since", self.began.isoformat(), "--wait", "--json")
        command = self.world.headrace(*asked)
        said, told = ended(command)
        if not said.strip():
            raise Lost(f"the audit ended with {command.returncode}: {told}")
        report = json.loads(said)
        total, [consumer] = report["total"], report["consumers"]
        archived = self.world.archived(self.began)
        lost = sum(gone["records"] for batch in archived for gone in batch["gone"])
        if total["missing"] or total["strange"]:
            raise Lost(f"the audit says {total}, and names {report['missing'][:3]}")
        if consumer["lost"] != lost or (command.returncode == 0) == self.trimmed:
            raise Lost(f"the audit ended with {command.returncode}: {told} {consumer}")
        put = self._put_since()
        accounted = total["lake"] + total["rejected"]
        if not self.trimmed and not total["stream"] == accounted == put:
            raise Lost(f"{put} records were put, and the audit accounts for {total}")

    def _put_since(self) -> int:
        """User records that are on the stream since the run began, duplicates included."""
        return sum(
            len(users) if (users := deaggregate(one["Data"])) is not None else 1
            for one in self.world.flights.read()
            if one["ApproximateArrivalTimestamp"] >= self.began
        )

    def _gone(self) -> set[str]:
        """The flights that the archive names as gone; it must count them rightly."""
        found: set[str] = set()
        for batch in self.world.archived(self.began):
            if not self.trimmed or batch["records"]:
                raise Lost(f"the archive still holds {batch['failure_id']}")
            for one in batch["gone"]:
                records = self._between(batch["shard_id"], one)
                if len(records) != one.get("records", 1):
                    raise Lost(f"{len(records)} records are gone, and the archive says {one}")
                found |= {name for record in records for name in names_in(record["Data"])}
        return found

    def _between(self, shard: str, gone: dict[str, Any]) -> list[Record]:
        low, high = int(gone["from_sequence_number"]), int(gone["to_sequence_number"])
        return [
            one
            for one in self.world.flights.records
            if one["ShardId"] == shard and low <= int(one["SequenceNumber"]) <= high
        ]


def names_in(data: bytes) -> list[str]:
    """The ids of the flights in a record."""
    users = deaggregate(data)
    found = []
    for one in [data] if users is None else [user.data for user in users]:
        with contextlib.suppress(Rejected):
            found.append(Decoder(Flight).decode(one).event_id)
    return found


def _of(data: bytes, seed: int) -> list[bool]:
    """Whether user records of an aggregate are this seed's."""
    return [b"fault-%d-" % seed in one.data for one in deaggregate(data) or ()]


def ended(command: subprocess.Popen[str]) -> tuple[str, str]:
    """What a command wrote, on standard output and on standard error."""
    try:
        return command.communicate(timeout=COMMAND_SECONDS)
    except subprocess.TimeoutExpired:
        command.kill()
        raise Never(f"{command.args!r} came to its end: {command.communicate()}") from None


FIELDS = [one.name for one in msgspec.structs.fields(Flight)]


def _row(flight: Flight) -> tuple[Any, ...]:
    return tuple(_plain(getattr(flight, name)) for name in FIELDS)


def _columns(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(_plain(row[name]) for name in FIELDS)


def _plain(value: Any) -> Any:
    """Instants as they are in UTC, whether the file says so or not."""
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


def _said(made: DelayAlert) -> DelayAlert:
    """The alert but for when its flight arrived, which a duplicate says otherwise."""
    return msgspec.structs.replace(made, flight_arrived=datetime.fromtimestamp(0, UTC))
