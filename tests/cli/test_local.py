"""`headrace local`, alone and around a command."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli import companion
from cli.commands import local
from cli.errors import Failure
from cli.main import app
from tests.cli.conftest import heed_ctrl_c, run
from tests.conftest import ROOT

HEADRACE = [sys.executable, "-m", "cli.main"]


def alive(endpoint: str) -> bool:
    try:
        with urllib.request.urlopen(f"{endpoint}/_headrace/health", timeout=5):  # noqa: S310
            return True
    except OSError:
        return False


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_command_runs_with_the_local_aws_and_its_exit_code_is_returned(tmp_path: Path) -> None:
    script = tmp_path / "command.py"
    script.write_text(
        "import boto3, os, sys\n"
        "print(os.environ['AWS_ENDPOINT_URL'])\n"
        "print(boto3.client('sts').get_caller_identity()['Account'])\n"
        "print(sorted(n for n in os.environ if n in ('AWS_PROFILE', 'AWS_SESSION_TOKEN')))\n"
        "sys.exit(7)\n"
    )
    env = dict(os.environ) | {"AWS_PROFILE": "real", "AWS_SESSION_TOKEN": "real"}
    done = run("local", "--port", "0", "--", sys.executable, str(script), env=env)
    endpoint, *rest = done.stdout.splitlines()
    assert (done.returncode, rest) == (7, ["123456789012", "[]"])
    assert not alive(endpoint)


def test_a_command_that_does_not_exist_is_told_before_anything_starts() -> None:
    started = time.monotonic()
    done = run("local", "--", "no-such-command")
    assert (done.returncode, done.stdout) == (127, "")
    assert done.stderr == "headrace: There is no command 'no-such-command'.\n"
    assert time.monotonic() - started < 5


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A local AWS that is ready at once, and writes a file when it is told to stop."""
    stopped, script = tmp_path / "stopped", tmp_path / "local.py"
    script.write_text(
        "import pathlib, signal, sys\n"
        "assert sys.argv[-1] == '--with-parent', sys.argv\n"
        f"def stop(*_): pathlib.Path({str(stopped)!r}).touch(); sys.exit()\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "print('a line of a log', file=sys.stderr, flush=True)\n"
        "print('headrace local AWS ready on http://127.0.0.1:1', flush=True)\n"
        "sys.stdin.read()\n"
    )
    line = [sys.executable, str(script)]
    monkeypatch.setattr(companion, "command", lambda options: [*line, *options])
    return stopped


