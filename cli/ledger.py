"""The state of the event types of an environment, each with the numbers of its account.

in: events that came in. The stream counts records (AWS/Kinesis IncomingRecords), of which one may
hold many events, as `headrace replay` puts them; delivery counts the events in those that it has
read (Headrace Received). The larger of the two is told. delivered: records that Firehose wrote to
the lake (AWS/Firehose DeliveryToS3.Records); rejected: records that the transform found wrong
(Headrace Rejected); replayed: records that came out of this very lake and are not written to it
again (Headrace Replayed). CloudWatch shows them about a minute late.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from cli.errors import MissingStack
from cli.metrics import Metric, hourly, newest, total

if TYPE_CHECKING:
    from mypy_boto3_kinesis.type_defs import StreamDescriptionSummaryTypeDef

    from cli.aws import Account
    from cli.stacks import Deployed, Flow

TOGETHER = 8
ENDS = ("delivered", "rejected", "replayed")


class State(msgspec.Struct, frozen=True, kw_only=True):
    """One event type now; what is counted counts since `since`."""

    event_type: str
    stream: str
    stream_status: str
    mode: str
    shards: int
    since: datetime
    records_in: int
    delivered: int
    rejected: int
    replayed: int
    outstanding: int
    """What came in and is none of these: on its way, or failed and kept under the error prefix.

    What stays open when nothing comes in any more is there. Nothing is less than none: the metrics
    are of three services, which publish at different times; what came in before `since` may be
    delivered after it; and an aggregated record that waits to be read counts as one.
    """
    newest_delivered: datetime | None
    """Start of the newest minute in which records were delivered; null when none was since
    `since`. CloudWatch has minutes for 15 days, then 5 minutes, after 63 days hours."""
    age_seconds: float | None
    http_url: str
    """Where events are taken over HTTP; empty where they are not."""


class Unready(msgspec.Struct, frozen=True, kw_only=True):
    """An event type whose stack is there and not, or not yet, whole."""

    event_type: str
    problem: str
    """A sentence that says what to do."""


def states(
    account: "Account", deployed: "Deployed", *, now: datetime, window: timedelta
) -> list[State | Unready]:
    """The state of every deployed event type, in the order of their names."""
    # Clients are made here, one after the other: a session is not for several threads.
    clients = account.kinesis, account.cloudwatch
    since = (now - window).replace(minute=0, second=0, microsecond=0)

    def state(name: str) -> State | Unready:
        try:
            flow = deployed.flow(name)
            described = clients[0].describe_stream_summary(StreamName=flow.stream_name)
        except MissingStack as missing:
            return Unready(event_type=name, problem=str(missing))
        except clients[0].exceptions.ResourceNotFoundException:
            problem = f"Stream {flow.stream_name} does not exist: deploy {name} again."
            return Unready(event_type=name, problem=problem)
        summary = described["StreamDescriptionSummary"]
        return _state(account, flow, deployed.environment, summary, since=since, now=now)

    with ThreadPoolExecutor(TOGETHER) as pool:
        return list(pool.map(state, deployed.event_types))


def _state(
    account: "Account",
    flow: "Flow",
    environment: str,
    stream: "StreamDescriptionSummaryTypeDef",
    *,
    since: datetime,
    now: datetime,
) -> State:
    counted = metrics(flow, environment)
    hours = hourly(account.cloudwatch, counted, start=since, end=now)
    counts = {name: total(periods) for name, periods in hours.items()}
    came_in = max(counts["records_in"], counts["received"])
    delivered = counted["delivered"]
    last = newest(account.cloudwatch, delivered, hours["delivered"], now=now)
    return State(
        event_type=flow.event_type,
        stream=flow.stream_name,
        stream_status=stream["StreamStatus"],
        mode=_mode(stream),
        shards=stream["OpenShardCount"],
        since=since,
        records_in=came_in,
        delivered=counts["delivered"],
        rejected=counts["rejected"],
        replayed=counts["replayed"],
        outstanding=max(0, came_in - sum(counts[name] for name in ENDS)),
        newest_delivered=last,
        age_seconds=None if last is None else max(0.0, (now - last).total_seconds()),
        http_url=flow.http_url,
    )


def metrics(flow: "Flow", environment: str) -> dict[str, Metric]:
    """What counts the records of an event type, by the field of its state."""
    return {
        "records_in": Metric("AWS/Kinesis", "IncomingRecords", "StreamName", flow.stream_name),
        "delivered": Metric(
            "AWS/Firehose",
            "DeliveryToS3.Records",
            "DeliveryStreamName",
            flow.delivery_stream_name,
        ),
        "received": Metric("Headrace", "Received", "EventType", flow.event_type, environment),
        "rejected": Metric("Headrace", "Rejected", "EventType", flow.event_type, environment),
        "replayed": Metric("Headrace", "Replayed", "EventType", flow.event_type, environment),
    }


def _mode(stream: "StreamDescriptionSummaryTypeDef") -> str:
    mode = stream.get("StreamModeDetails", {}).get("StreamMode", "PROVISIONED")
    return mode.lower().replace("_", "-")
