"""What a deployment changes: the difference between what is and what is wanted.

Pure. The same comparison decides when a change set is described and, with every value known,
when a resource's turn comes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from typing import Any

from local.cloudformation.changes import Action, Change, Difference
from local.cloudformation.intrinsics import Later, Scope, laters, resolve
from local.cloudformation.preparation import Prepared, attribute, latest_first
from local.cloudformation.schema import Schema
from local.cloudformation.stacks import Resource
from local.cloudformation.template import Declaration

Fit = Callable[[str, Declaration, Any], tuple[Schema | None, dict[str, Any]]]
"""The schema of a declared resource's type, and its resolved properties fitted to it."""


def changes(current: Mapping[str, Resource], prepared: Prepared, fit: Fit) -> list[Change]:
    """What a deployment would do, in its order: what it makes and changes, then deletes."""
    fresh: set[str] = set()
    known = scope(current, prepared, fresh)
    found = []
    for name in prepared.order:
        declared = prepared.template.resources[name]
        schema, wanted = fit(name, declared, resolve(declared.properties, known))
        change = _change(name, declared, schema, current.get(name), wanted)
        if change.action in (Action.CREATE, Action.REPLACE):
            fresh.add(name)
        if change.action is not Action.KEEP:
            found.append(change)
    gone = [it for name, it in current.items() if name not in prepared.waits]
    return found + [_removal(it) for it in latest_first(gone)]


def scope(
    current: Mapping[str, Resource], prepared: Prepared, fresh: Set[str] = frozenset()
) -> Scope:
    """What is known before a deployment; `fresh` resources exist, but will be made anew."""

    def reference(name: str) -> Any:
        known = name in current and name not in fresh
        return current[name].physical_id if known else Later(name)

    def attribute_of(name: str, wanted: str) -> Any:
        known = name in current and name not in fresh
        return attribute(current[name], wanted) if known else Later(name, wanted)

    return prepared.scope(reference, attribute_of)


def _change(
    name: str,
    declared: Declaration,
    schema: Schema | None,
    current: Resource | None,
    wanted: dict[str, Any],
) -> Change:
    if current is None or schema is None:
        return Change(logical_id=name, type=declared.type, action=Action.CREATE)
    found = differences(schema, current.properties, wanted)
    parts = {
        "Properties": bool(found),
        "Metadata": current.metadata != declared.metadata,
        "DeletionPolicy": current.deletion_policy != declared.deletion_policy,
        "UpdateReplacePolicy": current.update_replace_policy != declared.update_replace_policy,
    }
    scope = tuple(part for part, differs in parts.items() if differs)
    does = action(found)
    return Change(
        logical_id=name,
        type=declared.type,
        action=Action.UPDATE if does is Action.KEEP and scope else does,
        physical_id=current.physical_id,
        retained=declared.update_replace_policy != "Delete",
        differences=found,
        scope=scope,
    )


def _removal(resource: Resource) -> Change:
    return Change(
        logical_id=resource.logical_id,
        type=resource.type,
        action=Action.DELETE,
        physical_id=resource.physical_id,
        retained=resource.deletion_policy != "Delete",
    )


def differences(
    schema: Schema, old: Mapping[str, Any], new: Mapping[str, Any]
) -> tuple[Difference, ...]:
    """The top-level properties in which `old` and `new` differ, by name."""
    return tuple(
        Difference(
            property=name,
            before=old.get(name),
            after=new.get(name),
            recreates=_recreates(schema, name, old, new),
            cause=next(laters(new.get(name)), None),
        )
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    )


def action(found: tuple[Difference, ...]) -> Action:
    """What differences of an existing resource amount to."""
    if any(it.recreates for it in found):
        return Action.REPLACE
    return Action.UPDATE if found else Action.KEEP


def _recreates(schema: Schema, name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    paths = (path for path in schema.create_only if path[0] == name)
    return any(_at(old, path) != _at(new, path) for path in paths)


def _at(tree: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        if isinstance(tree, Later):
            return tree
        tree = tree.get(step) if isinstance(tree, Mapping) else None
    return tree
