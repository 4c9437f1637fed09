"""Buckets and their policies.

A bucket is made bare; each of its settings is an API call of its own.
"""

from __future__ import annotations

from typing import Any

from local.cloudformation.aws import Aws
from local.cloudformation.errors import Failure
from local.cloudformation.provider import Properties, Provider, Setting, names
from local.cloudformation.providers.common import found, pick


def _encryption(value: Any) -> dict[str, Any]:
    rules = [
        {
            "ApplyServerSideEncryptionByDefault": rule.get("ServerSideEncryptionByDefault"),
            "BucketKeyEnabled": rule.get("BucketKeyEnabled", False),
        }
        for rule in value["ServerSideEncryptionConfiguration"]
    ]
    return {"ServerSideEncryptionConfiguration": {"Rules": rules}}


def _lifecycle(value: Any) -> dict[str, Any]:
    return {"LifecycleConfiguration": {"Rules": [_lifecycle_rule(it) for it in value["Rules"]]}}


def _lifecycle_rule(given: dict[str, Any]) -> dict[str, Any]:
    """A rule with the API's names; what has no counterpart here is refused."""
    rule = dict(given)
    result = {"ID": rule.pop("Id", ""), "Status": rule.pop("Status")}
    result["Filter"] = _filter(rule)
    renamed = {
        "ExpirationInDays": "Days",
        "ExpirationDate": "Date",
        "ExpiredObjectDeleteMarker": "ExpiredObjectDeleteMarker",
    }
    expiration = {renamed[name]: rule.pop(name) for name in renamed if name in rule}
    noncurrent = rule.pop("NoncurrentVersionExpiration", {})
    if days := rule.pop("NoncurrentVersionExpirationInDays", None):
        noncurrent = {"NoncurrentDays": days}
    transitions = [
        _renamed(it, TransitionInDays="Days", TransitionDate="Date")
        for it in rule.pop("Transitions", ())
    ]
    older = [
        _renamed(it, TransitionInDays="NoncurrentDays")
        for it in rule.pop("NoncurrentVersionTransitions", ())
    ]
    parts = {
        "Expiration": expiration,
        "NoncurrentVersionExpiration": noncurrent,
        "Transitions": transitions,
        "NoncurrentVersionTransitions": older,
        "AbortIncompleteMultipartUpload": rule.pop("AbortIncompleteMultipartUpload", {}),
    }
    if rule:
        raise Failure(f"Lifecycle rule property {min(rule)} is not supported by the local AWS")
    return result | {name: part for name, part in parts.items() if part}


def _filter(rule: dict[str, Any]) -> dict[str, Any]:
    """Takes what selects objects out of `rule`: one condition, or several within And."""
    parts = {
        "Prefix": rule.pop("Prefix", None),
        "Tags": rule.pop("TagFilters", None),
        "ObjectSizeGreaterThan": rule.pop("ObjectSizeGreaterThan", None),
        "ObjectSizeLessThan": rule.pop("ObjectSizeLessThan", None),
    }
    found = {name: it for name, it in parts.items() if it not in (None, [])}
    if not found:
        return {"Prefix": ""}
    tags = found.get("Tags", [])
    if len(found) > 1 or len(tags) > 1:
        return {"And": found}
    return {"Tag": tags[0]} if tags else found


def _renamed(given: dict[str, Any], **new_names: str) -> dict[str, Any]:
    return {new_names.get(name, name): value for name, value in given.items()}


def _logging(value: Any) -> dict[str, Any]:
    if not value:
        return {"BucketLoggingStatus": {}}
    enabled = {
        "TargetBucket": value.get("DestinationBucketName"),
        "TargetPrefix": value.get("LogFilePrefix", ""),
    } | pick(value, ["TargetObjectKeyFormat"])
    return {"BucketLoggingStatus": {"LoggingEnabled": enabled}}


def _notification(value: Any) -> dict[str, Any]:
    """One event per configuration here, a list of them in the API."""
    given = value or {}
    if other := sorted(given.keys() - {"QueueConfigurations"}):
        raise Failure(f"NotificationConfiguration {other[0]} is not supported by the local AWS")
    queues = [
        {"QueueArn": it["Queue"], "Events": [it["Event"]]}
        | (
            {"Filter": {"Key": {"FilterRules": it["Filter"]["S3Key"]["Rules"]}}}
            if "Filter" in it
            else {}
        )
        for it in given.get("QueueConfigurations", ())
    ]
    return {"NotificationConfiguration": {"QueueConfigurations": queues} if queues else {}}


def _versioning(value: Any) -> dict[str, Any]:
    return {"VersioningConfiguration": value or {"Status": "Suspended"}}


SETTINGS = {
    "BucketEncryption": Setting("s3:PutBucketEncryption", _encryption, "s3:DeleteBucketEncryption"),
    "LifecycleConfiguration": Setting(
        "s3:PutBucketLifecycleConfiguration", _lifecycle, "s3:DeleteBucketLifecycle"
    ),
    "LoggingConfiguration": Setting("s3:PutBucketLogging", _logging),
    "NotificationConfiguration": Setting("s3:PutBucketNotificationConfiguration", _notification),
    "OwnershipControls": Setting(
        "s3:PutBucketOwnershipControls",
        lambda value: {"OwnershipControls": value},
        "s3:DeleteBucketOwnershipControls",
    ),
    "PublicAccessBlockConfiguration": Setting(
        "s3:PutPublicAccessBlock",
        lambda value: {"PublicAccessBlockConfiguration": value},
        "s3:DeletePublicAccessBlock",
    ),
    "Tags": Setting(
        "s3:PutBucketTagging",
        lambda value: {"Tagging": {"TagSet": value}},
        "s3:DeleteBucketTagging",
    ),
    "VersioningConfiguration": Setting("s3:PutBucketVersioning", _versioning),
}


class Bucket(Provider):
    """A bucket with objects in it is not deleted, as on AWS."""

    type = "AWS::S3::Bucket"
    properties = names("AccessControl BucketName") | SETTINGS.keys()
    fixed = names("AccessControl")
    named = "BucketName"
    adoptable = True
    longest = 63
    lower = True
    subject = {"Bucket": "{id}"}
    deletion = "s3:DeleteBucket"
    settings = SETTINGS
    shown = {
        "Arn": "arn:aws:s3:::{id}",
        "DomainName": "{id}.s3.amazonaws.com",
        "DualStackDomainName": "{id}.s3.dualstack.{region}.amazonaws.com",
        "RegionalDomainName": "{id}.s3.{region}.amazonaws.com",
    }

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        place = None if aws.region == "us-east-1" else {"LocationConstraint": aws.region}
        acl = new.get("AccessControl", "Private")
        if acl != "Private":
            raise Failure(f"AccessControl {acl} is not supported by the local AWS")
        aws("s3:CreateBucket", Bucket=name, CreateBucketConfiguration=place)
        return name

    def exists(self, aws: Aws, name: str) -> bool:
        return found(lambda: aws("s3:HeadBucket", Bucket=name))


class BucketPolicy(Provider):
    type = "AWS::S3::BucketPolicy"
    properties = names("Bucket PolicyDocument")
    subject = {"Bucket": "{id}"}
    deletion = "s3:DeleteBucketPolicy"

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        aws("s3:PutBucketPolicy", Bucket=new["Bucket"], Policy=new["PolicyDocument"])
        return str(new["Bucket"])

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        self.create(aws, physical_id, new)
