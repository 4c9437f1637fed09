"""Looks at trials: how often, what stands after them, who is told. Every step is one script, so
that execution environments which look at the same time do not tell a person twice.

`{look}:<trial>` holds looks (their number), looked (when), verdict (the one that stands),
first.<verdict> (the look that first said it), told and told_at (what went to the stream, and when),
alert.<verdict> (when it was begun, or `sent`). Times are milliseconds of the server's clock, the
only one that all environments share.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from events.release import Trial
from functions.release_health import layout
from functions.release_health.cache import Cache, Command, Script, plain, scripted
from functions.release_health.evidence import Verdict

HERE = Path(__file__).parent
CLAIM = Script.of((HERE / "claim.lua").read_text(encoding="utf-8"))
CONCLUDE = Script.of((HERE / "conclude.lua").read_text(encoding="utf-8"))
TOLD = Script.of((HERE / "told.lua").read_text(encoding="utf-8"))

ALERT_MILLISECONDS = 60_000
"""An alert that was begun and not marked as sent within this is begun again: twice is better than
never, and its text is the same."""


class Conclusion(NamedTuple):
    """What a look leads to. `first` is the look that first said the verdict which stands."""

    verdict: Verdict
    first: int
    changed: bool
    tell: bool
    alert: bool


@dataclass(frozen=True)
class Looks:
    """Those at all trials, through one cache. Every method raises Unavailable."""

    cache: Cache

    def claim(self, trial: Trial, milliseconds: int) -> int:
        """The next look's number; 0 while the last one is not that long ago."""
        arguments = (milliseconds, layout.SECONDS_TO_LIVE)
        return int(self._run(self._script(CLAIM, trial, *arguments)))

    def conclude(self, trial: Trial, look: int, said: Verdict, tell_seconds: int) -> Conclusion:
        arguments = (look, str(said), 1000 * tell_seconds, ALERT_MILLISECONDS)
        answer = self._run(self._script(CONCLUDE, trial, *arguments))
        verdict, first, changed, tell, alert = answer
        return Conclusion(
            Verdict(verdict.decode()), int(first), bool(changed), bool(tell), bool(alert)
        )

    def told(self, trial: Trial, verdict: Verdict) -> None:
        """It is on the stream."""
        self._run(self._script(TOLD, trial, str(verdict)))

    def alerted(self, trial: Trial, verdict: Verdict) -> None:
        """It was published."""
        key = layout.looks(trial)
        self._run(plain(layout.LOOK, "HSET", key, f"alert.{verdict}", "sent"))

    def standing(self, trial: Trial) -> tuple[int, Verdict, int]:
        """How many looks there were, the verdict that stands, and the look that first said it."""
        found = self._run(plain(layout.LOOK, "HGETALL", layout.looks(trial)))
        verdict = Verdict(found.get(b"verdict", b"CONTINUE").decode())
        first = found.get(f"first.{verdict}".encode(), b"0")
        return int(found.get(b"looks", 0)), verdict, int(first)

    def forget(self, trial: Trial) -> None:
        """What was concluded, for a state that is built again. The number of looks stays, which
        no two looks shall share, and so do the alerts: nobody is told the same twice."""
        fields = ("verdict", "told", "told_at", *(f"first.{one}" for one in Verdict))
        self._run(plain(layout.LOOK, "HDEL", layout.looks(trial), *fields))

    def _script(self, script: Script, trial: Trial, *arguments: str | int) -> Command:
        return scripted(layout.LOOK, script, [layout.looks(trial)], arguments)

    def _run(self, command: Command) -> Any:
        return self.cache.run([command])[0]
