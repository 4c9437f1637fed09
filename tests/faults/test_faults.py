"""The short form of the fault matrix: many faults at once, on the pipeline that all tests share.

`make faults` has all of them, alone and in pairs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.conftest import AWS
from tests.faults import given, proxy
from tests.faults.__main__ import report
from tests.faults.matrix import FAULTS
from tests.faults.run import PAIRED, Run, chosen
from tests.faults.world import World, prepared

AT_ONCE = {
    100_000: (
        "poison",
        "put-answers-lost",
        "transform-killed",
        "function-reports",
        "rescue-killed-4",
        "redrive-killed-4",
    ),
    100_001: (
        "put-answers-cut",
        "put-throttled",
        "verdicts-refused",
        "function-killed",
        "archive-refuses",
        "redrive-fails-again",
    ),
}
"""Faults that need nothing but clients, by the seed of the input."""
UNSEEN = ("poison", "transform-killed")
"""Of these nothing is counted."""


@pytest.fixture(scope="module")
def world(deployed: AWS, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    log = tmp_path_factory.mktemp("proxy") / "log"
    with proxy.running(deployed.endpoint, log) as between, prepared(deployed, between) as found:
        yield found


@pytest.mark.parametrize("seed", AT_ONCE)
def test_many_faults_at_once_lose_nothing(world: World, seed: int) -> None:
    made = {one.name: one for one in (make() for make in FAULTS)}
    run = Run(world, seed, [made[name] for name in AT_ONCE[seed]])
    run.play()
    # A function that is killed may process its batch the next time, and nothing is to be rescued;
    # of several rescues at work the one that is held need not be at the step that is meant.
    certain = [
        name for name in AT_ONCE[seed] if made[name].stage == "put" or "redrive-killed" in name
    ]
    noted = {name: run.notes[name] for name in certain if name not in UNSEEN}
    assert all(noted.values()), noted


def test_a_fault_that_never_happens_proves_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    def counted(**counts: int) -> Counter[str]:
        return Counter(counts)

    seen = {
        "alone": counted(kept=1, alone=1, effect=1),
        "in-a-pair": counted(kept=4, effect=0),
        "of-nothing": counted(kept=1, alone=1),
        "sometimes": counted(kept=9, alone=1, effect=1),
    }
    assert report((seen, [])) == 0
    never = {"alone": counted(kept=1, alone=1, effect=0), "in-pairs": counted(kept=5, effect=0)}
    assert report((seen | never, [])) == 1
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[-2:]] == [*never]
    assert report((seen, [17])) == 1


def test_each_seed_is_a_fault_alone_or_a_pair_and_always_the_same() -> None:
    alone = [[one.name for one in chosen(seed)] for seed in range(len(FAULTS))]
    assert alone == [[make().name] for make in FAULTS]
    assert len({name for [name] in alone}) == len(FAULTS) >= 15
    pairs = [[one.name for one in chosen(seed)] for seed in PAIRED]
    assert all(len(set(pair)) == 2 for pair in pairs)
    assert pairs == [[one.name for one in chosen(seed)] for seed in PAIRED]


def test_the_input_of_a_seed_is_always_the_same_and_no_other_seeds() -> None:
    one, again, other = (given.make(seed, waves=2, size=20, poison=0.3) for seed in (1, 1, 2))
    assert (one.right, one.wrong) == (again.right, again.wrong)
    assert [entry.data for entry in one.waves[0]] == [entry.data for entry in again.waves[0]]
    assert not one.right.keys() & other.right.keys()
    assert not one.wrong & other.wrong
    assert one.wrong
    assert any(len(name.split("-")) == 4 and name.endswith("-2") for name in one.right)
