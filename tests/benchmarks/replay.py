"""A year of flights onto a stream of the local AWS, aggregated and one event a record.

`python -m tests.benchmarks.replay [--json]`. What `headrace replay flight` does after it has found
the stream, onto two new streams of four shards; the local AWS is a process of its own. Both are
written as fast as the shards are seen to take it, see `cli.rates`. In seconds of the clock, which
is what the demo takes; there delivery and a processor work on the same records at the same time.
"""

import subprocess
import sys
from pathlib import Path

from cli.feeds import Feed
from cli.pace import Pace
from cli.replaying import Replay, Summary
from tests.benchmarks.reporting import report
from tests.conftest import AWS

ROOT = Path(__file__).parents[2]
SHARDS = 4


def measure() -> dict[str, float]:
    """Events per second both ways, and their ratio; at least 3."""
    command = [sys.executable, "-m", "local", "--port", "0", "--with-parent"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        aws = AWS(process.stdout.readline().split()[-1])
        aggregated = replay(aws, aggregate=True)
        plain = replay(aws, aggregate=False)
        process.terminate()
    return {
        "aggregated_per_second": aggregated.events_per_second,
        "plain_per_second": plain.events_per_second,
        "ratio": aggregated.events_per_second / plain.events_per_second,
        "events_a_record": aggregated.put / aggregated.records,
    }


def replay(aws: AWS, *, aggregate: bool) -> Summary:
    """Everything, onto a stream of its own."""
    kinesis, stream = aws.client("kinesis"), f"replayed-{aggregate}"
    kinesis.create_stream(StreamName=stream, ShardCount=SHARDS)
    replay = Replay(kinesis, event_type="flight", stream=stream, aggregate=aggregate)
    feed = Feed("flight", source=None)
    summary, error = replay.run(feed.chunks(), pace=Pace(), invalid=feed.invalid)
    if error is not None:
        raise error
    assert summary.complete
    kinesis.delete_stream(StreamName=stream)
    return summary


TOLD = (
    "replay: {aggregated_per_second:,.0f} events/s, {events_a_record:.0f} in a record; "
    "{plain_per_second:,.0f} events/s with one in a record: {ratio:.1f} times as fast"
)

if __name__ == "__main__":
    report(measure, TOLD, __doc__)
