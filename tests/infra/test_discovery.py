"""A processor that cannot be deployed as it is declared is one sentence, and nothing is made."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest

from events import registry
from functions.delay_alerts.settings import Settings
from functions.release_health.settings import Settings as ReleaseHealth
from functions.shared.settings import Consumption, ProcessorSettings, StatefulSettings
from infra import discovery
from infra.discovery import FAN_OUT_CONSUMERS, check, processors
from infra.errors import WrongConfiguration

TYPES = registry.types()


def declared(
    reads: str = "flight", emits: str = "delay_alert", consumption: Consumption | None = None
) -> type[ProcessorSettings]:
    """The settings of a processor, as its settings.py declares them."""
    found: dict[str, object] = {"reads": reads, "emits": emits, "description": "x"}
    return type(
        "Settings", (ProcessorSettings,), found | {"consumption": consumption or Consumption()}
    )


def refusal(processors: Mapping[str, type[ProcessorSettings]]) -> str:
    with pytest.raises(WrongConfiguration) as refused:
        check(processors, TYPES)
    return str(refused.value)


def test_a_folder_whose_settings_declare_a_processor_is_one() -> None:
    assert processors(TYPES) == {"delay_alerts": Settings, "release_health": ReleaseHealth}


@pytest.mark.parametrize(
    ("reads", "emits", "sentence"),
    [
        (
            "flights",
            "delay_alert",
            f"reads 'flights', which is no event type; there are: {', '.join(TYPES)}",
        ),
        (
            "flight",
            "",
            f"emits '', which is no event type; there are: {', '.join(TYPES)}",
        ),
        ("flight", "flight", "reads and emits flight: it would feed itself for ever"),
    ],
)
def test_a_flow_from_or_to_nowhere_or_in_a_circle_is_refused(
    reads: str, emits: str, sentence: str
) -> None:
    assert refusal({"x": declared(reads, emits)}) == (
        f"Processor x {sentence} (functions/x/settings.py)."
    )


def test_a_declaration_that_does_not_say_what_it_reads_is_refused() -> None:
    assert refusal({"x": ProcessorSettings}).startswith("Processor x reads None, which is no")


@pytest.mark.parametrize("name", ["flight", "lake"])
def test_a_processor_does_not_take_the_name_of_another_stack(name: str) -> None:
    assert refusal({name: declared()}) == (
        f"Processor {name} has the name of another stack: give its folder another one"
        f" (functions/{name}/settings.py)."
    )


@pytest.mark.parametrize(
    ("consumption", "sentence"),
    [
        (Consumption(batch_size=0), "has 0 batch_size, but must have a whole 1 to 10000"),
        (Consumption(batch_size=10_001), "has 10001 batch_size, but must have a whole 1 to 10000"),
        (
            Consumption(window=timedelta(seconds=301)),
            "has 301.0 seconds of window, but must have a whole 0 to 300",
        ),
        (
            Consumption(window=timedelta(milliseconds=500)),
            "has 0.5 seconds of window, but must have a whole 0 to 300",
        ),
        (Consumption(factor=11), "has 11 factor, but must have a whole 1 to 10"),
        (Consumption(retries=-1), "has -1 retries, but must have a whole 0 to 10000"),
        (
            Consumption(age=timedelta(seconds=59)),
            "has 59.0 seconds of age, but must have a whole 60 to 604800",
        ),
    ],
)
def test_a_value_that_aws_would_refuse_or_that_would_never_give_up_is_refused(
    consumption: Consumption, sentence: str
) -> None:
    assert refusal({"x": declared(consumption=consumption)}) == (
        f"Processor x {sentence} (functions/x/settings.py)."
    )


def test_a_record_is_given_up_while_half_of_its_stream_s_retention_is_left() -> None:
    half = TYPES["flight"].contract.retention / 2
    check({"x": declared(consumption=Consumption(age=half))}, TYPES)
    longer = Consumption(age=half + timedelta(hours=1))
    assert refusal({"x": declared(consumption=longer)}) == (
        "Processor x may try a record for 85 hours, but at most for 84 hours, half of the retention"
        " of flight: what its failure queue points at must still be there"
        " (functions/x/settings.py)."
    )


def test_the_twenty_first_fan_out_consumer_of_a_stream_is_refused_and_named() -> None:
    twenty = {f"p{number:02}": declared() for number in range(FAN_OUT_CONSUMERS)}
    shared = declared(consumption=replace(Consumption(), fan_out=False))
    check({**twenty, "p20": shared}, TYPES)
    check({**twenty, "p20": declared("device_telemetry")}, TYPES)
    assert refusal({**twenty, "p20": declared()}) == (
        "21 processors read flight by enhanced fan-out, but a stream has at most 20 such consumers:"
        " set fan_out=False in the consumption of p20."
    )


def test_a_setting_that_nobody_gives_is_refused() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Open(Settings):
        limit: int

    sentence = (
        "Processor x has a setting without a default, which nobody gives: limit"
        " (functions/x/settings.py)."
    )
    assert refusal({"x": Open}) == sentence

    @dataclass(frozen=True, kw_only=True)
    class OpenToo(StatefulSettings):
        reads: ClassVar[str] = "flight"
        emits: ClassVar[str] = "delay_alert"
        limit: int

    assert refusal({"x": OpenToo}) == sentence


def test_what_only_a_processor_with_state_is_given_no_other_gets() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Wishing(Settings):
        valkey_address: str

    assert "which nobody gives: valkey_address" in refusal({"x": Wishing})


def test_two_declarations_in_one_folder_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "functions" / "twice"
    folder.mkdir(parents=True)
    (folder / "settings.py").write_text(
        "from functions.shared.settings import ProcessorSettings\n"
        "class First(ProcessorSettings): ...\n"
        "class Second(ProcessorSettings): ...\n"
    )
    import functions

    monkeypatch.setattr(functions, "__path__", [*functions.__path__, str(tmp_path / "functions")])
    monkeypatch.setattr(discovery, "FUNCTIONS", tmp_path / "functions")
    with pytest.raises(WrongConfiguration, match="is declared 2 times, but one folder is one"):
        processors(TYPES)
