"""Partition projection as a pure function of properties, values and the time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from local.athena.catalog.projection import Invalid, projection, template

NOW = datetime(2024, 3, 31, 15, 30, tzinfo=UTC)


def values(wanted: list[str], **properties: str) -> list[str]:
    """Those of the values that a projection has; keywords are its properties."""
    named = {f"projection.p.{key.replace('_', '.')}": value for key, value in properties.items()}
    column = projection("p", named)
    return [value for value in wanted if column.contains(value, NOW)]


def test_an_enum_has_the_values_it_lists() -> None:
    assert values(["a", "b", "A", ""], type="enum", values="a, b ,c") == ["a", "b"]


def test_integers_are_a_range_with_an_interval_and_leading_zeros() -> None:
    assert values(["1", "2", "10", "11", "01"], type="integer", range="1,10") == ["1", "2", "10"]
    assert values(["-5", "0", "5", "6"], type="integer", range="-5,5", interval="5") == [
        "-5",
        "0",
        "5",
    ]
    assert values(["01", "1", "007", "12"], type="integer", range="1,12", digits="2") == [
        "01",
        "12",
    ]
    assert values(["x", "1.0", ""], type="integer", range="0,9") == []


def test_dates_are_a_range_in_their_format() -> None:
    wanted = ["2024-01-01", "2024-01-02", "2023-12-31", "2024-1-1", "2024-02-30", "nonsense"]
    found = values(wanted, type="date", range="2024-01-01,2024-03-01", format="yyyy-MM-dd")
    assert found == ["2024-01-01", "2024-01-02"]


def test_now_moves_with_time_and_is_cut_to_the_format() -> None:
    wanted = ["2024-03-28", "2024-03-29", "2024-03-31", "2024-04-01", "2024-04-02"]
    found = values(wanted, type="date", range="NOW-2DAYS,NOW+1DAYS", format="yyyy-MM-dd")
    assert found == ["2024-03-29", "2024-03-31", "2024-04-01"]


@pytest.mark.parametrize(
    ("spelled", "first"),
    [
        ("NOW-1MONTHS", "2024-02-29"),
        ("NOW-1YEARS", "2023-03-31"),
        ("NOW-2WEEKS", "2024-03-17"),
        ("NOW-48HOURS", "2024-03-29"),
        ("NOW - 3 DAYS", "2024-03-28"),
    ],
)
def test_every_unit_of_now_is_understood(spelled: str, first: str) -> None:
    column = {"type": "date", "range": f"{spelled},NOW", "format": "yyyy-MM-dd"}
    named = {f"projection.p.{key}": value for key, value in column.items()}
    inside = projection("p", named)
    assert inside.contains(first, NOW)
    day_before = datetime.fromisoformat(first).toordinal() - 1
    assert not inside.contains(datetime.fromordinal(day_before).date().isoformat(), NOW)


def test_an_interval_makes_a_grid_from_the_first_value() -> None:
    weekly = {"type": "date", "range": "2024-01-01,NOW", "format": "yyyy-MM-dd", "interval": "7"}
    assert values(["2024-01-01", "2024-01-08", "2024-01-09"], **weekly) == [
        "2024-01-01",
        "2024-01-08",
    ]
    hourly = {
        "type": "date",
        "range": "2024/01/01/00,NOW",
        "format": "yyyy/MM/dd/HH",
        "interval": "6",
        "interval_unit": "HOURS",
    }
    assert values(["2024/01/01/00", "2024/01/01/06", "2024/01/01/07"], **hourly) == [
        "2024/01/01/00",
        "2024/01/01/06",
    ]
    monthly = {"type": "date", "range": "2024-01,2024-12", "format": "yyyy-MM", "interval": "3"}
    assert values(["2024-01", "2024-02", "2024-04", "2025-01"], **monthly) == [
        "2024-01",
        "2024-04",
    ]


def test_a_format_may_have_quoted_text() -> None:
    found = values(
        ["day=2024-01-02", "2024-01-02"],
        type="date",
        range="day=2024-01-01,day=2024-01-03",
        format="'day='yyyy-MM-dd",
    )
    assert found == ["day=2024-01-02"]


def test_injected_columns_have_any_value() -> None:
    assert values(["x", "anything", ""], type="injected") == ["x", "anything"]


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"type": "list"},
        {"type": "enum"},
        {"type": "integer", "range": "1"},
        {"type": "date", "range": "2024,2025", "format": "yyyy"},
        {"type": "date", "range": "a,b", "format": "yyyy-MM-dd QQQ"},
        {"type": "date", "range": "a,b", "format": "yyyy-MM-dd", "interval_unit": "FORTNIGHTS"},
    ],
)
def test_wrong_properties_are_an_error(properties: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"projection\.p|format|letter"):
        values(["2024-01-01"], **properties)


ANY = {"region": "[^/]+?", "day": "[^/]+?"}


def test_a_template_reads_values_out_of_keys() -> None:
    place = template("s3://b/data/${region}/${day}/raw", ANY)
    assert (place.bucket, place.prefix) == ("b", "data/")
    assert place.match("data/eu/2024-01-01/raw/x/y.parquet") == {
        "region": "eu",
        "day": "2024-01-01",
    }
    assert place.match("data/eu/2024-01-01/other/y.parquet") is None
    with pytest.raises(Invalid, match=r"no \$\{day\}"):
        template("s3://b/data/${region}/", ANY)
