"""What every stream processor declares beside its pure function: what it reads, how, and what it
emits. Infra deploys a processor from this alone.
"""

import os
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from datetime import timedelta
from typing import Any, ClassVar, Self, get_type_hints

ENVIRONMENT = "HEADRACE_ENVIRONMENT"
"""The variable that names the environment to every function."""


@dataclass(frozen=True, kw_only=True)
class Consumption:
    """How a processor reads its stream; the parameters of its event source mapping.

    https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
    `fan_out` gives it 2 MB/s per shard of its own, pushed within about 70 ms; without it the
    processor polls once a second and shares the shard's throughput. A batch that fails is retried,
    cut in two, retried `retries` times, and described to the on-failure queue; a record older than
    `age` goes there at once. `age` stays well below the stream's retention: what the queue points
    at must still be on the stream when it is rescued. With `payloads` Lambda puts what failed with
    its records into a bucket, which tells the queue: nothing has to be read back.
    """

    fan_out: bool = True
    batch_size: int = 100
    window: timedelta = timedelta(0)
    factor: int = 1
    retries: int = 3
    age: timedelta = timedelta(hours=6)
    payloads: bool = False


@dataclass(frozen=True, kw_only=True)
class ProcessorSettings:
    """The base of a processor's `Settings`: fields are environment variables, by upper-case name,
    and each is a str, an int or a float.

    A subclass sets `reads`, an event type, and `emits`, the event type of what it concludes.
    """

    reads: ClassVar[str]
    emits: ClassVar[str]
    consumption: ClassVar[Consumption] = Consumption()
    description: ClassVar[str]

    stream_name: str
    """The stream to emit on."""
    log_level: str = field(default="INFO", metadata={"variable": "POWERTOOLS_LOG_LEVEL"})

    def environment(self) -> dict[str, str]:
        """The variables that carry these settings to the function."""
        return {variable(found): str(getattr(self, found.name)) for found in fields(self)}

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The settings that the variables carry.

        Raises KeyError naming a variable that is missing, ValueError for one that is no number.
        """
        types = get_type_hints(cls)
        return cls(
            **{
                found.name: types[found.name](environment[variable(found)])
                for found in fields(cls)
                if found.default is MISSING or variable(found) in environment
            }
        )


@dataclass(frozen=True, kw_only=True)
class StatefulSettings(ProcessorSettings):
    """The base of a processor that keeps state: infra makes it a cache of its own, a topic of its
    own, and a place in the network that both are reached from.

    The cache speaks TLS, in cluster mode, to one user, who proves by IAM who he is: his password is
    a request to `elasticache`, signed for 15 minutes, that names him and the cache.
    https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html
    """

    access: ClassVar[str] = "~* +@read +@write +@scripting -@dangerous"
    """The keys and commands of its user, as an access list spells them; what any client needs to
    connect is added. Scripts may do no more than their caller."""

    valkey_address: str
    """host:port of the cache."""
    valkey_name: str
    """The cache's own name, which the signed request is sent to."""
    valkey_user: str
    """The user's id, which is also his name."""
    topic_arn: str
    """The topic of what a person should hear at once."""
    bucket: str
    """The lake's bucket: releases/registry.json in it may be read."""


def variable(found: Field[Any]) -> str:
    """The name of the environment variable that carries a field."""
    name: str = found.metadata.get("variable", found.name.upper())
    return name
