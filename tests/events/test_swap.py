"""The state by which compaction swaps files: what counts after every step."""

import base64
import json
import re
from datetime import datetime

from events.swap import MOST_OPEN, State, view_text

UNTIL = datetime.fromisoformat("2026-07-04T12:00:00.001")
DAY, OTHER = "2026-07-01", "2026-07-02"


def begun(state: State, day: str = DAY, run: str = "a") -> State:
    return state.begin(day, run, 100.0)


def test_a_pass_counts_from_its_commit_on_and_what_it_replaces_does_not() -> None:
    state = begun(State(newest=6))
    (one,) = state.passes
    assert (one.number, state.newest, state.hidden) == (7, 7, {7})
    assert "MAP(ARRAY[], ARRAY[])" in state.sql()

    state = state.commit(one, UNTIL, (3, 5), 200.0)
    (one,) = state.passes
    assert (one.committed, state.newest, state.hidden) == (200.0, 7, {3, 5})
    assert state.sql() == (
        "SELECT CAST(7 AS bigint) AS newest, CAST(ARRAY[3, 5] AS array(bigint)) AS hidden, "
        "CAST(MAP(ARRAY['2026-07-01'], ARRAY[TIMESTAMP '2026-07-04 12:00:00.001'])"
        " AS map(varchar, timestamp(3))) AS compacted_until"
    )

    state = state.end(one)
    assert state == State(newest=7)
    assert state.hidden == frozenset()


def test_a_date_has_one_open_pass_whoever_begins() -> None:
    state = begun(State())
    assert begun(state, run="b") == state
    assert [one.number for one in begun(state, OTHER, "b").passes] == [1, 2]
    assert begun(state) == state  # our own, as when the answer to the first change was lost


def test_steps_that_are_repeated_change_nothing() -> None:
    state = begun(State())
    one = state.passes[0]
    done = state.commit(one, UNTIL, (), 200.0)
    assert done.commit(one, UNTIL, (), 300.0) == done
    assert done.end(done.passes[0]).end(done.passes[0]) == State(newest=1)


def test_a_pass_that_was_given_up_cannot_be_committed_any_more() -> None:
    state = begun(State())
    mine = state.passes[0]
    state = state.abandon(mine)
    assert state.commit(mine, UNTIL, (), 200.0) == state
    assert state.hidden == {1}


def test_a_committed_pass_is_not_given_up() -> None:
    state = begun(State())
    mine = state.passes[0]
    state = state.commit(mine, UNTIL, (), 200.0)
    assert state.abandon(mine) == state


def test_a_number_is_never_given_twice() -> None:
    state = begun(State())
    state = begun(state.end(state.passes[0]))
    assert state.passes[0].number == 2


def test_the_catalog_holds_as_many_passes_as_may_be_open() -> None:
    state = State()
    for number in range(MOST_OPEN):
        state = state.begin(f"{number:010}", "run", 0.0)
        state = state.commit(state.passes[-1], UNTIL, (number * 10**6,), 0.0)
    assert len(view_text(state, "database")) < 409_600
    arrays = re.findall(r"ARRAY\[(.*?)\]", state.sql())
    assert sum(len(array.split(", ")) for array in arrays) == 3 * MOST_OPEN
    assert max(len(array.split(", ")) for array in arrays) <= 254  # what Trino's constructor takes


def test_the_view_s_text_is_athena_s_own() -> None:
    text = view_text(State(), "headrace_dev")
    assert text.startswith("/* Presto View: ")
    decoded = json.loads(base64.b64decode(text[len("/* Presto View: ") : -len(" */")]))
    assert decoded == {
        "originalSql": State().sql(),
        "catalog": "awsdatacatalog",
        "schema": "headrace_dev",
        "columns": [
            {"name": "newest", "type": "bigint"},
            {"name": "hidden", "type": "array(bigint)"},
            {"name": "compacted_until", "type": "map(varchar, timestamp(3))"},
        ],
    }
