"""The state of the event types of an environment, each with the numbers of its account.

in: records that the stream took (AWS/Kinesis IncomingRecords); delivered: records that Firehose
wrote to the lake (AWS/Firehose DeliveryToS3.Records); rejected: records that the transform found
wrong (Headrace Rejected). CloudWatch shows them about a minute late.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from cli.athena import Database
from cli.metrics import Metric, sums

if TYPE_CHECKING:
    from mypy_boto3_kinesis.type_defs import StreamDescriptionSummaryTypeDef

    from cli.aws import Account
    from cli.stacks import Deployed, Flow

TOGETHER = 8


class State(msgspec.Struct, frozen=True, kw_only=True):
    """One event type now; `records_in`, `delivered` and `rejected` count since `since`."""

    event_type: str
    stream: str
    stream_status: str
    mode: str
    shards: int
    since: datetime
    records_in: int
    delivered: int
    rejected: int
    newest_delivered: datetime | None
    """Newest `ingested_at` in the table; null when it is empty."""
    age_seconds: float | None


def states(
    account: "Account", deployed: "Deployed", *, now: datetime, window: timedelta
) -> list[State]:
    """The state of every deployed event type, in the order of their names."""
    database = Database(account.athena, deployed.lake())
    kinesis, cloudwatch = account.kinesis, account.cloudwatch
    since = (now - window).replace(minute=0, second=0, microsecond=0)

    def state(flow: "Flow") -> State:
        described = kinesis.describe_stream_summary(StreamName=flow.stream_name)
        stream = described["StreamDescriptionSummary"]
        counts = sums(cloudwatch, metrics(flow), start=since, end=now)
        newest = newest_delivered(database, flow)
        return State(
            event_type=flow.event_type,
            stream=flow.stream_name,
            stream_status=stream["StreamStatus"],
            mode=_mode(stream),
            shards=stream["OpenShardCount"],
            since=since,
            records_in=counts["records_in"],
            delivered=counts["delivered"],
            rejected=counts["rejected"],
            newest_delivered=newest,
            age_seconds=None if newest is None else max(0.0, (now - newest).total_seconds()),
        )

    with ThreadPoolExecutor(TOGETHER) as pool:
        return list(pool.map(state, [deployed.flow(name) for name in deployed.event_types]))


def metrics(flow: "Flow") -> dict[str, Metric]:
    """What counts the records of an event type, by the field of its state."""
    return {
        "records_in": Metric("AWS/Kinesis", "IncomingRecords", "StreamName", flow.stream_name),
        "delivered": Metric(
            "AWS/Firehose",
            "DeliveryToS3.Records",
            "DeliveryStreamName",
            flow.delivery_stream_name,
        ),
        "rejected": Metric("Headrace", "Rejected", "EventType", flow.event_type),
    }


def newest_delivered(database: Database, flow: "Flow") -> datetime | None:
    """The newest `ingested_at` of the table. Athena reads that one column, in all partitions."""
    value = database.ask(f'SELECT max(ingested_at) FROM "{flow.table_name}"').one()  # noqa: S608
    if value is None:
        return None
    return datetime.fromisoformat(str(value).removesuffix(" UTC")).replace(tzinfo=UTC)


def _mode(stream: "StreamDescriptionSummaryTypeDef") -> str:
    mode = stream.get("StreamModeDetails", {}).get("StreamMode", "PROVISIONED")
    return mode.lower().replace("_", "-")
