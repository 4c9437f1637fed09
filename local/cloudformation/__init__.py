"""AWS CloudFormation of the local AWS: an engine of our own behind moto's front door.

It creates in the order of the dependencies and deletes against it, goes back when a resource
fails, replaces where AWS replaces, and refuses what it does not know by its name. `providers`
holds the resource types.
"""

from __future__ import annotations

import os
from typing import Any


def install() -> None:
    """Put our CloudFormation into moto; to be called before the server answers."""
    from moto.cloudformation import urls
    from moto.cloudformation.models import cloudformation_backends

    from local.cloudformation import grants
    from local.cloudformation.api import Api
    from local.cloudformation.backend import Backend

    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"  # roles attach them; AWS has them
    grants.install()
    backends: Any = cloudformation_backends
    backends.backend = Backend
    backends.clear()
    urls.url_paths.clear()
    urls.url_paths["{0}/$"] = Api.dispatch
