"""Which rules are due: pure, the time comes from outside (epoch seconds)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from local.schedules.expressions import Cron, Rate, parse


@dataclass(slots=True)
class Started:
    """A rule that fires: since when, and when next (None: never again)."""

    expression: str
    schedule: Rate | Cron
    since: float
    due: float | None


@dataclass(slots=True)
class Clock:
    """Call `follow` with the enabled rules whenever they may have changed, `fired` at `wakeup`.

    A rule whose expression changed, or that was disabled meanwhile, starts anew; one that was put
    again unchanged keeps its time. [open]
    """

    rules: dict[str, Started] = field(default_factory=dict)

    def follow(self, now: float, expressions: Mapping[str, str]) -> None:
        """The rules that may fire from now on: their expressions by ARN."""
        for arn in self.rules.keys() - expressions.keys():
            del self.rules[arn]
        for arn, expression in expressions.items():
            known = self.rules.get(arn)
            if known is None or known.expression != expression:
                schedule = parse(expression)
                due = schedule.after(now, now)
                self.rules[arn] = Started(expression, schedule, now, due)

    def fired(self, now: float) -> list[tuple[str, float]]:
        """The ARNs of the rules that are due, each with the instant it was due at.

        Instants that were slept through are one firing, the last of them. [open]
        """
        found = []
        for arn, rule in self.rules.items():
            last = None
            while rule.due is not None and rule.due <= now:
                last, rule.due = rule.due, rule.schedule.after(rule.due, rule.since)
            if last is not None:
                found.append((arn, last))
        return found

    def wakeup(self) -> float | None:
        """When the next rule is due."""
        return min((it.due for it in self.rules.values() if it.due is not None), default=None)
