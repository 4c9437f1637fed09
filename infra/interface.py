"""A stack's outputs and tags: the interface by which clients find a deployed pipeline."""

import aws_cdk as cdk

from infra.environments import Environment


def publish(stack: cdk.Stack, **outputs: str) -> None:
    """One output per keyword, under exactly that name."""
    for name, value in outputs.items():
        cdk.CfnOutput(stack, name, value=value)


def export(stack: cdk.Stack, *values: str) -> None:
    """Export what other stacks may import, also while none does.

    By itself CDK exports only what is imported now, and a stack is updated before those that import
    from it. So the last reader's removal would first remove an export that is still in use, which
    CloudFormation refuses. https://docs.aws.amazon.com/cdk/v2/guide/resources.html#resource_stack
    """
    for value in values:
        stack.export_value(value)


def tags(environment: Environment, **what: str) -> dict[str, str]:
    """Tags of a stack, which CloudFormation hands on to all its resources.

    Besides its environment a stack is tagged with what it is: `stage`, which is `lake` or the name
    of an event type, or else `processor`, with the name of one.
    """
    found = {"environment": environment.name, **what}
    return {f"headrace:{word}": name for word, name in found.items()}
