"""Which stacks, which environment: `cdk deploy --all -c env=dev`."""

import sys

import aws_cdk as cdk

from events.rules import UnfitContract
from infra.environments import named
from infra.errors import CannotSynthesize
from infra.stacks import add_stacks

app = cdk.App()
try:
    add_stacks(app, environment=named(app.node.try_get_context("env")))
except (CannotSynthesize, UnfitContract) as reason:
    sys.exit(str(reason))
app.synth()
