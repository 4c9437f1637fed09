"""From lines or events to the records that are put: bytes, partition key, event time.

A line is sent as it is, also when it does not validate: delivery rejects it, with the reason and
its payload. It only needs a partition key of its own then, a hash of the line.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import islice

import msgspec

from cli.errors import RefusedLine
from cli.producer import Entry
from events.compression import compressed
from events.contract import Event
from events.decoding import Decoder, Rejected, event_time, partition_key
from events.mark import Mark, marked

LONGEST_KEY = 256
"""Characters of a partition key; PutRecords refuses the whole call for a longer or empty one."""
CHUNK = 500


class Entries:
    """Makes entries of one event type; `invalid` counts what does not validate, by reason."""

    def __init__(
        self,
        kind: type[Event],
        *,
        strict: bool = False,
        timed: bool = False,
        after: int = 0,
        mark: Mark | None = None,
    ) -> None:
        """`strict` refuses the first line that does not validate; `timed` reads event times;
        `after` is the number of the line before the first; `mark` is put before each line."""
        self.invalid: Counter[str] = Counter()
        self._decode = Decoder(kind).decode
        self._strict = strict
        self._timed = timed
        self._number = after
        self._after = after
        self._mark = b"" if mark is None else marked(mark, b"")
        self._compress = kind.contract.compression is not None

    def of_lines(self, chunks: Iterable[list[bytes]], limit: int | None) -> Iterator[list[Entry]]:
        """Raises RefusedLine when strict, after everything before that line is yielded."""
        last = None if limit is None else self._after + limit
        for lines in chunks:
            if last is not None:
                lines = lines[: last - self._number]
            entries: list[Entry] = []
            arrival = datetime.now(UTC)
            for line in lines:
                self._number += 1
                try:
                    event = self._decode(line, arrival)
                except Rejected as rejected:
                    if self._strict:
                        yield entries
                        raise self._refused(rejected) from None
                    self.invalid[str(rejected.reason)] += 1
                    entries.append(Entry(self._number, digest(line), self._put(line)))
                else:
                    entries.append(self._entry(event, line))
            yield entries
            if self._number == last:
                return

    def of_events(self, events: Iterable[Event], limit: int | None) -> Iterator[list[Entry]]:
        """Built-in events are encoded here; they are valid by construction."""
        encode = msgspec.json.Encoder().encode
        rest = islice(events, limit)
        while chunk := list(islice(rest, CHUNK)):
            entries = []
            for event in chunk:
                self._number += 1
                entries.append(self._entry(event, encode(event)))
            yield entries

    def _entry(self, event: Event, data: bytes) -> Entry:
        when = event_time(event).timestamp() if self._timed else None
        return Entry(self._number, key_of(event, data), self._put(data), when)

    def _put(self, data: bytes) -> bytes:
        """What a record's data is for an event's."""
        return self._mark + (compressed(data) if self._compress else data)

    def _refused(self, rejected: Rejected) -> RefusedLine:
        return RefusedLine(
            f"Line {self._number} does not validate ({rejected}): correct it, or leave --strict "
            "out and delivery will reject it with its reason."
        )


def key_of(event: Event, data: bytes) -> str:
    """The contract's partition key, or a hash where Kinesis would not accept it."""
    try:
        key = partition_key(event)
    except ValueError:  # every field of the key is null
        return digest(data)
    return key if 0 < len(key) <= LONGEST_KEY else digest(key.encode())


def digest(data: bytes) -> str:
    """A partition key for bytes that have none: the same bytes always get the same one."""
    return blake2b(data, digest_size=16).hexdigest()
