"""Receipts of a resubmission: which lines were put, in the lake's bucket, where SQL reads them.

`resubmitted/<type>/arrival_date=YYYY-MM-DD/<run>-<number>.json.gz`: a line {line, run, reason,
resubmitted_at} per record, in the folder of its line's arrival date. A receipt is written after
Firehose has taken its records, never before: who is killed in between puts them once more, and
`<type>_unique` shows them once.
"""

import gzip
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from cli.producer import Answer, Call
from cli.rejections import Line
from cli.sender import Put

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TOGETHER = 5_000
"""Records of a receipt: so many a kill puts once more at most, beside the calls in flight."""


class Receipt(msgspec.Struct, frozen=True):
    """One line that was put again."""

    line: str
    run: str
    reason: str
    resubmitted_at: int
    """Epoch milliseconds."""


class Receipts:
    """Put around the put of a sender: notes what was taken, from whatever thread."""

    def __init__(
        self, s3: "S3Client", bucket: str, prefix: str, run: str, together: int = TOGETHER
    ) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._prefix = prefix
        self._run = run
        self._together = together
        self._lock = threading.Lock()
        self._open: dict[int, Line] = {}
        self._put: list[Line] = []
        self._number = 0
        self.keys: list[str] = []

    def expect(self, number: int, line: Line) -> None:
        """The line that the entry of this number is of; its payload is not kept."""
        with self._lock:
            self._open[number] = msgspec.structs.replace(line, payload="")

    def around(self, put: Put) -> Put:
        """The same put, with a receipt for what it says is taken."""

        def noting(call: Call) -> Sequence[Answer]:
            errors = put(call)
            with self._lock:
                for entry, error in zip(call.entries, errors, strict=True):
                    if error is None:
                        self._put.append(self._open.pop(entry.number))
                if len(self._put) >= self._together:
                    self._write()
            return errors

        return noting

    def close(self) -> None:
        """Write what is left."""
        with self._lock:
            self._write()

    def _write(self, now: Callable[[], float] = time.time) -> None:
        moment = round(now() * 1000)
        days: dict[str, list[Receipt]] = defaultdict(list)
        for line in self._put:
            days[line.arrival_date].append(Receipt(line.line, self._run, line.reason, moment))
        for day, receipts in days.items():
            body = b"\n".join(map(msgspec.json.encode, receipts)) + b"\n"
            key = f"{self._prefix}arrival_date={day}/{self._run}-{self._number:06}.json.gz"
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=gzip.compress(body, mtime=0))
            self._number += 1
            self.keys.append(key)
        self._put = []
