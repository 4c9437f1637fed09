"""Ingestion over HTTP: API Gateway straight into the stream, without a function between them.

    POST /events     one event: put with PutRecord
    POST /batches    an array of up to 500: put with PutRecords

    200   it is on the stream: its shard and sequence number, or those of each, in their order
    207   a part of a batch is not: `failed` of them, each with its `error`; send these again
    400   not JSON, or not the contract: nothing is put
    403   no API key, or a wrong one
    415   another media type than application/json
    429   more than the key's rate or quota, or than the stream takes: later
    503   nothing is put: again

A body is validated as a whole before anything of it is put. An event goes onto the stream as the
very bytes that came; those of a batch as JSON of the same value.

There is no web application firewall: it looks for what attacks pages and databases (5 USD a month
and 0.60 per million requests), while nothing here is ever parsed but as JSON against the contract,
and floods end at the key's rate.
"""

from collections.abc import Sequence
from typing import Any

import aws_cdk as cdk
import msgspec
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from constructs import Construct

from events.contract import Event
from infra.draft4 import array_model, model
from infra.environments import Environment
from infra.findings import accept
from infra.http_settings import Http
from infra.ingestion import Ingestion
from infra.logs import LogGroup
from infra.storage import Key

STAGE = "v1"
MOST = 500
"""Records of one PutRecords call."""
JSON = "application/json"
# Without payloads, and without the caller's key: its id is enough.
LINE = {
    name: f"$context.{variable}"
    for name, variable in (
        ("request_id", "requestId"),
        ("time", "requestTime"),
        ("api_key_id", "identity.apiKeyId"),
        ("source_ip", "identity.sourceIp"),
        ("method", "httpMethod"),
        ("path", "path"),
        ("status", "status"),
        ("integration_status", "integration.status"),
        ("latency_ms", "responseLatency"),
        ("response_bytes", "responseLength"),
    )
}
TOO_MUCH = ("Throughput", "Throttling", "LimitExceeded")
"""What is in the names of errors that a later call mends."""
WRONG = ("Validation", "InvalidArgument", "Serialization")


