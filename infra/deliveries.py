"""How an event type is delivered where an environment wants more than the default.

This is about one deployment, so it is kept with the environments and not in the contract, which is
about the event: `Environment(deliveries={"flight": Delivered(source_backup=True)})`. An event type
that is not named is delivered as `Delivered()`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from infra.errors import WrongConfiguration

# https://docs.aws.amazon.com/firehose/latest/APIReference/API_HttpEndpointBufferingHints.html
ENDPOINT_BUFFER_MIB = range(1, 64 + 1)
ENDPOINT_BUFFER_SECONDS = range(900 + 1)
# https://docs.aws.amazon.com/firehose/latest/APIReference/API_HttpEndpointRetryOptions.html
ENDPOINT_RETRY_SECONDS = range(7200 + 1)
MOST_ATTRIBUTES = 50
SECRET_ARN = re.compile(
    r"arn:[\w-]+:secretsmanager:[\w-]+:\d{12}:secret:[\w/+=.@-]+-[A-Za-z0-9]{6}"
)


class Compression(StrEnum):
    """Of the Parquet files that Firehose writes: the API knows no other. ZSTD is for files that
    are written later, as compaction does.
    https://docs.aws.amazon.com/firehose/latest/APIReference/API_ParquetSerDe.html"""

    SNAPPY = "SNAPPY"
    GZIP = "GZIP"


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A receiver over HTTPS, such as Datadog, New Relic or a collector of one's own, that gets
    every record as it was put on the stream, wrong ones too.

    `secret_arn` is the full ARN of a secret in Secrets Manager, `{"api_key": "…"}`, encrypted with
    the account's own key for Secrets Manager: the key itself never enters a template.
    https://docs.aws.amazon.com/firehose/latest/dev/using-secrets-manager.html
    """

    name: str
    url: str
    secret_arn: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Sent with every request, such as `environment: prod`."""
    gzip: bool = True
    buffer_mib: int = 1
    buffer_seconds: int = 60
    retry_seconds: int = 3600
    """How long a record is tried again before it goes to the bucket."""

    def __post_init__(self) -> None:
        if not self.url.startswith("https://"):
            raise _wrong("url", self.url, "https://…")
        if not SECRET_ARN.fullmatch(self.secret_arn):
            raise _wrong("secret_arn", self.secret_arn, "the full ARN of a secret")
        if len(self.attributes) > MOST_ATTRIBUTES:
            raise _wrong("attributes", len(self.attributes), f"at most {MOST_ATTRIBUTES}")
        for what, value, allowed in (
            ("buffer_mib", self.buffer_mib, ENDPOINT_BUFFER_MIB),
            ("buffer_seconds", self.buffer_seconds, ENDPOINT_BUFFER_SECONDS),
            ("retry_seconds", self.retry_seconds, ENDPOINT_RETRY_SECONDS),
        ):
            if value not in allowed:
                raise _wrong(what, value, f"{allowed.start} to {allowed.stop - 1}")


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """`source_backup` also keeps every record as it came, before the transform, under
    source/<type>/: gzip, one record after the other with nothing between them."""

    compression: Compression = Compression.SNAPPY
    source_backup: bool = False
    endpoint: Endpoint | None = None


def _wrong(what: str, value: object, allowed: str) -> WrongConfiguration:
    return WrongConfiguration(
        f"An endpoint: {what} is {value}, but must be {allowed} (infra/environments.py)."
    )
