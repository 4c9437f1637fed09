"""Rejected records get into their table after all, by the command line, once what was wrong is
fixed: a transform that was deployed for another event type, and a table that did not fit."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from cli.main import app
from cli.rejections import ENDPOINT, Choice, counted, listed, totalled
from cli.stacks import Flow
from tests import test_pipeline, test_rejected
from tests.test_pipeline import Pipeline, samples, until

pipeline = test_pipeline.pipeline

Rejected = Callable[..., Any]
TYPE = "device_telemetry"
PLACE = "shard_id, sequence_number, subsequence_number"


def reports(device: str, number: int) -> list[bytes]:
    """Right events of a device of this module, from now."""
    base = json.loads(samples(TYPE, "valid")[0].read_bytes())
    now = datetime.now(UTC)
    return [
        json.dumps(
            base
            | {
                "event_id": f"{device}-{n}",
                "device": device,
                "counter": n,
                "event_time": (now - timedelta(seconds=n)).isoformat(),
            }
        ).encode()
        for n in range(number)
    ]


@contextmanager
def configured(pipeline: Pipeline, **changed: str) -> Iterator[None]:
    """The type's transform as if it had been deployed wrongly, as long as the block lasts."""
    client = pipeline.aws.client("lambda")
    name = pipeline.flows[TYPE]["TransformFunctionName"]
    variables = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]

    def configure(values: dict[str, str]) -> None:
        client.update_function_configuration(FunctionName=name, Environment={"Variables": values})
        client.get_waiter("function_updated_v2").wait(
            FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
        )

    configure(variables | changed)
    try:
        yield
    finally:
        configure(variables)


@pytest.fixture
def rejected(capsys: pytest.CaptureFixture[str]) -> Rejected:
    """`headrace rejected … --json`, in this process, whose environment the pipeline has set."""

    def call(*arguments: str) -> Any:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            app(["rejected", *arguments, "--json"], prog_name="headrace")
        told = capsys.readouterr()
        assert not ended.value.code, told.err
        return json.loads(told.out)

    return call


def waiting(rejected: Rejected, *arguments: str) -> dict[str, tuple[int, int]]:
    """Waiting and resubmitted, by reason."""
    return {
        one["reason"]: (one["waiting"], one["resubmitted"])
        for one in rejected("list", TYPE, *arguments)
    }


def test_records_that_a_wrong_deployment_rejected_are_delivered_in_their_first_place_once(
    pipeline: Pipeline, rejected: Rejected
) -> None:
    since = datetime.now(UTC).isoformat()
    device = f"resubmitted-{uuid.uuid4()}"
    mine = f"WHERE device = '{device}'"
    right, wrong = reports(device, 20), b'{"device": "wrong"}'
    with configured(pipeline, EVENT_TYPE="flight"):
        numbers = pipeline.put(TYPE, *right, wrong)
        until(lambda: sum(n for n, _ in waiting(rejected, "--since", since).values()) == 21)
    [shown] = rejected("show", TYPE, "--since", since, "--limit", "1")
    assert shown["sequence_number"] in numbers and shown["run"] is None
    assert pipeline.sql(f"SELECT count(*) FROM {TYPE} {mine}") == [(0,)]

    plan = rejected("resubmit", TYPE, "--since", since)
    assert sum(one["records"] for one in plan["reasons"]) == 21
    receipts = f"SELECT count(*) FROM {TYPE}_resubmitted WHERE line LIKE '%{numbers[0]}%'"
    assert pipeline.sql(receipts) == [(0,)]  # a dry run
    done = rejected("resubmit", TYPE, "--since", since, "--yes")
    assert (done["put"], done["not_put"]) == (21, {})

    # What was right is in the table, with the place of the first time; what was not is rejected
    # again, as the same record, for its own reason now.
    until(lambda: pipeline.sql(f"SELECT count(*) FROM {TYPE} {mine}") == [(20,)])
    rows = pipeline.sql(f"SELECT {PLACE}, resubmission FROM {TYPE} {mine} ORDER BY counter")
    assert [(row[1], row[2], row[3]) for row in rows] == [
        (number, 0, done["run"]) for number in numbers[:20]
    ]
    assert all(row[0].startswith("shardId-") for row in rows)
    until(lambda: ("missing_field", (1, 0)) in waiting(rejected, "--since", since).items())
    [again] = rejected("show", TYPE, "--since", since, "--reason", "missing_field")[-1:]
    assert again["sequence_number"] == numbers[20]

    # What has a receipt is left out, unless it was rejected since.
    second = rejected("resubmit", TYPE, "--since", since, "--yes")
    assert second["put"] == 1
    third = rejected(
        "resubmit",
        TYPE,
        "--since",
        since,
        "--reason",
        shown["reason"],
        "--again",
        "--yes",
    )
    assert third["put"] == 20
    until(lambda: pipeline.sql(f"SELECT count(*) FROM {TYPE} {mine}") == [(40,)])
    once = f"SELECT count(*), min(resubmission) FROM {TYPE}_unique {mine}"
    assert pipeline.sql(once) == [(20, done["run"])]


