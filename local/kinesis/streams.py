"""The streams that exist: how other parts, and the API, find one.

stream = streams.find(arn)
version = stream.version
for shard in stream.shards():
    records = shard.read(after=None, limit=10_000)
stream.wait(timeout=1.0, since=version)
"""

import threading

from local import settings
from local.kinesis import errors
from local.kinesis.stream import Stream

_streams: dict[str, Stream] = {}
_lock = threading.Lock()


def add(stream: Stream) -> None:
    """Let a new stream exist; `ResourceInUseException` when its name is taken."""
    with _lock:
        if stream.arn in _streams:
            raise errors.in_use(
                f"Stream {stream.name} under account {settings.ACCOUNT} already exists."
            )
        _streams[stream.arn] = stream


def find(arn: str) -> Stream:
    """The stream of this ARN; `ResourceNotFoundException` when there is none."""
    with _lock:
        stream = _streams.get(arn)
    if stream is None:
        raise errors.no_stream(arn.rpartition("/")[2])
    return stream


def find_by_name(region: str, name: str) -> Stream:
    return find(f"arn:aws:kinesis:{region}:{settings.ACCOUNT}:stream/{name}")


def find_by_id(identity: bytes) -> Stream | None:
    with _lock:
        return next((stream for stream in _streams.values() if stream.id == identity), None)


def every(region: str) -> list[Stream]:
    """The streams of a region by name."""
    with _lock:
        found = [stream for stream in _streams.values() if stream.region == region]
    return sorted(found, key=lambda stream: stream.name)


def remove(stream: Stream) -> None:
    """Delete a stream; whoever waits on it is told."""
    with _lock:
        _streams.pop(stream.arn, None)
    with stream.lock:
        stream.deleted = True
        stream.changed()


def clear() -> None:
    """Delete every stream."""
    with _lock:
        existing = list(_streams.values())
    for stream in existing:
        remove(stream)
