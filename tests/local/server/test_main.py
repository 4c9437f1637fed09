"""`python -m local` as a process: how it says that it is ready, and how it ends."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import psutil

from tests.local.server.process import READY, ROOT, LocalAWSProcess

COMMAND = (sys.executable, "-m", "local")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def start(*arguments: str) -> subprocess.Popen[str]:
    """A process that is ready; its output is at the line after the ready line."""
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith(READY)
    return process


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and the rest of standard output."""
    try:
        output, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    return process.returncode, output


def test_one_line_says_where_it_is_ready_and_the_health_page_agrees() -> None:
    with LocalAWSProcess() as aws:
        with urllib.request.urlopen(f"{aws.endpoint}/_headrace/health") as answer:  # noqa: S310
            health = (answer.status, answer.headers["Content-Type"], answer.read())
        assert health == (200, "application/json", b'{"status":"ready"}')
        assert aws.stop() == 0


def test_a_signal_ends_it_cleanly() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        process = start()
        process.send_signal(number)
        assert ended(process) == (0, "")


def test_a_second_signal_ends_it_at_once_however_long_stopping_takes() -> None:
    script = (
        "import time\n"
        "from local.__main__ import Ending\n"
        "ending = Ending()\n"
        "print('started', flush=True)\n"
        "ending.wait()\n"
        "print('stopping', flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "stopping\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130


def test_it_ends_with_its_parent_when_it_is_told_to() -> None:
    process = start("--with-parent")
    assert process.stdin is not None
    process.stdin.close()
    process.stdin = None
    assert ended(process) == (0, "")


def test_without_being_told_to_it_outlives_its_standard_input() -> None:
    process = start()
    assert process.stdin is not None
    process.stdin.close()
    process.stdin = None
    time.sleep(0.3)
    assert process.poll() is None
    process.terminate()
    assert ended(process) == (0, "")


def test_it_dies_with_a_parent_that_is_killed() -> None:
    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'local', '--port', '0', "
        "'--with-parent'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        gone, alive = psutil.wait_procs([child], timeout=30)
    assert (gone, alive) == ([child], [])


def test_a_taken_port_is_one_clear_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run("--port", str(port))
    assert (result.returncode, result.stdout, result.stderr) == (
        2,
        "",
        f"The local AWS cannot listen on 127.0.0.1:{port} (Address already in use); choose "
        "another port with --port.\n",
    )


def test_a_wrong_option_is_named() -> None:
    for arguments, problem in [
        (("--buffering-scale", "0"), "must be above 0 and at most 1"),
        (("--buffering-scale", "x"), "invalid"),
        (("--port", "http"), "invalid int value: 'http'"),
    ]:
        result = run(*arguments)
        assert (result.returncode, problem in result.stderr) == (2, True)


def test_open_connections_do_not_keep_it_from_ending() -> None:
    process = start()
    port = next(
        connection.laddr.port
        for connection in psutil.Process(process.pid).net_connections()
        if connection.status == psutil.CONN_LISTEN
    )
    with socket.create_connection(("127.0.0.1", port)):
        os.kill(process.pid, signal.SIGTERM)
        assert ended(process) == (0, "")
