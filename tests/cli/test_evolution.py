"""Every way in which a contract can change, and what becomes of it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta, Struct

from cli.evolution import Change, Verdict, compare
from cli.shapes import Column, Shape, declared, flat
from events.contract import Event, OnDemand, Provisioned
from tests.events.kinds import CONTRACT

Key = Annotated[str, Meta(min_length=1, max_length=256)]
Instant = Annotated[datetime, Meta(tz=True)]
Number = Annotated[int, Meta(ge=0, le=255)]


class Place(Struct):
    latitude: float


class FartherPlace(Struct):
    latitude: float
    altitude: float | None = None


class StrictPlace(Struct):
    latitude: float
    altitude: float


FIELDS: dict[str, Any] = {
    "id": Key,
    "other": Key,
    "time": Instant,
    "late": Instant,
    "size": Number,
    "place": (Place | None, None),
    "path": (list[Place] | None, None),
    "note": (str | None, None),
}


def kind(fields: dict[str, Any] | None = None, **contract: Any) -> type[Event]:
    """An event type: FIELDS with changes, where None takes a field away."""
    wanted = {name: type_ for name, type_ in (FIELDS | (fields or {})).items() if type_ is not None}
    described = [
        (name, *type_) if isinstance(type_, tuple) else (name, type_)
        for name, type_ in wanted.items()
    ]
    made: Any = msgspec.defstruct(
        "Thing",
        described,
        bases=(Event,),
        namespace={"contract": msgspec.structs.replace(CONTRACT, **contract)},
        kw_only=True,
        frozen=True,
    )
    found: type[Event] = made
    return found


COMPATIBLE, ACTION, FORBIDDEN = Verdict.COMPATIBLE, Verdict.ACTION, Verdict.FORBIDDEN
TABLE: list[tuple[str, dict[str, Any], dict[str, Any], list[tuple[Verdict, str]]]] = [
    ("nothing", {}, {}, []),
    ("another order of the fields", {}, {"fields": {"id": Key}}, []),
    ("new optional", {}, {"fields": {"new": (str | None, None)}}, [(COMPATIBLE, "new")]),
    ("new with a default", {}, {"fields": {"new": (str, "")}}, [(COMPATIBLE, "new")]),
    ("new required", {}, {"fields": {"new": str}}, [(FORBIDDEN, "new")]),
    ("new struct", {"fields": {"place": None}}, {}, [(COMPATIBLE, "place")]),
    (
        "new optional in a struct",
        {},
        {"fields": {"place": (FartherPlace | None, None)}},
        [(COMPATIBLE, "place.altitude")],
    ),
    (
        "new required in a struct",
        {},
        {"fields": {"place": (StrictPlace | None, None)}},
        [(FORBIDDEN, "place.altitude")],
    ),
    (
        "new optional in a list of structs",
        {},
        {"fields": {"path": (list[FartherPlace] | None, None)}},
        [(COMPATIBLE, "path[].altitude")],
    ),
    (
        "one gone from a struct",
        {"fields": {"place": (FartherPlace | None, None)}},
        {},
        [(FORBIDDEN, "place.altitude")],
    ),
    ("gone", {}, {"fields": {"note": None}}, [(FORBIDDEN, "note")]),
    (
        "renamed",
        {},
        {"fields": {"note": None, "remark": (str | None, None)}},
        [(FORBIDDEN, "note"), (COMPATIBLE, "remark")],
    ),
    (
        "text instead of a number",
        {},
        {"fields": {"size": str}},
        [(FORBIDDEN, "size")],
    ),
    ("a number with a fraction", {}, {"fields": {"size": float}}, [(FORBIDDEN, "size")]),
    ("a list instead of one", {}, {"fields": {"size": list[Number]}}, [(FORBIDDEN, "size")]),
    ("a struct instead of text", {}, {"fields": {"note": (Place | None, None)}},
     [(FORBIDDEN, "note")]),
    ("wider bounds", {}, {"fields": {"size": Annotated[int, Meta(ge=0, le=999)]}}, []),
    (
        "a description",
        {},
        {"fields": {"size": Annotated[int, Meta(ge=0, le=255, description="how large")]}},
        [(COMPATIBLE, "size")],
    ),
    ("becomes optional", {}, {"fields": {"size": (Number | None, None)}}, [(COMPATIBLE, "size")]),
    ("becomes required", {}, {"fields": {"note": str}}, [(FORBIDDEN, "note")]),
    ("another id", {}, {"event_id": "other"}, [(ACTION, "event_id")]),
    ("another time", {}, {"event_time": "late"}, [(FORBIDDEN, "event_time")]),
    ("another key", {}, {"partition_key": ("other",)}, [(ACTION, "partition_key")]),
    ("an earlier start", {}, {"first_date": date(2019, 1, 1)}, [(ACTION, "first_date")]),
    ("a later start", {}, {"first_date": date(2021, 1, 1)}, [(ACTION, "first_date")]),
    ("longer kept", {}, {"retention": timedelta(days=7)}, [(COMPATIBLE, "retention")]),
    ("shorter kept", {"retention": timedelta(days=7)}, {}, [(ACTION, "retention")]),
    ("provisioned", {}, {"capacity": Provisioned(shards=2)}, [(ACTION, "capacity")]),
    ("on demand", {"capacity": Provisioned(shards=2)}, {"capacity": OnDemand()},
     [(ACTION, "capacity")]),
    (
        "twice the shards",
        {"capacity": Provisioned(shards=3)},
        {"capacity": Provisioned(shards=6)},
        [(ACTION, "capacity")],
    ),
    (
        "more than twice the shards",
        {"capacity": Provisioned(shards=3)},
        {"capacity": Provisioned(shards=7)},
        [(FORBIDDEN, "capacity")],
    ),
    (
        "less than half of the shards",
        {"capacity": Provisioned(shards=7)},
        {"capacity": Provisioned(shards=3)},
        [(FORBIDDEN, "capacity")],
    ),
    (
        "several at once, the worst first",
        {},
        {"fields": {"new": (str | None, None), "note": None, "place": None},
         "partition_key": ("other",)},
        [(FORBIDDEN, "note"), (FORBIDDEN, "place"), (ACTION, "partition_key"), (COMPATIBLE, "new")],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), [row[1:] for row in TABLE],
                         ids=[row[0] for row in TABLE])  # fmt: skip
def test_every_change_has_its_verdict(
    old: dict[str, Any], new: dict[str, Any], expected: list[tuple[Verdict, str]]
) -> None:
    changes = compare(declared(kind(**old)), declared(kind(**new)))
    assert [(change.verdict, change.where) for change in changes] == expected
    assert all(change.what and change.then.endswith(".") for change in changes)


def shape(**columns: str) -> Shape:
    found = flat((name, type_, "") for name, type_ in columns.items())
    return msgspec.structs.replace(declared(kind()), columns=found, required=frozenset())


@pytest.mark.parametrize(
    ("was", "is_", "verdict"),
    [
        ("tinyint", "smallint", COMPATIBLE),
        ("tinyint", "bigint", COMPATIBLE),
        ("smallint", "int", COMPATIBLE),
        ("int", "bigint", COMPATIBLE),
        ("float", "double", COMPATIBLE),
        ("array<int>", "array<bigint>", COMPATIBLE),
        ("map<string,float>", "map<string,double>", COMPATIBLE),
        ("struct<a:int>", "struct<a:bigint>", COMPATIBLE),
        ("bigint", "int", FORBIDDEN),
        ("double", "float", FORBIDDEN),
        ("bigint", "double", FORBIDDEN),
        ("int", "string", FORBIDDEN),
        ("decimal(9,2)", "decimal(12,2)", FORBIDDEN),
        ("date", "timestamp", FORBIDDEN),
        ("string", "array<string>", FORBIDDEN),
        ("map<string,bigint>", "struct<a:bigint>", FORBIDDEN),
    ],
)
def test_only_numbers_may_become_wider(was: str, is_: str, verdict: Verdict) -> None:
    (change,) = compare(shape(value=was), shape(value=is_))
    assert change.verdict == verdict
    assert change.where.startswith("value")


def test_what_to_do_is_said_in_the_words_of_the_contract() -> None:
    old, new = declared(kind()), declared(kind({"note": None, "remark": (str | None, None)}))
    assert compare(old, new)[0] == Change(
        Verdict.FORBIDDEN,
        "note",
        "is gone, and looks renamed to remark",
        "Keep note, and add remark beside it, both `| None = None`.",
    )
    old, new = (declared(kind(capacity=Provisioned(shards=n))) for n in (3, 20))
    assert compare(old, new)[0].then == "AWS takes half to double at a time: deploy 6 first."


def test_a_table_that_tells_less_is_compared_in_what_it_tells() -> None:
    told = msgspec.structs.replace(
        declared(kind()),
        required=None,
        partition_key=None,
        event_id=None,
        event_time=None,
        first_date=None,
    )
    assert compare(told, declared(kind(event_id="other", event_time="late"))) == []


def test_columns_are_told_apart_inside_of_each_other() -> None:
    assert flat(
        [("A", "struct<b:array<struct<c:decimal(9,2),d:map<string,int>>>,e:date>", "x")]
    ) == {
        "a": Column("struct", "x"),
        "a.b": Column("array"),
        "a.b[]": Column("struct"),
        "a.b[].c": Column("decimal(9,2)"),
        "a.b[].d": Column("map"),
        "a.b[].d{}": Column("int"),
        "a.e": Column("date"),
    }
