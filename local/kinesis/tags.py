"""Tags of streams and consumers."""

from typing import Any

from local.kinesis import errors, streams
from local.kinesis.call import Call, Operation, find_consumer

MOST = 50


def checked(tags: dict[str, str]) -> dict[str, str]:
    """The tags, when a resource may have so many."""
    if len(tags) > MOST:
        raise errors.invalid(f"A resource has at most {MOST} tags; {len(tags)} were given.")
    return dict(tags)


def tag_resource(call: Call) -> None:
    holder = _holder(call["ResourceARN"])
    holder.tags = checked({**holder.tags, **call["Tags"]})


def untag_resource(call: Call) -> None:
    holder = _holder(call["ResourceARN"])
    holder.tags = {key: it for key, it in holder.tags.items() if key not in call["TagKeys"]}


def list_for_resource(call: Call) -> dict[str, Any]:
    tags = sorted(_holder(call["ResourceARN"]).tags.items())
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags]}


def _holder(arn: str) -> Any:
    """The stream or consumer of an ARN; both have `tags`."""
    return find_consumer(arn)[1] if "/consumer/" in arn else streams.find(arn)


OPERATIONS: dict[str, Operation] = {
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "ListTagsForResource": list_for_resource,
}
