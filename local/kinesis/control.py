"""Streams through the API: creating, describing, listing and changing them."""

import time
from typing import Any

from local.kinesis import errors, streams, tags
from local.kinesis.call import Call, Operation
from local.kinesis.describing import described_shard, moment
from local.kinesis.errors import SHARD_LIMIT
from local.kinesis.meter import SHARD_LEVEL
from local.kinesis.stream import Stream
from local.settings import ACCOUNT

DAY = 86_400.0
ON_DEMAND_SHARDS = 4
SHORTEST, LONGEST = 24, 8760
SWITCHES_PER_DAY = 2


def create_stream(call: Call) -> None:
    """Create a stream; it is ACTIVE at once."""
    on_demand = call.get("StreamModeDetails", {}).get("StreamMode") == "ON_DEMAND"
    if on_demand and call.get("ShardCount") is not None:
        raise errors.invalid("ShardCount must not be specified for a stream in On-Demand mode.")
    if not on_demand and call.get("ShardCount") is None:
        raise errors.invalid("ShardCount must be specified for a stream in Provisioned mode.")
    if call.get("RecordDistributionStrategy") == "AUTO":
        raise errors.unsupported("the record distribution strategy AUTO")
    if call.get("WarmThroughputMiBps") is not None:
        raise errors.unsupported("warm throughput")
    count = ON_DEMAND_SHARDS if on_demand else call["ShardCount"]
    existing = provisioned(call.region)
    if not on_demand and existing + count > SHARD_LIMIT:
        raise errors.too_many_shards(call.region, existing, count)
    wanted = tags.checked(call.get("Tags", {}))
    stream = Stream(call["StreamName"], call.region, count)
    stream.on_demand = on_demand
    stream.most_kib = call.get("MaxRecordSizeInKiB", stream.most_kib)
    stream.tags = wanted
    streams.add(stream)


def delete_stream(call: Call) -> None:
    stream = call.stream()
    if stream.consumers and not call.get("EnforceConsumerDeletion", default=False):
        raise errors.in_use(
            f"Stream {stream.name} under account {ACCOUNT} has registered "
            "consumers; deregister them or set EnforceConsumerDeletion."
        )
    streams.remove(stream)


def describe_stream(call: Call) -> dict[str, Any]:
    stream = call.stream()
    after = call.get("ExclusiveStartShardId", "")
    limit = call.get("Limit", 100)
    shards = [shard for shard in stream.topology.listed() if shard.shard_id > after]
    return {
        "StreamDescription": {
            **_described(stream),
            "Shards": [described_shard(shard) for shard in shards[:limit]],
            "HasMoreShards": len(shards) > limit,
        }
    }


def describe_stream_summary(call: Call) -> dict[str, Any]:
    stream = call.stream()
    return {
        "StreamDescriptionSummary": {
            **_described(stream),
            "OpenShardCount": len(stream.topology.open),
            "ConsumerCount": len(stream.consumers),
            "MaxRecordSizeInKiB": stream.most_kib,
        }
    }


def list_streams(call: Call) -> dict[str, Any]:
    """Streams by name; the token of the next page is the last name of this one."""
    after = call.get("ExclusiveStartStreamName") or call.get("NextToken", "")
    limit = call.get("Limit", 100)
    found = [stream for stream in streams.every(call.region) if stream.name > after]
    page = found[:limit]
    result: dict[str, Any] = {
        "StreamNames": [stream.name for stream in page],
        "StreamSummaries": [_summary(stream) for stream in page],
        "HasMoreStreams": len(found) > limit,
    }
    if len(found) > limit:
        result["NextToken"] = page[-1].name
    return result


def increase_retention(call: Call) -> None:
    stream, hours = _retention(call)
    if hours < stream.retention_hours:
        raise errors.invalid(
            f"Requested retention period ({hours} hours) for stream {stream.name} can not be "
            f"shorter than existing retention period ({stream.retention_hours} hours). "
            "Use DecreaseRetentionPeriod API."
        )
    stream.retention_hours = hours


def decrease_retention(call: Call) -> None:
    stream, hours = _retention(call)
    if hours > stream.retention_hours:
        raise errors.invalid(
            f"Requested retention period ({hours} hours) for stream {stream.name} can not be "
            f"longer than existing retention period ({stream.retention_hours} hours). "
            "Use IncreaseRetentionPeriod API."
        )
    stream.retention_hours = hours


