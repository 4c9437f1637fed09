"""A look at a trial, from the claim to the event on the stream.

What was counted is counted whatever becomes of a look: one that fails is logged and the next one,
a second later, says what it would have said. So no step here may stop a batch, and each is marked
as done only after it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import NamedTuple

from events.release import Trial
from events.release_verdict.event import ReleaseVerdict
from functions.release_health.evidence import Evidence
from functions.release_health.looks import Conclusion, Looks
from functions.release_health.scoring import score, standing
from functions.release_health.state import State
from functions.release_health.telling import alert, verdict_of

Put = Callable[[Sequence[ReleaseVerdict]], tuple[int, Exception] | None]
Publish = Callable[[str, str], None]
"""Subject and text."""


class Looked(NamedTuple):
    """What became of a look, with the event that says what was seen."""

    verdict: ReleaseVerdict
    told: bool
    alerted: bool


@dataclass
class Watcher:
    """Looks at trials for one execution environment. Times in seconds since the epoch."""

    state: State
    looks: Looks
    put: Put
    publish: Publish
    look_milliseconds: int
    tell_seconds: int
    clock: Callable[[], float] = time.time
    _claimed: dict[int, float] = field(default_factory=dict)

    def look(self, trial: Trial) -> Looked | None:
        """Score the trial when its time has come, tell it when there is something to tell.

        None while it has not come. Raises what the cache, the stream or the topic raise.
        """
        now = self.clock()
        if 0 <= now - self._claimed.get(trial.number, 0.0) < self.look_milliseconds / 1000:
            return None
        number = self.looks.claim(trial, self.look_milliseconds)
        if not number:
            return None
        self._claimed[trial.number] = now
        evidence, totals = self.state.evidence(trial, now=now)
        evidence = _until(now, trial, evidence)
        scored = score(trial, evidence)
        stands = self.looks.conclude(trial, number, scored.verdict, self.tell_seconds)
        event = verdict_of(
            trial, evidence, totals, scored, look=number, stands=stands, looked_at=_utc(now)
        )
        # The person first: a stream that cannot be written keeps no FAIL from them.
        if stands.alert:
            self.publish(*alert(event, stands.first))
            self.looks.alerted(trial, stands.verdict)
        if stands.tell:
            failed = self.put([event])
            if failed is not None:
                raise failed[1]
            self.looks.told(trial, stands.verdict)
        return Looked(event, stands.tell, stands.alert)

    def seen(self, trial: Trial) -> ReleaseVerdict:
        """What a look would say now; nothing is claimed, told or remembered. Raises Unavailable."""
        now = self.clock()
        evidence, totals = self.state.evidence(trial)
        evidence = _until(now, trial, evidence)
        scored = score(trial, evidence)
        number, before, first = self.looks.standing(trial)
        verdict = standing(before, scored.verdict)
        stands = Conclusion(
            verdict,
            first if verdict == before else number,
            verdict != before,
            tell=False,
            alert=False,
        )
        return verdict_of(
            trial,
            evidence,
            totals,
            scored,
            look=number,
            stands=stands,
            looked_at=_utc(now),
        )


def _until(now: float, trial: Trial, evidence: Evidence) -> Evidence:
    """No more time has passed than has, whatever the clocks of the devices say."""
    passed = max(0, int(now - trial.started_at.timestamp()))
    return replace(evidence, elapsed_seconds=min(evidence.elapsed_seconds, passed))


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
