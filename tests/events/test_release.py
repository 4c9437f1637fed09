"""The registry of releases on trial: what may be changed, what is refused and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from events.release import (
    KEPT,
    LATEST,
    LEAD,
    PREPARATION,
    Digest,
    Feed,
    Flush,
    Look,
    Metric,
    Question,
    Refused,
    Registry,
    decode,
    encode,
    find,
    open_trials,
    start,
    stop,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HEAP = Metric(name="heap_bytes", weight=1.0, tolerance=0.01, margin=0.05)


def begun(registry: Registry = Registry(), **members: Any) -> Registry:  # noqa: B008  frozen
    given: dict[str, Any] = {"canary": "4.3.0", "baseline": "4.2.0", "now": NOW}
    return start(registry, **(given | members))


def test_a_trial_begins_when_devices_have_a_past_and_everyone_knows_of_it() -> None:
    (trial,) = begun().trials
    assert trial.prepares_at == NOW + LEAD
    assert trial.started_at == NOW + LEAD + PREPARATION
    assert trial.stopped_at is None
    assert trial.sizes == ("heap_bytes", "channel_change_ms")


def test_a_start_that_is_soon_has_a_shorter_preparation() -> None:
    (trial,) = begun(at=NOW + timedelta(minutes=3)).trials
    assert trial.prepares_at == NOW + LEAD
    assert trial.started_at == NOW + timedelta(minutes=3)


def test_boundaries_are_whole_seconds_never_sooner_than_asked() -> None:
    now = NOW + timedelta(microseconds=1)
    (trial,) = begun(now=now).trials
    assert trial.prepares_at == NOW + LEAD + timedelta(seconds=1)
    (stopped,) = stop(begun(now=now), "4.3.0", now=now + timedelta(hours=1)).trials
    assert stopped.stopped_at == NOW + timedelta(hours=1, seconds=1) + LEAD


def test_a_trial_may_be_backdated_when_it_is_said() -> None:
    at = NOW - timedelta(hours=1)
    with pytest.raises(Refused, match="backdate it and rebuild its state"):
        begun(at=at)
    (trial,) = begun(at=at, backdate=True).trials
    assert (trial.prepares_at, trial.started_at) == (at - PREPARATION, at)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"canary": "4.2.0"}, "4.2.0 is canary and baseline: name the release that runs now"),
        ({"canary": "new"}, "That is no trial: Expected `str` matching regex"),
        ({"alpha": 0.0}, "That is no trial: Expected `float` > 0.0"),
        ({"soak_minutes": -1}, "That is no trial: Expected `int` >= 0"),
        ({"metrics": ()}, "without one there is nothing to compare"),
        ({"metrics": (HEAP, HEAP)}, "heap_bytes is given 2 times: give it once"),
        ({"metrics": (replace(HEAP, weight=0.5),)}, "weights of the metrics sum to 0.5: make it 1"),
        ({"metrics": (replace(HEAP, margin=0.01),)}, "could pass and fail at once"),
        (
            {"metrics": (replace(HEAP, name="crashed", direction="lower"),)},
            "Fewer crashes are never worse",
        ),
        ({"preparation": timedelta(days=31)}, "at most 30 days long"),
        ({"preparation": timedelta(days=-1), "backdate": True}, "no negative time"),
    ],
)
def test_what_is_no_trial_is_refused_in_a_sentence(members: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused, match=said) as refused:
        begun(**members)
    assert str(refused.value).endswith((".", "`"))


def test_a_release_that_is_on_trial_is_not_started_twice() -> None:
    registry = begun()
    with pytest.raises(Refused, match=r"4.3.0 is on trial since 2026-11-21 12:10:30 UTC against"):
        begun(registry, baseline="4.1.0")
    ended = stop(registry, "4.3.0", now=NOW + timedelta(hours=1))
    again = begun(ended, now=NOW + timedelta(hours=2))
    assert [one.number for one in again.trials] == [1, 3]
    assert find(again, "4.3.0") == again.trials[1]


def test_a_trial_stops_when_everyone_can_know_and_not_before_it_started() -> None:
    with pytest.raises(Refused, match="not on trial"):
        stop(Registry(), "4.3.0", now=NOW)
    with pytest.raises(Refused, match="stop it then"):
        stop(begun(), "4.3.0", now=NOW, at=NOW)
    (trial,) = stop(begun(), "4.3.0", now=NOW).trials
    assert trial.stopped_at == trial.started_at
    with pytest.raises(Refused, match="not on trial"):
        stop(stop(begun(), "4.3.0", now=NOW), "4.3.0", now=NOW)


def test_a_trial_that_ended_is_heard_until_nothing_of_it_can_come() -> None:
    registry = stop(begun(), "4.3.0", now=NOW)
    (trial,) = registry.trials
    ended = trial.started_at + LATEST + timedelta(minutes=trial.skew_minutes)
    assert open_trials(registry, ended - timedelta(seconds=1)) == (trial,)
    assert open_trials(registry, ended) == ()


def test_the_registry_forgets_the_oldest_of_what_ended() -> None:
    registry, now = Registry(), NOW
    for number in range(KEPT + 5):
        registry = begun(registry, canary=f"5.0.{number}", now=now)
        now += timedelta(hours=1)
        registry = stop(registry, f"5.0.{number}", now=now)
        now += timedelta(hours=1)
    assert len(registry.trials) == KEPT + 1
    assert registry.trials[0].canary == "5.0.4"
    assert registry.version == 2 * (KEPT + 5)


def test_what_is_written_is_what_is_read_and_in_utc() -> None:
    registry = stop(begun(), "4.3.0", now=NOW + timedelta(hours=1))
    assert decode(encode(registry)) == registry
    moved = encode(registry).replace(b"2026-11-21T12:10:30Z", b"2026-11-21T13:10:30+01:00")
    assert moved != encode(registry)
    assert decode(moved) == registry
    assert decode(moved).trials[0].started_at.tzinfo is UTC


@pytest.mark.parametrize("body", [b"", b"[]", b'{"version":1,"trails":[]}', b"\xff"])
def test_what_is_no_registry_is_refused(body: bytes) -> None:
    with pytest.raises(Refused, match=r"releases/registry.json is no registry of releases"):
        decode(body)


@pytest.mark.parametrize(
    "question",
    [
        Look(release="4.3.0"),
        Digest(release="4.3.0"),
        Flush(release="4.3.0"),
        Feed(release="4.3.0", events=()),
    ],
)
def test_a_question_is_told_by_its_word(question: Question) -> None:
    said = msgspec.to_builtins(question)
    assert said["headrace"] == type(question).__name__.lower()
    assert msgspec.convert(said, Question) == question
