"""REST APIs, their stages, keys and usage plans. They have no tags here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from local.cloudformation.aws import Aws
from local.cloudformation.errors import Failure
from local.cloudformation.provider import Properties, Provider, Setting, names
from local.cloudformation.providers.common import differ, drop, pick

Patch = dict[str, str]
METHOD_SETTINGS = {
    "DataTraceEnabled": "logging/dataTrace",
    "LoggingLevel": "logging/loglevel",
    "MetricsEnabled": "metrics/enabled",
    "ThrottlingBurstLimit": "throttling/burstLimit",
    "ThrottlingRateLimit": "throttling/rateLimit",
}
"""What of a stage's method settings is carried out, and the path of its patch."""


def _patch(path: str, value: Any) -> Patch:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return {"op": "replace", "path": path, "value": text}


class RestApi(Provider):
    type = "AWS::ApiGateway::RestApi"
    properties = names(
        "ApiKeySourceType Description DisableExecuteApiEndpoint EndpointAccessMode "
        "EndpointConfiguration MinimumCompressionSize Name Policy SecurityPolicy"
    )
    fixed = properties - names("Description Name")
    subject = {"RestApiId": "{id}"}
    deletion = "apigateway:DeleteRestApi"

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        given = drop(new, "ApiKeySourceType") | {"ApiKeySource": new.get("ApiKeySourceType")}
        return str(aws("apigateway:CreateRestApi", **{"Name": name} | given)["id"])

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        patches = [
            _patch(f"/{name.lower()}", new.get(name, ""))
            for name in ("Name", "Description")
            if differ(old, new, name)
        ]
        if patches:
            aws("apigateway:UpdateRestApi", RestApiId=physical_id, PatchOperations=patches)

    def attributes(self, aws: Aws, physical_id: str, new: Properties) -> dict[str, Any]:
        resources = aws("apigateway:GetResources", RestApiId=physical_id)["items"]
        (root,) = [it["id"] for it in resources if it["path"] == "/"]
        return {"RestApiId": physical_id, "RootResourceId": root}


class Resource(Provider):
    type = "AWS::ApiGateway::Resource"
    properties = names("ParentId PathPart RestApiId")
    shown = {"ResourceId": "{id}"}
    within = ("RestApiId",)
    subject = {"ResourceId": "{id}"}
    deletion = "apigateway:DeleteResource"

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        return str(aws("apigateway:CreateResource", **new)["id"])


class Method(Provider):
    """With its integration, and what both answer."""

    type = "AWS::ApiGateway::Method"
    properties = names(
        "ApiKeyRequired AuthorizationType HttpMethod Integration MethodResponses OperationName "
        "RequestModels RequestParameters RequestValidatorId ResourceId RestApiId"
    )
    within = ("RestApiId", "ResourceId", "HttpMethod")
    deletion = "apigateway:DeleteMethod"

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        subject = pick(new, self.within)
        given = drop(new, "Integration", "MethodResponses")
        aws("apigateway:PutMethod", **{"AuthorizationType": "NONE"} | given)
        for response in new.get("MethodResponses", ()):
            aws("apigateway:PutMethodResponse", **subject, **response)
        if integration := new.get("Integration"):
            self._integrate(aws, subject, integration)
        return name

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        self.delete(aws, physical_id, old)
        self.create(aws, physical_id, new)

    @staticmethod
    def _integrate(aws: Aws, subject: Properties, integration: Properties) -> None:
        given = drop(integration, "IntegrationHttpMethod", "IntegrationResponses")
        method = integration.get("IntegrationHttpMethod")
        aws("apigateway:PutIntegration", **subject, IntegrationHttpMethod=method, **given)
        for response in integration.get("IntegrationResponses", ()):
            aws("apigateway:PutIntegrationResponse", **subject, **response)


class Model(Provider):
    type = "AWS::ApiGateway::Model"
    properties = names("ContentType Description Name RestApiId Schema")
    named = "Name"
    within = ("RestApiId",)
    subject = {"ModelName": "{id}"}
    deletion = "apigateway:DeleteModel"

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        aws("apigateway:CreateModel", **{"ContentType": "application/json"} | new | {"Name": name})
        return name

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        self.delete(aws, physical_id, old)
        self.create(aws, physical_id, new)


class RequestValidator(Provider):
    type = "AWS::ApiGateway::RequestValidator"
    properties = names("Name RestApiId ValidateRequestBody ValidateRequestParameters")
    fixed = names("ValidateRequestBody ValidateRequestParameters")
    named = "Name"
    within = ("RestApiId",)
    subject = {"RequestValidatorId": "{id}"}
    deletion = "apigateway:DeleteRequestValidator"

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        return str(aws("apigateway:CreateRequestValidator", **new | {"Name": name})["id"])


