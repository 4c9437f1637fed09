"""When events are due, in a simulated time."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.pace import CATCH_UP, Pace


def test_without_a_pace_everything_is_due_at_once() -> None:
    pace = Pace()
    assert [pace.due(when, 10.0) <= 10.0 for when in (None, 5.0, 1e9)] == [True] * 3


def test_a_rate_spreads_events_evenly() -> None:
    pace = Pace(rate=10)
    dues = [pace.due(None, 100.0) for _ in range(4)]
    assert [due - dues[0] for due in dues] == pytest.approx([0.0, 0.1, 0.2, 0.3])


def test_a_stall_is_not_made_up_for_by_a_long_burst() -> None:
    pace = Pace(rate=100)
    pace.due(None, 0.0)
    after = [pace.due(None, 60.0) for _ in range(20)]
    assert sum(due <= 60.0 for due in after) <= CATCH_UP * 100 + 1
    assert after[-1] > 60.0


def test_speed_follows_event_times() -> None:
    pace = Pace(speed=2)
    assert [pace.due(when, 50.0) for when in (1000.0, 1001.0, 1004.0)] == [50.0, 50.5, 52.0]


def test_an_event_out_of_order_or_without_a_time_goes_with_the_one_ahead_of_it() -> None:
    pace = Pace(speed=1)
    whens = [None, 1000.0, 1010.0, None, 1005.0, 1011.0]
    assert [pace.due(when, 50.0) for when in whens] == [0.0, 50.0, 60.0, 60.0, 60.0, 61.0]


def test_a_rate_caps_a_speed() -> None:
    pace = Pace(rate=1, speed=1000)
    dues = [pace.due(float(when), 0.0) for when in range(4)]
    assert [late - early for early, late in pairwise(dues)] == [1.0] * 3


@given(
    rate=st.none() | st.floats(0.1, 1e5),
    speed=st.none() | st.floats(0.1, 1e5),
    whens=st.lists(st.none() | st.floats(0, 2e9), max_size=50),
)
def test_the_order_of_the_source_is_kept(
    rate: float | None, speed: float | None, whens: list[float | None]
) -> None:
    pace = Pace(rate=rate, speed=speed)
    dues = [pace.due(when, 5.0 * i) for i, when in enumerate(whens)]
    assert dues == sorted(dues)
