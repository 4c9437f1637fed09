"""The CloudFormation API: each operation is a function of the backend and its parameters.

Everything not in `OPERATIONS`, and every parameter in `UNSUPPORTED`, is refused by its name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

from moto.cloudformation.exceptions import CloudFormationError
from moto.cloudformation.models import cloudformation_backends
from moto.core.responses import ActionResult, BaseResponse

from local.cloudformation import views
from local.cloudformation.backend import Backend
from local.cloudformation.errors import Failure, Invalid
from local.cloudformation.stacks import Stack, Target
from local.cloudformation.template import Template, parse

Parameters = dict[str, Any]
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
NAMES_OF_IAM = {"RoleName", "ManagedPolicyName", "UserName", "GroupName", "InstanceProfileName"}


class Api(BaseResponse):
    """CloudFormation's endpoint within moto's server, which reads and writes its protocol."""

    def __init__(self) -> None:
        super().__init__(service_name="cloudformation")
        self.automated_parameter_parsing = True

    def call_action(self) -> tuple[int, dict[str, str], Any]:
        backend: Any = cloudformation_backends[self.current_account][self.region]
        try:
            result: object = answer(backend, self._get_action(), dict(self.params))
        except Invalid as error:
            result = CloudFormationError(error.code, error.message)
        status, headers, body = self.serialized(ActionResult(result))
        headers, body = self._enrich_response(headers, body)
        return status, headers, body


def answer(backend: Backend, operation: str, given: Parameters) -> Answer:
    """What an operation answers; raises `Invalid`."""
    if operation not in OPERATIONS:
        raise Invalid(f"{operation} is not supported by the local AWS", "UnsupportedOperation")
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
        _target(backend, given, None),
        protected=bool(given.get("EnableTerminationProtection")),
        disable_rollback=_no_rollback(given) or on_failure == "DO_NOTHING",
        token=given.get("ClientRequestToken"),
    )
    return {"StackId": stack.id}


def update_stack(backend: Backend, given: Parameters) -> Answer:
    stack = backend.find(given["StackName"], NO_STACK)
    backend.update(
        stack,
        _target(backend, given, stack),
        disable_rollback=_no_rollback(given),
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


def describe_stack_resource(backend: Backend, given: Parameters) -> Answer:
    stack, wanted = backend.find(given["StackName"], NO_STACK), given["LogicalResourceId"]
    if wanted not in stack.resources:
        raise Invalid(f"Resource {wanted} does not exist for stack {stack.name}")
    return {"StackResourceDetail": views.resource(stack.resources[wanted], stack)}


def list_stack_resources(backend: Backend, given: Parameters) -> Answer:
    stack = backend.find(given["StackName"])
    found = [views.resource(it, stack) for it in stack.resources.values()]
    return _page("StackResourceSummaries", found, given)


def get_template(backend: Backend, given: Parameters) -> Answer:
    if name := given.get("ChangeSetName"):
        body = backend.change_set(name, given.get("StackName")).target.template.body
    else:
        body = backend.find(given["StackName"]).target.template.body
    return {"TemplateBody": body, "StagesAvailable": ["Original", "Processed"]}


def get_template_summary(backend: Backend, given: Parameters) -> Answer:
    stack = backend.find(given["StackName"]) if given.get("StackName") else None
    template = _template(backend, given | {"UsePreviousTemplate": stack is not None}, stack)
    return views.template_summary(template, _capabilities(template))


def validate_template(backend: Backend, given: Parameters) -> Answer:
    template = _template(backend, given, None)
    summary = views.template_summary(template, _capabilities(template))
    return {name: summary[name] for name in ("Description", "Capabilities", "Parameters")}


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
    change_set = backend.propose(
        given["StackName"],
        _target(backend, given, stack),
        kind=kind,
        name=given["ChangeSetName"],
        description=given.get("Description"),
    )
    return {"Id": change_set.id, "StackId": change_set.stack.id}


def describe_change_set(backend: Backend, given: Parameters) -> Answer:
    change_set = backend.change_set(given["ChangeSetName"], given.get("StackName"))
    view = views.change_set(change_set, values=bool(given.get("IncludePropertyValues")))
    changes = _page("Changes", view["Changes"], given)
    return view | (changes or {})


def list_change_sets(backend: Backend, given: Parameters) -> Answer:
    stack = backend.find(given["StackName"], NO_STACK)
    found = [views.change_set(it) for it in backend.change_sets.values() if it.stack is stack]
    return {"Summaries": found}


def delete_change_set(backend: Backend, given: Parameters) -> Answer:
    try:
        change_set = backend.change_set(given["ChangeSetName"], given.get("StackName"))
    except Invalid:
        return {}  # as on AWS: deleting it again succeeds
    del backend.change_sets[change_set.id]
    return {}


def execute_change_set(backend: Backend, given: Parameters) -> Answer:
    backend.execute(
        backend.change_set(given["ChangeSetName"], given.get("StackName")),
        disable_rollback=_no_rollback(given),
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


def list_imports(backend: Backend, given: Parameters) -> Answer:
    name = given["ExportName"]
    found = backend.importers(name)
    if not found:
        raise Invalid(f"Export '{name}' is not imported by any stack.")
    return _page("Imports", found, given)


# What requests have in common -------------------------------------------------------------


def _target(backend: Backend, given: Parameters, stack: Stack | None) -> Target:
    """What the request wants a stack to be; `stack` is the one that is there already."""
    template = _template(backend, given, stack)
    before = stack.target if stack else Target()
    capabilities = tuple(given.get("Capabilities", ()))
    _check_capabilities(template, capabilities)
    tags = {it["Key"]: it["Value"] for it in given.get("Tags", ())}
    return Target(
        template=template,
        given=_given(given, before),
        tags=tags if "Tags" in given or not stack else before.tags,
        role=given.get("RoleARN") or before.role,
        notifications=tuple(given.get("NotificationARNs") or before.notifications),
        capabilities=capabilities,
        imports=bool(given.get("ImportExistingResources")),
    )


def _given(given: Parameters, before: Target) -> dict[str, str]:
    values = {}
    for it in given.get("Parameters", ()):
        name = it["ParameterKey"]
        if not it.get("UsePreviousValue"):
            values[name] = it.get("ParameterValue", "")
        elif name in before.given:
            values[name] = before.given[name]
        elif name not in before.template.parameters:
            raise Invalid(
                f"Invalid input for parameter key {name}. Cannot use previous value "
                "as there is none"
            )
    return values


def _template(backend: Backend, given: Parameters, stack: Stack | None) -> Template:
    if given.get("UsePreviousTemplate") and stack:
        return stack.target.template
    if given.get("TemplateBody"):
        return parse(given["TemplateBody"])
    if given.get("TemplateURL"):
        return parse(_download(backend, given["TemplateURL"]))
    raise Invalid("Either Template URL or Template Body must be specified.")


def _download(backend: Backend, url: str) -> str:
    """A template that was uploaded to S3; the address has the bucket as host or in the path."""
    parts = urlsplit(url)
    host, path = parts.hostname or "", unquote(parts.path.lstrip("/"))
    bucket, dot, _ = host.partition(".s3")
    if host.startswith("s3") or not dot:
        bucket, _, path = path.partition("/")
    try:
        body: bytes = backend.aws("s3:GetObject", Bucket=bucket, Key=path)["Body"].read()
    except Failure as failure:
        raise Invalid(f"S3 error: {failure.message}") from failure
    return body.decode()


def _capabilities(template: Template) -> list[str]:
    """What a request must acknowledge: that it makes IAM resources, and whether it names them."""
    iam = [it for it in template.resources.values() if it.type.startswith("AWS::IAM::")]
    if any(NAMES_OF_IAM & it.properties.keys() for it in iam):
        return ["CAPABILITY_NAMED_IAM"]
    return ["CAPABILITY_IAM"] if iam else []


def _check_capabilities(template: Template, given: tuple[str, ...]) -> None:
    implied = {"CAPABILITY_IAM": {"CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"}}
    for wanted in _capabilities(template):
        if not implied.get(wanted, {wanted}) & set(given):
            raise Invalid(
                f"Requires capabilities : [{wanted}]", "InsufficientCapabilitiesException"
            )


def _no_rollback(given: Parameters) -> bool:
    config = given.get("DeploymentConfig", {})
    return bool(given.get("DisableRollback") or config.get("DisableRollback"))


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
        describe_stack_resource,
        describe_stack_resources,
        describe_stacks,
        execute_change_set,
        get_template,
        get_template_summary,
        list_change_sets,
        list_exports,
        list_hook_results,
        list_imports,
        list_stack_resources,
        list_stacks,
        rollback_stack,
        update_stack,
        update_termination_protection,
        validate_template,
    )
}
