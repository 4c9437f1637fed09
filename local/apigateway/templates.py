"""Mapping templates: Velocity with `$input`, `$util`, `$context` and `$stageVariables`.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

from __future__ import annotations

import base64
import json
import re
from functools import cached_property, lru_cache
from typing import Any, NoReturn

import airspeed
import msgspec
from airspeed.operators import TemplateError

from local.apigateway import errors

STEP = re.compile(r"\.(?P<name>[\w-]+)|\[(?P<index>\d+)\]|\[['\"](?P<quoted>[^'\"]*)['\"]\]")
ESCAPES = {"'": "\\'", '"': '\\"', "\\": "\\\\", "/": "\\/"}
SHORT = {"\b": "\\b", "\n": "\\n", "\t": "\\t", "\f": "\\f", "\r": "\\r"}


class Util:
    """`$util`."""

    @staticmethod
    def base64Encode(text: Any) -> str:  # noqa: N802  AWS's name
        return base64.b64encode(_text(text).encode()).decode()

    @staticmethod
    def escapeJavaScript(text: Any) -> str:  # noqa: N802
        """As Apache Commons Lang has it: a single quote is escaped, too, which JSON forbids."""
        return "".join(map(_escaped, _text(text)))

    def __getattr__(self, name: str) -> NoReturn:
        raise errors.unsupported(f"the function $util.{name}")


class Input:
    """`$input`: the payload, and the parameters of the request."""

    def __init__(self, raw: bytes, parameters: dict[str, dict[str, str]]) -> None:
        self.raw = raw
        self.parameters = parameters

    @cached_property
    def body(self) -> str:
        return self.raw.decode()

    @cached_property
    def document(self) -> Any:
        """Raises ValueError where it is no JSON, RecursionError where it is nested too deeply."""
        return msgspec.json.decode(self.raw) if self.raw else {}

    def path(self, path: str) -> Any:
        """What stands at a path, as an object of the template."""
        return _at(self.document, path)

    def json(self, path: str) -> str:
        """What stands at a path, as JSON."""
        return json.dumps(_at(self.document, path), ensure_ascii=False, separators=(",", ":"))

    def params(self, name: str | None = None) -> Any:
        """All parameters, or the first of this name: of the path, the query, the headers."""
        if name is None:
            return self.parameters
        for place in ("path", "querystring", "header"):
            found = {key.lower(): it for key, it in self.parameters[place].items()}
            if name.lower() in found:
                return found[name.lower()]
        return ""


def render(text: str, given: Input, context: dict[str, Any], variables: dict[str, str]) -> bytes:
    """The text that a template makes; raises Refused when it cannot."""
    known = {"input": given, "util": Util(), "context": context, "stageVariables": variables}
    try:
        return str(_template(text).merge(known)).encode()
    except (
        *(TemplateError, ValueError, TypeError, AttributeError, LookupError, RecursionError),
    ) as error:
        cause = error.__cause__ or error.__context__  # the engine wraps what a function raises
        raise (cause if isinstance(cause, errors.Refused) else errors.defect()) from error


@lru_cache(maxsize=64)
def _template(text: str) -> Any:
    return airspeed.Template(text)


def _at(document: Any, path: str) -> Any:
    """The JSONPath that most templates need: names and indexes. None for what is not there."""
    if not path.startswith("$"):
        raise errors.unsupported(f"the JSONPath {path}")
    end, value = 1, document
    while end < len(path):
        step = STEP.match(path, end)
        if step is None:
            raise errors.unsupported(f"the JSONPath {path}")
        end = step.end()
        value = _step(value, step)
    return value


def _step(value: Any, step: re.Match[str]) -> Any:
    if step["index"] is not None:
        index = int(step["index"])
        return value[index] if isinstance(value, list) and index < len(value) else None
    name = step["name"] if step["name"] is not None else step["quoted"]
    return value.get(name) if isinstance(value, dict) else None


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _escaped(letter: str) -> str:
    if letter in ESCAPES or letter in SHORT:
        return ESCAPES.get(letter) or SHORT[letter]
    if " " <= letter <= "~":
        return letter
    units = letter.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02X}{units[at + 1]:02X}" for at in range(0, len(units), 2))
