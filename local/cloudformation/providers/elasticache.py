"""Serverless caches, and who may use them."""

from __future__ import annotations

from typing import Any

from local.cloudformation.aws import Aws
from local.cloudformation.provider import Properties, Provider, Tagging, names, tag_list
from local.cloudformation.providers.common import differ, drop

ARN = "arn:aws:elasticache:{region}:{account}:"


def _tags(kind: str) -> Tagging:
    return Tagging(
        "elasticache",
        {"ResourceName": f"{ARN}{kind}:{{id}}"},
        calls=("AddTagsToResource", "RemoveTagsFromResource"),
        form=tag_list,
    )


class User(Provider):
    type = "AWS::ElastiCache::User"
    properties = names("AccessString AuthenticationMode Engine Tags UserId UserName")
    named = "UserId"
    subject = {"UserId": "{id}"}
    deletion = "elasticache:DeleteUser"
    settings = {"Tags": _tags("user")}
    shown = {"Arn": f"{ARN}user:{{id}}", "Status": "active"}

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        aws("elasticache:CreateUser", **{"UserId": name} | drop(new, "Tags"))
        return name

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        if differ(old, new, "AccessString", "AuthenticationMode", "Engine"):
            changed = drop(new, "Tags", "UserId", "UserName")
            aws("elasticache:ModifyUser", UserId=physical_id, **changed)
        super().update(aws, physical_id, old, new)


class UserGroup(Provider):
    type = "AWS::ElastiCache::UserGroup"
    properties = names("Engine Tags UserGroupId UserIds")
    named = "UserGroupId"
    fixed = names("Engine")
    subject = {"UserGroupId": "{id}"}
    deletion = "elasticache:DeleteUserGroup"
    settings = {"Tags": _tags("usergroup")}
    shown = {"Arn": f"{ARN}usergroup:{{id}}", "Status": "active"}

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        aws("elasticache:CreateUserGroup", **{"UserGroupId": name} | drop(new, "Tags"))
        return name

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        before, after = set(old["UserIds"]), set(new["UserIds"])
        if before != after:
            aws(
                "elasticache:ModifyUserGroup",
                UserGroupId=physical_id,
                UserIdsToAdd=sorted(after - before) or None,
                UserIdsToRemove=sorted(before - after) or None,
            )
        super().update(aws, physical_id, old, new)


class ServerlessCache(Provider):
    type = "AWS::ElastiCache::ServerlessCache"
    properties = names(
        "CacheUsageLimits DailySnapshotTime Description Engine KmsKeyId MajorEngineVersion "
        "SecurityGroupIds ServerlessCacheName SnapshotRetentionLimit SubnetIds Tags UserGroupId"
    )
    named = "ServerlessCacheName"
    fixed = names("Engine MajorEngineVersion")
    subject = {"ServerlessCacheName": "{id}"}
    deletion = "elasticache:DeleteServerlessCache"
    settings = {"Tags": _tags("serverlesscache")}

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        given = {"ServerlessCacheName": name} | drop(new, "Tags")
        answer = aws("elasticache:CreateServerlessCache", **given)
        return str(answer["ServerlessCache"]["ServerlessCacheName"])

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        changed = {key: it for key, it in drop(new, "Tags").items() if old.get(key) != it}
        if changed:
            aws("elasticache:ModifyServerlessCache", ServerlessCacheName=physical_id, **changed)
        super().update(aws, physical_id, old, new)

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:
        answer = aws("elasticache:DescribeServerlessCaches", ServerlessCacheName=physical_id)
        [found] = answer["ServerlessCaches"]
        return {
            "ARN": found["ARN"],
            "Status": found["Status"],
            "FullEngineVersion": found["FullEngineVersion"],
            "Endpoint.Address": found["Endpoint"]["Address"],
            "Endpoint.Port": str(found["Endpoint"]["Port"]),
            "ReaderEndpoint.Address": found["ReaderEndpoint"]["Address"],
            "ReaderEndpoint.Port": str(found["ReaderEndpoint"]["Port"]),
        }
