"""A stream in memory as a producer meets it: shards that are split and merged, and calls that are
taken in part and in no order."""

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import cycle

from cli.producer import Answer, Call, Entry, Placed, Producer
from cli.shards import Shard, Shards, hash_key
from events.aggregation import UserRecord, deaggregate

THROTTLED = "ProvisionedThroughputExceededException"


@dataclass
class Log:
    """What a shard has taken, in order."""

    shard: Shard
    records: list[Entry] = field(default_factory=list)


@dataclass
class Stream:
    """Refuses and loses answers as its scripts say; `reshapes` are resharded after so many calls.

    A script's entry is for a record: "" takes it, "throttled" refuses it, "lost" takes it and says
    that it failed.
    """

    shards: Shards
    answers: list[str] = field(default_factory=list)
    reshapes: dict[int, int] = field(default_factory=dict)
    logs: list[Log] = field(init=False)
    calls: int = 0
    asked: int = 0
    _next: int = 0

    def __post_init__(self) -> None:
        self._next = len(self.shards)
        self.logs = [Log(shard) for shard in self.shards.open]

    def answer(self, call: Call) -> list[Answer]:
        self.calls += 1
        if self.calls in self.reshapes:
            self.reshard(self.reshapes[self.calls])
        # What it takes of a call it takes in the opposite order.
        return [self._one(entry) for entry in reversed(call.entries)][::-1]

    def reshard(self, choice: int) -> None:
        """Split a shard, or merge it with the one that follows."""
        shards = list(self.shards.open)
        at = choice // 2 % len(shards)
        old = shards[at]
        if choice % 2 and at + 1 < len(shards):
            following = shards.pop(at + 1)
            new = [(old.first, following.last)]
        else:
            middle = (old.first + old.last) // 2
            new = [(old.first, middle), (middle + 1, old.last)]
        shards[at : at + 1] = [Shard(*keys, self._name()) for keys in new]
        known = {log.shard for log in self.logs}
        self.logs += [Log(shard) for shard in shards if shard not in known]
        self.shards = Shards(shards)

    def users(self) -> list[UserRecord]:
        """Every user record, parents before children, without those that an enhanced fan-out
        consumer would not be shown."""
        found = []
        for log in self.logs:
            for record in log.records:
                users = deaggregate(record.data)
                if users is None:
                    users = [UserRecord(record.key, record.data, record.hash_key)]
                found += [user for user in users if log.shard.holds(of(user))]
        return found

    def by_key(self) -> dict[str, list[bytes]]:
        """The data of each key in its order, each the first time that it is there."""
        found: dict[str, dict[bytes, None]] = defaultdict(dict)
        for user in self.users():
            found[user.partition_key][user.data] = None
        return {key: list(data) for key, data in found.items()}

    def _name(self) -> str:
        self._next += 1
        return f"shardId-{self._next - 1:012}"

    def _one(self, entry: Entry) -> Answer:
        word = self.answers[self.asked] if self.asked < len(self.answers) else ""
        self.asked += 1
        if word == "throttled":
            return THROTTLED
        shard = self.shards.open[self.shards.place(hash_key(entry.key, entry.hash_key))]
        log = next(log for log in self.logs if log.shard == shard)
        log.records.append(entry)
        return "NoAnswer" if word == "lost" else Placed(shard.id, str(len(log.records)))


def of(user: UserRecord) -> int:
    return hash_key(user.partition_key, user.explicit_hash_key)


def drive(producer: Producer, entries: list[Entry], stream: Stream, picks: list[int]) -> None:
    """Offer everything in a simulated time, answering the calls in flight in the order picked."""
    waiting, flying, now = list(entries), list[Call](), 0.0
    picked = cycle(picks or [0])
    while waiting or producer.pending:
        while waiting and producer.room:
            producer.offer(waiting.pop(0), now)
            if next(picked) == 3:
                break
        if not waiting:
            producer.close()
        flying += producer.calls(now)
        if flying:
            call = flying.pop(next(picked) % len(flying))
            producer.settle(call, stream.answer(call), now, jitter=0.5)
        elif producer.stale:
            # Of a shard that was split again meanwhile, the sender's last look is believed.
            looks = (producer.reshard(stream.shards, now, last=last) for last in (False, True))
            assert any(looks)
        elif producer.pending and (due := producer.due()) is not None:
            now = max(now, due)
