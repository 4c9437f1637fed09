"""The engine when things go wrong: faults, a destination that is away, memory, the end."""

import json
import logging
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local import functions
from local.delivery import destination, lane, runner, world
from local.delivery.buffer import Key, Kind
from local.delivery.failure import Reason
from local.delivery.record import Row, Source
from local.delivery.stream import DeliveryStream
from local.delivery.world import Unavailable
from local.functions import Invocation
from tests.local.delivery.conftest import ROLE
from tests.local.lab import until

AWAY = Unavailable(Reason("S3.NoSuchBucket", "It does not exist."))


class Bucket:
    """Takes objects in place of S3; `refuse` may raise first."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.refuse: Callable[[], None] = lambda: None

    def put(self, made: world.Object) -> None:
        self.refuse()
        self.objects[made.key] = made.body

    @property
    def content(self) -> bytes:
        return b"".join(self.objects.values())


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    found = Bucket()
    monkeypatch.setattr(world, "put_object", found.put)
    return found


@pytest.fixture
def start() -> Iterator[Callable[..., DeliveryStream]]:
    started: list[DeliveryStream] = []

    def make(**more: Any) -> DeliveryStream:
        configured = {
            "RoleARN": ROLE,
            "BucketARN": "arn:aws:s3:::bucket",
            "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 1},
        }
        kind, described = destination.created(
            {"ExtendedS3DestinationConfiguration": configured | more}
        )
        stream = DeliveryStream(f"s{len(started)}", "us-east-1", kind, described)
        stream.runner.start()
        started.append(stream)
        return stream

    yield make
    for stream in started:
        stream.close()


def put(stream: DeliveryStream, *records: bytes) -> None:
    assert stream.runner.direct is not None
    assert None not in stream.runner.direct.put(records)


def once(error: Exception) -> Callable[[], None]:
    """Raises the first time it is called."""
    errors = [error]

    def refuse() -> None:
        if errors:
            raise errors.pop()

    return refuse


@pytest.mark.parametrize("error", [AWAY, RuntimeError("a fault")])
def test_a_write_that_fails_is_done_again(
    bucket: Bucket, start: Callable[..., DeliveryStream], error: Exception
) -> None:
    bucket.refuse = once(error)
    put(start(), b"one", b"two")
    until(lambda: bucket.objects)
    assert bucket.content == b"onetwo"


def test_a_fault_on_the_way_to_the_buffers_loses_and_doubles_nothing(
    bucket: Bucket, start: Callable[..., DeliveryStream], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = start()
    refuse, add = once(RuntimeError("a fault")), stream.runner.add

    def faulty(groups: Any) -> None:
        refuse()
        add(groups)

    monkeypatch.setattr(stream.runner, "add", faulty)
    put(stream, b"one", b"two")
    until(lambda: bucket.objects)
    put(stream, b"three")
    until(lambda: len(bucket.objects) == 2)
    assert bucket.content == b"onetwothree"


def test_the_end_delivers_what_waits(bucket: Bucket, start: Callable[..., DeliveryStream]) -> None:
    stream = start(BufferingHints={"SizeInMBs": 5, "IntervalInSeconds": 900})
    put(stream, *[b"x"] * 5_000)
    stream.close()
    assert bucket.content == b"x" * 5_000


def test_the_end_does_not_wait_forever_and_says_what_is_lost(
    bucket: Bucket,
    start: Callable[..., DeliveryStream],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def away() -> None:
        raise AWAY

    monkeypatch.setattr(runner, "PATIENCE_SECONDS", 0.3)
    bucket.refuse = away
    stream = start()
    put(stream, b"one", b"two")
    began = time.monotonic()
    stream.close()
    assert time.monotonic() - began < 5
    lost = [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR]
    assert lost == [f"{stream.arn}: 2 records could not be delivered before the end; they are lost"]


def test_a_corrected_destination_releases_what_is_stuck(
    bucket: Bucket, start: Callable[..., DeliveryStream], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def only_the_right_one(made: world.Object) -> None:
        seen.append(made.bucket)
        if made.bucket != "right":
            raise AWAY
        bucket.put(made)

    monkeypatch.setattr(world, "put_object", only_the_right_one)
    stream = start()
    put(stream, b"one", b"two")
    until(lambda: seen)
    configured = {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::right"}
    _, described = destination.created({"ExtendedS3DestinationConfiguration": configured})
    stream.update(described)
    until(lambda: bucket.objects)
    assert (bucket.content, seen[-1], set(seen)) == (b"onetwo", "right", {"bucket", "right"})


FAILED = Invocation(status=200, payload=b"{}", request_id="1", function_error="Unhandled")
FAILING = {
    "Enabled": True,
    "Processors": [
        {
            "Type": "Lambda",
            "Parameters": [
                {"ParameterName": name, "ParameterValue": value}
                for name, value in {
                    "LambdaArn": "arn:aws:lambda:us-east-1:123456789012:function:failing",
                    "NumberOfRetries": "300",
                    "BufferSizeInMBs": "1",
                    "BufferIntervalInSeconds": "1",
                }.items()
            ],
        }
    ],
}


def test_the_end_of_a_function_that_fails_comes_soon_and_its_records_are_errors(
    bucket: Bucket, start: Callable[..., DeliveryStream], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[float] = []

    def invoke(_arn: str, _payload: bytes) -> Invocation:
        calls.append(time.monotonic())
        return FAILED

    monkeypatch.setattr(functions, "invoke", invoke)
    monkeypatch.setattr(lane, "PATIENCE_SECONDS", 0.5)
    stream = start(ProcessingConfiguration=FAILING)
    put(stream, b"one", b"two")
    until(lambda: calls)
    began = time.monotonic()
    stream.close()
    assert time.monotonic() - began < 5
    lines = [json.loads(line) for line in bucket.content.splitlines()]
    assert [b64decode(line["rawData"]) for line in lines] == [b"one", b"two"]
    assert {line["errorCode"] for line in lines} == {"Lambda.FunctionError"}
    assert len(calls) < 10


def test_the_end_of_a_function_that_does_not_answer_comes_and_says_what_is_lost(
    start: Callable[..., DeliveryStream],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    called, answered = threading.Event(), threading.Event()

    def invoke(_arn: str, _payload: bytes) -> Invocation:
        called.set()
        answered.wait(60)
        return FAILED

    monkeypatch.setattr(functions, "invoke", invoke)
    monkeypatch.setattr(runner, "STALLED_SECONDS", 0.3)
    stream = start(ProcessingConfiguration=FAILING)
    put(stream, b"one", b"two")
    assert called.wait(20)
    began = time.monotonic()
    stream.close()
    assert time.monotonic() - began < 5
    lost = [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR]
    assert lost == [
        f"{stream.arn}: 2 records of those put, and what follows them, were not transformed before "
        "the end; they are lost"
    ]
    answered.set()


def test_reading_stops_while_too_much_waits_for_delivery(
    bucket: Bucket, start: Callable[..., DeliveryStream], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "EARLY_BYTES", 500_000)
    monkeypatch.setattr(runner, "FULL_BYTES", 1_000_000)
    open_again = threading.Event()

    def closed() -> None:
        if not open_again.is_set():
            raise AWAY

    bucket.refuse = closed
    stream = start(BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 900})
    put(stream, *[b"x" * 100_000] * 300)
    until(lambda: not stream.room(0))
    assert stream.runner._buffers.memory < 30_000_000
    open_again.set()
    until(lambda: sum(map(len, bucket.objects.values())) == 30_000_000)


def test_the_biggest_buffer_is_delivered_early_when_memory_is_short(
    bucket: Bucket, start: Callable[..., DeliveryStream], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "EARLY_BYTES", 500_000)
    stream = start(BufferingHints={"SizeInMBs": 5, "IntervalInSeconds": 900})
    put(stream, b"x" * 600_000)
    until(lambda: bucket.objects)
    assert bucket.content == b"x" * 600_000


def test_a_buffer_is_delivered_before_its_size_hint_when_its_records_take_the_memory() -> None:
    configured = {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::bucket"}
    hints = {"BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 900}}
    kind, described = destination.created(
        {"ExtendedS3DestinationConfiguration": configured | hints}
    )
    sizes: list[float] = []
    for size in (300, 3_000):
        tested = DeliveryStream("waits", "us-east-1", kind, described).runner
        rows = [Row(bytes(size), Source(bytes(size), 0, str(n))) for n in range(10)]
        while (job := tested._ready(0.0)) is None:
            tested.add({Key(Kind.DATA, ""): [*rows]})
        sizes.append(round(job.buffer.size / 2**20, 1))
    assert sizes == [10.3, 21.2]


def test_what_there_is_no_room_for_is_refused(start: Callable[..., DeliveryStream]) -> None:
    stream = start()
    stream.close()
    assert stream.runner.direct is not None
    taken = stream.runner.direct.put([b"x" * 1_000_000] * 34)
    assert [one is None for one in taken] == [False] * 33 + [True]
