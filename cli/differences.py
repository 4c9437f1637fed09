"""The differences of a whole environment: every contract, and every type that is deployed."""

from typing import TYPE_CHECKING

import msgspec

from cli.evolution import Verdict, compare
from cli.shapes import declared, deployed
from events import registry

if TYPE_CHECKING:
    from cli.aws import Account
    from cli.stacks import Deployed


class Difference(msgspec.Struct, frozen=True):
    """A change of one event type; `where` is a field, a word of the contract, or the type."""

    type: str
    verdict: str
    where: str
    what: str
    then: str


def differences(
    account: "Account", environment: "Deployed", *, only: str | None = None
) -> list[Difference]:
    """By event type, the worst first; empty when what is declared is what is deployed."""
    found: list[Difference] = []
    kinds = registry.types()
    # A stack whose first deployment failed has no outputs: nothing of it is there to compare. One
    # that has others is no event type.
    there = {name for name, stack in environment.stacks.items() if "EventType" in stack.outputs}
    for name in sorted(kinds.keys() | there):
        if only not in (None, name):
            continue
        if name not in there:
            then = "Nothing to do: deploying makes it."
            found.append(Difference(name, Verdict.COMPATIBLE, name, "is new", then))
        elif name not in kinds:
            stack = environment.stacks[name].name
            then = f"Deploying leaves {stack} as it is: restore the folder, or destroy the stack."
            what = "is deployed, but has no contract"
            found.append(Difference(name, Verdict.ACTION, name, what, then))
        else:
            old = deployed(account, environment.lake(), environment.flow(name))
            found += [
                Difference(name, change.verdict, change.where, change.what, change.then)
                for change in compare(old, declared(kinds[name]))
            ]
    return found
