"""What a changed contract means for the rows that are there, the readers and the producers.

compatible  deploy; every query of today answers as before
action      deploy, and do what is said
forbidden   rows that are there would become unreadable, be hidden or lie: do what is said instead

Parquet keeps the type that a column had when the file was written, and Athena refuses to read it as
another one (HIVE_BAD_DATA), except for whole numbers and floats that became wider. Columns are
found by name, so a new one may stand anywhere, and is null in the files that lack it.
https://docs.aws.amazon.com/athena/latest/ug/handling-schema-updates-chapter.html
"""

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum

import msgspec

from cli.shapes import Shape

WIDER = {
    "tinyint": ("smallint", "int", "bigint"),
    "smallint": ("int", "bigint"),
    "int": ("bigint",),
    "float": ("double",),
}
"""What each type may become."""


class Verdict(StrEnum):
    COMPATIBLE = "compatible"
    ACTION = "action"
    FORBIDDEN = "forbidden"


class Change(msgspec.Struct, frozen=True):
    """One difference: where, what it is, and what to do about it or what follows."""

    verdict: Verdict
    where: str
    what: str
    then: str


def compare(old: Shape, new: Shape) -> list[Change]:
    """Every difference between what is deployed and what is declared, the worst first."""
    found = [*_columns(old, new), *_presence(old, new), *_contract(old, new), *_stream(old, new)]
    order = list(Verdict)
    return sorted(found, key=lambda change: (-order.index(change.verdict), change.where))


def _columns(old: Shape, new: Shape) -> Iterator[Change]:
    gone = _outermost(old, new)
    added = _outermost(new, old)
    for path in gone:
        yield _removed(path, old.columns[path].type, added, new)
    for path in added:
        yield _added(path, new)
    for path in sorted(old.columns.keys() & new.columns.keys()):
        was, is_ = old.columns[path], new.columns[path]
        if was.type != is_.type:
            yield _retyped(path, was.type, is_.type)
        elif was.comment != is_.comment:
            yield Change(Verdict.COMPATIBLE, path, "has another description", "Nothing to do.")


def _outermost(one: Shape, other: Shape) -> list[str]:
    """The paths that only `one` has, without those inside of them or of what changed its type."""
    only = sorted(one.columns.keys() - other.columns.keys())
    return [
        path
        for path in only
        if (outer := _outer(path)) is None
        or (outer in other.columns and other.columns[outer].type == one.columns[outer].type)
    ]


def _outer(path: str) -> str | None:
    if path.endswith(("[]", "{}")):
        return path[:-2]
    return path.rpartition(".")[0] or None


def _removed(path: str, type_: str, added: list[str], new: Shape) -> Change:
    alike = [other for other in added if new.columns[other].type == type_]
    if len(alike) == 1:
        what = f"is gone, and looks renamed to {alike[0]}"
        then = f"Keep {path}, and add {alike[0]} beside it, both `| None = None`."
    else:
        what = "is gone: queries that name it fail, and what it holds is hidden"
        then = "Keep the field, as `| None = None` once producers stop sending it."
    return Change(Verdict.FORBIDDEN, path, what, then)


def _added(path: str, new: Shape) -> Change:
    type_ = new.columns[path].type
    if path in (new.required or ()):
        what = f"is new ({type_}) and required: old rows hold null, today's events are rejected"
        return Change(Verdict.FORBIDDEN, path, what, "Declare it `| None = None`.")
    return Change(
        Verdict.COMPATIBLE, path, f"is new ({type_})", "Nothing to do: it is null in old rows."
    )


def _retyped(path: str, was: str, is_: str) -> Change:
    if is_ in WIDER.get(was, ()):
        what = f"is widened from {was} to {is_}"
        return Change(Verdict.COMPATIBLE, path, what, "Nothing to do: old files read as the new.")
    return Change(
        Verdict.FORBIDDEN,
        path,
        f"changes from {was} to {is_}: Athena cannot read the old files so",
        "Keep the field as it is, and add one of another name, as `| None = None`.",
    )


