"""One operation on a stack: its resources one after the other, and the way back.

Creation and update follow the dependencies, deletion goes against them. Every step that was
taken stays in `stack.undo` until an operation has succeeded, so a failure, a
ContinueUpdateRollback and a RollbackStack all go back the same way. What is replaced or
no longer wanted is deleted last, when nothing can fail any more.
"""

from __future__ import annotations

from typing import Any

from local.cloudformation import plan, preparation
from local.cloudformation.changes import Action
from local.cloudformation.errors import Failure, Invalid
from local.cloudformation.intrinsics import Scope, resolve
from local.cloudformation.preparation import Prepared
from local.cloudformation.stacks import Output, Resource, Stack, Target, Undo
from local.cloudformation.steps import Steps, World, reported, told

INITIATED = "User Initiated"


class Runner:
    """Operations on `stack`; each leaves it in a final state and never raises `Failure`."""

    def __init__(self, stack: Stack, world: World) -> None:
        self._stack = stack
        self._world = world
        self._steps = Steps(stack, world)

    def deploy(self, target: Target, prepared: Prepared) -> None:
        """Create the stack, or update it to `target`."""
        stack = self._stack
        verb = "CREATE" if stack.status == "REVIEW_IN_PROGRESS" else "UPDATE"
        if stack.status not in ("CREATE_FAILED", "UPDATE_FAILED"):
            stack.undo = []
        stack.enter(f"{verb}_IN_PROGRESS", INITIATED)
        try:
            outputs = self._advance(prepared, imports=target.imports)
        except Failure as failure:
            if stack.disable_rollback:
                stack.enter(f"{verb}_FAILED", failure.message)
            else:
                self.roll_back(failure.message)
            return
        stack.target, stack.parameters = target, prepared.shown
        stack.outputs, stack.imports = outputs, frozenset(prepared.imports)
        if verb == "UPDATE":
            stack.enter("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
            self._clean_up(prepared)
        stack.undo, stack.stable = [], True
        stack.enter(f"{verb}_COMPLETE")

    def delete(self, retained: frozenset[str] = frozenset()) -> None:
        """Delete the stack and all its resources but those that are retained."""
        stack, before = self._stack, self._stack.status
        stack.enter("DELETE_IN_PROGRESS", INITIATED)
        for output in stack.outputs:
            if output.export and (users := self._world.importers(output.export)):
                stack.enter(before, _in_use(output.export, users, "deleted"))
                return
        everything = stack.existing()
        kept = {it.logical_id for it in everything if it.deletion_policy != "Delete"}
        if failed := self._delete(everything, kept | retained):
            stack.enter("DELETE_FAILED", _failed("delete", failed))
            return
        stack.resources, stack.undo, stack.pending = {}, [], []
        stack.outputs, stack.imports = [], frozenset()
        stack.enter("DELETE_COMPLETE")

    def roll_back(self, reason: str = INITIATED, skipped: frozenset[str] = frozenset()) -> None:
        """Back to how the stack was before the steps it remembers; to nothing if it is new."""
        self._stack.begin(self._stack.token)
        if self._stack.stable:
            self._undo_update(reason, skipped)
        else:
            self._undo_creation(reason)

    # Forward ------------------------------------------------------------------------------

    def _advance(self, prepared: Prepared, *, imports: bool) -> list[Output]:
        scope = prepared.scope(self._reference, self._attribute)
        for logical_id in prepared.order:
            self._step(logical_id, prepared, scope, imports=imports)
        try:
            outputs = preparation.outputs(prepared.template, scope)
        except Invalid as error:
            raise Failure(error.message) from error
        self._check_exports(outputs)
        return outputs

    def _step(self, logical_id: str, prepared: Prepared, scope: Scope, *, imports: bool) -> None:
        """One resource as the template wants it; `Failure` names it when that fails."""
        current = self._stack.resources.get(logical_id)
        if current and current.status == "CREATE_FAILED":
            self._steps.delete(current)
            current = None
        wanted = _wanted(logical_id, prepared, current)
        try:
            with reported():
                provider = self._steps.provider(wanted.type)
                given = resolve(prepared.template.resources[logical_id].properties, scope)
                wanted.properties = provider.check(logical_id, given, prepared.tags)
                if current is None and imports and self._steps.adopt(wanted):
                    return
                if current is None:
                    self._steps.create(wanted)
                else:
                    self._change(current, wanted)
        except (Failure, Invalid) as error:
            self._fail(current, wanted, error)

    def _change(self, current: Resource, wanted: Resource) -> None:
        schema = self._steps.provider(wanted.type).schema
        found = plan.differences(schema, current.properties, wanted.properties)
        match plan.action(found):
            case Action.REPLACE:
                self._steps.create(wanted, current)
            case Action.UPDATE:
                self._steps.update(current, wanted)
            case _:
                self._steps.keep(current, wanted)

    def _fail(self, current: Resource | None, wanted: Resource, error: Failure | Invalid) -> None:
        deed = "update" if current else "create"
        self._stack.note(wanted, f"{deed.upper()}_FAILED", told(error))
        if current is None and wanted.logical_id not in self._stack.resources:
            self._stack.resources[wanted.logical_id] = wanted
            self._stack.undo.append(Undo(before=None, after=wanted, made=True))
        raise Failure(_failed(deed, [wanted.logical_id])) from error

    def _check_exports(self, outputs: list[Output]) -> None:
        """`Failure` when an export that others import would change or go, or is another's."""
        exports = {it.export: it.value for it in outputs if it.export}
        for name in exports:
            if (owner := self._world.exporter(name)) not in (None, self._stack.name):
                raise Failure(f"Export with name {name} is already exported by stack {owner}.")
        for old in self._stack.outputs:
            if old.export and exports.get(old.export) != old.value:
                deed = "updated" if old.export in exports else "deleted"
                if users := self._world.importers(old.export):
                    raise Failure(_in_use(old.export, users, deed))

    def _clean_up(self, prepared: Prepared) -> None:
        """Delete what was replaced or is no longer wanted; what cannot be is left behind."""
        stack = self._stack
        gone = [it for name, it in stack.resources.items() if name not in prepared.waits]
        for resource in gone:
            del stack.resources[resource.logical_id]
        replaced = [step.before for step in stack.undo if step.made and step.before]
        kept = {it.logical_id for it in gone if it.deletion_policy != "Delete"}
        kept |= {it.logical_id for it in replaced if it.update_replace_policy != "Delete"}
        self._delete(gone + replaced, kept)

    # Back ---------------------------------------------------------------------------------

    def _undo_creation(self, reason: str) -> None:
        """Delete everything, but for what Retain keeps even now."""
        stack = self._stack
        stack.enter("ROLLBACK_IN_PROGRESS", f"{reason} Rollback requested by user.")
        everything = stack.existing()
        if failed := self._delete(everything, _retained(everything)):
            stack.enter("ROLLBACK_FAILED", _failed("delete", failed))
            return
        stack.resources, stack.undo = {}, []
        stack.enter("ROLLBACK_COMPLETE")

    def _undo_update(self, reason: str, skipped: frozenset[str]) -> None:
        """Every step taken back, the last one first; then delete what those steps had made."""
        stack = self._stack
        stack.enter("UPDATE_ROLLBACK_IN_PROGRESS", reason)
        while stack.undo:
            step = stack.undo[-1]
            name = step.after.logical_id
            if step.before is None:
                stack.resources.pop(name, None)
            elif not self._steps.restore(step, skip=name in skipped):
                stack.enter("UPDATE_ROLLBACK_FAILED", _failed("update", [name]))
                return
            if step.made:
                stack.pending.append(step.after)
            stack.undo.pop()
        stack.enter("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
        made, stack.pending = stack.pending, []
        new = [it for it in made if it.logical_id not in stack.resources]
        self._delete(made, _retained(new))
        stack.enter("UPDATE_ROLLBACK_COMPLETE")

    # Both ---------------------------------------------------------------------------------

    def _delete(self, resources: list[Resource], kept: set[str] | frozenset[str]) -> list[str]:
        """Delete against the dependencies; the logical ids of those that could not be.

        What a resource waits for stays when the resource itself could not be deleted.
        """
        failed: list[str] = []
        held: set[str] = set()
        for resource in preparation.latest_first(resources):
            name = resource.logical_id
            if name in kept:
                self._stack.note(resource, "DELETE_SKIPPED")
            elif name in held:
                held |= resource.waits_for
                continue
            elif not self._steps.delete(resource):
                failed.append(name)
                held |= resource.waits_for
                continue
            if self._stack.resources.get(name) is resource:
                del self._stack.resources[name]
        return failed

    def _reference(self, logical_id: str) -> Any:
        return self._stack.resources[logical_id].physical_id

    def _attribute(self, logical_id: str, attribute: str) -> Any:
        return preparation.attribute(self._stack.resources[logical_id], attribute)


def _wanted(logical_id: str, prepared: Prepared, current: Resource | None) -> Resource:
    """The resource that is declared, with everything but its resolved properties."""
    declaration = prepared.template.resources[logical_id]
    return Resource(
        logical_id=logical_id,
        type=declaration.type,
        physical_id=current.physical_id if current else "",
        attributes=current.attributes if current else {},
        waits_for=frozenset(prepared.waits[logical_id]),
        deletion_policy=declaration.deletion_policy,
        update_replace_policy=declaration.update_replace_policy,
        metadata=declaration.metadata,
    )


def _retained(resources: list[Resource]) -> set[str]:
    """What is kept even though the operation that made it goes back."""
    return {it.logical_id for it in resources if it.deletion_policy == "Retain"}


def _failed(deed: str, names: list[str]) -> str:
    return f"The following resource(s) failed to {deed}: [{', '.join(names)}]."


def _in_use(export: str, users: list[str], deed: str) -> str:
    return f"Export {export} cannot be {deed} as it is in use by {', '.join(users)}"
