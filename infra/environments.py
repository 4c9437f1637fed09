"""The environments that can be deployed, and the values in which they may differ.

`cdk deploy -c env=prod` chooses one. To add an environment is to add a value to ENVIRONMENTS.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aws_cdk.aws_logs import RetentionDays

from functions.shard_scaler.settings import Policy
from infra.deliveries import Delivered
from infra.errors import WrongConfiguration
from infra.http_settings import Http
from infra.lifetimes import Lifetime

# AWS's limits for a delivery stream that converts and partitions, for a function that Firehose
# calls, and for Athena's cutoff: a value outside them fails late, in the middle of a deployment.
# https://docs.aws.amazon.com/firehose/latest/APIReference/API_BufferingHints.html
# https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html
BUFFER_MIB = range(64, 128 + 1)
BUFFER_SECONDS = range(60, 900 + 1)
TRANSFORM_MEMORY_MIB = range(128, 10_240 + 1)
TRANSFORM_SECONDS = range(1, 300 + 1)
PROCESSOR_MEMORY_MIB = range(128, 10_240 + 1)
PROCESSOR_SECONDS = range(1, 900 + 1)
LEAST_SCAN_LIMIT_BYTES = 10_000_000
NAME_LENGTH = range(1, 20 + 1)
COMPACTION_MEMORY_MIB = range(512, 10_240 + 1)
NETWORK_ZONES = range(1, 2 + 1)
# https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Scaling.html
CACHE_GIGABYTES = range(1, 5_000 + 1)
CACHE_ECPU_PER_SECOND = range(1_000, 15_000_000 + 1)
COMPACTION_DISK_MIB = range(1024, 10_240 + 1)


@dataclass(frozen=True, kw_only=True)
class Environment:
    """One deployment of Headrace in an account."""

    name: str
    """Part of the names of stacks, database and workgroup: lower case letters and digits."""
    keep_data: bool
    """Whether buckets, key, streams and logs outlive their stacks, which then refuse deletion.

    Where it is False, `cdk destroy` leaves nothing, with one condition: S3 deletes only empty
    buckets, so empty them first (`aws s3 rm --recursive s3://…`; they keep no old versions). CDK
    could do that, but with a function of its own in the account that may delete every object.
    """
    log_retention: RetentionDays
    access_log_days: int
    """Days that S3's record of who read and wrote is kept."""
    old_version_days: int
    """Days that an overwritten or deleted object can be restored; 0 keeps no versions."""
    query_result_days: int
    """Days that Athena's results are kept: they can be had again from the data."""
    scan_limit_bytes: int
    """Athena stops a query that reads more. One TB costs 5 USD."""
    buffer_mib: int
    buffer_seconds: int
    """A delivered file holds this much data or time, whichever is reached first, per event date:
    shorter is fresher, longer makes fewer and larger files, which are faster to query."""
    transform_memory_mib: int
    transform_seconds: int
    processor_memory_mib: int
    """More memory is more CPU, for every processor: the whole of one at 1,769 MiB."""
    processor_seconds: int
    """A batch that takes longer has failed, and is tried again."""
    network_zones: int
    """Availability zones that the endpoints of a processor with state are in: 7.30 USD a month for
    each of its two services and zone."""
    cache_gigabytes: int
    cache_ecpu_per_second: int
    """What the cache of a processor with state may hold and do at most, and so what it may cost:
    61 USD a month per GB, 6 USD per 1,000 ECPU a second. Beyond, it forgets or refuses."""
    audit_hours: int
    """Hours from one audit to the next: how long something may be missing unnoticed."""
    compaction_hours: int
    """Hours from one run of the compaction to the next."""
    compaction_memory_mib: int
    compaction_disk_mib: int
    """The function's disk: a fifth of it is what one pass over an event date reads at most."""
    events: Lifetime
    errors: Lifetime
    """Of everything that is not in the tables: rejected records, and what could not be sent."""
    source: Lifetime
    """Of the records as they came, where an event type keeps them."""
    deliveries: Mapping[str, Delivered] = field(default_factory=dict)
    """By event type; one that is not named is delivered as `Delivered()`."""
    http: Mapping[str, Http] = field(default_factory=dict)
    """By event type: what is taken over HTTP, too."""
    scalings: Mapping[str, Policy] = field(default_factory=dict)
    """By event type; one that is not named keeps the contract's shards. Only provisioned streams
    are scaled: those on demand are by AWS."""

    @property
    def database(self) -> str:
        """The name of the database in the catalog."""
        return f"headrace_{self.name}"

    @property
    def workgroup(self) -> str:
        """The name of the workgroup of all queries."""
        return f"headrace-{self.name}"

    def delivered(self, event_type: str) -> Delivered:
        return self.deliveries.get(event_type, Delivered())

    def __post_init__(self) -> None:
        if not (self.name.isascii() and self.name.isalnum() and self.name.islower()):
            raise self._wrong("name", self.name, "lower case letters and digits")
        self._within("length of the name", len(self.name), NAME_LENGTH)
        self._within("buffer_mib", self.buffer_mib, BUFFER_MIB)
        self._within("buffer_seconds", self.buffer_seconds, BUFFER_SECONDS)
        self._within("transform_memory_mib", self.transform_memory_mib, TRANSFORM_MEMORY_MIB)
        self._within("transform_seconds", self.transform_seconds, TRANSFORM_SECONDS)
        self._within("processor_memory_mib", self.processor_memory_mib, PROCESSOR_MEMORY_MIB)
        self._within("processor_seconds", self.processor_seconds, PROCESSOR_SECONDS)
        self._within("network_zones", self.network_zones, NETWORK_ZONES)
        self._within("cache_gigabytes", self.cache_gigabytes, CACHE_GIGABYTES)
        self._within("cache_ecpu_per_second", self.cache_ecpu_per_second, CACHE_ECPU_PER_SECOND)
        self._at_least("scan_limit_bytes", self.scan_limit_bytes, LEAST_SCAN_LIMIT_BYTES)
        self._at_least("access_log_days", self.access_log_days, 1)
        self._at_least("old_version_days", self.old_version_days, 0)
        self._at_least("query_result_days", self.query_result_days, 1)
        self._at_least("audit_hours", self.audit_hours, 1)
        self._at_least("compaction_hours", self.compaction_hours, 1)
        self._within("compaction_memory_mib", self.compaction_memory_mib, COMPACTION_MEMORY_MIB)
        self._within("compaction_disk_mib", self.compaction_disk_mib, COMPACTION_DISK_MIB)

    def _within(self, what: str, value: int, allowed: range) -> None:
        if value not in allowed:
            raise self._wrong(what, value, f"{allowed.start} to {allowed.stop - 1}")

    def _at_least(self, what: str, value: int, least: int) -> None:
        if value < least:
            raise self._wrong(what, value, f"at least {least}")

    def _wrong(self, what: str, value: object, allowed: str) -> WrongConfiguration:
        return WrongConfiguration(
            f"Environment {self.name}: {what} is {value}, but must be {allowed}"
            " (infra/environments.py)."
        )


