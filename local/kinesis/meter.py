"""What streams report to CloudWatch, in the namespace AWS/Kinesis.

Of a whole stream always; of single shards what enhanced monitoring is switched on for. Like AWS, a
put that is not throttled reports 0 throttled records, and a stream that nobody calls nothing.
Latencies are not reported. https://docs.aws.amazon.com/streams/latest/dev/monitoring-with-cloudwatch.html
"""

import time

from local import metrics, settings
from local.metrics import Point, Series

UNITS = {
    "IncomingRecords": "Count",
    "IncomingBytes": "Bytes",
    "WriteProvisionedThroughputExceeded": "Count",
    "ReadProvisionedThroughputExceeded": "Count",
    "PutRecord.Bytes": "Bytes",
    "PutRecord.Success": "Count",
    "PutRecords.Bytes": "Bytes",
    "PutRecords.Success": "Count",
    "PutRecords.TotalRecords": "Count",
    "PutRecords.SuccessfulRecords": "Count",
    "PutRecords.FailedRecords": "Count",
    "PutRecords.ThrottledRecords": "Count",
    "GetRecords.Records": "Count",
    "GetRecords.Bytes": "Bytes",
    "GetRecords.Success": "Count",
    "GetRecords.IteratorAgeMilliseconds": "Milliseconds",
    "SubscribeToShardEvent.Records": "Count",
    "SubscribeToShardEvent.MillisBehindLatest": "Milliseconds",
    "OutgoingRecords": "Count",
    "OutgoingBytes": "Bytes",
    "IteratorAgeMilliseconds": "Milliseconds",
}

SHARD_LEVEL = (
    "IncomingBytes",
    "IncomingRecords",
    "OutgoingBytes",
    "OutgoingRecords",
    "WriteProvisionedThroughputExceeded",
    "ReadProvisionedThroughputExceeded",
    "IteratorAgeMilliseconds",
)
"""What EnableEnhancedMonitoring can switch on, shard by shard."""

Values = dict[str, float]


def report(region: str, stream: str, values: Values, **dimensions: str) -> None:
    """Report metrics of a stream, or of what more dimensions name of it (ConsumerName, ShardId), as
    of now."""
    account = settings.current().account
    named = tuple(sorted({"StreamName": stream, **dimensions}.items()))
    metrics.store.put_all(
        time.time(),
        [
            (
                Series(account, region, "AWS/Kinesis", name, named),
                UNITS[name],
                Point(1.0, value, value, value),
            )
            for name, value in values.items()
        ],
    )
