"""Whether the two arms can be compared at all, tested so that it may be looked at at any time.

Arms that differ before the trial, or in another ratio than chance was told to make, differ for
other reasons than the release, and no verdict on it follows. Both tests are at `LEVEL`, as usual
for sample ratios: a check that cries wolf would hold up one good comparison in twenty.
"""

from __future__ import annotations

from math import log

from functions.release_health.eprocess import apart, percent, share_apart
from functions.release_health.evidence import Check, Evidence, Window
from functions.release_health.sizes import Untold, before

LEVEL = 0.001
_LIMIT = log(1.0 / LEVEL)


def sample_ratio(evidence: Evidence, share: float | None) -> Check:
    """Whether the canary's part of the devices is the one that was meant.

    A device that was upgraded during the trial is in both arms, and is the canary's.
    """
    canary = evidence.canary.devices
    devices = canary + max(0, evidence.baseline.devices - evidence.switched)
    if share is None:
        return Check(holds=True, log_e=0.0, text="No share of devices was said that could be kept.")
    if not devices:
        return Check(holds=True, log_e=0.0, text="No device has reported yet.")
    log_e = share_apart(canary, devices - canary, share)
    text = f"{canary} of {devices} devices run the canary, {100 * share:.1f} % were meant to."
    return Check(holds=log_e < _LIMIT, log_e=log_e, text=text)


def placebo(canary: Window | None, baseline: Window | None) -> Check:
    """Whether the arms' devices were alike before the trial."""
    try:
        past = before(canary, baseline)
    except Untold:
        text = "Too few devices were seen before the trial for a placebo."
        return Check(holds=True, log_e=0.0, text=text)
    log_e = apart(past.mean, past.variance)
    text = f"Before the trial the canary's devices were at {100 * percent(past.mean):+.1f} %."
    return Check(holds=log_e < _LIMIT, log_e=log_e, text=text)
