"""One buffer's delivery: an S3 object, or requests to an HTTP endpoint, tried until it is done."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from local.delivery import compression, conversion, endpoint, failure, prefix, world
from local.delivery.buffer import Buffer, Key, Kind
from local.delivery.failure import Line, Reason
from local.delivery.record import Row, Source
from local.delivery.world import Reporter, Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.delivery.buffer import Item
    from local.delivery.configuration import Destination, Target

RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 30.0


class Stream(Protocol):
    """What a delivery needs of its delivery stream."""

    name: str
    arn: str
    region: str
    version: str
    reporter: Reporter

    @property
    def destination(self) -> Destination: ...

    def add(self, groups: dict[Key, list[Item]]) -> None:
        """Put failed records into the buffers."""

    def report(self, reason: Reason, processor: str | None = None) -> None:
        """Log an error."""


class Job(Protocol):
    """A delivery that may take several attempts."""

    buffer: Buffer

    def attempt(self) -> float | None:
        """Try; None when the buffer is accounted for, else the seconds to wait."""

    def abandon(self) -> bool:
        """There is no time for another attempt: whether the records went elsewhere."""


def job(stream: Stream, buffer: Buffer) -> Job:
    if buffer.key.kind is Kind.DATA and stream.destination.endpoint:
        return RequestJob(stream, buffer)
    return ObjectJob(stream, buffer)


class _Object(Struct, frozen=True):
    """An object, made once, written until it is there. Without a body there is none to write."""

    bucket: str
    key: str
    body: bytes
    encoding: str | None
    failed: list[Line]


class ObjectJob:
    """Writes a buffer to S3."""

    def __init__(self, stream: Stream, buffer: Buffer) -> None:
        self.buffer = buffer
        self._stream = stream
        self._made: _Object | None = None
        self._attempts = 0

    def attempt(self) -> float | None:
        self._attempts += 1
        try:
            self._made = self._made or self._make()
            made = self._made
            if made.body:
                world.put_object(made.bucket, made.key, made.body, made.encoding)
        except Unavailable as unavailable:
            self._stream.report(unavailable.reason)
            self._stream.reporter.count({f"{self._series()}.Success": 0})
            return _backoff(self._attempts)
        self._written(made)
        return None

    def abandon(self) -> bool:
        return False

    def _written(self, made: _Object) -> None:
        if made.failed:
            self._stream.add({Key(Kind.ERROR, made.failed[0].kind): list(made.failed)})
        series, items = self._series(), self.buffer.items
        delivered = len(items) - len(made.failed)
        # Whether AWS counts the error output as delivered is not documented. [open]
        if self.buffer.key.kind is not Kind.ERROR and made.body:
            size = sum([len(_source(item).data) for item in items])
            age = max(0.0, time.time() - self.buffer.oldest / 1000)
            count = self._stream.reporter.count
            count({f"{series}.Records": delivered, f"{series}.Bytes": size})
            count({f"{series}.DataFreshness": age}, "Seconds")
        self._stream.reporter.count({f"{series}.Success": 1})

    def _series(self) -> str:
        return "BackupToS3" if self.buffer.key.kind is Kind.BACKUP else "DeliveryToS3"

    def _make(self) -> _Object:
        kind, name = self.buffer.key
        destination = self._stream.destination
        if kind is Kind.ERROR:
            lines = b"".join(item.content for item in self.buffer.items if isinstance(item, Line))
            template = _error_template(destination.target)
            return self._object(destination.target, template, lines, [], error_type=str(name))
        if kind is Kind.BACKUP:
            target = destination.backup or destination.target
            return self._packed(target, prefix.template(target.prefix))
        target = destination.target
        parts = prefix.template(target.prefix) if isinstance(name, str) else name
        if destination.conversion is None:
            return self._packed(target, parts)
        body, failed = self._converted()
        return self._object(target, parts, body, failed)

    def _packed(self, target: Target, template: prefix.Template) -> _Object:
        """The records one after the other, compressed."""
        separator = b"\n" if self._stream.destination.delimiter else b""
        data = separator.join(item.data for item in self.buffer.items if not isinstance(item, Line))
        body = compression.compress(target.compression, data)
        encoding = compression.FORMATS[target.compression].encoding
        return self._object(target, template, body, [], encoding)

    def _object(
        self,
        target: Target,
        template: prefix.Template,
        body: bytes,
        failed: list[Line],
        encoding: str | None = None,
        *,
        error_type: str | None = None,
    ) -> _Object:
        oldest = self.buffer.oldest / 1000
        extension = "" if error_type else target.extension
        name = prefix.object_name(
            self._stream.name, self._stream.version, oldest, extension, target.timezone
        )
        where = prefix.evaluate(template, oldest, target.timezone, error_type=error_type)
        return _Object(target.bucket, where + name, body, encoding, failed)

    def _converted(self) -> tuple[bytes, list[Line]]:
        """The rows as one file, and the lines of the records that are none."""
        chosen = self._stream.destination.conversion
        assert chosen is not None  # noqa: S101  asked for by _make
        schema = world.schema(chosen, self._stream.region)
        rows = [item for item in self.buffer.items if isinstance(item, Row)]
        table, failures = conversion.convert(schema.layout, [row.data for row in rows])
        body = conversion.write(table, chosen.output) if table.num_rows else b""
        now = int(time.time() * 1000)
        failed = [
            failure.conversion(
                rows[one.index].source,
                rows[one.index].data,
                Reason(one.code, one.message),
                schema.table,
                now,
            )
            for one in failures
        ]
        self._count_conversion(rows, failed)
        return body, failed

    def _count_conversion(self, rows: Sequence[Row], failed: Sequence[Line]) -> None:
        size = sum(len(row.data) for row in rows)
        lost = sum(len(line.source.data) for line in failed)
        counts = {
            "SucceedConversion.Records": len(rows) - len(failed),
            "SucceedConversion.Bytes": size - lost,
            "FailedConversion.Records": len(failed),
            "FailedConversion.Bytes": lost,
        }
        self._stream.reporter.count(counts)
        if failed:
            self._stream.report(NOT_CONVERTED)


NOT_CONVERTED = Reason(
    "DataFormatConversion.MalformedData",
    "Records that do not match the schema were delivered to the error output.",
)


def _error_template(target: Target) -> prefix.Template:
    """Without an error prefix the failed records go below the prefix."""
    return prefix.template(target.error_prefix or target.prefix, error=True)


def _backoff(attempts: int) -> float:
    seconds: float = min(RETRY_SECONDS * 2 ** (attempts - 1), LONGEST_RETRY_SECONDS)
    return seconds


def _source(item: Item) -> Source:
    return item if isinstance(item, Source) else item.source


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
