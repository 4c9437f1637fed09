"""Where a function's output goes, and that no amount of it hurts."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import psutil

from local.functions import limits

if TYPE_CHECKING:
    import pytest

    from tests.local.functions.conftest import Functions

FLOOD = """
import json, os, time
line = b"x" * 1023 + b"\\n"
directive = {"Namespace": "Flood", "Dimensions": [[]], "Metrics": [{"Name": "Seen"}]}
def handler(event, context):
    for _ in range(1024):
        os.write(1, line * 1024)
    metadata = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    print(json.dumps({"_aws": metadata, "Seen": 5}))
    return "done"
"""


def words(events: list[str]) -> list[str]:
    """Lambda's own lines by their first word, the function's without time and number."""
    own = {"START", "END", "REPORT"}
    return [
        event.partition(" ")[0] if event.partition(" ")[0] in own else event.rpartition("\t")[2]
        for event in events
    ]


def test_prints_and_logs_are_events_in_the_order_written(functions: Functions) -> None:
    name = functions.make(
        """
import logging, os, subprocess, sys
def handler(event, context):
    print("one\\ntwo")
    logging.warning("three\\nfour")
    print("five", file=sys.stderr)
    subprocess.run(["echo", "six"])
    os.write(1, b"seven")
"""
    )
    functions.call(name)
    functions.call(name)
    once = ["START", "one\n", "two\n", "three\nfour\n", "five\n", "six\n", "seven", "END", "REPORT"]
    assert [words(stream) for stream in functions.logged(name)] == [once * 2]


def test_the_group_and_the_format_are_those_of_the_configuration(functions: Functions) -> None:
    group = f"group-{time.time_ns()}"
    name = functions.make(
        "import logging\n"
        "def handler(event, context):\n"
        "    logging.getLogger().debug('hidden')\n"
        "    logging.getLogger().info('shown')",
        LoggingConfig={"LogGroup": group, "LogFormat": "JSON"},
    )
    functions.call(name)
    [events] = functions.logged(name, group)
    start, shown, report = [json.loads(event) for event in events]
    assert (start["type"], start["record"]["version"]) == ("platform.start", "$LATEST")
    assert (shown["level"], shown["message"]) == ("INFO", "shown")
    assert (report["type"], report["record"]["status"]) == ("platform.report", "success")
    assert report["record"]["metrics"].keys() == {
        "durationMs",
        "billedDurationMs",
        "memorySizeMB",
        "maxMemoryUsedMB",
        "initDurationMs",
    }


def test_a_gigabyte_of_output_neither_stalls_nor_fills_the_memory(inner: Functions) -> None:
    name = inner.make(FLOOD)
    process = psutil.Process()
    before = process.memory_info().rss
    assert inner.call(name).payload == "done"
    grown = process.memory_info().rss - before
    [events] = inner.logged(name)
    kept = limits.OUTPUT_BYTES // 1024
    assert len([event for event in events if event.startswith("xxx")]) == kept
    dropped = 1024 * 1024 + 1 - kept
    assert f"Headrace dropped {dropped:,} lines of this invocation's output" in events[-3]
    assert grown < 64 * 1024 * 1024
    now = time.time()
    [found] = inner.aws.client("cloudwatch").get_metric_statistics(
        Namespace="Flood",
        MetricName="Seen",
        StartTime=now - 600,
        EndTime=now + 600,
        Period=3600,
        Statistics=["Sum"],
    )["Datapoints"]
    assert found["Sum"] == 5.0


def test_warnings_reach_the_terminal_with_the_function_s_name(
    inner: Functions, capsys: pytest.CaptureFixture[str]
) -> None:
    name = inner.make(
        "import logging\n"
        "def handler(event, context):\n"
        "    print('quiet')\n"
        "    logging.error('loud')\n"
        "    raise SystemExit(4)"
    )
    inner.call(name)
    shown = ""
    deadline = time.monotonic() + 5
    while "Runtime.ExitError" not in shown and time.monotonic() < deadline:
        shown += capsys.readouterr().err
    lines = [line.rpartition("\t")[2] for line in shown.splitlines() if f"[{name}]" in line]
    assert lines[0] == "loud"
    assert lines[-1] == f"[{name}] Runtime.ExitError"
    assert "quiet" not in shown
