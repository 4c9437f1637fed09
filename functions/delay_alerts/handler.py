"""Wiring of the delay alerts: flights in, alerts out on their own stream."""

from functools import cache, partial
from typing import TYPE_CHECKING, Any

from events.decoding import Decoder
from events.flight.event import Flight
from functions.delay_alerts.alerts import alert
from functions.delay_alerts.settings import Settings
from functions.shared import tools
from functions.shared.emitter import Emitter
from functions.shared.ledger import settle
from functions.shared.processor import emit, process

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SERVICE = "delay_alerts"

logger = tools.logger(SERVICE)
tracer = tools.tracer(SERVICE)
decoder = Decoder(Flight)


@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
@logger.inject_lambda_context(log_event=False)
def handler(event: dict[str, Any], _context: "LambdaContext") -> dict[str, Any]:
    """Answer a batch of the event source mapping."""
    batch = process(event, decoder, partial(alert, late_minutes=_settings().late_minutes))
    emit(batch, _emitter())
    return settle(batch, logger, SERVICE)


@cache
def _settings() -> Settings:
    return Settings.read()


@cache
def _emitter() -> Emitter:
    """One per execution environment, and with it one connection."""
    return Emitter.to(_settings().stream_name)
