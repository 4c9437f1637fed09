"""Where requests arrive: our place in moto's server, which reads and writes the protocol."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from moto.core.base_backend import BackendDict
from moto.core.responses import ActionResult, BaseResponse

from local.cache import caches
from local.cache.api import answer
from local.cache.errors import Invalid


class Endpoint(caches.Caches):
    """The caches with their address in moto's server."""

    @property
    def _url_module(self) -> Any:
        return SimpleNamespace(
            url_bases=[r"https?://elasticache\.(.+)\.amazonaws\.com"],
            url_paths={"{0}/$": Api.dispatch},
        )


BACKENDS = BackendDict(Endpoint, "elasticache")


class Api(BaseResponse):
    """ElastiCache's endpoint within moto's server."""

    def __init__(self) -> None:
        super().__init__(service_name="elasticache")
        self.automated_parameter_parsing = True

    def call_action(self) -> tuple[int, dict[str, str], Any]:
        backend = BACKENDS[self.current_account][self.region]
        try:
            result: object = answer(backend, self._get_action(), dict(self.params))
        except Invalid as error:
            result = error
        status, headers, body = self.serialized(ActionResult(result))
        headers, body = self._enrich_response(headers, body)
        return status, headers, body
