"""The CloudFormation API: each operation is a function of the backend and its parameters.

Everything not in `OPERATIONS`, and every parameter in `UNSUPPORTED`, is refused by its name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local.cloudformation import requests, views
from local.cloudformation.backend import Backend
from local.cloudformation.errors import Invalid
from local.cloudformation.requests import Parameters
from local.cloudformation.stacks import Stack

Answer = dict[str, Any] | None
PAGE = 100
NO_STACK = "Stack [{}] does not exist"
UNSUPPORTED = (
    "ForceRollback",
    "OnStackFailure",
    "ResourceTypes",
    "ResourcesToImport",
    "RetainExceptOnCreate",
    "RollbackConfiguration",
    "StackPolicyBody",
    "StackPolicyDuringUpdateBody",
    "StackPolicyDuringUpdateURL",
    "StackPolicyURL",
    "StackSetName",
)


def answer(backend: Backend, operation: str, given: Parameters) -> Answer:
    """What an operation answers; raises `Invalid`, NotImplementedError for a foreign one."""
    if operation not in OPERATIONS:
        raise NotImplementedError(f"{operation} is not supported by the local AWS")
    if unsupported := [name for name in UNSUPPORTED if given.get(name)]:
        raise Invalid(f"{unsupported[0]} is not supported by the local AWS")
    if given.get("DeploymentConfig", {}).get("Mode", "STANDARD") != "STANDARD":
        raise Invalid("DeploymentConfig Mode EXPRESS is not supported by the local AWS")
    return OPERATIONS[operation](backend, given)


# Stacks -----------------------------------------------------------------------------------


def create_stack(backend: Backend, given: Parameters) -> Answer:
    on_failure = given.get("OnFailure", "ROLLBACK")
    if on_failure == "DELETE":
        raise Invalid("OnFailure DELETE is not supported by the local AWS")
    stack = backend.create(
        given["StackName"],
        requests.target(backend, given, None),
        protected=bool(given.get("EnableTerminationProtection")),
        disable_rollback=requests.no_rollback(given) or on_failure == "DO_NOTHING",
        token=given.get("ClientRequestToken"),
    )
    return {"StackId": stack.id}


def update_stack(backend: Backend, given: Parameters) -> Answer:
    stack = backend.find(given["StackName"], NO_STACK)
    backend.update(
        stack,
        requests.target(backend, given, stack),
        disable_rollback=requests.no_rollback(given),
        token=given.get("ClientRequestToken"),
    )
    return {"StackId": stack.id}


def delete_stack(backend: Backend, given: Parameters) -> Answer:
    if given.get("DeletionMode", "STANDARD") != "STANDARD":
        raise Invalid(f"DeletionMode {given['DeletionMode']} is not supported by the local AWS")
    try:
        stack = backend.find(given["StackName"])
    except Invalid:
        return None  # as on AWS: what does not exist is deleted
    retained = frozenset(given.get("RetainResources", ()))
    backend.delete(stack, retained, given.get("ClientRequestToken"))
    return None


def describe_stacks(backend: Backend, given: Parameters) -> Answer:
    name = given.get("StackName")
    found = [backend.find(name)] if name else backend.alive()
    return _page("Stacks", [views.stack(it) for it in found], given)


def list_stacks(backend: Backend, given: Parameters) -> Answer:
    wanted = given.get("StackStatusFilter") or ()
    found = [it for it in backend.stacks.values() if not wanted or it.status in wanted]
    return _page("StackSummaries", [views.summary(it) for it in found], given)


def describe_stack_events(backend: Backend, given: Parameters) -> Answer:
    stack = backend.find(given["StackName"], NO_STACK)
    found = [views.event(it, stack) for it in reversed(stack.events)]
    return _page("StackEvents", found, given)


def update_termination_protection(backend: Backend, given: Parameters) -> Answer:
    stack = backend.find(given["StackName"], NO_STACK)
    stack.protected = bool(given["EnableTerminationProtection"])
    return {"StackId": stack.id}


def rollback_stack(backend: Backend, given: Parameters) -> Answer:
    stack = backend.find(given["StackName"], NO_STACK)
    stack.token = given.get("ClientRequestToken")
    backend.roll_back(stack, {"CREATE_FAILED", "UPDATE_FAILED"}, frozenset())
    return {"StackId": stack.id, "OperationId": stack.operation}


def continue_update_rollback(backend: Backend, given: Parameters) -> Answer:
    stack = backend.find(given["StackName"], NO_STACK)
    stack.token = given.get("ClientRequestToken")
    skipped = frozenset(given.get("ResourcesToSkip", ()))
    backend.roll_back(stack, {"UPDATE_ROLLBACK_FAILED"}, skipped)
    return {}


# Resources and templates ------------------------------------------------------------------


def describe_stack_resources(backend: Backend, given: Parameters) -> Answer:
    stack = _stack_of(backend, given)
    wanted = given.get("LogicalResourceId")
    found = [it for it in stack.resources.values() if wanted in (None, it.logical_id)]
    return {"StackResources": [views.resource(it, stack) for it in found]}


def list_stack_resources(backend: Backend, given: Parameters) -> Answer:
    stack = backend.find(given["StackName"])
    found = [views.resource(it, stack) for it in stack.resources.values()]
    return _page("StackResourceSummaries", found, given)


def get_template(backend: Backend, given: Parameters) -> Answer:
    if name := given.get("ChangeSetName"):
        body = backend.change_sets.find(name, given.get("StackName")).target.template.body
    else:
        body = backend.find(given["StackName"]).target.template.body
    return {"TemplateBody": body, "StagesAvailable": ["Original", "Processed"]}


def get_template_summary(backend: Backend, given: Parameters) -> Answer:
    stack = backend.find(given["StackName"]) if given.get("StackName") else None
    template = requests.template(backend, given | {"UsePreviousTemplate": stack is not None}, stack)
    return views.template_summary(template, requests.capabilities(template))


def _stack_of(backend: Backend, given: Parameters) -> Stack:
    """The stack of that name, or the one that has a resource of that physical id."""
    if given.get("StackName"):
        return backend.find(given["StackName"])
    wanted = given.get("PhysicalResourceId")
    for stack in backend.alive():
        if any(it.physical_id == wanted for it in stack.resources.values()):
            return stack
    raise Invalid(f"Stack for {wanted} does not exist")


# Change sets ------------------------------------------------------------------------------


def create_change_set(backend: Backend, given: Parameters) -> Answer:
    kind = given.get("ChangeSetType", "UPDATE")
    if kind not in ("CREATE", "UPDATE") or given.get("DeploymentMode"):
        raise Invalid(
            f"Change sets of type {given.get('DeploymentMode', kind)} are not supported by the "
            "local AWS"
        )
    stack = backend.find(given["StackName"], NO_STACK) if kind == "UPDATE" else None
    change_set = backend.change_sets.propose(
        given["StackName"],
        requests.target(backend, given, stack),
        kind=kind,
        name=given["ChangeSetName"],
        description=given.get("Description"),
    )
    return {"Id": change_set.id, "StackId": change_set.stack.id}


def describe_change_set(backend: Backend, given: Parameters) -> Answer:
    change_set = backend.change_sets.find(given["ChangeSetName"], given.get("StackName"))
    view = views.change_set(change_set, values=bool(given.get("IncludePropertyValues")))
    changes = _page("Changes", view["Changes"], given)
    return view | (changes or {})


def list_change_sets(backend: Backend, given: Parameters) -> Answer:
    stack = backend.find(given["StackName"], NO_STACK)
    found = [views.change_set(it) for it in backend.change_sets.of(stack)]
    return {"Summaries": found}


def delete_change_set(backend: Backend, given: Parameters) -> Answer:
    try:
        change_set = backend.change_sets.find(given["ChangeSetName"], given.get("StackName"))
    except Invalid:
        return {}  # as on AWS: deleting it again succeeds
    backend.change_sets.discard(change_set)
    return {}


def execute_change_set(backend: Backend, given: Parameters) -> Answer:
    backend.change_sets.execute(
        backend.change_sets.find(given["ChangeSetName"], given.get("StackName")),
        disable_rollback=requests.no_rollback(given),
        token=given.get("ClientRequestToken"),
    )
    return {}


def describe_events(backend: Backend, given: Parameters) -> Answer:
    """Of an operation or a change set; here no validation happens before a deployment."""
    if given.get("ChangeSetName"):
        return {"OperationEvents": []}
    stack = backend.find(given["StackName"], NO_STACK)
    failed = given.get("Filters", {}).get("FailedEvents")
    found = [
        views.event(it, stack) | {"EventType": "STACK_EVENT"}
        for it in reversed(stack.events)
        if it.operation_id == given.get("OperationId", it.operation_id)
        and (not failed or it.status.endswith("_FAILED"))
    ]
    return _page("OperationEvents", found, given)


def list_hook_results(_: Backend, __: Parameters) -> Answer:
    """There are no hooks."""
    return {"HookResults": []}


# Exports ----------------------------------------------------------------------------------


def list_exports(backend: Backend, given: Parameters) -> Answer:
    found = [
        {"ExportingStackId": stack.id, "Name": it.export, "Value": it.value}
        for stack, it in backend.exports()
    ]
    return _page("Exports", found, given)


def _page(key: str, items: list[Any], given: Parameters) -> dict[str, Any]:
    start = int(given.get("NextToken") or 0)
    end = start + PAGE
    return {key: items[start:end], "NextToken": str(end) if end < len(items) else None}


def _name(operation: Callable[..., Answer]) -> str:
    return "".join(part.title() for part in operation.__name__.split("_"))


OPERATIONS: dict[str, Callable[[Backend, Parameters], Answer]] = {
    _name(operation): operation
    for operation in (
        continue_update_rollback,
        create_change_set,
        create_stack,
        delete_change_set,
        delete_stack,
        describe_change_set,
        describe_events,
        describe_stack_events,
        describe_stack_resources,
        describe_stacks,
        execute_change_set,
        get_template,
        get_template_summary,
        list_change_sets,
        list_exports,
        list_hook_results,
        list_stack_resources,
        list_stacks,
        rollback_stack,
        update_stack,
        update_termination_protection,
    )
}
