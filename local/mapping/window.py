"""Tumbling windows over a lane: one lane per window, and a final invocation between them.

A record belongs to the window its approximate arrival time falls in; a batch never spans two. The
answer's `state` is handed to the next invocation of the window; when the window has ended, a final
invocation without records gets the state, and blocks the shard until it succeeds
(https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from local.mapping.lane import (
    Answer,
    Entry,
    GiveUp,
    Invoke,
    Lane,
    Limits,
    Succeeded,
    Window,
    delay,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

STATE_BYTES = 1024 * 1024
"""A larger state ends the window early."""

FINAL_RECORDS: tuple[Entry, ...] = ()
"""The final invocation of a window carries no records: all were delivered before it. [open]"""


@dataclass(slots=True)
class Pane:
    """One window and the lane that works its records off."""

    window: Window
    lane: Lane
    attempts: int = 0
    not_before: float = 0.0


@dataclass(slots=True)
class WindowedLane:
    """A `Lane` whose batches are cut at window boundaries; the same calls, the same promises.

    `length` is TumblingWindowInSeconds. `seen` is the arrival time up to which the shard was read
    (nothing older will be offered), so a window is closed as soon as that is certain: well within
    the two minutes that AWS allows itself for an idle one.
    """

    limits: Limits
    length: int
    panes: deque[Pane] = field(default_factory=deque)
    seen: float = 0.0
    finalizing: bool = False
    done: list[int] = field(default_factory=list)

    def offer(self, now: float, entries: Sequence[Entry]) -> None:
        """Queue records that were just read, oldest first."""
        for entry in entries:
            start = int(entry.arrival) // self.length * self.length
            # A shard's arrival times may step back a little: a record is never put into a
            # window that is over, it joins the newest one.
            if not self.panes or start > self.panes[-1].window.start:
                window = Window(start, start + self.length)
                self.panes.append(Pane(window, Lane(self.limits)))
            self.panes[-1].lane.offer(now, [entry])

    @property
    def pending(self) -> int:
        return sum(pane.lane.pending for pane in self.panes)

    @property
    def held_bytes(self) -> int:
        return sum(pane.lane.held_bytes for pane in self.panes)

    @property
    def idle(self) -> bool:
        return not self.panes

    def step(self, now: float, *, flush: bool = False) -> Invoke | GiveUp | None:
        """What to do now, if anything; `flush` ends the last window as well."""
        if self.finalizing or not self.panes:
            return None
        pane = self.panes[0]
        over = flush or len(self.panes) > 1 or self.seen >= pane.window.end
        if pane.window.early or (over and pane.lane.idle):
            if pane.not_before > now or pane.lane.flight:
                return None
            self.finalizing = True
            return Invoke(FINAL_RECORDS, replace(pane.window, final=True))
        action = pane.lane.step(now, flush=over)
        self.done += pane.lane.take_done()
        if isinstance(action, Invoke):
            return Invoke(action.entries, pane.window)
        return action

    def wakeup(self) -> float | None:
        """When `step` may next have something to do without anything else happening."""
        if self.finalizing or not self.panes:
            return None
        # An idle window ends when a later read says so, not when some time has come.
        return self.panes[0].not_before or self.panes[0].lane.wakeup()

    def answered(self, now: float, answer: Answer) -> GiveUp | None:
        """Take the outcome of the invocation in flight."""
        pane = self.panes[0]
        if self.finalizing:
            self.finalizing = False
            self._finalized(now, pane, answer)
            return None
        given_up = pane.lane.answered(now, answer)
        self.done += pane.lane.take_done()
        if isinstance(answer, Succeeded):
            early = len(answer.state) > STATE_BYTES
            pane.window = replace(pane.window, state=answer.state, early=early)
        return given_up

    def take_done(self) -> list[int]:
        """The sequence numbers finished since the last call."""
        done, self.done = self.done, []
        return done

    def _finalized(self, now: float, pane: Pane, answer: Answer) -> None:
        if not isinstance(answer, Succeeded):
            pane.attempts += 1
            pane.not_before = now + delay(pane.attempts)
            return
        pane.attempts, pane.not_before = 0, 0.0
        if pane.window.early:
            pane.window = Window(pane.window.start, pane.window.end)
            return
        self.panes.popleft()
