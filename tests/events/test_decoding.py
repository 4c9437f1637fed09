"""Bytes become an event in UTC or one verdict, whatever they are."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events import registry
from events.contract import Event
from events.decoding import (
    Decoder,
    Reason,
    Rejected,
    event_date,
    event_id,
    event_time,
    partition_key,
)
from events.device_telemetry.event import DeviceTelemetry
from events.flight.event import Flight
from tests.events.kinds import Everything, Reading
from tests.events.samples import ARRIVAL, samples

VALID = [sample.data for sample in samples("valid")]
DEVICE = next(one.data for one in samples("valid") if one.kind is DeviceTelemetry)
DECODERS: list[Decoder[Event]] = [Decoder(kind) for kind in registry.types().values()]

FLIGHT = {
    "event_id": "2013-01-01-UA-1545-EWR",
    "carrier": "UA",
    "flight_number": 1545,
    "origin": "EWR",
    "destination": "IAH",
    "scheduled_departure": "2013-01-01T10:15:00Z",
    "scheduled_arrival": "2013-01-01T14:19:00Z",
    "distance": 1400,
}


def _verdict(kind: type[Event], data: bytes, arrival: datetime | None = ARRIVAL) -> tuple[str, str]:
    with pytest.raises(Rejected) as verdict:
        Decoder(kind).decode(data, arrival)
    return verdict.value.reason, verdict.value.detail


def _flight(**changes: Any) -> bytes:
    return json.dumps(FLIGHT | changes).encode()


def test_an_event_holds_what_was_sent_and_knows_its_key_id_time_and_date() -> None:
    event = Decoder(Flight).decode(_flight(tail_number="N14228"))
    assert event == Flight(
        event_id="2013-01-01-UA-1545-EWR",
        carrier="UA",
        flight_number=1545,
        tail_number="N14228",
        origin="EWR",
        destination="IAH",
        scheduled_departure=datetime(2013, 1, 1, 10, 15, tzinfo=UTC),
        scheduled_arrival=datetime(2013, 1, 1, 14, 19, tzinfo=UTC),
        distance=1400,
    )
    assert (partition_key(event), event_id(event), event_time(event), event_date(event)) == (
        "N14228",
        "2013-01-01-UA-1545-EWR",
        datetime(2013, 1, 1, 10, 15, tzinfo=UTC),
        "2013-01-01",
    )


def test_the_partition_key_is_the_first_of_its_fields_that_is_not_null() -> None:
    assert partition_key(Decoder(Flight).decode(_flight())) == "2013-01-01-UA-1545-EWR"


def test_an_offset_is_accepted_and_every_instant_is_utc_on_the_day_of_utc() -> None:
    event = Decoder(Flight).decode(
        _flight(
            scheduled_departure="2013-01-01T23:15:00-05:00",
            departure="2013-01-02T09:45:00.5+05:30",
            scheduled_arrival="2013-01-02t07:00:00-00:00",
        )
    )
    assert msgspec.to_builtins(event) == FLIGHT | {
        "tail_number": None,
        "scheduled_departure": "2013-01-02T04:15:00Z",
        "departure": "2013-01-02T04:15:00.500000Z",
        "departure_delay": None,
        "scheduled_arrival": "2013-01-02T07:00:00Z",
        "arrival": None,
        "arrival_delay": None,
        "air_time": None,
    }
    assert event_date(event) == "2013-01-02"


def test_instants_within_structs_lists_and_maps_are_utc_too() -> None:
    reading = {"sensor": "s", "celsius": 1.5, "taken": "2024-01-01T01:00:00+01:00"}
    data = json.dumps(
        {"id": "1", "time": "2024-01-01T00:00:00Z", "readings": {"a": [reading, reading]}}
    )
    event = Decoder(Everything).decode(data.encode())
    expected = Reading("s", 1.5, datetime(2024, 1, 1, tzinfo=UTC))
    assert event.readings == {"a": [expected, expected]}
    assert b"+01:00" not in msgspec.json.encode(event)


def test_an_event_made_with_another_zone_still_tells_its_time_and_date_in_utc() -> None:
    time = datetime.fromisoformat("2025-06-01T01:00:00+02:00")
    event = msgspec.structs.replace(Decoder(DeviceTelemetry).decode(DEVICE), event_time=time)
    assert event_time(event) == datetime(2025, 5, 31, 23, tzinfo=UTC)
    assert event_time(event).tzinfo is UTC
    assert event_date(event) == "2025-05-31"


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        ("2012-12-31T23:59:59.999999Z", Reason.BEFORE_FIRST_DATE),
        ("2013-01-01T00:00:00Z", None),
        ("2012-12-31T19:00:00-05:00", None),
        ("2026-01-02T00:00:00Z", None),
        ("2026-01-02T00:00:00.000001Z", Reason.IN_THE_FUTURE),
        ("2026-01-01T22:00:00-05:00", Reason.IN_THE_FUTURE),
    ],
)
def test_an_event_is_dated_from_the_first_date_to_a_day_after_its_arrival(
    time: str, reason: Reason | None
) -> None:
    data = _flight(scheduled_departure=time)
    if reason is None:
        assert event_time(Decoder(Flight).decode(data, ARRIVAL)) == datetime.fromisoformat(time)
    else:
        assert _verdict(Flight, data)[0] == reason


def test_without_an_arrival_the_future_is_not_judged_but_the_past_is() -> None:
    decoder = Decoder(Flight)
    future = decoder.decode(_flight(scheduled_departure="9999-12-31T23:59:59Z"))
    assert event_date(future) == "9999-12-31"
    assert _verdict(Flight, _flight(scheduled_departure="0001-01-01T00:00:00Z"), None) == (
        Reason.BEFORE_FIRST_DATE,
        "Expected an event time from 2013-01-01 on, where the table begins",
    )


def test_every_date_that_is_accepted_is_a_partition_that_the_table_shows() -> None:
    # The projection's range is first_date to tomorrow; `now` is never before the arrival.
    latest = ARRIVAL + timedelta(days=1)
    event = Decoder(Flight).decode(_flight(scheduled_departure=latest.isoformat()), ARRIVAL)
    assert date.fromisoformat(event_date(event)) <= ARRIVAL.date() + timedelta(days=1)


@pytest.mark.parametrize(
    ("kind", "changes", "expected"),
    [
        (
            Flight,
            {"tailnumber": 1},
            ("unknown_field", "Object contains unknown field `tailnumber`"),
        ),
        (Flight, {"4111 1111": 1}, ("unknown_field", "Object has an unknown field")),
        (Flight, {"a` - at `$.b": 1}, ("unknown_field", "Object has an unknown field")),
        (
            Flight,
            {"distance": "far"},
            ("wrong_type", "Expected `int`, got `str` - at `$.distance`"),
        ),
        (
            Everything,
            {"colour": "blue - at `$.pay`"},
            ("out_of_range", "Expected one of the declared values - at `$.colour`"),
        ),
        (
            Everything,
            {"level": 4},
            ("out_of_range", "Expected one of the declared values - at `$.level`"),
        ),
        (
            Everything,
            {"limits": {"private": 256}},
            ("out_of_range", "Expected `int` <= 255 - at `$.limits[...]`"),
        ),
        (
            Everything,
            {"readings": {"private": [{"sensor": "s"}]}},
            (
                "missing_field",
                "Object missing required field `celsius` - at `$.readings[...][0]`",
            ),
        ),
        (
            Everything,
            {
                "readings": {
                    "a": [{"sensor": "s", "celsius": 1, "taken": "0001-01-01T00:00:00+01:00"}]
                }
            },
            ("out_of_range", "Expected years from 1 to 9999 in UTC - at `$.readings`"),
        ),
        (Everything, {"uuid": "private"}, ("wrong_type", "Invalid UUID - at `$.uuid`")),
        (
            Everything,
            {"day": "2024-02-30"},
            ("wrong_type", "Invalid RFC3339 encoded date - at `$.day`"),
        ),
    ],
)
def test_the_detail_says_where_and_what_was_expected_and_nothing_of_the_payload(
    kind: type[Event], changes: dict[str, Any], expected: tuple[str, str]
) -> None:
    base = FLIGHT if kind is Flight else {"id": "1", "time": "2024-01-01T00:00:00Z"}
    assert _verdict(kind, json.dumps(base | changes).encode()) == expected


def test_nesting_without_end_is_rejected_not_a_crash() -> None:
    # As a file it would be one more megabyte to clone.
    deep = b"[" * 500_000 + b"]" * 500_000
    data = DEVICE.rstrip()[:-1] + b', "extra": ' + deep + b"}"
    assert _verdict(DeviceTelemetry, data) == (
        Reason.TOO_DEEP,
        "Arrays or objects are nested too deep",
    )


def test_a_record_of_one_mebibyte_is_decoded() -> None:
    padding = b'"' + b"x" * (2**20 - len(DEVICE) - 20) + b'"'
    data = DEVICE.rstrip()[:-1] + b', "extra": ' + padding + b"}"
    assert 2**20 - 64 < len(data) <= 2**20
    assert Decoder(DeviceTelemetry).decode(data) == Decoder(DeviceTelemetry).decode(DEVICE)


def test_a_reason_reads_as_its_word() -> None:
    assert str(Rejected(Reason.EMPTY, "nothing")) == "empty: nothing"
    assert f"{Reason.NOT_JSON}" == "not_json"


def _decoded_or_rejected(data: bytes) -> None:
    for decoder in DECODERS:
        try:
            event = decoder.decode(data, ARRIVAL)
        except Rejected as verdict:
            assert verdict.detail
            continue
        assert decoder.decode(msgspec.json.encode(event), ARRIVAL) == event


@given(st.binary())
def test_any_bytes_are_decoded_or_rejected(data: bytes) -> None:
    _decoded_or_rejected(data)


@settings(max_examples=300)
@given(st.sampled_from(VALID), st.integers(0, 600), st.integers(0, 8), st.binary(max_size=8))
def test_any_damage_to_a_right_record_is_decoded_or_rejected(
    data: bytes, at: int, cut: int, put: bytes
) -> None:
    _decoded_or_rejected(data[:at] + put + data[at + cut :])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes().map(str),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@settings(max_examples=300)
@given(st.sampled_from(VALID), st.data())
def test_any_value_in_any_field_is_decoded_or_rejected(data: bytes, choose: st.DataObject) -> None:
    value = msgspec.json.decode(data)
    name = choose.draw(st.sampled_from(sorted(value)))
    value[name] = choose.draw(JSON)
    _decoded_or_rejected(
        json.dumps(value, ensure_ascii=choose.draw(st.booleans())).encode("utf-8", "surrogatepass")
    )
