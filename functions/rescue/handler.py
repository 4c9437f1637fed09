"""Wiring of the rescue: messages of a failure queue in, the failure archive out."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from functions.rescue.archive import Archive
from functions.rescue.rescuer import Outcome, Rescuer
from functions.rescue.settings import Settings
from functions.shared import tools
from functions.shared.ledger import described

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SERVICE = "rescue"
RESERVE_SECONDS = 15
"""Left over at the end of the function's time: what is read until then can still be put."""

logger = tools.logger(SERVICE)
tracer = tools.tracer(SERVICE)


@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
@logger.inject_lambda_context(log_event=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Rescue each message; those that were not stay on the queue (ReportBatchItemFailures)."""

    def seconds_left() -> float:
        return context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS

    outcomes: list[Outcome] = []
    failed: list[str] = []
    for message in event["Records"]:
        try:
            outcomes.append(_rescuer()(message["messageId"], message["body"], seconds_left))
        except Exception as error:
            # One message that cannot be rescued now must not keep the others from it.
            failed.append(message["messageId"])
            logger.error(  # noqa: TRY400  the message may name what is in the request
                "not rescued", extra={"id": message["messageId"], "error": described(error)}
            )
    _settle(outcomes, len(failed))
    return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}


def _settle(outcomes: list[Outcome], failed: int) -> None:
    """Log what is kept and count it; a message that comes twice counts twice."""
    batches = [batch for outcome in outcomes for batch in outcome.batches]
    unreadable = [why for outcome in outcomes for why in outcome.unreadable]
    for batch in batches:
        logger.info(
            "rescued",
            extra={
                "failure_id": batch.failure_id,
                "condition": batch.condition,
                "records": len(batch.records),
                "lost": batch.lost,
                "exact": batch.exact,
            },
        )
    for why in unreadable:
        logger.error("kept, but no failure message", extra={"why": why})
    tools.count(
        {
            "RescuedBatches": len(batches),
            "RescuedRecords": sum(len(batch.records) for batch in batches),
            "LostRecords": sum(batch.lost for batch in batches),
            "Unreadable": len(unreadable),
            "NotRescued": failed,
        },
        Processor=_settings().processor,
    )


@cache
def _settings() -> Settings:
    return Settings.read()


@cache
def _rescuer() -> Rescuer:
    config = Config(
        connect_timeout=2, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3}
    )
    return Rescuer(
        _settings(),
        boto3.client("kinesis", config=config),
        Archive(boto3.client("s3", config=config), _settings().bucket),
        lambda: datetime.now(UTC),
    )
