"""aiokpl 0.2 on the same events, in an environment of its own: it would hold boto3 back in ours.

`python tests/benchmarks/producing/peer.py ENDPOINT COUNT` prints the seconds of processor time.
"""

import asyncio
import sys
import time
from pathlib import Path

from aiokpl.config import Config  # type: ignore[import-not-found,unused-ignore]
from aiokpl.producer import Producer  # type: ignore[import-not-found,unused-ignore]

sys.path.insert(0, str(Path(__file__).parent))
from given import (  # type: ignore[import-not-found,unused-ignore]
    REGION,
    STREAM,
    events,
)


async def put(endpoint: str, count: int) -> float:
    """What a user of it would write, without limits of a shard that would make it wait."""
    given = events(count)
    config = Config(
        region=REGION,
        endpoint_url=endpoint,
        aws_access_key_id="x",
        aws_secret_access_key="x",  # noqa: S106  of nobody
        rate_limit_records_per_sec_per_shard=1e9,
        rate_limit_bytes_per_sec_per_shard=1e12,
        record_ttl_ms=600_000.0,
    )
    started = time.process_time()
    async with Producer(config) as producer:
        for key, data in given:
            await producer.put_record(stream=STREAM, partition_key=key, data=data)
        await producer.flush()
    return time.process_time() - started


if __name__ == "__main__":
    print(asyncio.run(put(sys.argv[1], int(sys.argv[2]))))
