"""What delivery does outside itself: S3, Glue, CloudWatch, by moto's backends in this process."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from moto.core.exceptions import ServiceException
from moto.glue.models import glue_backends
from moto.s3.models import s3_backends
from moto.secretsmanager.models import secretsmanager_backends
from msgspec import Struct
from werkzeug.exceptions import HTTPException

from local import logs, metrics
from local.delivery import hive
from local.delivery.configuration import Conversion, Log
from local.delivery.failure import CatalogTable, Reason
from local.delivery.typed import Layout, Options
from local.settings import ACCOUNT

LOGGER = logging.getLogger("local.delivery")
PARTITION = "aws"
CONTENT_TYPE = "application/octet-stream"
NAMESPACE = "AWS/Firehose"

NO_BUCKET = Reason(
    "S3.NoSuchBucket",
    "The specified bucket does not exist. Create the bucket or use a different bucket that does "
    "exist.",
)
NO_TABLE = Reason(
    "DataFormatConversion.EntityNotFound",
    "The specified table/database could not be found. Please ensure that the table/database "
    "exists and that the values provided in the schema configuration are correct, especially "
    "with regards to casing.",
)
NO_SCHEMA = Reason(
    "DataFormatConversion.InvalidSchema",
    "The schema is invalid. One or more columns have types that are not supported by "
    "org.openx.data.JsonSerDe.",
)


NO_SECRET = Reason(
    "SecretsManager.AccessFailed",  # [open]
    'The secret could not be read, or is not of the form {"api_key": "…"}.',
)


class Unavailable(Exception):
    """Something outside refused; worth another attempt."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.message)
        self.reason = reason


def access_key(secret: str) -> str:
    """The access key that a secret holds now, by its ARN; raises `Unavailable`.
    https://docs.aws.amazon.com/firehose/latest/dev/secrets-manager-whats-secret.html"""
    try:
        _, _, _, region, account, _ = secret.split(":", 5)
        found = secretsmanager_backends[account][region].get_secret_value(
            secret, version_id="", version_stage="AWSCURRENT"
        )
        return str(json.loads(found["SecretString"])["api_key"])
    except (ServiceException, HTTPException, ValueError, LookupError, TypeError) as error:
        raise Unavailable(NO_SECRET) from error


class Schema(Struct, frozen=True):
    """A version of a table, ready to convert by."""

    layout: Layout
    table: CatalogTable


class Object(Struct, frozen=True):
    """An object to be written; `kms_key` None leaves its encryption to the bucket."""

    bucket: str
    key: str
    body: bytes
    encoding: str | None = None
    kms_key: str | None = None


def put_object(made: Object) -> None:
    """Write an object, whole or not at all; raises `Unavailable`."""
    backend = s3_backends[ACCOUNT][PARTITION]
    try:
        written = backend.put_object(
            made.bucket,
            made.key,
            made.body,
            encryption="aws:kms" if made.kms_key else None,
            kms_key_id=made.kms_key,
        )
    except (ServiceException, HTTPException) as error:
        code = getattr(error, "code", None) or getattr(error, "error_type", "")
        if code in ("NoSuchBucket", 404):
            raise Unavailable(NO_BUCKET) from error
        raise Unavailable(Reason(f"S3.{code}", str(error))) from error
    kept = {"Content-Type": CONTENT_TYPE}
    written.set_metadata({**kept, "Content-Encoding": made.encoding} if made.encoding else kept)


def schema(conversion: Conversion, region: str) -> Schema:
    """The table's columns as they are now; raises `Unavailable`."""
    where = conversion.region or region
    backend = glue_backends[conversion.catalog or ACCOUNT][where]
    try:
        table = backend.get_table(conversion.database.lower(), conversion.table.lower())
        wanted = None if conversion.version == "LATEST" else conversion.version
        found: dict[str, Any] = table.as_dict(wanted)
    except (ServiceException, HTTPException) as error:
        raise Unavailable(NO_TABLE) from error
    columns = tuple(
        (column["Name"].lower(), column.get("Type", "string"))
        for column in found["StorageDescriptor"]["Columns"]
    )
    catalog = CatalogTable(
        conversion.catalog,
        conversion.database,
        conversion.table,
        where,
        conversion.version,
    )
    return Schema(_layout(columns, json.dumps(_plain(conversion.options))), catalog)


def _plain(options: Options) -> list[Any]:
    return [options.case_insensitive, options.dots_to_underscores, options.keys]


@lru_cache(maxsize=64)
def _layout(columns: tuple[tuple[str, str], ...], options: str) -> Layout:
    try:
        kinds = [(name, hive.parse(kind)) for name, kind in columns]
    except hive.UnsupportedType as error:
        raise Unavailable(NO_SCHEMA) from error
    return Layout(kinds, Options(*json.loads(options)))


class Reporter:
    """Metrics and error logs of one delivery stream."""

    def __init__(self, name: str, arn: str, region: str) -> None:
        self._name = name
        self._arn = arn
        self._region = region

    def count(self, values: Mapping[str, float], unit: str = "Count") -> None:
        for name, value in values.items():
            self._put(name, value, "Bytes" if name.endswith(".Bytes") else unit)

    def _put(self, name: str, value: float, unit: str) -> None:
        dimensions = {"DeliveryStreamName": self._name}
        metrics.put(NAMESPACE, name, value, unit, dimensions, region=self._region)

    def error(
        self,
        reason: Reason,
        log: Log | None,
        version: str,
        destination: str,
        processor: str | None = None,
    ) -> None:
        """Say what went wrong, on the terminal and in the configured log stream."""
        LOGGER.warning("%s: %s %s", self._name, reason.code, reason.message)
        if log is None:
            return
        line = {
            "deliveryStreamARN": self._arn,
            "destination": destination,
            "deliveryStreamVersionId": int(version),
            "message": reason.message,
            "errorCode": reason.code,
        }
        if processor:
            line["processor"] = processor
        event = (int(time.time() * 1000), json.dumps(line))
        logs.write(ACCOUNT, self._region, log.group, log.stream, [event])
