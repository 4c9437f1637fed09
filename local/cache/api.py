"""The ElastiCache API, as far as serverless caches need it; everything else is refused by its name.

https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local.cache.caches import Cache, Caches, Group, User
from local.cache.errors import Invalid, missing, unsupported

Parameters = dict[str, Any]
Answer = dict[str, Any]

ENGINE = "valkey"
VERSION = "9.1"
MAJOR = "9"
"""Of the server that runs here; ElastiCache has 7 and 8, and commands that are in all of them."""
UNSUPPORTED = {
    "CreateServerlessCache": ("SnapshotArnsToRestore", "Integrations"),
    "CreateUser": ("Passwords", "NoPasswordRequired"),
    "DeleteServerlessCache": ("FinalSnapshotName",),
    "DescribeUserGroups": ("Filters", "Marker"),
    "DescribeUsers": ("Filters", "Marker"),
    "ModifyServerlessCache": ("RemoveUserGroup", "MajorEngineVersion"),
    "ModifyUser": ("AppendAccessString", "Passwords", "NoPasswordRequired"),
}
REPEATED = (
    "CacheUsageLimits",
    "DailySnapshotTime",
    "Description",
    "KmsKeyId",
    "SecurityGroupIds",
    "SnapshotRetentionLimit",
    "SubnetIds",
)
"""What a description of a cache repeats from the request."""


def answer(backend: Caches, operation: str, given: Parameters) -> Answer:
    """What an operation answers; raises `Invalid`, NotImplementedError for a foreign one."""
    if operation not in OPERATIONS:
        raise NotImplementedError(f"{operation} is not supported by the local AWS")
    for name in UNSUPPORTED.get(operation, ()):
        if given.get(name):
            raise unsupported(f"{name} of {operation}")
    if given.get("Engine", ENGINE) != ENGINE:
        raise unsupported(f"Engine {given['Engine']}")
    with backend.lock:
        return OPERATIONS[operation](backend, given)


# Caches ------------------------------------------------------------------------------------


def create_serverless_cache(backend: Caches, given: Parameters) -> Answer:
    if not given.get("UserGroupId"):
        raise unsupported("A serverless cache without a UserGroupId, which lets anybody in,")
    name = given["ServerlessCacheName"].lower()
    made = backend.create_cache(name, given["UserGroupId"], _repeated(given))
    backend.tags[made.arn] = _tags(given)
    return {"ServerlessCache": _cache(made)}


def modify_serverless_cache(backend: Caches, given: Parameters) -> Answer:
    found = backend.modify_cache(
        given["ServerlessCacheName"], given.get("UserGroupId"), _repeated(given)
    )
    return {"ServerlessCache": _cache(found)}


def delete_serverless_cache(backend: Caches, given: Parameters) -> Answer:
    return {"ServerlessCache": _cache(backend.delete_cache(given["ServerlessCacheName"]))}


def describe_serverless_caches(backend: Caches, given: Parameters) -> Answer:
    name = given.get("ServerlessCacheName")
    found = [backend.cache(name)] if name else backend.caches.values()
    return {"ServerlessCaches": [_cache(cache) for cache in found]}


def _repeated(given: Parameters) -> Parameters:
    return {name: given[name] for name in REPEATED if name in given}


def _cache(cache: Cache) -> Answer:
    address = cache.process.address
    endpoint = {"Address": address.host, "Port": address.port}
    return {
        "ServerlessCacheName": cache.name,
        "ARN": cache.arn,
        "CreateTime": cache.created,
        "Status": "available",
        "Engine": ENGINE,
        "MajorEngineVersion": MAJOR,
        "FullEngineVersion": VERSION,
        "Endpoint": endpoint,
        "ReaderEndpoint": endpoint,
        "UserGroupId": cache.group,
        **cache.given,
    }


# Users and groups --------------------------------------------------------------------------


def create_user(backend: Caches, given: Parameters) -> Answer:
    if (kind := given.get("AuthenticationMode", {}).get("Type")) != "iam":
        raise unsupported(f"AuthenticationMode {kind or 'password'}")
    if given["UserId"] != given["UserName"]:
        raise Invalid("User id and user name must be the same for a user who authenticates by IAM.")
    made = backend.create_user(given["UserId"], given["Engine"], given["AccessString"])
    backend.tags[made.arn] = _tags(given)
    return _user(backend, made)


def modify_user(backend: Caches, given: Parameters) -> Answer:
    if (kind := given.get("AuthenticationMode", {}).get("Type", "iam")) != "iam":
        raise unsupported(f"AuthenticationMode {kind}")
    found = backend.user(given["UserId"])
    access = given.get("AccessString", found.access)
    changed = backend.modify_user(found.id, given.get("Engine", found.engine), access)
    return _user(backend, changed)


def delete_user(backend: Caches, given: Parameters) -> Answer:
    return _user(backend, backend.delete_user(given["UserId"]))


def describe_users(backend: Caches, given: Parameters) -> Answer:
    name = given.get("UserId")
    found = [backend.user(name)] if name else backend.users.values()
    return {"Users": [_user(backend, user) for user in found]}


def _user(backend: Caches, user: User) -> Answer:
    return {
        "UserId": user.id,
        "UserName": user.id,
        "Status": "active",
        "Engine": user.engine,
        "MinimumEngineVersion": "7.2",
        "AccessString": user.access,
        "UserGroupIds": [group.id for group in backend.groups_of(user.id)],
        "Authentication": {"Type": "iam"},
        "ARN": user.arn,
    }


def create_user_group(backend: Caches, given: Parameters) -> Answer:
    made = backend.create_group(
        given["UserGroupId"], given["Engine"], list(given.get("UserIds", ()))
    )
    backend.tags[made.arn] = _tags(given)
    return _group(backend, made)


def modify_user_group(backend: Caches, given: Parameters) -> Answer:
    changed = backend.modify_group(
        given["UserGroupId"],
        more=list(given.get("UserIdsToAdd", ())),
        fewer=list(given.get("UserIdsToRemove", ())),
    )
    return _group(backend, changed)


def delete_user_group(backend: Caches, given: Parameters) -> Answer:
    return _group(backend, backend.delete_group(given["UserGroupId"]))


def describe_user_groups(backend: Caches, given: Parameters) -> Answer:
    name = given.get("UserGroupId")
    found = [backend.group(name)] if name else backend.groups.values()
    return {"UserGroups": [_group(backend, group) for group in found]}


def _group(backend: Caches, group: Group) -> Answer:
    return {
        "UserGroupId": group.id,
        "Status": "active",
        "Engine": group.engine,
        "UserIds": list(group.users),
        "ServerlessCaches": [cache.name for cache in backend.caches_of(group)],
        "ARN": group.arn,
    }


# Tags --------------------------------------------------------------------------------------


def add_tags_to_resource(backend: Caches, given: Parameters) -> Answer:
    _tagged(backend, given).update(_tags(given))
    return list_tags_for_resource(backend, given)


def remove_tags_from_resource(backend: Caches, given: Parameters) -> Answer:
    for key in given["TagKeys"]:
        _tagged(backend, given).pop(key, None)
    return list_tags_for_resource(backend, given)


def list_tags_for_resource(backend: Caches, given: Parameters) -> Answer:
    tags = _tagged(backend, given)
    return {"TagList": [{"Key": key, "Value": value} for key, value in tags.items()]}


def _tagged(backend: Caches, given: Parameters) -> dict[str, str]:
    """The tags of what is there."""
    arn = given["ResourceName"]
    parts = arn.split(":")
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "user": ("User", backend.users),
        "usergroup": ("UserGroup", backend.groups),
        "serverlesscache": ("ServerlessCache", backend.caches),
    }
    if len(parts) != len(backend.arn("", "").split(":")) or parts[5] not in kinds:
        raise Invalid(f"{arn} is no ARN of a resource here.", "InvalidARN")
    kind, known = kinds[parts[5]]
    if parts[6] not in known:
        raise missing(kind, parts[6])
    return backend.tags.setdefault(arn, {})


def _tags(given: Parameters) -> dict[str, str]:
    return {it["Key"]: it.get("Value", "") for it in given.get("Tags", ())}


OPERATIONS: dict[str, Callable[[Caches, Parameters], Answer]] = {
    "AddTagsToResource": add_tags_to_resource,
    "CreateServerlessCache": create_serverless_cache,
    "CreateUser": create_user,
    "CreateUserGroup": create_user_group,
    "DeleteServerlessCache": delete_serverless_cache,
    "DeleteUser": delete_user,
    "DeleteUserGroup": delete_user_group,
    "DescribeServerlessCaches": describe_serverless_caches,
    "DescribeUserGroups": describe_user_groups,
    "DescribeUsers": describe_users,
    "ListTagsForResource": list_tags_for_resource,
    "ModifyServerlessCache": modify_serverless_cache,
    "ModifyUser": modify_user,
    "ModifyUserGroup": modify_user_group,
    "RemoveTagsFromResource": remove_tags_from_resource,
}
