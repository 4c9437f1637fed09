"""Prefixes of S3 objects: `!{namespace:value}` expressions, their rules, object names.

https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html
https://docs.aws.amazon.com/firehose/latest/dev/s3-object-name.html
"""

from __future__ import annotations

import re
import secrets
import string
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache

from local.delivery import javatime

DEFAULT_TIME = "yyyy/MM/dd/HH/"
LONGEST = 512
"""Characters that a prefix may have once it is evaluated."""

LAMBDA, QUERY = "partitionKeyFromLambda", "partitionKeyFromQuery"
PARTITIONING = (LAMBDA, QUERY)
NAMESPACES = ("firehose", "timestamp", *PARTITIONING)
ERROR_TYPE, RANDOM = "error-output-type", "random-string"
RANDOM_CHARACTERS = string.ascii_letters + string.digits
RANDOM_LENGTH = 11

EXPRESSION = re.compile(r"!\{([^:{}]*):([^{}]*)\}")


class BadPrefix(ValueError):
    """A prefix that AWS refuses, in its words."""


@dataclass(frozen=True, slots=True)
class Expression:
    namespace: str
    value: str


Part = str | Expression
Template = tuple[Part, ...]


@cache
def parse(prefix: str) -> Template:
    """Literals and expressions in order; raises `BadPrefix` for a stray `!{`."""
    parts: list[Part] = []
    end = 0
    for found in EXPRESSION.finditer(prefix):
        parts += [prefix[end : found.start()], Expression(found[1], found[2])]
        end = found.end()
    parts.append(prefix[end:])
    if any(isinstance(part, str) and "!{" in part for part in parts):
        raise BadPrefix("Invalid expression usage")
    return tuple(part for part in parts if part != "")


def expressions(prefix: str | None) -> list[Expression]:
    return [part for part in parse(prefix or "") if isinstance(part, Expression)]


def partition_names(prefix: str | None) -> list[Expression]:
    """The partition keys a prefix needs, in order."""
    return [one for one in expressions(prefix) if one.namespace in PARTITIONING]


def template(prefix: str | None, *, error: bool = False) -> Template:
    """What is evaluated for each object: a prefix without an expression gets the time appended,
    literally, and in the error output its type: "<prefix><error-output-type>/yyyy/MM/dd/HH/".
    """
    parts = parse(prefix or "")
    if expressions(prefix):
        return parts
    kind = (Expression("firehose", ERROR_TYPE), "/") if error else ()
    return (*parts, *kind, Expression("timestamp", DEFAULT_TIME))


def with_keys(parts: Template, keys: Mapping[Expression, str]) -> Template:
    """The template of one partition: its keys are literals now, whatever they contain."""
    return tuple(keys.get(part, part) if isinstance(part, Expression) else part for part in parts)


def evaluate(
    parts: Template, oldest: float, zone: tzinfo = UTC, *, error_type: str | None = None
) -> str:
    """The prefix of an object whose oldest record arrived at `oldest` (epoch seconds)."""
    moment = datetime.fromtimestamp(oldest, zone)
    return "".join(_evaluated(part, moment, error_type) for part in parts)


def _evaluated(part: Part, moment: datetime, error_type: str | None) -> str:
    if isinstance(part, str):
        return part
    if part.namespace == "timestamp":
        return javatime.format_time(part.value, moment)
    if part.value == ERROR_TYPE:
        return error_type or ""
    return "".join(secrets.choice(RANDOM_CHARACTERS) for _ in range(RANDOM_LENGTH))


def object_name(stream: str, version: str, oldest: float, extension: str, zone: tzinfo) -> str:
    """`<delivery stream>-<version>-yyyy-MM-dd-HH-mm-ss-<uuid><extension>`."""
    moment = datetime.fromtimestamp(oldest, zone)
    return f"{stream}-{version}-{moment:%Y-%m-%d-%H-%M-%S}-{uuid.uuid4()}{extension}"


def check(prefix: str | None, error_prefix: str | None, *, partitioned: bool) -> None:
    """Raise `BadPrefix` for what AWS refuses when a delivery stream is created."""
    for name, value in (("Prefix", prefix), ("ErrorOutputPrefix", error_prefix)):
        for one in expressions(value):
            _check_expression(one, name)
        if _shortest(value) > LONGEST:
            kind = "prefix" if name == "Prefix" else name
            raise BadPrefix(f"Length of evaluated {kind} cannot be greater than {LONGEST}")
    for problem, sentence in _problems(prefix, error_prefix, partitioned=partitioned):
        if problem:
            raise BadPrefix(sentence)


def _problems(
    prefix: str | None, error_prefix: str | None, *, partitioned: bool
) -> Iterator[tuple[bool, str]]:
    used, in_error = expressions(prefix), expressions(error_prefix)
    error_type = Expression("firehose", ERROR_TYPE)
    yield (
        error_type in used,
        "Prefix must not contain any occurrence of !{firehose:error-output-type}",
    )
    yield (
        bool(used) and not error_prefix,
        "ErrorOutputPrefix cannot be null or empty when Prefix contains expressions",
    )
    yield (
        any(one.namespace in PARTITIONING for one in in_error),
        "Dynamic Partitioning Namespaces can't be part of an error prefix expression",
    )
    yield (
        bool(in_error) and error_type not in in_error,
        "ErrorOutputPrefix must contain at least one occurrence of !{firehose:error-output-type}",
    )
    yield (
        partitioned and not partition_names(prefix),
        "S3 Prefix should contain Dynamic Partitioning namespaces when Dynamic Partitioning is "
        "enabled",
    )
    yield (
        not partitioned and bool(partition_names(prefix)),
        "Dynamic Partitioning Namespaces can only be part of a prefix expression when Dynamic "
        "Partitioning is enabled.",
    )


def _check_expression(one: Expression, name: str) -> None:
    if one.namespace not in NAMESPACES:
        raise BadPrefix(f"Namespace to the left of colon ({one.namespace}) is an invalid keyword!")
    bad = f"Invalid conversion character used in the value of the expression in {name}"
    if one.namespace == "firehose" and one.value not in (ERROR_TYPE, RANDOM):
        raise BadPrefix(bad)
    if one.namespace == "timestamp":
        try:
            javatime.check(one.value)
        except javatime.UnknownLetter as error:
            if error.letter in javatime.REFUSED:
                raise BadPrefix(bad) from error
            raise BadPrefix(
                f"The local AWS does not evaluate the pattern letter {error.letter} in {name}"
            ) from error


def _shortest(prefix: str | None) -> int:
    """The fewest characters it can evaluate to: an expression gives at least one."""
    return sum(len(part) if isinstance(part, str) else 1 for part in parse(prefix or ""))