def test_a_command_named_like_a_subcommand_is_still_a_command(
    stand_in: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        app(["local", "--port", "1", "--", "env"])
    assert ended.value.code == 0
    out, err = capfd.readouterr()
    assert "AWS_ENDPOINT_URL_S3=http://127.0.0.1:1" in out.splitlines()
    assert err == "a line of a log\n"
    assert stand_in.exists()


def test_a_command_that_cannot_be_run_stops_the_local_aws(
    stand_in: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF no program")
    broken.chmod(0o755)
    assert local.run([str(broken)], ["--port", "1"]) == 126
    sentence = f"headrace: {str(broken)!r} cannot be run: Exec format error.\n"
    assert sentence in capsys.readouterr().err
    assert stand_in.exists()


def test_a_command_killed_by_a_signal_has_a_shells_exit_code(stand_in: Path) -> None:
    line = ["sh", "-c", "kill -TERM $$"]
    assert local.run(line, ["--port", "1"]) == 128 + signal.SIGTERM
    assert stand_in.exists()


def test_a_request_to_end_is_passed_on_to_the_command(stand_in: Path) -> None:
    line = ["sh", "-c", "trap 'exit 9' TERM; kill -TERM $PPID; sleep 10 & wait"]
    assert local.run(line, ["--port", "1"]) == 9
    assert stand_in.exists()


def test_a_local_aws_that_is_not_ready_in_time_is_stopped(
    stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(companion, "READY", re.compile("never"))
    monkeypatch.setattr(companion, "START", 0.5)
    with pytest.raises(Failure, match=r"^The local AWS was not ready within 0 s: "):
        local.run(["true"], ["--port", "1"])
    assert stand_in.exists()


def test_a_local_aws_that_does_not_stop_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "local.py"
    script.write_text(
        "import signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('headrace local AWS ready on http://127.0.0.1:1', flush=True)\n"
        "time.sleep(60)\n"
    )
    monkeypatch.setattr(companion, "command", lambda _: [sys.executable, str(script)])
    monkeypatch.setattr(companion, "STOP", 0.5)
    with pytest.raises(Failure, match=r"^The local AWS did not stop within 0 s and was ended"):
        local.run(["true"], [])


def test_what_the_local_aws_tells_can_go_to_a_file(
    stand_in: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "new" / "local.log"
    assert local.run(["echo", "done"], ["--port", "1"], log) == 0
    assert capfd.readouterr() == ("done\n", "")
    assert log.read_text() == "a line of a log\n"
    assert stand_in.exists()


def test_why_a_local_aws_with_a_log_did_not_start_is_told_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "import sys; sys.exit('The first reason.\\nThe port is taken.')"
    monkeypatch.setattr(companion, "command", lambda _: [sys.executable, "-c", script])
    with pytest.raises(Failure, match=r"^The port is taken\.$"):
        local.run(["true"], [], tmp_path / "log")


def test_a_log_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(Failure) as raised:
        local.run(["true"], [], tmp_path)
    assert str(raised.value) == (
        f"Cannot write {tmp_path}: Is a directory. Choose another file with --log."
    )


def test_a_local_aws_that_is_not_installed_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(companion, "find_spec", lambda _: None)
    with pytest.raises(Failure, match=r"^The local AWS is not installed: run `make setup`"):
        local.run(["true"], [])


def test_a_taken_port_is_one_sentence(taken: int) -> None:
    done = run("local", "--port", str(taken), "--", "echo", "ran")
    (sentence,) = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (1, "")
    assert sentence.startswith(f"The local AWS cannot listen on 127.0.0.1:{taken}")
    assert sentence.endswith("choose another port with --port.")


def test_ctrl_c_ends_the_command_and_stops_the_local_aws() -> None:
    """As at a terminal: the signal goes to the whole group, which the local AWS is not in."""
    line = [*HEADRACE, "local", "--port", "0", "--", "sh", "-c", "echo $AWS_ENDPOINT_URL; sleep 60"]
    with subprocess.Popen(
        line,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heed_ctrl_c,
    ) as process:
        assert process.stdout
        endpoint = process.stdout.readline().strip()
        assert alive(endpoint)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(30) == 128 + signal.SIGINT
    assert not alive(endpoint)


def test_a_killed_headrace_leaves_no_local_aws_behind() -> None:
    line = [*HEADRACE, "local", "--port", "0", "--", "sh", "-c", "echo $AWS_ENDPOINT_URL; sleep 3"]
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        endpoint = process.stdout.readline().strip()
        process.kill()
    for _ in range(100):
        if not alive(endpoint):
            break
        time.sleep(0.1)
    assert not alive(endpoint)


def test_alone_it_runs_until_it_is_told_to_stop() -> None:
    with subprocess.Popen(
        [*HEADRACE, "local", "--port", "0", "--log-level", "warning"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=heed_ctrl_c,
    ) as process:
        assert process.stdout
        ready = process.stdout.readline()
        assert ready.startswith("headrace local AWS ready on http://127.0.0.1:")
        assert alive(ready.split()[-1])
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def test_env_prints_the_exports_of_the_port_it_is_asked_for() -> None:
    usual, other = run("local", "env"), run("local", "--port", "1", "env", "--port", "5000")
    assert "export AWS_ENDPOINT_URL=http://127.0.0.1:4566" in usual.stdout.splitlines()
    assert "export AWS_ENDPOINT_URL=http://127.0.0.1:5000" in other.stdout.splitlines()
    before = run("local", "--port", "5000", "env")
    assert before.stdout == other.stdout


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--port", "99999"], "99999 is not in the range 0<=x<=65535."),
        (["--port", "-1"], "-1 is not in the range 0<=x<=65535."),
        (["--buffering-scale", "nan"], "must be above 0 and at most 1."),
        (["--buffering-scale", "0"], "must be above 0 and at most 1."),
        (["--buffering-scale", "1.5"], "must be above 0 and at most 1."),
        (["--log-level", "foo"], "'foo' is not one of 'debug', 'info', 'warning', 'error'."),
        (["env", "--port", "0"], "0 is not in the range 1<=x<=65535."),
        (["env", "--port", "65536"], "65536 is not in the range 1<=x<=65535."),
    ],
    ids=str,
)
@pytest.mark.parametrize("command", [[], ["--", "echo", "ran"]], ids=["alone", "around"])
def test_what_the_local_aws_does_not_take_is_wrong_usage(
    command: list[str], options: list[str], why: str
) -> None:
    done = run("local", *options, *command)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"Invalid value for '{options[-2]}': {why}" in " ".join(
        re.findall(r"[^│\s]+", done.stderr)
    )
    assert "python -m local" not in done.stderr


def test_env_of_a_port_that_is_still_to_be_picked_is_wrong_usage() -> None:
    done = run("local", "--port", "0", "env")
    assert (done.returncode, done.stdout, done.stderr) == (
        2,
        "",
        "headrace: Which port it picked, the local AWS says when it is ready: give that.\n",
    )


def test_a_command_after_the_dashes_is_needed() -> None:
    done = run("local", "--")
    assert (done.returncode, done.stderr) == (
        2,
        "headrace: No command follows --: for example `headrace local -- make deploy`.\n",
    )
