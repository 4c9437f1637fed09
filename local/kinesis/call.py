"""One call of the API: where it goes, what it says, which stream it means."""

from collections.abc import Callable
from typing import Any

from local import routes
from local.kinesis import errors, streams
from local.kinesis.stream import Consumer, Shard, Stream


class Call(routes.Call):
    """A call of Kinesis, which names its stream in one of two ways."""

    def stream(self) -> Stream:
        """The stream that StreamARN or StreamName names."""
        return find_stream(self.region, self.get("StreamName"), self.get("StreamARN"))

    def active_stream(self) -> Stream:
        """The same, of which no change is under way; `ResourceInUseException` when one is."""
        stream = self.stream()
        if stream.status != "ACTIVE":
            raise errors.not_active(stream.name, stream.status)
        return stream

    def shard(self, stream: Stream, name: str) -> Shard:
        """The shard that the parameter `name` names; both short and long ids are."""
        found = stream.shard(self[name])
        if found is None:
            raise errors.no_shard(self[name], stream.name)
        return found


Operation = Callable[[Call], dict[str, Any] | None]


def find_stream(region: str, name: str | None, arn: str | None) -> Stream:
    """The stream of this name or ARN; both may be given when they agree."""
    if arn is None and name is None:
        raise errors.invalid("Either StreamName or StreamARN must be specified.")
    if arn is None:
        return streams.find_by_name(region, str(name))
    if name is not None and arn.rpartition("/")[2] != name:
        raise errors.invalid(f"StreamName {name} does not match StreamARN {arn}.")
    return streams.find(arn)


def find_consumer(arn: str) -> tuple[Stream, Consumer]:
    """The consumer of this ARN and its stream."""
    stream = streams.find(arn.partition("/consumer/")[0])
    for consumer in stream.consumers.values():
        if consumer.arn == arn:
            return stream, consumer
    raise errors.not_found(f"Consumer {arn} not found.")
