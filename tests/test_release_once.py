"""Every report counts once: whatever a mapping, a producer and the stream do wrong, the state of a
trial and its verdict are those of a run without faults, to the bit.

`python -m tests.test_release_once [SEEDS]` runs every factor with many seeds, and a bigger fleet.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache as once

import msgspec
import pytest

from cli.fleet import Fleet, Release, Rollout
from events.device_telemetry.event import DeviceTelemetry
from events.release import Digested, Registry, Trial, start
from events.release_verdict.event import ReleaseVerdict
from functions.release_health.cache import Cache, Command, Unavailable
from functions.release_health.gathering import Gathering
from functions.release_health.looks import Looks
from functions.release_health.state import State
from functions.release_health.watching import Watcher
from functions.shared.processor import Cause
from tests.functions.release_health.mapping import NONE, Fate, Faults, arrival_order, deliver
from tests.functions.release_health.servers import opened, started

BEGAN = datetime(2025, 6, 2, 10, tzinfo=UTC)
PREPARATION, TRIAL = timedelta(minutes=40), timedelta(minutes=90)
FACTORS = (1, 4, 10)
FAULTS = Faults(failing=0.08, repeated=0.01, late=0.05, behind=90)
"""Those of the promise. 90 places are some 40 seconds in this fleet; the grace is 60."""
RESHARDED = (2, 4, 3)


@once
def reports(devices: int, seed: int) -> list[DeviceTelemetry]:
    """A fleet of which a third takes a release with 5 % more heap while the trial runs."""
    fleet = Fleet(
        devices=devices,
        seed=seed,
        start=BEGAN,
        rollouts=[
            Rollout(
                Release("2.5.0", heap=1.05, crashes=100),
                0.3,
                after=PREPARATION - timedelta(minutes=10),
                over=timedelta(minutes=30),
            )
        ],
    )
    return list(fleet.events(PREPARATION + TRIAL))


@once
def trial() -> Trial:
    began = BEGAN + PREPARATION
    registry = start(
        Registry(),
        canary="2.5.0",
        baseline="2.4.0",
        now=began,
        at=began,
        preparation=PREPARATION,
        backdate=True,
        devices=200,
    )
    return registry.trials[0]


class Killed(Cache):
    """Does some of the commands, in no order, and then nothing: the function was killed."""

    def __init__(self, cache: Cache, chance: random.Random) -> None:
        self.cache, self.chance = cache, chance

    def run(self, commands: Sequence[Command]) -> list[object]:
        done = self.chance.sample(commands, self.chance.randint(0, len(commands)))
        self.cache.run(done)
        raise Unavailable("killed")


def counted(
    cache: Cache, events: Sequence[DeviceTelemetry], *, seed: int, factor: int, faults: Faults
) -> tuple[Digested, ReleaseVerdict]:
    """The state and the verdict after all of it was delivered, and then forgotten."""
    chance = random.Random(seed)  # noqa: S311  which fault, not a secret
    state = State(cache)
    killed = State(Killed(cache, chance))

    def invoke(batch: Sequence[DeviceTelemetry], fate: Fate) -> None:
        if fate is Fate.NOT_BEGUN:
            return
        gathering = Gathering([trial()])
        for event in batch:
            gathering.take(event, Cause("shard:1", 0, event.event_time.timestamp() + 1))
        if fate is Fate.HALF_WAY:
            with pytest.raises(Unavailable):
                killed.apply(gathering.courses)
        else:
            state.apply(gathering.courses)

    deliver(
        arrival_order(events, chance, faults),
        lambda event: event.device,
        invoke,
        chance=chance,
        faults=faults,
        factor=factor,
        shards=RESHARDED if faults is not NONE else (1,),
    )
    over = (BEGAN + PREPARATION + TRIAL).timestamp()
    watcher = Watcher(state, Looks(cache), lambda _: None, lambda *_: None, 0, 0, lambda: over)
    found = state.digest(trial()), watcher.seen(trial())
    state.flush(trial())
    return found


@pytest.fixture(scope="module")
def cache() -> Iterator[Cache]:
    with started() as server:
        found = opened(server)
        yield found
        found.close()


@pytest.fixture(scope="module")
def undisturbed(cache: Cache) -> tuple[Digested, ReleaseVerdict]:
    return counted(cache, reports(150, 1), seed=1, factor=1, faults=NONE)


def test_a_run_without_faults_counts_every_report_and_finds_the_leak(
    undisturbed: tuple[Digested, ReleaseVerdict],
) -> None:
    digested, verdict = undisturbed
    began = trial().started_at
    of_the_trial = [one for one in reports(150, 1) if one.event_time >= began]
    assert digested.canary.events + digested.baseline.events == len(of_the_trial)
    assert digested.switched > 0
    assert digested.canary.episodes > 0
    assert verdict.verdict == "FAIL"


@pytest.mark.parametrize("factor", FACTORS)
def test_failures_kills_duplicates_disorder_and_resharding_change_no_bit(
    cache: Cache, undisturbed: tuple[Digested, ReleaseVerdict], factor: int
) -> None:
    found = counted(cache, reports(150, 1), seed=factor, factor=factor, faults=FAULTS)
    assert found == undisturbed


def main(seeds: int) -> None:
    with started() as server:
        cache = opened(server)
        for seed in range(seeds):
            events = reports(200, seed)
            expected = counted(cache, events, seed=seed, factor=1, faults=NONE)
            for factor in FACTORS:
                found = counted(cache, events, seed=seed, factor=factor, faults=FAULTS)
                same = found == expected
                print(f"seed {seed}, factor {factor:2}, {len(events):,} reports: ", end="")
                print("identical" if same else "DIFFERENT", expected[0].digest[:16], flush=True)
                if not same:
                    print(msgspec.json.encode(expected).decode())
                    print(msgspec.json.encode(found).decode())
                    sys.exit(1)
            reports.cache_clear()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
