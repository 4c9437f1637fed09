"""Which processors: a folder of functions/ whose settings.py declares one (ProcessorSettings).

What a processor declares is checked before anything is made of it: a value that AWS would refuse,
or that would lose data quietly, is one sentence here.
"""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import timedelta
from importlib import import_module
from pathlib import Path

from events.contract import Event
from functions.shared.settings import Consumption, ProcessorSettings, StatefulSettings
from infra.errors import WrongConfiguration

FUNCTIONS = Path(__file__).resolve().parent.parent / "functions"
FAN_OUT_CONSUMERS = 20
"""That a stream can have: https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html"""

# https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html; -1, which there
# means for ever, is no choice here: a record that always fails would stop its shard.
BATCH_SIZE = range(1, 10_000 + 1)
WINDOW_SECONDS = range(300 + 1)
FACTOR = range(1, 10 + 1)
RETRIES = range(10_000 + 1)
AGE_SECONDS = range(60, 604_800 + 1)

Processors = Mapping[str, type[ProcessorSettings]]
Types = Mapping[str, type[Event]]


def processors(types: Types) -> Processors:
    """Every processor's settings by its name, which is its folder's. Raises WrongConfiguration."""
    names = sorted(path.parent.name for path in FUNCTIONS.glob("*/settings.py"))
    found = {name: _declared(name) for name in names if name != "shared"}
    declared = {name: settings for name, settings in found.items() if settings}
    check(declared, types)
    return declared


def _declared(name: str) -> type[ProcessorSettings] | None:
    module = import_module(f"functions.{name}.settings")
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, ProcessorSettings)
        and value.__module__ == module.__name__
    ]
    if len(found) > 1:
        raise _wrong(name, f"is declared {len(found)} times, but one folder is one processor")
    return found[0] if found else None


def check(processors: Processors, types: Types) -> None:
    """Raises WrongConfiguration for the first declaration that cannot be deployed."""
    for name, settings in processors.items():
        if name in types or name == "lake":
            raise _wrong(name, "has the name of another stack: give its folder another one")
        _check_flow(name, settings, types)
        _check_consumption(name, settings.consumption, settings.reads, types)
    for read in types:
        readers = [
            name
            for name, settings in processors.items()
            if settings.reads == read and settings.consumption.fan_out
        ]
        if len(readers) > FAN_OUT_CONSUMERS:
            raise WrongConfiguration(
                f"{len(readers)} processors read {read} by enhanced fan-out, but a stream has at"
                f" most {FAN_OUT_CONSUMERS} such consumers: set fan_out=False in the consumption"
                f" of {' or '.join(readers[FAN_OUT_CONSUMERS:])}."
            )


def _check_flow(name: str, settings: type[ProcessorSettings], types: Types) -> None:
    for does in ("reads", "emits"):
        event_type = getattr(settings, does, None)
        if event_type not in types:
            known = ", ".join(types)
            raise _wrong(name, f"{does} {event_type!r}, which is no event type; there are: {known}")
    if settings.reads == settings.emits:
        raise _wrong(name, f"reads and emits {settings.reads}: it would feed itself for ever")
    base = StatefulSettings if issubclass(settings, StatefulSettings) else ProcessorSettings
    given = {field.name for field in fields(base)}
    for field in fields(settings):
        if field.name not in given and field.default is MISSING:
            raise _wrong(name, f"has a setting without a default, which nobody gives: {field.name}")


def _check_consumption(name: str, consumption: Consumption, reads: str, types: Types) -> None:
    for what, value, allowed in (
        ("batch_size", consumption.batch_size, BATCH_SIZE),
        ("seconds of window", consumption.window.total_seconds(), WINDOW_SECONDS),
        ("factor", consumption.factor, FACTOR),
        ("retries", consumption.retries, RETRIES),
        ("seconds of age", consumption.age.total_seconds(), AGE_SECONDS),
    ):
        if value not in allowed:
            least, most = allowed.start, allowed.stop - 1
            raise _wrong(name, f"has {value} {what}, but must have a whole {least} to {most}")
    half = types[reads].contract.retention / 2
    if consumption.age > half:
        raise _wrong(
            name,
            f"may try a record for {_hours(consumption.age)}, but at most for {_hours(half)}, half"
            f" of the retention of {reads}: what its failure queue points at must still be there",
        )


def _hours(duration: timedelta) -> str:
    return f"{duration / timedelta(hours=1):g} hours"


def _wrong(name: str, what: str) -> WrongConfiguration:
    return WrongConfiguration(f"Processor {name} {what} (functions/{name}/settings.py).")
