"""Invocations of type Event, with AWS's waits between retries shortened."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from local import functions as runtime
from tests.local.functions.conftest import Functions, refused
from tests.local.lab import until

if TYPE_CHECKING:
    from local.server import LocalAWS

ACCOUNT = "123456789012"


@pytest.fixture
def quick(inside: LocalAWS) -> Iterator[Functions]:
    runtime.install(retry_seconds=(0.05, 0.1))
    made = Functions(inside)
    yield made
    made.close()
    runtime.install()


class Queue:
    """A queue to look into."""

    def __init__(self, functions: Functions) -> None:
        self._sqs = functions.aws.client("sqs")
        name = f"queue-{uuid.uuid4().hex[:12]}"
        self._url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        self.arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"

    def receive(self) -> dict[str, Any]:
        """The next message; fails when none comes within ten seconds."""
        message = until(
            lambda: self._sqs.receive_message(
                QueueUrl=self._url, MessageAttributeNames=["All"]
            ).get("Messages")
        )[0]
        return dict(message)


def send(functions: Functions, name: str, event: Any) -> str:
    """Invoke asynchronously; the number of the request."""
    payload = json.dumps(event).encode()
    found = functions.api.invoke(FunctionName=name, InvocationType="Event", Payload=payload)
    assert (found["StatusCode"], found["Payload"].read()) == (202, b"")
    return str(found["ResponseMetadata"]["RequestId"])


def test_a_failing_event_is_tried_three_times_and_then_sent_on_with_its_story(
    quick: Functions,
) -> None:
    failures, dead = Queue(quick), Queue(quick)
    name = quick.make(
        "def handler(event, context): raise ValueError(context.aws_request_id)",
        DeadLetterConfig={"TargetArn": dead.arn},
    )
    quick.api.put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnFailure": {"Destination": failures.arn}}
    )
    request = send(quick, name, {"a": 1})
    told = json.loads(failures.receive()["Body"])
    assert told.pop("timestamp").endswith("Z")
    trace = told["responsePayload"].pop("stackTrace")
    assert (len(trace), told) == (
        1,
        {
            "version": "1.0",
            "requestContext": {
                "requestId": request,
                "functionArn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}:$LATEST",
                "condition": "RetriesExhausted",
                "approximateInvokeCount": 3,
            },
            "requestPayload": {"a": 1},
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled",
            },
            "responsePayload": {
                "errorType": "ValueError",
                "errorMessage": request,
                "requestId": request,
            },
        },
    )
    letter = dead.receive()
    attributes = {key: one["StringValue"] for key, one in letter["MessageAttributes"].items()}
    assert (letter["Body"], attributes) == (
        '{"a": 1}',
        {"RequestID": request, "ErrorCode": "200", "ErrorMessage": request},
    )


def test_success_goes_to_its_destination_and_a_retry_may_succeed(quick: Functions) -> None:
    queue = Queue(quick)
    name = quick.make(
        "calls = []\n"
        "def handler(event, context):\n"
        "    calls.append(context.aws_request_id)\n"
        "    return {'calls': calls} if len(calls) > 1 else 1 / 0"
    )
    quick.api.put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnSuccess": {"Destination": queue.arn}}
    )
    request = send(quick, name, "x")
    told = json.loads(queue.receive()["Body"])
    assert (
        told["requestContext"]["condition"],
        told["requestContext"]["approximateInvokeCount"],
    ) == (
        "Success",
        2,
    )
    assert told["responsePayload"] == {"calls": [request, request]}


def test_an_event_that_is_throttled_waits_until_it_may_run(quick: Functions) -> None:
    queue = Queue(quick)
    name = quick.make("def handler(event, context): return event")
    quick.api.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    quick.api.put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnSuccess": {"Destination": queue.arn}}
    )
    send(quick, name, "late")
    time.sleep(0.2)
    quick.api.delete_function_concurrency(FunctionName=name)
    assert json.loads(queue.receive()["Body"])["responsePayload"] == "late"


def test_no_retries_when_the_configuration_says_so(quick: Functions) -> None:
    queue = Queue(quick)
    name = quick.make("def handler(event, context): return 1 / 0")
    quick.api.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
    config = quick.api.update_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnFailure": {"Destination": queue.arn}}
    )
    assert config["MaximumRetryAttempts"] == 0
    send(quick, name, {})
    told = json.loads(queue.receive()["Body"])
    assert told["requestContext"]["approximateInvokeCount"] == 1


def test_a_topic_invokes_its_subscribed_function(quick: Functions) -> None:
    queue = Queue(quick)
    name = quick.make("def handler(event, context): return event['Records'][0]['Sns']['Message']")
    quick.api.put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnSuccess": {"Destination": queue.arn}}
    )
    sns = quick.aws.client("sns")
    topic = sns.create_topic(Name=f"topic-{uuid.uuid4().hex[:8]}")["TopicArn"]
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)
    sns.publish(TopicArn=topic, Message="hello")
    assert json.loads(queue.receive()["Body"])["responsePayload"] == "hello"


def test_what_is_too_large_or_goes_nowhere_is_refused(quick: Functions) -> None:
    name = quick.make("def handler(event, context): pass")
    invoke = quick.api.invoke
    large = json.dumps("x" * (1024 * 1024)).encode()
    assert refused(lambda: invoke(FunctionName=name, InvocationType="Event", Payload=large)) == (
        "RequestTooLargeException",
        "Request must be smaller than 1048576 bytes for the InvokeFunction operation",
    )
    bucket = {"OnFailure": {"Destination": "arn:aws:s3:::somewhere"}}
    code, message = refused(
        lambda: quick.api.put_function_event_invoke_config(
            FunctionName=name, DestinationConfig=bucket
        )
    )
    assert code == "InvalidParameterValueException"
    assert message == (
        "Destination arn:aws:s3:::somewhere is not supported by the local AWS: "
        "destinations are queues, topics, functions."
    )
