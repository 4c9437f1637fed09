"""`headrace types`: the contracts."""

from datetime import date

import msgspec

from cli.options import AsJson
from cli.terminal import show, write_json
from events import registry
from events.contract import Event


class Type(msgspec.Struct, frozen=True, kw_only=True):
    """An event type as it is listed."""

    type: str
    about: str
    partition_key: tuple[str, ...]
    """The first of these fields that is not null."""
    event_id: str
    event_time: str
    first_date: date


def types(*, as_json: AsJson = False) -> None:
    """List the event types: what flows, and how its stream is keyed.

    \b
    Examples
      headrace types
      headrace types --json
    """
    found = [_described(name, kind) for name, kind in registry.types().items()]
    if as_json:
        write_json(found)
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("type", no_wrap=True)
    table.add_column("partition key", no_wrap=True)
    table.add_column("about")
    for one in found:
        table.add_row(one.type, " or ".join(one.partition_key), one.about)
    show(table)


def _described(name: str, kind: type[Event]) -> Type:
    contract = kind.contract
    return Type(
        type=name,
        about=(kind.__doc__ or "").partition("\n")[0],
        partition_key=contract.partition_key,
        event_id=contract.event_id,
        event_time=contract.event_time,
        first_date=contract.first_date,
    )
