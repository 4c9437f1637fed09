"""Splitting, merging and listing shards through boto3."""

from typing import TYPE_CHECKING, Any

import pytest

from local.settings import ACCOUNT
from tests.local.kinesis.conftest import MakeStream, arn, read, refused, shard

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

HALF = 2**127
LAST = 2**128 - 1


def family(kinesis: "KinesisClient", name: str) -> list[tuple[str, list[str], bool]]:
    """Id, parents and openness of every shard."""
    return [
        (
            one["ShardId"],
            [one[key] for key in ("ParentShardId", "AdjacentParentShardId") if key in one],
            "EndingSequenceNumber" not in one["SequenceNumberRange"],
        )
        for one in kinesis.list_shards(StreamName=name)["Shards"]
    ]


def test_a_split_shard_stays_readable_and_names_its_children_at_its_end(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream()
    kinesis.put_record(StreamName=name, PartitionKey="key", Data=b"before")
    kinesis.split_shard(StreamName=name, ShardToSplit=shard(0), NewStartingHashKey=str(HALF))
    put = kinesis.put_record(
        StreamName=name, PartitionKey="key", ExplicitHashKey=str(LAST), Data=b"after"
    )
    iterator = kinesis.get_shard_iterator(
        StreamName=name, ShardId=shard(0), ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    page: dict[str, Any] = {**kinesis.get_records(ShardIterator=iterator)}
    assert put["ShardId"] == shard(2)
    assert [record["Data"] for record in page["Records"]] == [b"before"]
    assert "NextShardIterator" not in page
    assert page["ChildShards"] == [
        {
            "ShardId": shard(1),
            "ParentShards": [shard(0)],
            "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": str(HALF - 1)},
        },
        {
            "ShardId": shard(2),
            "ParentShards": [shard(0)],
            "HashKeyRange": {"StartingHashKey": str(HALF), "EndingHashKey": str(LAST)},
        },
    ]
    assert [read(kinesis, name, number) for number in range(3)] == [[b"before"], [], [b"after"]]
    assert family(kinesis, name) == [
        (shard(0), [], False),
        (shard(1), [shard(0)], True),
        (shard(2), [shard(0)], True),
    ]


def test_merged_shards_have_one_child_with_both_as_parents(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream(ShardCount=2)
    kinesis.merge_shards(StreamName=name, ShardToMerge=shard(0), AdjacentShardToMerge=shard(1))
    assert family(kinesis, name) == [
        (shard(0), [], False),
        (shard(1), [], False),
        (shard(2), [shard(0), shard(1)], True),
    ]


def test_updating_the_count_halves_and_doubles(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream(ShardCount=2)
    kinesis.update_shard_count(StreamName=name, TargetShardCount=4, ScalingType="UNIFORM_SCALING")
    answer = kinesis.update_shard_count(
        StreamARN=arn(name), TargetShardCount=2, ScalingType="UNIFORM_SCALING"
    )
    assert (answer["StreamName"], answer["CurrentShardCount"], answer["TargetShardCount"]) == (
        name,
        4,
        2,
    )
    assert family(kinesis, name)[2:] == [
        (shard(2), [shard(0)], False),
        (shard(3), [shard(0)], False),
        (shard(4), [shard(1)], False),
        (shard(5), [shard(1)], False),
        (shard(6), [shard(2), shard(3)], True),
        (shard(7), [shard(4), shard(5)], True),
    ]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            9,
            "UpdateShardCount cannot scale up over double your current open shard count. Current "
            "open shard count: 4 Target shard count: 9",
        ),
        (
            1,
            "UpdateShardCount cannot scale down below half your current open shard count. Current "
            "open shard count: 4 Target shard count: 1",
        ),
    ],
)
def test_the_count_changes_by_a_factor_of_two_at_most(
    kinesis: "KinesisClient", make_stream: MakeStream, target: int, message: str
) -> None:
    name = make_stream(ShardCount=4)
    assert refused(
        lambda: kinesis.update_shard_count(
            StreamName=name, TargetShardCount=target, ScalingType="UNIFORM_SCALING"
        )
    ) == ("InvalidArgumentException", message)


