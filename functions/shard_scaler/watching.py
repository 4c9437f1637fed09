"""CloudWatch's minutes of a stream, and of its shards, as samples.

A metric costs a cent per 1,000 times that it is asked for, whatever number of minutes: 1.70 USD a
month for a stream that is looked at every minute, 0.43 for each of its consumers with fan-out, and
0.10 for each shard for a look in a quarter of an hour. That is why shards are asked for only when
it matters.

https://docs.aws.amazon.com/streams/latest/dev/monitoring-with-cloudwatch.html
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from functions.shard_scaler.load import DAY, MINUTE, Load, Sample, Shard

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

MOST_QUERIES = 500
BYTES, RECORDS = "IncomingBytes", "IncomingRecords"
THROTTLED = "WriteProvisionedThroughputExceeded"
AGE = "GetRecords.IteratorAgeMilliseconds"
"""Of all who poll."""
AGE_OF_CONSUMER = "SubscribeToShardEvent.MillisBehindLatest"
"""Of one with fan-out, which never polls."""
OF_STREAM = {BYTES: "Sum", RECORDS: "Sum", THROTTLED: "Sum", AGE: "Maximum"}
OF_SHARD = {BYTES: "Sum", RECORDS: "Sum", THROTTLED: "Sum"}
"""Of a single shard there are only those that enhanced monitoring is switched on for."""

Figures = dict[str, float]


@dataclass(frozen=True)
class Watching:
    """One stream in CloudWatch. `now` is in epoch seconds."""

    client: CloudWatchClient
    stream_name: str

    def stream(self, now: float, consumers: Sequence[str]) -> list[Sample]:
        """The minutes of the last day of which CloudWatch has anything, oldest first; `consumers`
        are those that read by enhanced fan-out.

        Who puts nothing makes no metric, while readers make one with every empty answer: such a
        minute has nothing put. A minute without any figure is not known.
        """
        queries = [
            _query(f"m{number}", name, statistic, {"StreamName": self.stream_name})
            for number, (name, statistic) in enumerate(OF_STREAM.items())
        ]
        names = dict(zip((query["Id"] for query in queries), OF_STREAM, strict=True))
        for number, consumer in enumerate(consumers):
            dimensions = {"StreamName": self.stream_name, "ConsumerName": consumer}
            queries.append(_query(f"c{number}", AGE_OF_CONSUMER, "Maximum", dimensions))
            names[f"c{number}"] = AGE
        minutes: dict[int, Figures] = defaultdict(dict)
        for identity, at, value in self._values(queries, now - DAY - MINUTE, now):
            figures, name = minutes[at], names[identity]
            figures[name] = max(value, figures.get(name, 0.0))  # the age is that of the slowest
        return [_sample(at, minutes[at]) for at in sorted(minutes)]

    def shards(
        self, now: float, samples: Sequence[Sample], shards: Sequence[Shard], since: float
    ) -> list[Sample]:
        """The samples, with what each of these shards took in the minutes since an instant at which
        they were all there: a shard that no minute has anything of was given nothing then."""
        if since >= now:
            return list(samples)
        queries, meant = [], {}
        for place, shard in enumerate(shards):
            dimensions = {"StreamName": self.stream_name, "ShardId": shard.shard_id}
            for number, (name, statistic) in enumerate(OF_SHARD.items()):
                identity = f"s{place}_{number}"
                queries.append(_query(identity, name, statistic, dimensions))
                meant[identity] = shard.shard_id, name
        found: dict[int, dict[str, Figures]] = defaultdict(lambda: defaultdict(dict))
        for identity, at, value in self._values(queries, since, now):
            shard_id, name = meant[identity]
            if at >= since:
                found[at][shard_id][name] = value
        return [
            replace(one, by_shard=_loads(shards, found[one.at])) if one.at in found else one
            for one in samples
        ]

    def _values(
        self, queries: Sequence[dict[str, Any]], begin: float, end: float
    ) -> Iterator[tuple[str, int, float]]:
        """(the query's id, the minute, the value), in no order."""
        pages = self.client.get_paginator("get_metric_data")
        for first in range(0, len(queries), MOST_QUERIES):
            for page in pages.paginate(
                MetricDataQueries=queries[first : first + MOST_QUERIES],  # type: ignore[arg-type]
                StartTime=datetime.fromtimestamp(begin // MINUTE * MINUTE, UTC),
                EndTime=datetime.fromtimestamp(end, UTC),
            ):
                for result in page["MetricDataResults"]:
                    for at, value in zip(result["Timestamps"], result["Values"], strict=True):
                        yield result["Id"], int(at.timestamp()), value


def _query(
    identity: str, metric: str, statistic: str, dimensions: Mapping[str, str]
) -> dict[str, Any]:
    named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    return {
        "Id": identity,
        "MetricStat": {
            "Metric": {"Namespace": "AWS/Kinesis", "MetricName": metric, "Dimensions": named},
            "Period": MINUTE,
            "Stat": statistic,
        },
    }


def _sample(at: int, figures: Figures) -> Sample:
    return Sample(
        at,
        figures.get(BYTES, 0.0),
        figures.get(RECORDS, 0.0),
        figures.get(THROTTLED, 0.0),
        figures.get(AGE, 0.0) / 1000,
    )


def _loads(shards: Sequence[Shard], found: Mapping[str, Figures]) -> dict[str, Load]:
    loads = {}
    for shard in shards:
        figures = found.get(shard.shard_id, {})
        loads[shard.shard_id] = Load(
            figures.get(BYTES, 0.0), figures.get(RECORDS, 0.0), figures.get(THROTTLED, 0.0)
        )
    return loads
