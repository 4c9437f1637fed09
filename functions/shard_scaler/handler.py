"""Wiring of the shard scaler: a schedule calls it each minute, and a person may; one turn each."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from functions.shard_scaler.budget import CALLS_A_DAY
from functions.shard_scaler.decision import Reason
from functions.shard_scaler.memory import Memory
from functions.shard_scaler.settings import Settings
from functions.shard_scaler.stream import Stream
from functions.shard_scaler.turn import Scaler, Turn
from functions.shard_scaler.watching import Watching
from functions.shared import tools

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SERVICE = "shard_scaler"
ONCE = Config(retries={"mode": "standard", "total_max_attempts": 1})
"""A call that changes shards is not made again by itself: the next turn sees what came of it."""
WATCHED = (Reason.AT_MOST, Reason.HOT_KEY, Reason.BLIND)
"""Reasons for nothing to be done that a person must know of (infra/watches.py)."""

logger = tools.logger(SERVICE)
tracer = tools.tracer(SERVICE)


@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
@logger.inject_lambda_context(log_event=False)
def handler(_: dict[str, Any], __: LambdaContext) -> dict[str, Any]:
    """Decide and do; what was done, and why."""
    settings, scaler = _world()
    turn = scaler.turn(time.time())
    said = _said(turn)
    logger.info("scaled" if turn.done else "kept", extra=said)
    decision, event_type = turn.decision, settings.event_type
    counts = {
        "OpenShards": turn.shards,
        "NeededShards": decision.needed,
        "CallsUsed": CALLS_A_DAY - decision.calls_left,
    }
    if decision.reason in WATCHED:
        counts[decision.reason] = 1
    tools.count(counts, EventType=event_type)
    if turn.done:
        action = type(decision.action).__name__
        tools.count({action: 1}, EventType=event_type, Why=decision.reason)
    return said


def _said(turn: Turn) -> dict[str, Any]:
    decision = turn.decision
    return {
        "action": type(decision.action).__name__,
        "reason": str(decision.reason),
        "why": decision.why,
        "shards": turn.shards,
        "needed": decision.needed,
        "calls_left": decision.calls_left,
        "done": turn.done,
    }


@cache
def _world() -> tuple[Settings, Scaler]:
    settings = Settings.read()
    kinesis = boto3.client("kinesis", config=ONCE)
    return settings, Scaler(
        stream=Stream(kinesis, settings.stream),
        watching=Watching(boto3.client("cloudwatch"), settings.stream_name),
        memory=Memory(boto3.client("s3"), settings.bucket, settings.state_key),
        policy=settings.policy,
    )
