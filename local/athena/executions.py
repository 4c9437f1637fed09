"""Query executions: queued, run several at once, stopped, and described as the API does."""

from __future__ import annotations

import logging
import shutil
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from local.athena import results
from local.athena.catalog.tables import Glue
from local.athena.engine import Cancelled, Engine
from local.athena.errors import QueryFailed
from local.athena.lake.cache import Cache
from local.athena.lake.objects import Store, address
from local.athena.results import ResultColumn
from local.athena.statements.base import BytesExceeded, Outcome, Session, Statement

LOG = logging.getLogger(__name__)
CONCURRENT = 4
"""Queries that run at once; more wait in the queue."""
FINAL = ("SUCCEEDED", "FAILED", "CANCELLED")


@dataclass(slots=True)
class Request:
    """What StartQueryExecution asked for."""

    sql: str
    statement: Statement
    location: str
    workgroup: str
    database: str | None = None
    catalog: str = "AwsDataCatalog"
    parameters: list[str] = field(default_factory=list)
    configuration: dict[str, Any] = field(default_factory=dict)
    reuse: dict[str, Any] | None = None
    cutoff: int | None = None
    enforced: bool = False
    given: tuple[object, ...] = ()
    """What a repeated ClientRequestToken must repeat."""


class Execution:
    """One query. Its state changes under its own lock; FINAL states never change."""

    def __init__(self, request: Request, region: str, account: str) -> None:
        self.id = str(uuid.uuid4())
        self.request = request
        self.region = region
        self.account = account
        self.state = "QUEUED"
        self.reason: str | None = None
        self.error: QueryFailed | None = None
        self.submitted = datetime.now(UTC)
        self.started: float | None = None
        self.completed: datetime | None = None
        self.clock = time.monotonic()
        self.queued = 0.0
        self.planning = 0.0
        self.running = 0.0
        self.total = 0.0
        self.outcome: Outcome | None = None
        self.scanned = 0
        self.output = request.location + request.statement.result.format(self.id)
        self.cursor: duckdb.DuckDBPyConnection | None = None
        self.done = threading.Event()
        self.left = threading.Event()
        """`done` when its state is final, `left` when nothing works on it any more."""
        self._lock = threading.Lock()

    @property
    def columns(self) -> list[ResultColumn]:
        return self.outcome.columns if self.outcome else []

    def begin(self, cursor: duckdb.DuckDBPyConnection) -> bool:
        """QUEUED to RUNNING; False when it was stopped before."""
        with self._lock:
            if self.state != "QUEUED":
                return False
            self.state = "RUNNING"
            self.cursor = cursor
            self.started = time.monotonic()
            self.queued = self.started - self.clock
            return True

    def end(self, state: str, reason: str | None = None, error: QueryFailed | None = None) -> bool:
        """To a final state, unless it is in one."""
        with self._lock:
            if self.state in FINAL:
                return False
            self.state, self.reason, self.error = state, reason, error
            self.completed = datetime.now(UTC)
            self.total = time.monotonic() - self.clock
            if self.started is not None:
                self.running = time.monotonic() - self.started
            self.done.set()
            return True

    def stop(self) -> None:
        """CANCELLED at once; DuckDB is interrupted if it is at work."""
        if self.end("CANCELLED", "Query was cancelled by the user"):
            threading.Thread(target=self._interrupt, daemon=True).start()

    def _interrupt(self) -> None:
        """Until the query has ended: an interrupt before DuckDB begins would be forgotten."""
        while not self.left.wait(0.02):
            cursor = self.cursor
            if cursor is not None:
                with suppress(duckdb.Error):
                    cursor.interrupt()

    @property
    def manifest(self) -> str | None:
        if self.outcome is None or self.outcome.manifest is None:
            return None
        return f"{self.output}-manifest.csv"


