"""The lines that Lambda itself writes into a function's log, as text or as JSON.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from local.functions.definition import Definition

LEVELS = ("DEBUG", "INFO", "WARN")
"""Of Lambda's own lines, which only the JSON format filters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What an invocation took: milliseconds and MB; `failure` is Lambda's own error type."""

    duration: float
    init: float | None
    memory: int
    status: str = "success"
    failure: str | None = None


class Reporter:
    """Lambda's lines for the invocations of one function version."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition

    def init_failed(self, milliseconds: float, phase: str, status: str, failure: str | None) -> str:
        kind = f"\tError Type: {failure}" if failure else ""
        return self._line(
            f"INIT_REPORT Init Duration: {milliseconds:.2f} ms\tPhase: {phase}\tStatus: {status}"
            f"{kind}\n",
            "platform.initReport",
            {
                "initializationType": "on-demand",
                "phase": phase,
                "status": status,
                **({"errorType": failure} if failure else {}),
                "metrics": {"durationMs": round(milliseconds, 2)},
            },
            "WARN",
        )

    def start(self, request: str) -> str:
        version = self._definition.version
        return self._line(
            f"START RequestId: {request} Version: {version}\n",
            "platform.start",
            {"requestId": request, "functionArn": self._definition.arn, "version": version},
            "INFO",
        )

    def end(self, request: str, measured: Measured) -> str:
        """The end of an invocation; JSON says it with its runtimeDone event."""
        failure = {"errorType": measured.failure} if measured.failure else {}
        return self._line(
            f"END RequestId: {request}\n",
            "platform.runtimeDone",
            {"requestId": request, "status": measured.status, **failure},
            "DEBUG" if measured.status == "success" else "WARN",
        )

    def report(self, request: str, measured: Measured, trace: str | None) -> str:
        metrics = self._metrics(measured)
        failure = {"errorType": measured.failure} if measured.failure else {}
        return self._line(
            self._report(request, measured, metrics, trace),
            "platform.report",
            {"requestId": request, "metrics": metrics, "status": measured.status, **failure},
            "INFO" if measured.status == "success" else "WARN",
        )

    def _metrics(self, measured: Measured) -> dict[str, Any]:
        billed = math.ceil(measured.duration + (measured.init or 0))
        return {
            "durationMs": round(measured.duration, 2),
            "billedDurationMs": billed,
            "memorySizeMB": self._definition.memory,
            "maxMemoryUsedMB": measured.memory,
            **({"initDurationMs": round(measured.init, 2)} if measured.init else {}),
        }

    def _report(
        self, request: str, measured: Measured, metrics: dict[str, Any], trace: str | None
    ) -> str:
        parts = [
            f"REPORT RequestId: {request}",
            f"Duration: {measured.duration:.2f} ms",
            f"Billed Duration: {metrics['billedDurationMs']} ms",
            f"Memory Size: {self._definition.memory} MB",
            f"Max Memory Used: {measured.memory} MB",
        ]
        if measured.init:
            parts.append(f"Init Duration: {measured.init:.2f} ms")
        if measured.status != "success" and (measured.failure or measured.status == "timeout"):
            parts.append(f"Status: {measured.status}")
        if measured.failure:
            parts.append(f"Error Type: {measured.failure}")
        traced = f"XRAY TraceId: {trace}\tSampled: true\t\n" if trace else ""
        return "\t".join(parts) + "\t\n" + traced

    def _line(self, text: str, kind: str, record: dict[str, Any], level: str) -> str:
        if not self._definition.json_logs:
            return text
        if LEVELS.index(level) < LEVELS.index(self._definition.system_log_level):
            return ""
        time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return msgspec.json.encode({"time": time, "type": kind, "record": record}).decode() + "\n"
