"""What a turn does: one action, the reason it is counted by, and the sentence that says why."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Keep:
    """Nothing."""


@dataclass(frozen=True, slots=True)
class Resize:
    """UpdateShardCount: so many shards of equal width."""

    shards: int


@dataclass(frozen=True, slots=True)
class Split:
    """SplitShard: the second half begins at this hash key."""

    shard_id: str
    at: int


@dataclass(frozen=True, slots=True)
class Merge:
    """MergeShards: two neighbours, the lower one first."""

    lower: str
    upper: str


Action = Keep | Resize | Split | Merge


class Reason(StrEnum):
    """Why; the word in the metric."""

    LOAD = "Load"
    """More is coming than the target allows."""
    GROWTH = "Growth"
    """More will be coming in a few minutes, if it goes on as it does."""
    YESTERDAY = "Yesterday"
    """A day ago more came at this time."""
    THROTTLED = "Throttled"
    """Records are refused although the minutes are calm: they come in bursts."""
    HOT_SHARD = "HotShard"
    """One shard has more than its part."""
    COLD = "Cold"
    """Neighbours have so little that one shard is enough for both."""
    IDLE = "Idle"
    """Less came for a while than the shards are for."""
    BOUNDS = "Bounds"
    """There are fewer or more shards than there may be."""
    ENOUGH = "Enough"
    """Nothing is to do."""
    WAITING = "Waiting"
    """Less would do, but not yet."""
    SETTLING = "Settling"
    """The last change has only just been made."""
    BLIND = "Blind"
    """There are no metrics."""
    HOT_KEY = "HotKey"
    """One key is hot, which no shard can help."""
    AT_MOST = "AtMost"
    """More are needed than there may be."""
    DAY_USED = "DayUsed"
    """The day's calls are used, or what is left of them is for more shards."""


@dataclass(frozen=True, slots=True)
class Decision:
    """`needed` is the number of shards by the load alone, within the bounds or not."""

    action: Action
    reason: Reason
    why: str
    needed: int
    calls_left: int
