"""Which flights deserve an alert: pure."""

from events.delay_alert.event import DelayAlert
from events.flight.event import Flight
from functions.shared.processor import Cause


def alert(flight: Flight, cause: Cause, *, late_minutes: int) -> DelayAlert | None:
    """The alert for a flight that was cancelled, or left more than `late_minutes` late.

    Its id derives from the flight's, and everything in it from the flight and its record, so the
    same flight delivered again makes the same alert.
    """
    delay = flight.departure_delay
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
