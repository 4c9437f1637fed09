"""How fast a shard is written, against a model of what AWS lets a shard take, in simulated time."""

import pytest

from cli.rates import RECOVERY, Rates
from local.kinesis.limits import ShardLimits

SIZE = 51_200


class Shard:
    """One that is written as fast as its rate allows, and refuses what is above AWS's limits."""

    def __init__(self, rates: Rates, *, limited: bool = True, others: float = 0.0) -> None:
        self.rate = rates.rate()
        self.limits = ShardLimits() if limited else None
        self.others = others
        self.taken = self.refused = 0
        self.not_before = self.told = 0.0

    def until(self, end: float, now: float = 0.0, size: int = SIZE) -> None:
        while (now := max(self.rate.due(size, now), self.not_before)) < end:
            self.put(now, size)

    def put(self, now: float, size: int = SIZE) -> None:
        self.rate.spend(size, now)
        if self.limits is None or self._takes(now, size):
            self.taken += 1
        else:
            self.refused += 1
            self.rate.refused(size, now)
            self.not_before = now + 0.05

    def _takes(self, now: float, size: int) -> bool:
        assert self.limits is not None
        while self.others and self.told < now:
            self.limits.write(int(self.others / 100), self.told)
            self.told += 0.01
        return self.limits.write(size, now)


@pytest.mark.parametrize("size", [51_200, 300, 700_000, 2**20])
def test_a_shard_is_written_at_its_rate_and_is_refused_a_record_a_minute_at_most(size: int) -> None:
    shard = Shard(Rates())
    shard.until(60.0, size=size)
    assert shard.refused <= 1
    assert shard.taken == pytest.approx(60 * min(1_000, 1e6 / size), rel=0.05)


def test_one_shard_of_many_finds_out_for_all() -> None:
    rates = Rates()
    shards = [Shard(rates) for _ in range(4)]
    now = 0.0
    while now < 55.0:
        for shard in shards:
            if shard.rate.due(SIZE, now) <= now >= shard.not_before:
                shard.put(now)
        now += 0.01
    assert sum(shard.refused for shard in shards) == 1


def test_a_stream_without_limits_is_written_faster_every_moment() -> None:
    rates = Rates()
    shard = Shard(rates, limited=False)
    shard.until(10.0)
    assert rates.reach >= 64
    assert shard.taken > 60 * 10 * 1e6 / SIZE


def test_a_shard_that_others_write_gets_what_they_leave() -> None:
    shard = Shard(Rates(), others=600_000)
    shard.until(60.0)
    assert shard.refused < shard.taken * 0.05
    assert shard.taken * SIZE > 0.5 * 60 * 400_000


def test_a_rate_comes_back() -> None:
    rates = Rates()
    rate = rates.rate()
    rate.due(SIZE, 0.0)
    rate.refused(SIZE, 0.0)
    rate.refused(SIZE, 0.1)  # the same trouble
    assert rate.share == pytest.approx(0.5, rel=0.02)
    rate.refused(SIZE, 1.0)
    assert rate.share == pytest.approx(0.25 + RECOVERY / 2, rel=0.1)
    rate.due(SIZE, 100.0)
    assert rate.share == 1.0


def test_who_has_little_to_put_tries_nothing() -> None:
    rates = Rates()
    rate = rates.rate()
    for second in range(100):
        rate.due(SIZE, second / 10)
        rate.spend(SIZE // 2, second / 10)
    assert (rates.reach, rate.boost) == (1.0, 1.0)
