"""What is watched: the metrics by which a pipeline says that it needs somebody.

Each metric is named with every dimension that AWS publishes it under: without them an alarm watches
nothing and stays green.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
https://docs.aws.amazon.com/streams/latest/dev/monitoring-with-cloudwatch.html
https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-metrics.html
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial

from infra.alarms import LASTING, Watch

QUEUE_RETENTION = timedelta(days=14)
"""Of the failure queue; the longest that SQS has."""
FIREHOSE_LIMIT = timedelta(minutes=15)
"""The longest that Firehose can be told to buffer: what is older is late."""

OWN = "Headrace"
"""The namespace of what the functions count (functions/shared/tools.py), each metric of which is
published under its environment and one thing more."""

CALLS_A_DAY = 10
"""Of UpdateShardCount, for one stream."""

Dimensions = Mapping[str, str]


def of_event_type(
    name: str,
    *,
    environment: str,
    retention: timedelta,
    stream: Dimensions,
    delivery: Dimensions,
    resubmission: Dimensions,
    transform: Dimensions,
) -> list[Watch]:
    """Of ingestion and delivery; `retention` is the stream's, `resubmission` the delivery stream
    that rejected records are put on again."""
    firehose = partial(Watch, namespace="AWS/Firehose", dimensions=delivery)
    function = partial(Watch, namespace="AWS/Lambda", dimensions=transform, statistic="Sum")
    return [
        Watch(
            name="WritesThrottled",
            namespace="AWS/Kinesis",
            metric="WriteProvisionedThroughputExceeded",
            dimensions=stream,
            statistic="Sum",
            threshold=1,
            periods=LASTING,
            then=f"Producers put more {name} events than the stream takes. Give it more shards (the"
            " contract's capacity), or spread the partition keys if one shard alone is full.",
        ),
        firehose(
            name="DeliveryLate",
            metric="DeliveryToS3.DataFreshness",
            statistic="Maximum",
            threshold=FIREHOSE_LIMIT.total_seconds(),
            periods=LASTING,
            then=f"The oldest {name} event that is not yet in the lake is this many seconds old."
            " Read the delivery stream's log group: S3, the key or the transform refuses it.",
        ),
        Watch(
            name="ResubmissionLate",
            namespace="AWS/Firehose",
            metric="DeliveryToS3.DataFreshness",
            dimensions=resubmission,
            statistic="Maximum",
            threshold=FIREHOSE_LIMIT.total_seconds(),
            periods=LASTING,
            then=f"The oldest resubmitted {name} event that is not yet in the lake is this many"
            " seconds old. Read the log group of that delivery stream; after 24 hours Firehose"
            " drops it, and `headrace rejected resubmit --again` puts it once more.",
        ),
        firehose(
            name="DeliveryBehind",
            metric="KinesisMillisBehindLatest",
            statistic="Maximum",
            threshold=_milliseconds(retention / 4),
            then=f"Delivery of {name} reads so far behind that events may expire unread. Lengthen"
            " the contract's retention now, then find what slows it: throttled reads, or the"
            " transform.",
        ),
        firehose(
            name="ReadsThrottled",
            metric="ThrottledGetRecords",
            statistic="Sum",
            threshold=1,
            periods=LASTING,
            then=f"Delivery of {name} shares a shard's reads with too many others. Let processors"
            " read by enhanced fan-out (Consumption.fan_out), or give the stream more shards.",
        ),
        firehose(
            name="NotConverted",
            metric="FailedConversion.Records",
            statistic="Sum",
            threshold=1,
            then=f"{name} events that fit the contract did not fit the table: it was changed by"
            " hand, or deployed halfway. Deploy, then put them into it:"
            f" `headrace rejected resubmit {name} --reason format-conversion-failed`.",
        ),
        firehose(
            name="TooManyPartitions",
            metric="PartitionCountExceeded",
            statistic="Maximum",
            threshold=1,
            then=f"{name} events of more dates at once than Firehose writes: what is beyond lies"
            " under the error prefix. Put events in the order of time, or ask for a higher limit;"
            f" then `headrace rejected resubmit {name} --reason metadata-extraction-failed`.",
        ),
        function(
            name="TransformErrors",
            metric="Errors",
            threshold=1,
            then=f"The transform of {name} raised or ran out of time: a defect, or too little"
            " memory. Read its log group. Delivery tries such a batch again, 300 times, and its"
            " shard waits meanwhile: deploy the cure before it ends under the error prefix.",
        ),
        function(
            name="TransformThrottled",
            metric="Throttles",
            threshold=1,
            periods=LASTING,
            then=f"The transform of {name} finds no free concurrency in the account. Raise the"
            " account's limit or reserve some. Delivery tries a batch 300 times more, then puts it"
            f" under the error prefix, whole: `headrace rejected resubmit {name}` gets it back.",
        ),
        Watch(
            name="ReasonsNotKept",
            namespace=OWN,
            metric="Unkept",
            dimensions={"Environment": environment, "EventType": name},
            statistic="Sum",
            threshold=1,
            then=f"The transform of {name} could not put the reasons of rejected records in the"
            " bucket. They are in its log; SQL shows the records as Lambda.MissingRecordId. Look"
            " at its role, the key and the bucket.",
        ),
    ]


def of_processor(
    name: str,
    *,
    environment: str,
    retention: timedelta,
    age: timedelta,
    function: Dimensions,
    consumer: Dimensions | None,
    mapping: Dimensions,
    queue: Dimensions,
    rescue: Dimensions,
) -> list[Watch]:
    """Of a processor; `retention` is that of the stream it reads, `age` the oldest record that it
    tries; `consumer` is none where it shares the stream's throughput, `rescue` the function that
    reads back what it gave up.

    An age is worth an alarm at a quarter of the retention, and before that where it could not grow
    as far: nothing older than `age` is tried, and no message older than its queue's own retention
    is there.
    """
    invoked = partial(Watch, namespace="AWS/Lambda", dimensions=function, statistic="Sum")
    queued = partial(Watch, namespace="AWS/SQS", dimensions=queue, statistic="Maximum")
    rescued = partial(
        Watch,
        namespace=OWN,
        dimensions={"Environment": environment, "Processor": name},
        statistic="Sum",
        threshold=1,
    )
    behind = _milliseconds(min(retention / 4, age / 2))
    hours = age / timedelta(hours=1)
    late = (
        f"{name} is this many milliseconds behind its stream, and gives records up after {hours:g}"
        " hours. If it fails, mend that; if it is slow, raise factor, batch size or memory."
    )
    pushed = Watch(
        name="ConsumerBehind",
        namespace="AWS/Kinesis",
        metric="SubscribeToShardEvent.MillisBehindLatest",
        dimensions=consumer or {},
        statistic="Maximum",
        threshold=behind,
        then=late,
    )
    return [
        invoked(
            name="Behind", metric="IteratorAge", statistic="Maximum", threshold=behind, then=late
        ),
        *([pushed] if consumer else []),
        invoked(
            name="Errors",
            metric="Errors",
            threshold=1,
            periods=LASTING,
            then=f"{name} has been raising or running out of time for a while: batches are tried"
            " again, then go to the failure queue. Read its log group.",
        ),
        invoked(
            name="Throttled",
            metric="Throttles",
            threshold=1,
            periods=LASTING,
            then=f"{name} finds no free concurrency in the account. Raise the account's limit or"
            " reserve some: it waits until its records are too old.",
        ),
        Watch(
            name="Dropped",
            namespace="AWS/Lambda",
            metric="DroppedEventCount",
            dimensions=mapping,
            statistic="Sum",
            threshold=1,
            then=f"Records that {name} did not process are in no failure message either: note the"
            " time, and replay the stream from before it while it still holds them.",
        ),
        invoked(
            name="FailuresNotSent",
            metric="DestinationDeliveryFailures",
            threshold=1,
            then=f"{name} could not describe a failed batch to its failure queue, and its shard"
            " moved on. Compare the queue's policy and key with what is deployed; note the time,"
            " and replay the stream from before it while it still holds the records.",
        ),
        rescued(
            name="Failures",
            metric="RescuedBatches",
            then=f"{name} gave batches up; their records are kept. `headrace failures list` shows"
            " them and why. Mend the cause, then `headrace redrive`.",
        ),
        rescued(
            name="LostRecords",
            metric="LostRecords",
            then=f"Records that {name} gave up were no longer on the stream when they were to be"
            " rescued: `headrace failures list` names them. Lengthen the contract's retention, and"
            " ask the producers for them.",
        ),
        rescued(
            name="Unreadable",
            metric="Unreadable",
            then=f"Something else than a failure came to the failure queue of {name}. It is kept"
            " under failures/unreadable/ in the bucket, with the reason: find out who sent it.",
        ),
        rescued(
            name="NotRescued",
            metric="NotRescued",
            periods=LASTING,
            then=f"Failed batches of {name} could not be kept, and are tried again. The rescue's"
            " log group says why: the stream, the key or the bucket refuses it.",
        ),
        invoked(
            name="RescueErrors",
            metric="Errors",
            dimensions=rescue,
            threshold=1,
            then=f"The rescue of {name} itself raised or ran out of time; its messages come again."
            " Read its log group, and mend it before the stream forgets what they point at.",
        ),
        queued(
            name="FailuresOld",
            metric="ApproximateAgeOfOldestMessage",
            threshold=min(retention / 4, QUEUE_RETENTION / 2).total_seconds(),
            then=f"A failed batch of {name} has waited this many seconds for its rescue: mend that"
            " before its records expire on the stream.",
        ),
    ]


def of_state(name: str, *, cache: Dimensions, topic: Dimensions, gigabytes: int) -> list[Watch]:
    """Of a processor's cache, which may hold so many gigabytes, and of the topic that it tells.

    https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/serverless-metrics-events-redis.html
    """
    cached = partial(Watch, namespace="AWS/ElastiCache", dimensions=cache, statistic="Sum")
    return [
        cached(
            name="CacheFull",
            metric="BytesUsedForCache",
            statistic="Maximum",
            threshold=0.8 * gigabytes * 10**9,
            then=f"The cache of {name} holds four fifths of what it may. Raise cache_gigabytes"
            " (infra/environments.py) and deploy: a cache that is full forgets state.",
        ),
        cached(
            name="CacheForgets",
            metric="Evictions",
            threshold=1,
            then=f"The cache of {name} was full and forgot state, so what it says is not to be"
            " trusted. Raise cache_gigabytes and deploy, then rebuild the state from the lake.",
        ),
        cached(
            name="CacheThrottled",
            metric="ThrottledCmds",
            threshold=1,
            periods=LASTING,
            then=f"The cache of {name} refuses commands beyond what it may do in a second, and"
            " batches are tried again. Raise cache_ecpu_per_second and deploy.",
        ),
        cached(
            name="CacheRefuses",
            metric="AuthenticationFailures",
            threshold=1,
            then=f"Somebody could not log in to the cache of {name}. Nobody but the function can"
            " reach it: compare its role, the cache's user and its group with what is deployed.",
        ),
        *(
            cached(
                name=f"CacheForbids{what}s",
                metric=f"{what}AuthorizationFailures",
                threshold=1,
                then=f"The cache's user may not use a {what.lower()} that {name} asks for: its"
                " settings declare too little (access). Its log group says which; add and deploy.",
            )
            for what in ("Command", "Key")
        ),
        Watch(
            name="NotTold",
            namespace="AWS/SNS",
            metric="NumberOfNotificationsFailed",
            dimensions=topic,
            statistic="Sum",
            threshold=1,
            then=f"What {name} had to tell did not reach a subscriber of its topic. Look at the"
            " subscriptions; the verdicts themselves are in the lake.",
        ),
    ]


def _milliseconds(duration: timedelta) -> float:
    return duration / timedelta(milliseconds=1)


def of_compaction(name: str, *, environment: str, function: Dimensions) -> list[Watch]:
    """Of an event type's compaction: nothing is lost when it stands still, queries get slow."""
    return [
        Watch(
            name="Failed",
            namespace="AWS/Lambda",
            metric="Errors",
            dimensions=function,
            statistic="Sum",
            threshold=1,
            then=f"The compaction of {name} failed as a whole; rows are where they were. Its log"
            " group says why; the next run of the schedule, or `headrace compact`, tries again.",
        ),
        Watch(
            name="DateFailed",
            namespace=OWN,
            metric="FailedDates",
            dimensions={"Environment": environment, "EventType": name},
            statistic="Sum",
            threshold=1,
            then=f"An event date of {name} could not be compacted: its rows are where they were,"
            " and other dates went on. The function's log group names the date and why.",
        ),
    ]


