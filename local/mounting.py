"""Our engines in the place of moto's: their addresses in moto's server, which reads and writes the
services' protocols."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar

from moto import backends
from moto.core.base_backend import BackendDict
from moto.core.responses import ActionResult, BaseResponse

Answer = Callable[[Any, str, dict[str, Any]], object]
"""What a backend answers to an action with its parameters."""


_motos = backends.get_backend
_ours: dict[str, Callable[[], Any]] = {}


class Invalid(Exception):
    """A refusal, which is an answer too; `code` is the one that clients know."""

    usual: ClassVar[str]

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.usual


def mount(service: str, load: Callable[[], Any]) -> None:
    """Put our backends, loaded when somebody asks for them, into the place of moto's, which are not
    even imported. To be called before moto's server answers."""
    _ours[service] = load
    vars(backends)["get_backend"] = _get_backend


def _get_backend(name: Any) -> Any:
    load = _ours.get(name)
    return _motos(name) if load is None else load()


def mounted(service: str, backend: type, answer: Answer) -> Any:
    """The backends of a service by account and region."""

    class Api(BaseResponse):
        """The service's endpoint."""

        def __init__(self) -> None:
            super().__init__(service_name=service)
            self.automated_parameter_parsing = True

        def call_action(self) -> tuple[int, dict[str, str], Any]:
            found = made[self.current_account][self.region]
            try:
                result: object = answer(found, self._get_action(), dict(self.params))
            except Invalid as error:
                result = error
            status, headers, body = self.serialized(ActionResult(result))
            headers, body = self._enrich_response(headers, body)
            return status, headers, body

    addresses = SimpleNamespace(
        url_bases=[rf"https?://{service}\.(.+)\.amazonaws\.com"],
        url_paths={"{0}/$": Api.dispatch},
    )
    with_address = type("Endpoint", (backend,), {"_url_module": addresses})
    made: Any = BackendDict(with_address, service)
    return made
