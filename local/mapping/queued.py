"""The parameters of a queue's mapping.

Ranges: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from local.mapping.batches import RECEIVED, Batches
from local.mapping.parameters import (
    COMMON,
    Common,
    InvalidParameter,
    Range,
    defaults,
    refuse_others,
)

TAKEN = COMMON | {"ScalingConfig"}
LATER = ("KMSKeyArn", "LoggingConfig", "ProvisionedPollerConfig")
"""What AWS has for queues and the local AWS has not; the rest is of streams and brokers."""

CONCURRENCY = Range(2, 1_000, 0)
RANGES = {
    "BatchSize": Range(1, 10_000, 10),
    "MaximumBatchingWindowInSeconds": Range(0, 300, 0),
}


@dataclass(frozen=True, slots=True)
class QueueParameters(Common):
    """A queue's mapping; `concurrency` None is what AWS does without ScalingConfig."""

    ranges = RANGES
    concurrency: int | None = None

    def updated(self, request: dict[str, Any]) -> QueueParameters:
        """These parameters with what a request changes. Raises InvalidParameter."""
        for name in LATER:
            if request.get(name):
                raise InvalidParameter(f"The local AWS does not support {name}")
        refuse_others(request, TAKEN)
        asked = self.changed(request, concurrency=scaling(request, default=self.concurrency))
        if asked.size > RECEIVED and not asked.window:
            raise InvalidParameter(
                "Maximum batch window in seconds must be greater than 0 if maximum batch size is"
                " greater than 10"
            )
        return asked

    @property
    def size(self) -> int:
        return self.numbers["BatchSize"]

    @property
    def window(self) -> int:
        return self.numbers["MaximumBatchingWindowInSeconds"]

    def machine(self) -> Batches:
        machine = Batches(self.size, float(self.window))
        machine.concurrency = self.concurrency or machine.concurrency
        return machine

    def shown(self) -> dict[str, Any]:
        scaled = {"MaximumConcurrency": self.concurrency} if self.concurrency else None
        return Common.shown(self) | ({"ScalingConfig": scaled} if scaled else {})


def create(request: dict[str, Any]) -> QueueParameters:
    """The parameters of a CreateEventSourceMapping request. Raises InvalidParameter."""
    return QueueParameters(defaults(RANGES)).updated(request)


def scaling(request: dict[str, Any], *, default: int | None) -> int | None:
    """MaximumConcurrency; an empty configuration takes it away."""
    config = request.get("ScalingConfig")
    if config is None:
        return default
    most = config.get("MaximumConcurrency")
    return None if most is None else CONCURRENCY.check("scalingConfig.maximumConcurrency", most)
