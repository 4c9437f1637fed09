"""The failure archive in SQL: what processors gave up, of every event type.

The rescue of each processor writes JSON lines beside the batches (events/failure.py); the view
`failures` shows them with their payload as text and as bytes, and the ranges that the stream had
forgotten, whose payload is null.
"""

from pathlib import Path

from aws_cdk import aws_glue as glue
from aws_cdk import aws_s3 as s3
from constructs import Construct

from events.failure import DATE_COLUMN, RECORDS_PREFIX
from infra.environments import Environment
from infra.lines import Lines
from infra.view import Column, View

SQL = Path(__file__).parent / "views" / "failures.sql"

# The members of events.failure.Line.
COLUMNS = {
    "failure_id": "string",
    "processor": "string",
    "event_type": "string",
    "shard_id": "string",
    "sequence_number": "string",
    "subsequence_number": "bigint",
    "partition_key": "string",
    "payload": "string",
    "arrived_at": "bigint",
    "gone": "string",
    "gone_until": "string",
    "gone_records": "bigint",
    "condition": "string",
    "error": "string",
    "invocations": "bigint",
    "request_id": "string",
    "exact": "boolean",
    "failed_at": "bigint",
    "rescued_at": "bigint",
    "function_arn": "string",
    "stream_arn": "string",
    "log_group": "string",
}
VIEW_COLUMNS = (
    Column("failure_id", "varchar", "the batch; `headrace failures show` takes it"),
    Column("processor", "varchar", "who failed"),
    Column("event_type", "varchar", "what it was reading"),
    Column("condition", "varchar", "Lambda's word for why it was given up"),
    Column("error", "varchar", "Unhandled if the function raised, else empty"),
    Column("payload", "varchar", "the record as text, U+FFFD for what is not UTF-8; null if gone"),
    Column("payload_base64", "varchar", "the record's very bytes"),
    Column("gone", "varchar", "why the stream had these records no longer; null if it had"),
    Column("gone_until", "varchar", "last sequence number of the range that is gone"),
    Column("gone_records", "bigint", "how many are gone, at least"),
    Column("shard_id", "varchar", "shard that the record was read from"),
    Column("sequence_number", "varchar", "of the record in its shard; of a range, the first"),
    Column("subsequence_number", "bigint", "position in an aggregated record, otherwise 0"),
    Column("partition_key", "varchar", "the record's own"),
    Column("exact", "boolean", "false if records of other batches may be among the batch's"),
    Column("invocations", "bigint", "how often the batch was tried"),
    Column("arrived_at", "timestamp(3)", "when the stream took the record"),
    Column("failed_at", "timestamp(3)", "when the batch was given up"),
    Column("rescued_at", "timestamp(3)", "when it was read back"),
    Column("request_id", "varchar", "invocation that failed last: look for it in the log"),
    Column("log_group", "varchar", "where the function logs"),
    Column("function_arn", "varchar", "the function"),
    Column("stream_arn", "varchar", "the stream"),
    Column(DATE_COLUMN, "varchar", "UTC date; a query that names it reads only those days"),
)


class Failures(Construct):
    """`failure_lines` and the view of it, `failures`."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        environment: Environment,
        database: glue.CfnDatabase,
        bucket: s3.IBucket,
    ) -> None:
        super().__init__(scope, name)
        lines = Lines(
            self,
            "Lines",
            environment=environment,
            table="failure_lines",
            description="Lines on records that processors gave up; query failures instead",
            database=database,
            columns=COLUMNS,
            date=DATE_COLUMN,
            location=bucket.s3_url_for_object(RECORDS_PREFIX),
        )
        view = View(
            self,
            "View",
            view_name="failures",
            description="Every record that a processor gave up and that waits to be redriven",
            database=database,
            database_name=environment.database,
            columns=VIEW_COLUMNS,
            sql=SQL.read_text().strip(),
        )
        view.resource.node.add_dependency(lines)
        self.view_name = view.resource.ref
