"""The errors of Kinesis, with AWS's codes and sentences."""

from local.routes import AWSError
from local.settings import ACCOUNT

SHARD_LIMIT = 20_000
"""Provisioned shards of an account in us-east-1."""
QUOTAS = "https://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html"


def invalid(message: str) -> AWSError:
    return AWSError("InvalidArgumentException", message)


def not_found(message: str) -> AWSError:
    return AWSError("ResourceNotFoundException", message)


def in_use(message: str) -> AWSError:
    return AWSError("ResourceInUseException", message)


def limit(message: str) -> AWSError:
    return AWSError("LimitExceededException", message)


def unsupported(what: str) -> AWSError:
    """AWS has it, the local AWS does not; refused by name, never answered wrongly."""
    return AWSError("UnsupportedOperation", f"The local AWS does not support {what} of Kinesis.")


def not_active(stream: str, status: str) -> AWSError:
    return in_use(f"Stream {stream} under account {ACCOUNT} not ACTIVE, instead in state {status}")


def too_often(stream: str) -> AWSError:
    """More calls of an operation in a second than AWS takes."""
    return limit(f"Rate exceeded for stream {stream} under account {ACCOUNT}.")


def no_stream(name: str) -> AWSError:
    return not_found(f"Stream {name} under account {ACCOUNT} not found.")


def no_shard(shard_id: str, stream: str) -> AWSError:
    return not_found(f"Could not find shard {shard_id} in stream {stream} under account {ACCOUNT}.")


def on_demand(stream: str) -> AWSError:
    """Shards of an on-demand stream are AWS's to manage."""
    sentence = f"Stream {stream} under account {ACCOUNT} is in On-Demand mode."
    return AWSError("ValidationException", f"Request is invalid. {sentence}")


def rate(shard_id: str, stream: str) -> AWSError:
    return AWSError("ProvisionedThroughputExceededException", rate_message(shard_id, stream))


def rate_message(shard_id: str, stream: str) -> str:
    return f"Rate exceeded for shard {shard_id} in stream {stream} under account {ACCOUNT}."


def too_many_shards(region: str, existing: int, more: int) -> AWSError:
    return limit(
        f"This request would exceed the shard limit for the account {ACCOUNT} in {region}. "
        f"Current shard count for the account: {existing}. Limit: {SHARD_LIMIT}. Number of "
        f"additional shards that would have resulted from this request: {more}. Refer to the "
        f"AWS Service Limits page ({QUOTAS}) for current limits and how to request higher limits."
    )
