"""Cases of REST APIs; `cases` has the rest."""

from __future__ import annotations

import json
from typing import Any

from tests.local.cloudformation.cases import Case, Ids, ref, resource
from tests.local.cloudformation.conftest import Cloud

API = resource("AWS::ApiGateway::RestApi", Name="cases")
RESOURCE = resource(
    "AWS::ApiGateway::Resource",
    RestApiId=ref("Api"),
    ParentId={"Fn::GetAtt": ["Api", "RootResourceId"]},
    PathPart="things",
)
INTEGRATION = {
    "Type": "AWS",
    "IntegrationHttpMethod": "POST",
    "Uri": "arn:aws:apigateway:us-east-1:kinesis:action/PutRecord",
    "Credentials": "arn:aws:iam::123456789012:role/r",
    "PassthroughBehavior": "NEVER",
    "RequestTemplates": {"application/json": "{}"},
    "IntegrationResponses": [{"StatusCode": "200"}],
}
METHOD_PROPERTIES = {
    "RestApiId": ref("Api"),
    "ResourceId": ref("Resource"),
    "HttpMethod": "POST",
    "AuthorizationType": "NONE",
    "Integration": INTEGRATION,
    "MethodResponses": [{"StatusCode": "200"}],
}
METHOD = {"Type": "AWS::ApiGateway::Method", "Properties": METHOD_PROPERTIES}
PARTS = {"Api": API, "Resource": RESOURCE, "Method": METHOD}
DEPLOYMENT = resource(
    "AWS::ApiGateway::Deployment", RestApiId=ref("Api"), Description=ref("Method")
)
STAGE = resource(
    "AWS::ApiGateway::Stage",
    RestApiId=ref("Api"),
    DeploymentId=ref("Deployment"),
    StageName="v1",
)
DEPLOYED = PARTS | {"Deployment": DEPLOYMENT}
PLAN = resource("AWS::ApiGateway::UsagePlan", UsagePlanName="cases")
KEY = resource("AWS::ApiGateway::ApiKey", Enabled=True)
SCHEMA = {"type": "object"}


def _stage(cloud: Cloud, ids: Ids) -> dict[str, Any]:
    found: dict[str, Any] = cloud.client("apigateway").get_stage(
        restApiId=ids["Api"], stageName=ids["It"]
    )
    return found


def _method(cloud: Cloud, ids: Ids) -> tuple[Any, ...]:
    found = cloud.client("apigateway").get_method(
        restApiId=ids["Api"], resourceId=ids["Resource"], httpMethod="POST"
    )
    integration = found["methodIntegration"]
    return (
        found["apiKeyRequired"],
        sorted(found["methodResponses"]),
        integration["passthroughBehavior"],
        integration["requestTemplates"],
        sorted(integration["integrationResponses"]),
    )


def _setting(cloud: Cloud, ids: Ids) -> tuple[Any, ...]:
    found = _stage(cloud, ids)
    settings = found["methodSettings"]["*/*"]
    return (
        settings["throttlingRateLimit"],
        settings["throttlingBurstLimit"],
        settings["loggingLevel"],
        found.get("accessLogSettings", {}).get("format"),
    )


def stage(rate: int, form: str) -> dict[str, Any]:
    return {
        "RestApiId": ref("Api"),
        "DeploymentId": ref("Deployment"),
        "StageName": "v1",
        "AccessLogSetting": {
            "DestinationArn": "arn:aws:logs:us-east-1:123456789012:log-group:cases",
            "Format": form,
        },
        "MethodSettings": [
            {
                "HttpMethod": "*",
                "ResourcePath": "/*",
                "LoggingLevel": "ERROR",
                "ThrottlingRateLimit": rate,
                "ThrottlingBurstLimit": 5,
            }
        ],
    }


