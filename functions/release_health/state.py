"""What is counted of a trial, kept in Valkey: counted in, read out, compared, forgotten.

layout.py says how it lies there, apply.lua how a report is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from math import floor
from pathlib import Path
from typing import NamedTuple

from events.release import Digested, Held, Trial
from functions.release_health import layout
from functions.release_health.cache import Cache, Command, Script, plain, scripted
from functions.release_health.evidence import BUCKETS, Arm, Episodes, Evidence, Row, Window
from functions.release_health.gathering import HOUR, Course
from functions.release_health.sizes import added

APPLY = Script.of((Path(__file__).parent / "apply.lua").read_text(encoding="utf-8"))
ARMS = ("c", "b")

SINGLE_HOURS = 48
"""The latest hours that restart the score each by itself; older ones are added up by the day."""
DAY = 24
SETTLED_HOURS = 6
"""Hours further back hardly change any more: a look takes them as they were when it was last their
turn to be read."""
SETTLED_READ_SECONDS = 600
RENEWED_HOURS = layout.SECONDS_TO_LIVE // HOUR // 2
"""Hours further back are kept alive by who reads them: no report does so any more."""

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


class Sums(NamedTuple):
    """Those of an hour: by arm and size (c1), and by arm."""

    windows: dict[str, Window]
    crashes: dict[str, Episodes]


@dataclass
class Settled:
    """Hours of a trial that hardly change any more, each with the turn at which it was read."""

    looked: float = 0.0
    hours: dict[int, tuple[int, Sums]] = field(default_factory=dict)


@dataclass
class State:
    """The trials' state through one cache."""

    cache: Cache
    _settled: dict[str, Settled] = field(default_factory=dict)

    def apply(self, courses: Iterable[Course]) -> None:
        """Count what a batch has for each trial, and complete its tally.

        A bucket of more reports than one call takes gets its next call when the last one has been
        answered: one that was refused and is sent again would find its reports too late.

        Raises Unavailable; then some of it may have been counted, and will not be again.
        """
        waves: dict[int, list[tuple[Course, layout.Call]]] = {}
        for course in courses:
            before: Counter[int] = Counter()
            for call in layout.calls(course.trial, course.reports):
                waves.setdefault(before[call.bucket], []).append((course, call))
                before[call.bucket] += 1
        for wave in waves.values():
            answers = self.cache.run(
                [
                    scripted(layout.tag(call.bucket), APPLY, call.keys, call.arguments)
                    for _, call in wave
                ]
            )
            for (course, _), answer in zip(wave, answers, strict=True):
                applied = Applied(*answer)
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
        """What a score is made of. With `now`, in seconds, hours that have settled may be ten
        minutes old; without, everything is read now. Raises Unavailable."""
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
        self._settled.pop(layout.identity(trial), None)
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

    def _hours(self, trial: Trial, latest: int, now: float | None) -> dict[int, Sums]:
        last = latest // HOUR
        if now is None:
            return self._read(trial, range(last + 1))
        known = self._known(trial, now)
        # By the hour a different moment, so that no look has to read them all again.
        turns = {
            hour: floor(now / SETTLED_READ_SECONDS + hour / DAY)
            for hour in range(last - SETTLED_HOURS)
        }
        kept = {
            hour: known[hour][1]
            for hour, turn in turns.items()
            if hour in known and known[hour][0] == turn
        }
        wanted = [hour for hour in range(last + 1) if hour not in kept]
        read = self._read(trial, wanted, [hour for hour in wanted if hour < last - RENEWED_HOURS])
        known |= {hour: (turns[hour], sums) for hour, sums in read.items() if hour in turns}
        return dict(sorted((kept | read).items()))

    def _known(self, trial: Trial, now: float) -> dict[int, tuple[int, Sums]]:
        """What has been read of the trial's settled hours; of trials that nobody looks at any more
        nothing is kept."""
        self._settled = {
            identity: one
            for identity, one in self._settled.items()
            if now - one.looked < SETTLED_READ_SECONDS
        }
        mine = self._settled.setdefault(layout.identity(trial), Settled())
        mine.looked = now
        return mine.hours

    def _read(
        self, trial: Trial, hours: Sequence[int], renewed: Sequence[int] = ()
    ) -> dict[int, Sums]:
        """The sums of these hours; those to be renewed live on for as long as after a report."""
        found: list[Hash] = self.cache.run(
            [
                plain(layout.tag(bucket), "HGETALL", layout.hour(trial, bucket, hour))
                for hour in hours
                for bucket in range(BUCKETS)
            ]
            + [command for hour in renewed for command in _renewing(trial, hour)]
        )
        return {
            hour: _sums(hour, found[index * BUCKETS : (index + 1) * BUCKETS], len(trial.sizes))
            for index, hour in enumerate(hours)
        }


