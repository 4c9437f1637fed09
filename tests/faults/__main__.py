"""`make faults`: the fault matrix, on a pipeline that it deploys for itself."""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from tests.conftest import AWS, ROOT
from tests.faults import proxy
from tests.faults.matrix import FAULTS
from tests.faults.run import Run, chosen
from tests.faults.world import Control, World, prepared

RUNS = 240
ASSEMBLY = "build/faults/cdk"
FRESH = 40
"""Runs on one deployment: shards that were closed and objects add up."""

ENOUGH = 5
"""Runs of a fault, none of them alone, in one of which it must have an effect."""

WARM_UP = 999_999
"""The seed of a run without faults, which starts every function."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help="RUNS=: how many seeds")
    parser.add_argument("--seed", type=seeds_of, help="SEED=17 or SEED=17,43: these only")
    parser.add_argument("--first", type=int, default=0, help="FIRST=: the first seed")
    parser.add_argument("--list", action="store_true", help="what the faults are")
    chosen_ = parser.parse_args()
    if chosen_.list:
        for make in FAULTS:
            one = make()
            print(f"{one.name:24}{one.does}")
        return 0
    return report(play_all(chosen_.seed or range(chosen_.first, chosen_.first + chosen_.runs)))


def seeds_of(text: str) -> list[int]:
    return [int(one) for one in text.split(",")]


Outcomes = dict[str, Counter[str]]


def play_all(seeds: Sequence[int]) -> tuple[Outcomes, list[int]]:
    """Every seed, a fresh deployment for each FRESH of them."""
    outcomes: Outcomes = defaultdict(Counter)
    failed: list[int] = []
    for start in range(0, len(seeds), FRESH):
        with deployed(synthesized=start > 0) as world:
            Run(world, WARM_UP, []).play()
            some = seeds[start : start + FRESH]
            failed += [seed for seed in some if not play(world, seed, outcomes)]
    return outcomes, failed


def play(world: World, seed: int, outcomes: Outcomes) -> bool:
    """One run, told in a line; whether nothing was lost."""
    faults = chosen(seed)
    run, began, error = Run(world, seed, faults), time.monotonic(), None
    try:
        run.play()
    except Exception as failure:
        error = failure
    seconds = time.monotonic() - began
    verdict = "kept" if error is None else "FAILED"
    for name in run.names:
        outcomes[name][verdict] += 1
        outcomes[name]["alone"] += len(faults) == 1
        if name in run.notes:
            outcomes[name]["effect"] += bool(run.notes[name])
    said = ", ".join(f"{name} {value}" for name, value in run.notes.items() if value)
    print(f"{seed:5} {verdict:7}{seconds:5.1f} s  {' + '.join(run.names):50} {said}", flush=True)
    if error is not None:
        print(f"      {error}\n      again: make faults SEED={seed}", flush=True)
        if not isinstance(error, AssertionError):
            traceback.print_exception(error, file=sys.stdout)
    return error is None


def report(result: tuple[Outcomes, list[int]]) -> int:
    """The table of faults and outcomes: `effect` is in how many runs a fault was seen to happen, of
    those faults of which that can be seen."""
    outcomes, failed = result
    print(f"\n{'fault':26}{'runs':>6}{'kept':>6}{'failed':>8}{'effect':>8}")
    for name, counts in sorted(outcomes.items()):
        runs = counts["kept"] + counts["FAILED"]
        effect = counts.get("effect", "-")
        print(f"{name:26}{runs:6}{counts['kept']:6}{counts['FAILED']:8}{effect:>8}")
    for seed in failed:
        print(f"again: make faults SEED={seed}")
    idle = [name for name, counts in sorted(outcomes.items()) if never_happened(counts)]
    for name in idle:
        print(f"{name} never happened: that nothing was lost proves nothing of it")
    return 1 if failed or idle else 0


def never_happened(counts: Counter[str]) -> bool:
    """Whether a fault had no effect in all its runs, and should have had: a pair's other fault may
    keep it from one, but not in many runs."""
    runs = counts["kept"] + counts["FAILED"]
    return counts.get("effect") == 0 and (counts["alone"] > 0 or runs >= ENOUGH)


@contextlib.contextmanager
def deployed(*, synthesized: bool) -> Iterator[World]:
    """The pipeline, deployed by the CDK on a local AWS of its own, behind a proxy. Their logs are
    in build/faults/."""
    folder = ROOT / "build" / "faults"
    folder.mkdir(parents=True, exist_ok=True)
    with (
        (folder / "local.log").open("wb") as log,
        subprocess.Popen(
            [sys.executable, "-m", "tests.faults.host"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout
            ready = process.stdout.readline().split()
            assert ready, (folder / "local.log").read_text()[-2_000:]
            aws = AWS(ready[-1])
            for command in (
                ("cdk", "bootstrap", *(("--app" if synthesized else "--output"), ASSEMBLY)),
                ("cdk", "deploy", "--all", "--require-approval", "never", "--app", ASSEMBLY),
            ):
                done = aws.run(*command)
                assert done.returncode == 0, done.stdout + done.stderr
            with (
                proxy.running(aws.endpoint, folder / "proxy.log") as between,
                prepared(aws, between, Control(process)) as world,
            ):
                yield world
        finally:
            if process.stdin:
                process.stdin.close()
            process.wait(60)


if __name__ == "__main__":
    sys.exit(main())
