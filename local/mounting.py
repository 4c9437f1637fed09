"""Our engine in the place of moto's: its address in moto's server, which reads and writes the
service's protocol."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from moto.core.base_backend import BackendDict
from moto.core.responses import ActionResult, BaseResponse

Answer = Callable[[Any, str, dict[str, Any]], object]
"""What a backend answers to an action with its parameters."""


def mounted(service: str, backend: type, answer: Answer, refusal: type[Exception]) -> Any:
    """The backends of a service by account and region; `refusal` is an answer of its own."""

    class Api(BaseResponse):
        """The service's endpoint."""

        def __init__(self) -> None:
            super().__init__(service_name=service)
            self.automated_parameter_parsing = True

        def call_action(self) -> tuple[int, dict[str, str], Any]:
            found = backends[self.current_account][self.region]
            try:
                result: object = answer(found, self._get_action(), dict(self.params))
            except refusal as error:
                result = error
            status, headers, body = self.serialized(ActionResult(result))
            headers, body = self._enrich_response(headers, body)
            return status, headers, body

    addresses = SimpleNamespace(
        url_bases=[rf"https?://{service}\.(.+)\.amazonaws\.com"],
        url_paths={"{0}/$": Api.dispatch},
    )
    with_address = type("Endpoint", (backend,), {"_url_module": addresses})
    backends: Any = BackendDict(with_address, service)
    return backends
