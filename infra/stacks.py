"""Which stacks: one lake, and one stack per event type that the registry finds."""

from constructs import Construct

from events import registry
from infra.environments import Environment
from infra.errors import WrongConfiguration
from infra.event_type import EventType
from infra.lake import Lake


def add_stacks(app: Construct, *, environment: Environment) -> None:
    if unknown := environment.deliveries.keys() - set(registry.names()):
        raise WrongConfiguration(
            f"Environment {environment.name} says how to deliver {min(unknown)!r}, which is no"
            f" event type; there are: {', '.join(registry.names())} (infra/environments.py)."
        )
    lake = Lake(app, environment=environment)
    for name, kind in registry.types().items():
        EventType(app, environment=environment, lake=lake, name=name, kind=kind)
