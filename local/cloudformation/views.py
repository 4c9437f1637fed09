"""What the API shows of stacks, their resources and change sets, with the API's names."""

from __future__ import annotations

import json
from typing import Any

from local.cloudformation.changes import Action, Change, Difference
from local.cloudformation.changesets import ChangeSet
from local.cloudformation.intrinsics import Later
from local.cloudformation.stacks import Event, Resource, Stack, Target
from local.cloudformation.template import Template

View = dict[str, Any]
UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"
HIDDEN = "****"


def stack(of: Stack) -> View:
    return {
        "StackId": of.id,
        "StackName": of.name,
        "Description": of.target.template.description,
        "Parameters": parameters(of.target, of.parameters),
        "CreationTime": of.created,
        "LastUpdatedTime": of.updated,
        "DeletionTime": of.deleted,
        "RollbackConfiguration": {},
        "StackStatus": of.status,
        "StackStatusReason": of.reason,
        "DisableRollback": of.disable_rollback,
        "NotificationARNs": list(of.target.notifications),
        "Capabilities": list(of.target.capabilities),
        "Outputs": [
            {
                "OutputKey": it.key,
                "OutputValue": it.value,
                "Description": it.description,
                "ExportName": it.export,
            }
            for it in of.outputs
        ],
        "RoleARN": of.target.role,
        "Tags": tags(of.target.tags),
        "EnableTerminationProtection": of.protected,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }


def summary(of: Stack) -> View:
    return {
        "StackId": of.id,
        "StackName": of.name,
        "TemplateDescription": of.target.template.description,
        "CreationTime": of.created,
        "LastUpdatedTime": of.updated,
        "DeletionTime": of.deleted,
        "StackStatus": of.status,
        "StackStatusReason": of.reason,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }


def parameters(target: Target, resolved: dict[str, Any]) -> list[View]:
    """Parameters as they were given, and what they stand for where that is something else."""
    views = []
    for name, declared in target.template.parameters.items():
        given = target.given.get(name, declared.get("Default"))
        hidden = str(declared.get("NoEcho", "")).lower() == "true"
        view = {"ParameterKey": name, "ParameterValue": HIDDEN if hidden else str(given)}
        if "::SSM::Parameter::Value" in declared.get("Type", "") and name in resolved:
            view["ResolvedValue"] = resolved[name]
        views.append(view)
    return views


def tags(of: dict[str, str]) -> list[View]:
    return [{"Key": key, "Value": value} for key, value in of.items()]


def event(of: Event, stack: Stack) -> View:
    return {
        "StackId": stack.id,
        "StackName": stack.name,
        "EventId": of.event_id,
        "OperationId": of.operation_id,
        "LogicalResourceId": of.logical_id,
        "PhysicalResourceId": of.physical_id,
        "ResourceType": of.type,
        "Timestamp": of.at,
        "ResourceStatus": of.status,
        "ResourceStatusReason": of.reason,
        "ResourceProperties": of.properties,
        "ClientRequestToken": of.token,
    }


def resource(of: Resource, stack: Stack) -> View:
    """A resource in the union of what the three calls that list resources show."""
    return {
        "StackId": stack.id,
        "StackName": stack.name,
        "LogicalResourceId": of.logical_id,
        "PhysicalResourceId": of.physical_id,
        "ResourceType": of.type,
        "Timestamp": of.changed,
        "LastUpdatedTimestamp": of.changed,
        "ResourceStatus": of.status,
        "ResourceStatusReason": of.reason,
        "Metadata": None if of.metadata is None else json.dumps(of.metadata),
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
    }


def change_set(of: ChangeSet, *, values: bool = False) -> View:
    failed = of.reason is not None
    return {
        "ChangeSetId": of.id,
        "ChangeSetName": of.name,
        "StackId": of.stack.id,
        "StackName": of.stack.name,
        "Description": of.description,
        "Parameters": parameters(of.target, of.prepared.shown if of.prepared else {}),
        "CreationTime": of.created,
        "ExecutionStatus": "UNAVAILABLE" if failed else "AVAILABLE",
        "Status": "FAILED" if failed else "CREATE_COMPLETE",
        "StatusReason": of.reason,
        "NotificationARNs": list(of.target.notifications),
        "RollbackConfiguration": {},
        "Capabilities": list(of.target.capabilities),
        "Tags": tags(of.target.tags),
        "Changes": [
            {"Type": "Resource", "ResourceChange": _change(it, values=values)} for it in of.changes
        ],
        "IncludeNestedStacks": False,
    }


def _change(of: Change, *, values: bool) -> View:
    view: View = {
        "Action": "Modify" if of.action is Action.REPLACE else str(of.action),
        "LogicalResourceId": of.logical_id,
        "PhysicalResourceId": of.physical_id,
        "ResourceType": of.type,
        "Scope": list(of.scope),
        "Details": [_detail(it, values=values) for it in of.differences],
    }
    if of.action is Action.DELETE:
        view["PolicyAction"] = "Retain" if of.retained else "Delete"
    if of.action in (Action.UPDATE, Action.REPLACE):
        view["Replacement"] = _replacement(of)
    if of.action is Action.REPLACE:
        view["PolicyAction"] = "ReplaceAndRetain" if of.retained else "ReplaceAndDelete"
    return view


def _replacement(of: Change) -> str:
    if any(it.recreates and it.cause is None for it in of.differences):
        return "True"
    return "Conditional" if of.action is Action.REPLACE else "False"


def _detail(of: Difference, *, values: bool) -> View:
    target: View = {
        "Attribute": "Properties",
        "Name": of.property,
        "RequiresRecreation": "Always" if of.recreates else "Never",
    }
    if values:
        target["Path"] = f"/Properties/{of.property}"
        target["BeforeValue"] = _text(of.before)
        target["AfterValue"] = _text(of.after)
    detail = {"Target": target, "Evaluation": "Static", "ChangeSource": "DirectModification"}
    if of.cause is not None:
        name, attribute = of.cause.resource, of.cause.attribute
        detail["Evaluation"] = "Dynamic"
        detail["ChangeSource"] = "ResourceAttribute" if attribute else "ResourceReference"
        detail["CausingEntity"] = f"{name}.{attribute}" if attribute else name
    return detail


def _text(value: Any) -> str | None:
    """A property's value as text; what is not known yet says so."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Later):
        return UNKNOWN
    return json.dumps(value, default=lambda _: UNKNOWN)


def template_summary(of: Template, capabilities: list[str]) -> View:
    return {
        "Parameters": [
            {
                "ParameterKey": name,
                "DefaultValue": None if "Default" not in it else str(it["Default"]),
                "ParameterType": it.get("Type", "String"),
                "NoEcho": str(it.get("NoEcho", "")).lower() == "true",
                "Description": it.get("Description"),
                "ParameterConstraints": {"AllowedValues": it.get("AllowedValues", [])},
            }
            for name, it in of.parameters.items()
        ],
        "Description": of.description,
        "Capabilities": capabilities,
        "ResourceTypes": sorted({it.type for it in of.resources.values()}),
        "Metadata": None if of.metadata is None else json.dumps(of.metadata),
    }
