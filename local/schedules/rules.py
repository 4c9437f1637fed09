"""EventBridge rules with a schedule: what moto stores is fired; the rest is refused by name."""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import wraps
from typing import Any

from moto.events.exceptions import ValidationException
from moto.events.models import EventsBackend, Rule, events_backends

from local import functions, metrics, settings
from local.patching import replace
from local.schedules.clock import Clock
from local.schedules.expressions import InvalidExpression, parse

LOG = logging.getLogger(__name__)

LONGEST_SECONDS = 3_600.0
"""The longest sleep: the machine's clock may be set meanwhile."""

TARGET = {"Arn", "Id", "Input"}
"""What of a target is carried out."""

PUT_RULE, PUT_TARGETS = EventsBackend.put_rule, EventsBackend.put_targets
CHANGING = ("delete_rule", "disable_rule", "enable_rule")
OTHERS = {name: getattr(EventsBackend, name) for name in CHANGING}


@dataclass
class Scheduler:
    """Fires the rules that moto holds, by the time that `now` tells (epoch seconds)."""

    now: Callable[[], float] = time.time
    submit: Callable[[str, bytes], functions.Invocation] = functions.submit
    _clock: Clock = field(default_factory=Clock)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _ended: bool = False

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="schedules", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._thread.join()

    def changed(self) -> None:
        """Rules may have changed: look at them."""
        with self._changed:
            self._clock.follow(self.now(), {it.arn: it.scheduled_expression for it in enabled()})
            self._changed.notify_all()

    def turn(self) -> float:
        """Fire what is due; the seconds until something is due again."""
        rules = {rule.arn: rule for rule in enabled()}
        for arn, due in self._clock.fired(self.now()):
            if rule := rules.get(arn):
                self._fire(rule, due)
        soonest = self._clock.wakeup()
        left = LONGEST_SECONDS if soonest is None else soonest - self.now()
        return min(max(left, 0.0), LONGEST_SECONDS)

    def _run(self) -> None:
        with self._changed:
            while not self._ended:
                self._changed.wait(self.turn())

    def _fire(self, rule: Rule, due: float) -> None:
        counted = {"TriggeredRules": 1}
        for target in list(rule.targets):
            text = target.get("Input")
            payload = text.encode() if text is not None else event(rule, due)
            answer = self.submit(target["Arn"], payload)
            taken = answer.status == 202
            if not taken:
                LOG.warning("rule %s could not invoke %s", rule.name, target["Arn"])
            name = "Invocations" if taken else "FailedInvocations"
            counted[name] = counted.get(name, 0) + 1
        for name, count in counted.items():
            metrics.put("AWS/Events", name, count, "Count", {"RuleName": rule.name}, self.now())


def event(rule: Rule, due: float) -> bytes:
    """The event of a schedule, for a target without an input of its own."""
    at = datetime.fromtimestamp(due, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps(
        {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": rule.account_id,
            "time": at,
            "region": rule.region_name,
            "resources": [rule.arn],
            "detail": {},
        }
    ).encode()


def enabled() -> Iterator[Any]:
    """Every rule that has a schedule and is not disabled."""
    for backend in list(events_backends[settings.ACCOUNT].values()):
        for rule in list(backend.event_buses["default"].rules.values()):
            if rule.scheduled_expression and rule.state != "DISABLED":
                yield rule


def install(scheduler: Scheduler) -> None:
    """Let every change of a rule reach the scheduler, and refuse what it would not fire."""

    def then(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def call(*given: Any, **named: Any) -> Any:
            try:
                return method(*given, **named)
            finally:
                scheduler.changed()

        return call

    changing = {name: then(method) for name, method in OTHERS.items()}
    replace(EventsBackend, put_rule=then(put_rule), put_targets=put_targets, **changing)


def put_rule(self: EventsBackend, name: str, **given: Any) -> Rule:
    """PutRule, for a schedule."""
    if given.get("event_pattern"):
        raise ValidationException(
            "The local AWS does not support EventPattern: no rule gets events"
        )
    if expression := given.get("scheduled_expression"):
        try:
            parse(expression)
        except InvalidExpression as error:
            raise ValidationException(str(error)) from error
    return PUT_RULE(self, name, **given)


def put_targets(
    self: EventsBackend, name: str, event_bus_arn: str | None, targets: list[dict[str, Any]]
) -> None:
    """PutTargets, for functions and constant inputs."""
    for target in targets:
        if ":lambda:" not in target["Arn"]:
            raise ValidationException(
                "The local AWS supports functions as targets of rules, not "
                f"{target['Arn'].split(':')[2]}"
            )
        for key in sorted(target.keys() - TARGET):
            raise ValidationException(f"The local AWS does not support {key} of a rule's target")
        try:
            json.loads(target.get("Input") or "{}")
        except ValueError as error:
            words = f"JSON syntax error in input for target {target['Id']}"
            raise ValidationException(words) from error
    PUT_TARGETS(self, name, event_bus_arn, targets)
