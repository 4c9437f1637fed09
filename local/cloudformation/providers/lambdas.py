"""Functions, layers and permissions."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from local.cloudformation.aws import Aws
from local.cloudformation.errors import Failure
from local.cloudformation.provider import Properties, Provider, Setting, Tagging, names
from local.cloudformation.providers.common import differ, drop, wait

ARN = "arn:aws:lambda:{region}:{account}:function:{id}"
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
    "VpcConfig": {"SecurityGroupIds": [], "SubnetIds": []},
}
"""What UpdateFunctionConfiguration sets, and what a property that is gone goes back to."""
INLINE = {"python": "index.py", "nodejs": "index.js"}


class Function(Provider):
    type = "AWS::Lambda::Function"
    properties = frozenset(CONFIGURATION) | names(
        "Architectures Code FunctionName PackageType ReservedConcurrentExecutions Tags"
    )
    named = "FunctionName"
    subject = {"FunctionName": "{id}"}
    deletion = "lambda:DeleteFunction"
    settings = {
        "ReservedConcurrentExecutions": Setting(
            "lambda:PutFunctionConcurrency",
            lambda value: {"ReservedConcurrentExecutions": value},
            "lambda:DeleteFunctionConcurrency",
        ),
        "Tags": Tagging("lambda", {"Resource": ARN}),
    }
    shown = {"Arn": ARN}

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        given = drop(new, "Code", "FunctionName", *self.settings)
        aws("lambda:CreateFunction", FunctionName=name, Code=_code(new), **given)
        return name

    def finish(self, aws: Aws, physical_id: str, new: Properties) -> None:
        super().finish(aws, physical_id, new)
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
        changed = {
            name: new.get(name, CONFIGURATION[name])
            for name in CONFIGURATION
            if differ(old, new, name)
        }
        if changed:
            if not changed.get("LoggingConfig", True):
                group = f"/aws/lambda/{physical_id}"
                changed["LoggingConfig"] = {"LogFormat": "Text", "LogGroup": group}
            aws("lambda:UpdateFunctionConfiguration", FunctionName=physical_id, **changed)
            _settle(aws, physical_id)
        super().update(aws, physical_id, old, new)


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


class LayerVersion(Provider):
    """Every change publishes another version, also under the same LayerName."""

    type = "AWS::Lambda::LayerVersion"
    properties = names(
        "CompatibleArchitectures CompatibleRuntimes Content Description LayerName LicenseInfo"
    )
    shown = {"LayerVersionArn": "{id}"}

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        answer = aws("lambda:PublishLayerVersion", **{"LayerName": name} | new)
        return str(answer["LayerVersionArn"])

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        *_, name, version = physical_id.split(":")
        aws("lambda:DeleteLayerVersion", LayerName=name, VersionNumber=int(version))


class Permission(Provider):
    type = "AWS::Lambda::Permission"
    properties = names("Action FunctionName Principal SourceAccount SourceArn")
    longest = 100
    subject = {"StatementId": "{id}"}
    creation = "lambda:AddPermission"
    shown = {"Id": "{id}"}

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        function = old["FunctionName"]
        aws("lambda:RemovePermission", FunctionName=function, StatementId=physical_id)
