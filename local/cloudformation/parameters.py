"""A template's parameters: what was given for them, checked and of the declared type."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from local.cloudformation.errors import Invalid
from local.cloudformation.template import Template

STORED = re.compile(r"AWS::SSM::Parameter::Value<(?P<of>.+)>")
PLAIN = ("String", "Number", "CommaDelimitedList", "List<", "AWS::")
PARTITION, SUFFIX = "aws", "amazonaws.com"

Lookup = Callable[[str, str], str]
"""The value of a stored parameter: of a service ("ssm") and a key in it; raises `Invalid`."""


def pseudo(account: str, region: str, stack: str, stack_id: str) -> dict[str, Any]:
    """The pseudo parameters of a stack."""
    return {
        "AWS::AccountId": account,
        "AWS::NotificationARNs": [],
        "AWS::Partition": PARTITION,
        "AWS::Region": region,
        "AWS::StackId": stack_id,
        "AWS::StackName": stack,
        "AWS::URLSuffix": SUFFIX,
    }


def parameters(template: Template, given: Mapping[str, str], lookup: Lookup) -> dict[str, Any]:
    """The value of every parameter, of its type."""
    if unknown := sorted(given.keys() - template.parameters.keys()):
        raise Invalid(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    texts = {
        name: str(given.get(name, declared.get("Default")))
        for name, declared in template.parameters.items()
        if name in given or "Default" in declared
    }
    if missing := [name for name in template.parameters if name not in texts]:
        raise Invalid(f"Parameters: [{', '.join(missing)}] must have values")
    return {name: _typed(name, template.parameters[name], texts[name], lookup) for name in texts}


def _typed(name: str, declared: Mapping[str, Any], text: str, lookup: Lookup) -> Any:
    kind = declared.get("Type", "String")
    _allow(name, declared, text)
    if stored := STORED.fullmatch(kind):
        return _value(name, stored["of"], lookup("ssm", text))
    return _value(name, kind, text)


def _value(name: str, kind: str, text: str) -> Any:
    if not kind.startswith(PLAIN):
        raise Invalid(f"Template format error: Unrecognized parameter type: {kind}")
    if kind == "Number":
        try:
            float(text)
        except ValueError:
            raise Invalid(f"Parameter '{name}' must be a number.") from None
    if kind == "CommaDelimitedList" or kind.startswith("List<"):
        return [item.strip() for item in text.split(",")]
    return text


def _allow(name: str, declared: Mapping[str, Any], text: str) -> None:
    """What the template itself demands of a parameter's value."""
    allowed = [str(it) for it in declared.get("AllowedValues", ())]
    pattern = declared.get("AllowedPattern")
    number = float(text) if declared.get("Type") == "Number" and _number(text) else None
    if allowed and text not in allowed:
        problem = f"must be one of AllowedValues: [{', '.join(allowed)}]"
    elif pattern and not re.fullmatch(pattern, text):
        problem = f"must match pattern {pattern}"
    elif len(text) < int(declared.get("MinLength", 0)):
        problem = f"must contain at least {declared['MinLength']} characters"
    elif len(text) > int(declared.get("MaxLength", len(text))):
        problem = f"must contain at most {declared['MaxLength']} characters"
    elif number is not None and number < float(declared.get("MinValue", number)):
        problem = f"must be a number not less than {declared['MinValue']}"
    elif number is not None and number > float(declared.get("MaxValue", number)):
        problem = f"must be a number not greater than {declared['MaxValue']}"
    else:
        return
    told = declared.get("ConstraintDescription")
    raise Invalid(f"Parameter '{name}' {told or problem}")


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
