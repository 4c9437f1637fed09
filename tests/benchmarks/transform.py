"""The delivery transform's handler against the floor: base64, typed decode, encode, base64.

`python -m tests.benchmarks.transform [--json]`. Both work on the same real flights, a batch of the
delivery stream's buffering hint at a time, in turns; the ratio is the median of the turns' ratios.
"""

import contextlib
import io
import os
from base64 import b64decode, b64encode
from collections.abc import Callable
from statistics import median
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import msgspec

from events.flight import source
from events.flight.event import Flight
from functions.delivery_transform.settings import BUFFER_MEGABYTES, Settings
from functions.shared.settings import ENVIRONMENT
from tests.benchmarks.reporting import report
from tests.functions.firehose import request

TURNS = 25
CONTEXT = SimpleNamespace(
    function_name="transform",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:transform",
    aws_request_id="00000000-0000-0000-0000-000000000000",
)


def measure() -> dict[str, float]:
    """Microseconds per record of the handler and of the floor, and their ratio; at most 3."""
    settings = Settings(event_type="flight", bucket="lake", rejected_prefix="rejected/flight/")
    os.environ.update(settings.environment(), **{ENVIRONMENT: "benchmark"})
    from functions.delivery_transform.handler import handler

    records = batch()
    decode, encode = msgspec.json.Decoder(Flight).decode, msgspec.json.Encoder().encode

    def floor() -> None:
        for record in records:
            b64encode(encode(decode(b64decode(record["data"]))))

    def ours() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            answers = handler({"records": records}, CONTEXT)["records"]
        if any(answer["result"] != "Ok" for answer in answers):
            raise AssertionError("a right record was rejected")

    turns = [(seconds(ours), seconds(floor)) for _ in range(TURNS + 2)][2:]
    return {
        "records": len(records),
        "handler_us": median(a for a, _ in turns) / len(records) * 1e6,
        "floor_us": median(b for _, b in turns) / len(records) * 1e6,
        "ratio": median(a / b for a, b in turns),
    }


def batch() -> list[dict[str, Any]]:
    """Real flights as Firehose hands them over, up to the buffering hint."""
    payloads: list[bytes] = []
    left = BUFFER_MEGABYTES * 2**20
    for event in source.events():
        payloads.append(msgspec.json.encode(event))
        left -= len(payloads[-1])
        if left <= 0:
            break
    return request(*payloads)


def seconds(work: Callable[[], None]) -> float:
    """How long it takes."""
    start = perf_counter()
    work()
    return perf_counter() - start


TOLD = (
    "transform: {handler_us:.2f} µs per record, floor {floor_us:.2f} µs: {ratio:.2f} times the "
    "floor ({records} records)"
)

if __name__ == "__main__":
    report(measure, TOLD, __doc__)
