"""`headrace plan`: what is printed, what is measured on a stream, what is refused."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.conftest import Headrace, Place

STREAM = "clitest-planned"


@pytest.fixture(scope="module")
def measured(place: Place) -> str:
    """A stream that took 7,200 records of 100 bytes: a third in one hour, the rest in the next."""
    place.aws.client("kinesis").create_stream(StreamName=STREAM, ShardCount=3)
    now = datetime.now(UTC)
    start = (now - timedelta(hours=2)).replace(minute=0, second=0, microsecond=0)
    for hours, records in ((0, 2_400), (1, 4_800)):
        place.aws.client("cloudwatch").put_metric_data(
            Namespace="AWS/Kinesis",
            MetricData=[
                {
                    "MetricName": name,
                    "Dimensions": [{"Name": "StreamName", "Value": STREAM}],
                    "Timestamp": start + timedelta(hours=hours, minutes=30),
                    "Value": value,
                }
                for name, value in (("IncomingRecords", records), ("IncomingBytes", records * 100))
            ],
        )
    return STREAM


def test_a_load_is_planned_without_any_account(here: Headrace) -> None:
    done = here("plan", "--rate", "3000", "--size", "1024", "--explain", env={"NO_COLOR": "1"})
    assert done.returncode == 0
    assert done.stdout.startswith("3,000 events/s of 1,024 bytes, peak × 1: 7,884 million events")
    assert "PUT payload units" in done.stdout
    assert "×1,000: " in done.stdout
    assert "transform_us = 20 µs: transform, per event" in done.stdout
    assert "Prices of 20" in done.stderr
    assert "us-east-1" in done.stderr
    bill = done.stdout[done.stdout.index("provisioned  ") : done.stdout.index("Aggregated, ")]
    assert max(map(len, bill.splitlines())) <= 80


def test_json_has_both_bills_and_the_assumptions(here: Headrace) -> None:
    plan = json.loads(here("plan", "--rate", "50", "--size", "700", "--json").stdout)
    assert plan["ratio"] == pytest.approx(plan["aggregated"]["usd"] / plan["plain"]["usd"])
    assert plan["load"]["assumed"]["invocation_ms"]["unit"] == "ms"
    assert [one["at"]["factor"] for one in plan["growth"]] == [1, 10, 100, 1000]
    assert plan["prices_date"]


def test_a_stream_is_measured(headrace: Headrace, measured: str) -> None:
    plan = json.loads(headrace("plan", "--from-stream", measured, "--json").stdout)
    found = plan["measured"]
    assert (found["records"], found["shards"], found["mode"]) == (7_200, 3, "provisioned")
    assert found["size"] == 100
    seconds = (datetime.now(UTC) - datetime.fromisoformat(found["since"])).total_seconds()
    assert found["rate"] == pytest.approx(7_200 / seconds, rel=0.01)
    assert found["peak"] == pytest.approx(4_800 / 3_600 / (7_200 / seconds), rel=0.01)
    assert plan["load"]["rate"] == found["rate"]
    assert plan["load"]["size"] == 84
    assert (plan["load"]["retention_hours"], plan["load"]["fan_out"]) == (24, 0)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((), 2, "Give one of --rate with --size, --from-stream NAME or --from-type TYPE."),
        (("--rate", "5"), 2, "Give both --rate and --size"),
        (("--rate", "0", "--size", "5"), 2, "A rate of 0 events a second is no load"),
        (("--rate", "1", "--size", "2e7"), 2, "Kinesis takes no record above 10 MiB"),
        (("--rate", "1", "--size", "5", "--mode", "fast"), 2, "There is no mode 'fast': choose"),
        (
            ("--rate", "1", "--size", "5", "--retention", "0"),
            2,
            "A stream keeps records from 24 hours to 365 days, not 0 hours",
        ),
        (("--from-stream", "nowhere"), 1, "There is no stream 'nowhere' in this account"),
        (("--from-stream", "clitest-unmeasured"), 2, "took no records in the last 14 days"),
        (("--from-type", "nothing"), 1, "There is no stack for event type 'nothing'"),
    ],
)
def test_a_wrong_load_is_one_sentence(
    place: Place, headrace: Headrace, arguments: tuple[str, ...], code: int, says: str
) -> None:
    if "clitest-unmeasured" in arguments:
        place.aws.client("kinesis").create_stream(StreamName="clitest-unmeasured", ShardCount=1)
    done = headrace("plan", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert says in " ".join(done.stderr.split())
