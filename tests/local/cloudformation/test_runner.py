"""The engine on a world of things: order, failures at every step, and the way back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.local.cloudformation.things import World, thing

LABELS = "ABCDEFGH"
Resources = dict[str, Any]


@st.composite
def resources(draw: st.DrawFn) -> Resources:
    """Some of the things A to H; each refers to earlier ones, or depends on them."""
    chosen = draw(st.lists(st.sampled_from(LABELS), unique=True, min_size=1))
    found: Resources = {}
    for label in sorted(chosen):
        earlier = st.lists(st.sampled_from(sorted(found)), unique=True) if found else st.just([])
        found[label] = thing(
            label,
            *draw(earlier),
            Value=draw(st.sampled_from(["x", "y"])),
            Key=draw(st.sampled_from(["k", "l"])),
        ) | {"DependsOn": draw(earlier)}
    shuffled = draw(st.permutations(sorted(found)))
    return {label: found[label] for label in shuffled}


def waits(declared: Resources, label: str) -> set[str]:
    links = {it["Ref"] for it in declared[label]["Properties"]["Links"]}
    return links | set(declared[label]["DependsOn"])


def state(world: World) -> dict[str, tuple[str, Any]]:
    """Per logical id the physical id and what there really is under it."""
    things = world.things.alive
    return {
        name: (it.physical_id, things.get(it.physical_id))
        for name, it in world.stack.resources.items()
    }


@given(resources())
def test_things_are_made_after_and_deleted_before_those_they_refer_to(declared: Resources) -> None:
    world = World()
    assert world.deploy(declared) == "CREATE_COMPLETE"
    made = [label for deed, label in world.things.deeds if deed == "create"]
    assert sorted(made) == sorted(declared)
    assert all(made.index(it) < made.index(name) for name in made for it in waits(declared, name))
    assert world.delete() == "DELETE_COMPLETE"
    gone = [label for deed, label in world.things.deeds if deed == "delete"]
    assert sorted(gone) == sorted(declared)
    assert all(gone.index(name) < gone.index(it) for name in gone for it in waits(declared, name))
    assert world.things.alive == {}


@given(resources(), st.sampled_from(["create", "finish"]))
def test_whatever_fails_at_creation_nothing_remains(declared: Resources, deed: str) -> None:
    for label in declared:
        world = World()
        world.things.failing[label] = deed
        assert world.deploy(declared) == "ROLLBACK_COMPLETE"
        assert (world.things.alive, world.stack.resources) == ({}, {})
        assert (label, "CREATE_FAILED") in world.history()
        assert world.delete() == "DELETE_COMPLETE"


@given(resources(), resources())
def test_an_update_leaves_exactly_what_is_wanted(before: Resources, after: Resources) -> None:
    world = World()
    world.deploy(before)
    old = state(world)
    assert world.deploy(after) == "UPDATE_COMPLETE"
    new = state(world)
    assert new.keys() == after.keys()
    assert sorted(world.things.alive) == sorted(physical for physical, _ in new.values())
    for label, (physical, found) in new.items():
        wanted = after[label]["Properties"]
        links = [new[it["Ref"]][0] for it in wanted["Links"]]
        assert found == wanted | {"Links": links}
        if label in before:
            same_key = before[label]["Properties"]["Key"] == wanted["Key"]
            assert (physical == old[label][0]) is same_key


@settings(max_examples=200)
@given(resources(), resources(), st.sampled_from(["create", "finish", "update"]))
def test_whatever_fails_in_an_update_everything_is_as_before(
    before: Resources, after: Resources, deed: str
) -> None:
    for label in after:
        world = World()
        world.deploy(before)
        old = state(world)
        world.things.failing[label] = deed
        status = world.deploy(after)
        if status == "UPDATE_COMPLETE":
            continue  # nothing of that kind happened to this one
        assert status == "UPDATE_ROLLBACK_COMPLETE"
        assert state(world) == old
        assert sorted(world.things.alive) == sorted(physical for physical, _ in old.values())
        world.things.failing.clear()
        assert world.deploy(after) == "UPDATE_COMPLETE"


def test_the_history_of_a_creation_that_fails() -> None:
    world = World()
    world.things.failing["B"] = "finish"
    world.deploy({"B": thing("B", "A"), "A": thing("A"), "C": thing("C", "B")})
    reasons = {it.status: it.reason for it in world.stack.events if it.logical_id == "stack"}
    failed = next(it.reason for it in world.stack.events if it.status == "CREATE_FAILED")
    assert failed == "B cannot finish"
    assert reasons["ROLLBACK_IN_PROGRESS"] == (
        "The following resource(s) failed to create: [B]. Rollback requested by user."
    )
    assert world.history() == [
        ("stack", "CREATE_IN_PROGRESS"),
        ("A", "CREATE_IN_PROGRESS"),
        ("A", "CREATE_IN_PROGRESS"),
        ("A", "CREATE_COMPLETE"),
        ("B", "CREATE_IN_PROGRESS"),
        ("B", "CREATE_IN_PROGRESS"),
        ("B", "CREATE_FAILED"),
        ("stack", "ROLLBACK_IN_PROGRESS"),
        ("B", "DELETE_IN_PROGRESS"),
        ("B", "DELETE_COMPLETE"),
        ("A", "DELETE_IN_PROGRESS"),
        ("A", "DELETE_COMPLETE"),
        ("stack", "ROLLBACK_COMPLETE"),
    ]


def test_the_history_of_a_replacement() -> None:
    world = World()
    world.deploy({"A": thing("A", Key="k"), "B": thing("B", "A"), "C": thing("C")})
    world.history()
    world.deploy({"A": thing("A", Key="l"), "B": thing("B", "A")})
    assert world.things.deeds[-5:] == [
        ("create", "A"),
        ("finish", "A"),
        ("update", "B"),
        ("delete", "A"),
        ("delete", "C"),
    ]
    assert world.history() == [
        ("stack", "UPDATE_IN_PROGRESS"),
        ("A", "UPDATE_IN_PROGRESS"),
        ("A", "UPDATE_IN_PROGRESS"),
        ("A", "UPDATE_COMPLETE"),
        ("B", "UPDATE_IN_PROGRESS"),
        ("B", "UPDATE_COMPLETE"),
        ("stack", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
        ("A", "DELETE_IN_PROGRESS"),
        ("A", "DELETE_COMPLETE"),
        ("C", "DELETE_IN_PROGRESS"),
        ("C", "DELETE_COMPLETE"),
        ("stack", "UPDATE_COMPLETE"),
    ]


def test_an_unknown_type_fails_by_its_name_and_goes_back() -> None:
    world = World()
    unknown = {"Type": "AWS::Mars::Rover", "DependsOn": "A"}
    assert world.deploy({"A": thing("A"), "Rover": unknown}) == "ROLLBACK_COMPLETE"
    failed = [(it.logical_id, it.reason) for it in world.stack.events if "FAILED" in it.status]
    assert failed == [("Rover", "Resource type AWS::Mars::Rover is not supported by the local AWS")]
    assert world.things.alive == {}


def test_an_error_of_a_provider_itself_fails_the_resource() -> None:
    world = World()
    world.things.failing = None  # type: ignore[assignment]  # so that every deed raises
    assert world.deploy({"A": thing("A")}) == "ROLLBACK_COMPLETE"
    reasons = [it.reason for it in world.stack.events if it.status == "CREATE_FAILED"]
    assert reasons[0] and reasons[0].startswith("Internal failure of the local AWS: Attribute")


@pytest.mark.parametrize(
    ("policy", "kept_by_deletion", "kept_by_rollback"),
    [("Delete", False, False), ("Retain", True, True), ("RetainExceptOnCreate", True, False)],
)
def test_a_deletion_policy_keeps_what_it_says(
    policy: str, kept_by_deletion: bool, kept_by_rollback: bool
) -> None:
    kept = thing("A") | {"DeletionPolicy": policy}
    world = World()
    world.deploy({"A": kept})
    assert world.delete() == "DELETE_COMPLETE"
    assert bool(world.things.alive) is kept_by_deletion
    world = World()
    world.things.failing["B"] = "create"
    assert world.deploy({"A": kept, "B": thing("B", "A")}) == "ROLLBACK_COMPLETE"
    assert bool(world.things.alive) is kept_by_rollback
    world = World()
    world.deploy({"A": kept, "B": thing("B")})
    assert world.deploy({"B": thing("B")}) == "UPDATE_COMPLETE"
    assert len(world.things.alive) == 1 + kept_by_deletion


def test_a_replaced_thing_stays_when_its_update_replace_policy_says_so() -> None:
    world = World()
    kept = {"UpdateReplacePolicy": "Retain"}
    world.deploy({"A": thing("A", Key="k") | kept})
    world.deploy({"A": thing("A", Key="l") | kept})
    assert [it["Key"] for it in world.things.alive.values()] == ["k", "l"]
    assert ("A", "DELETE_SKIPPED") in world.history()


def test_a_named_thing_cannot_be_replaced_under_the_same_name() -> None:
    world = World()
    world.deploy({"A": thing("A", Key="k", Name="one")})
    assert world.deploy({"A": thing("A", Key="l", Name="one")}) == "UPDATE_ROLLBACK_COMPLETE"
    failed = [it.reason for it in world.stack.events if it.status == "UPDATE_FAILED"]
    assert failed == [
        "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
        "Rename one and update the stack again."
    ]
    assert world.deploy({"A": thing("A", Key="l", Name="two")}) == "UPDATE_COMPLETE"


def test_what_a_thing_depends_on_stays_when_it_cannot_be_deleted() -> None:
    world = World()
    world.deploy({"A": thing("A"), "B": thing("B", "A"), "C": thing("C")})
    world.things.failing["B"] = "delete"
    assert world.delete() == "DELETE_FAILED"
    assert world.stack.reason == "The following resource(s) failed to delete: [B]."
    assert sorted(world.stack.resources) == ["A", "B"]
    assert world.delete("B") == "DELETE_COMPLETE"
    assert [it["Label"] for it in world.things.alive.values()] == ["B"]


def test_a_rollback_that_fails_can_be_finished_by_deleting_the_stack() -> None:
    world = World()
    world.things.failing = {"A": "delete", "B": "create"}
    assert world.deploy({"A": thing("A"), "B": thing("B", "A")}) == "ROLLBACK_FAILED"
    world.things.failing.clear()
    assert world.delete() == "DELETE_COMPLETE"
    assert world.things.alive == {}


def test_a_way_back_that_fails_is_taken_up_again() -> None:
    world = World()
    old = {"A": thing("A", Value="x"), "B": thing("B", "A", Value="x")}
    new = {"A": thing("A", Value="y"), "B": thing("B", "A", Value="y"), "C": thing("C", "B")}
    world.deploy(old)
    before = state(world)
    world.things.failing = {"C": "create"}
    broken = world.things.update

    def update(aws: Any, physical_id: str, old: Any, new: Any) -> None:
        if new["Label"] == "A" and new["Value"] == "x":
            raise RuntimeError("no way back")
        broken(aws, physical_id, old, new)

    world.things.update = update  # type: ignore[method-assign]
    assert world.deploy(new) == "UPDATE_ROLLBACK_FAILED"
    assert world.stack.reason == "The following resource(s) failed to update: [A]."
    world.things.update = broken  # type: ignore[method-assign]
    assert world.roll_back() == "UPDATE_ROLLBACK_COMPLETE"
    assert state(world) == before


def test_a_resource_may_be_skipped_on_the_way_back() -> None:
    world = World()
    world.deploy({"A": thing("A", Value="x")})

    def never(*_: Any) -> None:
        raise RuntimeError("never")

    world.things.update = never  # type: ignore[method-assign, assignment]
    assert world.deploy({"A": thing("A", Value="y")}) == "UPDATE_ROLLBACK_FAILED"
    assert world.roll_back("A") == "UPDATE_ROLLBACK_COMPLETE"
    skipped = [it.reason for it in world.stack.events if it.reason and "skipped" in it.reason]
    assert skipped == ["Resource skipped during UpdateRollback"]


def test_without_rollback_everything_stays_until_the_next_deployment_or_rollback() -> None:
    world = World()
    world.stack.disable_rollback = True
    world.things.failing["B"] = "finish"
    declared = {"A": thing("A"), "B": thing("B", "A"), "C": thing("C", "B")}
    assert world.deploy(declared) == "CREATE_FAILED"
    assert len(world.things.alive) == 2
    world.things.failing.clear()
    assert world.deploy(declared) == "UPDATE_COMPLETE"
    assert sorted(it["Label"] for it in world.things.alive.values()) == ["A", "B", "C"]
    old = state(world)
    world.things.failing["C"] = "update"
    changed = {label: thing(label, Value="y", Key="l") for label in "AB"} | {
        "C": thing("C", "B", Value="y")
    }
    assert world.deploy(changed) == "UPDATE_FAILED"
    assert world.roll_back() == "UPDATE_ROLLBACK_COMPLETE"
    assert state(world) == old
    assert len(world.things.alive) == 3


def test_only_the_metadata_of_a_thing_changes() -> None:
    world = World()
    world.deploy({"A": thing("A") | {"Metadata": {"path": "x"}}})
    deeds = list(world.things.deeds)
    world.history()
    assert world.deploy({"A": thing("A") | {"Metadata": {"path": "y"}}}) == "UPDATE_COMPLETE"
    assert world.things.deeds == deeds
    assert world.stack.resources["A"].metadata == {"path": "y"}
    assert ("A", "UPDATE_COMPLETE") in world.history()


def test_an_export_that_is_imported_may_neither_change_nor_go() -> None:
    world = World(others={"e": ["reader", "writer"]})

    def exported(value: str) -> dict[str, Any]:
        return {"Out": {"Value": value, "Export": {"Name": "e"}}}

    assert world.deploy({"A": thing("A")}, Outputs=exported("one")) == "CREATE_COMPLETE"
    again = {"A": thing("A", Value="y")}
    assert world.deploy(again, Outputs=exported("two")) == "UPDATE_ROLLBACK_COMPLETE"
    assert world.deploy(again) == "UPDATE_ROLLBACK_COMPLETE"
    assert world.delete() == "UPDATE_ROLLBACK_COMPLETE"
    reasons = [it.reason for it in world.stack.events if it.reason and "Export" in it.reason]
    assert reasons == [
        "Export e cannot be updated as it is in use by reader, writer",
        "Export e cannot be deleted as it is in use by reader, writer",
        "Export e cannot be deleted as it is in use by reader, writer",
    ]
    world.others.clear()
    assert world.delete() == "DELETE_COMPLETE"


def test_an_export_of_another_stack_cannot_be_exported_again() -> None:
    world = World(exports={"e": "one"})
    outputs = {"Out": {"Value": "x", "Export": {"Name": "e"}}}
    assert world.deploy({"A": thing("A")}, Outputs=outputs) == "ROLLBACK_COMPLETE"
    assert world.things.alive == {}


def test_a_value_of_another_stack_that_is_not_there_fails_the_resource() -> None:
    world = World()
    reader = thing("A", Value={"Fn::ImportValue": "e"})
    assert world.deploy({"A": reader}) == "ROLLBACK_COMPLETE"
    assert [it.reason for it in world.stack.events if it.status == "CREATE_FAILED"] == [
        "No export named e found."
    ]
