"""moto's Lambda control plane, where it is not AWS's: checks, and configuration it forgets."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from moto.awslambda.exceptions import (
    InvalidParameterValueException,
    UnknownEventConfig,
)
from moto.awslambda.models import (
    EventInvokeConfig,
    LambdaBackend,
    LambdaFunction,
    LambdaStorage,
    LayerVersion,
)
from moto.awslambda.utils import get_backend
from moto.core.utils import iso_8601_datetime_with_nanoseconds

from local.functions import network, roles, validation
from local.patching import replace

_create = LambdaFunction.__init__
_layers = LambdaFunction._get_layers_data
_configuration = LambdaFunction.get_configuration
_code = LambdaFunction.get_code
_set_code = LambdaFunction._set_function_code
_update = LambdaFunction.update_configuration
_layer = LayerVersion.__init__
_publish = LambdaStorage.publish_version
_delete = LambdaStorage.del_function

CODE = ("code_bytes", "code_size", "code_sha_256", "code_digest")


def install(forget: Callable[[str, str | None], None]) -> None:
    """Put the corrections in place; `forget` gets ARN and version of what was deleted."""
    replace(
        LambdaFunction,
        __init__=create,
        _get_layers_data=layers,
        get_configuration=get_configuration,
        get_code=get_code,
        _set_function_code=set_code,
        update_configuration=update,
    )
    replace(LayerVersion, __init__=layer)
    replace(LambdaStorage, publish_version=publish, del_function=_deleting(forget))
    replace(
        LambdaBackend,
        update_function_code=update_code,
        put_function_event_invoke_config=put_invoke_config,
        update_function_event_invoke_config=update_invoke_config,
        put_function_concurrency=put_concurrency,
    )


def create(
    self: Any, account_id: str, spec: dict[str, Any], region: str, version: str | int = 1
) -> None:
    validation.creation(spec)
    self.layer_versions = ()
    self.vpc = _vpc(spec, account_id, region)
    _create(self, account_id, spec, region, version)
    self.logging_config = _logging(spec, self.function_name)
    self.dead_letter_arn = (spec.get("DeadLetterConfig") or {}).get("TargetArn")
    self.revision = str(uuid.uuid4())
    _check_role(self)


def layers(self: Any, arns: list[str]) -> Any:
    """The versions themselves are kept too: a deleted layer stays with its functions."""
    data = _layers(self, arns)
    backend = get_backend(self.account_id, self.region)
    self.layer_versions = tuple(backend.layers_versions_by_arn(one["Arn"]) for one in data)
    return data


def layer(self: Any, spec: dict[str, Any], account_id: str, region: str) -> None:
    _refusing(lambda: _layer(self, spec, account_id, region))
    validation.archive(self.code_bytes)


def set_code(self: Any, spec: dict[str, Any]) -> None:
    """New code, or a refusal that leaves the old one in place."""
    if "ImageUri" in spec:
        raise validation.unsupported("PackageType Image", "functions run from zip files")
    before = {name: getattr(self, name) for name in CODE if hasattr(self, name)}
    source = dict(self.code)
    try:
        _refusing(lambda: _set_code(self, spec))
        sizes = [validation.archive(one.code_bytes) for one in self.layer_versions]
        validation.archive(self.code_bytes, sum(sizes))
    except Exception:
        self.__dict__.update(before, code=source)
        raise


def get_configuration(self: Any, *, on_create: bool = False) -> dict[str, Any]:
    config: dict[str, Any] = _configuration(self, on_create)
    config |= {
        "LastUpdateStatus": "Successful",
        "LoggingConfig": self.logging_config,
        "RevisionId": self.revision,
    }
    if self.vpc:
        config["VpcConfig"] |= {"VpcId": self.vpc}
    if self.dead_letter_arn:
        config["DeadLetterConfig"] = {"TargetArn": self.dead_letter_arn}
    return {name: value for name, value in config.items() if value is not None}


def get_code(self: Any) -> dict[str, Any]:
    found: dict[str, Any] = _code(self)
    if self.reserved_concurrency is not None:
        found["Concurrency"] = {"ReservedConcurrentExecutions": self.reserved_concurrency}
    return found


def update(self: Any, spec: dict[str, Any]) -> dict[str, Any]:
    """UpdateFunctionConfiguration: all of it, or none."""
    validation.configuration(spec)
    if "Environment" in spec:
        spec = {**spec, "Environment": {"Variables": spec["Environment"].get("Variables") or {}}}
    if "Role" in spec:
        _check_role(self, spec["Role"])
    if "VpcConfig" in spec:
        self.vpc = _vpc(spec, self.account_id, self.region)
    if "Layers" in spec:
        layers(self, spec["Layers"])
    _update(self, spec)
    if "LoggingConfig" in spec:
        self.logging_config = _logging(spec, self.function_name)
    if "TracingConfig" in spec:
        self.tracing_config = spec["TracingConfig"]
    if "EphemeralStorage" in spec:
        self.ephemeral_storage = spec["EphemeralStorage"]["Size"]
    if "KMSKeyArn" in spec:
        self.kms_key_arn = spec["KMSKeyArn"] or None
    if "DeadLetterConfig" in spec:
        self.dead_letter_arn = spec["DeadLetterConfig"].get("TargetArn") or None
    _modified(self)
    return get_configuration(self)


def update_code(
    self: Any, function_name: str, qualifier: str, body: dict[str, Any]
) -> dict[str, Any]:
    function = self.get_function(function_name, qualifier)
    function.update_function_code(body)
    if body.get("Architectures"):
        function.architectures = body["Architectures"]
    if not body.get("DryRun"):
        _modified(function)
    if body.get("Publish"):
        function = self.publish_version(function_name)
    return get_configuration(function)


def publish(self: Any, name_or_arn: str, description: str = "") -> Any:
    """A version of $LATEST; the newest one again when nothing has changed since."""
    published = _publish(self, name_or_arn, description)
    self.get_function_by_name_or_arn_forbid_qualifier(name_or_arn).code_or_config_updated = False
    return published


def put_invoke_config(self: Any, function_name: str, config: dict[str, Any]) -> dict[str, Any]:
    validation.destinations(config)
    function = self.get_function(function_name)
    made = EventInvokeConfig(function.function_arn, function.last_modified, config)
    function.event_invoke_config = [made]
    answer: dict[str, Any] = made.response()
    return answer


def update_invoke_config(self: Any, function_name: str, config: dict[str, Any]) -> dict[str, Any]:
    function = self.get_function(function_name)
    if not function.event_invoke_config:
        raise UnknownEventConfig(function.function_arn)
    before = function.event_invoke_config[0].config
    return put_invoke_config(self, function_name, {**before, **config})


def put_concurrency(self: Any, function_name: str, reserved_concurrency: int) -> int:
    """AWS's account quota: 1,000, of which 100 stay unreserved."""
    function, reserved = self.get_function(function_name), int(reserved_concurrency)
    others = sum(one.reserved_concurrency or 0 for one in self.list_functions())
    others -= function.reserved_concurrency or 0
    if 1000 - others - reserved < 100:
        raise InvalidParameterValueException(
            "Specified ReservedConcurrentExecutions for function decreases account's "
            "UnreservedConcurrentExecution below its minimum value of [100]."
        )
    function.reserved_concurrency = reserved
    return reserved


