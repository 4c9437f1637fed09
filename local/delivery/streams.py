"""The delivery streams that exist: how the API finds one, and how all of them end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from local import routes
from local.delivery import refusal
from local.settings import ACCOUNT

if TYPE_CHECKING:
    from local.delivery.stream import DeliveryStream

_streams: dict[tuple[str, str], DeliveryStream] = {}
_lock = threading.Lock()


class Call(routes.Call):
    """A call of Firehose."""

    @property
    def stream(self) -> DeliveryStream:
        return find(self.region, self["DeliveryStreamName"])


Operation = Callable[[Call], dict[str, Any]]


def add(stream: DeliveryStream) -> None:
    """Let a new delivery stream exist and run; `ResourceInUseException` when its name is taken."""
    with _lock:
        if (stream.region, stream.name) in _streams:
            raise refusal.in_use(f"Firehose {stream.name} under accountId {ACCOUNT} already exists")
        _streams[stream.region, stream.name] = stream
        stream.runner.start()


def find(region: str, name: str) -> DeliveryStream:
    """The delivery stream of this name; `ResourceNotFoundException` when there is none."""
    with _lock:
        stream = _streams.get((region, name))
    if stream is None:
        raise refusal.not_found(name)
    return stream


def every() -> list[DeliveryStream]:
    with _lock:
        return list(_streams.values())


def end(stream: DeliveryStream, timeout: float) -> None:
    """Deliver what was put, then forget the stream; after `timeout` that goes on alone."""
    with _lock:
        first, stream.status = stream.status != "DELETING", "DELETING"
    if first:
        ending = threading.Thread(target=_end, args=(stream,), daemon=True)
        ending.start()
        ending.join(timeout)


def _end(stream: DeliveryStream) -> None:
    stream.close()
    with _lock:
        _streams.pop((stream.region, stream.name), None)


def close_all() -> None:
    """Deliver everything that was put to any delivery stream, all of them at the same time."""
    endings = [threading.Thread(target=_end, args=(stream,)) for stream in every()]
    for ending in endings:
        ending.start()
    for ending in endings:
        ending.join()
