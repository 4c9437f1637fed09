"""What the delay alerts read and emit, and when a departure is late."""

from dataclasses import dataclass
from typing import ClassVar

from functions.shared.settings import ProcessorSettings


@dataclass(frozen=True, kw_only=True)
class Settings(ProcessorSettings):
    """`late_minutes`: a departure more than this many minutes behind its schedule is late."""

    reads: ClassVar[str] = "flight"
    emits: ClassVar[str] = "delay_alert"
    description: ClassVar[str] = "Turns late and cancelled departures into alerts"

    late_minutes: int = 60

    def __post_init__(self) -> None:
        if self.late_minutes < 0:
            raise ValueError(
                f"late_minutes is {self.late_minutes}: nothing is late before its time"
            )
