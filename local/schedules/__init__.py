"""EventBridge rules with a schedule, fired: their Lambda targets are invoked asynchronously.

`expressions` and `clock` are the rules, pure; `rules` carries them out on what moto stores. AWS
fires within a minute of the instant and sometimes more than once; here it is at the instant, once.
"""

from __future__ import annotations

from local.schedules import rules

_running: rules.Scheduler | None = None


def install() -> None:
    global _running
    stop()
    _running = rules.Scheduler()
    rules.install(_running)
    _running.start()


def stop() -> None:
    global _running
    running, _running = _running, None
    if running:
        running.stop()
