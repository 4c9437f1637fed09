"""The cold start of the delivery transform against `import boto3` alone.

`python -m tests.benchmarks.coldstart [--json]`. Each is measured in fresh interpreters, in turns,
from before the import to after it; the transform's includes its first use of the environment and
of the event type, which it needs before it can answer.
"""

import os
import subprocess
import sys
from statistics import median

from tests.benchmarks.reporting import report

TURNS = 15
CLOCK = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"
TRANSFORM = "from functions.delivery_transform import handler; handler._transform()"


def measure() -> dict[str, float]:
    """Milliseconds of both, and their ratio; at most 1."""
    turns = [(seconds(TRANSFORM), seconds("import boto3")) for _ in range(TURNS + 1)][1:]
    return {
        "transform_ms": median(a for a, _ in turns) * 1e3,
        "boto3_ms": median(b for _, b in turns) * 1e3,
        "ratio": median(a / b for a, b in turns),
    }


def seconds(statement: str) -> float:
    """How long a fresh interpreter takes for a statement, its own start left out."""
    done = subprocess.run(
        [sys.executable, "-c", CLOCK.format(statement)],
        env={**os.environ, "EVENT_TYPE": "flight", "BUCKET": "lake", "REJECTED_PREFIX": "-"},
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout)


TOLD = "cold start: {transform_ms:.0f} ms, boto3 {boto3_ms:.0f} ms: {ratio:.2f} times boto3"

if __name__ == "__main__":
    report(measure, TOLD, __doc__)
