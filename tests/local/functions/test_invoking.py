"""The Invoke API, as boto3 sees it."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from tests.local.functions.conftest import refused
from tests.local.lab import package

if TYPE_CHECKING:
    from tests.local.functions.conftest import Functions

COUNTING = """
inits = 0
calls = 0
inits += 1
def handler(event, context):
    global calls
    calls += 1
    return {"inits": inits, "calls": calls, "event": event}
"""


def test_a_function_answers_what_its_handler_returns_and_is_initialised_once(
    functions: Functions,
) -> None:
    name = functions.make(COUNTING)
    answers = [functions.call(name, event) for event in ({"a": "é"}, [1, None], "text")]
    assert [(answer.payload, answer.error, answer.version) for answer in answers] == [
        ({"inits": 1, "calls": 1, "event": {"a": "é"}}, None, "$LATEST"),
        ({"inits": 1, "calls": 2, "event": [1, None]}, None, "$LATEST"),
        ({"inits": 1, "calls": 3, "event": "text"}, None, "$LATEST"),
    ]


def test_no_payload_is_an_empty_object(functions: Functions) -> None:
    name = functions.make("def handler(event, context): return event")
    assert functions.call(name).payload == {}


def test_the_context_tells_the_function_about_itself(functions: Functions) -> None:
    name = functions.make(
        """
import os
def handler(event, context):
    return {
        "name": context.function_name,
        "version": context.function_version,
        "arn": context.invoked_function_arn,
        "memory": context.memory_limit_in_mb,
        "group": context.log_group_name,
        "stream": context.log_stream_name == os.environ["AWS_LAMBDA_LOG_STREAM_NAME"],
        "left": 0 < context.get_remaining_time_in_millis() <= 7_000,
        "request": context.aws_request_id,
        "client": context.client_context.custom,
    }
""",
        Timeout=7,
        MemorySize=512,
    )
    custom = base64.b64encode(json.dumps({"custom": {"a": "b"}}).encode()).decode()
    found = functions.api.invoke(FunctionName=name, ClientContext=custom)
    assert json.loads(found["Payload"].read()) == {
        "name": name,
        "version": "$LATEST",
        "arn": f"arn:aws:lambda:us-east-1:123456789012:function:{name}",
        "memory": "512",
        "group": f"/aws/lambda/{name}",
        "stream": True,
        "left": True,
        "request": found["ResponseMetadata"]["RequestId"],
        "client": {"a": "b"},
    }


def test_a_qualifier_chooses_the_version_and_every_version_keeps_its_code(
    functions: Functions,
) -> None:
    code = "import os\ndef handler(event, context): return [{}, context.invoked_function_arn[-6:]]"
    name = functions.make(code.format(1))
    api = functions.api
    assert api.publish_version(FunctionName=name)["Version"] == "1"
    assert api.publish_version(FunctionName=name)["Version"] == "1"  # nothing has changed
    api.create_alias(FunctionName=name, Name="live01", FunctionVersion="1")
    api.update_function_code(FunctionName=name, ZipFile=package({"app.py": code.format(2)}))
    found = {
        qualifier: functions.call(name, Qualifier=qualifier)
        for qualifier in ("$LATEST", "1", "live01")
    }
    assert {key: (one.payload[0], one.version) for key, one in found.items()} == {
        "$LATEST": (2, "$LATEST"),
        "1": (1, "1"),
        "live01": (1, "1"),
    }
    assert found["live01"].payload[1] == "live01"
    assert functions.call(f"{name}:1").version == "1"
    assert api.publish_version(FunctionName=name)["Version"] == "2"
    all_to_two = {"AdditionalVersionWeights": {"2": 1.0}}
    api.update_alias(FunctionName=name, Name="live01", RoutingConfig=all_to_two)
    assert refused(lambda: api.invoke(FunctionName=name, Qualifier="live01")) == (
        "InvalidParameterValueException",
        "An alias with weights is not supported by the local AWS.",
    )


def test_an_exception_is_told_with_its_trace(functions: Functions) -> None:
    name = functions.make(
        "def handler(event, context):\n    return inner()\n\n"
        "def inner():\n    raise ValueError('no\\nway')\n"
    )
    answer = functions.call(name)
    assert answer.error == "Unhandled"
    assert {**answer.payload, "requestId": "", "stackTrace": len(answer.payload["stackTrace"])} == {
        "errorMessage": "no\nway",
        "errorType": "ValueError",
        "requestId": "",
        "stackTrace": 2,
    }
    [events] = functions.logged(name)
    assert [event.partition("\n")[0] for event in events][1:-2] == ["[ERROR] ValueError: no"]


def test_other_ways_to_invoke_are_refused_by_their_names(functions: Functions) -> None:
    name, api = functions.make("raise SystemExit"), functions.api
    for kind, call in (
        ("DryRun", lambda: api.invoke(FunctionName=name, InvocationType="DryRun")),
        ("InvokeAsync", lambda: api.invoke_async(FunctionName=name, InvokeArgs=b"{}")),
    ):
        assert refused(call) == (
            "InvalidParameterValueException",
            f"Invocation type {kind} is not supported by the local AWS.",
        )


def test_what_is_not_there_or_no_json_is_refused(functions: Functions) -> None:
    name = functions.make("def handler(event, context): return event")
    invoke = functions.api.invoke
    arn = f"arn:aws:lambda:us-east-1:123456789012:function:{name}"
    assert refused(lambda: invoke(FunctionName=name, Qualifier="7")) == (
        "ResourceNotFoundException",
        f"Function not found: {arn}:7",
    )
    code, message = refused(lambda: invoke(FunctionName=name, Payload=b"{nonsense"))
    assert code == "InvalidRequestContentException"
    assert message.startswith("Could not parse request body into json: ")


def test_six_megabytes_go_in_and_out_and_more_is_refused(functions: Functions) -> None:
    name = functions.make(
        "def handler(event, context):\n"
        "    return event if isinstance(event, str) else 'x' * event['size']",
        MemorySize=512,
    )
    largest = json.dumps("x" * (6 * 1024 * 1024 - 2)).encode()
    found = functions.api.invoke(FunctionName=name, Payload=largest)
    assert found["Payload"].read() == largest
    assert refused(lambda: functions.api.invoke(FunctionName=name, Payload=largest + b" ")) == (
        "RequestTooLargeException",
        "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
    )
    too_much = functions.call(name, {"size": 6_291_555})
    assert (too_much.error, too_much.payload) == (
        "Unhandled",
        {
            "errorType": "Function.ResponseSizeTooLarge",
            "errorMessage": "Response payload size exceeded maximum allowed payload size "
            "(6291556 bytes).",
        },
    )
    assert functions.call(name, "still here").payload == "still here"


def test_the_tail_is_the_last_four_kilobytes_of_the_log(functions: Functions) -> None:
    name = functions.make(
        "def handler(event, context):\n    for number in range(1_000): print(f'line {number:03}')"
    )
    answer = functions.call(name)
    assert len(answer.log.encode()) == 4096
    assert answer.log.splitlines()[-3:-2] == ["line 999"]
    assert answer.log.splitlines()[-1].startswith("REPORT RequestId: ")
