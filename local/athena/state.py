"""What Athena remembers per account and region; workgroups and named queries are moto's own.

CloudFormation and the tagging API make and see moto's objects, so those stay the truth; query
executions and what moto has no place for live here.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moto.athena.models import AthenaBackend, athena_backends

from local import settings
from local.athena.errors import InvalidRequest
from local.athena.executions import Execution


@dataclass(slots=True)
class Region:
    """One region's Athena."""

    account: str
    name: str
    executions: dict[str, Execution] = field(default_factory=dict)
    tokens: dict[str, Execution] = field(default_factory=dict)
    created: dict[str, datetime] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def backend(self) -> AthenaBackend:
        return athena_backends[self.account][self.name]

    def workgroup(self, name: str | None) -> Any:
        """moto's workgroup; `primary` when no name is given."""
        found = self.backend.work_groups.get(name or "primary")
        if found is None:
            raise InvalidRequest(f"WorkGroup {name} is not found.")
        return found

    def execution(self, query_id: str) -> Execution:
        found = self.executions.get(query_id)
        if found is None:
            raise InvalidRequest(f"QueryExecution {query_id} was not found")
        return found

    def born(self, name: str) -> datetime:
        """When something was first seen; moto does not keep it."""
        return self.created.setdefault(name, datetime.now(UTC))


_regions: dict[tuple[str, str], Region] = {}
_lock = threading.Lock()


def region(name: str | None) -> Region:
    """The state of a region of the local account."""
    current = settings.current()
    key = (current.account, name or current.region)
    with _lock:
        return _regions.setdefault(key, Region(*key))


def reset() -> None:
    with _lock:
        _regions.clear()
