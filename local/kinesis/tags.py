"""Tags and resource policies, by stream and by resource."""

import json
from typing import Any

from local.kinesis import errors, streams
from local.kinesis.call import Call, Operation, find_consumer
from local.kinesis.stream import Stream

MOST = 50


def checked(tags: dict[str, str]) -> dict[str, str]:
    """The tags, when a resource may have so many."""
    if len(tags) > MOST:
        raise errors.invalid(f"A resource has at most {MOST} tags; {len(tags)} were given.")
    return dict(tags)


def add_to_stream(call: Call) -> None:
    stream = call.stream()
    stream.tags = checked({**stream.tags, **call["Tags"]})


def remove_from_stream(call: Call) -> None:
    stream = call.stream()
    stream.tags = _without(stream.tags, call["TagKeys"])


def list_for_stream(call: Call) -> dict[str, Any]:
    after = call.get("ExclusiveStartTagKey", "")
    limit = call.get("Limit", MOST)
    found = [tag for tag in _listed(call.stream().tags) if tag["Key"] > after]
    return {"Tags": found[:limit], "HasMoreTags": len(found) > limit}


def tag_resource(call: Call) -> None:
    holder = _holder(call["ResourceARN"])
    holder.tags = checked({**holder.tags, **call["Tags"]})


def untag_resource(call: Call) -> None:
    holder = _holder(call["ResourceARN"])
    holder.tags = _without(holder.tags, call["TagKeys"])


def list_for_resource(call: Call) -> dict[str, Any]:
    return {"Tags": _listed(_holder(call["ResourceARN"]).tags)}


def put_policy(call: Call) -> None:
    try:
        json.loads(call["Policy"])
    except ValueError as error:
        raise errors.invalid("The policy is not valid JSON.") from error
    _stream(call["ResourceARN"]).policies[call["ResourceARN"]] = call["Policy"]


def get_policy(call: Call) -> dict[str, Any]:
    return {"Policy": _stream(call["ResourceARN"]).policies.get(call["ResourceARN"], "{}")}


def delete_policy(call: Call) -> None:
    arn = call["ResourceARN"]
    if _stream(arn).policies.pop(arn, None) is None:
        raise errors.not_found(f"No resource policy found for resource ARN {arn}.")


def _holder(arn: str) -> Any:
    """The stream or consumer of an ARN; both have `tags`."""
    return find_consumer(arn)[1] if "/consumer/" in arn else streams.find(arn)


def _stream(arn: str) -> Stream:
    return find_consumer(arn)[0] if "/consumer/" in arn else streams.find(arn)


def _without(tags: dict[str, str], keys: list[str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key not in keys}


def _listed(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


OPERATIONS: dict[str, Operation] = {
    "AddTagsToStream": add_to_stream,
    "RemoveTagsFromStream": remove_from_stream,
    "ListTagsForStream": list_for_stream,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "ListTagsForResource": list_for_resource,
    "PutResourcePolicy": put_policy,
    "GetResourcePolicy": get_policy,
    "DeleteResourcePolicy": delete_policy,
}
