"""Wiring of the audit: a schedule runs it as a whole, a person's command step by step."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import boto3
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from events import registry
from functions.audit.athena import Lake
from functions.audit.auditor import Auditor
from functions.audit.cutting import Cut
from functions.audit.reading import Stream, connected
from functions.audit.report import Tally
from functions.audit.run import Report, run
from functions.audit.settings import Settings
from functions.audit.store import Store
from functions.shared import tools

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SERVICE = "audit"
LOGGED = 100
NAMES = ("shard_id", "sequence_number", "subsequence_number", "arrived_at")
"""What a log may say of a record: nothing of its payload, which an event id is part of."""
ANSWERED = 1_000
"""Of a run's missing and lost records: an answer may have 6 MB; the report that is kept has all."""
RESERVE_SECONDS = 60
"""Left over at the end of the function's time: a query takes some seconds, and is not cut short."""

logger = tools.logger(SERVICE)
tracer = tools.tracer(SERVICE)


class Request(Struct, frozen=True, kw_only=True):
    """One step of functions/audit/auditor.py; a schedule's event names none."""

    step: Literal["run", "plan", "read", "compare", "explain"] = "run"
    shard_id: str = ""
    since: int | None = None
    until: int = 0
    due: int = 0
    last: str | None = None
    seen: int = 0
    seconds: float = 600
    cuts: list[Cut] = []
    exact: bool = False


@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
@logger.inject_lambda_context(log_event=False)
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """The step's answer, or the run's report, as far as it fits, as JSON."""
    request = msgspec.convert(event, Request)
    auditor = _auditor()
    ends = time.monotonic() + request.seconds

    def most_seconds_left() -> float:
        return context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS

    def seconds_left() -> float:
        return min(ends - time.monotonic(), most_seconds_left())

    match request.step:
        case "plan":
            answer: Any = auditor.plan()
        case "read":
            answer = auditor.read(
                request.shard_id,
                since=request.since,
                until=request.until,
                due=request.due,
                last=request.last,
                seen=request.seen,
                seconds_left=seconds_left,
                most_seconds_left=most_seconds_left,
            )
        case "compare":
            answer = auditor.compare(request.cuts, exact=request.exact)
        case "explain":
            answer = auditor.explain(request.shard_id, request.cuts)
        case "run":
            answer = _run(auditor, context, most_seconds_left)
    return msgspec.to_builtins(answer)


def _run(auditor: Auditor, context: LambdaContext, seconds_left: Callable[[], float]) -> Report:
    store = _store()
    state, report = run(auditor, store.state(), seconds_left=seconds_left)
    began = datetime.fromtimestamp(report.began / 1000, UTC)
    store.keep(report, began, context.aws_request_id)
    store.save(state)
    total = sum(report.shards.values(), Tally())
    for one in report.missing[:LOGGED]:
        logger.error("missing", extra={name: getattr(one, name) for name in NAMES})
    for gap in report.gaps:
        logger.error("trimmed before it was audited", extra=msgspec.to_builtins(gap))
    logger.info("audited", extra=msgspec.to_builtins(total) | {"through": report.through})
    tools.count(
        {
            "AuditedRecords": total.stream,
            "MissingRecords": len(report.missing) + total.gone,
            "LostRecords": len(report.newly_lost),
            "TrimmedUnaudited": len(report.gaps),
            "UnauditedSeconds": max(0, report.began - report.through) // 1000,
        },
        EventType=report.event_type,
    )
    return replace(
        report, missing=report.missing[:ANSWERED], newly_lost=report.newly_lost[:ANSWERED]
    )


@cache
def _auditor() -> Auditor:
    settings = Settings.read()
    lake = Lake(boto3.client("athena"), boto3.client("s3"), settings.workgroup, settings.database)
    return Auditor(
        settings=settings,
        kind=registry.get(settings.event_type),
        stream=Stream(connected(), settings.stream),
        lake=lake,
        clock=lambda: round(time.time() * 1000),
    )


@cache
def _store() -> Store:
    settings = Settings.read()
    return Store(boto3.client("s3"), settings.bucket, settings.audit_prefix)
