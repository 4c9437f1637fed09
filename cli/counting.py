"""How many records of an event type ended where: counted, not estimated."""

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cli.athena import Database
from cli.stacks import Flow, Lake

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

GZIP = b"\x1f\x8b"


@dataclass(slots=True)
class Counter:
    """Counts the records of one event type, again and again while they arrive."""

    database: Database
    s3: "S3Client"
    lake: Lake
    flow: Flow
    _counted: dict[str, int] = field(default_factory=dict)
    """Error objects by key: they never change, so each is read once."""

    def delivered(self) -> int:
        """Rows of the table, by SQL."""
        return int(self.database.ask(f'SELECT count(*) FROM "{self.flow.table_name}"').one())  # noqa: S608

    def rejected(self) -> int:
        """Lines of the error objects: Firehose writes one for each record it could not deliver."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.lake.bucket_name, Prefix=self.flow.error_prefix
        )
        for page in pages:
            for found in page.get("Contents", []):
                if found["Key"] not in self._counted:
                    self._counted[found["Key"]] = self._lines(found["Key"])
        return sum(self._counted.values())

    def _lines(self, key: str) -> int:
        body = self.s3.get_object(Bucket=self.lake.bucket_name, Key=key)["Body"].read()
        if body.startswith(GZIP):
            body = zlib.decompress(body, wbits=zlib.MAX_WBITS | 16)
        return sum(1 for line in body.splitlines() if line.strip())
