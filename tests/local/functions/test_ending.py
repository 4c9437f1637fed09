"""When the local AWS ends, however it ends, its functions do and their files are gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from local.functions.assets import PREFIX
from tests.conftest import AWS, ROOT
from tests.local.functions.conftest import Functions, ends, running

FOREVER = """
import os, subprocess, time
def handler(event, context):
    child = subprocess.Popen(["sleep", "600"]).pid
    with open(event, "w") as file:
        file.write(f"{os.getpid()} {child}")
    time.sleep(600)
"""


def start(place: Path) -> tuple[subprocess.Popen[str], AWS]:
    process = subprocess.Popen(
        [sys.executable, "-m", "local", "--port", "0"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(place)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout
    return process, AWS(process.stdout.readline().split()[-1])


def occupied(aws: AWS, note: Path) -> list[int]:
    """The processes of an idle function, of a busy one, and of what that one started."""
    functions = Functions(aws)
    idle = functions.make("import os\ndef handler(event, context): return os.getpid()")
    first = functions.call(idle).payload
    busy = functions.make(FOREVER, Timeout=600)
    payload = f'"{note}"'.encode()
    functions.api.invoke(FunctionName=busy, InvocationType="Event", Payload=payload)
    while not (note.exists() and len(note.read_text().split()) == 2):
        time.sleep(0.02)
    return [first, *map(int, note.read_text().split())]


def test_nothing_outlives_the_local_aws_killed_or_stopped(tmp_path: Path) -> None:
    killed, aws = start(tmp_path)
    processes = occupied(aws, tmp_path / "first")
    assert all(running(one) for one in processes)
    killed.kill()
    killed.communicate()
    assert len(list(tmp_path.glob(f"{PREFIX}*"))) == 1
    assert [ends(one) for one in processes] == [True, True, True]

    stopped, aws = start(tmp_path)
    processes = occupied(aws, tmp_path / "second")
    stopped.send_signal(signal.SIGTERM)
    stopped.communicate(timeout=60)
    assert stopped.returncode == 0
    assert [ends(one) for one in processes] == [True, True, True]
    assert list(tmp_path.glob(f"{PREFIX}*")) == []