def test_what_firehose_itself_gave_up_is_resubmitted_by_its_own_word(
    pipeline: Pipeline, rejected: Rejected
) -> None:
    """A table that did not fit, and a transform that could not keep its verdicts."""
    since = datetime.now(UTC).isoformat()
    flow = pipeline.flows[TYPE]
    ids = [f"{why}-{uuid.uuid4()}" for why in ("unconverted", "unkept")]
    database, table = pipeline.lake["DatabaseName"], flow["DeliveredName"]
    with test_rejected._column(pipeline.aws, database, table, "release", "bigint"):
        [number] = pipeline.put(TYPE, *reports(ids[0], 1))
        converted = ("--since", since, "--reason", "format-conversion-failed")
        until(lambda: bool(waiting(rejected, *converted)))
    with configured(pipeline, EVENT_TYPE="flight", BUCKET="no-such-bucket-of-headrace"):
        pipeline.put(TYPE, *reports(ids[1], 1))
        unkept = ("--since", since, "--reason", "processing-failed")
        until(lambda: bool(waiting(rejected, *unkept)))
    runs = [rejected("resubmit", TYPE, *chosen, "--yes") for chosen in (converted, unkept)]
    assert [run["put"] for run in runs] == [1, 1]
    query = (
        f"SELECT device, sequence_number, resubmission FROM {TYPE}"
        f" WHERE device IN ('{ids[0]}', '{ids[1]}') ORDER BY device"
    )
    until(lambda: len(pipeline.sql(query)) == 2)
    assert pipeline.sql(query) == [
        (ids[0], number, runs[0]["run"]),
        (ids[1], None, runs[1]["run"]),  # Firehose's line does not say where it stood
    ]
    assert {*waiting(rejected, *converted).values(), *waiting(rejected, *unkept).values()} == {
        (0, 1)
    }


def test_what_an_endpoint_did_not_take_is_counted_and_listed_like_the_rest(
    pipeline: Pipeline,
) -> None:
    """Its lines are of the same form, in a table that `dev` does not have: here that of errors."""
    flow = msgspec.convert(pipeline.flows[TYPE], Flow)
    flow = msgspec.structs.replace(flow, unsent_name=f"{TYPE}_errors")
    choice = Choice(reason=ENDPOINT, since=datetime.now(UTC) - timedelta(days=1))
    for query in (counted, totalled, listed):
        assert pipeline.sql(query(flow, choice))


def test_an_endpoint_that_is_not_there_is_one_sentence(pipeline: Pipeline) -> None:
    done = pipeline.aws.run(
        "headrace", "rejected", "resubmit", TYPE, "--reason", "http-endpoint-failed"
    )
    assert done.returncode == 1
    assert "device_telemetry" in done.stderr and "HTTP endpoint" in done.stderr


@pytest.mark.parametrize("table", ["resubmitted", "unique"])
def test_receipts_and_unique_events_are_queried(pipeline: Pipeline, table: str) -> None:
    assert pipeline.sql(f"SELECT count(*) FROM {TYPE}_{table}")[0][0] >= 0
