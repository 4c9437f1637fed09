"""One turn of the scaler: look, decide, claim the call, make it.

However many turns are taken at the same time, by a schedule that fires twice or by a person beside
it, one call is made: each puts it down first, in place of the calls that it has seen, and only one
of them can (functions/shard_scaler/memory.py). A turn that dies in between has used up one of the
day's calls in vain, and nothing else.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from botocore.exceptions import ClientError

from functions.shard_scaler.budget import Call, Kind, calls_left, recent
from functions.shard_scaler.decision import Decision, Keep, Merge, Reason, Resize, Split
from functions.shard_scaler.load import MINUTE, Sample, Shard, between
from functions.shard_scaler.memory import Memory, Remembered, Taken
from functions.shard_scaler.scaling import UP_MINUTES, decide
from functions.shard_scaler.settings import Policy
from functions.shard_scaler.stream import Stream

QUARTER = 15
"""Minutes from one look at single shards to the next, while nothing asks for one sooner."""
OTHERS = ("ResourceInUseException", "InvalidArgumentException", "ResourceNotFoundException")
"""What Kinesis says when somebody else has changed the shards since they were listed."""


class Watching(Protocol):
    """functions/shard_scaler/watching.py"""

    def stream(self, now: float, consumers: list[str]) -> list[Sample]: ...

    def shards(
        self, now: float, samples: list[Sample], shards: list[Shard], since: float
    ) -> list[Sample]: ...


@dataclass(frozen=True)
class Turn:
    """What was found and done: `shards` are those before."""

    decision: Decision
    shards: int
    done: bool


@dataclass(frozen=True)
class Scaler:
    stream: Stream
    watching: Watching
    memory: Memory
    policy: Policy

    def turn(self, now: float) -> Turn:
        """Decide at `now`, epoch seconds, and do it. Raises ClientError when Kinesis refuses."""
        busy = self.stream.busy()
        shards = self.stream.shards()
        count = len(shards)
        seen = self.memory.recall()
        calls = recent(now, seen.calls)
        if busy:
            left = calls_left(now, calls)
            return Turn(Decision(Keep(), Reason.SETTLING, busy, count, left), count, done=False)
        decision = self._decide(now, shards, calls)
        action = decision.action
        if isinstance(action, Keep):
            return Turn(decision, count, done=False)
        try:
            claim = self.memory.put_down([*calls, _call(now, action, count)], seen)
        except Taken as taken:
            kept = replace(decision, action=Keep(), reason=Reason.SETTLING, why=str(taken))
            return Turn(kept, count, done=False)
        try:
            self.stream.change(action)
        except ClientError as error:
            return Turn(self._refused(now, error, decision, calls, claim), count, done=False)
        return Turn(decision, count, done=True)

    def _decide(self, now: float, shards: list[Shard], calls: list[Call]) -> Decision:
        """With a closer look at single shards where it can matter. Without one nothing is taken
        away: in the mean a stream may be idle whose hot shard was split for good reason."""
        samples = self.watching.stream(now, self.stream.consumers())
        decision = decide(now, shards, samples, calls, self.policy)
        lately = between(samples, now - UP_MINUTES * MINUTE, now)
        if not (
            any(one.throttled for one in lately)
            or int(now) // MINUTE % QUARTER == 0
            or decision.reason is Reason.DAY_USED
        ):
            return _seen_first(decision) if decision.reason is Reason.IDLE else decision
        changed = max((call.at for call in calls if call.kind != "refused"), default=0.0)
        since = max(changed + MINUTE, now - (self.policy.keep_minutes + 2) * MINUTE)
        samples = self.watching.shards(now, samples, shards, since)
        return decide(now, shards, samples, calls, self.policy)

    def _refused(
        self,
        now: float,
        error: ClientError,
        decision: Decision,
        calls: list[Call],
        claim: Remembered,
    ) -> Decision:
        """The call was not made: take it back, and remember that the day has no more if it is that.
        Raises the error when it is none that passes by itself."""
        code = error.response["Error"]["Code"]
        count = len(self.stream.shards())
        limit = code == "LimitExceededException" and isinstance(decision.action, Resize)
        if not limit and code not in OTHERS:
            raise error
        refused = [Call(now, "refused", count, count)] if limit else []
        with suppress(Taken):  # then the claim stands, and costs one call of ten
            self.memory.put_down([*calls, *refused], claim)
        reason = Reason.DAY_USED if limit else Reason.SETTLING
        why = error.response["Error"].get("Message", code)
        return replace(decision, action=Keep(), reason=reason, why=f"Kinesis refused: {why}")


def _seen_first(decision: Decision) -> Decision:
    """Nothing, until single shards were looked at."""
    why = f"{decision.why}; single shards are looked at first, each quarter of an hour"
    return replace(decision, action=Keep(), reason=Reason.WAITING, why=why)


def _call(now: float, action: Resize | Split | Merge, count: int) -> Call:
    kind: Kind
    match action:
        case Resize(target):
            kind, after = "count", target
        case Split():
            kind, after = "split", count + 1
        case Merge():
            kind, after = "merge", count - 1
    return Call(now, kind, count, after)
