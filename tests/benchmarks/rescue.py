"""From a failure message to its payload in the archive.

`python -m tests.benchmarks.rescue [--json]`. Starts a local AWS of its own with a stream, a
function that fails on every record, its failure queue and the rescue as it is deployed. One record
after the other fails, and the archive is listed until it is there: `alone`. Then many fail at once,
each with a message of its own: `together`. Seconds from the instant that the message names; the
first rescue, a cold start, is measured as well.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from events import failure
from tests.benchmarks.reporting import report
from tests.conftest import AWS
from tests.test_rescue import Lab, parts, until

ROOT = Path(__file__).parents[2]
ALONE = 20
TOGETHER = 200


def measure() -> dict[str, float]:
    """Seconds; the medians are to be at most 10."""
    command = [sys.executable, "-m", "local", "--port", "0", "--with-parent"]
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-rescue-") as folder,
        subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # every failure is logged there
            text=True,
        ) as process,
    ):
        assert process.stdout
        aws = AWS(process.stdout.readline().split()[-1])
        lab = Lab(aws, Path(folder), **parts(aws))
        lab.rescue(mapping=lab.consume())
        seen: set[str] = set()
        first, *alone = (waits(lab, seen, 1)[0] for _ in range(ALONE + 1))
        together = waits(lab, seen, TOGETHER)
        lab.clean()
        process.terminate()
    return {
        "first_seconds": first,
        "alone_seconds": median(alone),
        "messages": TOGETHER,
        "together_seconds": median(together),
        "last_seconds": max(together),
    }


def waits(lab: Lab, seen: set[str], number: int) -> list[float]:
    """Seconds from message to archive of records that are put now and fail."""
    lab.put(*[b"poison"] * number)
    found: dict[str, float] = {}

    def all_there() -> bool:
        there = keys(lab) - seen - found.keys()
        found.update(dict.fromkeys(there, time.time()))
        return len(found) == number

    until(all_there)
    seen.update(found)
    failed = {key: failure.decode(lab.get(key)).failed_at.timestamp() for key in found}
    return [found[key] - failed[key] for key in found]


def keys(lab: Lab) -> set[str]:
    pages = lab.s3.get_paginator("list_objects_v2")
    listed = pages.paginate(Bucket=lab.lake, Prefix=failure.BATCHES_PREFIX)
    return {one["Key"] for page in listed for one in page.get("Contents", [])}


TOLD = (
    "rescue: {alone_seconds:.2f} s from the message to the archive, the first one"
    " {first_seconds:.2f} s; {messages} at once: {together_seconds:.1f} s, the last one"
    " {last_seconds:.1f} s"
)

if __name__ == "__main__":
    report(measure, TOLD, __doc__)
