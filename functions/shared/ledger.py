"""The account of a stream processor's batch: every record's end, logged and counted."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from functions.shared import tools
from functions.shared.emitter import NotPut
from functions.shared.processor import Batch, Cause

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger


def settle(batch: Batch[Any], logger: Logger, function: str) -> dict[str, Any]:
    """Log what was wrong or failed, count everything, and answer the event source mapping.

    The metrics are the ledger of this attempt: Received = Emitted + Unput + Filtered + Rejected.
    What is delivered again counts again; `Acknowledged` are those that will not be. `Failed` counts
    invocations that acknowledged less than they were given. Errors are named by type and place:
    their messages may quote the payload.
    """
    for wrong in batch.wrong:
        logger.warning(
            "rejected", extra=named(wrong.cause) | {"reason": wrong.reason, "detail": wrong.detail}
        )
    if batch.failed:
        logger.error(
            "failed: nothing from this record on is acknowledged",
            extra=named(batch.failed) | {"error": described(batch.error)},
        )
    tools.count(
        {
            "Received": batch.received,
            "Emitted": len(batch.outputs),
            "Unput": batch.unput,
            "Filtered": batch.filtered,
            "Rejected": len(batch.wrong),
            "Acknowledged": batch.acknowledged,
            "Failed": int(batch.failed is not None),
        },
        Function=function,
    )
    return batch.answer()


def named(cause: Cause) -> dict[str, Any]:
    """The words by which a record is found again."""
    return {
        "shard_id": cause.shard_id,
        "sequence_number": cause.sequence_number,
        "subsequence_number": cause.subsequence_number,
    }


def described(error: Exception | None) -> str:
    """What went wrong and where, without a value of the payload."""
    if isinstance(error, NotPut):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__) if error else []
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"
