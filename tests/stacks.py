"""Finds the deployed stacks as the command line does: by their tags, never by their names."""

from collections.abc import Callable
from typing import Any


def outputs(client: Callable[[str], Any], environment: str = "dev") -> dict[str, dict[str, str]]:
    """The outputs of every stack of an environment, by the stage or the processor that it is.

    Other environments and other tests' stacks may be deployed beside them. `client` makes a client
    of a service.
    """
    found = {}
    for stack in client("cloudformation").describe_stacks()["Stacks"]:
        tags = {tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])}
        name = tags.get("headrace:processor") or tags.get("headrace:stage")
        if name and tags.get("headrace:environment") == environment:
            found[name] = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}
    return found