ENVIRONMENTS = (
    Environment(
        name="dev",
        keep_data=False,
        log_retention=RetentionDays.ONE_WEEK,
        access_log_days=7,
        old_version_days=0,
        query_result_days=7,
        scan_limit_bytes=10_000_000_000,
        buffer_mib=64,
        buffer_seconds=60,
        transform_memory_mib=512,
        transform_seconds=60,
        processor_memory_mib=512,
        processor_seconds=60,
        network_zones=1,
        cache_gigabytes=1,
        cache_ecpu_per_second=5_000,
        audit_hours=6,
        compaction_hours=6,
        compaction_memory_mib=1769,
        compaction_disk_mib=2560,
        events=Lifetime(),
        errors=Lifetime(expiry_days=30),
        source=Lifetime(expiry_days=7),
    ),
    Environment(
        name="prod",
        keep_data=True,
        log_retention=RetentionDays.ONE_YEAR,
        access_log_days=365,
        old_version_days=30,
        query_result_days=30,
        scan_limit_bytes=1_000_000_000_000,
        buffer_mib=128,
        buffer_seconds=300,
        transform_memory_mib=1024,
        transform_seconds=60,
        processor_memory_mib=1024,
        processor_seconds=60,
        network_zones=2,
        cache_gigabytes=5,
        cache_ecpu_per_second=50_000,
        audit_hours=1,
        compaction_hours=1,
        compaction_memory_mib=3008,
        compaction_disk_mib=10_240,
        events=Lifetime(infrequent_days=90, archive_days=365),
        errors=Lifetime(infrequent_days=90, expiry_days=400),
        source=Lifetime(infrequent_days=30, archive_days=90, expiry_days=400),
        deliveries={"flight": Delivered(source_backup=True)},
        # Telemetry follows the day of a fleet that grows, which on demand costs several times as
        # much. Alerts are few: one shard is 11 USD a month, and looking at it each minute would be
        # 3. In dev nothing is scaled: there a load is known, and a test that counts shards is sure.
        scalings={"device_telemetry": Policy(least_shards=2, most_shards=64)},
    ),
)


def named(name: object) -> Environment:
    """The environment that the context names; without one, `dev`."""
    for environment in ENVIRONMENTS:
        if environment.name == ("dev" if name is None else name):
            return environment
    known = " or ".join(f"-c env={environment.name}" for environment in ENVIRONMENTS)
    raise WrongConfiguration(f"There is no environment {name!r}: choose {known}.")
