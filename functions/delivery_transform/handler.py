"""Wiring of the delivery transform: Firehose in, Firehose out, one ledger line per invocation."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from events import registry
from functions.delivery_transform.quarantine import Quarantine, objects
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
    records, now = event["records"], datetime.now(UTC)
    answers, rejections, replayed = _transform()(records, now)
    for rejection in rejections:
        logger.warning("rejected", extra=_named(rejection))
    _account(_settings().event_type, len(answers), rejections, replayed)
    if rejections and not _kept(objects(records, rejections, now, _settings().bucket)):
        left_out = {rejection.index for rejection in rejections}
        answers = [answer for index, answer in enumerate(answers) if index not in left_out]
    return {"records": answers}


def _named(rejection: Rejection) -> dict[str, Any]:
    """What is logged of a rejection."""
    said = asdict(rejection)
    del said["index"]
    return said


def _kept(found: dict[str, bytes]) -> bool:
    """Whether the verdicts are where SQL finds them. When they cannot be put there, the world is
    wrong and not the records: the right ones must not wait for it. So the wrong ones are left out
    of the answer, and Firehose puts each under the error prefix as `Lambda.MissingRecordId`, which
    SQL shows too; the reason is in the log."""
    try:
        _quarantine().keep(found)
    except Exception as failure:
        logger.error("rejections not kept", extra={"error": type(failure).__name__})  # noqa: TRY400  the message may name what is in the request
        tools.count({"Unkept": 1}, EventType=_settings().event_type)
        return False
    return True


@cache
def _settings() -> Settings:
    return Settings.read()


@cache
def _quarantine() -> Quarantine:
    return Quarantine(_settings().bucket, _settings().rejected_prefix)


@cache
def _transform() -> Transform:
    return Transform(registry.get(_settings().event_type), lake=_settings().bucket)


def _account(
    event_type: str, received: int, rejections: Sequence[Rejection], replayed: int
) -> None:
    """The ledger: received = accepted + rejected + replayed, and the rejected by reason."""
    rejected = len(rejections)
    counts = {
        "Received": received,
        "Accepted": received - rejected - replayed,
        "Rejected": rejected,
    }
    if replayed:  # a metric that is never published costs nothing
        counts["Replayed"] = replayed
    tools.count(counts, EventType=event_type)
    for reason, number in Counter(one.reason for one in rejections).items():
        tools.count({"Rejected": number}, EventType=event_type, Reason=reason)
