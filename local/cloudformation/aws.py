"""The APIs of the local AWS, called as any client calls them: aws("kinesis:CreateStream", …).

Parameters are fitted to the operation's own model (botocore's): names by their letters
whatever the case (CloudFormation writes `FilterName` where the API has `filterName`), scalars
to the type that is asked for, documents to JSON text. A name that the operation does not
know is a `Failure` that says so; parameters that are None are left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local import settings
from local.cloudformation.errors import Failure

CONFIG = Config(
    connect_timeout=5,
    read_timeout=60,
    retries={"total_max_attempts": 1},
    max_pool_connections=20,
    s3={"addressing_style": "path"},
    parameter_validation=True,
)


class Aws:
    """The local AWS as seen from one account and region."""

    def __init__(self, account: str, region: str) -> None:
        self.account = account
        self.region = region

    def __call__(self, action: str, **parameters: Any) -> dict[str, Any]:
        """The answer of `service:Operation`; `Failure` carries the service's error code."""
        service, _, operation = action.partition(":")
        client = _client(settings.current().endpoint, service, self.region)
        shape = client.meta.service_model.operation_model(operation).input_shape
        given = {name: value for name, value in parameters.items() if value is not None}
        try:
            answer = client._make_api_call(operation, fit(given, shape) if shape else {})
        except ClientError as error:
            raise _failure(client, error) from error
        except BotoCoreError as error:
            raise Failure(str(error)) from error
        return dict(answer)

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def filled(self, parameters: Mapping[str, str], identity: str) -> dict[str, Any]:
        """Parameters out of texts with places for {id}, {region} and {account}."""
        known = {"id": identity, "region": self.region, "account": self.account}
        return {name: text.format_map(known) for name, text in parameters.items()}


def fit(value: Any, shape: Any) -> Any:
    """`value` in the form of the API's `shape`."""
    match shape.type_name, value:
        case ("structure", dict()):
            members = {name.lower(): name for name in shape.members}
            if unknown := [name for name in value if name.lower() not in members]:
                raise Failure(f"Encountered unsupported property {unknown[0]}")
            names = {name: members[name.lower()] for name in value}
            return {names[name]: fit(it, shape.members[names[name]]) for name, it in value.items()}
        case ("map", dict()):
            return {name: fit(item, shape.value) for name, item in value.items()}
        case ("list", list()):
            return [fit(item, shape.member) for item in value]
        case ("string", dict() | list()):
            return json.dumps(value)
        case ("string", bool()):
            return str(value).lower()
        case ("string", int() | float()):
            return str(value)
    return value


def _failure(client: Any, error: ClientError) -> Failure:
    """The error in the words in which CloudFormation's handlers report it."""
    details, meta = error.response["Error"], error.response["ResponseMetadata"]
    message = (
        f"{details.get('Message')} (Service: {client.meta.service_model.service_id}, "
        f"Status Code: {meta.get('HTTPStatusCode')}, Request ID: {meta.get('RequestId')})"
    )
    return Failure(message, details.get("Code", "InternalFailure"))


@cache
def _session() -> Any:
    session = botocore.session.Session()
    session.set_credentials(settings.ACCESS_KEY, settings.ACCESS_KEY)
    return session


@cache
def _client(endpoint: str, service: str, region: str) -> Any:
    return _session().create_client(
        service, region_name=region, endpoint_url=endpoint, config=CONFIG
    )
