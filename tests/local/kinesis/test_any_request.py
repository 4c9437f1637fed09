"""Whatever is asked, with whatever parameters, the answer is AWS's shape and never a crash."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from local import kinesis, model, routes
from local.http import Request
from local.kinesis import api, streams
from local.kinesis.stream import Consumer, Stream
from local.routes import AWSError
from tests.local.kinesis.conftest import arn, shard

MODEL = model.service("kinesis")
STREAM, CONSUMER = arn("stream"), arn("stream") + "/consumer/reader:1"
KNOWN = {
    "StreamName": ["stream", "stream", "other"],
    "StreamARN": [STREAM, STREAM, arn("missing")],
    "ResourceARN": [STREAM, CONSUMER],
    "ConsumerARN": [CONSUMER],
    "ConsumerName": ["reader", "writer"],
    "ShardId": [shard(0), shard(1), "7"],
    "ShardToSplit": [shard(0), shard(1)],
    "ShardToMerge": [shard(0)],
    "AdjacentShardToMerge": [shard(1), shard(0)],
    "NewStartingHashKey": ["7", str(2**126), str(2**128)],
    "ExplicitHashKey": ["0", str(2**128 - 1), str(2**128)],
    "PartitionKey": ["key", "ä" * 300, ""],
    "NextToken": ["bnVsbA==", "e30=", "ä"],
}
GOOD: dict[str, list[Any]] = {
    "string": ["a", "0"],
    "blob": ["", "aGVsbG8=", "no base64"],
    "boolean": [True, False],
    "integer": [-1, 0, 1, 2, 24, 1024, 2048, 10**6],
    "long": [0, 1],
    "timestamp": [-1, 0, 1.5, 1e300],
}
ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers())
)


@pytest.fixture(scope="module", autouse=True)
def installed() -> Iterator[None]:
    kinesis.install()
    yield
    streams.clear()


def mostly(good: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A value of the right type, and one time in thirty of any other."""
    return st.integers(0, 29).flatmap(lambda chance: good if chance else ANYTHING)


def likely(name: str, member: str) -> st.SearchStrategy[Any]:
    """Values for a shape of the model."""
    shape = MODEL.shapes[name]
    if shape["type"] == "structure":
        return members(name)
    if shape["type"] == "list":
        return mostly(st.lists(likely(shape["member"]["shape"], ""), min_size=1, max_size=3))
    if shape["type"] == "map":
        return mostly(st.dictionaries(st.sampled_from("abc"), st.sampled_from("xy"), min_size=1))
    choices = KNOWN.get(member) or shape.get("enum") or GOOD[shape["type"]]
    return mostly(st.sampled_from(choices))


def members(name: str) -> st.SearchStrategy[dict[str, Any]]:
    shape = MODEL.shapes[name]
    required = {*shape.get("required", ()), "Data", "PartitionKey"}
    each = {
        key: likely(one["shape"], key)
        for key, one in shape["members"].items()
        if key not in ("StreamId", "DryRun")
    }
    return st.fixed_dictionaries(
        {key: one for key, one in each.items() if key in required},
        optional={key: one for key, one in each.items() if key not in required},
    )


SUPPORTED = sorted({*api.OPERATIONS, *api.DIRECT})
INPUTS = {name: members(MODEL.operations[name]["input"]["shape"]) for name in SUPPORTED}


def answered(name: str, parameters: Any) -> str:
    """ "answered", or the code of the error."""
    header = {"x-amz-target": f"Kinesis_20131202.{name}"}
    body = json.dumps(parameters).encode()
    request = Request("POST", "/", list(header.items()), body, header)
    handler = routes.find(request)
    assert handler is not None
    try:
        assert handler(request).status == 200
    except AWSError as error:
        assert (error.status, bool(error.message)) == (400, True)
        return error.code
    return "answered"


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_any_request_is_answered_or_refused(data: st.DataObject) -> None:
    streams.clear()
    stream = Stream("stream", "us-east-1", 2)
    stream.consumers["reader"] = Consumer("reader", CONSUMER, 1.0)
    streams.add(stream)
    for _ in range(3):
        name = data.draw(st.sampled_from(SUPPORTED))
        event(f"{name} {answered(name, data.draw(INPUTS[name]))}")
