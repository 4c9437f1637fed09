"""Where requests to ElastiCache arrive."""

from __future__ import annotations

from local.cache.api import answer
from local.cache.caches import Caches
from local.mounting import mounted

BACKENDS = mounted("elasticache", Caches, answer)
