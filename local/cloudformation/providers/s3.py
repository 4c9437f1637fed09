"""Buckets and their policies.

A bucket is made bare; each of its settings is an API call of its own, in the table `SETTINGS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.cloudformation.aws import Aws
from local.cloudformation.errors import Failure
from local.cloudformation.provider import Properties, Provider, names
from local.cloudformation.providers.common import differ, found, pick


@dataclass(frozen=True, slots=True)
class Setting:
    """How a property is put on a bucket, and which call takes it away again."""

    put: str
    parameters: Callable[[Any], dict[str, Any]]
    remove: str | None = None
    """None: `put` with the parameters of an absent value."""


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


def _cors(value: Any) -> dict[str, Any]:
    rules = [
        _renamed(it, ExposedHeaders="ExposeHeaders", Id="ID", MaxAge="MaxAgeSeconds")
        for it in value["CorsRules"]
    ]
    return {"CORSConfiguration": {"CORSRules": rules}}


def _logging(value: Any) -> dict[str, Any]:
    if not value:
        return {"BucketLoggingStatus": {}}
    enabled = {
        "TargetBucket": value.get("DestinationBucketName"),
        "TargetPrefix": value.get("LogFilePrefix", ""),
    } | pick(value, ["TargetObjectKeyFormat"])
    return {"BucketLoggingStatus": {"LoggingEnabled": enabled}}


def _versioning(value: Any) -> dict[str, Any]:
    return {"VersioningConfiguration": value or {"Status": "Suspended"}}


SETTINGS = {
    "BucketEncryption": Setting("PutBucketEncryption", _encryption, "DeleteBucketEncryption"),
    "CorsConfiguration": Setting("PutBucketCors", _cors, "DeleteBucketCors"),
    "LifecycleConfiguration": Setting(
        "PutBucketLifecycleConfiguration", _lifecycle, "DeleteBucketLifecycle"
    ),
    "LoggingConfiguration": Setting("PutBucketLogging", _logging),
    "OwnershipControls": Setting(
        "PutBucketOwnershipControls",
        lambda value: {"OwnershipControls": value},
        "DeleteBucketOwnershipControls",
    ),
    "PublicAccessBlockConfiguration": Setting(
        "PutPublicAccessBlock",
        lambda value: {"PublicAccessBlockConfiguration": value},
        "DeletePublicAccessBlock",
    ),
    "Tags": Setting(
        "PutBucketTagging", lambda value: {"Tagging": {"TagSet": value}}, "DeleteBucketTagging"
    ),
    "VersioningConfiguration": Setting("PutBucketVersioning", _versioning),
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

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        place = None if aws.region == "us-east-1" else {"LocationConstraint": aws.region}
        acl = new.get("AccessControl", "Private")
        if acl != "Private":
            raise Failure(f"AccessControl {acl} is not supported by the local AWS")
        aws("s3:CreateBucket", Bucket=name, CreateBucketConfiguration=place)
        return name

    def finish(self, aws: Aws, physical_id: str, new: Properties) -> None:
        self.update(aws, physical_id, {}, new)

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        for name, setting in SETTINGS.items():
            if not differ(old, new, name):
                continue
            if name in new or setting.remove is None:
                given = setting.parameters(new.get(name))
                aws(f"s3:{setting.put}", Bucket=physical_id, **given)
            else:
                aws(f"s3:{setting.remove}", Bucket=physical_id)

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        aws("s3:DeleteBucket", Bucket=physical_id)

    def exists(self, aws: Aws, name: str) -> bool:
        return found(lambda: aws("s3:HeadBucket", Bucket=name))

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:
        domain = f"s3.{aws.region}.amazonaws.com"
        return {
            "Arn": f"arn:aws:s3:::{physical_id}",
            "DomainName": f"{physical_id}.s3.amazonaws.com",
            "DualStackDomainName": f"{physical_id}.s3.dualstack.{aws.region}.amazonaws.com",
            "RegionalDomainName": f"{physical_id}.{domain}",
        }


class BucketPolicy(Provider):
    type = "AWS::S3::BucketPolicy"
    properties = names("Bucket PolicyDocument")

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        aws("s3:PutBucketPolicy", Bucket=new["Bucket"], Policy=new["PolicyDocument"])
        return str(new["Bucket"])

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        self.create(aws, physical_id, new)

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        aws("s3:DeleteBucketPolicy", Bucket=physical_id)
