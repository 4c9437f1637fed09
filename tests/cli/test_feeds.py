"""Types with and without data of their own."""

import pytest

from cli import feeds
from cli.errors import WrongUsage
from cli.feeds import Feed


def test_a_type_without_data_of_its_own_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "find_spec", lambda _: None)
    with pytest.raises(WrongUsage) as raised:
        Feed("flight", source=None)
    assert str(raised.value) == (
        "Event type 'flight' has no data of its own: give a file of JSON lines with "
        "--source FILE, or write events() in events/flight/source.py."
    )


def test_progress_is_counted_where_an_end_is_known() -> None:
    assert Feed("flight", source=None, limit=10).position(4) == (4, 10)
    assert Feed("flight", source=None).position(4) == (4, None)
