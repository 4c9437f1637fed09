"""Which stacks: one lake, one per event type and one per processor that the folders hold."""

from constructs import Construct

from events import registry
from infra.discovery import Processors, processors
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
    for name in environment.scalings:
        _check_readers(environment, name, found)
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


def _check_readers(environment: Environment, name: str, found: Processors) -> None:
    """Raises WrongConfiguration where more share the shards' throughput than the scaling counts: it
    would take away shards that they need."""
    readers = ["its delivery"]
    if environment.delivered(name).endpoint:
        readers.append("its delivery to an endpoint")
    readers += [
        f"processor {processor}"
        for processor, settings in found.items()
        if settings.reads == name and not settings.consumption.fan_out
    ]
    counted = environment.scalings[name].shared_readers
    if counted < len(readers):
        raise WrongConfiguration(
            f"Environment {environment.name} scales {name} with shared_readers={counted}, but"
            f" {len(readers)} share its shards' throughput ({', '.join(readers)}): set"
            f" shared_readers={len(readers)} in its scaling (infra/environments.py)."
        )
