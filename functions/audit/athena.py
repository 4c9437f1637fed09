"""SQL, asked through Athena and read from the object that it leaves: pages hold 1,000 rows each."""

from __future__ import annotations

import codecs
import csv
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_s3 import S3Client

FIRST_POLL, LAST_POLL = 0.05, 2.0


class NotAnswered(Exception):
    """Athena failed a query, or somebody stopped it; the message has Athena's reason."""


@dataclass(frozen=True)
class Lake:
    """One database, in one workgroup."""

    athena: AthenaClient
    s3: S3Client
    workgroup: str
    database: str
    sleep: Callable[[float], None] = time.sleep

    def rows(self, sql: str) -> Iterator[list[str]]:
        """The rows of the answer, as texts. Raises NotAnswered."""
        started = self.athena.start_query_execution(
            QueryString=sql,
            WorkGroup=self.workgroup,
            QueryExecutionContext={"Database": self.database},
        )
        location = self._wait(started["QueryExecutionId"])
        bucket, _, key = location.removeprefix("s3://").partition("/")
        body = self.s3.get_object(Bucket=bucket, Key=key)["Body"]
        lines = csv.reader(codecs.getreader("utf-8")(body))
        next(lines)
        yield from lines

    def _wait(self, query: str) -> str:
        pause = FIRST_POLL
        while True:
            found = self.athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]
            status = found["Status"]
            if status["State"] == "SUCCEEDED":
                return found["ResultConfiguration"]["OutputLocation"]
            if status["State"] in ("FAILED", "CANCELLED"):
                raise NotAnswered(status.get("StateChangeReason", status["State"]))
            self.sleep(pause)
            pause = min(pause * 1.5, LAST_POLL)
