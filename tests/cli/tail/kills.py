"""The proof of tail-file: `python -m tests.cli.tail.kills --kills 100`.

A writer fills a log and rotates it, by renaming and by copying and truncating; `headrace tail-file`
follows it in a process that is killed (SIGKILL) at random, mostly while a rotation is under way;
the stream loses answers and refuses records. In the end every line is on the stream under exactly
one id that no other line has.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.cli.tail.stand_in import StandIn, serving
from tests.conftest import ROOT

PATIENCE = 60.0


@dataclass
class Writer:
    """A program that logs, and the rotation of its log; lines have no id of their own."""

    folder: Path
    chance: random.Random
    written: list[int] = field(default_factory=list)

    @property
    def log(self) -> Path:
        return self.folder / "box.log"

    def lines(self, count: int) -> None:
        """Now and then in two pieces, as a buffered writer does."""
        text = "".join(self._line() + "\n" for _ in range(count)).encode()
        cut = self.chance.randrange(len(text)) if text and self.chance.random() < 0.5 else 0
        with self.log.open("ab", buffering=0) as file:
            file.write(text[:cut])
            file.write(text[cut:])

    def rotate(self) -> Iterator[None]:
        """One step after the other."""
        numbers = sorted(
            (int(path.suffix[1:]) for path in self.folder.glob("box.log.*")), reverse=True
        )
        for number in numbers:
            (self.folder / f"box.log.{number}").rename(self.folder / f"box.log.{number + 1}")
        yield
        if not self.log.exists():
            return
        if self.chance.random() < 0.4:
            self.log.rename(self.folder / "box.log.1")
            yield
            return
        content = self.log.read_bytes()
        cut = self.chance.randrange(len(content) + 1)
        with (self.folder / "box.log.1").open("wb", buffering=0) as copy:
            copy.write(content[:cut])
            yield
            copy.write(content[cut:])
        yield
        os.truncate(self.log, 0)
        yield

    def _line(self) -> str:
        self.written.append(len(self.written))
        return json.dumps(
            {
                "event_time": "2025-06-01T00:00:00Z",
                "device": f"stb-{self.written[-1] % 7}",
                "boot_id": 1,
                "counter": self.written[-1],
                "release": "1.2.3",
                "model": "hr-100",
                "region": "north",
                "heap_bytes": 1,
                "cpu": 0.5,
                "uptime_seconds": 1,
                "crashed": False,
            }
        )


@contextmanager
def tailing(endpoint: str, folder: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """The command, on the files of the writer."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = [sys.executable, "-m", "cli.main", "tail-file", str(folder / "box.log*")]
    with subprocess.Popen(
        [*command, "--type", "device_telemetry", "--state", str(folder / "state"), *more],
        cwd=ROOT,
        env=given
        | {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "headrace",
            "AWS_SECRET_ACCESS_KEY": "headrace",
            "AWS_REGION": "us-east-1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@dataclass(frozen=True)
class Found:
    """What was on the stream in the end."""

    lines: int
    records: int
    kills: int

    def __str__(self) -> str:
        return (
            f"{self.kills} kills: {self.lines:,} lines, each under one id of its own; "
            f"{self.records - self.lines:,} were put more than once."
        )


def prove(folder: Path, *, kills: int, seed: int) -> Found:
    """Raises AssertionError when a line is missing, or has two ids, or shares one."""
    chance = random.Random(seed)  # noqa: S311  a test
    stand_in, writer = StandIn(faults=0.1, seed=seed), Writer(folder, chance)
    with serving(stand_in) as endpoint:
        for _ in range(kills):
            _killed_once(endpoint, writer, stand_in, chance)
        with tailing(endpoint, folder, "--once", "--json") as process:
            said, complaint = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, complaint
        assert json.loads(said)[0]["invalid"] == {}
        assert complaint == "", complaint
    _check(stand_in, writer)
    return Found(lines=len(writer.written), records=len(stand_in.taken), kills=kills)


def _killed_once(endpoint: str, writer: Writer, stand_in: StandIn, chance: random.Random) -> None:
    """Let the command live through a few rotations, and kill it in one of them."""
    before = len(stand_in.taken)
    with tailing(endpoint, writer.folder) as process:
        writer.lines(chance.randint(1, 200))
        end = time.monotonic() + PATIENCE
        while len(stand_in.taken) == before:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end, "nothing was put"
            time.sleep(0.01)
        for last in (False, chance.random() < 0.5, True):
            writer.lines(chance.randint(0, 200))
            time.sleep(chance.uniform(0, 0.15))
            steps = writer.rotate()
            for _ in steps:
                time.sleep(chance.choice([0, 0, 0.02, 0.12]))
                if last and process.poll() is None and chance.random() < 0.4:
                    process.send_signal(signal.SIGKILL)
            if last:
                break
        time.sleep(chance.uniform(0, 0.1))


def _check(stand_in: StandIn, writer: Writer) -> None:
    ids: dict[int, set[str]] = {}
    for data in stand_in.taken:
        event = json.loads(data)
        ids.setdefault(event["counter"], set()).add(event["event_id"])
    missing = set(writer.written) - ids.keys()
    assert not missing, f"{len(missing)} lines are missing, such as {min(missing)}"
    twice = [number for number, found in ids.items() if len(found) > 1]
    assert not twice, f"{len(twice)} lines have several ids, such as {min(twice)}"
    assert len(set().union(*ids.values())) == len(writer.written)


def main() -> None:
    """Print what was found; an AssertionError otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with TemporaryDirectory(prefix="headrace-tail-") as folder:
        print(prove(Path(folder), kills=chosen.kills, seed=chosen.seed))


if __name__ == "__main__":
    main()
