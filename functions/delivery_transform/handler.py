"""Wiring of the delivery transform: Firehose in, Firehose out, one ledger line per invocation."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from events import registry
from functions.delivery_transform.settings import Settings
from functions.delivery_transform.transform import Rejection, Transform
from functions.shared import tools

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SERVICE = "delivery_transform"

logger = tools.logger(SERVICE)
tracer = tools.tracer(SERVICE)


@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
@logger.inject_lambda_context(log_event=False)
def handler(event: dict[str, Any], _context: "LambdaContext") -> dict[str, Any]:
    """Answer a transform request of a delivery stream."""
    answers, rejections = _transform()(event["records"], datetime.now(UTC))
    for rejection in rejections:
        logger.warning("rejected", extra=asdict(rejection))
    _account(_settings().event_type, len(answers), rejections)
    return {"records": answers}


@cache
def _settings() -> Settings:
    return Settings.read()


@cache
def _transform() -> Transform:
    return Transform(registry.get(_settings().event_type))


def _account(event_type: str, received: int, rejections: Sequence[Rejection]) -> None:
    """The ledger: received = accepted + rejected, and the rejected by reason."""
    rejected = len(rejections)
    tools.count(
        {"Received": received, "Accepted": received - rejected, "Rejected": rejected},
        EventType=event_type,
    )
    for reason, number in Counter(one.reason for one in rejections).items():
        tools.count({"Rejected": number}, EventType=event_type, Reason=reason)
