"""`headrace tail-file` as a program: killed, stopped, started twice, and on the local AWS."""

from __future__ import annotations

import json
import random
import secrets
import signal
import subprocess
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli.main import app
from events.device_telemetry.source import events
from tests.cli.conftest import Headrace, Place
from tests.cli.tail.kills import Writer, prove, tailing
from tests.cli.tail.stand_in import StandIn, serving
from tests.local.lab import until

NOTHING = "Put 0 device_telemetry events (0.0 MB) from 1 file.\n"
CHANCE = random.Random(1)  # noqa: S311  a test


def test_killed_while_files_are_rotated_every_line_is_put_under_one_id(tmp_path: Path) -> None:
    found = prove(tmp_path, kills=2, seed=secrets.randbits(32))
    assert found.lines > 100


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_it_with_everything_saved(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    writer, stand_in = Writer(tmp_path, CHANCE), StandIn()
    with serving(stand_in) as endpoint:
        writer.lines(50)
        with tailing(endpoint, tmp_path) as process:
            until(lambda: len(stand_in.taken) == 50)
            process.send_signal(number)
            said, complaint = process.communicate(timeout=60)
        assert process.returncode == code, complaint
        assert said.startswith("Put 50 device_telemetry events (0.0 MB) from 1 file.\n")
        writer.lines(5)
        with tailing(endpoint, tmp_path, "--once") as process:
            process.communicate(timeout=60)
    assert sorted(json.loads(data)["counter"] for data in stand_in.taken) == writer.written


def test_what_aws_denies_ends_it_and_the_lines_wait_for_the_next_start(tmp_path: Path) -> None:
    writer, stand_in = Writer(tmp_path, CHANCE), StandIn()
    writer.lines(20)
    with serving(stand_in) as endpoint:
        stand_in.denies = True
        with tailing(endpoint, tmp_path) as process:
            said, complaint = process.communicate(timeout=60)
        assert (process.returncode, said) == (1, NOTHING)
        assert complaint.startswith("headrace: AWS denies PutRecords: You may not.")
        stand_in.denies = False
        with tailing(endpoint, tmp_path, "--once") as process:
            process.communicate(timeout=60)
    assert sorted(json.loads(data)["counter"] for data in stand_in.taken) == writer.written


def test_two_do_not_follow_the_same_files(tmp_path: Path) -> None:
    Writer(tmp_path, CHANCE).lines(1)
    stand_in = StandIn()
    with serving(stand_in) as endpoint, tailing(endpoint, tmp_path):
        until(lambda: stand_in.taken)
        with tailing(endpoint, tmp_path) as second:
            _, complaint = second.communicate(timeout=60)
    assert second.returncode == 1
    assert complaint.startswith("headrace: Another headrace tail-file follows these files")
    assert len(stand_in.taken) == 1


def test_a_state_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with serving(StandIn()) as endpoint, tailing(endpoint, tmp_path) as process:
        _, complaint = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Choose another folder with --state." in complaint


@pytest.mark.usefixtures("empty_stream")
def test_several_files_go_to_their_streams_and_wrong_lines_with_them(
    headrace: Headrace, place: Place, tmp_path: Path
) -> None:
    boxes = [msgspec.json.encode(one) for one in islice(events(), 30)]
    (tmp_path / "a.log").write_bytes(b"\n".join([*boxes[:20], b"", b"wrong", *boxes[20:]]))
    (tmp_path / "b.log").write_bytes(b"no flight\n")

    done = headrace(
        "tail-file",
        *("--flow", f"{tmp_path}/a.*:device_telemetry", "--flow", f"{tmp_path}/b.log:flight"),
        *("--once", "--state", str(tmp_path / "state")),
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "Put 31 device_telemetry events (0.0 MB) from 1 file.",
        "Do not validate, and delivery will reject them: not_json 1.",
        "Put 1 flight event (0.0 MB) from 1 file.",
        "Do not validate, and delivery will reject them: not_json 1.",
    ]
    found = [data for _, data in place.records("flight")]
    assert found == [b"no flight"]
    put = [data for _, data in place.records("device_telemetry")]
    assert {*put} >= {*boxes, b"wrong"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Give files and --type, or --flow, or --config."),
        (["a.log"], "Give files and --type, or --flow, or --config."),
        (["a.log", "--type", "none"], "there is no event type 'none'"),
        (["a.log", "--type", "flight", "--separator", ";"], "go with the format csv"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_asked(
    arguments: list[str], said: str, capsys: Any
) -> None:
    with pytest.raises(SystemExit) as ended:
        app(["tail-file", *arguments], standalone_mode=False)
    assert ended.value.code == 2
    assert said.lower() in capsys.readouterr().err.lower()


def test_nothing_to_do_costs_next_to_no_processor_time(tmp_path: Path) -> None:
    Writer(tmp_path, CHANCE).lines(1)
    stand_in = StandIn()

    def spent(process: subprocess.Popen[str]) -> float:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    with serving(stand_in) as endpoint, tailing(endpoint, tmp_path) as process:
        until(lambda: stand_in.taken)
        before = spent(process)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2)
        assert spent(process) - before <= 0.1
