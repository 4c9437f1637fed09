"""What every function logs, counts and traces with, set up so that none of it can show a payload.

The level of the log comes from POWERTOOLS_LOG_LEVEL; the rest is given here, not by environment.
"""

import os

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import (
    AmazonCloudWatchEMFProvider,
)

from functions.shared.settings import ENVIRONMENT
from functions.shared.tracing import XRayDaemon

NAMESPACE = "Headrace"
"""The CloudWatch namespace of every metric of the functions."""


def logger(service: str) -> Logger:
    """A JSON logger on standard output."""
    return Logger(service=service, utc=True)


def tracer(service: str) -> Tracer:
    """A tracer that sends subsegments where the invocation is sampled."""
    return Tracer(service=service, disabled=False, auto_patch=False, provider=XRayDaemon())


def count(counts: dict[str, int], **dimensions: str) -> None:
    """Publish counts under the environment and exactly these dimensions, as one line of embedded
    metric format. Two environments in one account never add up."""
    # An empty service, or Powertools adds the environment's as a dimension of its own.
    metrics = AmazonCloudWatchEMFProvider(namespace=NAMESPACE, service="")
    metrics.add_dimension("Environment", os.environ[ENVIRONMENT])
    for dimension, word in dimensions.items():
        metrics.add_dimension(dimension, word)
    for name, number in counts.items():
        metrics.add_metric(name, MetricUnit.Count, number)
    metrics.flush_metrics()
