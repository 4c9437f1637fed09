"""From lines and events to records: bytes untouched, a key for everything."""

from collections.abc import Iterator
from itertools import islice
from typing import ClassVar

import msgspec
import pytest

from cli.entries import LONGEST_KEY, Entries, digest, key_of
from cli.errors import RefusedLine
from cli.producer import Entry
from events import registry
from events.compression import FRAME, decompressed
from events.contract import Contract, Event
from events.flight.event import Flight
from events.flight.source import events
from events.mark import Mark, split

KIND = registry.get("flight")
ENCODE = msgspec.json.encode


@pytest.fixture(scope="module")
def flights() -> list[Event]:
    return list(islice(events(), 3))


def fields(chunks: Iterator[list[Entry]]) -> list[tuple[int, str, bytes]]:
    return [(one.number, one.key, one.data) for chunk in chunks for one in chunk]


def test_a_line_is_sent_as_it_is_with_the_key_of_its_contract(flights: list[Flight]) -> None:
    lines = [b"  " + msgspec.json.encode(one) + b" \r" for one in flights]
    entries = Entries(KIND)
    assert fields(entries.of_lines([lines[:2], lines[2:]], None)) == [
        (number, str(flight.tail_number), line)
        for number, (flight, line) in enumerate(zip(flights, lines, strict=True), 1)
    ]
    assert not entries.invalid


def test_a_line_that_does_not_validate_is_sent_with_a_hash_for_its_key_and_counted() -> None:
    lines = [b"not json", b"", b'{"unknown": 1}', b"not json"]
    entries = Entries(KIND)
    assert fields(entries.of_lines([lines], None)) == [
        (number, digest(line), line) for number, line in enumerate(lines, 1)
    ]
    assert entries.invalid == {"not_json": 2, "empty": 1, "unknown_field": 1}


def test_strict_stops_before_the_first_line_that_does_not_validate(flights: list[Flight]) -> None:
    good = [msgspec.json.encode(one) for one in flights]
    chunks = Entries(KIND, strict=True).of_lines([good[:1], [*good[1:], b"[]"]], None)
    assert [one.number for one in next(chunks)] == [1]
    assert [one.number for one in next(chunks)] == [2, 3]
    with pytest.raises(RefusedLine, match=r"^Line 4 does not validate \(not_object: "):
        next(chunks)


def test_a_limit_cuts_lines_and_events(flights: list[Flight]) -> None:
    lines = [b"1", b"2", b"3"]
    assert len(fields(Entries(KIND).of_lines(iter([lines, lines, lines]), 5))) == 5
    assert len(fields(Entries(KIND).of_events(iter(flights), 2))) == 2
    assert len(fields(Entries(KIND).of_events(iter(flights), None))) == 3


def test_event_times_are_read_only_where_pacing_needs_them(flights: list[Flight]) -> None:
    line = msgspec.json.encode(flights[0])
    (timed,) = next(Entries(KIND, timed=True).of_lines([[line]], None))
    (untimed,) = next(Entries(KIND).of_lines([[line]], None))
    assert timed.when == flights[0].scheduled_departure.timestamp()
    assert untimed.when is None


def test_a_built_in_event_is_what_its_contract_decodes(flights: list[Flight]) -> None:
    (chunk,) = Entries(KIND).of_events(iter(flights), None)
    assert [msgspec.json.decode(one.data, type=Flight) for one in chunk] == flights


def test_a_contract_has_events_and_lines_compressed_after_their_mark(
    flights: list[Flight],
) -> None:
    class Packed(Flight, frozen=True, kw_only=True):
        contract: ClassVar[Contract] = msgspec.structs.replace(KIND.contract, compression="zstd")

    mark = Mark(kind="replayed", lake="lake", run="run")
    plain = fields(Entries(KIND, mark=mark).of_lines([[b"short", *map(ENCODE, flights)]], None))
    of_lines = Entries(Packed, mark=mark).of_lines([[b"short", *map(ENCODE, flights)]], None)
    of_events = Entries(Packed, after=1, mark=mark).of_events(iter(flights), None)
    found = fields(of_lines)
    assert found[1:] == fields(of_events)
    assert [(number, key) for number, key, _ in found] == [
        (number, key) for number, key, _ in plain
    ]
    assert found[0] == plain[0]  # it would not be smaller
    put = [split(data) for _, _, data in found[1:]]
    assert all(data.startswith(FRAME) and found == mark for found, data in put)
    assert [decompressed(data) for _, data in put] == [ENCODE(one) for one in flights]


def test_a_key_that_kinesis_would_refuse_becomes_a_hash_and_stays_the_same(
    flights: list[Flight],
) -> None:
    flight = flights[0]
    for key in ("", "é" * (LONGEST_KEY + 1)):
        odd = msgspec.structs.replace(flight, tail_number=key)
        assert key_of(odd, b"line") == digest(key.encode())
        assert len(key_of(odd, b"line")) == 32
    longest = "é" * LONGEST_KEY
    assert key_of(msgspec.structs.replace(flight, tail_number=longest), b"line") == longest
