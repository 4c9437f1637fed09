"""Which event types are also taken over HTTP, where an environment wants that.

`Environment(http={"device_telemetry": Http()})`. None is by default: an address on the internet is
a decision, and with the first of them the account's one role for API Gateway's logs is set. While
nobody calls, it costs nothing.
"""

from dataclasses import dataclass

from infra.errors import WrongConfiguration

# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
RATE = range(1, 10_000 + 1)
BURST = range(1, 5_000 + 1)


@dataclass(frozen=True, kw_only=True)
class Http:
    """`rate` and `burst` are requests a second and at once of one API key, a batch being one;
    `daily_calls` is what a key may call a day, None for any number."""

    rate: int = 50
    burst: int = 100
    daily_calls: int | None = None

    def __post_init__(self) -> None:
        for what, value, allowed in (("rate", self.rate, RATE), ("burst", self.burst, BURST)):
            if value not in allowed:
                raise _wrong(what, value, f"{allowed.start} to {allowed.stop - 1}")
        if self.daily_calls is not None and self.daily_calls < 1:
            raise _wrong("daily_calls", self.daily_calls, "at least 1, or None")


def _wrong(what: str, value: object, allowed: str) -> WrongConfiguration:
    return WrongConfiguration(
        f"Ingestion over HTTP: {what} is {value}, but must be {allowed} (infra/environments.py)."
    )
