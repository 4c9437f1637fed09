"""Kinesis Data Streams: shard logs in memory behind the API, in place of moto's.

moto invokes a function per record while it is put, numbers records 1, 2, 3 and has no
enhanced fan-out; here the log is AWS's, and readers poll it or are woken by it.

What differs from AWS: a stream, a consumer or a new shard is there at once; a stream is never
CREATING or DELETING, and UPDATING after its shards were changed for as long as
`--resharding-seconds` has it, by default not at all. A KMS key is echoed, not used. On-demand
streams keep four shards. Calls to the control plane are not throttled, but splits and merges with
shard limits. Nothing survives the process. `SubscribeToShard` comes over HTTP/1.1. Refused by name:
DryRun, a ShardFilter by trim horizon or time, warm throughput, the record distribution AUTO,
resource policies, the older calls for tags, account settings and limits, channels, queues,
subscription filters of CloudWatch Logs, and the CBOR protocol.
"""

from local.kinesis import api, streams


def install() -> None:
    """Answer the API of Kinesis."""
    api.register()


def stop() -> None:
    """Delete every stream, which ends every subscription."""
    streams.clear()
