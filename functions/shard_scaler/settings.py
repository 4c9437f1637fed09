"""The environment of the shard scaler: infra writes it, the function reads it."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self, get_type_hints

SECONDS = 50
"""The function's time: a turn is over before the schedule's next one, a minute later."""
MOST_SHARDS = 10_000
"""A single UpdateShardCount goes no further, whatever the account's quota."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How a stream is scaled. A utilisation is a share of what the shards take: 1 MB/s or 1,000
    records/s each, whichever comes first."""

    least_shards: int
    most_shards: int
    target: float = 0.5
    """The utilisation to have. The rest is for what comes before the next look: CloudWatch is a
    minute late, more shards take another, and within a minute the load is not even."""
    margin: float = 0.25
    """Shards are taken away when so large a share of them is not needed: less would be noise."""
    keep_minutes: int = 45
    """Shards are taken away when they were not needed in any of so many minutes."""
    cooldown_minutes: int = 20
    """What was changed stays so long, before anything is taken away again."""
    lead_minutes: int = 20
    """So much earlier there are the shards that were needed a day ago at this time; 0: never."""
    reserve_calls: int = 2
    """Of the 10 calls of UpdateShardCount in 24 hours, those that are for more shards only."""
    throttled_share: float = 0.001
    """Of the records of a minute: from there on it has to do with shards that are too few."""
    hot: float = 0.8
    """The utilisation from which a single shard is hot, while the stream has its target."""
    shared_readers: int = 1
    """Consumers that share a shard's 2 MB/s: delivery streams and functions without fan-out; no
    fewer than are deployed with the stream (infra/stacks.py), more where others read it."""
    age_seconds: int = 300
    """While any reader is further behind, polling or with fan-out, nothing is taken away."""

    def __post_init__(self) -> None:
        for name, holds, allowed in (
            ("least_shards", self.least_shards >= 1, "at least 1"),
            (
                "most_shards",
                self.least_shards <= self.most_shards <= MOST_SHARDS,
                f"{self.least_shards} to {MOST_SHARDS}",
            ),
            ("target", 0.05 <= self.target <= 0.9, "0.05 to 0.9"),
            ("margin", 0 < self.margin < 0.5, "above 0 and below 0.5"),
            ("keep_minutes", 5 <= self.keep_minutes <= 1440, "5 to 1440"),
            ("cooldown_minutes", 1 <= self.cooldown_minutes <= 1440, "1 to 1440"),
            ("lead_minutes", 0 <= self.lead_minutes <= 120, "0 to 120"),
            ("reserve_calls", 0 <= self.reserve_calls <= 10, "0 to 10"),
            ("throttled_share", 0 < self.throttled_share < 1, "above 0 and below 1"),
            ("hot", self.target < self.hot <= 1, f"above the target, {self.target}, to 1"),
            ("shared_readers", self.shared_readers >= 1, "at least 1, for delivery"),
            ("age_seconds", self.age_seconds >= 1, "at least 1"),
        ):
            if not holds:
                value = getattr(self, name)
                raise ValueError(f"The scaling's {name} is {value}, but must be {allowed}.")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Which stream is scaled, how, and where the calls of the last day are remembered."""

    event_type: str
    stream_name: str
    stream: str
    """The stream's ARN."""
    bucket: str
    state_key: str
    policy: Policy

    def environment(self) -> dict[str, str]:
        """The variables that carry these settings to the function."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        every = {**own, **asdict(self.policy)}
        del every["policy"]
        return {name.upper(): str(value) for name, value in every.items()}

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The settings that the variables carry; KeyError names the one that is missing."""
        types = get_type_hints(Policy)
        policy: dict[str, Any] = {
            field.name: types[field.name](environment[field.name.upper()])
            for field in fields(Policy)
        }
        texts = {
            field.name: environment[field.name.upper()]
            for field in fields(cls)
            if field.name != "policy"
        }
        return cls(**texts, policy=Policy(**policy))
