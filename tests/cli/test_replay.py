"""`headrace replay` on a running local AWS."""

import gzip
import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec
import pytest

from events.flight.source import events
from tests.cli.conftest import ENVIRONMENT, Headrace, Place
from tests.conftest import ROOT

pytestmark = pytest.mark.usefixtures("empty_stream")


@pytest.fixture(scope="module")
def flights() -> list[bytes]:
    return [msgspec.json.encode(one) for one in islice(events(), 1200)]


def test_built_in_events_are_put_with_the_keys_of_their_contract(
    headrace: Headrace, place: Place, flights: list[bytes]
) -> None:
    done = headrace("replay", "flight", "--limit", "1200")

    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(
        r"Put 1,200 flight events \(0\.4 MB in \d\d? records\) in [\d.]+ s: [\d,]+ events/s\.\n",
        done.stdout,
    )
    records = place.records("flight")
    assert sorted(data for _, data in records) == sorted(flights)
    assert all(key == json.loads(data)["tail_number"] for key, data in records)


@pytest.mark.parametrize("zipped", [False, True])
def test_lines_of_a_file_arrive_as_they_are_in_the_order_of_each_key(
    headrace: Headrace, place: Place, flights: list[bytes], tmp_path: Path, zipped: bool
) -> None:
    lines = [*flights, b"not json \xff", b"", b'{"unknown": 1}', b'{"event_id": "x"}\r']
    content = b"\n".join(lines) + b"\n"
    path = tmp_path / "lines"
    path.write_bytes(gzip.compress(content) if zipped else content)

    done = headrace("replay", "flight", "--source", str(path), "--json")

    assert (done.returncode, done.stderr) == (0, "")
    summary = json.loads(done.stdout)
    assert summary.pop("seconds") > 0
    assert summary.pop("events_per_second") > 0
    assert 0 < summary.pop("calls") <= summary.pop("records") < 30
    assert summary == {
        "event_type": "flight",
        "stream": "clitest-flight",
        "read": 1204,
        "put": 1204,
        "not_put": {},
        "first_not_put": None,
        "first_to_repeat": None,
        "unknown": 0,
        "retried": {},
        "invalid": {"empty": 1, "missing_field": 1, "not_utf8": 1, "unknown_field": 1},
        "put_bytes": sum(map(len, lines)),
        "throttled_calls": 0,
        "interrupted": False,
    }
    records = place.records("flight")
    assert sorted(data for _, data in records) == sorted(lines)
    by_key: dict[str, list[bytes]] = {}
    for key, data in records:
        by_key.setdefault(key, []).append(data)
    place_in_file = {line: number for number, line in enumerate(lines)}
    for found in by_key.values():
        assert [place_in_file[data] for data in found] == sorted(place_in_file[d] for d in found)


def test_standard_input_is_a_source_and_wrong_lines_are_counted(
    headrace: Headrace, place: Place
) -> None:
    done = headrace("replay", "flight", "--source", "-", stdin=b"one\ntwo")
    assert done.returncode == 0
    assert done.stdout.splitlines()[1] == (
        "Do not validate, and delivery will reject them: not_json 2."
    )
    assert sorted(data for _, data in place.records("flight")) == [b"one", b"two"]


def test_strict_puts_what_is_before_the_first_wrong_line_and_stops(
    headrace: Headrace, place: Place, flights: list[bytes]
) -> None:
    stdin = b"\n".join([flights[0], flights[1], b"[]", flights[2]])
    done = headrace("replay", "flight", "--source", "-", "--strict", stdin=stdin)
    assert done.returncode == 1
    assert done.stderr.startswith("headrace: Line 3 does not validate (not_object: ")
    assert done.stdout.startswith("Put 2 flight events")
    assert sorted(data for _, data in place.records("flight")) == sorted(flights[:2])


def test_a_record_that_is_too_large_is_reported_and_the_rest_is_put(
    headrace: Headrace, place: Place, flights: list[bytes]
) -> None:
    largest = b"x" * (1024 * 1024 - 32)
    stdin = b"\n".join([flights[0], largest + b"x", largest, flights[1]])
    done = headrace("replay", "flight", "--source", "-", stdin=stdin)
    assert done.returncode == 1
    assert done.stderr == (
        "headrace: Not everything is on the stream: 3 put, 1 read but not put "
        "(RecordTooLarge 1), the first of them number 2 of the source.\n"
    )
    wanted = sorted([flights[0], largest, flights[1]])
    assert sorted(data for _, data in place.records("flight")) == wanted


def test_a_rate_is_kept(headrace: Headrace, flights: list[bytes]) -> None:
    stdin = b"\n".join(flights[:100])
    done = headrace("replay", "flight", "--source", "-", "--rate", "100", "--json", stdin=stdin)
    assert 0.9 <= json.loads(done.stdout)["seconds"] <= 2.5


