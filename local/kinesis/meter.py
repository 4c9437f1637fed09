"""What streams report to CloudWatch, in the namespace AWS/Kinesis."""

from local import metrics

UNITS = {
    "IncomingRecords": "Count",
    "IncomingBytes": "Bytes",
    "WriteProvisionedThroughputExceeded": "Count",
    "ReadProvisionedThroughputExceeded": "Count",
    "GetRecords.Records": "Count",
    "GetRecords.Bytes": "Bytes",
    "GetRecords.IteratorAgeMilliseconds": "Milliseconds",
    "SubscribeToShardEvent.Records": "Count",
    "SubscribeToShardEvent.MillisBehindLatest": "Milliseconds",
}


def report(region: str, stream: str, values: dict[str, float], consumer: str | None = None) -> None:
    """Report metrics of a stream, or of one consumer of it, as of now."""
    dimensions = {"StreamName": stream}
    if consumer is not None:
        dimensions["ConsumerName"] = consumer
    for name, value in values.items():
        metrics.put("AWS/Kinesis", name, value, UNITS[name], dimensions, region=region)
