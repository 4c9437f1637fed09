"""Kinesis Data Streams: shard logs in memory behind the API, in place of moto's.

moto invokes a function per record while it is put, numbers records 1, 2, 3 and has no
enhanced fan-out; here the log is AWS's, and readers poll it or are woken by it.
"""

from local.kinesis import api, moto, streams


def install() -> None:
    """Answer the API of Kinesis, and let moto's services see our streams."""
    api.register()
    moto.install()


def stop() -> None:
    """Delete every stream, which ends every subscription."""
    streams.clear()
