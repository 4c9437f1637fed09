"""What a function's configuration may be: AWS's rules, and what the local AWS refuses by name."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

import msgspec
from moto.awslambda.exceptions import InvalidParameterValueException, ValidationException

from local.functions import limits
from local.functions.destinations import DEAD_LETTER_SERVICES, SERVICES
from local.functions.variables import RESERVED

RUNTIME = re.compile(r"python3\.(9|1\d)")
TIMEOUT = range(1, 901)
MEMORY = range(128, 10_241)
UNSUPPORTED = frozenset(
    {
        "CapacityProviderConfig",
        "CodeSigningConfigArn",
        "DurableConfig",
        "FileSystemConfigs",
        "TenancyConfig",
    }
)


def configuration(spec: dict[str, Any]) -> None:
    """Check what CreateFunction and UpdateFunctionConfiguration have in common."""
    for name in UNSUPPORTED & spec.keys():
        if spec[name]:
            raise unsupported(name)
    if (spec.get("SnapStart") or {}).get("ApplyOn", "None") != "None":
        raise unsupported("SnapStart")
    _between(spec, "Timeout", TIMEOUT)
    _between(spec, "MemorySize", MEMORY)
    runtime = spec.get("Runtime")
    if runtime is not None and not RUNTIME.fullmatch(runtime):
        raise unsupported(f"Runtime {runtime}", "only Python functions run here")
    if len(spec.get("Layers") or ()) > limits.LAYERS:
        raise InvalidParameterValueException("Cannot reference more than 5 layers.")
    variables((spec.get("Environment") or {}).get("Variables") or {})
    target = (spec.get("DeadLetterConfig") or {}).get("TargetArn")
    if target and target.split(":")[2:3] != [] and target.split(":")[2] not in DEAD_LETTER_SERVICES:
        raise InvalidParameterValueException(f"The provided target {target} is no queue or topic.")


def creation(spec: dict[str, Any]) -> None:
    """Check a CreateFunction request."""
    configuration(spec)
    if spec.get("PackageType", "Zip") != "Zip":
        raise unsupported("PackageType Image", "functions run from zip files")
    if not spec.get("Runtime") or not spec.get("Handler"):
        raise InvalidParameterValueException(
            "Runtime and Handler are mandatory parameters for functions created with "
            "deployment packages."
        )


def variables(given: dict[str, str]) -> None:
    reserved = sorted(RESERVED & given.keys())
    start = "Lambda was unable to configure your environment variables because the environment"
    if reserved:
        raise InvalidParameterValueException(
            f"{start} variables you have provided contains reserved keys that are currently not "
            f"supported for modification. Reserved keys used in this request: {', '.join(reserved)}"
        )
    if len(msgspec.json.encode(given)) > limits.VARIABLES:
        raise InvalidParameterValueException(
            f"{start} variables you have provided exceeded the 4KB limit."
        )


def archive(data: bytes, others: int = 0) -> int:
    """Check a deployment package; its unpacked size. `others` is the size of its layers."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as opened:
            size = sum(member.file_size for member in opened.infolist())
    except zipfile.BadZipFile as error:
        raise InvalidParameterValueException(
            "Could not unzip uploaded file. Please check your file, then try to upload again."
        ) from error
    if size + others > limits.UNZIPPED:
        raise InvalidParameterValueException(
            f"Unzipped size must be smaller than {limits.UNZIPPED} bytes"
        )
    return size


def destinations(config: dict[str, Any]) -> None:
    """Check an event invoke configuration's destinations."""
    for side in (config.get("DestinationConfig") or {}).values():
        arn = side.get("Destination")
        if arn and arn.split(":")[2] not in SERVICES:
            raise unsupported(f"Destination {arn}", "destinations are queues, topics, functions")


def unsupported(what: str, instead: str = "") -> InvalidParameterValueException:
    reason = f": {instead}" if instead else ""
    return InvalidParameterValueException(f"{what} is not supported by the local AWS{reason}.")


def _between(spec: dict[str, Any], name: str, allowed: range) -> None:
    value = spec.get(name)
    if value is None or int(value) in allowed:
        return
    member = name[0].lower() + name[1:]
    side = ("greater", allowed[0]) if int(value) < allowed[0] else ("less", allowed[-1])
    words = f"Member must have value {side[0]} than or equal to {side[1]}"
    raise ValidationException(str(value), member, words)
