"""What AWS charges, from one dated file: `prices.json`. Prices are in USD, for us-east-1.

A price that falls with the amount is a list of steps, `[up to, price]`, in the unit of the price;
the last step has no end.
"""

from functools import cache
from pathlib import Path

import msgspec

KIB = 1024
MIB = 1024**2
GIB = 1024**3
TIB = 1024**4
"""AWS's price list counts data in binary units: its calculator has 1,024 GB in a TB."""

Steps = tuple[tuple[float | None, float], ...]


class OnDemand(msgspec.Struct, frozen=True, kw_only=True):
    """A mode billed by volume. A record counts as whole KiB (`record_kib`); an account that chose
    On-demand Advantage pays for `least_mib` MiB/s in and as much out, whatever flows."""

    stream_hour: float
    in_gb: float
    out_gb: float
    fan_out_gb: float
    extended_gb_month: float
    """Storage between 24 hours and 7 days."""
    long_gb_month: float
    record_kib: int
    least_mib: int


class Kinesis(msgspec.Struct, frozen=True, kw_only=True):
    """The provisioned mode, and the two that are billed by volume."""

    page: str
    shard_hour: float
    put_units_million: float
    put_unit_kib: int
    extended_shard_hour: float
    long_gb_month: float
    fan_out_shard_hour: float
    fan_out_gb: float
    on_demand: OnDemand
    advantage: OnDemand


class Firehose(msgspec.Struct, frozen=True, kw_only=True):
    page: str
    ingested_gb: Steps
    step_kib: int
    converted_gb: float
    partitioned_gb: float
    objects_thousand: float


class Functions(msgspec.Struct, frozen=True, kw_only=True):
    """Lambda on arm64, and the traces that its functions leave in X-Ray."""

    page: str
    requests_million: float
    gb_seconds: Steps
    traces_million: float


class S3(msgspec.Struct, frozen=True, kw_only=True):
    page: str
    puts_thousand: float
    gets_thousand: float
    standard_gb_month: Steps
    infrequent_gb_month: float
    archive_gb_month: float
    infrequent_moves_thousand: float
    archive_moves_thousand: float


class Athena(msgspec.Struct, frozen=True):
    """Price of a TB scanned, and the least that a query is charged for."""

    tb_scanned: float
    minimum_bytes: int


class Sqs(msgspec.Struct, frozen=True, kw_only=True):
    page: str
    requests_million: float


class Kms(msgspec.Struct, frozen=True, kw_only=True):
    page: str
    key_month: float
    requests_ten_thousand: float


class Valkey(msgspec.Struct, frozen=True, kw_only=True):
    """ElastiCache Serverless for Valkey; `least_gb` is billed however little is stored."""

    page: str
    gb_hour: float
    ecpu_million: float
    least_gb: float


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """Interface endpoints; `endpoint_hour` is per endpoint and availability zone."""

    page: str
    endpoint_hour: float
    endpoint_gb: float


class CloudWatch(msgspec.Struct, frozen=True, kw_only=True):
    page: str
    alarm_month: float
    metric_month: float
    log_gb: float
    log_stored_gb_month: float


class Api(msgspec.Struct, frozen=True, kw_only=True):
    """API Gateway's REST APIs; the steps are millions of requests."""

    page: str
    requests_million: Steps


class Flink(msgspec.Struct, frozen=True, kw_only=True):
    """Managed Service for Apache Flink."""

    page: str
    kpu_hour: float
    storage_gb_month: float


class Prices(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file; `date` is when the prices were read, `source` where."""

    date: str
    source: str
    region: str
    currency: str
    kinesis: Kinesis
    firehose: Firehose
    functions: Functions
    s3: S3
    athena: Athena
    sqs: Sqs
    kms: Kms
    valkey: Valkey
    network: Network
    cloudwatch: CloudWatch
    api: Api
    flink: Flink


@cache
def prices() -> Prices:
    """The price file."""
    return msgspec.json.decode(Path(__file__).with_name("prices.json").read_bytes(), type=Prices)


def stepped(amount: float, steps: Steps) -> float:
    """USD for an amount whose price falls by steps."""
    cost, below = 0.0, 0.0
    for end, price in steps:
        top = amount if end is None else min(amount, end)
        cost += max(0.0, top - below) * price
        below = max(below, top)
    return cost


def query_cost(scanned_bytes: int) -> float:
    """USD for a query that ran: bytes rounded up to MB, with a minimum.

    https://aws.amazon.com/athena/pricing/
    """
    athena = prices().athena
    rounded = -(-scanned_bytes // MIB) * MIB
    return max(rounded, athena.minimum_bytes) / TIB * athena.tb_scanned
