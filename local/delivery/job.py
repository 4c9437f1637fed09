"""One buffer's delivery to S3: an object, written until it is there."""

from __future__ import annotations

import gzip
import time
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct, structs

from local.delivery import conversion, failure, prefix, world
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


class _Made(Struct, frozen=True):
    """An object, made once for a destination. Without a body there is none to write."""

    object: world.Object
    failed: list[Line]
    converted: bool = False


class ObjectJob:
    """Writes a buffer to S3."""

    def __init__(self, stream: Stream, buffer: Buffer) -> None:
        self.buffer = buffer
        self._stream = stream
        self._destination = stream.destination
        self._made: _Made | None = None
        self._attempts = 0

    def attempt(self) -> float | None:
        self._attempts += 1
        try:
            made = self._current()
            if made.object.body:
                world.put_object(made.object)
        except Unavailable as unavailable:
            self._stream.report(unavailable.reason)
            self._stream.reporter.count({f"{self._series()}.Success": 0})
            return _backoff(self._attempts)
        self._written(made)
        return None

    def abandon(self) -> bool:
        return False

    def _current(self) -> _Made:
        """The object for the destination as it is now: an update of the delivery stream releases
        what its destination of before refused."""
        now = self._stream.destination
        if self._made is None or now is not self._destination:
            self._destination = now
            self._made = self._make()
        return self._made

    def _written(self, made: _Made) -> None:
        if made.converted:
            self._count_conversion(made.failed)
        if made.failed:
            self._stream.add({Key(Kind.ERROR, made.failed[0].kind): list(made.failed)})
        series, items = self._series(), self.buffer.items
        delivered = len(items) - len(made.failed)
        # Whether AWS counts the error output as delivered is not documented. [open]
        if self.buffer.key.kind is not Kind.ERROR and delivered:
            size = sum([len(_source(item).data) for item in items])
            size -= sum(len(line.source.data) for line in made.failed)
            age = max(0.0, time.time() - self.buffer.oldest / 1000)
            count = self._stream.reporter.count
            count({f"{series}.Records": delivered, f"{series}.Bytes": size})
            count({f"{series}.DataFreshness": age}, "Seconds")
        self._stream.reporter.count({f"{series}.Success": 1})

    def _series(self) -> str:
        return "BackupToS3" if self.buffer.key.kind is Kind.BACKUP else "DeliveryToS3"

    def _make(self) -> _Made:
        kind, name = self.buffer.key
        destination = self._destination
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
        made = self._object(target, parts, body, failed)
        return structs.replace(made, converted=True)

    def _packed(self, target: Target, template: prefix.Template) -> _Made:
        """The records one after the other, compressed."""
        separator = b"\n" if self._destination.delimiter else b""
        data = separator.join(item.data for item in self.buffer.items if not isinstance(item, Line))
        if not target.gzip:
            return self._object(target, template, data, [])
        return self._object(target, template, gzip.compress(data, 6), [], "gzip")

    def _object(
        self,
        target: Target,
        template: prefix.Template,
        body: bytes,
        failed: list[Line],
        encoding: str | None = None,
        *,
        error_type: str | None = None,
    ) -> _Made:
        oldest = self.buffer.oldest / 1000
        extension = "" if error_type else target.extension
        name = prefix.object_name(
            self._stream.name, self._stream.version, oldest, extension, target.timezone
        )
        where = prefix.evaluate(template, oldest, target.timezone, error_type=error_type)
        made = world.Object(target.bucket, where + name, body, encoding, target.key)
        return _Made(made, failed)

    def _converted(self) -> tuple[bytes, list[Line]]:
        """The rows as one file, and the lines of the records that are none."""
        chosen = self._destination.conversion
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
        return body, failed

    def _count_conversion(self, failed: Sequence[Line]) -> None:
        rows = [item for item in self.buffer.items if isinstance(item, Row)]
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
