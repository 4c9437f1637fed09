"""What a contract must keep so that the pipeline can promise what it does; checked at synthesis."""

import re
from datetime import timedelta

from msgspec import inspect

from events.contract import Event, Provisioned

KEY_LENGTH = 256
"""The longest partition key that Kinesis takes, in characters."""


class UnfitContract(TypeError):
    """The class is no event type; the message names the field and what to declare instead."""


def check(kind: type[Event]) -> inspect.StructType:
    """What msgspec knows of the class; raises UnfitContract when it cannot be an event type."""
    name = kind.__name__
    info = inspect.type_info(kind)
    if not isinstance(info, inspect.StructType) or not hasattr(kind, "contract"):
        raise UnfitContract(f"{name}: an event type is a subclass of Event with a contract")
    if info.array_like or info.tag_field is not None:
        raise UnfitContract(f"{name}: an event is a JSON object; array_like and tag do not fit it")
    fields = {field.name: field for field in info.fields}
    contract = kind.contract
    names = (contract.event_id, contract.event_time, *filter(None, (contract.sort_by,)))
    for wanted in (*contract.partition_key, *names):
        if wanted not in fields:
            raise UnfitContract(f"{name}: its contract names {wanted}, which is no field")
    _check_columns(name, info)
    _check_time(f"{name}.{contract.event_time}", fields[contract.event_time])
    _check_key(f"{name}.{contract.event_id}", fields[contract.event_id], nullable=False)
    if not contract.partition_key:
        raise UnfitContract(f"{name}: its contract names no partition key")
    for key in contract.partition_key:
        last = key == contract.partition_key[-1]
        _check_key(f"{name}.{key}", fields[key], nullable=not last)
    if not timedelta(hours=24) <= contract.retention <= timedelta(days=365):
        raise UnfitContract(f"{name}: retention is between 24 hours and 365 days")
    if isinstance(contract.capacity, Provisioned) and contract.capacity.shards < 1:
        raise UnfitContract(f"{name}: a provisioned stream has at least one shard")
    return info


def strip(type_: inspect.Type, where: str) -> inspect.Type:
    """The type without its documentation and without null."""
    while isinstance(type_, inspect.Metadata):
        type_ = type_.type
    if isinstance(type_, inspect.UnionType):
        others = [one for one in type_.types if not isinstance(one, inspect.NoneType)]
        if len(others) != 1:
            raise UnfitContract(f"{where}: a column holds one type, or null, not several")
        return strip(others[0], where)
    return type_


def description_of(type_: inspect.Type) -> str:
    """The description that a field is declared with, or nothing."""
    if isinstance(type_, inspect.Metadata):
        described = (type_.extra_json_schema or {}).get("description")
        return str(described) if described else description_of(type_.type)
    if isinstance(type_, inspect.UnionType):
        return next(filter(None, map(description_of, type_.types)), "")
    return ""


def takes_null(type_: inspect.Type) -> bool:
    """Whether null is one of the values of a field's type."""
    if isinstance(type_, inspect.Metadata):
        return takes_null(type_.type)
    return isinstance(type_, inspect.UnionType | inspect.NoneType)


def _check_time(where: str, field: inspect.Field) -> None:
    stripped = strip(field.type, where)
    if not isinstance(stripped, inspect.DateTimeType) or stripped.tz is not True:
        raise UnfitContract(f"{where}: an event time is a datetime with Meta(tz=True)")
    if takes_null(field.type) or not field.required:
        raise UnfitContract(f"{where}: every event has its event time")


def _check_key(where: str, field: inspect.Field, *, nullable: bool) -> None:
    stripped = strip(field.type, where)
    if not isinstance(stripped, inspect.StrType):
        raise UnfitContract(f"{where}: a key or id is a str")
    if not stripped.min_length or not (stripped.max_length or KEY_LENGTH + 1) <= KEY_LENGTH:
        raise UnfitContract(f"{where}: declare Meta(min_length=1, max_length={KEY_LENGTH} at most)")
    if not nullable and (takes_null(field.type) or not field.required):
        raise UnfitContract(f"{where}: every event has one, so it is neither null nor optional")


def _check_columns(name: str, info: inspect.StructType) -> None:
    for field in info.fields:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,254}", field.encode_name):
            raise UnfitContract(f"{name}.{field.name}: {field.encode_name!r} is no column name")
        if len(description_of(field.type)) > 255:
            raise UnfitContract(f"{name}.{field.name}: a column comment has at most 255 characters")
