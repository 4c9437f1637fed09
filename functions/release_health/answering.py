"""What a person's command asks, answered: events/release.py has the questions and the answers."""

from __future__ import annotations

from typing import Any

import msgspec

from events.release import Digest as DigestAsked
from events.release import (
    Fact,
    Fed,
    Feed,
    Flush,
    Flushed,
    Look,
    Question,
    Registry,
    Trial,
    find,
)
from functions.release_health.cache import Unavailable
from functions.release_health.gathering import Course
from functions.release_health.layout import BASELINE, CANARY
from functions.release_health.watching import Watcher


class Unanswerable(Exception):
    """The question cannot be answered; the text says why."""


def is_question(event: dict[str, Any]) -> bool:
    """Whether an invocation is a person's, and not the event source mapping's."""
    return "headrace" in event


def answer(event: dict[str, Any], registry: Registry, watcher: Watcher) -> dict[str, Any]:
    """The answer as JSON has it. Raises Unanswerable."""
    try:
        question: Question = msgspec.convert(event, Question)
    except msgspec.ValidationError as error:
        raise Unanswerable(f"That is no question to this function: {error}.") from None
    trial = find(registry, question.release)
    if trial is None:
        raise Unanswerable(
            f"{question.release} was never on trial: `headrace release status` shows which were."
        )
    try:
        found = _answered(question, trial, watcher)
    except Unavailable as error:
        raise Unanswerable(f"{error} Ask again in a minute.") from error
    answered: dict[str, Any] = msgspec.to_builtins(found)
    return answered


def _answered(question: Question, trial: Trial, watcher: Watcher) -> Any:
    match question:
        case Look():
            return watcher.seen(trial)
        case DigestAsked():
            return watcher.state.digest(trial)
        case Flush():
            keys = watcher.state.flush(trial)
            watcher.looks.forget(trial)
            return Flushed(trial=trial.number, keys=keys)
        case Feed():
            return _fed(question.events, trial, watcher)


def _fed(facts: tuple[Fact, ...], trial: Trial, watcher: Watcher) -> Fed:
    course = Course(trial)
    arms = {trial.canary: CANARY, trial.baseline: BASELINE}
    other = 0
    for fact in facts:
        arm = arms.get(fact.release)
        if arm is None:
            other += 1
        else:
            course.take(arm, fact.arrived, fact.event_time, fact)
    watcher.state.apply([course])
    tally = course.tally
    return Fed(
        received=len(facts),
        applied=tally.counted + tally.prepared,
        duplicates=tally.duplicates,
        late=tally.late,
        other=other + tally.outside,
        skewed=tally.skewed,
    )
