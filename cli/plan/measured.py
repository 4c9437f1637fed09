"""A load as it was measured: what CloudWatch counted on a deployed stream."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from cli.errors import MissingStack, WrongUsage
from cli.metrics import Metric, hourly, total

if TYPE_CHECKING:
    from cli.aws import Account
    from cli.stacks import Deployed, Flow


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What flowed from the first hour in which anything did; `rate` is events per second in the
    mean, `size` bytes of an event with its key, `peak` the busiest hour over the mean."""

    stream: str
    mode: str
    shards: int
    since: datetime
    hours: int
    records: int
    events: int
    """Records that delivery took out of aggregated ones; `records` where none are aggregated."""
    rate: float
    size: float
    peak: float
    retention_hours: int
    fan_out: int


def of_type(
    account: "Account", deployed: "Deployed", event_type: str, *, now: datetime, days: int
) -> Measured:
    """Of a deployed event type. Raises MissingStack, WrongUsage."""
    return measure(account, deployed.flow(event_type).stream_name, deployed, now=now, days=days)


def measure(
    account: "Account", stream: str, deployed: "Deployed", *, now: datetime, days: int
) -> Measured:
    """Of any stream by its name; where it is one of an event type of the environment, delivery
    says how many events were in its records. Raises MissingStack, WrongUsage."""
    kinesis = account.kinesis
    try:
        described = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    except kinesis.exceptions.ResourceNotFoundException:
        raise MissingStack(
            f"There is no stream {stream!r} in this account and region: `headrace status` names"
            " those of the event types."
        ) from None
    flow = _flow(deployed, stream)
    metrics = {
        "records": Metric("AWS/Kinesis", "IncomingRecords", "StreamName", stream),
        "bytes": Metric("AWS/Kinesis", "IncomingBytes", "StreamName", stream),
    }
    if flow:
        metrics |= _ends(flow, deployed.environment)
    found = hourly(account.cloudwatch, metrics, start=now - timedelta(days=days), end=now)
    counted = found["records"]
    first = min((start for start, number in counted.items() if number), default=None)
    if first is None:
        raise WrongUsage(
            f"Stream {stream} took no records in the last {days} days: look further back with"
            " --days, or give --rate and --size."
        )
    seconds = max((now - first).total_seconds(), 3600.0)
    records = total(counted)
    # What delivery has not written yet it cannot count; what is not aggregated is its own event.
    events = max(records, sum(total(found[name]) for name in found if name in ENDS))
    rate = events / seconds
    share = max(counted.values()) / 3600 / (records / seconds)
    return Measured(
        stream=stream,
        mode=described.get("StreamModeDetails", {})
        .get("StreamMode", "PROVISIONED")
        .lower()
        .replace("_", "-"),
        shards=described["OpenShardCount"],
        since=first,
        hours=round(seconds / 3600),
        records=records,
        events=events,
        rate=rate,
        size=total(found["bytes"]) / events,
        peak=max(1.0, share),
        retention_hours=described["RetentionPeriodHours"],
        fan_out=described.get("ConsumerCount", 0),
    )


ENDS = ("delivered", "rejected", "replayed")


def _ends(flow: "Flow", environment: str) -> dict[str, Metric]:
    from cli.ledger import metrics

    return {name: metric for name, metric in metrics(flow, environment).items() if name in ENDS}


def _flow(deployed: "Deployed", stream: str) -> "Flow | None":
    for event_type in deployed.event_types:
        try:
            flow = deployed.flow(event_type)
        except MissingStack:
            continue
        if flow.stream_name == stream:
            return flow
    return None
