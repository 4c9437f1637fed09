"""One delivery stream: what the API says of it, and what it runs by."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from local.delivery import configuration
from local.delivery.destination import Described
from local.delivery.destination import described as shown
from local.delivery.failure import Reason
from local.delivery.partition import Partitions
from local.delivery.runner import Runner
from local.delivery.world import Reporter
from local.settings import ACCOUNT

if TYPE_CHECKING:
    from local.delivery.buffer import Item, Key
    from local.delivery.configuration import Destination
    from local.kinesis.stream import Stream as Kinesis

KINESIS, DIRECT = "KinesisStreamAsSource", "DirectPut"


class DeliveryStream:
    """A delivery stream that runs from `start` to `close`; updates take effect at once."""

    def __init__(
        self,
        name: str,
        region: str,
        kind: str,
        described: Described,
        source: dict[str, Any] | None = None,
        kinesis: Kinesis | None = None,
    ) -> None:
        self.name = name
        self.region = region
        self.arn = f"arn:aws:firehose:{region}:{ACCOUNT}:deliverystream/{name}"
        self.kind = kind
        self.source = source
        self.source_arn: str | None = source["KinesisStreamARN"] if source else None
        self.status = "ACTIVE"
        self.version = "1"
        self.created = time.time()
        self.updated: float | None = None
        self.encryption: dict[str, Any] = {"Status": "DISABLED"}
        self.tags: dict[str, str] = {}
        self.stopping = threading.Event()
        self.reporter = Reporter(name, self.arn, region)
        self._use(described)
        self.runner = Runner(self, kinesis)

    @property
    def type(self) -> str:
        return KINESIS if self.source else DIRECT

    @property
    def described(self) -> Described:
        """The destination in AWS's words."""
        return self._described

    @property
    def destination(self) -> Destination:
        """The destination as it is now."""
        return self._destination

    @property
    def partitions(self) -> Partitions:
        return self._partitions

    def update(self, described: Described) -> None:
        """Go on with another destination; one that says the same changes nothing."""
        if described == self._described:
            return
        self._use(described)
        self.version = str(int(self.version) + 1)
        self.updated = time.time()

    def close(self) -> None:
        """Deliver what was put, and end."""
        self.runner.stop()

    def room(self, timeout: float) -> bool:
        return self.runner.room(timeout)

    def active(self) -> set[Key]:
        return self.runner.active()

    def add(self, groups: dict[Key, list[Item]]) -> None:
        self.runner.add(groups)

    def report(self, reason: Reason, processor: str | None = None) -> None:
        """Log an error where the destination says."""
        now = self._destination
        where = now.endpoint.url if now.endpoint else f"arn:aws:s3:::{now.target.bucket}"
        log = now.endpoint.log if now.endpoint else now.target.log
        self.reporter.error(reason, log, self.version, where, processor)

    def _use(self, described: Described) -> None:
        chosen = configuration.compiled(self.kind, described)
        template = chosen.target.prefix if chosen.partitioned else None
        self._described = described
        self._partitions = Partitions(template or "", chosen.query)
        self._destination = chosen

    def description(self) -> dict[str, Any]:
        """The answer of DescribeDeliveryStream."""
        answer: dict[str, Any] = {
            "DeliveryStreamName": self.name,
            "DeliveryStreamARN": self.arn,
            "DeliveryStreamStatus": self.status,
            "DeliveryStreamEncryptionConfiguration": self.encryption,
            "DeliveryStreamType": self.type,
            "VersionId": self.version,
            "CreateTimestamp": self.created,
            "Destinations": [shown(self.kind, self._described)],
            "HasMoreDestinations": False,
        }
        if self.updated:
            answer["LastUpdateTimestamp"] = self.updated
        if self.source:
            source = {**self.source, "DeliveryStartTimestamp": self.created}
            answer["Source"] = {"KinesisStreamSourceDescription": source}
        return answer
