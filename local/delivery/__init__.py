"""Delivery streams (Firehose), in place of moto's, which writes an object per call.

Records are read from a shard, transformed, partitioned, buffered, converted and written as AWS
does it; each thing that differs from AWS is named where it is decided, and marked [open] where
AWS's way is not known.

Conversion and partitioning ask for a size hint of at least 64 MiB, and no buffer gets that far
here: it is delivered when the buffers of its delivery stream together take 24 MiB of memory (see
`runner.EARLY_BYTES`). The interval of a hint is kept, its size only up to that.
"""

from __future__ import annotations

from local.delivery import api, streams


def install() -> None:
    """Answer the API of Firehose."""
    api.register()


def stop() -> None:
    """Deliver everything that was put before, and end every delivery stream."""
    streams.close_all()
