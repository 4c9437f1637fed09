"""Kinesis Data Streams: shard logs in memory behind the API, in place of moto's.

moto invokes a function per record while it is put, numbers records 1, 2, 3 and has no
enhanced fan-out; here the log is AWS's, and readers poll it or are woken by it.

What differs from AWS: a stream, a consumer or a new shard is ACTIVE at once, never CREATING,
UPDATING or DELETING. A KMS key is echoed, not used. On-demand streams keep four shards. Calls
to the control plane are not throttled. Nothing survives the process. `SubscribeToShard` comes
over HTTP/1.1. Refused by name: DryRun, ShardFilter, warm throughput, the record distribution
AUTO, enhanced monitoring, resource policies, the older calls for tags, account settings and
limits, channels, queues, subscription filters of CloudWatch Logs, and the CBOR protocol.
"""

from local.kinesis import api, streams


def install() -> None:
    """Answer the API of Kinesis."""
    api.register()


def stop() -> None:
    """Delete every stream, which ends every subscription."""
    streams.clear()
