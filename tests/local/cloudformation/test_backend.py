"""Operations in progress: what others see of them, and what is refused meanwhile."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from local.cloudformation import backend as module
from local.cloudformation.backend import Backend
from local.cloudformation.errors import Invalid
from local.cloudformation.runner import Runner
from local.cloudformation.stacks import Stack, Target
from local.cloudformation.template import parse
from tests.local.cloudformation.things import Things, thing


class Gate(Things):
    """Things that are made only when the gate is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.opened = threading.Event(), threading.Event()

    def finish(self, *_: Any) -> None:
        self.reached.set()
        assert self.opened.wait(10)


def target(**resources: Any) -> Target:
    return Target(template=parse(json.dumps({"Resources": resources})))


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


@pytest.fixture
def backend(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> Backend:
    monkeypatch.setattr(module, "PATIENCE", 0)
    backend = Backend("us-east-1", "123456789012")
    backend.providers = {gate.type: gate}
    return backend


def settled(stack: Stack) -> str:
    for thread in threading.enumerate():
        if thread.name == f"stack {stack.name}":
            thread.join(10)
    return stack.status


def test_a_long_operation_is_seen_in_progress_and_keeps_others_out(
    backend: Backend, gate: Gate
) -> None:
    stack = backend.create("slow", target(A=thing("A")))
    assert gate.reached.wait(10)
    assert (stack.status, stack.resources["A"].status) == ("CREATE_IN_PROGRESS",) * 2
    for refused in (
        lambda: backend.update(stack, target(A=thing("A", Value="y"))),
        lambda: backend.delete(stack, frozenset(), None),
        lambda: backend.create("slow", target(A=thing("A"))),
    ):
        with pytest.raises(Invalid):
            refused()
    gate.opened.set()
    assert settled(stack) == "CREATE_COMPLETE"
    backend.update(stack, target(A=thing("A", Value="y")))
    assert settled(stack) == "UPDATE_COMPLETE"


def test_two_stacks_are_made_at_the_same_time(backend: Backend, gate: Gate) -> None:
    one = backend.create("one", target(A=thing("A")))
    two = backend.create("two", target(B=thing("B")))
    assert gate.reached.wait(10)
    gate.opened.set()
    assert (settled(one), settled(two)) == ("CREATE_COMPLETE", "CREATE_COMPLETE")


def test_an_error_of_the_engine_itself_leaves_no_stack_in_progress(
    backend: Backend, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate.opened.set()
    monkeypatch.setattr(Runner, "_check_exports", lambda *_: 1 / 0)
    stack = backend.create("broken", target(A=thing("A")))
    assert settled(stack) == "CREATE_FAILED"
    assert stack.reason == "Internal failure of the local AWS"
    backend.delete(stack, frozenset(), None)
    assert settled(stack) == "DELETE_COMPLETE"
    assert gate.alive == {}


def test_a_name_is_free_again_when_its_stack_is_deleted(backend: Backend, gate: Gate) -> None:
    gate.opened.set()
    first = backend.create("name", target(A=thing("A")))
    settled(first)
    backend.delete(first, frozenset(), None)
    settled(first)
    second = backend.create("name", target(A=thing("A")))
    assert settled(second) == "CREATE_COMPLETE"
    assert backend.find("name") is second
    assert backend.find(first.id) is first
