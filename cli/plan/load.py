"""What a pipeline is asked to carry, and everything that the plan assumes beside it."""

from math import ceil, inf

import msgspec

from cli.errors import WrongUsage
from cli.prices import MIB

# https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
SHARD_BYTES = MIB
SHARD_RECORDS = 1_000
"""Per second, into one shard."""
SHARD_BYTES_OUT = 2 * MIB
"""Per second, shared by all who poll the shard."""
LARGEST_RECORD_BYTES = 10 * MIB
"""What a record may hold with its key, where the stream says so; 1 MiB where it does not."""
FAN_OUT_CONSUMERS = 20
MOST_EVENTS, MOST_PEAK = 1e9, 1e5
"""Per second, and over the mean: one hour of all that CloudWatch keeps is 10,920 times it."""
RETENTION_HOURS = range(24, 8_760 + 1)

ROUNDS = 1_000
"""In which shards are counted up."""
MAGIC_AND_CHECKSUM = 4 + 16
SUB_RECORD = 8
"""Bytes that an aggregated record adds: once, and to each event beside its key."""


class Assumption(msgspec.Struct, frozen=True):
    """A number that the plan uses and nobody typed."""

    value: float
    unit: str
    why: str


class Assumptions(msgspec.Struct, frozen=True, kw_only=True):
    """Every number of its kind; `headrace plan --explain` prints them."""

    key_bytes: Assumption = Assumption(16, "bytes", "partition key of an event")
    transform_us: Assumption = Assumption(
        20,
        "µs",
        "transform, per event on a whole vCPU: `python -m tests.benchmarks.transform`, rounded up",
    )
    processor_us: Assumption = Assumption(
        20, "µs", "processor, per event on a whole vCPU: twice tests.benchmarks.processor's"
    )
    invocation_ms: Assumption = Assumption(
        5, "ms", "an invocation beside its events: runtime, metrics, answer"
    )
    transform_mib: Assumption = Assumption(512, "MiB", "memory of a transform: environment dev")
    processor_mib: Assumption = Assumption(512, "MiB", "memory of a processor: environment dev")
    whole_vcpu_mib: Assumption = Assumption(
        1_769,
        "MiB",
        "memory that comes with one vCPU: "
        "https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html",
    )
    batch: Assumption = Assumption(100, "records", "batch size of a processor's mapping")
    pushes: Assumption = Assumption(
        5, "/s", "batches that fan-out pushes at most per shard and second, as it is not so full"
    )
    transform_batch: Assumption = Assumption(
        0.5, "MiB", "the delivery stream's buffer for its transform (BUFFER_MEGABYTES)"
    )
    transform_wait: Assumption = Assumption(15, "s", "… and its longest wait")
    buffer_mib: Assumption = Assumption(64, "MiB", "a delivered file, before conversion: dev")
    buffer_seconds: Assumption = Assumption(60, "s", "… or what came in this time: dev")
    parquet: Assumption = Assumption(
        0.2, "", "bytes of Parquet per byte of JSON; 60,000 flights in snappy took 0.10"
    )
    scanned: Assumption = Assumption(
        0.25, "", "of a date's bytes, what a query reads: some of the columns"
    )
    dates: Assumption = Assumption(1, "", "event dates that arrive at the same time")
    log_bytes: Assumption = Assumption(
        1_200, "bytes", "logged by an invocation: its line of metrics, and Lambda's three"
    )
    log_months: Assumption = Assumption(0.25, "months", "logs are kept: dev, a week")
    traced: Assumption = Assumption(
        0.05,
        "",
        "invocations that leave a trace, and one a second per function: "
        "https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html",
    )
    type_alarms: Assumption = Assumption(17, "alarms", "of an event type (infra/watches.py)")
    processor_alarms: Assumption = Assumption(12, "alarms", "of a processor (infra/watches.py)")
    type_metrics: Assumption = Assumption(14, "metrics", "of an event type's functions")
    processor_metrics: Assumption = Assumption(11, "metrics", "of a processor and its rescue")
    compaction_s: Assumption = Assumption(
        30, "s/GB", "compaction, per GB of Parquet: tests.benchmarks.compaction, rounded up"
    )
    compaction_mib: Assumption = Assumption(1_769, "MiB", "memory of the compaction: dev")
    polls: Assumption = Assumption(
        15, "/min", "receives of Lambda on an idle queue: five pollers that wait 20 s"
    )
    state_bytes: Assumption = Assumption(60, "bytes", "kept per device, and a fifth for windows")
    event_ecpus: Assumption = Assumption(2, "ECPUs", "the share of an event in its script's cost")
    endpoints: Assumption = Assumption(4, "endpoint-zones", "two endpoints in two zones")
    api_batch: Assumption = Assumption(1, "events", "in a request over HTTP")
    kpu_mib: Assumption = Assumption(
        1, "MiB/s", "one KPU of Flink carries; AWS gives no number, its guides start from this"
    )


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What flows. `rate` is events per second and `size` bytes of one, in the mean; `peak` times
    the mean is what shards must carry."""

    rate: float
    size: float
    peak: float = 1.0
    retention_hours: int = 24
    fan_out: int = 1
    """Processors with enhanced fan-out; delivery always polls."""
    polling: int = 0
    """Further consumers that share the shards' throughput."""
    aggregated: bool = True
    producers: int = 4
    """Processes that put; each fills aggregated records of its own."""
    linger: float = 0.1
    """Seconds that an event waits at most for others to share its record: the default of
    `cli.putting.Producer`."""
    record: int = 51_200
    """Bytes of an aggregated record at most: as `linger`, of the producer."""
    utilisation: float = 0.7
    """Share of the shards' limits that the peak may take."""
    hottest: float = 0.001
    """Share of the events that have the most frequent key."""
    devices: int = 0
    """Devices of which a processor keeps state in Valkey; none: no state."""
    http: float = 0.0
    """Of the events, those per second that come over HTTP."""
    queries: int = 10
    """Of one event date each, a day."""
    months: int = 1
    """The bill is that of this month: what was delivered before is still stored."""
    infrequent_days: int = 0
    archive_days: int = 0
    """Days after which events move; none: they do not (infra/environments.py)."""
    hours: float = 730.0
    """Of the month, as AWS's calculator has it."""
    assumed: Assumptions = Assumptions()

    def checked(self) -> "Load":
        """Itself. Raises WrongUsage for what cannot be meant."""
        if not 0 < self.rate <= MOST_EVENTS:
            raise WrongUsage(
                f"A rate of {self.rate:g} events a second is no load: give --rate above 0 and up"
                f" to {MOST_EVENTS:g}, or measure one with --from-stream or --from-type."
            )
        if not 1 <= self.peak <= MOST_PEAK:
            raise WrongUsage(
                f"A peak of {self.peak:g} times the mean is none: give --peak from 1 to"
                f" {MOST_PEAK:,.0f}."
            )
        if not 0 <= self.http <= self.rate:
            raise WrongUsage(
                f"Of {self.rate:g} events a second {self.http:g} cannot come over HTTP: give --http"
                " from 0 to --rate."
            )
        if not 0 <= self.linger < inf:
            raise WrongUsage(
                f"An event cannot wait {self.linger:g} seconds: give --linger from 0, 0.1 for what"
                " the producer does."
            )
        if not 0 < self.size < inf:
            raise WrongUsage(f"Events of {self.size:g} bytes are none: give --size above 0.")
        if self.size + self.assumed.key_bytes.value > LARGEST_RECORD_BYTES:
            raise WrongUsage(
                f"Kinesis takes no record above {LARGEST_RECORD_BYTES // MIB} MiB with its key:"
                f" events of {self.size:,.0f} bytes belong in S3, and their address on the stream."
            )
        if self.retention_hours not in RETENTION_HOURS:
            raise WrongUsage(
                f"A stream keeps records from {RETENTION_HOURS.start} hours to 365 days, not"
                f" {self.retention_hours} hours: choose --retention within."
            )
        if self.fan_out > FAN_OUT_CONSUMERS:
            raise WrongUsage(
                f"A stream has at most {FAN_OUT_CONSUMERS} fan-out consumers, not {self.fan_out}:"
                " let one processor do the work of several, or emit a derived stream."
            )
        return self

    @property
    def seconds(self) -> float:
        """Of the month."""
        return self.hours * 3600

    @property
    def events(self) -> float:
        """In the month."""
        return self.rate * self.seconds

    @property
    def bytes(self) -> float:
        """In the month, of the events alone."""
        return self.events * self.size


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """How a load looks to Kinesis; `records` and `bytes` are per second in the mean."""

    shards: int
    records: float
    alone: float
    """Of the records, those that hold one event and no more."""
    bytes: float
    """Of data and keys, as the shard's limit counts them."""
    record_bytes: float
    """Data of one record, where events share them."""
    events_per_record: float
    """… and how many share one."""


