"""The benchmark of the canary score: `make bench-canary`.

`python -m tests.benchmarks.canary [--quick] [--runs N] [--compared N] [--jobs N] [--seed N]`. All
trials and all methods, with the results in `results.json` and, as tables, in `results.md` beside
this file, where those of settings that were not asked for stay; with --quick a few hundred trials,
of which nothing is written. The exit code is 1 when
the score cries wolf too often: when the upper end of Wilson's interval of its false FAILs, or of
its PASSes of a release that is worse by the margin, is above 5 % in any setting that is gated, or
when the vectorised score is not the function's own.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from multiprocessing import Pool
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from tests.benchmarks.canary.agreement import WITHIN, disagreement
from tests.benchmarks.canary.summary import described, summarized
from tests.benchmarks.canary.tables import markdown
from tests.benchmarks.canary.trials import SETTINGS, Asked, Outcome

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
SEED = 20_260_101
CHUNK = 25
LEAKS = 500
"""Trials of a setting in which the canary leaks as well."""


def main() -> int:
    asked = _asked()
    runs, compared = (300, 60) if asked.quick else (asked.runs, asked.compared)
    apart = disagreement(asked.seed)
    print(f"vectorised and plain score agree within {apart:.1e}", file=sys.stderr)
    started = perf_counter()
    settings: list[dict[str, Any]] = []
    with Pool(asked.jobs) as pool:
        for number, setting in enumerate(SETTINGS):
            if asked.names and setting.name not in asked.names:
                continue
            began = perf_counter()
            wanted = min(runs, setting.runs or runs)
            others = compared if setting.compared else 0
            work = [
                (asked.seed, number, at, min(at + CHUNK, wanted), others)
                for at in range(0, wanted, CHUNK)
            ]
            outcomes = [one for chunk in pool.imap(_some, work) for one in chunk]
            settings.append(summarized(setting, outcomes, perf_counter() - began))
            print(f"{perf_counter() - started:6.0f} s  {setting.name}", file=sys.stderr, flush=True)
            if not asked.quick:
                _keep(asked, apart, settings[-1], perf_counter() - started)
    results = (
        json.loads(RESULTS.read_text())
        if not asked.quick
        else {
            "about": described(asked.seed, asked.jobs, perf_counter() - started),
            "agreement": apart,
            "settings": settings,
        }
    )
    text = markdown(results)
    print(text)
    if not asked.quick:
        (HERE / "results.md").write_text(text)
    missed = [one["name"] for one in settings if one["gated"] and not one["holds"]]
    if missed:
        print(f"Above 5 %: {', '.join(missed)}.", file=sys.stderr)
    if apart > WITHIN:
        print(f"The vectorised score differs by {apart:.1e}.", file=sys.stderr)
    return 1 if missed or apart > WITHIN else 0


def _keep(asked: argparse.Namespace, apart: float, one: dict[str, Any], seconds: float) -> None:
    """The results with this setting's among them; those of another seed are forgotten, and so are
    settings that are no more."""
    kept: dict[str, Any] = {}
    if RESULTS.exists():
        before = json.loads(RESULTS.read_text())
        if before["about"]["seed"] == asked.seed:
            kept = {each["name"]: each for each in before["settings"]}
    kept[one["name"]] = one
    results = {
        "about": described(asked.seed, asked.jobs, seconds),
        "agreement": apart,
        "settings": [kept[each.name] for each in SETTINGS if each.name in kept],
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


def _some(work: tuple[int, int, int, int, int]) -> list[Outcome]:
    seed, number, start, end, others = work
    setting = SETTINGS[number]
    return [
        setting.run(np.random.default_rng([seed, number, at]), Asked(at < others, at < LEAKS))
        for at in range(start, end)
    ]


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.canary", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few hundred trials, for trying")
    parser.add_argument("--runs", type=int, default=2_000, help="trials of each setting")
    parser.add_argument("--compared", type=int, default=200, help="… of which others judge too")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("names", nargs="*", metavar="NAME", help="these settings only")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
