"""The stream itself: what it is now, and the three calls that change its shards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from functions.shard_scaler.decision import Merge, Resize, Split
from functions.shard_scaler.load import Shard

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient


@dataclass(frozen=True)
class Stream:
    """One stream, by its ARN."""

    client: KinesisClient
    arn: str

    def busy(self) -> str:
        """Why its shards can not be changed now; empty when they can."""
        summary = self.client.describe_stream_summary(StreamARN=self.arn)
        found = summary["StreamDescriptionSummary"]
        if found.get("StreamModeDetails", {}).get("StreamMode") == "ON_DEMAND":
            return "the stream is on demand: its shards are AWS's"
        if found["StreamStatus"] != "ACTIVE":
            return f"the stream is {found['StreamStatus']}"
        return ""

    def shards(self) -> list[Shard]:
        """The open ones, by their hash keys."""
        found = []
        given: dict[str, Any] = {"StreamARN": self.arn, "ShardFilter": {"Type": "AT_LATEST"}}
        while given:
            answer = self.client.list_shards(**given)
            found += [_shard(one) for one in answer["Shards"]]
            token = answer.get("NextToken")
            given = {"NextToken": token} if token else {}
        return sorted(found, key=lambda shard: shard.first_hash)

    def consumers(self) -> list[str]:
        """The names of those that read by enhanced fan-out."""
        pages = self.client.get_paginator("list_stream_consumers").paginate(StreamARN=self.arn)
        return [one["ConsumerName"] for page in pages for one in page["Consumers"]]

    def change(self, action: Resize | Split | Merge) -> None:
        """Make the call. Raises ClientError with Kinesis' code."""
        match action:
            case Resize(count):
                self.client.update_shard_count(
                    StreamARN=self.arn, TargetShardCount=count, ScalingType="UNIFORM_SCALING"
                )
            case Split(shard_id, at):
                self.client.split_shard(
                    StreamARN=self.arn, ShardToSplit=shard_id, NewStartingHashKey=str(at)
                )
            case Merge(lower, upper):
                self.client.merge_shards(
                    StreamARN=self.arn, ShardToMerge=lower, AdjacentShardToMerge=upper
                )


def _shard(found: Any) -> Shard:
    """A shard of two parents comes from a merge, and has no sibling."""
    keys = found["HashKeyRange"]
    parent = "" if "AdjacentParentShardId" in found else found.get("ParentShardId", "")
    return Shard(found["ShardId"], int(keys["StartingHashKey"]), int(keys["EndingHashKey"]), parent)
