"""Our event stream messages, read by botocore's decoder."""

from typing import Any

from botocore.eventstream import EventStreamBuffer

from local.kinesis import eventstream


def test_messages_are_what_botocore_reads() -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(eventstream.event("Kind", b'{"a":1}') + eventstream.exception("Oops", b"{}"))
    read: list[Any] = [(message.headers, message.payload) for message in buffer]
    assert read == [
        (
            {
                ":message-type": "event",
                ":event-type": "Kind",
                ":content-type": "application/json",
            },
            b'{"a":1}',
        ),
        (
            {
                ":message-type": "exception",
                ":exception-type": "Oops",
                ":content-type": "application/json",
            },
            b"{}",
        ),
    ]
