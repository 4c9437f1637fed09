"""Workgroups: where results go, and how much a query may scan. They are moto's objects."""

from __future__ import annotations

from typing import Any

from local.athena.errors import InvalidRequest
from local.athena.paging import page
from local.athena.state import Region

LEAST_CUTOFF = 10_000_000
ENGINE = {
    "SelectedEngineVersion": "AUTO",
    "EffectiveEngineVersion": "Athena engine version 3",
}
SETTINGS = (
    "EnforceWorkGroupConfiguration",
    "PublishCloudWatchMetricsEnabled",
    "BytesScannedCutoffPerQuery",
    "RequesterPaysEnabled",
    "EnableMinimumEncryptionConfiguration",
)
RESULT_SETTINGS = (
    "OutputLocation",
    "EncryptionConfiguration",
    "ExpectedBucketOwner",
    "AclConfiguration",
)
UNSUPPORTED = (
    "ManagedQueryResultsConfiguration",
    "ManagedQueryResultsConfigurationUpdates",
    "IdentityCenterConfiguration",
    "QueryResultsS3AccessGrantsConfiguration",
    "CustomerContentEncryptionConfiguration",
    "ExecutionRole",
)


def create(region: Region, wanted: dict[str, Any]) -> dict[str, Any]:
    name, configuration = wanted["Name"], dict(wanted.get("Configuration") or {})
    if name in region.backend.work_groups:
        raise InvalidRequest("WorkGroup is already created")
    checked(configuration)
    region.backend.create_work_group(
        name, configuration, wanted.get("Description") or "", wanted.get("Tags") or []
    )
    region.born(f"workgroup/{name}")
    return {}


def checked(configuration: dict[str, Any]) -> None:
    """Refuse what is not kept here, and a scan limit below AWS's least."""
    for key in UNSUPPORTED:
        found = configuration.get(key)
        if found and (not isinstance(found, dict) or found.get("Enabled", True)):
            raise InvalidRequest(f"{key} is not supported by the local Athena")
    cutoff = configuration.get("BytesScannedCutoffPerQuery")
    if cutoff is not None and cutoff < LEAST_CUTOFF:
        raise InvalidRequest(f"BytesScannedCutoffPerQuery must be at least {LEAST_CUTOFF}")


def get(region: Region, wanted: dict[str, Any]) -> dict[str, Any]:
    group = region.workgroup(wanted["WorkGroup"])
    return {
        "WorkGroup": {
            **summary(region, group),
            "Configuration": {**group.configuration, "EngineVersion": ENGINE},
        }
    }


def summary(region: Region, group: Any) -> dict[str, Any]:
    return {
        "Name": group.name,
        "State": group.state,
        "Description": group.description or "",
        "CreationTime": region.born(f"workgroup/{group.name}").timestamp(),
    }


def list_(region: Region, wanted: dict[str, Any]) -> dict[str, Any]:
    groups, token = page(list(region.backend.work_groups.values()), wanted)
    listed = [{**summary(region, group), "EngineVersion": ENGINE} for group in groups]
    return {"WorkGroups": listed, **token}


def update(region: Region, wanted: dict[str, Any]) -> dict[str, Any]:
    group = region.workgroup(wanted["WorkGroup"])
    changes = wanted.get("ConfigurationUpdates") or {}
    checked(changes)
    if "Description" in wanted:
        group.description = wanted["Description"]
    if "State" in wanted:
        group.state = wanted["State"]
    configuration = dict(group.configuration)
    configuration |= {key: changes[key] for key in SETTINGS if key in changes}
    if changes.get("RemoveBytesScannedCutoffPerQuery"):
        configuration.pop("BytesScannedCutoffPerQuery", None)
    results = dict(configuration.get("ResultConfiguration") or {})
    for key in RESULT_SETTINGS:
        found = changes.get("ResultConfigurationUpdates") or {}
        if key in found:
            results[key] = found[key]
        if found.get(f"Remove{key}"):
            results.pop(key, None)
    group.configuration = {**configuration, "ResultConfiguration": results}
    return {}


def delete(region: Region, wanted: dict[str, Any]) -> dict[str, Any]:
    """A workgroup that holds anything goes only with RecursiveDeleteOption."""
    name = wanted["WorkGroup"]
    if name == "primary":
        raise InvalidRequest("primary workgroup could not be deleted")
    region.workgroup(name)
    named = [n.id for n in region.backend.named_queries.values() if n.workgroup.name == name]
    queries = [e for e in region.executions.values() if e.request.workgroup == name]
    if (named or queries) and not wanted.get("RecursiveDeleteOption"):
        raise InvalidRequest(f"WorkGroup {name} is not empty")
    for query_id in named:
        del region.backend.named_queries[query_id]
    for execution in queries:
        del region.executions[execution.id]
    region.backend.delete_work_group(name)
    region.created.pop(f"workgroup/{name}", None)
    return {}


OPERATIONS = {
    "CreateWorkGroup": create,
    "GetWorkGroup": get,
    "ListWorkGroups": list_,
    "UpdateWorkGroup": update,
    "DeleteWorkGroup": delete,
}
