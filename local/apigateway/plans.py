"""Who may call, and how often: API keys, usage plans, and the throttles of stages.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-throttling.html
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from local.apigateway import errors
from local.kinesis.limits import Bucket

PERIODS = {"DAY": 86_400.0, "WEEK": 7 * 86_400.0, "MONTH": 30 * 86_400.0}


@dataclass(slots=True)
class Used:
    """Calls since the beginning of a period."""

    since: float
    calls: int = 0


@dataclass(slots=True)
class Gate:
    """Lets calls through by the clock `now`, in seconds; raises Refused for the others."""

    now: Callable[[], float]
    _buckets: dict[tuple[str, ...], Bucket] = field(default_factory=dict)
    _used: dict[tuple[str, str], Used] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admit(
        self, backend: Any, api: str, stage: str, value: str | None, settings: dict[str, Any]
    ) -> str:
        """The id of the key that is named by its value, when a plan of the stage has it."""
        key, plan = _planned(backend, api, stage, value)
        self._limit(plan, key, api, stage)
        self.throttle(api, stage, settings)
        return key

    def throttle(self, api: str, stage: str, settings: dict[str, Any]) -> None:
        """The limits of the stage itself."""
        rate = settings.get("throttlingRateLimit")
        if rate is not None:
            burst = settings.get("throttlingBurstLimit", rate)
            self._take(("stage", api, stage), float(rate), float(burst))

    def _limit(self, plan: Any, key: str, api: str, stage: str) -> None:
        throttle = plan.throttle or {}
        if "rateLimit" in throttle:
            burst = float(throttle.get("burstLimit", throttle["rateLimit"]))
            self._take((plan.id, key, api, stage), float(throttle["rateLimit"]), burst)
        quota = plan.quota or {}
        if "limit" in quota:
            self._count(plan.id, key, int(quota["limit"]), PERIODS[quota["period"]])

    def _take(self, what: tuple[str, ...], rate: float, burst: float) -> None:
        with self._lock:
            bucket = self._buckets.get(what)
            if bucket is None or (bucket.rate, bucket.capacity) != (rate, burst):
                bucket = self._buckets[what] = Bucket(rate, burst)
            if bucket.level(self.now()) < 1:
                raise errors.throttled()
            bucket.spend(1)

    def _count(self, plan: str, key: str, limit: int, seconds: float) -> None:
        with self._lock:
            now = self.now()
            used = self._used.setdefault((plan, key), Used(now))
            if now - used.since >= seconds:
                used.since, used.calls = now, 0
            if used.calls >= limit:
                raise errors.exceeded()
            used.calls += 1


def _planned(backend: Any, api: str, stage: str, value: str | None) -> tuple[str, Any]:
    for plan in backend.usage_plans.values():
        stages = {(it["apiId"], it["stage"]) for it in plan.api_stages or ()}
        if (api, stage) not in stages:
            continue
        for number in backend.usage_plan_keys.get(plan.id, {}):
            key = backend.keys.get(number)
            if key is not None and key.enabled and value is not None and key.value == value:
                return str(number), plan
    raise errors.forbidden()
