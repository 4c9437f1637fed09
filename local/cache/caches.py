"""Users, their groups and the caches they may use, of one account and region."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moto.core.base_backend import BaseBackend

from local import settings
from local.cache.errors import Invalid, missing, taken
from local.cache.process import NotStarted, Process

GIBIBYTE = 1 << 30
MOST_GIGABYTES = 5_000
"""Of stored data: what a cache without a limit may grow to."""
MEMORY_GIGABYTES = 4
"""What a cache takes of this machine at most, whatever its limit says."""

Properties = dict[str, Any]


@dataclass(kw_only=True)
class User:
    """One who shows IAM's token; `id` is also his name."""

    id: str
    engine: str
    access: str
    arn: str


@dataclass(kw_only=True)
class Group:
    id: str
    engine: str
    arn: str
    users: list[str]


@dataclass(kw_only=True)
class Cache:
    name: str
    arn: str
    group: str
    created: datetime
    process: Process
    given: Properties = field(default_factory=dict)
    """What the request said, as a description repeats it."""


class Caches(BaseBackend):
    """Everything of ElastiCache that the local AWS has."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.lock = threading.RLock()
        self.users: dict[str, User] = {}
        self.groups: dict[str, Group] = {}
        self.caches: dict[str, Cache] = {}
        self.tags: dict[str, dict[str, str]] = {}

    def reset(self) -> None:
        """End every cache, and forget all the rest."""
        for name in list(self.caches):
            self.delete_cache(name)
        super().reset()

    def arn(self, kind: str, name: str) -> str:
        return f"arn:aws:elasticache:{self.region_name}:{self.account_id}:{kind}:{name}"

    # Users --------------------------------------------------------------------------------

    def user(self, name: str) -> User:
        if name not in self.users:
            raise missing("User", name)
        return self.users[name]

    def create_user(self, name: str, engine: str, access: str) -> User:
        if name in self.users:
            raise taken("User", name)
        made = User(id=name, engine=engine, access=access, arn=self.arn("user", name))
        self.users[name] = made
        return made

    def modify_user(self, name: str, engine: str, access: str) -> User:
        found = self.user(name)
        before = (found.engine, found.access)
        found.engine, found.access = engine, access
        try:
            for group in self.groups_of(name):
                self.admit(group)
        except Invalid:
            found.engine, found.access = before
            raise
        return found

    def delete_user(self, name: str) -> User:
        found = self.user(name)
        for group in self.groups_of(name):
            group.users.remove(name)
            self.admit(group)
        del self.users[name]
        return found

    def groups_of(self, user: str) -> list[Group]:
        return [group for group in self.groups.values() if user in group.users]

    # Groups -------------------------------------------------------------------------------

    def group(self, name: str) -> Group:
        if name not in self.groups:
            raise missing("UserGroup", name)
        return self.groups[name]

    def create_group(self, name: str, engine: str, users: list[str]) -> Group:
        if name in self.groups:
            raise taken("UserGroup", name)
        for user in users:
            self.user(user)
        made = Group(id=name, engine=engine, arn=self.arn("usergroup", name), users=users)
        self.groups[name] = made
        return made

    def modify_group(self, name: str, *, more: list[str], fewer: list[str]) -> Group:
        found = self.group(name)
        for user in more:
            self.user(user)
        kept = [user for user in found.users if user not in fewer]
        found.users = kept + [user for user in more if user not in kept]
        self.admit(found)
        return found

    def delete_group(self, name: str) -> Group:
        found = self.group(name)
        if self.caches_of(found):
            raise Invalid(f"User group {name} is in use.", "InvalidUserGroupState")
        return self.groups.pop(name)

    def caches_of(self, group: Group) -> list[Cache]:
        return [cache for cache in self.caches.values() if cache.group == group.id]

    def admit(self, group: Group) -> None:
        """Tell the group's caches who may come in, and what he may do."""
        for cache in self.caches_of(group):
            self._admit(cache.process, group)

    def _admit(self, process: Process, group: Group) -> None:
        users = {name: self.users[name].access for name in group.users}
        try:
            process.admit(users)
        except NotStarted as error:
            raise Invalid(f"The server refuses an access string: {error}") from error

    # Caches -------------------------------------------------------------------------------

    def cache(self, name: str) -> Cache:
        if name not in self.caches:
            raise missing("ServerlessCache", name)
        return self.caches[name]

    def create_cache(self, name: str, group: str, given: Properties) -> Cache:
        if name in self.caches:
            raise taken("ServerlessCache", name)
        members = self.group(group)
        try:
            process = Process(
                name=name,
                region=self.region_name,
                host=settings.current().host,
                memory=memory(given),
            )
        except NotStarted as error:
            raise Invalid(
                f"Cache {name} did not start: {error}", "InvalidServerlessCacheStateFault"
            ) from error
        try:
            self._admit(process, members)
        except Invalid:
            process.close()
            raise
        made = Cache(
            name=name,
            arn=self.arn("serverlesscache", name),
            group=group,
            created=datetime.now(UTC),
            process=process,
            given=given,
        )
        self.caches[name] = made
        return made

    def modify_cache(self, name: str, group: str | None, given: Properties) -> Cache:
        found = self.cache(name)
        if group:
            self._admit(found.process, self.group(group))
            found.group = group
        if "CacheUsageLimits" in given:
            try:
                found.process.limit(memory(given))
            except NotStarted as error:
                raise Invalid(f"The server refuses the limit: {error}") from error
        found.given |= given
        return found

    def delete_cache(self, name: str) -> Cache:
        found = self.cache(name)
        del self.caches[name]
        found.process.close()
        return found


def memory(given: Properties) -> int:
    """Bytes that the server may keep."""
    limits = given.get("CacheUsageLimits", {})
    gigabytes = int(limits.get("DataStorage", {}).get("Maximum") or MOST_GIGABYTES)
    return min(gigabytes, MEMORY_GIGABYTES) * GIBIBYTE
