"""Event source mappings of queues as anyone's client sees them."""

from __future__ import annotations

import json
import statistics
import threading
import time
from typing import Any

import pytest

from tests.conftest import AWS
from tests.local.lab import until
from tests.local.mapping.conftest import Lab
from tests.local.mapping.test_service import ANY_UUID, PARTIAL, refused

LAMBDA = "arn:aws:lambda:us-east-1:123456789012"
CODE = "InvalidParameterValueException"
POISON = """
bad = [r["messageId"] for r in event["Records"] if json.loads(r["body"]) == "bad"]
"""
RAISE = POISON + "assert not bad"
REPORT = POISON + 'return {"batchItemFailures": [{"itemIdentifier": one} for one in bad]}'


class Queue:
    """A queue, what a function saw of it, and what is left in it; messages hide for a second."""

    def __init__(self, lab: Lab, **attributes: str) -> None:
        self.sqs = lab.sqs
        self.url = lab.sqs.create_queue(
            QueueName=lab.name("queue"), Attributes={"VisibilityTimeout": "1"} | attributes
        )["QueueUrl"]
        self.arn = self.attribute("QueueArn")

    def attribute(self, name: str) -> str:
        answer = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=[name])
        return str(answer["Attributes"][name])

    def send(self, *values: Any) -> list[str]:
        """Send JSON values together; the ids of the messages."""
        entries = [{"Id": str(n), "MessageBody": json.dumps(it)} for n, it in enumerate(values)]
        answer = self.sqs.send_message_batch(QueueUrl=self.url, Entries=entries)
        return [done["MessageId"] for done in answer["Successful"]]

    def is_empty(self) -> bool:
        """Whether no message is in it, neither visible nor hidden."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)
        return set(answer["Attributes"].values()) == {"0"}


def seen(lab: Lab, function: str) -> list[list[tuple[Any, str]]]:
    """Of each invocation: the bodies and how often each was received."""
    return [
        [
            (json.loads(it["body"]), it["attributes"]["ApproximateReceiveCount"])
            for it in event["Records"]
        ]
        for event in lab.events(function)
    ]


def deliveries(lab: Lab, function: str) -> list[tuple[Any, str]]:
    """What all invocations saw: messages of one batch may come again in several."""
    return sorted(one for batch in seen(lab, function) for one in batch)


def mapping(lab: Lab, function: str, queue: Queue, **parameters: Any) -> dict[str, Any]:
    return lab.mapping(function, queue.arn, **parameters)


def function(lab: Lab, body: str = "", **config: Any) -> str:
    return lab.function(body, **{"Timeout": 1} | config)


def test_a_new_mapping_is_shown_as_recorded_from_aws(lab: Lab) -> None:
    name, queue = function(lab), Queue(lab)
    created = lab.functions.create_event_source_mapping(FunctionName=name, EventSourceArn=queue.arn)
    lab.mappings.append(created["UUID"])
    assert ANY_UUID.fullmatch(created["UUID"])
    unlike = {"ResponseMetadata", "LastModified", "UUID", "EventSourceMappingArn"}
    assert {key: it for key, it in created.items() if key not in unlike} == {
        "BatchSize": 10,
        "EventSourceArn": queue.arn,
        "FunctionArn": f"{LAMBDA}:function:{name}",
        "FunctionResponseTypes": [],
        "MaximumBatchingWindowInSeconds": 0,
        "State": "Creating",
        "StateTransitionReason": "USER_INITIATED",
    }
    lab.settled(created["UUID"], "Enabled")


def test_the_function_gets_the_recorded_event_and_the_message_is_deleted(lab: Lab) -> None:
    name, queue = function(lab), Queue(lab, VisibilityTimeout="60")
    mapping(lab, name, queue)
    attribute = {"DataType": "String", "StringValue": "John Grisham"}
    sent = lab.sqs.send_message(
        QueueUrl=queue.url, MessageBody="не JSON", MessageAttributes={"Author": attribute}
    )
    [event] = until(lambda: lab.events(name))
    [record] = event["Records"]
    times = (
        record["attributes"].pop("SentTimestamp"),
        record["attributes"].pop("ApproximateFirstReceiveTimestamp"),
    )
    assert 0 <= int(times[1]) - int(times[0]) < 10_000
    assert record["attributes"].pop("SenderId")
    assert record.pop("receiptHandle")
    assert record == {
        "messageId": sent["MessageId"],
        "body": "не JSON",
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {
            "Author": {
                "stringValue": "John Grisham",
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": "String",
            }
        },
        "md5OfMessageAttributes": sent["MD5OfMessageAttributes"],
        "md5OfBody": sent["MD5OfMessageBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue.arn,
        "awsRegion": "us-east-1",
    }
    until(queue.is_empty)


def test_a_batch_that_raised_comes_again_when_it_is_visible_and_then_goes_to_the_dlq(
    lab: Lab,
) -> None:
    dead = Queue(lab)
    redrive = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 2})
    name, queue = function(lab, RAISE), Queue(lab, RedrivePolicy=redrive)
    queue.send("bad", "good")
    mapping(lab, name, queue)
    until(lambda: dead.attribute("ApproximateNumberOfMessages") != "0")
    assert seen(lab, name)[0] == [("bad", "1"), ("good", "1")]
    assert ("bad", "2") in deliveries(lab, name)
    until(queue.is_empty)
    assert queue.is_empty()


def test_with_partial_answers_only_what_is_reported_comes_again(lab: Lab) -> None:
    dead = Queue(lab)
    redrive = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 2})
    name, queue = function(lab, REPORT), Queue(lab, RedrivePolicy=redrive)
    queue.send("good", "bad", "better")
    mapping(lab, name, queue, **PARTIAL)
    until(lambda: dead.attribute("ApproximateNumberOfMessages") == "1")
    assert seen(lab, name) == [
        [("good", "1"), ("bad", "1"), ("better", "1")],
        [("bad", "2")],
    ]
    assert queue.is_empty()


@pytest.mark.parametrize("answer", ['"done"', '{"batchItemFailures": [{"itemIdentifier": "?"}]}'])
def test_an_answer_that_means_nothing_fails_the_whole_batch(lab: Lab, answer: str) -> None:
    name, queue = function(lab, f"return json.loads({answer!r})"), Queue(lab)
    queue.send(1, 2)
    mapping(lab, name, queue, **PARTIAL)
    until(lambda: len(deliveries(lab, name)) >= 4)
    assert deliveries(lab, name)[:4] == [(1, "1"), (1, "2"), (2, "1"), (2, "2")]


def test_a_message_hides_for_as_long_as_the_queue_says_when_it_is_received(lab: Lab) -> None:
    """The mapping waits for messages all the time, since before the queue was changed too."""
    name, queue = function(lab, RAISE), Queue(lab, VisibilityTimeout="600")
    mapping(lab, name, queue)
    lab.sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"VisibilityTimeout": "1"})
    queue.send("bad")
    until(lambda: len(seen(lab, name)) >= 2)
    assert deliveries(lab, name)[:2] == [("bad", "1"), ("bad", "2")]


def test_throttled_messages_wait_and_lose_no_receive(lab: Lab) -> None:
    name, queue = function(lab), Queue(lab, VisibilityTimeout="60")
    lab.functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    mapping(lab, name, queue)
    queue.send(1)
    until(lambda: queue.attribute("ApproximateNumberOfMessagesNotVisible") == "1")
    lab.functions.delete_function_concurrency(FunctionName=name)
    until(lambda: seen(lab, name))
    assert seen(lab, name) == [[(1, "1")]]


def test_a_window_gathers_more_than_one_receive_gives(lab: Lab) -> None:
    name, queue = function(lab), Queue(lab, VisibilityTimeout="60")
    created = mapping(lab, name, queue, BatchSize=20, MaximumBatchingWindowInSeconds=300)
    assert (created["BatchSize"], created["MaximumBatchingWindowInSeconds"]) == (20, 300)
    for start in range(0, 20, 5):
        queue.send(*range(start, start + 5))
    until(lambda: seen(lab, name))
    assert sorted(body for body, _ in seen(lab, name)[0]) == list(range(20))


def test_a_filter_deletes_what_it_does_not_let_through(lab: Lab) -> None:
    name, queue = function(lab), Queue(lab, VisibilityTimeout="60")
    pattern = json.dumps({"body": {"kind": ["wanted"]}})
    mapping(lab, name, queue, FilterCriteria={"Filters": [{"Pattern": pattern}]})
    queue.send({"kind": "other"}, "text", {"kind": "wanted"})
    until(queue.is_empty)
    assert seen(lab, name) == [[({"kind": "wanted"}, "1")]]


def test_no_more_side_by_side_than_the_maximum_concurrency(lab: Lab) -> None:
    body = """
    import time
    with open(os.environ["SEEN"] + ".times", "a") as times:
        began = time.time(); time.sleep(0.2); times.write(f"{began} {time.time()}\\n")
    """
    name, queue = function(lab, body, Timeout=10), Queue(lab, VisibilityTimeout="60")
    scaling = {"MaximumConcurrency": 2}
    created = mapping(lab, name, queue, BatchSize=1, ScalingConfig=scaling)
    assert created["ScalingConfig"] == scaling
    queue.send(*range(6))
    until(queue.is_empty)
    lines = (lab.folder / f"{name}.times").read_text().splitlines()
    spans = [tuple(map(float, line.split())) for line in lines]
    together = [
        sum(began < at < end for began, end in spans) for at in (it[1] - 0.001 for it in spans)
    ]
    assert (len(spans), max(together)) == (6, 2)


def test_what_is_sent_while_disabled_is_processed_when_enabled(lab: Lab) -> None:
    name, queue = function(lab), Queue(lab)
    uuid = mapping(lab, name, queue)["UUID"]
    lab.functions.update_event_source_mapping(UUID=uuid, Enabled=False)
    lab.settled(uuid, "Disabled")
    queue.send(1)
    assert seen(lab, name) == []
    lab.functions.update_event_source_mapping(UUID=uuid, Enabled=True, BatchSize=3)
    until(lambda: seen(lab, name))
    assert seen(lab, name) == [[(1, "1")]]
    lab.functions.delete_event_source_mapping(UUID=uuid)
    queue.send(2)
    other = function(lab)
    mapping(lab, other, queue)
    until(lambda: seen(lab, other))
    assert (seen(lab, name), seen(lab, other)) == ([[(1, "1")]], [[(2, "1")]])


def test_a_queue_that_is_deleted_and_made_again_is_worked_off(lab: Lab) -> None:
    name, queue = function(lab), Queue(lab)
    uuid = mapping(lab, name, queue)["UUID"]
    lab.sqs.delete_queue(QueueUrl=queue.url)
    until(lambda: lab.functions.get_event_source_mapping(UUID=uuid)["State"] == "Enabled")
    lab.sqs.create_queue(QueueName=queue.url.rpartition("/")[2])
    queue.send(1)
    until(lambda: seen(lab, name))


def test_nothing_is_lost_or_processed_twice_under_many_senders(lab: Lab, aws: AWS) -> None:
    name, queue = function(lab, Timeout=30), Queue(lab, VisibilityTimeout="60")
    mapping(lab, name, queue)

    def send(first: int) -> None:
        sqs = aws.client("sqs")
        for number in range(first, first + 25):
            sqs.send_message(QueueUrl=queue.url, MessageBody=str(number))

    senders = [threading.Thread(target=send, args=(first,)) for first in range(0, 100, 25)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    until(queue.is_empty)
    assert sorted(it for batch in seen(lab, name) for it, _ in batch) == list(range(100))


def test_an_idle_mapping_is_awake_within_a_tenth_of_a_second(lab: Lab) -> None:
    body = "import time; open(os.environ['SEEN'] + '.at', 'w').write(str(time.time()))"
    name, queue = function(lab, body), Queue(lab)
    mapping(lab, name, queue)
    queue.send(0)  # a cold start
    until(queue.is_empty)
    delays = []
    for number in range(1, 6):
        at = time.time()
        queue.send(number)
        until(queue.is_empty)
        delays.append(float((lab.folder / f"{name}.at").read_text()) - at)
    assert statistics.median(delays) < 0.1, delays


WRONG = [
    (
        {"BatchSize": 11},
        "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater "
        "than 10",
    ),
    (
        {"ProvisionedPollerConfig": {"MinimumPollers": 2}},
        "The local AWS does not support ProvisionedPollerConfig",
    ),
    *(
        ({name: value}, f"Unsupported {name} parameter for given event source mapping type.")
        for name, value in {
            "BisectBatchOnFunctionError": True,
            "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:1:q"}},
            "MaximumRecordAgeInSeconds": 60,
            "MaximumRetryAttempts": 0,
            "ParallelizationFactor": 2,
            "StartingPosition": "LATEST",
            "TumblingWindowInSeconds": 1,
        }.items()
    ),
]


@pytest.mark.parametrize(("parameters", "sentence"), WRONG, ids=lambda it: str(it)[:40])
def test_what_a_queue_does_not_take_is_refused_by_name(
    lab: Lab, parameters: dict[str, Any], sentence: str
) -> None:
    asked = {"FunctionName": "f", "EventSourceArn": "arn:aws:sqs:us-east-1:123456789012:q"}
    create = lab.functions.create_event_source_mapping
    assert refused(create, **asked | parameters) == (400, CODE, sentence)


def test_a_queue_that_hides_messages_too_shortly_or_is_missing_is_refused(lab: Lab) -> None:
    name, queue = function(lab, Timeout=2), Queue(lab)
    create = lab.functions.create_event_source_mapping
    assert refused(create, FunctionName=name, EventSourceArn=queue.arn) == (
        400,
        CODE,
        "Queue visibility timeout: 1 seconds is less than Function timeout: 2 seconds",
    )
    status, code, sentence = refused(create, FunctionName=name, EventSourceArn=queue.arn + "x")
    assert (status, code) == (400, CODE)
    assert "The specified queue does not exist." in sentence


def test_the_same_queue_and_function_again_is_a_conflict(lab: Lab) -> None:
    name, queue = function(lab), Queue(lab)
    uuid = mapping(lab, name, queue)["UUID"]
    create = lab.functions.create_event_source_mapping
    assert refused(create, FunctionName=name, EventSourceArn=queue.arn) == (
        409,
        "ResourceConflictException",
        f'An event source mapping with SQS arn (" {queue.arn} ") and function (" {name} ") '
        f"already exists. Please update or delete the existing mapping with UUID {uuid}",
    )


def test_a_function_slower_than_the_visibility_timeout_is_invoked_again_and_stops_nothing(
    lab: Lab,
) -> None:
    body = "import time; time.sleep(1.5 if len(open(os.environ['SEEN']).readlines()) == 1 else 0)"
    name, queue = function(lab, body), Queue(lab)
    mapping(lab, name, queue)
    lab.functions.update_function_configuration(FunctionName=name, Timeout=10)
    queue.send("slow")
    until(lambda: deliveries(lab, name) == [("slow", "1"), ("slow", "2")])
    until(queue.is_empty)
    queue.send("next")
    until(lambda: ("next", "1") in deliveries(lab, name))
