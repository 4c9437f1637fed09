"""The event types, by name: a folder of `events/` that holds an `event.py` is one.

The name is the folder's, and the word for the type everywhere: stream, table, command line.
Asking for one type imports that type alone: a function starts with no more than it needs.
"""

from importlib import import_module
from pathlib import Path

from events.contract import Event

HOME = Path(__file__).parent


class UnknownType(LookupError):
    """No folder of `events/` has this name; the message lists those that are."""


def names() -> list[str]:
    """The names of all event types, sorted."""
    return sorted(found.parent.name for found in HOME.glob("*/event.py"))


def types() -> dict[str, type[Event]]:
    """Every event type by name."""
    return {name: _load(name) for name in names()}


def get(name: str) -> type[Event]:
    """The event type of this name; raises UnknownType."""
    if name not in names():
        raise UnknownType(f"there is no event type {name!r}; there are: {', '.join(names())}")
    return _load(name)


def _load(name: str) -> type[Event]:
    module = import_module(f"events.{name}.event")
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Event)
        and value.__module__ == module.__name__
    ]
    kinds = [kind for kind in found if hasattr(kind, "contract")]
    if len(kinds) != 1:
        raise TypeError(
            f"events/{name}/event.py must hold one class with a contract, not {len(kinds)}"
        )
    return kinds[0]
