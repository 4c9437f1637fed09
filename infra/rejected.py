"""What is not in an event type's table, and why, in SQL: the view `<type>_rejected`.

Firehose's line on a record that the transform rejected keeps the payload, and of the reason only
"ProcessingFailed status set for record"; nor does it say where the record stood in the stream. The
transform knows both. What it could send back with the record is no way to hand them on: AWS's
documentation does not say whether `rawData` is what the function was given or what it answered, and
nothing else that was found settles it. So the transform answers the record as it came, which reads
the same either way, and writes its verdict beside it, with the payload, as one object per
invocation that rejected anything (functions/delivery_transform/quarantine.py).

That costs one PUT per such invocation (0.005 USD per 1,000), the payload a second time, compressed,
and one permission: to put objects under the type's own prefix. The other way, a short line that the
view joins to Firehose's, was weighed and refused: they share no key but a digest of the payload,
which repeats when a producer repeats itself, and such a join prunes no date.

The view is the two together, each record once: the transform's verdicts, and Firehose's lines but
those of `Lambda.ProcessingFailedStatus`, which say less of the same records; there the reason is
Firehose's error code. When the transform cannot keep a verdict, Firehose's line has another code
and is shown: no rejected record is missing here.
"""

from pathlib import Path
from string import Template

from aws_cdk import aws_glue as glue
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.environments import Environment
from infra.lines import Lines
from infra.view import Column, View

ARRIVAL_DATE = "arrival_date"
SQL = Path(__file__).parent / "views" / "rejected.sql"

# The members of Firehose's lines, of every kind: names match whatever their case. Two spellings of
# the same for conversion, as its documentation had one and now has the other.
# https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-failure-handling.html
# https://docs.aws.amazon.com/firehose/latest/dev/record-format-conversion-error-handling.html
ERROR_COLUMNS = {
    "rawdata": "string",
    "errorcode": "string",
    "errormessage": "string",
    "lasterrorcode": "string",
    "lasterrormessage": "string",
    "attemptsmade": "bigint",
    "arrivaltimestamp": "bigint",
    "attemptendingtimestamp": "bigint",
    "lambdaarn": "string",
    "sequencenumber": "string",
    "subsequencenumber": "bigint",
}
VERDICT_COLUMNS = {
    "reason": "string",
    "detail": "string",
    "payload": "string",
    "arrived_at": "bigint",
    "rejected_at": "bigint",
    "shard_id": "string",
    "sequence_number": "string",
    "subsequence_number": "bigint",
}
VIEW_COLUMNS = (
    Column("reason", "varchar", "the transform's word, or Firehose's error code"),
    Column("detail", "varchar", "which field and what was expected; no value of the payload"),
    Column("payload", "varchar", "the record as text, U+FFFD for what is not UTF-8"),
    Column("payload_base64", "varchar", "the record's very bytes"),
    Column("arrived_at", "timestamp(3)", "when the stream took the record"),
    Column("rejected_at", "timestamp(3)", "when it was rejected, or Firehose gave up"),
    Column("shard_id", "varchar", "shard that the record was read from; null if Firehose is mute"),
    Column("sequence_number", "varchar", "sequence number of the record in its shard"),
    Column("subsequence_number", "bigint", "position in an aggregated record, otherwise 0"),
    Column(ARRIVAL_DATE, "varchar", "UTC date; a query that names it reads only those days"),
)

# What `headrace rejected resubmit` notes of each record that it put again. A line of the view is
# known by `line`: where the record stood, and when it was rejected.
RECEIPT_COLUMNS = {
    "line": "string",
    "run": "string",
    "reason": "string",
    "resubmitted_at": "bigint",
}


class Rejected(Construct):
    """`<type>_errors`, `<type>_verdicts` and the view of both, `<type>_rejected`; beside them what
    of it was resubmitted, `<type>_resubmitted`, and where an HTTP endpoint is fed, what it did not
    take, `<type>_unsent`."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        environment: Environment,
        event_type: str,
        database: glue.CfnDatabase,
        bucket: s3.IBucket,
        error_prefix: str,
        rejected_prefix: str,
        resubmitted_prefix: str,
        unsent_prefix: str,
    ) -> None:
        """`unsent_prefix` is empty where there is no endpoint."""
        super().__init__(scope, name)
        tables = [
            ("errors", ERROR_COLUMNS, error_prefix, "Firehose could not deliver"),
            ("verdicts", VERDICT_COLUMNS, rejected_prefix, "the transform rejected"),
            ("resubmitted", RECEIPT_COLUMNS, resubmitted_prefix, "were put on delivery again"),
        ]
        if unsent_prefix:
            tables.append(("unsent", ERROR_COLUMNS, unsent_prefix, "the endpoint did not take"))
        for table, columns, prefix, description in tables:
            Lines(
                self,
                table.title(),
                environment=environment,
                table=f"{event_type}_{table}",
                description=f"Lines on {event_type} records that {description}",
                database=database,
                columns=columns,
                date=ARRIVAL_DATE,
                location=bucket.s3_url_for_object(prefix),
            )
        view = View(
            self,
            "View",
            view_name=f"{event_type}_rejected",
            description=f"Every {event_type} record that is not in its table, and why",
            database=database,
            database_name=environment.database,
            columns=VIEW_COLUMNS,
            sql=Template(SQL.read_text()).substitute(event_type=event_type).strip(),
        )
        self.view_name = view.resource.ref
