"""Which stacks: one lake, and one stack per event type that the registry finds."""

from constructs import Construct

from events import registry
from infra.environments import Environment
from infra.event_type import EventType
from infra.lake import Lake


def add_stacks(app: Construct, *, environment: Environment) -> None:
    lake = Lake(app, environment=environment)
    for name, kind in registry.types().items():
        EventType(app, environment=environment, lake=lake, name=name, kind=kind)
