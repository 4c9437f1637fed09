"""Instants in UTC: msgspec keeps the offset that a timestamp was written with."""

from datetime import UTC, datetime
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec


def in_utc(value: Any) -> Any:
    """The value with every datetime in UTC, however deep; a struct is changed in place.

    Raises OverflowError when an instant's UTC lies outside of the years 1 to 9999.
    """
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, list | tuple):
        return type(value)(in_utc(one) for one in value)
    if isinstance(value, dict):
        return {key: in_utc(one) for key, one in value.items()}
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            msgspec.structs.force_setattr(value, name, in_utc(getattr(value, name)))
    return value


def is_instant(annotation: Any) -> bool:
    """Whether a field of this type holds a datetime, or null, and nothing else."""
    return _choices(annotation) - {NoneType} == {datetime}


def mentions_instants(annotation: Any) -> bool:
    """Whether a value of this type can hold a datetime, however deep."""
    return _mentions(annotation, set())


def _choices(annotation: Any) -> set[Any]:
    if get_origin(annotation) is Annotated:
        return _choices(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return set().union(*map(_choices, get_args(annotation)))
    return {annotation}


def _mentions(annotation: Any, seen: set[Any]) -> bool:
    inner = get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        if annotation in seen:
            return False
        seen.add(annotation)
        inner = tuple(field.type for field in msgspec.structs.fields(annotation))
    return annotation is datetime or any(_mentions(one, seen) for one in inner)
