"""The whole demo: how long it takes after set-up, and the memory of all its processes.

`python -m tests.benchmarks.demo [--json]`. Runs `make demo` as a user does, samples the memory of
every process under it, and takes the replay rate from what it prints.
"""

import re
import subprocess
import threading
import time
from pathlib import Path

import psutil

from tests.benchmarks.reporting import report

ROOT = Path(__file__).parent.parent.parent
SAMPLE_SECONDS = 0.25
MIB = 1024 * 1024


def measure() -> dict[str, float]:
    """Seconds in all, and the peak of the summed memory in MiB; at most 120 and 2,048."""
    started = time.monotonic()
    with subprocess.Popen(
        ["make", "demo"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        peak = Peak(psutil.Process(process.pid))
        peak.start()
        output = process.stdout.read() if process.stdout else ""
        peak.done.set()
    if process.returncode:
        raise RuntimeError(f"the demo failed:\n{output[-2_000:]}")
    rate = re.search(r"([\d,]+) events/s", output)
    return {
        "seconds": time.monotonic() - started,
        "peak_mib": peak.bytes / MIB,
        "replay_events_per_second": float(rate[1].replace(",", "")) if rate else 0.0,
    }


class Peak(threading.Thread):
    """The largest sum of what all processes of a tree have in memory.

    Proportional set sizes: pages that processes share are counted once, not once for each.
    """

    def __init__(self, root: psutil.Process) -> None:
        super().__init__(daemon=True)
        self.root = root
        self.bytes = 0
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(SAMPLE_SECONDS):
            total = 0
            for process in [self.root, *self.root.children(recursive=True)]:
                try:
                    total += process.memory_full_info().pss
                except (psutil.NoSuchProcess, psutil.ZombieProcess):
                    continue
            self.bytes = max(self.bytes, total)


TOLD = (
    "demo: {seconds:.0f} s in all, {peak_mib:,.0f} MiB at the most, replay at "
    "{replay_events_per_second:,.0f} events/s"
)

if __name__ == "__main__":
    report(measure, TOLD, __doc__)