def of_scaler(name: str, *, environment: str, function: Dimensions) -> list[Watch]:
    """Of an event type's shard scaling: when it can do no more, and when it does nothing."""
    own = partial(
        Watch,
        namespace=OWN,
        dimensions={"Environment": environment, "EventType": name},
        statistic="Maximum",
        threshold=1,
    )
    return [
        own(
            name="AtMost",
            metric="AtMost",
            periods=LASTING,
            then=f"{name} has had all the shards that it may have for a while, and needs more."
            " Raise most_shards (scalings in infra/environments.py), or find out who puts so much.",
        ),
        own(
            name="CallsUsed",
            metric="CallsUsed",
            threshold=CALLS_A_DAY,
            then=f"The stream of {name} was scaled as often as AWS allows in 24 hours. It still"
            " grows, by one shard a minute; fewer calls come of a larger margin, of longer"
            " keep_minutes or of a lower target (scalings in infra/environments.py).",
        ),
        own(
            name="HotKey",
            metric="HotKey",
            periods=LASTING,
            then=f"A shard of {name} is full of one partition key's records, which no number of"
            " shards helps. Spread it: a finer partition key in the contract, or aggregation.",
        ),
        own(
            name="Blind",
            metric="Blind",
            periods=LASTING,
            then=f"CloudWatch has no metrics of the stream of {name}, so its shards stay as they"
            " are. Even one that nobody puts to has them while delivery reads it: see to that.",
        ),
        Watch(
            name="Failed",
            namespace="AWS/Lambda",
            metric="Errors",
            dimensions=function,
            statistic="Sum",
            threshold=1,
            periods=LASTING,
            then=f"The shard scaler of {name} has been failing for a while: the shards stay as they"
            " are, whatever comes. Its log group says why.",
        ),
    ]


