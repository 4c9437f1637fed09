"""How many invocations run at a time."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from local import functions as runtime
from local.functions import limits
from tests.local.functions.conftest import refused

if TYPE_CHECKING:
    from tests.local.functions.conftest import Functions

WAITING = """
import os, time
def handler(event, context):
    os.close(os.open(os.path.join(event["place"], str(os.getpid())), os.O_CREAT))
    while len(os.listdir(event["place"])) < event["until"]:
        time.sleep(0.01)
    return os.getpid()
"""


def test_calls_at_the_same_time_run_in_processes_of_their_own(
    functions: Functions, tmp_path: Any
) -> None:
    name = functions.make(WAITING)
    event = {"place": str(tmp_path), "until": 4}
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: functions.call(name, event).payload, range(4)))
    assert len(set(found)) == 4
    assert functions.call(name, event).payload in found


def test_reserved_concurrency_throttles_what_is_above(functions: Functions, tmp_path: Any) -> None:
    name = functions.make(WAITING)
    api = functions.api
    api.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    assert api.get_function(FunctionName=name)["Concurrency"] == {"ReservedConcurrentExecutions": 1}
    busy = threading.Thread(
        target=functions.call, args=(name, {"place": str(tmp_path), "until": 2})
    )
    busy.start()
    while not any(tmp_path.iterdir()):
        time.sleep(0.01)
    once = functions.aws.client("lambda")
    once.meta.events.register("needs-retry.lambda.Invoke", lambda **_: None)
    payload = json.dumps({"place": str(tmp_path), "until": 0}).encode()
    throttled = ("TooManyRequestsException", "Rate Exceeded.")
    assert refused(lambda: once.invoke(FunctionName=name, Payload=payload)) == throttled
    (tmp_path / "another").touch()
    busy.join()
    assert functions.call(name, {"place": str(tmp_path), "until": 0}).error is None
    api.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    assert api.get_function(FunctionName=name)["Concurrency"] == {"ReservedConcurrentExecutions": 0}
    assert refused(lambda: once.invoke(FunctionName=name, Payload=payload)) == throttled
    assert refused(
        lambda: api.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=901)
    ) == (
        "InvalidParameterValueException",
        "Specified ReservedConcurrentExecutions for function decreases account's "
        "UnreservedConcurrentExecution below its minimum value of [100].",
    )


def test_above_the_machine_s_own_limit_calls_wait_for_each_other(
    inner: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PROCESSES", 2)
    name = inner.make("import os\ndef handler(event, context): return os.getpid()")
    arn = inner.api.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    with ThreadPoolExecutor(12) as threads:
        found = list(threads.map(lambda _: runtime.invoke(arn, b"{}"), range(60)))
    assert {answer.status for answer in found} == {200}
    assert len({answer.payload for answer in found}) == 2


def test_an_idle_environment_is_retired(inner: Functions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "IDLE_SECONDS", 0.0)
    monkeypatch.setattr("local.functions.pool.SWEEP_SECONDS", 0.05)
    runtime.install()  # so that the sweep takes the shorter time
    name = inner.make("import os\ndef handler(event, context): return os.getpid()")
    first = inner.call(name).payload
    time.sleep(0.3)
    assert inner.call(name).payload != first


def test_init_that_takes_too_long_is_repeated_within_the_invocation(
    inner: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "INIT_SECONDS", 0.3)
    slow = "import time\ntime.sleep(0.6)\ndef handler(event, context): return 'slow but well'"
    patient, hasty = inner.make(slow), inner.make(f"import time\ntime.sleep(9)\n{slow}", Timeout=1)
    assert inner.call(patient).payload == "slow but well"
    answer = inner.call(hasty)
    assert (answer.error, answer.payload["errorType"]) == ("Unhandled", "Sandbox.Timedout")
    assert answer.payload["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
    [events] = inner.logged(patient)
    assert [event.split("\t")[1:] for event in events if event.startswith("INIT_REPORT")] == [
        ["Phase: init", "Status: timeout\n"]
    ]
