"""Glue's optimistic locking, which moto lacks: UpdateTable for one version of a table only.

An update that names another version than the table has is refused, as a change that came between:
https://docs.aws.amazon.com/glue/latest/webapi/API_UpdateTable.html
"""

from __future__ import annotations

import threading
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.glue.responses import GlueResponse

from local.patching import replace

_moto_update = GlueResponse.update_table
_lock = threading.Lock()


def install() -> None:
    """Put our check before moto's update; a second call changes nothing."""
    replace(GlueResponse, update_table=update_table)


def update_table(self: Any) -> Any:
    wanted = self.parameters.get("VersionId")
    with _lock:
        if wanted is not None:
            database, name = self.parameters["DatabaseName"], self.parameters["TableInput"]["Name"]
            table = self.glue_backend.get_table(database, name)
            if str(table.as_dict()["VersionId"]) != str(wanted):
                message = "Update table failed due to concurrent modifications."
                raise JsonRESTError("ConcurrentModificationException", message)
        return _moto_update(self)
