"""The local AWS: one process, one port, our services first and moto for the rest."""

import gzip
import logging
from contextlib import ExitStack
from dataclasses import replace
from types import ModuleType
from typing import Any, Self

from local import (
    apigateway,
    athena,
    cache,
    cloudformation,
    delivery,
    fallback,
    functions,
    kinesis,
    mapping,
    notifications,
    queues,
    refusals,
    routes,
    schedules,
    settings,
)
from local.http import Request, Response, Server
from local.settings import Settings

LOG = logging.getLogger(__name__)
HEALTH = "/_headrace/health"

PARTS: tuple[ModuleType, ...] = (
    cloudformation,
    cache,
    queues,
    notifications,
    kinesis,
    apigateway,
    functions,
    athena,
    delivery,
    mapping,
    schedules,
)
"""Every part, in the order in which they start; they stop in the reverse order."""


class LocalAWS:
    """The local AWS inside this process (one at a time: moto's state is the process's).

    with LocalAWS(port=0) as aws:
        aws.endpoint, aws.env, aws.client("kinesis")
    """

    def __init__(self, **options: Any) -> None:
        """`options` are those of `Settings`; port 0 picks a free one.

        Raises OSError when the port is taken.
        """
        wanted = Settings(**options)
        self._ending = ExitStack()
        self._server = Server(wanted.host, wanted.port, respond)
        self.settings = replace(wanted, port=self._server.port)

    @property
    def endpoint(self) -> str:
        return self.settings.endpoint

    @property
    def env(self) -> dict[str, str]:
        return self.settings.environment

    def client(self, service: str, **options: Any) -> Any:
        """A boto3 client of this local AWS; `options` are boto3's."""
        return settings.client(self.settings, service, **options)

    def start(self) -> None:
        """Install every part, then answer; a part that fails ends those before it."""
        settings.use(self.settings)
        with ExitStack() as ending:
            ending.callback(fallback.reset)
            ending.callback(self._server.stop)
            for part in PARTS:
                part.install()
                if hasattr(part, "stop"):
                    ending.callback(part.stop)
            self._server.start()
            self._ending = ending.pop_all()

    def stop(self) -> None:
        """Parts first (they may need the port to finish their work), then the port.

        A part that fails to stop does not keep the others from it.
        """
        self._ending.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def respond(request: Request) -> Response:
    """The answer to any request; never raises."""
    try:
        return _answer(request)
    except routes.AWSError as error:
        return refusals.refuse(request, error)
    except Exception as error:
        LOG.exception("%s failed", refusals.operation(request))
        failure = routes.AWSError("InternalFailure", repr(error), 500)
        return refusals.refuse(request, failure)


def _answer(request: Request) -> Response:
    if request.path == HEALTH:
        return Response(200, [("Content-Type", "application/json")], b'{"status":"ready"}')
    handler = routes.find(request)
    if handler is None:
        return fallback.answer(request)
    if request.header.get("content-encoding") == "gzip":
        request.body = gzip.decompress(request.body)
    return handler(request)
