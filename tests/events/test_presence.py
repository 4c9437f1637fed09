"""Which values every event has."""

from events.presence import required
from tests.events.kinds import CloudEvent, Everything


def test_what_is_always_there_is_what_a_producer_must_send_and_may_not_be_null() -> None:
    assert required(CloudEvent) == [
        "data",
        "data.celsius",
        "data.sensor",
        "id",
        "source",
        "specversion",
        "time",
        "type",
    ]


def test_what_is_inside_of_an_optional_field_is_there_when_the_field_is() -> None:
    assert required(Everything) == [
        "id",
        "readings{}[].celsius",
        "readings{}[].sensor",
        "time",
    ]
