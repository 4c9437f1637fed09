"""The least of AWS that `headrace tail-file` needs: stacks that name a stream, and the stream."""

from __future__ import annotations

import base64
import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from events.aggregation import deaggregate

OUTPUTS = {
    "EventType": "device_telemetry",
    "StreamName": "boxes",
    "DeliveryStreamName": "-",
    "TableName": "-",
    "TransformFunctionName": "-",
    "DataPrefix": "-",
    "ErrorPrefix": "-",
}


def _stacks() -> bytes:
    outputs = "".join(
        f"<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue></member>"
        for key, value in OUTPUTS.items()
    )
    tags = "".join(
        f"<member><Key>headrace:{key}</Key><Value>{value}</Value></member>"
        for key, value in (("environment", "dev"), ("stage", "device_telemetry"))
    )
    return (
        "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>one</StackName>"
        "<CreationTime>2026-01-01T00:00:00Z</CreationTime><StackStatus>CREATE_COMPLETE"
        f"</StackStatus><Tags>{tags}</Tags><Outputs>{outputs}</Outputs></member></Stacks>"
        "</DescribeStacksResult></DescribeStacksResponse>"
    ).encode()


class StandIn:
    """Takes records and remembers them; `faults` is the share of calls that go wrong."""

    def __init__(self, faults: float = 0.0, seed: int = 1) -> None:
        self.taken: list[bytes] = []
        self.faults = faults
        self.denies = False
        self._chance = random.Random(seed)  # noqa: S311  a test
        self._lock = threading.Lock()

    def answer(self, operation: str, asked: dict[str, Any]) -> dict[str, Any] | None:
        """None: the answer is lost on its way."""
        if operation == "DescribeStreamSummary":
            return {"StreamDescriptionSummary": {"StreamName": "boxes", "OpenShardCount": 1}}
        if operation == "ListShards":
            keys = {"StartingHashKey": "0", "EndingHashKey": str(2**128 - 1)}
            numbers = {"StartingSequenceNumber": "1"}
            shard = {
                "ShardId": "shardId-000000000000",
                "HashKeyRange": keys,
                "SequenceNumberRange": numbers,
            }
            return {"Shards": [shard]}
        assert operation == "PutRecords"
        with self._lock:
            return self._put(asked["Records"])

    def _put(self, records: list[dict[str, Any]]) -> dict[str, Any] | None:
        wrong = self._chance.random() < self.faults
        answers: list[dict[str, str]] = []
        for record in records:
            if wrong and self._chance.random() < 0.5:
                answers.append({"ErrorCode": "InternalFailure", "ErrorMessage": "-"})
                continue
            data = base64.b64decode(record["Data"])
            apart = deaggregate(data)
            self.taken += [data] if apart is None else [one.data for one in apart]
            number = str(len(self.taken))
            answers.append({"ShardId": "shardId-000000000000", "SequenceNumber": number})
        if wrong and self._chance.random() < 0.3:
            return None
        failed = sum("ErrorCode" in one for one in answers)
        return {"FailedRecordCount": failed, "Records": answers}


@contextmanager
def serving(stand_in: StandIn) -> Iterator[str]:
    """Its endpoint."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:
                self.close_connection = True  # the client was killed
                return
            target, status = self.headers.get("X-Amz-Target", ""), 200
            said: dict[str, Any] | None
            if target:
                if stand_in.denies and target.endswith("PutRecords"):
                    status = 400
                    said = {"__type": "AccessDeniedException", "message": "You may not."}
                else:
                    said = stand_in.answer(target.rpartition(".")[2], json.loads(body))
                if said is None:
                    self.close_connection = True
                    return
                answer, kind = json.dumps(said).encode(), "application/x-amz-json-1.1"
            else:
                assert parse_qs(body.decode())["Action"] == ["DescribeStacks"]
                answer, kind = _stacks(), "text/xml"
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that was killed."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
