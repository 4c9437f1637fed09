"""Which flights deserve an alert: pure."""

from datetime import timedelta

from events.delay_alert.event import DelayAlert
from events.flight.event import Flight
from functions.shared.processor import Cause

LONGEST = 14400
"""Minutes that an alert can say; a flight that is later yet is told as this late."""


def alert(flight: Flight, cause: Cause, *, late_minutes: int) -> DelayAlert | None:
    """The alert for a flight that was cancelled, or left more than `late_minutes` late.

    Its id derives from the flight's, and everything in it from the flight and its record, so the
    same flight delivered again makes the same alert.
    """
    delay = delay_of(flight)
    if delay is not None and delay <= late_minutes:
        return None
    return DelayAlert(
        event_id=f"delay-{flight.event_id}",
        flight_id=flight.event_id,
        kind="cancelled" if delay is None else "late",
        carrier=flight.carrier,
        flight_number=flight.flight_number,
        tail_number=flight.tail_number,
        origin=flight.origin,
        destination=flight.destination,
        scheduled_departure=flight.scheduled_departure,
        departure_delay=delay,
        flight_arrived=cause.arrival,
    )


def delay_of(flight: Flight) -> int | None:
    """Minutes from the scheduled departure to the real one, negative when it was early; None when
    there was none. What the flight reports goes first: its delay may be missing, not its departure.
    """
    if flight.departure is None:
        return None
    if flight.departure_delay is not None:
        return flight.departure_delay
    passed = flight.departure - flight.scheduled_departure
    return min(passed // timedelta(minutes=1), LONGEST)
