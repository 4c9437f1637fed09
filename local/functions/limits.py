"""What a local function may use: AWS's quotas, and the ones this machine adds.

AWS's: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

from __future__ import annotations

SYNCHRONOUS_REQUEST = 6 * 1024 * 1024
ASYNCHRONOUS_REQUEST = 1024 * 1024
RESPONSE = 6_291_556
"""Bytes; AWS names this number in its error, 100 above 6 MiB."""

INIT_SECONDS = 10.0
"""An init phase that takes longer is cut off and repeated within the invocation."""

UNZIPPED = 262_144_000
VARIABLES = 4096
LAYERS = 5
LOG_EVENT = 262_144
LOG_TAIL = 4096

PROCESSES = 10
"""Ours: execution environments of one function version at a time; further calls wait."""

IDLE_SECONDS = 300.0
"""Ours: an environment that nobody called for this long is ended (AWS: minutes, unspecified)."""

TICK_SECONDS = 0.05
"""Ours: how often memory is looked at while a function runs."""

OUTPUT_BYTES = 8 * 1024 * 1024
OUTPUT_LINES = 50_000
"""Ours: what one invocation may log; what is above is counted and dropped."""

QUEUE_BYTES = 64 * 1024 * 1024
"""Ours: payloads of asynchronous invocations that wait."""
