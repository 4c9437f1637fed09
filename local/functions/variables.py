"""The environment variables of an execution environment: AWS's, the function's, nothing else.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from local.functions.definition import Definition
from local.functions.roles import Credentials

RESERVED = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
    }
)
"""What a function's configuration must not set; AWS refuses it at creation."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an execution environment lies on this machine, and whom it talks to."""

    task: Path
    layers: Path
    runtime: Path
    scratch: Path
    interpreter: str
    endpoint: str
    daemon: str
    trusted: Path
    """The certificates of who may sign for a server."""


def variables(
    definition: Definition, place: Place, credentials: Credentials, stream: str
) -> dict[str, str]:
    """All variables but AWS_LAMBDA_RUNTIME_API and the log pipe, which belong to the process."""
    return {
        **_extensible(definition, place),
        **dict(definition.variables),
        **_reserved(definition, place, stream),
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_SESSION_TOKEN": credentials.token,
    }


def _extensible(definition: Definition, place: Place) -> dict[str, str]:
    programs = [Path(place.interpreter).parent, "/usr/local/bin", "/usr/bin", "/bin"]
    libraries = [place.task, place.task / "lib", place.layers / "lib"]
    host, _, port = place.daemon.rpartition(":")
    return {
        "PATH": ":".join(str(path) for path in [*programs, place.layers / "bin"]),
        "LD_LIBRARY_PATH": ":".join(str(path) for path in libraries),
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "TMPDIR": str(place.scratch),
        "SSL_CERT_FILE": str(place.trusted),
        "AWS_ENDPOINT_URL": place.endpoint,
        "AWS_ENDPOINT_URL_S3": place.endpoint,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": place.daemon,
        "_AWS_XRAY_DAEMON_ADDRESS": host,
        "_AWS_XRAY_DAEMON_PORT": port,
        **({"AWS_LAMBDA_LOG_FORMAT": "JSON"} if definition.json_logs else {}),
        **({"AWS_LAMBDA_LOG_LEVEL": definition.log_level} if definition.log_level else {}),
    }


def _reserved(definition: Definition, place: Place, stream: str) -> dict[str, str]:
    return {
        "_HANDLER": definition.handler,
        "AWS_REGION": definition.region,
        "AWS_DEFAULT_REGION": definition.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{definition.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": definition.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(definition.memory),
        "AWS_LAMBDA_FUNCTION_VERSION": definition.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": definition.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "LAMBDA_TASK_ROOT": str(place.task),
        "LAMBDA_RUNTIME_DIR": str(place.runtime),
    }
