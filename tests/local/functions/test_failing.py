"""Functions that fail in every way there is: AWS's answer, and a fresh start afterwards."""

from __future__ import annotations

import os
import re
import signal
from typing import TYPE_CHECKING

import pytest

from tests.local.functions.conftest import ends, refused

if TYPE_CHECKING:
    from tests.local.functions.conftest import Answer, Functions

OR_WELL = "\ncalls = 0\ndef handler(event, context):\n    global calls\n    calls += 1\n    "


def failure(answer: Answer) -> tuple[str | None, str, str, str]:
    """FunctionError, type, message, and what REPORT says, without the request's number."""
    message = re.sub(r"RequestId: [0-9a-f-]{36} ", "", answer.payload["errorMessage"])
    [report] = [line for line in answer.log.splitlines() if line.startswith("REPORT ")]
    said = re.sub(r".*(\tStatus: )?", "", report.rpartition("\tStatus: ")[2]).strip()
    status = report.partition("\tStatus: ")[2].strip() or said
    return answer.error, answer.payload["errorType"], message, status


@pytest.mark.parametrize(
    ("body", "kind", "message", "status"),
    [
        (
            "import os; os._exit(3)",
            "Runtime.ExitError",
            "Error: Runtime exited with error: exit status 3",
            "error\tError Type: Runtime.ExitError",
        ),
        (
            "import os; os._exit(0)",
            "Runtime.ExitError",
            "Error: Runtime exited without providing a reason",
            "error\tError Type: Runtime.ExitError",
        ),
        (
            "import ctypes; ctypes.string_at(0)",
            "Runtime.ExitError",
            "Error: Runtime exited with error: signal: segmentation fault",
            "error\tError Type: Runtime.ExitError",
        ),
        (
            "held = [b'x' * 1_000_000 for _ in range(2_000)]; import time; time.sleep(5)",
            "Runtime.ExitError",
            "Error: Runtime exited with error: signal: killed",
            "error\tError Type: Runtime.OutOfMemory",
        ),
        (
            "import time; time.sleep(60)",
            "Sandbox.Timedout",
            "Error: Task timed out after 1.00 seconds",
            "timeout",
        ),
    ],
    ids=["exit", "exit-without-error", "crash", "out-of-memory", "timeout"],
)
def test_a_process_that_ends_fails_its_invocation_and_the_next_one_starts_afresh(
    functions: Functions, body: str, kind: str, message: str, status: str
) -> None:
    name = functions.make(
        f"{OR_WELL}if event == 'fail':\n        print('last words', flush=True)\n        {body}\n"
        "    return calls",
        Timeout=1,
        MemorySize=128,
    )
    assert [functions.call(name, "well").payload for _ in range(2)] == [1, 2]
    failed = functions.call(name, "fail")
    assert failure(failed) == ("Unhandled", kind, message, status)
    assert failed.lines[0] == "last words"
    assert functions.call(name, "well").payload == 1


def test_a_process_that_ends_between_invocations_fails_none(functions: Functions) -> None:
    name = functions.make("import os\ndef handler(event, context): return os.getpid()")
    first = functions.call(name).payload
    os.kill(first, signal.SIGKILL)
    assert ends(first)
    second, third = functions.call(name), functions.call(name)
    assert (second.error, third.payload) == (None, second.payload)
    assert first != second.payload


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        ("raise KeyError('x')", "KeyError", "'x'"),
        ("def handler(:", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app'"),
        ("import nothing", "Runtime.ImportModuleError", "No module named 'nothing'"),
        ("x = 1", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
    ],
)
def test_an_error_in_init_is_told_by_every_invocation(
    functions: Functions, code: str, kind: str, message: str
) -> None:
    name = functions.make(code)
    for _ in range(2):
        answer = functions.call(name)
        assert (answer.error, answer.payload["errorType"]) == ("Unhandled", kind)
        assert message in answer.payload["errorMessage"]
    [events] = functions.logged(name)
    reports = [event.split("\t")[1:] for event in events if event.startswith("INIT_REPORT")]
    assert reports == [
        ["Phase: init", "Status: error", f"Error Type: {kind}\n"],
        ["Phase: invoke", "Status: error", f"Error Type: {kind}\n"],
        ["Phase: invoke", "Status: error", f"Error Type: {kind}\n"],
    ]


def test_an_exit_in_init_is_an_exit(functions: Functions) -> None:
    answer = functions.call(functions.make("import os; os._exit(7)"))
    assert failure(answer) == (
        "Unhandled",
        "Runtime.ExitError",
        "Error: Runtime exited with error: exit status 7",
        "error\tError Type: Runtime.ExitError",
    )


def test_nonsense_for_an_answer_is_an_error(functions: Functions) -> None:
    answer = functions.call(functions.make("def handler(event, context): return object()"))
    assert (answer.error, answer.payload["errorType"]) == ("Unhandled", "Runtime.MarshalError")


def test_what_a_timed_out_function_started_ends_with_it(functions: Functions) -> None:
    name = functions.make(
        "import subprocess, time\n"
        "def handler(event, context):\n"
        "    print(subprocess.Popen(['sleep', '60']).pid, flush=True)\n"
        "    time.sleep(60)",
        Timeout=1,
    )
    started = int(functions.call(name).lines[0])
    assert ends(started)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"Runtime": "nodejs24.x"}, "Runtime nodejs24.x is not supported by the local AWS"),
        (
            {"PackageType": "Image", "Code": {"ImageUri": "x/y:1"}},
            "PackageType Image is not supported by the local AWS",
        ),
        (
            {"SnapStart": {"ApplyOn": "PublishedVersions"}},
            "SnapStart is not supported by the local AWS.",
        ),
        ({"Timeout": 901}, "Member must have value less than or equal to 900"),
        ({"MemorySize": 128_000}, "Member must have value less than or equal to 10240"),
        (
            {"Environment": {"Variables": {"AWS_REGION": "x"}}},
            "Reserved keys used in this request: AWS_REGION",
        ),
        ({"Environment": {"Variables": {"A": "x" * 4096}}}, "exceeded the 4KB limit."),
        ({"Code": {"ZipFile": b"no zip"}}, "Could not unzip uploaded file."),
        (
            {"Code": {"S3Bucket": "no-such-bucket-anywhere", "S3Key": "k"}},
            "The specified bucket does not exist",
        ),
    ],
)
def test_what_cannot_run_is_refused_when_it_is_made(
    functions: Functions, options: dict[str, object], message: str
) -> None:
    code, told = refused(lambda: functions.make(**options))  # type: ignore[arg-type]
    assert code in ("InvalidParameterValueException", "ValidationException")
    assert message in told
