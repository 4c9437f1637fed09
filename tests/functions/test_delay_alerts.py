"""Flights in, alerts out: the pure rule, and the whole of a batch through the handler."""

from __future__ import annotations

import contextlib
import io
import json
import math
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.decoding import Decoder
from events.delay_alert.event import DelayAlert
from events.flight.event import Flight
from functions.delay_alerts import handler as wiring
from functions.delay_alerts.alerts import alert
from functions.delay_alerts.settings import Settings
from functions.shared.emitter import ATTEMPTS, CONFIG, Emitter
from functions.shared.processor import Cause
from tests.events.test_aggregation import aggregate

DEPARTURE = datetime(2013, 1, 1, 10, 59, tzinfo=UTC)
ARRIVED = 1_760_000_000.125
ARRIVAL = datetime(2025, 10, 9, 8, 53, 20, 125_000, tzinfo=UTC)
CAUSE = Cause("shardId-000000000000:4959033827149025660855", 0, ARRIVED)
CONTEXT: Any = SimpleNamespace(
    function_name="delay-alerts",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:delay-alerts",
    aws_request_id="6bc28136-xmpl-4365-b021-0ce6b2e64ab0",
)


def flight(number: int, *, delay: int | None = None, tail_number: str | None = "N708JB") -> Flight:
    """A flight that left this many minutes late, or was cancelled."""
    return Flight(
        event_id=f"2013-01-01-B6-{number}-JFK",
        carrier="B6",
        flight_number=number,
        tail_number=tail_number,
        origin="JFK",
        destination="BOS",
        scheduled_departure=DEPARTURE,
        departure=None if delay is None else DEPARTURE + timedelta(minutes=delay),
        departure_delay=delay,
        scheduled_arrival=DEPARTURE + timedelta(minutes=67),
        distance=187,
    )


def late(number: int, delay: int) -> DelayAlert:
    """The alert for a flight that left late."""
    return DelayAlert(
        event_id=f"delay-2013-01-01-B6-{number}-JFK",
        flight_id=f"2013-01-01-B6-{number}-JFK",
        kind="late",
        carrier="B6",
        flight_number=number,
        tail_number="N708JB",
        origin="JFK",
        destination="BOS",
        scheduled_departure=DEPARTURE,
        departure_delay=delay,
        flight_arrived=ARRIVAL,
    )


def cancelled(number: int, tail_number: str | None = "N708JB") -> DelayAlert:
    """The alert for a flight that was cancelled."""
    return msgspec.structs.replace(
        late(number, 1), kind="cancelled", tail_number=tail_number, departure_delay=None
    )


@pytest.mark.parametrize("delay", [-30, 0, 59, 60])
def test_a_flight_that_leaves_within_the_limit_is_no_alert(delay: int) -> None:
    assert alert(flight(1806, delay=delay), CAUSE, late_minutes=60) is None


def test_one_minute_more_is_late() -> None:
    assert alert(flight(1806, delay=61), CAUSE, late_minutes=60) == late(1806, 61)
    assert alert(flight(1806, delay=1), CAUSE, late_minutes=0) == late(1806, 1)


def test_a_cancelled_flight_is_an_alert_whatever_the_limit_even_without_an_aircraft() -> None:
    found = alert(flight(1806, tail_number=None), CAUSE, late_minutes=14400)
    assert found == cancelled(1806, tail_number=None)


def test_a_flight_that_left_is_late_by_its_times_when_it_reports_no_delay() -> None:
    """The contract does not make a delay of a departure."""

    def left(minutes: int) -> Flight:
        return msgspec.structs.replace(flight(1806, delay=minutes), departure_delay=None)

    assert alert(left(60), CAUSE, late_minutes=60) is None
    assert alert(left(-30), CAUSE, late_minutes=0) is None
    assert alert(left(61), CAUSE, late_minutes=60) == late(1806, 61)
    assert alert(left(20_000), CAUSE, late_minutes=60) == late(1806, 14_400)


def test_a_flight_that_never_left_is_cancelled_whatever_delay_it_reports() -> None:
    grounded = msgspec.structs.replace(flight(1806, delay=5), departure=None)
    assert alert(grounded, CAUSE, late_minutes=60) == cancelled(1806)


