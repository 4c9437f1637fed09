"""The handler's wiring: what is answered, logged, counted and traced of a request."""

import contextlib
import gzip
import io
import json
import socket
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from events.compression import compressed
from events.mark import Mark, marked
from functions.delivery_transform import handler as wiring
from functions.delivery_transform.settings import Settings
from tests.events.samples import samples
from tests.functions.firehose import SHARD, request, sequence

CONTEXT: Any = SimpleNamespace(
    function_name="transform",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:transform",
    aws_request_id="6bc28136-xmpl-4365-b021-0ce6b2e64ab0",
)
RIGHT = next(
    sample.data
    for sample in samples("valid")
    if sample.type_name == "flight" and sample.path.stem == "on_time"
)
COUNTED = {"Environment": "test", "EventType": "flight"}
SECRET = b'{"event_id": "secret-4111", "distance": "secret-4111"}'


SETTINGS = Settings(event_type="flight", bucket="lake", rejected_prefix="rejected/flight/")


class Bucket:
    """Takes objects, or fails as it is told: all of S3 that the transform uses."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}
        self.failure: Exception | None = None

    def put_object(self, **given: Any) -> None:
        if self.failure:
            raise self.failure
        self.objects[given["Bucket"], given["Key"]] = given["Body"]

    def lines(self) -> list[dict[str, Any]]:
        return [
            json.loads(line)
            for body in self.objects.values()
            for line in gzip.decompress(body).splitlines()
        ]


@pytest.fixture(autouse=True)
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    fake = Bucket()
    monkeypatch.setattr(boto3, "client", lambda service, **_: {"s3": fake}[service])
    return fake


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in SETTINGS.environment().items():
        monkeypatch.setenv(name, value)
    # What a person may set to see more must not show a payload, nor change the metrics' dimensions.
    monkeypatch.setenv("POWERTOOLS_LOGGER_LOG_EVENT", "true")
    monkeypatch.setenv("POWERTOOLS_TRACER_CAPTURE_RESPONSE", "true")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "something")
    wiring._settings.cache_clear()
    wiring._transform.cache_clear()
    wiring._quarantine.cache_clear()
    yield
    wiring._settings.cache_clear()
    wiring._transform.cache_clear()
    wiring._quarantine.cache_clear()


def _output(
    monkeypatch: pytest.MonkeyPatch, *payloads: bytes, direct: bool = False
) -> list[dict[str, Any]]:
    """What a request of these payloads writes to standard output, line by line."""
    stream = io.StringIO()
    monkeypatch.setattr(wiring.logger.registered_handler, "stream", stream)
    with contextlib.redirect_stdout(stream):
        wiring.handler({"records": request(*payloads, direct=direct)}, CONTEXT)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def _metrics(lines: list[dict[str, Any]]) -> list[tuple[str, dict[str, str], dict[str, float]]]:
    """(namespace, dimensions, sums) of every line of embedded metric format."""
    found = []
    for line in lines:
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
            for names in directive["Dimensions"]:
                values = {one["Name"]: sum(line[one["Name"]]) for one in directive["Metrics"]}
                dimensions = {name: line[name] for name in names}
                found.append((directive["Namespace"], dimensions, values))
    return found


def test_a_request_is_answered_record_by_record_with_one_time_for_all() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    answer = wiring.handler({"records": request(RIGHT, SECRET, RIGHT)}, CONTEXT)
    results = [record["result"] for record in answer["records"]]
    assert results == ["Ok", "ProcessingFailed", "Ok"]
    times = {
        json.loads(b64decode(record["data"]))["ingested_at"]
        for record in answer["records"]
        if record["result"] == "Ok"
    }
    (time,) = times
    assert before <= datetime.fromisoformat(time) <= datetime.now(UTC)
    assert set(answer) == {"records"}


def test_a_wrong_record_is_one_log_line_with_its_place_and_nothing_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = _output(monkeypatch, RIGHT, SECRET, b"secret-4111")
    logged = [line for line in lines if "_aws" not in line]
    kept = ("level", "message", "reason", "detail", "shard_id", "sequence_number")
    assert [{key: line[key] for key in (*kept, "subsequence_number")} for line in logged] == [
        {
            "level": "WARNING",
            "message": "rejected",
            "reason": "wrong_type",
            "detail": "Expected `int`, got `str` - at `$.distance`",
            "shard_id": SHARD,
            "sequence_number": sequence(1),
            "subsequence_number": 0,
        },
        {
            "level": "WARNING",
            "message": "rejected",
            "reason": "not_json",
            "detail": "JSON is malformed: invalid character (byte 0)",
            "shard_id": SHARD,
            "sequence_number": sequence(2),
            "subsequence_number": 0,
        },
    ]
    assert logged[0]["function_request_id"] == CONTEXT.aws_request_id
    assert "4111" not in json.dumps(lines)
    assert b64decode(request(SECRET)[0]["data"]) == SECRET


def test_the_metrics_are_the_ledger_received_is_accepted_and_rejected_by_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert _metrics(_output(monkeypatch, RIGHT, SECRET, RIGHT, b"", SECRET)) == [
        ("Headrace", COUNTED, {"Received": 5, "Accepted": 2, "Rejected": 3}),
        ("Headrace", COUNTED | {"Reason": "wrong_type"}, {"Rejected": 2}),
        ("Headrace", COUNTED | {"Reason": "empty"}, {"Rejected": 1}),
    ]


def test_a_request_without_a_wrong_record_counts_zero_rejected_and_logs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = _output(monkeypatch, RIGHT)
    assert len(lines) == 1
    assert _metrics(lines) == [("Headrace", COUNTED, {"Received": 1, "Accepted": 1, "Rejected": 0})]


def test_what_was_replayed_from_this_lake_is_neither_accepted_nor_rejected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    replayed = marked(Mark(kind="replayed", lake="lake", run="r"), RIGHT)
    assert _metrics(_output(monkeypatch, RIGHT, replayed, SECRET)) == [
        (
            "Headrace",
            COUNTED,
            {"Received": 3, "Accepted": 1, "Rejected": 1, "Replayed": 1},
        ),
        ("Headrace", COUNTED | {"Reason": "wrong_type"}, {"Rejected": 1}),
    ]


def test_a_sampled_invocation_sends_one_subsegment_without_payload(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.settimeout(5)
        host, port = daemon.getsockname()
        monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", f"{host}:{port}")
        trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
        monkeypatch.setenv("_X_AMZN_TRACE_ID", trace)
        wiring.handler({"records": request(RIGHT, SECRET)}, CONTEXT)
        header, document = daemon.recv(65536).split(b"\n", 1)
    assert json.loads(header) == {"format": "json", "version": 1}
    segment = json.loads(document)
    assert segment.pop("start_time") <= segment.pop("end_time")
    assert len(bytes.fromhex(segment.pop("id"))) == 8
    assert segment.pop("annotations")["Service"] == "delivery_transform"
    assert segment == {
        "type": "subsegment",
        "name": "## handler",
        "trace_id": "1-5759e988-bd862e3fe1be46a994272793",
        "parent_id": "53995c3f42cd8ad8",
    }


def test_an_unknown_event_type_fails_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENT_TYPE", "flights")
    with pytest.raises(LookupError, match="there is no event type 'flights'; there are: "):
        wiring.handler({"records": []}, CONTEXT)


def test_the_environment_that_infra_writes_is_the_one_the_function_reads() -> None:
    settings = Settings(
        event_type="device_telemetry",
        bucket="lake",
        rejected_prefix="rejected/device_telemetry/",
        log_level="DEBUG",
    )
    assert settings.environment() == {
        "EVENT_TYPE": "device_telemetry",
        "BUCKET": "lake",
        "REJECTED_PREFIX": "rejected/device_telemetry/",
        "POWERTOOLS_LOG_LEVEL": "DEBUG",
    }
    assert Settings.read(settings.environment()) == settings
    with pytest.raises(KeyError, match="EVENT_TYPE"):
        Settings.read({})


def test_what_is_rejected_is_kept_with_its_reason_and_its_place(bucket: Bucket) -> None:
    before = time.time() * 1000 - 1
    wiring.handler({"records": request(RIGHT, SECRET, b"")}, CONTEXT)
    lines = bucket.lines()
    moments = {line.pop("rejected_at") for line in lines}
    records = request(RIGHT, SECRET, b"")
    assert lines == [
        {
            "reason": reason,
            "detail": detail,
            "payload": b64encode(payload).decode(),
            "arrived_at": records[number]["approximateArrivalTimestamp"],
            "shard_id": SHARD,
            "sequence_number": sequence(number),
            "subsequence_number": 0,
        }
        for number, payload, reason, detail in (
            (1, SECRET, "wrong_type", "Expected `int`, got `str` - at `$.distance`"),
            (2, b"", "empty", "Expected one JSON object, got an empty record"),
        )
    ]
    (moment,) = moments
    assert before <= moment <= time.time() * 1000 + 1


def test_a_compressed_record_becomes_a_row_and_a_wrong_one_is_kept_decompressed(
    bucket: Bucket,
) -> None:
    frames = [compressed(data + b" " * 100) for data in (RIGHT, SECRET)]
    answer = wiring.handler({"records": request(*frames, b"no frame")}, CONTEXT)
    plain = wiring.handler({"records": request(RIGHT)}, CONTEXT)
    assert [record["result"] for record in answer["records"]] == ["Ok", *["ProcessingFailed"] * 2]
    rows = [json.loads(b64decode(one["records"][0]["data"])) for one in (answer, plain)]
    assert rows[0] | {"ingested_at": ""} == rows[1] | {"ingested_at": ""}
    kept = [(line["reason"], b64decode(line["payload"])) for line in bucket.lines()]
    assert kept == [("wrong_type", SECRET + b" " * 100), ("not_json", b"no frame")]


def test_what_is_rejected_again_is_kept_as_it_was_the_first_time(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    _output(monkeypatch, SECRET)
    [first] = bucket.lines()
    bucket.objects.clear()
    place = {name: first[name] for name in ("shard_id", "sequence_number", "subsequence_number")}
    mark = Mark(kind="resubmitted", lake="lake", run="r", arrived_at=first["arrived_at"], **place)
    _output(monkeypatch, marked(mark, SECRET), direct=True)
    [again] = bucket.lines()
    assert again | {"rejected_at": 0} == first | {"rejected_at": 0}


def test_a_batch_without_a_wrong_record_asks_nothing_of_s3(bucket: Bucket) -> None:
    bucket.failure = RuntimeError()
    answer = wiring.handler({"records": request(RIGHT, RIGHT)}, CONTEXT)
    assert len(answer["records"]) == 2


def test_the_same_batch_again_writes_the_same_object_and_no_second_one(bucket: Bucket) -> None:
    wiring.handler({"records": request(RIGHT, SECRET)}, CONTEXT)
    first = set(bucket.objects)
    wiring.handler({"records": request(RIGHT, SECRET)}, CONTEXT)
    assert set(bucket.objects) == first
    wiring.handler({"records": request(SECRET, SECRET)}, CONTEXT)
    assert len(set(bucket.objects)) == 2


def test_records_of_two_days_are_kept_under_each_ones_own(bucket: Bucket) -> None:
    records = request(SECRET, SECRET)
    midnight = int(datetime(2026, 1, 2, tzinfo=UTC).timestamp() * 1000)
    records[0]["approximateArrivalTimestamp"] = midnight - 1
    records[1]["approximateArrivalTimestamp"] = midnight
    wiring.handler({"records": records}, CONTEXT)
    folders = [(where, key.rpartition("/")[0]) for where, key in bucket.objects]
    assert folders == [
        ("lake", "rejected/flight/arrival_date=2026-01-01"),
        ("lake", "rejected/flight/arrival_date=2026-01-02"),
    ]


def test_when_verdicts_cannot_be_kept_the_right_records_go_on_and_firehose_keeps_the_wrong(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.failure = RuntimeError("secret-4111")
    records = request(RIGHT, SECRET, RIGHT)
    stream = io.StringIO()
    monkeypatch.setattr(wiring.logger.registered_handler, "stream", stream)
    with contextlib.redirect_stdout(stream):
        answer = wiring.handler({"records": records}, CONTEXT)
    ids = [(record["recordId"], record["result"]) for record in answer["records"]]
    assert ids == [(records[0]["recordId"], "Ok"), (records[2]["recordId"], "Ok")]
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert ("Headrace", COUNTED, {"Unkept": 1}) in _metrics(lines)
    said = [(line["message"], line.get("error")) for line in lines if "message" in line]
    assert said == [("rejected", None), ("rejections not kept", "RuntimeError")]
    assert "4111" not in stream.getvalue()