class HttpIngestion(Construct):
    """The API of one event type, a key that may call it, and the role that puts."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        environment: Environment,
        event_type: str,
        kind: type[Event],
        settings: Http,
        ingestion: Ingestion,
        key: Key,
    ) -> None:
        super().__init__(scope, name)
        self._stream = ingestion.stream.stream_name
        self._methods: list[apigateway.Method] = []
        self._role = iam.Role(
            self, "Role", assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com")
        )
        iam.Grant.add_to_principal(
            grantee=self._role,
            actions=["kinesis:PutRecord"],
            resource_arns=[ingestion.stream.stream_arn],
        )
        ingestion.grant_write(self._role)
        self.api = self._api(environment, event_type, settings, key)
        self._validator = self.api.add_request_validator(
            "Whole", validate_request_body=True, validate_request_parameters=True
        )
        self._post("events", "PutRecord", model(kind), one(self._stream, kind), ONE_ANSWER)
        self._post(
            "batches",
            "PutRecords",
            array_model(kind, MOST),
            many(self._stream, kind),
            MANY_ANSWER,
        )
        self.key = self._plan(settings)
        self._accept()

    @property
    def url(self) -> str:
        """Where it is called, without a slash at its end."""
        stack = cdk.Stack.of(self)
        host = f"{self.api.rest_api_id}.execute-api.{stack.region}.{stack.url_suffix}"
        return f"https://{host}/{STAGE}"

    def _api(
        self, environment: Environment, event_type: str, settings: Http, key: Key
    ) -> apigateway.RestApi:
        log_group = LogGroup(self, "AccessLog", environment=environment, key=key)
        api = apigateway.RestApi(
            self,
            "Api",
            description=f"Headrace {environment.name}: {event_type} events over HTTP",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            cloud_watch_role=True,
            cloud_watch_role_removal_policy=cdk.RemovalPolicy.RETAIN,
            deploy_options=apigateway.StageOptions(
                stage_name=STAGE,
                access_log_destination=apigateway.LogGroupLogDestination(log_group),
                access_log_format=apigateway.AccessLogFormat.custom(
                    "{" + ",".join(f'"{name}":"{value}"' for name, value in LINE.items()) + "}"
                ),
                logging_level=apigateway.MethodLoggingLevel.ERROR,
                data_trace_enabled=False,
                metrics_enabled=True,
                throttling_rate_limit=settings.rate,
                throttling_burst_limit=settings.burst,
            ),
        )
        resource = api.node.default_child
        assert isinstance(resource, apigateway.CfnRestApi)  # noqa: S101  CDK's own
        resource.add_property_override("SecurityPolicy", "SecurityPolicy_TLS13_1_2_2021_06")
        resource.add_property_override("EndpointAccessMode", "STRICT")
        api.node.try_remove_child("Endpoint")
        return api

    def _post(
        self, path: str, action: str, schema: dict[str, Any], template: str, answer: str
    ) -> None:
        name = path.capitalize()
        body = apigateway.CfnModel(
            self,
            f"{name}Model",
            rest_api_id=self.api.rest_api_id,
            name=name,
            content_type=JSON,
            schema={"$schema": "http://json-schema.org/draft-04/schema#", **schema},
        )
        integration = apigateway.AwsIntegration(
            service="kinesis",
            action=action,
            options=apigateway.IntegrationOptions(
                credentials_role=self._role,
                passthrough_behavior=apigateway.PassthroughBehavior.NEVER,
                request_parameters={
                    "integration.request.header.Content-Type": "'application/x-amz-json-1.1'"
                },
                request_templates={JSON: template},
                integration_responses=[
                    apigateway.IntegrationResponse(
                        status_code="200", response_templates={JSON: answer}
                    ),
                    apigateway.IntegrationResponse(
                        status_code="400",
                        selection_pattern=r"4\d{2}",
                        response_templates={JSON: REFUSED},
                    ),
                    apigateway.IntegrationResponse(
                        status_code="503",
                        selection_pattern=r"5\d{2}",
                        response_templates={JSON: '{"message": "Nothing was put: try again"}'},
                    ),
                ],
            ),
        )
        method = self.api.root.add_resource(path).add_method(
            "POST",
            integration,
            api_key_required=True,
            request_models={JSON: apigateway.Model.from_model_name(self, f"{name}Name", body.ref)},
            request_validator=self._validator,
            method_responses=[
                apigateway.MethodResponse(status_code=status)
                for status in ("200", "207", "400", "429", "500", "503")
            ],
        )
        self._methods.append(method)
        deployment = self.api.latest_deployment
        assert deployment is not None  # noqa: S101  the API deploys
        deployment.add_to_logical_id(schema)

    def _plan(self, settings: Http) -> apigateway.IApiKey:
        key = apigateway.ApiKey(self, "CallerKey")
        plan = self.api.add_usage_plan(
            "Plan",
            throttle=apigateway.ThrottleSettings(
                rate_limit=settings.rate, burst_limit=settings.burst
            ),
            quota=None
            if settings.daily_calls is None
            else apigateway.QuotaSettings(limit=settings.daily_calls, period=apigateway.Period.DAY),
            api_stages=[
                apigateway.UsagePlanPerApiStage(api=self.api, stage=self.api.deployment_stage)
            ],
        )
        plan.add_api_key(key)
        return key

    def _accept(self) -> None:
        accept(
            self.api.deployment_stage,
            "AwsSolutions-APIG3",
            reason="A body is parsed only as JSON against the contract, and floods end at the key's"
            " rate: a firewall's rules would find nothing to look at",
        )
        for method in self._methods:
            accept(
                method,
                "AwsSolutions-APIG4",
                "AwsSolutions-COG4",
                reason="Callers are devices and programs, not users: a key lets one add events that"
                " fit the contract, at its rate, and read nothing",
            )
        accept(
            self.api,
            "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/"
            "AmazonAPIGatewayPushToCloudWatchLogs]",
            reason="The account's one role for API Gateway's logs, with the policy that AWS keeps"
            " for it",
        )


def one(stream: str, kind: type[Event]) -> str:
    """The request of PutRecord: the body as it came."""
    return (
        "#set($event = $input.path('$'))\n"
        f'{{"StreamName": "{stream}",'
        ' "Data": "$util.base64Encode($input.body)",'
        f' "PartitionKey": "{_key(kind)}"}}'
    )


def many(stream: str, kind: type[Event]) -> str:
    """The request of PutRecords: each element of the body."""
    return (
        f'{{"StreamName": "{stream}", "Records": ['
        "#foreach($event in $input.path('$'))"
        '{"Data": "$util.base64Encode($input.json("$[$foreach.index]"))",'
        f' "PartitionKey": "{_key(kind)}"}}'
        "#if($foreach.hasNext),#end#end]}"
    )


def _key(kind: type[Event]) -> str:
    """The first of the contract's fields that is not null; every one is a text. The contract has
    Python's names of them, the body those of JSON.

    `escapeJavaScript` also escapes the single quote, which JSON does not allow.
    """
    encoded = {field.name: field.encode_name for field in msgspec.structs.fields(kind)}
    *others, last = (encoded[name] for name in kind.contract.partition_key)
    written = {
        name: f"$util.escapeJavaScript($event.{name})" + r""".replaceAll("\\'", "'")"""
        for name in (*others, last)
    }
    whole = written[last]
    for name in reversed(others):
        whole = f'#if("$!event.{name}" != ""){written[name]}#else{whole}#end'
    return whole


def _any(names: Sequence[str]) -> str:
    return " || ".join(f'$type.contains("{name}")' for name in names)


ONE_ANSWER = """\
{"shard_id": "$input.path('$.ShardId')", "sequence_number": "$input.path('$.SequenceNumber')"}"""
MANY_ANSWER = (
    "#set($failed = $input.path('$.FailedRecordCount'))\n"
    "#set($records = $input.path('$.Records'))\n"
    "#if($failed == $records.size())\n"
    "#set($context.responseOverride.status = 503)\n"
    "#elseif($failed > 0)\n"
    "#set($context.responseOverride.status = 207)\n"
    "#end\n"
    '{"failed": $failed, "records": [#foreach($record in $records)'
    '#if("$!record.ErrorCode" == "")'
    '{"shard_id": "$record.ShardId", "sequence_number": "$record.SequenceNumber"}'
    '#else{"error": "$record.ErrorCode"}#end'
    "#if($foreach.hasNext), #end#end]}"
)
REFUSED = (
    "#set($type = $input.path('$.__type'))\n"
    f"#if({_any(TOO_MUCH)})\n"
    "#set($context.responseOverride.status = 429)\n"
    '{"message": "The stream takes no more now: try again later"}\n'
    f"#elseif({_any(WRONG)})\n"
    '{"message": "Kinesis takes no such record: an event has at most 1 MiB, a batch 500 events"}\n'
    "#else\n"
    "#set($context.responseOverride.status = 500)\n"
    '{"message": "The stream cannot be written"}\n'
    "#end"
)
