"""One buffer's delivery to an HTTP endpoint: requests, retries, and an end to them."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

from msgspec import structs

from local.delivery import endpoint, failure, world
from local.delivery.buffer import Buffer, Key, Kind
from local.delivery.failure import Reason
from local.delivery.record import Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.delivery.buffer import Item
    from local.delivery.job import Stream


class RequestJob:
    """Posts a buffer to an HTTP endpoint; what is not taken in time becomes failed records."""

    def __init__(self, stream: Stream, buffer: Buffer) -> None:
        self.buffer = buffer
        self._stream = stream
        self._rest = [item for item in buffer.items if isinstance(item, Row)]
        self._failing_since: float | None = None
        self._reason = endpoint.UNREACHABLE
        self._attempts = 0
        self._request_id = str(uuid.uuid4())

    def attempt(self) -> float | None:
        while self._rest:
            rows = self._rest[: endpoint.MOST_RECORDS]
            reason, permanent = self._post(rows)
            if reason is None or permanent:
                self._next()
                continue
            waits = self._retry(reason)
            if waits is not None:
                return waits
            self._give_up(rows)
        return None

    def abandon(self) -> bool:
        self._give_up(self._rest)
        return True

    def _post(self, rows: Sequence[Row]) -> tuple[Reason | None, bool]:
        """Why it was not delivered, and whether it never will be."""
        target = self._stream.destination.endpoint
        assert target is not None  # noqa: S101  a destination keeps its kind
        self._attempts += 1
        if target.secret:
            try:
                target = structs.replace(target, access_key=world.access_key(target.secret))
            except world.Unavailable as unavailable:
                self._stream.report(unavailable.reason)
                return unavailable.reason, False
        now = int(time.time() * 1000)
        headers, body = endpoint.request(
            target, self._stream.arn, self._request_id, now, (row.data for row in rows)
        )
        answer = endpoint.send(target.url, headers, body)
        if isinstance(answer, Reason):
            reason, permanent = answer, False
        else:
            found = endpoint.problem(answer, self._request_id)
            if found is None:
                self._count(Success=1, Records=len(rows), Bytes=sum(len(row.data) for row in rows))
                return None, False
            reason, permanent = found, answer.status == endpoint.TOO_LARGE
        self._count(Success=0)
        self._stream.report(reason)
        return reason, permanent

    def _count(self, **values: float) -> None:
        series = {f"DeliveryToHttpEndpoint.{name}": value for name, value in values.items()}
        self._stream.reporter.count(series)

    def _retry(self, reason: Reason) -> float | None:
        """The wait before the next attempt, None when the retry duration is over."""
        target = self._stream.destination.endpoint
        self._reason = reason
        now = time.monotonic()
        self._failing_since = self._failing_since or now
        if target is None or now - self._failing_since >= target.retry_seconds:
            return None
        left = target.retry_seconds - (now - self._failing_since)
        return min(endpoint.backoff(self._attempts - 1), left)

    def _next(self) -> None:
        del self._rest[: endpoint.MOST_RECORDS]
        self._request_id = str(uuid.uuid4())
        self._failing_since = None
        self._attempts = 0

    def _give_up(self, rows: Sequence[Row]) -> None:
        now = int(time.time() * 1000)
        reason = Reason(self._reason.code, self._reason.message, self._attempts)
        lines: list[Item] = [
            failure.http_endpoint(row.source, row.data, reason, now) for row in rows
        ]
        if lines:
            self._stream.add({Key(Kind.ERROR, failure.HTTP_ENDPOINT): lines})
        self._next()
