"""Wiring of the canary score: telemetry in, verdicts out on their own stream, a person told once.

The event source mapping invokes it with records; a person's command with a question.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from valkey import Valkey

from events.decoding import Decoder
from events.device_telemetry.event import DeviceTelemetry
from events.release import Trial, open_trials
from functions.release_health.answering import answer, is_question
from functions.release_health.cache import Address, Cache, Unavailable, connect
from functions.release_health.credentials import IamCredentials
from functions.release_health.gathering import Gathering
from functions.release_health.looks import Looks
from functions.release_health.settings import Settings
from functions.release_health.state import State
from functions.release_health.trials import Trials
from functions.release_health.watching import Watcher
from functions.shared import tools
from functions.shared.emitter import Emitter
from functions.shared.ledger import described, settle
from functions.shared.processor import Batch, process, records

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SERVICE = "release_health"
QUICK = Config(connect_timeout=1, read_timeout=5, retries={"total_max_attempts": 3})

logger = tools.logger(SERVICE)
tracer = tools.tracer(SERVICE)
decoder = Decoder(DeviceTelemetry)


@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
@logger.inject_lambda_context(log_event=False)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer a batch of the event source mapping, or a question."""
    registry = _trials().current()
    if is_question(event):
        return answer(event, registry, _watcher())
    gathering = Gathering(open_trials(registry, datetime.now(UTC)))
    batch: Batch[Any] = process(event, decoder, gathering.take)
    if any(course.reports for course in gathering.courses):
        _count(gathering, batch, event)
    counts = asdict(gathering.tally())
    tools.count(
        {f"Reports{name.capitalize()}": number for name, number in counts.items()},
        Function=SERVICE,
    )
    return settle(batch, logger, SERVICE)


def _count(gathering: Gathering, batch: Batch[Any], event: dict[str, Any]) -> None:
    """Bring the batch to the state; where that fails all of it is tried again."""
    watcher = _watcher()
    try:
        watcher.state.apply(gathering.courses)
    except Unavailable as error:
        first, _, _ = next(records(event))
        batch.fail(first, error, 0)
        return
    for course in gathering.courses:
        if course.tally.counted:
            _look(watcher, course.trial)


def _look(watcher: Watcher, trial: Trial) -> None:
    """A look that fails stops nothing: what it saw is still there for the next."""
    failed = 0
    looked = None
    try:
        looked = watcher.look(trial)
    except Exception as error:
        failed = 1
        logger.error(  # noqa: TRY400  a traceback may quote what it was about
            "a look failed: the next one will say it",
            extra={"trial": trial.number, "error": described(error)},
        )
    if looked or failed:
        tools.count(
            {
                "Looks": int(looked is not None),
                "LooksFailed": failed,
                "VerdictsTold": int(looked is not None and looked.told),
                "VerdictAlerts": int(looked is not None and looked.alerted),
            },
            Function=SERVICE,
        )


@cache
def _settings() -> Settings:
    return Settings.read()


@cache
def _trials() -> Trials:
    return Trials(boto3.client("s3", config=QUICK), _settings().bucket)


@cache
def _watcher() -> Watcher:
    """One per execution environment, and with it one connection to the cache."""
    settings = _settings()
    host, port = settings.valkey_address.rsplit(":", 1)
    credentials = IamCredentials(settings.valkey_user, settings.valkey_name)

    def opened(address: Address) -> Valkey:
        return connect(address, credentials, tls=True)

    valkey = Cache((host, int(port)), opened)
    topic = boto3.client("sns", config=QUICK)

    def publish(subject: str, text: str) -> None:
        topic.publish(TopicArn=settings.topic_arn, Subject=subject, Message=text)

    return Watcher(
        state=State(valkey),
        looks=Looks(valkey),
        put=Emitter.to(settings.stream_name),
        publish=publish,
        look_milliseconds=settings.look_milliseconds,
        tell_seconds=settings.tell_seconds,
    )
