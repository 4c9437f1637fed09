"""Functions, layers, versions, aliases, permissions and event source mappings."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from local.cloudformation.aws import Aws
from local.cloudformation.errors import Failure
from local.cloudformation.provider import Properties, Provider, names
from local.cloudformation.providers.common import (
    differ,
    drop,
    pick,
    tag_changes,
    tag_map,
    wait,
)

CONFIGURATION: Properties = {
    "DeadLetterConfig": {"TargetArn": ""},
    "Description": "",
    "Environment": {"Variables": {}},
    "EphemeralStorage": {"Size": 512},
    "Handler": None,
    "KmsKeyArn": "",
    "Layers": [],
    "LoggingConfig": None,
    "MemorySize": 128,
    "Role": None,
    "Runtime": None,
    "Timeout": 3,
    "TracingConfig": {"Mode": "PassThrough"},
}
"""What UpdateFunctionConfiguration sets, and what a property that is gone goes back to."""
INLINE = {"python": "index.py", "nodejs": "index.js"}


class Function(Provider):
    type = "AWS::Lambda::Function"
    properties = frozenset(CONFIGURATION) | names(
        "Architectures Code FunctionName PackageType ReservedConcurrentExecutions Tags"
    )
    named = "FunctionName"

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        given = drop(new, "Code", "ReservedConcurrentExecutions", "Tags", "FunctionName")
        aws(
            "lambda:CreateFunction",
            FunctionName=name,
            Code=_code(new),
            Tags=tag_map(new.get("Tags")),
            **given,
        )
        return name

    def finish(self, aws: Aws, physical_id: str, new: Properties) -> None:
        if "ReservedConcurrentExecutions" in new:
            self._reserve(aws, physical_id, new)
        _settle(aws, physical_id)

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        if differ(old, new, "Code", "Architectures"):
            architectures = new.get("Architectures", ["x86_64"])
            aws(
                "lambda:UpdateFunctionCode",
                FunctionName=physical_id,
                Architectures=architectures,
                **_code(new),
            )
            _settle(aws, physical_id)
        if differ(old, new, *CONFIGURATION):
            changed = {
                name: new.get(name, CONFIGURATION[name])
                for name in CONFIGURATION
                if differ(old, new, name)
            }
            if "LoggingConfig" in changed and not changed["LoggingConfig"]:
                group = f"/aws/lambda/{physical_id}"
                changed["LoggingConfig"] = {"LogFormat": "Text", "LogGroup": group}
            aws("lambda:UpdateFunctionConfiguration", FunctionName=physical_id, **changed)
            _settle(aws, physical_id)
        if differ(old, new, "ReservedConcurrentExecutions"):
            self._reserve(aws, physical_id, new)
        retag(aws, self.attributes(aws, physical_id, new)["Arn"], old, new)

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        aws("lambda:DeleteFunction", FunctionName=physical_id)

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:
        return {"Arn": aws.arn("lambda", f"function:{physical_id}")}

    def _reserve(self, aws: Aws, name: str, new: Properties) -> None:
        if "ReservedConcurrentExecutions" in new:
            reserved = new["ReservedConcurrentExecutions"]
            aws(
                "lambda:PutFunctionConcurrency",
                FunctionName=name,
                ReservedConcurrentExecutions=reserved,
            )
        else:
            aws("lambda:DeleteFunctionConcurrency", FunctionName=name)


def _code(new: Properties) -> Properties:
    """The function's code as the API takes it; inline text becomes a zip archive."""
    code = dict(new["Code"])
    if "ZipFile" not in code:
        return code
    runtime = new.get("Runtime", "")
    files = [name for prefix, name in INLINE.items() if runtime.startswith(prefix)]
    if not files:
        raise Failure(f"ZipFile can not be used with the runtime {runtime}")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as content:
        entry = zipfile.ZipInfo(files[0], (1980, 1, 1, 0, 0, 0))
        entry.external_attr = 0o644 << 16
        content.writestr(entry, code["ZipFile"])
    return {"ZipFile": archive.getvalue()}


def _settle(aws: Aws, name: str) -> None:
    """Wait until the function can be used; what went wrong is a failure."""

    def ready(found: dict[str, Any]) -> bool:
        if "Failed" in (found.get("State"), found.get("LastUpdateStatus")):
            raise Failure(found.get("StateReason") or f"Function {name} failed", "NotStabilized")
        return found.get("State") != "Pending" and found.get("LastUpdateStatus") != "InProgress"

    wait(lambda: aws("lambda:GetFunctionConfiguration", FunctionName=name), ready, name)


def retag(aws: Aws, arn: str, old: Properties, new: Properties) -> None:
    changed, gone = tag_changes(old, new)
    if changed:
        aws("lambda:TagResource", Resource=arn, Tags=changed)
    if gone:
        aws("lambda:UntagResource", Resource=arn, TagKeys=gone)


class LayerVersion(Provider):
    """Every change publishes another version, also under the same LayerName."""

    type = "AWS::Lambda::LayerVersion"
    properties = names(
        "CompatibleArchitectures CompatibleRuntimes Content Description LayerName LicenseInfo"
    )

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        answer = aws("lambda:PublishLayerVersion", **{"LayerName": name} | new)
        return str(answer["LayerVersionArn"])

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        *_, name, version = physical_id.split(":")
        aws("lambda:DeleteLayerVersion", LayerName=name, VersionNumber=int(version))

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:
        return {"LayerVersionArn": physical_id}


class Permission(Provider):
    type = "AWS::Lambda::Permission"
    properties = names(
        "Action EventSourceToken FunctionName FunctionUrlAuthType Principal PrincipalOrgID "
        "SourceAccount SourceArn"
    )
    longest = 100

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        aws("lambda:AddPermission", StatementId=name, **new)
        return name

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        function = old["FunctionName"]
        aws("lambda:RemovePermission", FunctionName=function, StatementId=physical_id)

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:
        return {"Id": physical_id}


class Version(Provider):
    type = "AWS::Lambda::Version"
    properties = names("CodeSha256 Description FunctionName")

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        return str(aws("lambda:PublishVersion", **new)["FunctionArn"])

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        function, _, version = physical_id.rpartition(":")
        aws("lambda:DeleteFunction", FunctionName=function, Qualifier=version)

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:
        return {"FunctionArn": physical_id, "Version": physical_id.rpartition(":")[2]}


class Alias(Provider):
    type = "AWS::Lambda::Alias"
    properties = names("Description FunctionName FunctionVersion Name")

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        return str(aws("lambda:CreateAlias", **new)["AliasArn"])

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        aws("lambda:UpdateAlias", **{"Description": ""} | new)

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        aws("lambda:DeleteAlias", FunctionName=old["FunctionName"], Name=old["Name"])

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:
        return {"AliasArn": physical_id}


class EventInvokeConfig(Provider):
    type = "AWS::Lambda::EventInvokeConfig"
    properties = names(
        "DestinationConfig FunctionName MaximumEventAgeInSeconds MaximumRetryAttempts Qualifier"
    )

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        aws("lambda:PutFunctionEventInvokeConfig", **new)
        return name

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        aws("lambda:PutFunctionEventInvokeConfig", **new)

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        subject = pick(old, ["FunctionName", "Qualifier"])
        aws("lambda:DeleteFunctionEventInvokeConfig", **subject)
