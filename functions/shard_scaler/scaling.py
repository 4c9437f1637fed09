"""How many shards, decided: pure, a function of what is known at one instant.

Up at once, by what the last minutes hold, by where they lead, and by what a day ago at this time
was about to come. Down slowly: only what none of the last `keep_minutes` needed, with room to spare
between where shards are taken away and where they come back, so that noise moves nothing. A day has
10 calls (functions/shard_scaler/budget.py): steps are a quarter at least, larger when few are left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

from functions.shard_scaler import skew
from functions.shard_scaler.budget import Call, calls_left, recent
from functions.shard_scaler.decision import (
    Action,
    Decision,
    Keep,
    Merge,
    Reason,
    Resize,
    Split,
)
from functions.shard_scaler.load import DAY, MINUTE, Sample, Shard, between
from functions.shard_scaler.settings import Policy

SETTLE_SECONDS = 45
"""A call is not followed by another before AWS shows everywhere what it did."""
UP_MINUTES = 4
"""That tell what comes now; CloudWatch is one or two of them late."""
BLIND_MINUTES = 10
AHEAD_MINUTES = 4
"""For which a growth goes on before shards that are decided now are there."""
LATE_SECONDS = 120
"""A minute is whole in CloudWatch when it began so long ago."""
KNOWN_SHARE = 0.9
"""Of the minutes in which less was needed, those that must be known: what is missing is not zero.
"""
ROOM = 1.1
"""Shards are taken away down to so much more than was needed."""
BURST = 0.1
"""The share of refused records from which the shards are doubled."""
THROTTLED_KEEPS = 4
"""After a throttled minute so many times `keep_minutes` pass before anything is taken away."""


def decide(
    now: float,
    shards: Sequence[Shard],
    samples: Sequence[Sample],
    history: Sequence[Call],
    policy: Policy,
) -> Decision:
    """What to do at `now`, epoch seconds, with a stream that is ACTIVE and has these open shards.

    `samples` are in the order of time, of the last day as far as they are known; `history` are the
    calls of the last day. The same again gives the same again: who calls twice must claim the call
    in between (functions/shard_scaler/memory.py).
    """
    return _Turn(now, shards, samples, recent(now, history), policy).decide()


@dataclass(frozen=True, slots=True)
class _Need:
    """A load, and where it was seen."""

    load: float
    reason: Reason
    what: str


@dataclass(slots=True)
class _Turn:
    now: float
    shards: Sequence[Shard]
    samples: Sequence[Sample]
    calls: list[Call]
    policy: Policy
    left: int = 0
    needed: int = 0

    def decide(self) -> Decision:
        self.left = calls_left(self.now, self.calls)
        count, policy = len(self.shards), self.policy
        self.needed = count
        made = [call for call in self.calls if call.kind != "refused"]
        if made and self.now - made[-1].at < SETTLE_SECONDS:
            return self._keep(Reason.SETTLING, "the last change was made less than a minute ago")
        if count < policy.least_shards:
            return self._up(policy.least_shards, Reason.BOUNDS, f"{policy.least_shards} at least")
        if count > policy.most_shards:
            return self._bounded()
        if not any(between(self.samples, self.now - BLIND_MINUTES * MINUTE, self.now + MINUTE)):
            why = f"CloudWatch has nothing of the last {BLIND_MINUTES} minutes"
            return self._keep(Reason.BLIND, why)
        need = self._need()
        self.needed = max(1, ceil(need.load / policy.target - 1e-9))
        if self.needed > count:
            return self._more(need)
        return self._relieve() or self._fewer(need)

    # What is needed

    def _need(self) -> _Need:
        """The largest of what comes, what will come, and what came a day ago."""
        readers, now = self.policy.shared_readers, self.now
        changed = self._changed() + MINUTE
        comes = max(
            (
                one.wanted(readers) if one.at >= changed else one.shards(readers)
                for one in between(self.samples, now - UP_MINUTES * MINUTE, now + MINUTE)
            ),
            default=0.0,
        )
        found = _Need(comes, Reason.LOAD, "comes now")
        if (grown := self._grown()) > found.load:
            found = _Need(grown, Reason.GROWTH, f"will come in {AHEAD_MINUTES} minutes")
        if lead := self.policy.lead_minutes * MINUTE:
            ago = between(self.samples, now - DAY, now - DAY + lead)
            yesterday = max((one.shards(readers) for one in ago), default=0.0)
            if yesterday > found.load:
                found = _Need(yesterday, Reason.YESTERDAY, "came a day ago at this time")
        return found

    def _grown(self) -> float:
        """Where the load is in some minutes if it goes on growing as steadily as it did for eight:
        by the least of three steps from two minutes to the next two, which a jump or noise is not.
        """
        readers, end = self.policy.shared_readers, self.now - LATE_SECONDS + MINUTE
        known = list(between(self.samples, end - 8 * MINUTE, end))
        if len(known) < 8 or any(one.throttled for one in known):
            return 0.0
        loads = [one.shards(readers) for one in known]
        pairs = [(one + other) / 2 for one, other in zip(loads[::2], loads[1::2], strict=True)]
        step = min(later - earlier for earlier, later in pairwise(pairs))
        return pairs[-1] + max(0.0, step) / 2 * AHEAD_MINUTES

    def _changed(self) -> float:
        """When the shards were changed last: what was refused before says nothing of today's."""
        return max((call.at for call in self.calls if call.kind != "refused"), default=0.0)

    # More

    def _more(self, need: _Need) -> Decision:
        count, most = len(self.shards), self.policy.most_shards
        load = f"a load of {need.load:.2f} shards {need.what}, at {self.policy.target:.0%} each"
        if count >= most:
            return self._keep(Reason.AT_MOST, f"{load}: {self.needed} are needed, {most} allowed")
        return self._up(self._step(self.needed), need.reason, load)

    def _step(self, needed: int) -> int:
        """At least a quarter more, and more when few calls are left; in quarters where that is not
        much too much, because AWS finishes those sooner."""
        count = len(self.shards)
        least = {1: 2.0, 2: 1.5, 3: 1.5}.get(self.left, 1.25)
        wanted = max(needed, ceil(count * least))
        for quarters in (5, 6, 7, 8):
            if count * quarters % 4 == 0 and wanted <= count * quarters // 4 <= wanted * 1.25:
                return count * quarters // 4
        return wanted

    def _up(self, wanted: int, reason: Reason, why: str) -> Decision:
        """To so many shards, as far as one call goes; by a split where no call is left, and where
        a split does the same."""
        count = len(self.shards)
        target = min(wanted, 2 * count, max(self.policy.most_shards, self.policy.least_shards))
        if self.left and count > 1:
            return self._do(Resize(target), reason, f"{count} -> {target} shards: {why}")
        shard = self._widest()
        if shard is None:
            return self._keep(Reason.DAY_USED, f"no call is left, and no shard can be split: {why}")
        middle = (shard.first_hash + shard.last_hash + 1) // 2
        used = "" if self.left else "; the day's calls are used, so one by one"
        sentence = f"{count} -> {count + 1} shards: {why}{used}"
        return self._do(Split(shard.shard_id, middle), reason, sentence)

    def _widest(self) -> Shard | None:
        """The shard to be split for the sake of the whole: the one with the most, as far as it is
        known, else the one with the most keys."""
        lately = self.samples[-UP_MINUTES:]
        last = next((one for one in reversed(lately) if one.by_shard), None)
        loads = last.by_shard if last else {}
        known = {key: load.shards for key, load in loads.items()}
        able = [shard for shard in self.shards if shard.width >= 4]
        return max(able, key=lambda it: (it.width, known.get(it.shard_id, 0.0)), default=None)

    def _relieve(self) -> Decision | None:
        """A hot shard is split alone; records that are refused in bursts get more shards."""
        changed = self._changed() + MINUTE
        fresh = [
            one
            for one in between(self.samples, self.now - UP_MINUTES * MINUTE, self.now + MINUTE)
            if one.at >= changed
        ]
        refused = [one for one in fresh if one.throttled_share >= self.policy.throttled_share]
        seen = refused or fresh[-3:]
        hot = skew.hottest(self.shards, [one for one in seen if one.by_shard], self.policy)
        if hot is not None:
            return self._cool(hot)
        if not refused:
            return None
        share = max(one.throttled_share for one in refused)
        count, most = len(self.shards), self.policy.most_shards
        why = f"{share:.1%} of the records were refused within a calm minute"
        if count >= most:
            return self._keep(Reason.AT_MOST, f"{why}, but {most} shards are allowed")
        wanted = 2 * count if share >= BURST else self._step(count + 1)
        return self._up(wanted, Reason.THROTTLED, why)

    def _cool(self, hot: skew.Hot) -> Decision | None:
        count = len(self.shards)
        name, part = hot.shard.shard_id, f"{hot.utilisation:.0%}"
        if hot.one_key or hot.narrow:
            why = f"{name} is at {part} by one key, which no split helps: spread the partition key"
            return self._keep(Reason.HOT_KEY, why)
        if count >= self.policy.most_shards:
            why = f"{name} is at {part}, but {self.policy.most_shards} shards are allowed"
            return self._keep(Reason.AT_MOST, why)
        why = f"{count} -> {count + 1} shards: {name} is at {part}, the others are not"
        return self._do(Split(name, hot.middle), Reason.HOT_SHARD, why)

    # Fewer

    def _bounded(self) -> Decision:
        count, most = len(self.shards), self.policy.most_shards
        target = max(most, ceil(count / 2))
        if not self.left:
            return self._keep(Reason.DAY_USED, f"{most} shards at most, but no call is left today")
        why = f"{count} -> {target} shards: {most} at most"
        return self._do(Resize(target), Reason.BOUNDS, why)

    def _fewer(self, need: _Need) -> Decision:
        """What was not needed for a while is taken away."""
        count, policy = len(self.shards), self.policy
        begin = self.now - LATE_SECONDS - policy.keep_minutes * MINUTE
        kept = list(between(self.samples, begin, self.now - LATE_SECONDS))
        load = max([need.load, *(one.shards(policy.shared_readers) for one in kept)])
        wanted = load / policy.target * ROOM
        target = max(policy.least_shards, ceil(wanted - 1e-9), ceil(count / 2))
        idle = target <= (1 - policy.margin) * count
        even = skew.uniform(self.shards)
        spare = max(wanted, policy.least_shards) <= count - 1
        if not spare or (even and not idle):
            what = f"{need.load:.2f} shards' load {need.what}"
            return self._keep(Reason.ENOUGH, f"{count} shards are right: {what}")
        if wait := self._not_yet(kept):
            return self._keep(Reason.WAITING, f"{max(target, 1)} shards would do: {wait}")
        # A minute without figures of single shards says nothing of any of them.
        by_shard = [one for one in kept if one.by_shard]
        enough = len(by_shard) >= min(5, len(kept))
        pair = skew.coldest(self.shards, by_shard, policy) if enough else None
        seen = f"{load:.2f} shards' load at most in {policy.keep_minutes} minutes"
        if count == 2:
            lower, upper = sorted(self.shards, key=lambda shard: shard.first_hash)
            return self._merge((lower, upper), Reason.IDLE, seen)
        spread = idle and self._would_spread(by_shard, target, even=even)
        if pair and not (spread and self.left > policy.reserve_calls):
            return self._merge(pair, Reason.COLD, f"neighbours are cold; {seen}")
        if not spread:
            return self._keep(Reason.ENOUGH, f"fewer of equal width would have a hot one: {seen}")
        if self.left <= policy.reserve_calls:
            why = f"{target} shards would do, but the {self.left} calls left are for more shards"
            return self._keep(Reason.DAY_USED, why)
        target = self._quarters(target)
        return self._do(Resize(target), Reason.IDLE, f"{count} -> {target} shards: {seen}")

    def _would_spread(self, by_shard: Sequence[Sample], target: int, *, even: bool) -> bool:
        """Whether no shard will be hot among so many of the same width."""
        most = skew.spread(self.shards, by_shard, target)
        if most is None:
            return even or target <= ceil(len(self.shards) / 2)
        return most < self.policy.hot

    def _not_yet(self, kept: Sequence[Sample]) -> str:
        """Why nothing may be taken away now; empty when it may."""
        policy, now = self.policy, self.now
        changed = max((call.at for call in self.calls if call.kind != "merge"), default=0.0)
        if now - changed < policy.cooldown_minutes * MINUTE:
            return f"the last change is not {policy.cooldown_minutes} minutes old"
        if len(kept) < KNOWN_SHARE * policy.keep_minutes:
            return f"only {len(kept)} of the last {policy.keep_minutes} minutes are known"
        throttled = THROTTLED_KEEPS * policy.keep_minutes * MINUTE
        if any(
            one.throttled_share >= policy.throttled_share
            for one in between(self.samples, now - throttled, now + MINUTE)
        ):
            return "records were refused lately"
        age = max(
            (it.age for it in between(self.samples, now - UP_MINUTES * MINUTE, now)), default=0.0
        )
        if age > policy.age_seconds:
            return f"readers are {age:.0f} seconds behind"
        return ""

    def _quarters(self, target: int) -> int:
        """The number in quarters that is no smaller, where that is not much more."""
        count = len(self.shards)
        for quarters in (2, 3):
            if count * quarters % 4 == 0 and target <= count * quarters // 4 <= target * 1.25:
                return count * quarters // 4
        return target

    def _merge(self, pair: tuple[Shard, Shard], reason: Reason, why: str) -> Decision:
        count = len(self.shards)
        lower, upper = pair
        action = Merge(lower.shard_id, upper.shard_id)
        return self._do(action, reason, f"{count} -> {count - 1} shards: {why}")

    # The answer

    def _keep(self, reason: Reason, why: str) -> Decision:
        return self._do(Keep(), reason, why)

    def _do(self, action: Action, reason: Reason, why: str) -> Decision:
        return Decision(action, reason, why, self.needed, self.left)
