"""Which mode of the stream is cheaper, and where that changes."""

from collections.abc import Callable

import msgspec

from cli.plan import bill
from cli.plan.load import Load, wire
from cli.plan.pipeline import MODES, Mode, stream
from cli.prices import Prices

STEPS = 60
PEAKS = 10_000.0
RATES = 1e9


class Modes(msgspec.Struct, frozen=True, kw_only=True):
    """USD of the stream alone in a month, with what its consumers read, by mode.

    `peak`: from this ratio of peak to mean on, shards that carry the peak all day cost more than
    on-demand; null when there is none below 10,000. Where records are aggregated both change
    with it: over more shards each record holds fewer events. `advantage_rate`: from this many
    events/s of the account on, On-demand Advantage costs less than the standard; null when it never
    does.
    """

    usd: dict[Mode, float]
    cheapest: Mode
    peak: float | None
    advantage_rate: float | None


def modes(load: Load, prices: Prices) -> Modes:
    """The modes for one load."""
    usd = {mode: _usd(load, prices, mode) for mode in MODES}

    def by_peak(peak: float) -> float:
        spiky = msgspec.structs.replace(load, peak=peak)
        return _usd(spiky, prices, "provisioned") - _usd(spiky, prices, "on-demand")

    def by_rate(rate: float) -> float:
        busy = msgspec.structs.replace(load, rate=rate, http=load.http * rate / load.rate)
        return _usd(busy, prices, "on-demand") - _usd(busy, prices, "advantage")

    return Modes(
        usd=usd,
        cheapest=min(MODES, key=lambda mode: usd[mode]),
        peak=_turn(by_peak, 1.0, PEAKS),
        advantage_rate=_turn(by_rate, 0.001, RATES),
    )


def _usd(load: Load, prices: Prices, mode: Mode) -> float:
    return bill.total(stream(load, wire(load), prices, mode))


def _turn(difference: Callable[[float], float], low: float, high: float) -> float | None:
    """Where a difference that grows becomes positive, None when not below `high`."""
    if difference(high) <= 0:
        return None
    if difference(low) > 0:
        return low
    for _ in range(STEPS):
        middle = (low * high) ** 0.5
        low, high = (low, middle) if difference(middle) > 0 else (middle, high)
    return high
