"""A folder is an event type, and asking for one loads one."""

import subprocess
import sys

import pytest

from events import registry
from events.device_telemetry.event import DeviceTelemetry
from events.flight.event import Flight


def test_every_folder_with_an_event_is_a_type_by_its_name() -> None:
    assert registry.types()["flight"] is Flight
    assert registry.types()["device_telemetry"] is DeviceTelemetry
    assert registry.names() == list(registry.types())
    assert registry.get("flight") is Flight


@pytest.mark.parametrize("name", ["flights", "", "..", "flight.event", "flight/../flight"])
def test_an_unknown_name_is_answered_with_the_known_ones(name: str) -> None:
    with pytest.raises(registry.UnknownType) as error:
        registry.get(name)
    assert str(error.value) == (
        f"there is no event type {name!r}; there are: {', '.join(registry.names())}"
    )


def test_asking_for_one_type_imports_neither_another_nor_what_only_tools_need() -> None:
    script = (
        "import sys; from events import registry; from events.decoding import Decoder;"
        "Decoder(registry.get('device_telemetry')); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    loaded = set(done.stdout.split())
    assert "events.device_telemetry.event" in loaded
    assert loaded.isdisjoint(
        {"events.flight.event", "events.columns", "events.rules", "pyarrow", "zoneinfo"}
    )