def of_audit(
    name: str, *, environment: str, function: Dimensions, retention: timedelta
) -> list[Watch]:
    """Of an event type's audit; `retention` is the stream's."""
    found = partial(
        Watch,
        namespace=OWN,
        dimensions={"Environment": environment, "EventType": name},
        statistic="Maximum",
    )
    return [
        found(
            name="Missing",
            metric="MissingRecords",
            threshold=1,
            then=f"Records of {name} are on the stream and nowhere else. `headrace audit {name}`"
            " names them: put them again before the stream forgets them, then find what lost them.",
        ),
        found(
            name="Lost",
            metric="LostRecords",
            threshold=1,
            then=f"Records of {name} were missing until the stream forgot them. The audit's last"
            " reports under audits/ in the bucket name them: ask the producers for them.",
        ),
        found(
            name="TrimmedUnaudited",
            metric="TrimmedUnaudited",
            threshold=1,
            then=f"The stream forgot records of {name} before any audit read them: what became of"
            " them is not proven. Lengthen the contract's retention, or audit more often.",
        ),
        found(
            name="Behind",
            metric="UnauditedSeconds",
            threshold=(retention / 2).total_seconds(),
            then=f"The audit of {name} is this many seconds behind: half of what the stream keeps."
            " Run it more often (audit_hours), or lengthen the contract's retention.",
        ),
        Watch(
            name="Failed",
            namespace="AWS/Lambda",
            metric="Errors",
            dimensions=function,
            statistic="Sum",
            threshold=1,
            then=f"The audit of {name} failed: nothing is proven since the last report. Its log"
            " group says why; the next run of the schedule tries again, from the same record on.",
        ),
    ]
