"""Kinesis that takes everything and keeps nothing: `python -m tests.benchmarks.producing.endpoint`.

A process of its own, so that its work is nobody's who is measured. Prints its port.
"""

import asyncio
import json
import re
import sys
from hashlib import md5

LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
TARGET = re.compile(rb"x-amz-target:\s*\S+\.(\w+)", re.IGNORECASE)
RECORD = re.compile(rb'"PartitionKey":\s*"([^"]*)"(?:,\s*"ExplicitHashKey":\s*"(\d+)")?')
NUMBER = "49590338271490256608559692538361571095921575989136588898"
HASH_KEYS = 2**128


class Endpoint(asyncio.Protocol):
    """One connection."""

    def __init__(self, shards: int) -> None:
        self.shards = shards
        self.received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self.received[:end])
            length = LENGTH.search(head)
            size = end + 4 + (int(length[1]) if length else 0)
            if len(self.received) < size:
                return
            target = TARGET.search(head)
            assert target
            body = self.answer(target[1], bytes(self.received[end + 4 : size]))
            del self.received[:size]
            self.transport.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1\r\n"
                b"content-length: %d\r\n\r\n%s" % (len(body), body)
            )

    def answer(self, operation: bytes, body: bytes) -> bytes:
        width = HASH_KEYS // self.shards
        if operation == b"PutRecords":
            records = [
                {"SequenceNumber": NUMBER, "ShardId": shard_id(hash_key(key, explicit) // width)}
                for key, explicit in RECORD.findall(body)
            ]
            return json.dumps({"FailedRecordCount": 0, "Records": records}).encode()
        if operation == b"ListShards":
            shards = [
                {
                    "ShardId": shard_id(number),
                    "HashKeyRange": {
                        "StartingHashKey": str(number * width),
                        "EndingHashKey": str((number + 1) * width - 1),
                    },
                    "SequenceNumberRange": {"StartingSequenceNumber": "1"},
                }
                for number in range(self.shards)
            ]
            return json.dumps({"Shards": shards}).encode()
        return json.dumps({"StreamDescriptionSummary": {"OpenShardCount": self.shards}}).encode()


def shard_id(number: int) -> str:
    return f"shardId-{number:012}"


def hash_key(key: bytes, explicit: bytes) -> int:
    return int(explicit) if explicit else int.from_bytes(md5(key).digest())  # noqa: S324  not ours


async def main(shards: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Endpoint(shards), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