names = st.text(st.characters(codec="utf-8"), min_size=1)
codes = st.text("ABCXYZ", min_size=3, max_size=3)
arrivals = st.floats(1_400_000_000, 4_000_000_000)


@given(
    st.builds(
        Flight,
        event_id=names.filter(lambda name: len(name) <= 64),
        carrier=st.text("AZ09", min_size=2, max_size=2),
        flight_number=st.integers(1, 9999),
        tail_number=st.none() | names.filter(lambda name: len(name) <= 10),
        origin=codes,
        destination=codes,
        scheduled_departure=st.integers(0, 500_000).map(lambda n: DEPARTURE + timedelta(minutes=n)),
        departure=st.none() | st.datetimes(timezones=st.just(UTC)),
        departure_delay=st.none() | st.integers(-1440, 14400),
        scheduled_arrival=st.just(DEPARTURE),
        distance=st.integers(1, 12500),
    ),
    arrivals,
    st.integers(0, 14400),
)
def test_whatever_is_a_right_flight_makes_a_right_alert_or_none(
    found: Flight, arrived: float, late_minutes: int
) -> None:
    """What its delivery would reject would be a conclusion lost."""
    cause = Cause("shardId-000000000000:1", 0, arrived)
    arrival = cause.arrival
    right = Decoder(Flight).decode(msgspec.json.encode(found), arrival)
    made = alert(right, cause, late_minutes=late_minutes)
    if found.departure is None:
        is_late = True
    elif found.departure_delay is not None:
        is_late = found.departure_delay > late_minutes
    else:
        minutes = (found.departure - found.scheduled_departure).total_seconds() / 60
        is_late = late_minutes < min(math.floor(minutes), 14_400)
    assert (made is not None) is is_late
    if made is not None:
        assert Decoder(DelayAlert).decode(msgspec.json.encode(made), arrival) == made


class Kinesis:
    """PutRecords at the seam: keeps what was put, or is down."""

    def __init__(self, *, down: bool = False) -> None:
        self.down = down
        self.put: list[tuple[str, str, DelayAlert]] = []

    def put_records(self, *, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803  boto3's names
        if self.down:
            raise ConnectionError("secret-4111")
        decode = Decoder(DelayAlert).decode
        self.put += [(StreamName, one["PartitionKey"], decode(one["Data"])) for one in Records]
        return {"Records": [{"SequenceNumber": "1", "ShardId": "s"} for _ in Records]}


@pytest.fixture
def kinesis(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kinesis]:
    settings = Settings(stream_name="alerts", late_minutes=30)
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    # What a person may set to see more must not show a payload.
    monkeypatch.setenv("POWERTOOLS_LOGGER_LOG_EVENT", "true")
    client = Kinesis()

    def to(stream: str) -> Emitter:
        return Emitter(client, stream, sleep=lambda _: None)  # type: ignore[arg-type]

    monkeypatch.setattr(Emitter, "to", to)
    wiring._settings.cache_clear()
    wiring._emitter.cache_clear()
    yield client
    wiring._settings.cache_clear()
    wiring._emitter.cache_clear()


def event(*datas: bytes) -> dict[str, Any]:
    """A Kinesis event as Lambda delivers it, with sequence numbers 1, 2, 3…"""
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "key",
                    "sequenceNumber": str(number),
                    "data": b64encode(data).decode(),
                    "approximateArrivalTimestamp": ARRIVED,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"shardId-000000000000:{number}",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": "arn:aws:iam::123456789012:role/delay-alerts",
                "awsRegion": "us-east-1",
                "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/flight",
            }
            for number, data in enumerate(datas, 1)
        ]
    }


