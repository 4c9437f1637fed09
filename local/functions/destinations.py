"""Where the results of asynchronous invocations go: queues, topics, other functions."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from moto.core.exceptions import ServiceException
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends
from werkzeug.exceptions import HTTPException

from local.functions.dispatch import Invocation

LOG = logging.getLogger(__name__)
SERVICES = frozenset({"sqs", "sns", "lambda"})
"""What can be a destination here; AWS also has EventBridge and S3."""
DEAD_LETTER_SERVICES = frozenset({"sqs", "sns"})
LONGEST_MESSAGE = 1024


@dataclass(frozen=True, slots=True)
class Target:
    """A destination, or a dead-letter queue, which gets the event alone."""

    arn: str
    dead_letter: bool

    @property
    def service(self) -> str:
        return self.arn.split(":")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How an asynchronous invocation ended."""

    arn: str
    request_id: str
    condition: str
    invocations: int
    payload: bytes
    answer: Invocation


def targets(config: dict[str, Any], dead_letter: str | None, condition: str) -> list[Target]:
    """Who is told of a result."""
    name = "OnSuccess" if condition == "Success" else "OnFailure"
    destination = (config.get("DestinationConfig") or {}).get(name, {}).get("Destination")
    found = [Target(destination, dead_letter=False)] if destination else []
    if dead_letter and condition != "Success":
        found.append(Target(dead_letter, dead_letter=True))
    return found


def record(result: Result) -> bytes:
    """The document that a destination gets."""
    answer = result.answer
    error = {"functionError": answer.function_error} if answer.function_error else {}
    invoked = {
        "responseContext": {
            "statusCode": 200,
            "executedVersion": answer.executed_version,
            **error,
        },
        "responsePayload": _json(answer.payload),
    }
    qualified = result.arn if result.arn.count(":") == 7 else f"{result.arn}:$LATEST"
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return msgspec.json.encode(
        {
            "version": "1.0",
            "timestamp": now,
            "requestContext": {
                "requestId": result.request_id,
                "functionArn": qualified,
                "condition": result.condition,
                "approximateInvokeCount": result.invocations,
            },
            "requestPayload": _json(result.payload),
            **(invoked if answer.status == 200 else {}),
        }
    )


def send(target: Target, result: Result) -> None:
    """Put the result on a queue or topic; a destination that refuses is said in the log."""
    body = result.payload if target.dead_letter else record(result)
    attributes = _attributes(result) if target.dead_letter else {}
    region, account, name = target.arn.split(":")[3:6]
    try:
        if target.service == "sqs":
            stated = {
                key: {"DataType": kind, "StringValue": value}
                for key, (kind, value) in attributes.items()
            }
            queues = sqs_backends[account][region]
            queues.send_message(name, body.decode(), message_attributes=stated)
        else:
            typed = {
                key: {"Type": kind, "Value": value} for key, (kind, value) in attributes.items()
            }
            sns_backends[account][region].publish(
                body.decode(), target.arn, message_attributes=typed
            )
    except (ServiceException, HTTPException, ValueError) as error:
        LOG.warning("the result of %s is lost: %s refused it: %s", result.arn, target.arn, error)


def _attributes(result: Result) -> dict[str, tuple[str, str]]:
    """Type and value of what goes with an event in a dead-letter queue."""
    answer = result.answer
    message = answer.payload.decode("utf-8", "replace")
    try:
        parsed = msgspec.json.decode(answer.payload, type=dict[str, Any])
        message = str(parsed.get("errorMessage", message))
    except msgspec.MsgspecError:
        pass  # the function answered with something else
    return {
        "RequestID": ("String", result.request_id),
        "ErrorCode": ("Number", str(answer.status)),
        "ErrorMessage": ("String", message[:LONGEST_MESSAGE]),
    }


def _json(payload: bytes) -> Any:
    """A document as it is, and what is no document as text."""
    try:
        msgspec.json.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return payload.decode("utf-8", "replace")
    return msgspec.Raw(payload)
