"""Which values every event of a type has: what a column of them would never miss."""

from msgspec import inspect

from events.contract import Event
from events.rules import check, strip, takes_null


def required(kind: type[Event]) -> list[str]:
    """The paths of fields that are always there and never null, sorted, in the words of the table:
    `distance`, `position.latitude`, `readings[].at`, `rates{}.low`."""
    return sorted(_inside(check(kind), "", ""))


def _inside(type_: inspect.Type, path: str, where: str) -> list[str]:
    type_ = strip(type_, where)
    if isinstance(type_, inspect.ListType):
        return _inside(type_.item_type, f"{path}[]", where)
    if isinstance(type_, inspect.DictType):
        return _inside(type_.value_type, f"{path}{{}}", where)
    found = []
    if isinstance(type_, inspect.StructType):
        for field in type_.fields:
            inner = f"{path}.{field.encode_name.lower()}".lstrip(".")
            if field.required and not takes_null(field.type):
                found.append(inner)
            found += _inside(field.type, inner, where)
    return found
