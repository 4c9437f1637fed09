"""How a trial lies in Valkey: keys, and the bytes of a report on its way there.

Every device hashes into one of 64 buckets. All keys of a bucket have its tag, so they lie in one
slot, and one script changes them together (apply.lua). The 3 stands for `identity`:

    {b07}:3          totals of trial 3: c.devices c.events c.clipped.<i>, the same for b (baseline),
                     switched, prepared, latest (seconds from the start)
    {b07}:3:h12      sums of its hour 12, by arm (c, b) and size (1…): c1n events, c1y Σy, c1k
                     events of devices with a past, c1p Σp, c1ky Σy, c1pp Σp², c1py Σp·y over
                     these; and cx device-hours, ce those with a crash
    {b07}:3:d0       a shelf of devices: field 7 bytes of the name's hash, value the record
    {look}:3         what was looked at and told: looks.py

A shelf is a hash that stays small enough for Valkey to keep as one packed list, in which a device
takes 4 bytes beside its own; how many shelves there are follows from the size of the fleet that
the trial was registered with. A record has, big-endian:

    1  flags: 1 the trial has begun for it, 2·2^i has a past of size i, 16 canary seen, 32 baseline
       seen, 64 has a boot before
    4  boot id, 4 highest counter of it, 8 bits of the 64 counters that end there
    6  per size, in the preparation: how many values, and Σy in thousandths
    2  per size, in the trial: p; and before these 2 for the latest hour, 2 for its and three
       earlier hours' bits: canary seen, crashed, baseline seen, crashed
    16 the boot before, as above, until the counter of this one has reached 64

The 64 bits are RFC 4303's window against replays: a report counts when its bit is not set yet, and
is late when it is 64 or more behind. A report's identity is (device, boot id, counter), which the
device gives it; the record's sequence number is no part of it, since a producer that tries again
gives the same report a second one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from events.release import Trial
from functions.release_health.evidence import BUCKETS

PREPARATION, CANARY, BASELINE = 0, 1, 2
CRASHED = 1
"""Bit of a report; 2·2^i: has a value of size i; 16·2^i: it was clipped."""

REMEMBERED = 100_000
"""Devices whose place an execution environment keeps: 30 MB."""

ON_A_SHELF = 48
MOST_SHELVES = 4_096
MOST_REPORTS = 500
"""In one call of the script, which blocks the bucket's server for some 5 ms then. It has a key per
shelf and one per hour at most, and so stays below the 3,999 arguments that ElastiCache Serverless
takes: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/SupportedCommands.html"""
SECONDS_TO_LIVE = 14 * 86_400
"""From the last report: twice the retention of the stream, so that no report can come back to a
state that has forgotten it. The sums of a trial that is longer are renewed by its looks."""

Report = bytes
"""A bucket's number and what apply.lua calls REPORT after it: sorting them sorts by bucket, shelf,
device, boot and counter."""


class Place(NamedTuple):
    """Of a device: its bucket, what selects the shelf, and its field there."""

    bucket: int
    shelf: int
    field: bytes


@lru_cache(maxsize=REMEMBERED)
def place(device: str) -> Place:
    """62 bits of a hash tell devices apart: two of a million are the same with a chance of 10⁻⁷."""
    digest = blake2b(device.encode(), digest_size=10).digest()
    return Place(digest[0] % BUCKETS, int.from_bytes(digest[1:3], "big"), digest[3:10])


def shelves(trial: Trial) -> int:
    """How many shelves a bucket of the trial has."""
    return min(MOST_SHELVES, 1 + trial.devices // (BUCKETS * ON_A_SHELF))


def packer(trial: Trial) -> Callable[..., Report]:
    """(bucket, shelf, field, boot, counter, kind, bits, seconds, hour, *values) to a report."""
    return struct.Struct(f">BH7sIIBBiH{'i' * len(trial.sizes)}").pack


LOOK = "look"
"""The tag of what was looked at."""


def tag(bucket: int) -> str:
    """What all keys of the bucket have between braces, and so the slot that they are in."""
    return f"b{bucket:02}"


def identity(trial: Trial) -> str:
    """Its number, and its start too: who deletes the registry has the numbers begin again, but not
    on top of what an older trial counted."""
    return f"{trial.number}-{int(trial.started_at.timestamp()):x}"


def totals(trial: Trial, bucket: int) -> str:
    return f"{{{tag(bucket)}}}:{identity(trial)}"


def shelf(trial: Trial, bucket: int, number: int) -> str:
    return f"{totals(trial, bucket)}:d{number}"


def hour(trial: Trial, bucket: int, number: int) -> str:
    return f"{totals(trial, bucket)}:h{number}"


def looks(trial: Trial) -> str:
    return f"{{{LOOK}}}:{identity(trial)}"


class Call(NamedTuple):
    """The arguments of one call of apply.lua."""

    bucket: int
    keys: list[str]
    arguments: list[bytes | int]
    reports: int


def calls(trial: Trial, reports: Iterable[Report]) -> list[Call]:
    """What applies these reports, in any order of theirs; every call can be made again."""
    ordered = sorted(reports)
    found: list[Call] = []
    start = 0
    for end in range(1, len(ordered) + 1):
        bucket = ordered[start][0]
        if end < len(ordered) and ordered[end][0] == bucket and end - start < MOST_REPORTS:
            continue
        found.append(_call(trial, bucket, ordered[start:end]))
        start = end
    return found


def _call(trial: Trial, bucket: int, reports: Sequence[Report]) -> Call:
    on = [int.from_bytes(two, "big") for two in sorted({report[1:3] for report in reports})]
    hours = sorted({(report[24] << 8) + report[25] for report in reports if report[18]})
    keys = [totals(trial, bucket)]
    keys += [shelf(trial, bucket, number) for number in on]
    keys += [hour(trial, bucket, number) for number in hours]
    sizes = len(trial.sizes)
    return Call(
        bucket,
        keys,
        [sizes, SECONDS_TO_LIVE, b"".join(reports), len(on), *hours],
        len(reports),
    )
