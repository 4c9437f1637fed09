"""What the trials of a setting came to, in numbers."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from math import sqrt
from os import cpu_count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.canary.others import NOMINAL
from tests.benchmarks.canary.trials import ALPHA, NEVER, Outcome, Setting

MARGIN_EFFECT = "+5 %"
EQUAL = 0.02
"""The share of false alarms at which methods are compared with each other."""


def wilson(count: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share."""
    share = count / of
    middle = share + z * z / (2 * of)
    half = z * sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return max(0.0, middle - half) / (1 + z * z / of), (middle + half) / (1 + z * z / of)


def summarized(setting: Setting, outcomes: Sequence[Outcome], seconds: float) -> dict[str, Any]:
    failed = {key: _when(outcomes, "failed", key) for key in outcomes[0].failed}
    passed = {key: _when(outcomes, "passed", key) for key in outcomes[0].passed}
    bounds = [
        of[key]["wilson"][1]
        for of, key in ((failed, "score none"), (passed, f"score {MARGIN_EFFECT}"))
        if key in of
    ]
    return {
        "name": setting.name,
        "note": setting.note,
        "gated": setting.gated,
        "holds": all(bound <= ALPHA for bound in bounds),
        "runs": len(outcomes),
        "compared": sum(bool(one.others) for one in outcomes),
        "minutes": round(seconds / 60, 2),
        "doubted": sum(one.doubted for one in outcomes),
        "failed": failed,
        "passed": passed,
        "others": _others([one for one in outcomes if one.others]),
    }


def _when(outcomes: Sequence[Outcome], kind: str, key: str) -> dict[str, Any]:
    outcomes = [one for one in outcomes if key in getattr(one, kind)]
    looks = np.array([getattr(one, kind)[key] for one in outcomes])
    events = [
        one.events[at - 1]
        for one, at in zip(outcomes, looks, strict=True)
        if at != NEVER and one.events
    ]
    return _told(looks, events)


def _told(looks: NDArray[np.int64], events: Sequence[int]) -> dict[str, Any]:
    """How many, and of those that are: looks and events, median and nine of ten. A quantile is over
    all trials, so it is null when too few came to it."""
    found = int((looks != NEVER).sum())
    low, high = wilson(found, len(looks))
    late = np.where(looks == NEVER, np.inf, looks)
    out: dict[str, Any] = {"count": found, "share": found / len(looks), "wilson": [low, high]}
    for name, share in (("median", 0.5), ("p90", 0.9)):
        look = float(np.quantile(late, share, method="higher"))
        seen = sorted(events)
        at = int(np.ceil(share * len(looks))) - 1
        out[f"{name}_looks"] = int(look) if np.isfinite(look) else None
        out[f"{name}_events"] = int(seen[at]) if at < len(seen) else None
    return out


def _others(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """By method: at its own threshold, and at the one with which it fails `EQUAL` of the trials
    without a difference; by effect."""
    if not outcomes:
        return {}
    out: dict[str, Any] = {}
    for method, nominal in NOMINAL.items():
        null = np.array([one.others["none"][method].max() for one in outcomes])
        equal = float(np.quantile(null, 1 - EQUAL, method="higher"))
        out[method] = {
            name: {
                effect: _told(*_crossed(outcomes, effect, method, threshold))
                for effect in outcomes[0].others
            }
            for name, threshold in (("nominal", nominal), ("equal", equal))
        }
    return out


def _crossed(
    outcomes: Sequence[Outcome], effect: str, method: str, threshold: float
) -> tuple[NDArray[np.int64], list[int]]:
    looks, events = [], []
    for one in outcomes:
        over = one.others[effect][method] > threshold
        looks.append(int(over.argmax()) + 1 if over.any() else NEVER)
        if over.any():
            events.append(one.events[looks[-1] - 1])
    return np.array(looks), events


def described(seed: int, jobs: int, seconds: float) -> dict[str, Any]:
    """Of the run that wrote last."""
    return {
        "seed": seed,
        "date": datetime.now(UTC).date().isoformat(),
        "cores": cpu_count(),
        "processes": jobs,
        "processor": _processor(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "minutes": round(seconds / 60, 1),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
