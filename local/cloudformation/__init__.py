"""AWS CloudFormation of the local AWS: an engine of our own in the place of moto's.

It creates in the order of the dependencies and deletes against it, goes back when a resource
fails, replaces where AWS replaces, and refuses what it does not know by its name. `providers`
holds the resource types.
"""

from __future__ import annotations

import os
from typing import Any

from local.mounting import mount


def install() -> None:
    """Put our CloudFormation into moto's server: moto's own would load the models of forty more
    services."""
    from local.cloudformation import corrections

    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"  # roles attach them; AWS has them
    corrections.install()
    mount("cloudformation", _backends)


def _backends() -> Any:
    from local.cloudformation.endpoint import BACKENDS

    return BACKENDS
