"""What CloudWatch is told of a mapping: iterator age, and EventCount metrics when asked for."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local import metrics
from local.mapping.lane import Answer, Failed, Invoke, Succeeded

if TYPE_CHECKING:
    from collections.abc import Iterable

FLUSH_SECONDS = 1.0
OK = "OK"
PROBLEM = "PROBLEM: Function call failed"


@dataclass
class Counts:
    """What the readers of a mapping read."""

    polled: int = 0
    filtered: int = 0


@dataclass
class Meter:
    """Counts of one mapping, published about once a second.

    Names: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    """

    uuid: str
    function_arn: str
    asked: Iterable[str]
    counts: Counts = field(default_factory=Counts)
    events: Counter[str] = field(default_factory=Counter)
    age: float | None = None
    published: float = 0.0

    def answered(self, invoke: Invoke, answer: Answer) -> str:
        """Count an answered invocation; what LastProcessingResult says of it."""
        self.events["InvokedEventCount"] += len(invoke.entries)
        if isinstance(answer, Failed):
            self.events["FailedInvokeEventCount"] += len(invoke.entries)
        elif isinstance(answer, Succeeded) and invoke.entries:
            self.age = max(self.age or 0.0, time.time() - invoke.entries[-1].arrival)
        self.tick()
        return OK if isinstance(answer, Succeeded) else PROBLEM

    def dropped(self, records: int) -> None:
        """Count records that were given up and have no destination to go to."""
        self.events["DroppedEventCount"] += records

    def processed(self, messages: int, deleted: int) -> str:
        """Count an answered invocation of a queue's messages; LastProcessingResult."""
        self.events["InvokedEventCount"] += messages
        self.events["FailedInvokeEventCount"] += messages - deleted
        self.events["DeletedEventCount"] += deleted
        self.tick()
        return OK if messages == deleted else PROBLEM

    def tick(self) -> None:
        if time.time() - self.published >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Publish what was counted since the last time."""
        self.published = now = time.time()
        if self.age is not None:
            age, dimensions = self.age * 1000, of_function(self.function_arn)
            metrics.put("AWS/Lambda", "IteratorAge", age, "Milliseconds", dimensions, now)
            self.age = None
        self.events["PolledEventCount"] += self.counts.polled
        self.events["FilteredOutEventCount"] += self.counts.filtered
        self.counts.polled = self.counts.filtered = 0
        if "EventCount" in self.asked:
            dimensions = {"EventSourceMappingUUID": self.uuid}
            for name, count in self.events.items():
                metrics.put("AWS/Lambda", name, count, "Count", dimensions, now)
        self.events.clear()


def delivered(uuid: str, records: int) -> None:
    """A destination took the message about so many records."""
    metrics.put(
        "AWS/Lambda",
        "OnFailureDestinationDeliveredEventCount",
        records,
        "Count",
        {"EventSourceMappingUUID": uuid},
        time.time(),
    )


def undelivered(function_arn: str) -> None:
    """A destination did not take a message."""
    dimensions = of_function(function_arn)
    metrics.put("AWS/Lambda", "DestinationDeliveryFailures", 1, "Count", dimensions, time.time())


def of_function(arn: str) -> dict[str, str]:
    """The dimension of a function's metrics, whatever qualifier its ARN has."""
    return {"FunctionName": arn.split(":function:")[1].split(":")[0]}
