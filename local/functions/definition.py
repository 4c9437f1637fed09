"""What a function version is, as one value: two environments are alike when theirs are equal."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

ARN = re.compile(
    r"(?P<arn>arn:[\w-]+:lambda:(?P<region>[\w-]+):(?P<account>\d{12}):function:(?P<name>[\w-]+))"
    r"(?::(?P<qualifier>\$LATEST|[\w-]+))?"
)


@dataclass(frozen=True, slots=True)
class Name:
    """A function as a caller names it; `arn` has no qualifier."""

    arn: str
    account: str
    region: str
    name: str
    qualifier: str | None


def parse(arn: str) -> Name | None:
    """The parts of a function's ARN, with or without a qualifier; None when it is none."""
    found = ARN.fullmatch(arn)
    if found is None:
        return None
    parts = found.groupdict()
    return Name(parts["arn"], parts["account"], parts["region"], parts["name"], parts["qualifier"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """Everything that an execution environment is made from; memory in MB, timeout in s."""

    arn: str
    account: str
    region: str
    name: str
    version: str
    handler: str
    runtime: str
    role: str
    timeout: int
    memory: int
    variables: tuple[tuple[str, str], ...]
    code: str
    layers: tuple[str, ...]
    log_group: str
    json_logs: bool
    log_level: str | None
    system_log_level: str
    traced: bool


def of(function: Any) -> Definition:
    """The definition of one of moto's functions (a version, or $LATEST) as it is now."""
    logging = function.logging_config
    return Definition(
        arn=f"arn:{function.partition}:lambda:{function.region}:{function.account_id}"
        f":function:{function.function_name}",
        account=function.account_id,
        region=function.region,
        name=function.function_name,
        version=str(function.version),
        handler=function.handler,
        runtime=function.run_time,
        role=function.role,
        timeout=int(function.timeout),
        memory=int(function.memory_size),
        variables=tuple(sorted(function.environment_vars.items())),
        code=function.code_digest,
        layers=tuple(layer.code_digest for layer in function.layer_versions),
        log_group=logging["LogGroup"],
        json_logs=logging["LogFormat"] == "JSON",
        log_level=logging.get("ApplicationLogLevel"),
        system_log_level=logging.get("SystemLogLevel", "INFO"),
        traced=function.tracing_config.get("Mode") == "Active",
    )
