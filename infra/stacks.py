"""Which stacks: one lake, one per event type and one per processor that the folders hold."""

from constructs import Construct

from events import registry
from infra.discovery import processors
from infra.environments import Environment
from infra.errors import WrongConfiguration
from infra.event_type import EventType
from infra.lake import Lake
from infra.processor import Processor


def add_stacks(app: Construct, *, environment: Environment) -> None:
    types = registry.types()
    found = processors(types)
    if unknown := environment.deliveries.keys() - types.keys():
        raise WrongConfiguration(
            f"Environment {environment.name} says how to deliver {min(unknown)!r}, which is no"
            f" event type; there are: {', '.join(types)} (infra/environments.py)."
        )
    if unknown := environment.scalings.keys() - types.keys():
        raise WrongConfiguration(
            f"Environment {environment.name} says how to scale {min(unknown)!r}, which is no event"
            f" type; there are: {', '.join(types)} (infra/environments.py)."
        )
    if unknown := environment.http.keys() - types.keys():
        raise WrongConfiguration(
            f"Environment {environment.name} takes {min(unknown)!r} over HTTP, which is no event"
            f" type; there are: {', '.join(types)} (infra/environments.py)."
        )
    lake = Lake(app, environment=environment)
    stacks = {
        name: EventType(app, environment=environment, lake=lake, name=name, kind=kind)
        for name, kind in types.items()
    }
    for name, settings in found.items():
        Processor(
            app,
            environment=environment,
            lake=lake,
            source=stacks[settings.reads],
            derived=stacks[settings.emits],
            name=name,
            settings=settings,
        )
