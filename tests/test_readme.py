"""The README's first screens are true: its commands run, and print what it shows."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import AWS, ROOT, deploy, running

PRINTED_ELSEWHERE = ("eval ", "make ")
"""Commands that prepare the shell or that have a test of their own."""


def commands() -> Iterator[tuple[str, str]]:
    """Every command of a console block, and what the README shows below it."""
    for block in re.findall(r"```console\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


SHOWN = dict(commands())


def fixed(output: str) -> list[str]:
    """The lines without what differs from run to run: times, rates, and generated names."""
    text = re.sub(r"-[0-9A-Za-z]{10,}(-[0-9A-Za-z]{10,})?\b", "-…", output)
    text = re.sub(r"\d[\d,.]* events/s", "… events/s", text)
    text = re.sub(r"\d[\d,.]*(?= s\b)", "…", text)
    text = re.sub(r"\d[\d,.]* ms\b", "… ms", text)
    # How many bytes a query reads depends on how delivery happened to cut the files.
    text = re.sub(r"\d[\d,.]* (B|KB|MB)\b", "… bytes", text)
    text = re.sub(r"\d[\d.]*%", "… %", text)
    # When a trial was looked at depends on how its reports happened to arrive in batches, and how
    # many records they make on when each was put.
    text = re.sub(r"\d+ looks? *", "… looks ", text)
    text = re.sub(r"in [\d,]+ records", "in … records", text)
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def shape(output: str) -> list[str]:
    """The lines with their numbers and gaps blurred, for output that depends on what is there."""
    text = re.sub(r"(\d+|…) (s|min|h|d) ago", "-", "\n".join(fixed(output)))
    text = re.sub(r"\d[\d,.]*", "#", text)
    return [re.sub(r"[\s─━]+", " ", line).strip() for line in text.splitlines()]


@pytest.mark.timeout(600)
def test_the_demo_prints_what_the_readme_shows() -> None:
    """All 336,776 flights: every number that is not a time is compared."""
    done = subprocess.run(
        ["make", "demo"],
        cwd=ROOT,
        env={
            name: value
            for name, value in os.environ.items()
            # These tests run under make themselves; a person's `make demo` is nobody's sub-make.
            if not name.startswith(("AWS_", "MAKE", "MFLAGS"))
        },
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
    # Setting up, where it is still to be done, comes before.
    _, deployed, shown = done.stdout.partition("deployed dev")
    assert fixed(deployed + shown) == fixed(SHOWN["make demo"])


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory, certificate: Path) -> Iterator[AWS]:
    """A pipeline that nobody has used: what the README shows starts with one."""
    with running(tmp_path_factory.mktemp("local"), certificate) as aws:
        yield deploy(aws, tmp_path_factory.mktemp("cdk"))


@pytest.mark.parametrize(
    "command", [name for name in SHOWN if not name.startswith(PRINTED_ELSEWHERE)]
)
def test_a_command_prints_what_the_readme_shows(fresh: AWS, command: str) -> None:
    done = fresh.run(*shlex.split(command))
    assert done.returncode == 0, done.stderr
    assert shape(done.stdout + done.stderr) == shape(SHOWN[command])
    settle(fresh)


def settle(aws: AWS) -> None:
    """Wait until everything that came in was delivered or rejected."""
    end = time.monotonic() + 60
    while True:
        rows = json.loads(aws.run("headrace", "status", "--json").stdout)
        if all(row["records_in"] <= row["delivered"] + row["rejected"] for row in rows):
            return
        assert time.monotonic() < end, rows
        time.sleep(0.5)
