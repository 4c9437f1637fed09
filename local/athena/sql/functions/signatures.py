"""Signatures of Trino's functions, and which of them a call means.

A signature is written as Trino documents it, with the DuckDB text of a call beside it:

    "element_at(array(E), bigint) -> E": "{0}[{1}]"

Single capital letters are types to be found; `fn(T;R)` is a lambda from T to R; `T...` repeats.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from local.athena.sql.types import FLOATS, INTEGERS, UNKNOWN, Type, common, parse

if TYPE_CHECKING:
    from local.athena.sql.functions import Call
    from local.athena.sql.translator import Typed

Maker = Callable[["Call"], "Typed"]
Template = str | Maker
SHAPE = re.compile(r"^(\w+)\((.*)\)\s*->\s*(.+)$")
VARIABLE = re.compile(r"^[A-Z]\w*$")
ANY = "ANY"
"""A parameter that takes anything, each argument for itself."""
ORDER = {name: at for at, name in enumerate((*INTEGERS, "decimal", *FLOATS))}
WIDENS = {("date", "timestamp"), ("date", "timestamp with time zone")}
WIDENS |= {("timestamp", "timestamp with time zone"), ("char", "varchar")}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: a type, a variable, or a lambda of some parameters to a result."""

    type: Type | None = None
    inputs: tuple[Type, ...] = ()
    result: Type | None = None

    @property
    def is_lambda(self) -> bool:
        return self.type is None


@dataclass(frozen=True, slots=True)
class Signature:
    """One form of a function. `aggregate` and `window` say where it may be called."""

    name: str
    parameters: tuple[Parameter, ...]
    result: Type
    template: Template
    spelled: str
    repeats: bool = False
    aggregate: bool = False
    window: bool = False

    def parameter(self, at: int) -> Parameter:
        return self.parameters[min(at, len(self.parameters) - 1)]

    def takes(self, count: int) -> bool:
        if self.repeats:
            return count >= len(self.parameters) - 1
        return count == len(self.parameters)


def split(text: str, separator: str = ",") -> list[str]:
    """Split at separators outside of parentheses."""
    parts, depth, start = [], 0, 0
    for at, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == separator and depth == 0:
            parts.append(text[start:at].strip())
            start = at + 1
    last = text[start:].strip()
    return [*parts, last] if last or parts else []


@cache
def kind(spelled: str) -> Type:
    """A type in a signature, which may be or hold variables."""
    spelled = spelled.strip()
    if VARIABLE.match(spelled):
        return Type(spelled)
    for name in ("array", "map", "row"):
        if spelled.startswith(f"{name}("):
            inner = split(spelled[len(name) + 1 : -1])
            return Type(name, tuple(map(kind, inner)), (None,) * len(inner) * (name == "row"))
    if spelled == "decimal":
        return Type("decimal")
    return parse(spelled)


def signature(
    spelled: str,
    template: Template,
    *,
    aggregate: bool = False,
    window: bool = False,
) -> Signature:
    """A signature from how it is written."""
    found = SHAPE.match(spelled)
    if found is None:
        raise ValueError(spelled)
    name, inside, result = found.groups()
    parts = split(inside)
    repeats = bool(parts) and parts[-1].endswith("...")
    parameters = tuple(_parameter(part.removesuffix("...")) for part in parts)
    return Signature(name, parameters, kind(result), template, spelled, repeats, aggregate, window)


def _parameter(spelled: str) -> Parameter:
    if not spelled.startswith("fn("):
        return Parameter(kind(spelled))
    inputs, _, result = spelled[3:-1].partition(";")
    return Parameter(None, tuple(map(kind, split(inputs))), kind(result))


@dataclass(slots=True)
class Binding:
    """What the variables of a signature are in one call, and how much was converted for it."""

    variables: dict[str, Type] = field(default_factory=dict)
    cost: int = 0

    def bind(self, wanted: Type, given: Type) -> bool:
        """Whether `given` can be passed for `wanted`; notes variables and conversions."""
        if wanted.name == ANY:
            return True
        if VARIABLE.match(wanted.name):
            known = self.variables.get(wanted.name, UNKNOWN)
            wide = common(known, given)
            if wide is None:
                return False
            self.cost += known not in (wide, UNKNOWN)
            self.variables[wanted.name] = wide
            return True
        if given.name == "unknown":
            return True
        if wanted.name == given.name:
            return len(wanted.arguments) == len(given.arguments) and all(
                self.bind(one, other)
                for one, other in zip(wanted.arguments, given.arguments, strict=True)
            )
        return self._widen(wanted.name, given.name)

    def _widen(self, wanted: str, given: str) -> bool:
        if wanted in ORDER and given in ORDER and ORDER[wanted] > ORDER[given]:
            self.cost += ORDER[wanted] - ORDER[given]
            return True
        if (given, wanted) in WIDENS:
            self.cost += 1
            return True
        return False

    def type(self, wanted: Type, given: Type | None = None) -> Type:
        """A type with its variables filled in; digits and lengths are those of what is given."""
        if wanted.name == ANY:
            return given or UNKNOWN
        if VARIABLE.match(wanted.name):
            return self.variables.get(wanted.name, UNKNOWN)
        if wanted.arguments:
            inner = given.arguments if given is not None and given.arguments else wanted.arguments
            filled = tuple(self.type(w, g) for w, g in zip(wanted.arguments, inner, strict=True))
            return Type(wanted.name, filled, wanted.names)
        if given is not None and given.name == wanted.name:
            return given
        if wanted.name == "decimal" and wanted.precision is None:
            from local.athena.sql.types import DIGITS, decimal

            return decimal(DIGITS.get(given.name, 38) if given else 38, 0)
        return wanted