def _deleting(forget: Callable[[str, str | None], None]) -> Callable[..., None]:
    def delete(self: Any, name_or_arn: str, qualifier: str | None = None) -> None:
        function = self.get_function_by_name_or_arn_with_qualifier(name_or_arn, qualifier)
        arn = ":".join(function.function_arn.split(":")[:7])
        _delete(self, name_or_arn, qualifier)
        whole = function.function_name not in self._functions
        forget(arn, None if whole else str(function.version))

    return delete


def _logging(spec: dict[str, Any], name: str) -> dict[str, str]:
    given = spec.get("LoggingConfig") or {}
    levels = {"ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"}
    return {
        "LogFormat": "Text",
        "LogGroup": f"/aws/lambda/{name}",
        **(levels if given.get("LogFormat") == "JSON" else {}),
        **given,
    }


def _vpc(spec: dict[str, Any], account: str, region: str) -> str | None:
    given = spec.get("VpcConfig") or {}
    if not given.get("SubnetIds") and not given.get("SecurityGroupIds"):
        return None
    return network.of(given, account, region)


def _check_role(function: Any, role: str | None = None) -> None:
    try:
        roles.check(function.account_id, function.partition, role or function.role)
    except roles.CannotAssume as error:
        raise InvalidParameterValueException(str(error)) from error


def _modified(function: Any) -> None:
    function.revision = str(uuid.uuid4())
    function.last_modified = iso_8601_datetime_with_nanoseconds()


def _refusing(action: Callable[[], None]) -> None:
    """moto says with a ValueError that an S3 object is missing; AWS answers this."""
    try:
        action()
    except ValueError as error:
        raise InvalidParameterValueException(str(error.args[-1])) from error