def _renewing(trial: Trial, hour: int) -> Iterator[Command]:
    """With the first hour the totals, since a bucket's devices may all have gone."""
    for bucket in range(BUCKETS):
        keys = [layout.hour(trial, bucket, hour)]
        if hour == 0:
            keys.append(layout.totals(trial, bucket))
        for key in keys:
            yield plain(layout.tag(bucket), "EXPIRE", key, layout.SECONDS_TO_LIVE)


def _sums(hour: int, buckets: Sequence[Hash], sizes: int) -> Sums:
    """Of the hour's hashes, one per bucket."""
    names = [f"{arm}{index}" for arm in ARMS for index in range(1, sizes + 1)]
    return Sums(
        {name: _window(hour, name, buckets) for name in names},
        {
            arm: Episodes(
                hour=hour,
                episodes=sum(_row(buckets, f"{arm}e")),
                exposure=sum(_row(buckets, f"{arm}x")),
            )
            for arm in ARMS
        },
    )


def _window(hour: int, name: str, buckets: Sequence[Hash]) -> Window:
    return Window(
        hour=hour,
        events=_row(buckets, f"{name}n"),
        y=_row(buckets, f"{name}y"),
        known=_row(buckets, f"{name}k"),
        p=_row(buckets, f"{name}p"),
        known_y=sum(_row(buckets, f"{name}ky")),
        pp=sum(_row(buckets, f"{name}pp")),
        py=sum(_row(buckets, f"{name}py")),
    )


def _row(buckets: Sequence[Hash], name: str) -> Row:
    key = name.encode()
    return tuple(int(one.get(key, 0)) for one in buckets)


def _windows(hours: Mapping[int, Sums], name: str, latest: int) -> Iterator[Window]:
    """Of one arm and size, by the hour, and by the day where that is long ago."""
    single_from = latest // HOUR - SINGLE_HOURS
    grouped: dict[int, Window] = {}
    for hour, sums in hours.items():
        day = hour // DAY * DAY
        begins = hour if day + DAY > single_from else day
        window, before = sums.windows[name], grouped.get(begins)
        grouped[begins] = added(before, window) if before else window
    for hour, window in grouped.items():
        if hour == 0 or any(window.events):
            yield window


def _episodes(hours: Mapping[int, Sums], arm: str) -> Iterator[Episodes]:
    for sums in hours.values():
        if sums.crashes[arm].exposure:
            yield sums.crashes[arm]


def _held(held: Held, arm: str, hours: Mapping[int, Sums], trial: Trial) -> Held:
    """With what the hours' sums say, which every trial keeps."""
    return Held(
        devices=held.devices,
        events=held.events,
        episodes=sum(one.crashes[arm].episodes for one in hours.values()),
        exposure=sum(one.crashes[arm].exposure for one in hours.values()),
        measured={
            name: sum(sum(one.windows[f"{arm}{index}"].events) for one in hours.values())
            for index, name in enumerate(trial.sizes, 1)
        },
        clipped=held.clipped,
    )