class Deployment(Provider):
    """What stages serve; here they serve the API as it is."""

    type = "AWS::ApiGateway::Deployment"
    properties = names("Description RestApiId")
    fixed = names("Description")
    shown = {"DeploymentId": "{id}"}
    within = ("RestApiId",)
    subject = {"DeploymentId": "{id}"}
    deletion = "apigateway:DeleteDeployment"

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        return str(aws("apigateway:CreateDeployment", **new)["id"])


class Stage(Provider):
    type = "AWS::ApiGateway::Stage"
    properties = names(
        "AccessLogSetting DeploymentId Description MethodSettings RestApiId StageName "
        "TracingEnabled Variables"
    )
    fixed = names("TracingEnabled Variables")
    within = ("RestApiId",)
    subject = {"StageName": "{id}"}
    deletion = "apigateway:DeleteStage"

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        given = drop(new, "AccessLogSetting", "MethodSettings")
        aws("apigateway:CreateStage", **given)
        return str(new["StageName"])

    def configure(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        patches = list(_stage_patches(old, new))
        if patches:
            api = new["RestApiId"]
            aws(
                "apigateway:UpdateStage",
                RestApiId=api,
                StageName=physical_id,
                PatchOperations=patches,
            )


def _stage_patches(old: Properties, new: Properties) -> Iterator[Patch]:
    """What leads from one to the other; a stage that exists has a deployment and a description."""
    for name, path in (("DeploymentId", "/deploymentId"), ("Description", "/description")):
        if name in old and differ(old, new, name):
            yield _patch(path, new.get(name, ""))
    if differ(old, new, "AccessLogSetting"):
        for name, value in new.get("AccessLogSetting", {}).items():
            yield _patch(f"/accessLogSettings/{name[0].lower()}{name[1:]}", value)
    if differ(old, new, "MethodSettings"):
        for setting in new.get("MethodSettings", ()):
            if (setting.get("HttpMethod"), setting.get("ResourcePath")) != ("*", "/*"):
                raise Failure("Settings of single methods are not supported by the local AWS")
            for name, value in drop(setting, "HttpMethod", "ResourcePath").items():
                if name not in METHOD_SETTINGS:
                    raise Failure(f"The method setting {name} is not supported by the local AWS")
                yield _patch(f"/*/*/{METHOD_SETTINGS[name]}", value)


class ApiKey(Provider):
    type = "AWS::ApiGateway::ApiKey"
    properties = names("CustomerId Description Enabled GenerateDistinctId Name Value")
    fixed = names("CustomerId Description Enabled")
    named = "Name"
    subject = {"ApiKey": "{id}"}
    deletion = "apigateway:DeleteApiKey"
    shown = {"APIKeyId": "{id}"}

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        return str(aws("apigateway:CreateApiKey", **new | {"Name": name})["id"])


class UsagePlan(Provider):
    type = "AWS::ApiGateway::UsagePlan"
    properties = names("ApiStages Description Quota Throttle UsagePlanName")
    fixed = names("ApiStages")
    named = "UsagePlanName"
    subject = {"UsagePlanId": "{id}"}
    deletion = "apigateway:DeleteUsagePlan"
    settings = {
        "Description": Setting(
            "apigateway:UpdateUsagePlan",
            lambda value: {"PatchOperations": [_patch("/description", value or "")]},
        ),
        "Quota": Setting("apigateway:UpdateUsagePlan", lambda value: _limits("quota", value)),
        "Throttle": Setting("apigateway:UpdateUsagePlan", lambda value: _limits("throttle", value)),
    }
    shown = {"Id": "{id}"}

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        stages = [pick(it, ("ApiId", "Stage")) for it in new.get("ApiStages", ())]
        return str(aws("apigateway:CreateUsagePlan", Name=name, ApiStages=stages)["id"])


def _limits(what: str, value: Properties | None) -> Properties:
    if not value:
        return {"PatchOperations": [{"op": "remove", "path": f"/{what}"}]}
    return {
        "PatchOperations": [
            _patch(f"/{what}/{name[0].lower()}{name[1:]}", it) for name, it in value.items()
        ]
    }


class UsagePlanKey(Provider):
    type = "AWS::ApiGateway::UsagePlanKey"
    properties = names("KeyId KeyType UsagePlanId")
    within = ("KeyId", "UsagePlanId")
    deletion = "apigateway:DeleteUsagePlanKey"

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        return str(aws("apigateway:CreateUsagePlanKey", **new)["id"])


class Account(Provider):
    """The account's role for logs: one for all APIs; it stays as it is when the stack goes."""

    type = "AWS::ApiGateway::Account"
    properties = names("CloudWatchRoleArn")

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        self.configure(aws, name, {}, new)
        return name

    def configure(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        patch = _patch("/cloudwatchRoleArn", new.get("CloudWatchRoleArn", ""))
        aws("apigateway:UpdateAccount", PatchOperations=[patch])

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        """Nothing, as on AWS."""