class Executions:
    """Runs queries for every account and region of the process."""

    def __init__(self) -> None:
        self.cache = Cache()
        self.engine = Engine(self.cache.root)
        self._pool = ThreadPoolExecutor(CONCURRENT, thread_name_prefix="athena")
        self._live: set[Execution] = set()

    def start(self, execution: Execution) -> None:
        self._live.add(execution)
        self._pool.submit(self._run, execution)

    def stop(self) -> None:
        """Cancel what runs or waits, and give everything back."""
        for execution in list(self._live):
            execution.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self.engine.close()
        self.cache.close()

    def _run(self, execution: Execution) -> None:
        cursor = self.engine.cursor()
        try:
            if execution.begin(cursor):
                self._finish(execution, self._session(execution, cursor))
        except (Cancelled, duckdb.InterruptException):
            execution.end("CANCELLED", "Query was cancelled by the user")
        except BytesExceeded as error:
            execution.scanned = error.limit
            execution.end("CANCELLED", str(error))
        except QueryFailed as error:
            execution.end("FAILED", error.reason, error)
        except Exception as error:
            LOG.exception("query %s failed", execution.id)
            internal = QueryFailed("GENERIC_INTERNAL_ERROR", repr(error))
            execution.end("FAILED", internal.reason, internal)
        finally:
            self._live.discard(execution)
            execution.cursor = None
            execution.left.set()
            cursor.close()

    def _session(self, execution: Execution, cursor: duckdb.DuckDBPyConnection) -> Session:
        request = execution.request
        return Session(
            glue=Glue(execution.account, execution.region),
            store=Store(execution.account),
            cache=self.cache,
            cursor=cursor,
            query_id=execution.id,
            output=request.location,
            now=execution.submitted,
            database=request.database,
            parameters=request.parameters,
            cutoff=request.cutoff,
            enforced=request.enforced,
        )

    def _finish(self, execution: Execution, session: Session) -> None:
        """Run the statement and put its result; nothing is put for a query that was stopped."""
        outcome = execution.request.statement.run(session)
        execution.planning = session.planning_seconds
        execution.scanned = outcome.scanned
        try:
            body = outcome.body.read_bytes() if isinstance(outcome.body, Path) else outcome.body
        finally:
            if isinstance(outcome.body, Path):
                shutil.rmtree(outcome.body.parent, ignore_errors=True)
        if execution.state == "CANCELLED":
            return
        outcome.body = b""
        execution.outcome = outcome
        self._put(execution, session.store, outcome, body)
        execution.end("SUCCEEDED")

    def _put(self, execution: Execution, store: Store, outcome: Outcome, body: bytes) -> None:
        bucket, key = address(execution.output)
        engine_id = f"{execution.submitted:%Y%m%d_%H%M%S}_00000_{execution.id[:5]}"
        if not store.exists(bucket):
            message = f"Unable to verify/create output bucket {bucket}"
            raise QueryFailed("FAILED", message)
        if outcome.extension:
            store.put(bucket, key, body)
        if outcome.manifest is not None:
            listed = "".join(f"{place}\n" for place in outcome.manifest).encode()
            store.put(bucket, f"{key}-manifest.csv", listed)
        store.put(bucket, f"{key}.metadata", results.metadata(outcome.columns, engine_id))


def described(execution: Execution) -> dict[str, Any]:
    """A query as GetQueryExecution answers it."""
    request = execution.request
    context = {"Database": request.database, "Catalog": request.catalog}
    answer = {
        "QueryExecutionId": execution.id,
        "Query": request.sql,
        "StatementType": request.statement.kind,
        "SubstatementType": request.statement.substatement,
        "ResultConfiguration": {**request.configuration, "OutputLocation": execution.output},
        "ResultReuseConfiguration": request.reuse
        or {"ResultReuseByAgeConfiguration": {"Enabled": False}},
        "QueryExecutionContext": {key: value for key, value in context.items() if value},
        "Status": _status(execution),
        "Statistics": _statistics(execution),
        "WorkGroup": request.workgroup,
        "EngineVersion": {
            "SelectedEngineVersion": "AUTO",
            "EffectiveEngineVersion": "Athena engine version 3",
        },
    }
    if request.parameters:
        answer["ExecutionParameters"] = request.parameters
    return answer


def _status(execution: Execution) -> dict[str, Any]:
    status: dict[str, Any] = {
        "State": execution.state,
        "SubmissionDateTime": execution.submitted.timestamp(),
    }
    if execution.completed is not None:
        status["CompletionDateTime"] = execution.completed.timestamp()
    if execution.reason is not None:
        status["StateChangeReason"] = execution.reason
    if execution.error is not None:
        status["AthenaError"] = {
            "ErrorCategory": execution.error.category,
            "ErrorType": execution.error.type,
            "Retryable": False,
            "ErrorMessage": execution.error.reason,
        }
    return status


def _statistics(execution: Execution) -> dict[str, Any]:
    """Where its time went, in milliseconds (planning is part of the engine's), and its bytes."""
    if execution.state not in FINAL:
        elapsed = time.monotonic() - execution.clock
        return {"TotalExecutionTimeInMillis": round(elapsed * 1000)}
    statistics: dict[str, Any] = {
        "QueryQueueTimeInMillis": round(execution.queued * 1000),
        "QueryPlanningTimeInMillis": round(execution.planning * 1000),
        "EngineExecutionTimeInMillis": round(execution.running * 1000),
        "ServicePreProcessingTimeInMillis": 0,
        "ServiceProcessingTimeInMillis": 0,
        "TotalExecutionTimeInMillis": round(execution.total * 1000),
        "DataScannedInBytes": execution.scanned,
        "ResultReuseInformation": {"ReusedPreviousResult": False},
    }
    if execution.manifest is not None:
        statistics["DataManifestLocation"] = execution.manifest
    return statistics
