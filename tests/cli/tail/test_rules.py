"""Lines of logs become records in the contract's terms, or stay what they are."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from cli.errors import WrongUsage
from cli.tail.flows import configured, flow_of, pairs
from cli.tail.following import LONGEST
from cli.tail.rules import Parser, Rules
from events.decoding import Decoder
from events.device_telemetry.event import DeviceTelemetry

REPORT: dict[str, Any] = {
    "event_id": "stb-1-1-0",
    "event_time": "2025-06-01T12:30:00Z",
    "device": "stb-1",
    "boot_id": 1,
    "counter": 0,
    "release": "1.2.3",
    "model": "hr-100",
    "region": "north",
    "heap_bytes": 1000,
    "cpu": 0.5,
    "channel_change_ms": None,
    "uptime_seconds": 60,
    "crashed": False,
}
LINE = json.dumps(REPORT).encode()
CSV = b"stb-1-1-0,2025-06-01T12:30:00Z,stb-1,1,0,1.2.3,hr-100,north,1000,0.5,,60,false"
HEADER = ",".join(REPORT)
MARK = b"\xef\xbb\xbf"
DEEP = LINE.replace(b"{", b'{"deep": ' + b"[" * 100_000 + b"]" * 100_000 + b", ", 1)


def parse(rules: Rules, line: bytes, first: bytes = b"") -> tuple[str, bytes] | None:
    return Parser(DeviceTelemetry, rules).parse(line, "0123456789abcdef-17", lambda: first)


def read(found: tuple[str, bytes] | None) -> dict[str, Any]:
    """The event of a record, as delivery would read it."""
    assert found is not None
    key, data = found
    event = Decoder(DeviceTelemetry).decode(data)
    assert key == event.device
    return dict(json.loads(msgspec.json.encode(event)))


def test_a_json_line_is_put_as_it_is() -> None:
    assert parse(Rules(), LINE + b"\r") == ("stb-1", LINE + b"\r")


def test_a_json_line_without_an_id_gets_the_one_of_its_place() -> None:
    line = json.dumps({key: it for key, it in REPORT.items() if key != "event_id"}).encode()
    assert read(parse(Rules(), line)) == REPORT | {"event_id": "0123456789abcdef-17"}


def test_names_times_and_constants_make_json_the_contract_s() -> None:
    line = {"box": "stb-1", "at": "01/Jun/2025:14:30:00 +0200"} | {
        key: it for key, it in REPORT.items() if key not in ("device", "event_time", "region")
    }
    rules = Rules(
        fields={"device": "box", "event_time": "at"},
        times={"event_time": "%d/%b/%Y:%H:%M:%S %z"},
        constants={"region": "north"},
    )
    assert read(parse(rules, json.dumps(line).encode())) == REPORT


def test_a_constant_of_the_command_line_is_of_the_type_of_its_field() -> None:
    text = {
        "event_time": "2025-06-01T12:30:00Z",
        "boot_id": "1",
        "cpu": "0.5",
        "channel_change_ms": "null",
        "crashed": "false",
    }
    line = json.dumps({key: it for key, it in REPORT.items() if key not in text}).encode()
    assert read(parse(Rules(constants={**text}), line)) == REPORT


@pytest.mark.parametrize(
    ("rules", "first"),
    [
        (Rules(format="csv"), HEADER.encode()),
        (Rules(format="csv", columns=tuple(REPORT)), b""),
    ],
)
def test_csv_has_a_header_or_columns(rules: Rules, first: bytes) -> None:
    assert read(parse(rules, CSV, first)) == REPORT
    assert Parser(DeviceTelemetry, rules).header is bool(first)


@pytest.mark.parametrize(
    ("rules", "line", "first"),
    [
        (Rules(format="csv"), CSV, MARK + HEADER.encode()),
        (Rules(format="csv", columns=tuple(REPORT)), MARK + CSV, b""),
        (Rules(), MARK + LINE, b""),
    ],
    ids=["header", "columns", "json"],
)
def test_a_byte_order_mark_is_no_part_of_what_follows_it(
    rules: Rules, line: bytes, first: bytes
) -> None:
    """Spreadsheets begin a file with one."""
    assert read(parse(rules, line, first)) == REPORT


def test_csv_may_be_quoted_and_separated_otherwise() -> None:
    line = CSV.replace(b",", b";").replace(b"hr-100", b'"h;""r"')
    rules = Rules(format="csv", columns=tuple(REPORT), separator=";")
    assert read(parse(rules, line)) == REPORT | {"model": 'h;"r'}


def test_named_groups_of_a_pattern_are_values() -> None:
    rules = Rules(
        format="pattern",
        pattern=r"(?P<device>\S+) \S+ \[(?P<at>[^]]+)\] (?P<heap_bytes>\d+) (?P<ms>\S+)",
        fields={"event_time": "at", "channel_change_ms": "ms"},
        times={"event_time": "%d/%b/%Y:%H:%M:%S"},
        constants={
            key: it
            for key, it in REPORT.items()
            if key not in ("event_id", "device", "event_time", "heap_bytes", "channel_change_ms")
        },
    )
    made = read(parse(rules, b"stb-1 x [01/Jun/2025:12:30:00] 1000 -"))
    assert made == REPORT | {"event_id": "0123456789abcdef-17"}
    made = read(parse(rules, b"stb-1 x [01/Jun/2025:12:30:00] 1000 7.5"))
    assert made["channel_change_ms"] == 7.5


@pytest.mark.parametrize(
    ("rules", "line", "reason"),
    [
        (Rules(), b"no json \xff", "not_utf8"),
        (Rules(), b"[]", "not_object"),
        (Rules(), b"{}", "missing_field"),
        (Rules(), LINE.replace(b"0.5", b"5"), "out_of_range"),
        (Rules(), LINE.replace(b"2025", b"2024"), "before_first_date"),
        (Rules(), DEEP, "too_deep"),
        (Rules(fields={"device": "box"}), DEEP, "too_deep"),
        (Rules(constants={"region": "north"}), DEEP, "too_deep"),
        (Rules(format="csv", columns=tuple(REPORT)), CSV + b",more", "not_object"),
        (Rules(format="csv", columns=tuple(REPORT)), b'"', "not_object"),
        (Rules(format="csv", columns=tuple(REPORT)), CSV.replace(b"1000", b"x"), "wrong_type"),
        (Rules(format="csv", columns=tuple(REPORT)), b"\xff", "not_object"),
        (Rules(format="pattern", pattern="(?P<device>x)"), b"y", "not_object"),
        (Rules(format="pattern", pattern="(?P<device>x)"), b"x", "wrong_type"),
        (
            Rules(times={"event_time": "%d"}),
            LINE,
            "not_object",
        ),
    ],
)
def test_what_is_no_event_is_put_as_it_is(rules: Rules, line: bytes, reason: str) -> None:
    parser = Parser(DeviceTelemetry, rules)
    found = parser.parse(line, "id", lambda: b"")
    assert found is not None
    assert found[1] == line
    assert parser.invalid == {reason: 1}


def test_a_line_that_would_become_too_large_stays_what_it_is() -> None:
    line = CSV.replace(b"hr-100", b"x" * LONGEST)
    found = parse(Rules(format="csv", columns=tuple(REPORT)), line)
    assert found is not None
    assert found[1] == line


def test_empty_lines_are_passed_over() -> None:
    assert parse(Rules(), b" \r") is None


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (Rules(format="pattern", pattern="("), "no regular expression"),
        (Rules(format="pattern"), "Give a pattern with the format pattern"),
        (Rules(pattern="x"), "Give a pattern with the format pattern"),
        (Rules(fields={"speed": "x"}), "has no field 'speed'; it has: event_id"),
        (Rules(constants={"speed": 1}), "has no field 'speed'"),
        (Rules(constants={"counter": "many"}), "counter cannot be 'many': Expected `int`"),
        (Rules(constants={"cpu": 5}), "cpu cannot be 5: Expected `float` <= 1.0"),
        (Rules(columns=("a",)), "go with the format csv"),
        (Rules(format="csv", separator=""), "one character"),
        (
            Rules(format="pattern", pattern="(?P<at>.*) (?P<ms>.*)", fields={"event_time": "att"}),
            "event_time cannot be read from 'att': the pattern has at, ms",
        ),
        (
            Rules(format="csv", columns=("at", "ms"), fields={"event_time": "att"}),
            "event_time cannot be read from 'att': the columns are at, ms",
        ),
        (
            Rules(times={"event_time": "%Y-%m-%dT%Q"}),
            "event_time cannot be written as '%Y-%m-%dT%Q': 'Q' is a bad directive",
        ),
        (Rules(times={"event_time": "%d/%m/%d"}), "event_time cannot be written as '%d/%m/%d'"),
        (Rules(times={"event_time": "%"}), "event_time cannot be written as '%'"),
    ],
)
def test_rules_that_cannot_be_meant_are_refused(rules: Rules, said: str) -> None:
    with pytest.raises(WrongUsage, match=said):
        Parser(DeviceTelemetry, rules)


def test_a_configuration_holds_several_flows(tmp_path: Any) -> None:
    path = tmp_path / "tail.toml"
    path.write_text(
        '[[flow]]\npaths = ["/a*"]\ntype = "flight"\n'
        '[[flow]]\npaths = ["/b"]\ntype = "device_telemetry"\nformat = "csv"\n'
        'constants = { region = "north", counter = 1 }\n'
    )
    one, two = configured(str(path))
    assert (one.paths, one.type, one.format) == (("/a*",), "flight", "json")
    assert (two.format, two.constants) == ("csv", {"region": "north", "counter": 1})


@pytest.mark.parametrize(
    "text", ["x", "[[flow]]\npaths = []", '[[flow]]\npaths=["a"]\ntype="b"\ncolour="red"']
)
def test_a_wrong_configuration_is_refused(text: str, tmp_path: Any) -> None:
    path = tmp_path / "tail.toml"
    path.write_text(text)
    with pytest.raises(WrongUsage, match="no configuration of flows"):
        configured(str(path))
    with pytest.raises(WrongUsage, match="Cannot read"):
        configured(str(tmp_path / "none"))


def test_flows_and_pairs_of_the_command_line() -> None:
    assert flow_of("/c:/d*.log:flight").paths == ("/c:/d*.log",)
    assert pairs("--field", ["a=b=c"]) == {"a": "b=c"}
    for wrong in ("flight", ":flight", "a:"):
        with pytest.raises(WrongUsage):
            flow_of(wrong)
    with pytest.raises(WrongUsage):
        pairs("--field", ["a"])
