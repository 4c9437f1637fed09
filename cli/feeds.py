"""What a replay reads: the entries of one event type, and how far they are read."""

from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, Self

from cli.entries import Entries
from cli.errors import WrongUsage
from cli.producer import Entry
from cli.source import Source
from events import registry
from events.contract import Event
from events.mark import Mark


def kind_of(event_type: str) -> type[Event]:
    """The contract of a type that a person named; raises WrongUsage."""
    try:
        return registry.get(event_type)
    except registry.UnknownType as error:
        raise WrongUsage(f"{str(error).capitalize()}. `headrace types` lists them.") from None


class Lines(Protocol):
    """Lines of JSON from somewhere."""

    position: int
    size: int | None

    def lines(self) -> Iterator[list[bytes]]:
        """Lists of lines, as soon as they can be read."""
        ...

    def close(self) -> None:
        """Nothing more is read."""
        ...


class Feed:
    """Entries of one event type, from a source or from the type's built-in data.

    As a context manager it closes the source. Raises UnreadableSource, and WrongUsage for a type
    that is unknown or has no built-in data.
    """

    def __init__(
        self,
        event_type: str,
        *,
        source: str | Lines | None,
        limit: int | None = None,
        strict: bool = False,
        timed: bool = False,
        after: int = 0,
        mark: Mark | None = None,
    ) -> None:
        self._entries = Entries(
            kind_of(event_type), strict=strict, timed=timed, after=after, mark=mark
        )
        self._limit = limit
        self._source: Lines | None = Source(source) if isinstance(source, str) else source
        self._events = None if source is not None else _built_in(event_type)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._source is not None:
            self._source.close()

    @property
    def invalid(self) -> dict[str, int]:
        """Lines that do not validate, by reason, as far as it was read."""
        return self._entries.invalid

    def chunks(self) -> Iterator[list[Entry]]:
        """Everything, once."""
        if self._source is not None:
            return self._entries.of_lines(self._source.lines(), self._limit)
        assert self._events is not None  # noqa: S101  one of the two is set
        return self._entries.of_events(self._events(), self._limit)

    def position(self, put: int) -> tuple[float, float | None]:
        """How much is done, of how much: by number with a limit, by bytes of a file."""
        if self._limit is not None:
            return put, self._limit
        if self._source is not None and self._source.size is not None:
            return self._source.position, self._source.size
        return put, None


def _built_in(event_type: str) -> Callable[[], Iterator[Event]]:
    name = f"events.{event_type}.source"
    if find_spec(name) is None:
        raise WrongUsage(
            f"Event type {event_type!r} has no data of its own: give a file of JSON lines with "
            f"--source FILE, or write events() in events/{event_type}/source.py."
        )
    events: Callable[[], Iterator[Event]] = import_module(name).events
    return events


def rejected_samples(event_type: str) -> list[bytes]:
    """The type's samples of wrong records, as bytes, in the order of their paths."""
    folder = Path(registry.HOME, event_type, "samples", "rejected")
    return [path.read_bytes() for path in sorted(folder.glob("*/*")) if path.is_file()]
