"""AWS CloudFormation of the local AWS: an engine of our own in the place of moto's.

It creates in the order of the dependencies and deletes against it, goes back when a resource
fails, replaces where AWS replaces, and refuses what it does not know by its name. `providers`
holds the resource types.
"""

from __future__ import annotations

import os
from typing import Any

from moto import backends

_motos_backend = backends.get_backend


def install() -> None:
    """Put our CloudFormation into moto's server; to be called before it answers.

    moto's own is not even imported: it would load the models of forty more services.
    """
    from local.cloudformation import corrections
    from local.cloudformation.endpoint import BACKENDS

    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"  # roles attach them; AWS has them
    corrections.install()

    def get_backend(name: Any) -> Any:
        return BACKENDS if name == "cloudformation" else _motos_backend(name)

    vars(backends)["get_backend"] = get_backend
