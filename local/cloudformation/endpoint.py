"""Where requests arrive: our place in moto's server, which reads and writes the protocol."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from moto.core.base_backend import BackendDict
from moto.core.responses import ActionResult, BaseResponse

from local.cloudformation.api import answer
from local.cloudformation.backend import Backend
from local.cloudformation.errors import Invalid


class Endpoint(Backend):
    """The backend with its address in moto's server."""

    @property
    def _url_module(self) -> Any:
        return SimpleNamespace(
            url_bases=[r"https?://cloudformation\.(.+)\.amazonaws\.com"],
            url_paths={"{0}/$": Api.dispatch},
        )


BACKENDS = BackendDict(Endpoint, "cloudformation")


class Api(BaseResponse):
    """CloudFormation's endpoint within moto's server, which reads and writes its protocol."""

    def __init__(self) -> None:
        super().__init__(service_name="cloudformation")
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
