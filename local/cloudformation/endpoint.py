"""Where requests to CloudFormation arrive."""

from __future__ import annotations

from local.cloudformation.api import answer
from local.cloudformation.backend import Backend
from local.mounting import mounted

BACKENDS = mounted("cloudformation", Backend, answer)
