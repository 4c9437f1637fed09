"""What is counted of a trial, kept in Valkey: counted in, read out, compared, forgotten.

layout.py says how it lies there, apply.lua how a report is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from events.release import Digested, Held, Trial
from functions.release_health import layout
from functions.release_health.cache import Cache, Script, plain, scripted
from functions.release_health.evidence import BUCKETS, Arm, Episodes, Evidence, Row, Window
from functions.release_health.gathering import HOUR, Course

APPLY = Script.of((Path(__file__).parent / "apply.lua").read_text(encoding="utf-8"))
ARMS = ("c", "b")

SINGLE_HOURS = 48
"""The latest hours that restart the score each by itself; older ones are added up by the day."""
DAY = 24
SETTLED_HOURS = 6
"""Hours further back hardly change any more: a look takes them as they were a minute ago."""
SETTLED_READ_SECONDS = 60

Hash = Mapping[bytes, bytes]


class Applied(NamedTuple):
    """What became of reports; in one attempt, as gathering.Tally."""

    counted: int
    prepared: int
    duplicates: int
    late: int


class Totals(NamedTuple):
    """What a trial counts beside its sums, over all buckets. Both arms in the order of ARMS."""

    held: tuple[Held, Held]
    switched: int
    prepared: int
    latest: int
    """Seconds from the start to the latest report counted; -1 when there is none."""


@dataclass
class State:
    """The trials' state through one cache."""

    cache: Cache
    _settled: dict[tuple[str, int], tuple[float, list[Hash]]] = field(default_factory=dict)

    def apply(self, courses: Iterable[Course]) -> None:
        """Count what a batch has for each trial, and complete its tally.

        Raises Unavailable; then some of it may have been counted, and will not be again.
        """
        taken = [(course, layout.calls(course.trial, course.reports)) for course in courses]
        answers = iter(
            self.cache.run(
                [
                    scripted(layout.tag(call.bucket), APPLY, call.keys, call.arguments)
                    for _, calls in taken
                    for call in calls
                ]
            )
        )
        for course, calls in taken:
            for _ in calls:
                applied = Applied(*next(answers))
                course.tally.counted += applied.counted
                course.tally.prepared += applied.prepared
                course.tally.duplicates += applied.duplicates
                course.tally.late += applied.late

    def totals(self, trial: Trial) -> Totals:
        found: list[Hash] = self.cache.run(
            [
                plain(layout.tag(bucket), "HGETALL", layout.totals(trial, bucket))
                for bucket in range(BUCKETS)
            ]
        )
        summed: dict[str, int] = {}
        latest = -1
        for one in found:
            for name, value in one.items():
                if name == b"latest":
                    latest = max(latest, int(value))
                else:
                    summed[name.decode()] = summed.get(name.decode(), 0) + int(value)
        held = tuple(
            Held(
                devices=summed.get(f"{arm}.devices", 0),
                events=summed.get(f"{arm}.events", 0),
                clipped={
                    name: summed.get(f"{arm}.clipped.{index}", 0)
                    for index, name in enumerate(trial.sizes, 1)
                },
            )
            for arm in ARMS
        )
        return Totals(
            (held[0], held[1]), summed.get("switched", 0), summed.get("prepared", 0), latest
        )

    def evidence(self, trial: Trial, *, now: float | None = None) -> tuple[Evidence, Totals]:
        """What a score is made of. With `now`, in seconds, hours that have settled may be a minute
        old; without, everything is read now. Raises Unavailable."""
        totals = self.totals(trial)
        hours = self._hours(trial, totals.latest, now)
        arms = []
        for arm, held in zip(ARMS, totals.held, strict=True):
            windows = {
                name: tuple(_windows(hours, f"{arm}{index}", totals.latest))
                for index, name in enumerate(trial.sizes, 1)
            }
            crashes = tuple(_episodes(hours, arm))
            arms.append(
                Arm(devices=held.devices, events=held.events, windows=windows, crashes=crashes)
            )
        evidence = Evidence(
            canary=arms[0],
            baseline=arms[1],
            switched=totals.switched,
            elapsed_seconds=max(0, totals.latest),
        )
        return evidence, totals

    def digest(self, trial: Trial) -> Digested:
        """Everything that the state holds, as one number. Sums that are 0 are as good as none:
        which of them are written depends on how the reports came together in batches."""
        summary = sha256()
        totals = self.totals(trial)
        records = 0
        for bucket in range(BUCKETS):
            keys = self._keys(trial, bucket, totals.latest)
            answers = self.cache.run([plain(layout.tag(bucket), "HGETALL", key) for key in keys])
            for key, found in zip(keys, answers, strict=True):
                members = sorted(item for item in found.items() if item[1] != b"0")
                if ":d" in key:
                    records += len(members)
                for name, value in members:
                    summary.update(b"%s %s %s\n" % (key.encode(), name.hex().encode(), value))
        hours = self._hours(trial, totals.latest, None)
        canary, baseline = (
            _held(held, arm, hours, trial) for arm, held in zip(ARMS, totals.held, strict=True)
        )
        return Digested(
            trial=trial.number,
            digest=summary.hexdigest(),
            canary=canary,
            baseline=baseline,
            switched=totals.switched,
            prepared=totals.prepared,
            records=records,
        )

    def flush(self, trial: Trial) -> int:
        """Forget the trial; how many keys that were. Can be called again when it was cut short."""
        latest = self.totals(trial).latest
        self._settled = {
            key: one for key, one in self._settled.items() if key[0] != layout.identity(trial)
        }
        commands = []
        for bucket in range(BUCKETS):
            # Totals last: they say how many hours there are.
            keys = list(reversed(self._keys(trial, bucket, latest)))
            commands += [
                plain(layout.tag(bucket), "UNLINK", *keys[start : start + layout.MOST_REPORTS])
                for start in range(0, len(keys), layout.MOST_REPORTS)
            ]
        return sum(self.cache.run(commands))

    def _keys(self, trial: Trial, bucket: int, latest: int) -> list[str]:
        keys = [layout.totals(trial, bucket)]
        keys += [layout.hour(trial, bucket, hour) for hour in range(latest // HOUR + 1)]
        keys += [layout.shelf(trial, bucket, shelf) for shelf in range(layout.shelves(trial))]
        return keys

    def _hours(self, trial: Trial, latest: int, now: float | None) -> dict[int, list[Hash]]:
        """The sums of each hour, a hash per bucket."""
        found: dict[int, list[Hash]] = {}
        wanted = []
        for hour in range(latest // HOUR + 1):
            known = self._settled.get((layout.identity(trial), hour))
            settled = now is not None and hour < latest // HOUR - SETTLED_HOURS
            if settled and known and now is not None and now - known[0] < SETTLED_READ_SECONDS:
                found[hour] = known[1]
            else:
                wanted.append(hour)
        answers = self.cache.run(
            [
                plain(layout.tag(bucket), "HGETALL", layout.hour(trial, bucket, hour))
                for hour in wanted
                for bucket in range(BUCKETS)
            ]
        )
        for index, hour in enumerate(wanted):
            found[hour] = answers[index * BUCKETS : (index + 1) * BUCKETS]
            if now is not None:
                self._settled[layout.identity(trial), hour] = now, found[hour]
        return dict(sorted(found.items()))


def _windows(hours: Mapping[int, Sequence[Hash]], name: str, latest: int) -> Iterator[Window]:
    """Of one arm and size, by the hour, and by the day where that is long ago."""
    single_from = latest // HOUR - SINGLE_HOURS
    grouped: dict[int, list[Sequence[Hash]]] = {0: []}
    for hour, buckets in hours.items():
        day = hour // DAY * DAY
        grouped.setdefault(hour if day + DAY > single_from else day, []).append(buckets)
    for hour, some in grouped.items():
        window = _window(hour, name, some)
        if hour == 0 or any(window.events):
            yield window


def _window(hour: int, name: str, some: Sequence[Sequence[Hash]]) -> Window:
    def row(which: str) -> Row:
        key = f"{name}{which}".encode()
        return tuple(
            sum(int(buckets[bucket].get(key, 0)) for buckets in some) for bucket in range(BUCKETS)
        )

    return Window(
        hour=hour,
        events=row("n"),
        y=row("y"),
        known=row("k"),
        p=row("p"),
        known_y=sum(row("ky")),
        pp=sum(row("pp")),
        py=sum(row("py")),
    )


def _episodes(hours: Mapping[int, Sequence[Hash]], arm: str) -> Iterator[Episodes]:
    for hour, buckets in hours.items():
        exposure = _summed(buckets, f"{arm}x")
        if exposure:
            yield Episodes(hour=hour, episodes=_summed(buckets, f"{arm}e"), exposure=exposure)


def _summed(buckets: Sequence[Hash], name: str) -> int:
    key = name.encode()
    return sum(int(one.get(key, 0)) for one in buckets)


def _held(held: Held, arm: str, hours: Mapping[int, Sequence[Hash]], trial: Trial) -> Held:
    """With what the hours' sums say, which every trial keeps."""
    every = [one for buckets in hours.values() for one in buckets]
    return Held(
        devices=held.devices,
        events=held.events,
        episodes=_summed(every, f"{arm}e"),
        exposure=_summed(every, f"{arm}x"),
        measured={
            name: _summed(every, f"{arm}{index}n") for index, name in enumerate(trial.sizes, 1)
        },
        clipped=held.clipped,
    )
