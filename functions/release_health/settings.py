"""What the canary score reads and emits, and how often it looks."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from functions.shared.settings import Consumption, StatefulSettings


@dataclass(frozen=True, kw_only=True)
class Settings(StatefulSettings):
    """`look_milliseconds`: a trial is scored at most this often, by all execution environments
    together. `tell_seconds`: a look that says what the last one said is told at most this often.
    """

    reads: ClassVar[str] = "device_telemetry"
    emits: ClassVar[str] = "release_verdict"
    # A batch costs one round trip and up to 64 calls of a script, whatever its size, as long as no
    # bucket has more than 500 of it: a second's reports at once are cheaper than each by itself,
    # and soon enough for a verdict. The cache may be away for minutes; what is given up after that
    # is in the failure archive, but a device's window has moved on when it is redriven: it is worth
    # trying for an hour.
    consumption: ClassVar[Consumption] = Consumption(
        batch_size=5_000,
        window=timedelta(seconds=1),
        retries=1_000,
        age=timedelta(hours=1),
    )
    # The keys of layout.py and the commands of the scripts, of looks.py and of state.py.
    access: ClassVar[str] = (
        "~{b*}:* ~{look}:* +eval +evalsha +expire +hdel +hget +hgetall +hincrby +hset +hsetnx"
        " +time +unlink"
    )
    description: ClassVar[str] = "Says of each release on trial whether it is healthy"

    look_milliseconds: int = 1_000
    tell_seconds: int = 30

    def __post_init__(self) -> None:
        for name in ("look_milliseconds", "tell_seconds"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}: there is no negative time")