def _presence(old: Shape, new: Shape) -> Iterator[Change]:
    if old.required is None or new.required is None:
        return
    both = old.columns.keys() & new.columns.keys()
    for path in sorted(both & (new.required - old.required)):
        what = "becomes required: old rows hold null, events that leave it out are rejected"
        yield Change(Verdict.FORBIDDEN, path, what, "Leave it `| None = None`.")
    for path in sorted(both & (old.required - new.required)):
        what = "becomes optional"
        yield Change(Verdict.COMPATIBLE, path, what, "Nothing to do: new rows may hold null.")


def _contract(old: Shape, new: Shape) -> Iterator[Change]:
    if old.partitions != new.partitions:
        yield Change(
            Verdict.FORBIDDEN,
            "partitions",
            f"change from {_words(old.partitions)} to {_words(new.partitions)}",
            "Make a new event type: the folders of the old rows do not fit.",
        )
    if old.event_time not in (None, new.event_time):
        yield Change(
            Verdict.FORBIDDEN,
            "event_time",
            f"changes from {old.event_time} to {new.event_time}: old rows lie under the old date",
            "Make a new event type.",
        )
    if old.event_id not in (None, new.event_id):
        yield Change(
            Verdict.ACTION,
            "event_id",
            f"changes from {old.event_id} to {new.event_id}: a replay is not recognised across it",
            "Stop replays and redrives, let the stream run empty, then deploy.",
        )
    if old.partition_key not in (None, new.partition_key):
        yield Change(
            Verdict.ACTION,
            "partition_key",
            f"changes from {_words(old.partition_key)} to {_words(new.partition_key)}: keys move"
            " between shards",
            "Give producers the new contract together, and expect a key out of order once.",
        )
    yield from _first_date(old, new)


def _first_date(old: Shape, new: Shape) -> Iterator[Change]:
    if old.first_date is None or new.first_date is None or old.first_date == new.first_date:
        return
    if new.first_date < old.first_date:
        what = f"moves back from {old.first_date} to {new.first_date}"
        then = "Replay the older events: until now they were rejected."
    else:
        what = f"moves on from {old.first_date} to {new.first_date}: queries lose the days between"
        then = "Make sure that nobody needs them; they stay in the bucket, and return if it does."
    yield Change(Verdict.ACTION, "first_date", what, then)


def _stream(old: Shape, new: Shape) -> Iterator[Change]:
    if old.retention < new.retention:
        what = f"grows from {_time(old.retention)} to {_time(new.retention)}"
        yield Change(Verdict.COMPATIBLE, "retention", what, "Nothing to do; it is billed.")
    if old.retention > new.retention:
        yield Change(
            Verdict.ACTION,
            "retention",
            f"shrinks from {_time(old.retention)} to {_time(new.retention)}: older records go",
            "Let every consumer catch up before you deploy.",
        )
    if old.shards == new.shards:
        return
    what = f"changes from {_capacity(old.shards)} to {_capacity(new.shards)}"
    if old.shards is None or new.shards is None:
        then = "AWS takes two such switches in 24 hours: deploy when this is the one you mean."
        yield Change(Verdict.ACTION, "capacity", what, then)
    elif old.shards / 2 <= new.shards <= old.shards * 2:
        then = "Expect consumers to move to new shards; AWS takes ten such changes in 24 hours."
        yield Change(Verdict.ACTION, "capacity", what, then)
    else:
        nearest = old.shards * 2 if new.shards > old.shards else -(-old.shards // 2)
        then = f"AWS takes half to double at a time: deploy {nearest} first."
        yield Change(Verdict.FORBIDDEN, "capacity", what, then)


def _words(words: tuple[str, ...] | None) -> str:
    return " or ".join(words or ())


def _time(span: timedelta) -> str:
    hours = span // timedelta(hours=1)
    return f"{hours // 24} days" if hours % 24 == 0 else f"{hours} hours"


def _capacity(shards: int | None) -> str:
    return "on demand" if shards is None else f"{shards} shard{'s' if shards > 1 else ''}"