def test_speed_follows_event_times(headrace: Headrace, flights: list[bytes]) -> None:
    event = json.loads(flights[0])
    lines = []
    for minute in ("00", "30", "59"):
        event["scheduled_departure"] = f"2013-01-01T10:{minute}:00Z"
        lines.append(json.dumps(event).encode())
    arguments = ("replay", "flight", "--source", "-", "--speed", "3600", "--json")
    done = headrace(*arguments, stdin=b"\n".join(lines))
    assert 0.98 <= json.loads(done.stdout)["seconds"] <= 2.5


def test_an_empty_source_puts_nothing(headrace: Headrace) -> None:
    done = headrace("replay", "flight", "--source", "-", stdin=b"")
    assert (done.returncode, done.stdout[:19]) == (0, "Put 0 flight events")


@pytest.mark.parametrize("source", ["pipe", "built in"])
def test_ctrl_c_says_what_was_and_what_was_not_put(
    place: Place, flights: list[bytes], source: str
) -> None:
    more = ["--source", "-"] if source == "pipe" else ["--rate", "500"]
    with subprocess.Popen(
        [sys.executable, "-m", "cli.main", "replay", "flight", "--env", ENVIRONMENT, *more],
        cwd=ROOT,
        env=place.aws.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin
        process.stdin.write(b"\n".join(flights[:10]) + b"\n")
        process.stdin.flush()
        for _ in range(100):
            if place.records("flight"):
                break
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert process.stdout
        assert process.stderr
        out, err = process.stdout.read().decode(), process.stderr.read().decode()
    put = len(place.records("flight"))
    assert out.startswith(f"Put {put:,} flight events")
    if source == "pipe":
        assert put == 10
        assert err == "headrace: Interrupted: 10 put; what follows was not read.\n"
    else:
        assert re.fullmatch(
            rf"headrace: Interrupted: {put:,} put, [\d,]+ read but not put, the first of them "
            r"number [\d,]+ of the source; what follows was not read\.\n",
            err,
        )


def test_a_terminal_gets_a_progress_bar_and_a_pipe_does_not(place: Place) -> None:
    ours, theirs = pty.openpty()
    drawn: list[bytes] = []
    # Read while it draws: a terminal that nobody reads is full after 4 KiB.
    reading = threading.Thread(target=lambda: drawn.extend(read_all(ours)))
    reading.start()
    with subprocess.Popen(
        [sys.executable, "-m", "cli.main", "replay", "flight", "--limit", "500", "--rate", "1000"],
        cwd=ROOT,
        env=place.aws.env | {"HEADRACE_ENV": ENVIRONMENT, "COLUMNS": "80", "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as process:
        assert process.stdout
        out = process.stdout.read().decode()
        assert process.wait(60) == 0
    os.close(theirs)
    reading.join()
    os.close(ours)
    assert out.startswith("Put 500 flight events")
    assert re.search(r"flight .*━.* \d+ put \d+/s", b"".join(drawn).decode())


def read_all(terminal: int) -> Iterator[bytes]:
    """Everything that is drawn on a terminal until its other end is closed."""
    while True:
        try:
            yield os.read(terminal, 1 << 16)
        except OSError:
            return


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (
            ["replay", "nope"],
            2,
            "There is no event type 'nope'; there are: delay_alert, device_telemetry, flight, "
            "release_verdict. `headrace types` lists them.",
        ),
        (
            ["replay", "flight", "--source", "/none"],
            1,
            "Cannot read /none: No such file or directory. Give a file of JSON lines (gzip or "
            "not) with --source, or - for standard input.",
        ),
        (
            ["replay", "flight", "--env", "nowhere"],
            1,
            "There is no stack for event type 'flight' in environment 'nowhere' of this account "
            "and region: deploy it with `cdk deploy --all -c env=nowhere`, or choose another "
            "with --env.",
        ),
        (["replay", "flight", "--rate", "0"], 2, "--rate takes a number above 0 or 'max', not 0."),
        (["replay", "flight", "--rate", "x"], 2, "--rate takes a number above 0 or 'max', not x."),
        (["replay", "flight", "--speed", "-1"], 2, "--speed takes a number above 0, not -1.0."),
    ],
)
def test_what_cannot_be_replayed_is_one_sentence(
    headrace: Headrace, arguments: list[str], code: int, sentence: str
) -> None:
    done = headrace(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", f"headrace: {sentence}\n")


def test_a_stream_that_is_gone_is_one_sentence(headrace: Headrace, place: Place) -> None:
    place.aws.client("kinesis").delete_stream(StreamName="clitest-flight")
    try:
        done = headrace("replay", "flight", "--limit", "1")
        assert done.returncode == 1
        assert re.fullmatch(
            r"headrace: AWS refused DescribeStreamSummary with ResourceNotFoundException: .*\. "
            r"See it all with --debug\.\n",
            done.stderr,
        )
    finally:
        place.aws.client("kinesis").create_stream(StreamName="clitest-flight", ShardCount=2)
