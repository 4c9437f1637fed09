"""Event filtering: which records a mapping's patterns let through.

The rules are those of
https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis-filtering.html, with-sqs-filtering.html
and invocation-eventfiltering.html. A pattern is matched against a stream's
`{"partitionKey": …, "data": <the decoded JSON>, …}`, or a queue's record with its body decoded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

Test = Callable[[Any], bool]
"""Whether a value, or MISSING where there is none, satisfies a rule."""

MISSING = object()

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "=": lambda value, bound: value == bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
}


class InvalidPattern(ValueError):
    """A pattern that CreateEventSourceMapping refuses."""


class Filter:
    """The patterns of one mapping; a record passes if any of them matches it."""

    def __init__(self, patterns: list[str]) -> None:
        """Raises InvalidPattern."""
        self._tests = [compile_pattern(pattern) for pattern in patterns]

    def passes(
        self, *, partition_key: str, sequence_number: int, data: bytes, arrival: float
    ) -> bool:
        """Whether a record is delivered; its bytes are not touched either way."""
        if not self._tests:
            return True
        record = {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": partition_key,
            "sequenceNumber": str(sequence_number),
            "approximateArrivalTimestamp": arrival,
            "data": decoded(data),
        }
        return any(test(record) for test in self._tests)

    def passes_message(self, record: dict[str, Any]) -> bool:
        """Whether a message of a queue is delivered, given as it stands in the event."""
        if not self._tests:
            return True
        matched = record | {"body": decoded(record["body"].encode())}
        return any(test(matched) for test in self._tests)


def decoded(data: bytes) -> Any:
    """The JSON of data or body, else its text; MISSING if it is neither: no rule matches that."""
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        try:
            return data.decode()
        except UnicodeDecodeError:
            return MISSING


def compile_pattern(text: str) -> Test:
    """The test for one pattern, given as JSON text."""
    try:
        pattern = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise InvalidPattern(f"Filter pattern is not valid JSON: {error}") from error
    if not isinstance(pattern, dict) or not pattern:
        raise InvalidPattern("Filter pattern must be an object with at least one rule")
    return fields(pattern)


def fields(pattern: dict[str, Any]) -> Test:
    """All members must match; `$or` holds alternatives of which one must."""
    tests: list[Test] = []
    for name, rule in pattern.items():
        if name == "$or" and isinstance(rule, list):
            tests.append(either([_object(member) for member in rule]))
        elif isinstance(rule, dict):
            tests.append(member(name, fields(rule)))
        elif isinstance(rule, list):
            tests.append(member(name, alternatives(rule)))
        else:
            raise InvalidPattern(f"The rule of '{name}' must be an array or an object")
    return lambda value: isinstance(value, dict) and all(test(value) for test in tests)


def _object(pattern: Any) -> Test:
    if not isinstance(pattern, dict):
        raise InvalidPattern("Each alternative of $or must be an object")
    return fields(pattern)


def member(name: str, test: Test) -> Test:
    return lambda value: test(value.get(name, MISSING))


def either(tests: list[Test]) -> Test:
    return lambda value: any(test(value) for test in tests)


def alternatives(rules: list[Any]) -> Test:
    """A field's rules, of which one must hold; an array matches if one of its members does."""
    tests = [rule_of(rule) for rule in rules]
    return lambda value: any(
        any(test(item) for item in value) if isinstance(value, list) else test(value)
        for test in tests
    )


def rule_of(rule: Any) -> Test:
    """The test for one rule: a literal, or an object naming an operator."""
    if not isinstance(rule, dict):
        return lambda value: same(value, rule)
    if len(rule) != 1:
        raise InvalidPattern("A rule names exactly one operator")
    [(operator, operand)] = rule.items()
    match operator:
        case "exists" if isinstance(operand, bool):
            return lambda value: (value is not MISSING) == operand
        case "prefix" if isinstance(operand, str):
            return lambda value: isinstance(value, str) and value.startswith(operand)
        case "suffix" if isinstance(operand, str):
            return lambda value: isinstance(value, str) and value.endswith(operand)
        case "equals-ignore-case" if isinstance(operand, str):
            return lambda value: isinstance(value, str) and value.casefold() == operand.casefold()
        case "anything-but":
            return anything_but(operand)
        case "numeric" if isinstance(operand, list):
            return numeric(operand)
    raise InvalidPattern(f"Unrecognized match type {operator}")


def anything_but(operand: Any) -> Test:
    if isinstance(operand, dict):
        test = rule_of(operand)
    else:
        test = alternatives(operand if isinstance(operand, list) else [operand])
    return lambda value: value is not MISSING and not test(value)


def numeric(operand: list[Any]) -> Test:
    """Pairs of comparison and bound, all of which must hold."""
    pairs = list(zip(operand[::2], operand[1::2], strict=False))
    if (
        not pairs
        or len(operand) % 2
        or any(operator not in COMPARISONS or not is_number(bound) for operator, bound in pairs)
    ):
        raise InvalidPattern("numeric takes pairs of a comparison and a number")
    return lambda value: (
        is_number(value) and all(COMPARISONS[operator](value, bound) for operator, bound in pairs)
    )


def same(value: Any, literal: Any) -> bool:
    """Equality that keeps true apart from 1."""
    return (
        value is not MISSING
        and value == literal
        and isinstance(value, bool) == isinstance(literal, bool)
    )


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
