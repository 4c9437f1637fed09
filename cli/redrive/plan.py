"""What a redrive would do, found out by going through it with a function that never fails."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from cli.failures import Stored, Summary
from cli.redrive.lanes import by_function
from cli.redrive.shard import Answer, Lane, Limits
from cli.redrive.worker import parents, target

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_lambda import LambdaClient


class Invoked(msgspec.Struct, frozen=True, kw_only=True):
    """One function that would be invoked; more often when batches fail again."""

    processor: str
    function_arn: str
    batches: int
    records: int
    lanes: int
    together: int
    batch_size: int
    invocations: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A dry run; `empty` batches have no record that could be processed."""

    functions: list[Invoked]
    batches: list[Summary]
    records: int
    empty: int


def plan(
    stored: Sequence[Stored],
    functions: "LambdaClient",
    kinesis: "KinesisClient",
    *,
    together: int,
) -> Plan:
    """Raises what a redrive of them would raise before it begins."""
    found = []
    for lanes in by_function(stored, lambda arn: parents(kinesis, arn)):
        first = lanes[0][0].summary
        chosen = target(functions, lanes, together)
        batches = [one for lane in lanes for one in lane]
        found.append(
            Invoked(
                processor=first.processor,
                function_arn=first.function_arn,
                batches=len(batches),
                records=sum(one.summary.records for one in batches),
                lanes=len(lanes),
                together=chosen.together,
                batch_size=chosen.limits.records,
                invocations=sum(invocations(lane, chosen.limits) for lane in lanes),
            )
        )
    whole = [one.summary for one in stored if one.summary.records]
    return Plan(
        functions=found,
        batches=whole,
        records=sum(one.records for one in whole),
        empty=len(stored) - len(whole),
    )


def invocations(stored: Sequence[Stored], limits: Limits) -> int:
    """How many a lane takes when all of them succeed."""
    lane, number = Lane((one.batch() for one in stored), limits), 0
    while invocation := lane.next():
        lane.answered(Answer(len(invocation.sequence_numbers)))
        number += 1
    return number
