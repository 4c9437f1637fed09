"""The calls of the last day: UpdateShardCount is answered 10 times in any 24 hours.

SplitShard and MergeShards are not counted, so a stream whose day is used up still grows, by one
shard a minute. https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateShardCount.html
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from functions.shard_scaler.load import DAY

CALLS_A_DAY = 10
SKEW_SECONDS = 300
"""By which our clock and AWS's may differ: a call counts for us so much longer."""
REFUSED_SECONDS = 1_800
"""After AWS refused a call for the day's limit, since others call too, none is tried for so long.
"""

Kind = Literal["count", "split", "merge", "refused"]


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was made, or claimed and then perhaps not made: `before` and `after` are numbers
    of shards. `refused` is a call of UpdateShardCount for which AWS had no more left."""

    at: float
    kind: Kind
    before: int
    after: int

    @property
    def up(self) -> bool:
        return self.after > self.before


def recent(now: float, history: Sequence[Call]) -> list[Call]:
    """The calls that are still of interest, oldest first; one from the future is from now."""
    return sorted(
        (call for call in history if call.at > now - DAY - SKEW_SECONDS), key=lambda call: call.at
    )


def calls_left(now: float, history: Sequence[Call]) -> int:
    """How often UpdateShardCount will still be answered today."""
    calls = recent(now, history)
    if any(call.kind == "refused" and call.at > now - REFUSED_SECONDS for call in calls):
        return 0
    return max(0, CALLS_A_DAY - sum(call.kind == "count" for call in calls))
