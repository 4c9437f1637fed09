"""Where moto would keep a right stack from being made or changed.

- A statement of a bucket policy denies whatever its condition says: a policy that denies
  requests without TLS would close the bucket to everybody. Here a statement with a condition
  is left out: the local AWS knows neither TLS nor who calls, and enforces no permissions.
- A bucket is refused for access logs until a policy lets them in; AWS asks for none.
- Every request to a bucket with access logs writes an invented line into the other bucket,
  which can then not be deleted. AWS delivers such logs hours later, and not for certain;
  here none are delivered.
"""

from __future__ import annotations

import json
from typing import Any

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket, S3Backend

from local import patching


def install() -> None:
    patching.replace(
        FakeBucket,
        get_permission=_permission,
        _log_permissions_enabled_policy=staticmethod(_may_log),
    )
    patching.replace(S3Backend, log_incoming_request=_deliver_no_log)


def _may_log(**_: Any) -> bool:
    """AWS accepts a bucket for access logs before a policy lets the logs in."""
    return True


def _deliver_no_log(*_: Any) -> None:
    """Best effort, as AWS puts it."""


def _permission(bucket: FakeBucket, action: str, resource: str) -> PermissionResult:
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    policy: dict[str, Any] = json.loads(bucket.policy)
    statements = policy.get("Statement", [])
    listed = statements if isinstance(statements, list) else [statements]
    plain = [it for it in listed if not it.get("Condition")]
    return IAMPolicy(json.dumps(policy | {"Statement": plain})).is_action_permitted(
        action, resource
    )