def handled(
    monkeypatch: pytest.MonkeyPatch, *datas: bytes
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What the handler answers, and the lines that it writes."""
    stream = io.StringIO()
    monkeypatch.setattr(wiring.logger.registered_handler, "stream", stream)
    with contextlib.redirect_stdout(stream):
        answer = wiring.handler(event(*datas), CONTEXT)
    return answer, [json.loads(line) for line in stream.getvalue().splitlines()]


def counted(lines: list[dict[str, Any]]) -> dict[str, float]:
    """The one line of metrics: its values, with its dimensions checked."""
    (metrics,) = (line for line in lines if "_aws" in line)
    (directive,) = metrics["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Headrace"
    assert directive["Dimensions"] == [["Environment", "Function"]]
    assert (metrics["Environment"], metrics["Function"]) == ("test", "delay_alerts")
    return {one["Name"]: sum(metrics[one["Name"]]) for one in directive["Metrics"]}


def encoded(found: Flight) -> bytes:
    return msgspec.json.encode(found)


BATCH = (
    encoded(flight(1, delay=31)),
    encoded(flight(2, delay=30)),
    b'{"event_id": "secret-4111"}',
    encoded(flight(3, tail_number=None)),
    aggregate(
        [("a", encoded(flight(4, delay=0))), ("b", b"secret-4111"), ("c", encoded(flight(5)))]
    ),
)
ALERTS = [
    ("alerts", made.flight_id, made)
    for made in (late(1, 31), cancelled(3, tail_number=None), cancelled(5))
]


def test_a_batch_puts_its_alerts_and_accounts_for_every_record(
    kinesis: Kinesis, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, lines = handled(monkeypatch, *BATCH)
    assert answer == {"batchItemFailures": []}
    assert kinesis.put == ALERTS
    assert counted(lines) == {
        "Received": 7,
        "Emitted": 3,
        "Unput": 0,
        "Filtered": 2,
        "Rejected": 2,
        "Acknowledged": 7,
        "Failed": 0,
    }
    named = ("level", "message", "reason", "shard_id", "sequence_number", "subsequence_number")
    assert [tuple(line[name] for name in named) for line in lines if "_aws" not in line] == [
        ("WARNING", "rejected", "missing_field", "shardId-000000000000", "3", 0),
        ("WARNING", "rejected", "not_json", "shardId-000000000000", "5", 1),
    ]
    assert "4111" not in json.dumps(lines)


def test_a_batch_delivered_again_puts_the_same_events_again(
    kinesis: Kinesis, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = handled(monkeypatch, *BATCH)
    second, _ = handled(monkeypatch, *BATCH)
    assert kinesis.put == ALERTS + ALERTS
    assert first == second


def test_while_alerts_cannot_be_put_nothing_from_the_first_on_is_acknowledged(
    kinesis: Kinesis, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinesis.down = True
    answer, lines = handled(monkeypatch, encoded(flight(2, delay=30)), *BATCH)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert counted(lines) == {
        "Received": 8,
        "Emitted": 0,
        "Unput": 3,
        "Filtered": 3,
        "Rejected": 2,
        "Acknowledged": 1,
        "Failed": 1,
    }
    (failed,) = (line for line in lines if line.get("level") == "ERROR")
    assert failed["message"] == "failed: nothing from this record on is acknowledged"
    assert (failed["sequence_number"], failed["error"].split()[0]) == ("2", "ConnectionError")
    assert "4111" not in json.dumps(lines)


def test_a_batch_without_an_alert_needs_no_stream(
    kinesis: Kinesis, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinesis.down = True
    answer, lines = handled(monkeypatch, encoded(flight(2, delay=30)))
    assert answer == {"batchItemFailures": []}
    assert counted(lines)["Filtered"] == 1


def test_an_event_that_is_none_of_kinesis_fails_whole(kinesis: Kinesis) -> None:
    with pytest.raises(msgspec.ValidationError):
        wiring.handler({"Records": [{"eventID": "1", "kinesis": {"data": "!"}}]}, CONTEXT)
    assert kinesis.put == []


def test_the_client_tries_once_and_every_try_of_the_emitter_fits_into_the_function() -> None:
    assert CONFIG.retries == {"total_max_attempts": 1}  # type: ignore[attr-defined]
    seconds = CONFIG.connect_timeout + CONFIG.read_timeout  # type: ignore[attr-defined]
    assert ATTEMPTS * seconds < 60