def test_the_count_changes_ten_times_a_day(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream()

    def update(target: int) -> None:
        kinesis.update_shard_count(
            StreamName=name, TargetShardCount=target, ScalingType="UNIFORM_SCALING"
        )

    for number in range(10):
        update(2 - number % 2)
    assert refused(lambda: update(2))[0] == "LimitExceededException"


def test_shards_of_an_on_demand_stream_are_not_ours_to_change(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream(StreamModeDetails={"StreamMode": "ON_DEMAND"})
    refusals = {
        refused(
            lambda: kinesis.update_shard_count(
                StreamName=name, TargetShardCount=8, ScalingType="UNIFORM_SCALING"
            )
        ),
        refused(
            lambda: kinesis.split_shard(
                StreamName=name, ShardToSplit=shard(0), NewStartingHashKey="7"
            )
        ),
        refused(
            lambda: kinesis.merge_shards(
                StreamName=name, ShardToMerge=shard(0), AdjacentShardToMerge=shard(1)
            )
        ),
    }
    assert refusals == {
        (
            "ValidationException",
            f"Request is invalid. Stream {name} under account {ACCOUNT} is in On-Demand mode.",
        )
    }


def test_what_cannot_be_resharded_is_refused_in_the_words_of_aws(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream(ShardCount=3)
    where = f"in stream {name} under account {ACCOUNT}"

    def split(which: str, key: int) -> None:
        kinesis.split_shard(StreamName=name, ShardToSplit=which, NewStartingHashKey=str(key))

    def merge(one: int, other: int) -> None:
        kinesis.merge_shards(
            StreamName=name, ShardToMerge=shard(one), AdjacentShardToMerge=shard(other)
        )

    kinesis.split_shard(StreamName=name, ShardToSplit=shard(1), NewStartingHashKey=str(HALF))
    end = kinesis.list_shards(StreamName=name)["Shards"][0]["HashKeyRange"]["EndingHashKey"]
    assert refused(lambda: split(shard(9), 5)) == (
        "ResourceNotFoundException",
        f"Could not find shard {shard(9)} {where}.",
    )
    assert refused(lambda: split(shard(0), 1)) == (
        "InvalidArgumentException",
        f"NewStartingHashKey 1 used in SplitShard() on shard {shard(0)} {where} is not both "
        "greater than one plus the shard's StartingHashKey 0 and less than the shard's "
        f"EndingHashKey {end}.",
    )
    assert refused(lambda: split(shard(1), HALF)) == (
        "InvalidArgumentException",
        f"Shard {shard(1)} {where} has already been merged or split, and thus is not eligible "
        "for merging or splitting.",
    )
    assert refused(lambda: merge(0, 2)) == (
        "InvalidArgumentException",
        f"Shards {shard(0)} and {shard(2)} {where} are not an adjacent pair of shards eligible "
        "for merging",
    )


def test_shards_are_listed_in_pages(kinesis: "KinesisClient", make_stream: MakeStream) -> None:
    name = make_stream(ShardCount=5)
    first = kinesis.list_shards(StreamName=name, MaxResults=2)
    second = kinesis.list_shards(NextToken=first["NextToken"], MaxResults=2)
    third = kinesis.list_shards(NextToken=second["NextToken"], MaxResults=2)
    ids = [one["ShardId"] for page in (first, second, third) for one in page["Shards"]]
    assert (ids, "NextToken" in third) == ([shard(number) for number in range(5)], False)
    both = refused(lambda: kinesis.list_shards(StreamName=name, NextToken=first["NextToken"]))
    assert both == (
        "InvalidArgumentException",
        "NextToken and StreamName cannot be provided together.",
    )
    assert refused(lambda: kinesis.list_shards(NextToken="nonsense"))[0] == (
        "InvalidArgumentException"
    )


def test_a_filter_chooses_the_open_shards_or_those_after_one(
    kinesis: "KinesisClient", make_stream: MakeStream
) -> None:
    name = make_stream(ShardCount=2)
    kinesis.split_shard(StreamName=name, ShardToSplit=shard(0), NewStartingHashKey=str(HALF // 2))

    def listed(**wanted: Any) -> list[str]:
        given: dict[str, Any] = {"StreamName": name, "ShardFilter": wanted, "MaxResults": 2}
        found: list[str] = []
        while given:
            answer = kinesis.list_shards(**given)
            found += [one["ShardId"] for one in answer["Shards"]]
            token = answer.get("NextToken")
            given = {"NextToken": token} if token else {}
        return found

    assert listed(Type="AT_LATEST") == [shard(1), shard(2), shard(3)]
    assert listed(Type="AFTER_SHARD_ID", ShardId=shard(1)) == [shard(2), shard(3)]
    assert listed(Type="FROM_TRIM_HORIZON") == [shard(number) for number in range(4)]


def test_a_filter_by_time_is_refused(kinesis: "KinesisClient", make_stream: MakeStream) -> None:
    name, horizon = make_stream(), {"Type": "AT_TRIM_HORIZON"}
    refusal = refused(lambda: kinesis.list_shards(StreamName=name, ShardFilter=horizon))  # type: ignore[arg-type]
    assert refusal == (
        "UnsupportedOperation",
        "The local AWS does not support the ShardFilter AT_TRIM_HORIZON of Kinesis.",
    )
