"""Makes execution environments: assets unpacked, role assumed, variables set."""

from __future__ import annotations

import time
import uuid
from functools import cached_property
from typing import TYPE_CHECKING, Any

from moto.awslambda.models import lambda_backends
from moto.utilities.utils import get_partition

from local import settings, trust
from local.functions import image, roles
from local.functions.assets import Assets, remove
from local.functions.environment import Environment
from local.functions.process import Command
from local.functions.variables import Place, variables

if TYPE_CHECKING:
    from pathlib import Path

    from local.functions.definition import Definition

MEGABYTE = 1024 * 1024


class Factory:
    """Makes environments, all on one runtime image; `daemon` is the X-Ray daemon's address."""

    def __init__(self, daemon: str) -> None:
        self._assets = Assets()
        self._daemon = daemon
        self._runtime = image.build(self._assets.home / "runtime")
        self._interpreter = image.interpreter()

    def make(self, definition: Definition) -> Environment:
        """An environment whose process is not started yet; raises CannotAssume, BadZip."""
        unique = uuid.uuid4().hex
        stream = f"{time.strftime('%Y/%m/%d', time.gmtime())}/[{definition.version}]{unique}"
        credentials = roles.assume(
            definition.account,
            get_partition(definition.region),
            definition.region,
            definition.role,
            definition.name,
        )
        place = self._place(definition, unique)
        command = Command(
            handler=definition.handler,
            place=place,
            variables=variables(definition, place, credentials, stream),
            memory=definition.memory * MEGABYTE,
        )
        return Environment(definition, command, stream, lambda: remove(place.scratch))

    def close(self) -> None:
        self._assets.close()

    @cached_property
    def _trusted(self) -> Path:
        """AWS's image trusts who signs for its services; here somebody else signs."""
        path = self._assets.home / "trusted.pem"
        path.write_bytes(trust.bundle())
        return path

    def _place(self, definition: Definition, unique: str) -> Place:
        function = function_of(definition)
        layers = [(layer.code_digest, layer.code_bytes) for layer in function.layer_versions]
        return Place(
            task=self._assets.unpacked([(function.code_digest, function.code_bytes)]),
            layers=self._assets.unpacked(layers),
            runtime=self._runtime,
            scratch=self._assets.scratch(unique),
            interpreter=self._interpreter,
            endpoint=settings.current().endpoint,
            daemon=self._daemon,
            trusted=self._trusted,
        )


def function_of(definition: Definition) -> Any:
    """moto's function of this definition."""
    backend = lambda_backends[definition.account][definition.region]
    return backend.get_function(definition.arn, definition.version)