def _retention(call: Call) -> tuple[Stream, int]:
    stream, hours = call.active_stream(), call["RetentionPeriodHours"]
    if hours < SHORTEST:
        raise errors.invalid(
            f"Minimum allowed retention period is {SHORTEST} hours. "
            f"Requested retention period ({hours} hours) is too short."
        )
    if hours > LONGEST:
        raise errors.invalid(
            f"Maximum allowed retention period is {LONGEST} hours. "
            f"Requested retention period ({hours} hours) is too long."
        )
    return stream, hours


def start_encryption(call: Call) -> None:
    stream = call.active_stream()
    if call["EncryptionType"] != "KMS":
        raise errors.invalid("EncryptionType must be KMS.")
    stream.key = call["KeyId"]


def stop_encryption(call: Call) -> None:
    call.active_stream().key = None


def update_mode(call: Call) -> None:
    stream = call.active_stream()
    if call.get("WarmThroughputMiBps") is not None:
        raise errors.unsupported("warm throughput")
    on_demand = call["StreamModeDetails"]["StreamMode"] == "ON_DEMAND"
    if on_demand == stream.on_demand:
        return
    now = time.time()
    stream.switches = [moment for moment in stream.switches if moment > now - DAY]
    if len(stream.switches) >= SWITCHES_PER_DAY:
        raise errors.limit(
            f"Stream {stream.name} switched its mode {SWITCHES_PER_DAY} times within 24 hours."
        )
    stream.switches.append(now)
    stream.on_demand = on_demand


def update_most_kib(call: Call) -> None:
    call.active_stream().most_kib = call["MaxRecordSizeInKiB"]


def enable_monitoring(call: Call) -> dict[str, Any]:
    return _monitor(call, add=True)


def disable_monitoring(call: Call) -> dict[str, Any]:
    return _monitor(call, add=False)


def _monitor(call: Call, *, add: bool) -> dict[str, Any]:
    """Switch metrics of single shards on or off; ALL are all of them."""
    stream, asked = call.active_stream(), set(call["ShardLevelMetrics"])
    if "ALL" in asked:
        asked = set(SHARD_LEVEL)
    with stream.lock:
        before = stream.monitored
        wanted = asked | set(before) if add else set(before) - asked
        stream.monitored = tuple(name for name in SHARD_LEVEL if name in wanted)
        return {
            "StreamName": stream.name,
            "StreamARN": stream.arn,
            "CurrentShardLevelMetrics": list(before),
            "DesiredShardLevelMetrics": list(stream.monitored),
        }


def provisioned(region: str) -> int:
    """The open shards of all provisioned streams."""
    found = streams.every(region)
    return sum(len(stream.topology.open) for stream in found if not stream.on_demand)


def _summary(stream: Stream) -> dict[str, Any]:
    return {
        "StreamName": stream.name,
        "StreamARN": stream.arn,
        "StreamStatus": stream.status,
        "StreamModeDetails": {"StreamMode": "ON_DEMAND" if stream.on_demand else "PROVISIONED"},
        "StreamCreationTimestamp": moment(stream.created),
    }


def _described(stream: Stream) -> dict[str, Any]:
    encryption = {"EncryptionType": "NONE"}
    if stream.key is not None:
        encryption = {"EncryptionType": "KMS", "KeyId": stream.key}
    return {
        **_summary(stream),
        "RetentionPeriodHours": stream.retention_hours,
        "EnhancedMonitoring": [{"ShardLevelMetrics": list(stream.monitored)}],
        **encryption,
    }


OPERATIONS: dict[str, Operation] = {
    "CreateStream": create_stream,
    "DeleteStream": delete_stream,
    "DescribeStream": describe_stream,
    "DescribeStreamSummary": describe_stream_summary,
    "ListStreams": list_streams,
    "IncreaseStreamRetentionPeriod": increase_retention,
    "DecreaseStreamRetentionPeriod": decrease_retention,
    "StartStreamEncryption": start_encryption,
    "StopStreamEncryption": stop_encryption,
    "EnableEnhancedMonitoring": enable_monitoring,
    "DisableEnhancedMonitoring": disable_monitoring,
    "UpdateStreamMode": update_mode,
    "UpdateMaxRecordSize": update_most_kib,
}
