"""Messages of `application/vnd.amazon.eventstream`, the encoding of SubscribeToShard.

Lengths of the message and of its headers, a checksum of both; headers (name, type 7 for a
string, value); payload; a checksum of all of it. Big-endian, CRC-32.
https://smithy.io/2.0/aws/amazon-eventstream.html
"""

import struct
from zlib import crc32

CONTENT_TYPE = "application/vnd.amazon.eventstream"
STRING = 7
PRELUDE = 12
CHECKSUM = 4


def event(kind: str, payload: bytes) -> bytes:
    """An event of the stream; the first one is the `initial-response` of the call."""
    return _message(
        {":message-type": "event", ":event-type": kind, ":content-type": "application/json"},
        payload,
    )


def exception(kind: str, payload: bytes) -> bytes:
    """A modelled error that ends the stream."""
    return _message(
        {
            ":message-type": "exception",
            ":exception-type": kind,
            ":content-type": "application/json",
        },
        payload,
    )


def _message(headers: dict[str, str], payload: bytes) -> bytes:
    packed = b"".join(_header(name, value) for name, value in headers.items())
    length = PRELUDE + len(packed) + len(payload) + CHECKSUM
    prelude = struct.pack(">II", length, len(packed))
    start = prelude + struct.pack(">I", crc32(prelude)) + packed + payload
    return start + struct.pack(">I", crc32(start))


def _header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return struct.pack(">B", len(key)) + key + struct.pack(">BH", STRING, len(text)) + text
