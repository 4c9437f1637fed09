"""Keys and limits, by a clock of the test's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from local.apigateway.errors import Refused
from local.apigateway.plans import Gate


@dataclass
class Key:
    value: str = "secret"
    enabled: bool = True


@dataclass
class Plan:
    id: str = "plan"
    api_stages: list[dict[str, str]] = field(
        default_factory=lambda: [{"apiId": "api", "stage": "v1"}]
    )
    throttle: dict[str, Any] = field(default_factory=dict)
    quota: dict[str, Any] = field(default_factory=dict)


@dataclass
class Backend:
    """What of moto's is looked at."""

    plan: Plan = field(default_factory=Plan)
    key: Key = field(default_factory=Key)

    @property
    def usage_plans(self) -> dict[str, Plan]:
        return {"plan": self.plan}

    @property
    def usage_plan_keys(self) -> dict[str, dict[str, object]]:
        return {"plan": {"key": object()}}

    @property
    def keys(self) -> dict[str, Key]:
        return {"key": self.key}


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def refusal(gate: Gate, backend: Backend, value: str | None = "secret", stage: str = "v1") -> Any:
    """The status and sentence that a call gets, None when it is let through."""
    try:
        assert gate.admit(backend, "api", stage, value, {}) == "key"
    except Refused as refused:
        return refused.status, refused.message
    return None


@pytest.mark.parametrize(
    ("backend", "value", "stage"),
    [
        (Backend(), None, "v1"),
        (Backend(), "other", "v1"),
        (Backend(), "secret", "v2"),
        (Backend(key=Key(enabled=False)), "secret", "v1"),
        (Backend(plan=Plan(api_stages=[])), "secret", "v1"),
    ],
)
def test_a_key_must_be_of_a_plan_of_the_stage(backend: Backend, value: Any, stage: str) -> None:
    gate = Gate(Clock())
    assert refusal(gate, Backend()) is None
    assert refusal(gate, backend, value, stage) == (403, "Forbidden")


def test_a_burst_is_used_up_and_filled_again_at_the_rate() -> None:
    clock, backend = Clock(), Backend(plan=Plan(throttle={"rateLimit": 2, "burstLimit": 3}))
    gate = Gate(clock)
    assert [refusal(gate, backend) for _ in range(4)] == [
        *(None, None, None),
        (429, "Too Many Requests"),
    ]
    clock.now = 0.5
    assert refusal(gate, backend) is None
    assert refusal(gate, backend) == (429, "Too Many Requests")
    clock.now = 60
    assert [refusal(gate, backend) for _ in range(4)].count(None) == 3


def test_a_quota_is_of_its_period() -> None:
    clock, backend = Clock(), Backend(plan=Plan(quota={"limit": 2, "period": "DAY"}))
    gate = Gate(clock)
    assert [refusal(gate, backend) for _ in range(3)] == [None, None, (429, "Limit Exceeded")]
    clock.now = 86_399
    assert refusal(gate, backend) == (429, "Limit Exceeded")
    clock.now = 86_400
    assert refusal(gate, backend) is None


def test_a_stage_has_limits_of_its_own() -> None:
    gate = Gate(Clock())
    settings = {"throttlingRateLimit": 1.0, "throttlingBurstLimit": 1}
    gate.throttle("api", "v1", settings)
    with pytest.raises(Refused, match="Too Many Requests"):
        gate.throttle("api", "v1", settings)
    gate.throttle("api", "v2", settings)
    gate.throttle("api", "v1", {})
