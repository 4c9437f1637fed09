"""Following by itself, on a disk in memory: every line once, whatever happens to its file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Any
from unittest import mock

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.tail.following import GIVE_UP, HEAD, IDLE, LONGEST, Follower, Line, State
from tests.cli.tail.disks import FakeDisk

LOG = "/var/log/app.log"


class Reader:
    """A program that follows, puts and saves; it can be killed and started again."""

    def __init__(self, disk: FakeDisk, **options: Any) -> None:
        self.disk = disk
        self.put: list[tuple[str, bytes]] = []
        self.saved: State | None = None
        self._options = options
        self._names = (f"log{number}" for number in count())
        self.start()

    def start(self) -> None:
        self.disk.crash()
        self.follower = Follower(
            self.disk, self.saved, fresh=lambda: next(self._names), **self._options
        )

    def step(self) -> list[Line]:
        """Read once, and put it."""
        lines = self.follower.read()
        if self.follower.unsaved:
            self.save()
        self.put += [(line.id, line.data) for line in lines]
        return lines

    def save(self) -> None:
        """As a file would hold it."""
        text = msgspec.json.encode(self.follower.state())
        self.saved = msgspec.json.decode(text, type=State)

    def round(self) -> list[bytes]:
        """Look, read everything, put and save it: what was put."""
        self.follower.look()
        before = len(self.put)
        while lines := self.step():
            for line in lines:
                self.follower.acknowledge(line)
        self.save()
        return [data for _, data in self.put[before:]]


@pytest.fixture
def disk() -> FakeDisk:
    return FakeDisk()


def test_lines_are_read_as_they_come_and_a_partial_one_waits(disk: FakeDisk) -> None:
    disk.append(LOG, b"one\ntwo\nthr")
    reader = Reader(disk)
    assert reader.round() == [b"one", b"two"]
    assert reader.round() == []
    disk.append(LOG, b"ee\n")
    assert reader.round() == [b"three"]
    assert [line for line, _ in reader.put] == ["log0-0", "log0-4", "log0-8"]


def test_a_renamed_file_is_read_to_its_end_before_the_new_one(disk: FakeDisk) -> None:
    disk.append(LOG, b"one\n")
    reader = Reader(disk)
    reader.round()
    disk.append(LOG, b"two\n")
    disk.rename(LOG, f"{LOG}.1")
    disk.append(LOG, b"three\n")
    assert reader.round() == [b"two", b"three"]
    disk.append(f"{LOG}.1", b"late\n")
    assert reader.round() == [b"late"]


def test_a_file_that_is_renamed_away_from_its_pattern_is_read_to_its_end(disk: FakeDisk) -> None:
    disk.wanted = lambda path: path == LOG
    disk.append(LOG, b"one\n")
    reader = Reader(disk)
    reader.round()
    disk.append(LOG, b"two\npart")
    disk.rename(LOG, "/var/log/old")
    disk.append(LOG, b"three\n")
    assert sorted(reader.round()) == [b"three", b"two"]
    for _ in range(IDLE):
        reader.follower.look()
    assert reader.round() == [b"part"]  # nobody will end that line
    assert reader.follower.notes == []


@pytest.mark.parametrize("quiet", [10, IDLE + 80])
def test_the_last_line_of_a_deleted_file_needs_no_line_feed_however_long_it_was_quiet(
    disk: FakeDisk, quiet: int
) -> None:
    disk.append(LOG, b"one\ntwo")
    reader = Reader(disk)
    for _ in range(quiet):
        reader.round()
    disk.delete(LOG)
    rounds = [reader.round() for _ in range(IDLE + GIVE_UP + 2)]
    assert reader.put == [("log0-0", b"one"), ("log0-4", b"two")]
    assert rounds[: IDLE - 2] == [[]] * (IDLE - 2)  # a writer that has it open may end its line
    assert (reader.follower.followed, any(disk.opened.values())) == (0, False)
    assert reader.follower.notes == []


def test_a_truncated_log_goes_on_in_its_copy_under_the_same_ids(disk: FakeDisk) -> None:
    disk.wanted = lambda path: path == LOG
    disk.append(LOG, b"one\n")
    reader = Reader(disk)
    reader.round()
    disk.append(LOG, b"two\n")
    disk.append(f"{LOG}.1", disk.read(LOG))
    disk.truncate(LOG)
    disk.append(LOG, b"three, which is longer than the old place\n")
    reader.round()
    assert reader.put == [
        ("log0-0", b"one"),
        ("log0-4", b"two"),
        ("log1-0", b"three, which is longer than the old place"),
    ]


@pytest.mark.parametrize("header", [b"a,b", b"a," * HEAD + b"b"], ids=["short", "long"])
def test_the_first_line_is_that_of_the_log_though_its_file_is_truncated_meanwhile(
    disk: FakeDisk, header: bytes
) -> None:
    disk.append(LOG, header + b"\r\n1,2\n")
    reader = Reader(disk)
    reader.follower.look()
    _, line = reader.step()
    disk.append(f"{LOG}.1", disk.read(LOG))
    disk.truncate(LOG)
    disk.append(LOG, b"other\n")
    known = reader.follower.first_line(line.log)
    assert known == (header if len(header) < HEAD else b"")
    reader.follower.look()
    assert line.log.path == f"{LOG}.1"
    assert reader.follower.first_line(line.log) == header


def test_a_truncated_log_without_a_copy_is_told_once(disk: FakeDisk) -> None:
    disk.append(LOG, b"one\n")
    reader = Reader(disk)
    reader.round()
    disk.truncate(LOG)
    disk.append(LOG, b"two\n")
    rounds = [reader.round() for _ in range(GIVE_UP + 2)]
    assert [data for found in rounds for data in found] == [b"two"]
    assert len(reader.follower.notes) == 1
    assert reader.follower.notes[0].startswith(f"{LOG} was truncated or deleted")


@pytest.mark.parametrize("restart", [False, True])
def test_a_file_that_listings_miss_while_it_is_renamed_is_the_same_log_afterwards(
    disk: FakeDisk, restart: bool
) -> None:
    disk.append(LOG, b"one\n")
    reader = Reader(disk)
    for _ in range(IDLE + 2):
        reader.round()
    assert not any(disk.opened.values())
    if restart:
        reader.start()
    inode = disk.paths.pop(LOG)
    disk.append("/var/log/other", b"other\n")
    for _ in range(GIVE_UP):
        reader.round()
    disk.paths[f"{LOG}.1"] = inode
    disk.append(f"{LOG}.1", b"two\n")
    reader.round()
    reader.round()
    assert reader.put[1:] in (
        [("log1-0", b"other"), ("log0-4", b"two")],
        [("log0-4", b"two"), ("log1-0", b"other")],
    )
    assert reader.follower.notes == []


def test_a_copy_in_the_making_waits_until_it_differs(disk: FakeDisk) -> None:
    disk.append(LOG, b"one\ntwo\n")
    reader = Reader(disk)
    reader.round()
    disk.append("/var/log/app.2.log", b"one\n")
    assert reader.round() == []
    disk.append("/var/log/app.2.log", b"three\n")
    assert reader.round() == [b"one", b"three"]


def test_a_file_with_the_inode_of_a_deleted_one_is_another_log(disk: FakeDisk) -> None:
    disk.append(LOG, b"one\n")
    reader = Reader(disk)
    reader.round()
    reader.start()
    inode = disk.paths[LOG]
    disk.delete(LOG)
    disk.append(LOG, b"two\nthree\n")
    assert disk.paths[LOG] == inode
    rounds = [reader.round() for _ in range(GIVE_UP + 2)]
    assert [data for found in rounds for data in found] == [b"two", b"three"]
    assert len({line for line, _ in reader.put}) == 3


def test_what_was_not_saved_is_put_again_under_the_same_ids(disk: FakeDisk) -> None:
    disk.append(LOG, b"one\ntwo\n")
    reader = Reader(disk)
    reader.follower.look()
    reader.step()
    reader.start()
    reader.round()
    assert Counter(reader.put) == {("log0-0", b"one"): 2, ("log0-4", b"two"): 2}


def test_from_the_end_passes_over_what_is_there_on_the_first_start_only(disk: FakeDisk) -> None:
    disk.append(LOG, b"one\ntw")
    reader = Reader(disk, from_end=True)
    assert reader.round() == []
    disk.append(LOG, b"o\n")
    disk.append("/var/log/later.log", b"three\n")
    assert sorted(reader.round()) == [b"three", b"two"]
    disk.append("/var/log/another.log", b"four\n")
    reader.start()
    assert reader.round() == [b"four"]


def test_once_takes_a_last_line_without_a_line_feed(disk: FakeDisk) -> None:
    disk.append(LOG, b"one\ntwo")
    assert Reader(disk, once=True).round() == [b"one", b"two"]


def test_a_line_that_no_record_holds_comes_in_pieces(disk: FakeDisk) -> None:
    disk.append(LOG, b"x" * (2 * LONGEST + 5) + b"\nshort\n")
    sizes = [len(data) for data in Reader(disk).round()]
    assert sizes == [LONGEST, LONGEST, 5, 5]


def test_a_header_is_known_also_after_a_restart(disk: FakeDisk) -> None:
    disk.append(LOG, b"a,b\r\n1,2\n")
    reader = Reader(disk)
    reader.round()
    reader.start()
    disk.append(LOG, b"3,4\n")
    reader.follower.look()
    (line,) = reader.step()
    assert (line.data, reader.follower.first_line(line.log)) == (b"3,4", b"a,b")


def test_groups_of_files_take_turns(disk: FakeDisk) -> None:
    disk.append(LOG, (b"x" * 999 + b"\n") * (LONGEST // 500))
    disk.append("/var/log/other.log", b"one\n")
    reader = Reader(disk)
    reader.follower.look()
    seen = [reader.step()[0].log.path for _ in range(2)]
    assert sorted(seen) == [LOG, "/var/log/other.log"]


class World:
    """A writer that rotates its log, and lines that tell each other apart."""

    def __init__(self, disk: FakeDisk, *, header: bool) -> None:
        self.disk = disk
        self.header = header
        self.written: list[bytes] = []
        self.copy: tuple[str, bytes] | None = None
        self.rest = b""
        self.renames: list[tuple[str, str]] = []
        self.then = ""

    def do(self, action: str) -> None:
        """One thing that a program does to its files."""
        getattr(self, action)()

    def line(self) -> None:
        if self.copy is not None or (self.renames and self.then == "begin_copy"):
            return  # what comes between a copy and the truncation is lost, as everybody knows
        if LOG not in self.disk.paths or not self.disk.read(LOG):
            self.disk.append(LOG, b"header\n" if self.header else b"")
        text = f"line {len(self.written)}".encode()
        self.written.append(text)
        self.disk.append(LOG, self.rest + text + b"\n")
        self.rest = b""

    def lines(self) -> None:
        for _ in range(7):
            self.line()

    def rename(self) -> None:
        if self.copy is None and not self.renames and LOG in self.disk.paths:
            self._shift("rename")

    def begin_copy(self) -> None:
        """A copy is made piece by piece, and only then the log is truncated."""
        idle = self.copy is None and not self.renames
        if idle and LOG in self.disk.paths and self.disk.read(LOG):
            self._shift("begin_copy")

    def go_on(self) -> None:
        if self.renames:
            self.disk.rename(*self.renames.pop(0))
            if not self.renames and self.then == "rename":
                self.disk.rename(LOG, f"{LOG}.1")
            elif not self.renames:
                self.copy = (f"{LOG}.1", self.disk.read(LOG))
            return
        if self.copy is None:
            return
        path, left = self.copy
        if left:
            self.disk.append(path, left[:20])
            self.copy = (path, left[20:])
        else:
            self.disk.truncate(LOG)
            self.copy = None

    def _shift(self, then: str) -> None:
        """Rename the rotated ones, one after the other."""
        self.then = then
        numbers = sorted(
            (int(path.rpartition(".")[2]) for path in self.disk.paths if path != LOG), reverse=True
        )
        self.renames = [(f"{LOG}.{number}", f"{LOG}.{number + 1}") for number in numbers]
        if not self.renames:
            if then == "rename":
                self.disk.rename(LOG, f"{LOG}.1")
            else:
                self.copy = (f"{LOG}.1", self.disk.read(LOG))

    def end(self) -> None:
        while self.copy is not None or self.renames:
            self.go_on()


ACTIONS = st.sampled_from(["line", "lines", "rename", "begin_copy", "go_on", "go_on", "nothing"])
STEPS = st.lists(
    st.sampled_from(["look", "read", "read", "acknowledge", "save", "kill", "world"]), max_size=60
)


@given(
    steps=STEPS,
    actions=st.lists(ACTIONS, max_size=150),
    header=st.booleans(),
    first=st.integers(0, 5),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_line_is_put_under_one_id_of_its_own(
    steps: list[str], actions: list[str], header: bool, first: int
) -> None:
    disk = FakeDisk()
    world = World(disk, header=header)
    for _ in range(first):
        world.line()
    reader = Reader(disk)
    with mock.patch("cli.tail.following.IDLE", 2):
        waiting = interleaved(reader, world, steps, iter(actions))
    world.end()
    for line in waiting:
        reader.follower.acknowledge(line)
    for _ in range(2 * GIVE_UP):
        reader.round()

    by_id: dict[str, set[bytes]] = {}
    for name, data in reader.put:
        by_id.setdefault(name, set()).add(data)
    assert all(len(datas) == 1 for datas in by_id.values())
    found = Counter(data for (data,) in by_id.values() if data != b"header")
    assert found == Counter(world.written)
    assert reader.follower.notes == []


def interleaved(
    reader: Reader, world: World, steps: list[str], actions: Iterator[str]
) -> list[Line]:
    """Take the steps, with an action of the world between any two questions to the disk: the lines
    that are not acknowledged."""
    disk = reader.disk
    waiting: list[Line] = []

    def happen() -> None:
        disk.before = lambda: None
        action = next(actions, "nothing")
        if action != "nothing":
            world.do(action)
        disk.before = happen

    disk.before = happen
    for step in steps:
        match step:
            case "look":
                reader.follower.look()
            case "read":
                waiting += reader.step()
            case "acknowledge" if waiting:
                reader.follower.acknowledge(waiting.pop(len(waiting) // 2))
            case "save":
                reader.save()
            case "kill":
                waiting.clear()
                reader.start()
            case "world":
                happen()
    disk.before = lambda: None
    return waiting