GATEWAY_CASES = [
    Case(
        type="AWS::ApiGateway::RestApi",
        before={"Name": "one", "Description": "before"},
        after={"Name": "one", "Description": "after"},
        look=lambda cloud, ids: cloud.client("apigateway").get_rest_api(restApiId=ids["It"])[
            "description"
        ],
        shown="before",
        changed="after",
        attributes=("RestApiId", "RootResourceId"),
    ),
    Case(
        type="AWS::ApiGateway::Resource",
        before=RESOURCE["Properties"],
        beside={"Api": API},
        look=lambda cloud, ids: cloud.client("apigateway").get_resource(
            restApiId=ids["Api"], resourceId=ids["It"]
        )["path"],
        shown="/things",
        attributes=("ResourceId",),
    ),
    Case(
        type="AWS::ApiGateway::Method",
        before=METHOD_PROPERTIES,
        after=METHOD_PROPERTIES
        | {
            "ApiKeyRequired": True,
            "MethodResponses": [{"StatusCode": "200"}, {"StatusCode": "400"}],
            "Integration": INTEGRATION
            | {
                "RequestTemplates": {"application/json": "{1}"},
                "IntegrationResponses": [
                    {"StatusCode": "200"},
                    {"StatusCode": "400", "SelectionPattern": "4.*"},
                ],
            },
        },
        beside={"Api": API, "Resource": RESOURCE},
        look=_method,
        shown=(False, ["200"], "NEVER", {"application/json": "{}"}, ["200"]),
        changed=(True, ["200", "400"], "NEVER", {"application/json": "{1}"}, ["200", "400"]),
    ),
    Case(
        type="AWS::ApiGateway::Model",
        before={"RestApiId": ref("Api"), "Name": "Thing", "Schema": SCHEMA},
        after={"RestApiId": ref("Api"), "Name": "Thing", "Schema": SCHEMA | {"required": ["a"]}},
        beside={"Api": API},
        look=lambda cloud, ids: json.loads(
            cloud.client("apigateway").get_model(restApiId=ids["Api"], modelName=ids["It"])[
                "schema"
            ]
        ),
        shown=SCHEMA,
        changed=SCHEMA | {"required": ["a"]},
    ),
    Case(
        type="AWS::ApiGateway::RequestValidator",
        before={"RestApiId": ref("Api"), "Name": "whole", "ValidateRequestBody": True},
        beside={"Api": API},
        look=lambda cloud, ids: cloud.client("apigateway").get_request_validator(
            restApiId=ids["Api"], requestValidatorId=ids["It"]
        )["validateRequestBody"],
        shown=True,
    ),
    Case(
        type="AWS::ApiGateway::Deployment",
        before=DEPLOYMENT["Properties"],
        beside=PARTS,
        look=lambda cloud, ids: cloud.client("apigateway").get_deployment(
            restApiId=ids["Api"], deploymentId=ids["It"]
        )["description"][:2],
        shown="cf",
        attributes=("DeploymentId",),
    ),
    Case(
        type="AWS::ApiGateway::Stage",
        before=stage(3, "$context.requestId"),
        after=stage(4, "$context.status"),
        beside=DEPLOYED,
        look=_setting,
        shown=(3.0, 5, "ERROR", "$context.requestId"),
        changed=(4.0, 5, "ERROR", "$context.status"),
    ),
    Case(
        type="AWS::ApiGateway::ApiKey",
        before={"Enabled": True, "Value": "a value that is long enough"},
        look=lambda cloud, ids: cloud.client("apigateway").get_api_key(
            apiKey=ids["It"], includeValue=True
        )["value"],
        shown="a value that is long enough",
        attributes=("APIKeyId",),
    ),
    Case(
        type="AWS::ApiGateway::UsagePlan",
        before={
            "ApiStages": [{"ApiId": ref("Api"), "Stage": ref("Stage")}],
            "Throttle": {"RateLimit": 2, "BurstLimit": 3},
        },
        after={
            "ApiStages": [{"ApiId": ref("Api"), "Stage": ref("Stage")}],
            "Throttle": {"RateLimit": 4, "BurstLimit": 3},
            "Quota": {"Limit": 5, "Period": "DAY"},
        },
        beside=DEPLOYED | {"Stage": STAGE},
        look=lambda cloud, ids: {
            name: value
            for name, value in cloud.client("apigateway")
            .get_usage_plan(usagePlanId=ids["It"])
            .items()
            if name in ("throttle", "quota") and value
        },
        shown={"throttle": {"rateLimit": 2.0, "burstLimit": 3}},
        changed={
            "throttle": {"rateLimit": 4.0, "burstLimit": 3},
            "quota": {"limit": 5, "period": "DAY"},
        },
        attributes=("Id",),
    ),
    Case(
        type="AWS::ApiGateway::UsagePlanKey",
        before={"KeyId": ref("Key"), "KeyType": "API_KEY", "UsagePlanId": ref("Plan")},
        beside={"Key": KEY, "Plan": PLAN},
        look=lambda cloud, ids: cloud.client("apigateway").get_usage_plan_key(
            usagePlanId=ids["Plan"], keyId=ids["Key"]
        )["type"],
        shown="API_KEY",
    ),
]
