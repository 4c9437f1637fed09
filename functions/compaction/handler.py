"""Wiring of the compaction: a schedule or a person calls it, the answer is its report."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import msgspec
from botocore.config import Config
from msgspec import Struct

from events import registry
from events.columns import sort_columns
from functions.compaction.compactor import Compactor
from functions.compaction.settings import Settings
from functions.compaction.store import TOGETHER, Store
from functions.compaction.swap import Swap
from functions.shared import tools

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SERVICE = "compaction"
RESERVE_SECONDS = 30
"""Left over at the end of the function's time."""

logger = tools.logger(SERVICE)
tracer = tools.tracer(SERVICE)


class Request(Struct, frozen=True):
    """What a person asks for; a schedule's event has none of it."""

    dates: tuple[str, ...] = ()
    dry_run: bool = False


@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
@logger.inject_lambda_context(log_event=False)
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Compact the dates that are due; the report, as JSON."""
    request = msgspec.convert(event, Request)
    settings, store, swap = _world()
    kind = registry.get(settings.event_type)
    id_column, *order = sort_columns(kind)
    with tempfile.TemporaryDirectory(prefix="compaction-") as folder:
        compactor = Compactor(
            settings=settings,
            store=store,
            swap=swap,
            run=context.aws_request_id,
            folder=Path(folder) / "work",
            id_column=id_column,
            sort_columns=order,
            clock=lambda: datetime.now(UTC),
            seconds_left=lambda: context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS,
        )
        report = compactor(only=request.dates, dry_run=request.dry_run)
    for done in report.compacted:
        logger.info("compacted", extra=msgspec.to_builtins(done))
    for event_date, why in report.failed.items():
        logger.error("not compacted", extra={"event_date": event_date, "error": why})
    tools.count(
        {
            "CompactedDates": 0 if report.dry_run else len(report.compacted),
            "RemainingDates": len(report.remaining),
            "FailedDates": len(report.failed),
            "CrashedPasses": sum(one.crashed for one in report.cleaned),
        },
        EventType=settings.event_type,
    )
    return msgspec.to_builtins(report)


@cache
def _world() -> tuple[Settings, Store, Swap]:
    settings = Settings.read()
    swap = Swap(boto3.client("glue"), settings.database, f"{settings.event_type}_swap")
    s3 = boto3.client("s3", config=Config(max_pool_connections=TOGETHER))
    return settings, Store(s3, settings.bucket), swap
