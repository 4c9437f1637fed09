"""The answer of a query as a source of events: its object in S3, which nothing changes any more.

Rows are read from the object and not page by page from Athena: in pages of 1,000 rows the pages
would be most of the time. UNLOAD would write files that are not in order of each other.
https://docs.aws.amazon.com/athena/latest/ug/unload.html
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from cli.errors import UnreadableSource
from cli.rows import EVENT

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PART = 2 * 1024 * 1024
"""Bytes asked for at a time: a replay may take days, which no single answer would outlive."""
LINES = 500


class Chosen:
    """Events of one answer, line by line; the first `after` rows are left out.

    Raises UnreadableSource.
    """

    def __init__(
        self,
        s3: "S3Client",
        location: str,
        make: Callable[[bytes], bytes],
        *,
        after: int = 0,
        part: int = PART,
    ) -> None:
        """`make` makes an event of a row."""
        self.position = 0
        self.size: int | None = None
        self._s3 = s3
        self._bucket, _, self._key = location.removeprefix("s3://").partition("/")
        self._make = make
        self._after = after
        self._part = part

    def lines(self) -> Iterator[list[bytes]]:
        """Lists of events, as JSON."""
        left = self._after
        for rows in self._split():
            if left >= len(rows):
                left -= len(rows)
                continue
            for at in range(left, len(rows), LINES):
                yield [self._event(row) for row in rows[at : at + LINES]]
            left = 0

    def close(self) -> None:
        """Nothing is open."""

    def _split(self) -> Iterator[list[bytes]]:
        """The lines of the object after its header. A line feed ends a row: within, JSON escapes
        it."""
        parts: list[bytes] = []
        header = True
        for part in self._parts():
            first, *rest = part.split(b"\n")
            parts.append(first)
            if not rest:
                continue
            *whole, last = [b"".join(parts), *rest]
            parts = [last]
            if header:
                self._check(whole.pop(0))
                header = False
            yield whole
        if header or parts[0]:
            raise self._unreadable("it ends in the middle")

    def _parts(self) -> Iterator[bytes]:
        from botocore.exceptions import ClientError

        condition: dict[str, str] = {}
        while self.size is None or self.position < self.size:
            until = self.position + self._part - 1
            try:
                answer = self._s3.get_object(
                    Bucket=self._bucket,
                    Key=self._key,
                    Range=f"bytes={self.position}-{until}",
                    **condition,  # type: ignore[arg-type]
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "NoSuchKey":
                    raise
                raise self._unreadable("it is deleted, as answers are after some days") from error
            part = answer["Body"].read()
            condition = {"IfMatch": answer["ETag"]}
            self.size = int(answer["ContentRange"].rpartition("/")[2])
            self.position += len(part)
            yield part

    def _check(self, header: bytes) -> None:
        if header.strip() != f'"{EVENT}"'.encode():
            raise self._unreadable("it is no answer of headrace replay")

    def _event(self, row: bytes) -> bytes:
        """Athena quotes every value, and a quote within as two."""
        return self._make(row.rstrip()[1:-1].replace(b'""', b'"'))

    def _unreadable(self, why: str) -> UnreadableSource:
        return UnreadableSource(
            f"Cannot read s3://{self._bucket}/{self._key}: {why}. Choose the events again with "
            "--where."
        )
