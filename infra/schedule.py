"""A schedule that calls a function, with an event that asks for nothing in particular."""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from infra.function import Function


class Schedule(events.Rule):
    """Calls it with `{}`: what a person's call may ask for beyond it is the function's."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        description: str,
        every: cdk.Duration,
        function: Function,
    ) -> None:
        super().__init__(scope, name, description=description, schedule=events.Schedule.rate(every))
        event = events.RuleTargetInput.from_object({})
        self.add_target(targets.LambdaFunction(function.resource, event=event))