def wire(load: Load) -> Wire:
    """The records of a load and the shards that carry its peak.

    Shards, as AWS plans them: the largest of MiB/s in, records/s in ÷ 1,000 and MiB/s out ÷ 2 for
    those who poll.
    https://docs.aws.amazon.com/streams/latest/dev/how-do-i-size-a-stream.html
    Aggregated, one producer puts a record per shard when it is full or `linger` has passed. As the
    size of its records follows from the number of shards and the reverse, shards are counted up
    until they suffice. Where the count does not settle, each shard more makes as many more records,
    until there is one event in each. What comes over HTTP is never aggregated: API Gateway puts one
    event to a record.
    """
    key, together = load.assumed.key_bytes.value, load.rate - load.http
    if not load.aggregated or together <= 0:
        return _plain(load)
    event = load.size + key + SUB_RECORD
    limit = max(1.0, (load.record - MAGIC_AND_CHECKSUM) // event)
    shards = 1
    for _ in range(ROUNDS):
        come = together / load.producers / shards * load.linger
        events = max(1.0, min(limit, come))
        if events == 1.0:
            break
        record = events * event + MAGIC_AND_CHECKSUM
        found = _sized(load, shards, alone=load.http, events=events, record=record)
        if found.shards <= shards:
            return found
        shards = found.shards
    return _plain(load)


def _plain(load: Load) -> Wire:
    """An event a record."""
    return _sized(load, 1, alone=load.rate, events=1.0, record=load.size)


def _sized(load: Load, least: int, *, alone: float, events: float, record: float) -> Wire:
    key = load.assumed.key_bytes.value
    shared = (load.rate - alone) / events
    records, size = shared + alone, shared * (record + key) + alone * (load.size + key)
    share = load.peak / load.utilisation
    readers = 1 + load.polling
    shards = max(
        least,
        ceil(size * share / SHARD_BYTES),
        ceil(records * share / SHARD_RECORDS),
        ceil(size * readers * share / SHARD_BYTES_OUT),
    )
    return Wire(
        shards=shards,
        records=records,
        alone=alone,
        bytes=size,
        record_bytes=record,
        events_per_record=events,
    )
