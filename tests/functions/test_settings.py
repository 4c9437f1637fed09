"""What infra writes into a processor's environment is what the processor reads from it."""

from dataclasses import dataclass

import pytest

from functions.delay_alerts.settings import Settings
from functions.shared.settings import ProcessorSettings


@dataclass(frozen=True, kw_only=True)
class Three(ProcessorSettings):
    """One field of every type that a variable can carry, and one without a default."""

    word: str
    number: int = 1
    share: float = 0.5


def test_the_environment_spells_every_field_and_is_read_back_whole() -> None:
    settings = Three(stream_name="alerts", log_level="DEBUG", word="x", number=-7, share=0.25)
    assert settings.environment() == {
        "STREAM_NAME": "alerts",
        "POWERTOOLS_LOG_LEVEL": "DEBUG",
        "WORD": "x",
        "NUMBER": "-7",
        "SHARE": "0.25",
    }
    assert Three.read(settings.environment()) == settings


def test_what_is_missing_has_its_default_or_is_named() -> None:
    assert Three.read({"STREAM_NAME": "alerts", "WORD": "x"}) == Three(
        stream_name="alerts", word="x"
    )
    with pytest.raises(KeyError, match="WORD"):
        Three.read({"STREAM_NAME": "alerts"})
    with pytest.raises(KeyError, match="STREAM_NAME"):
        Three.read({"WORD": "x"})


def test_a_variable_that_is_no_number_is_an_error_and_not_the_default() -> None:
    with pytest.raises(ValueError, match="many"):
        Three.read({"STREAM_NAME": "alerts", "WORD": "x", "NUMBER": "many"})


def test_the_delay_alerts_say_what_is_late_in_whole_minutes() -> None:
    settings = Settings(stream_name="alerts", late_minutes=15)
    assert settings.environment() == {
        "STREAM_NAME": "alerts",
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "LATE_MINUTES": "15",
    }
    assert Settings.read(settings.environment()) == settings
    with pytest.raises(ValueError, match="late_minutes is -1"):
        Settings.read({"STREAM_NAME": "alerts", "LATE_MINUTES": "-1"})
