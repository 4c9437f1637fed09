"""The demo's account: what it waits for, and when it does not balance."""

import gzip
from dataclasses import dataclass, field
from typing import Any

import pytest

from cli import demo
from cli.counting import Counter
from cli.demo import Balance
from cli.entries import Entries
from cli.errors import Unbalanced
from cli.feeds import kind_of, rejected_samples
from cli.stacks import Flow, Lake
from tests.cli.conftest import LAKE, Place, outputs


@dataclass
class Counts:
    """Counts as a script says: pairs of delivered and rejected, the last of them for ever."""

    script: list[tuple[int, int]]
    flow: Flow = field(
        default_factory=lambda: Flow(
            event_type="flight",
            stream_name="s",
            delivery_stream_name="d",
            table_name="flight",
            transform_function_name="f",
            data_prefix="events/flight/",
            error_prefix="errors/flight/",
        )
    )

    def delivered(self) -> int:
        return self.script[0][0]

    def rejected(self) -> int:
        return self.script.pop(0)[1] if len(self.script) > 1 else self.script[0][1]


def balance(script: list[tuple[int, int]], put: int, invalid: int) -> Balance:
    counter: Any = Counts(script)
    return Balance(counter, before=(100, 10), put=put, invalid=invalid)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A time that only pauses move."""
    now = [0.0]

    def pause(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr("cli.demo.time.sleep", pause)
    monkeypatch.setattr("cli.demo.time.monotonic", lambda: now[0])
    return now


def test_it_waits_until_every_record_has_arrived_somewhere(clock: list[float]) -> None:
    script = [(100, 10), (103, 10), (103, 11), (107, 13), (999, 999)]
    one = balance(script, put=10, invalid=3)
    demo.wait([one])
    assert (one.delivered, one.rejected, one.holds) == (7, 3, True)
    assert 0 < clock[0] < demo.PATIENCE


def test_delivery_that_is_stuck_is_told_with_the_numbers() -> None:
    with pytest.raises(Unbalanced) as raised:
        demo.wait([balance([(100, 10), (104, 11)], put=10, invalid=3)])
    assert str(raised.value) == (
        "Delivery is stuck: 5 of 10 records have arrived, and none in the last 180 s; "
        "the functions' logs say why."
    )


@pytest.mark.parametrize(
    ("count", "line"),
    [
        ((108, 13), "put 10 is not delivered 8 + rejected 3"),  # one twice
        ((106, 13), "put 10 is not delivered 6 + rejected 3"),  # one lost
        ((108, 12), "put 10 = delivered 8 + rejected 2"),  # a wrong one delivered
    ],
)
def test_an_account_that_does_not_balance_fails(
    count: tuple[int, int], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Unbalanced) as raised:
        demo.settle([balance([count], put=10, invalid=3)])
    assert capsys.readouterr().out == f"{'flight':17} {line}\n"
    assert str(raised.value) == (
        "The account of flight does not balance (put among them: 3 wrong flight)."
    )


def test_an_account_that_balances_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    demo.settle([balance([(1107, 13)], put=1010, invalid=3)])
    assert capsys.readouterr().out == (
        "flight            put 1,010 = delivered 1,007 + rejected 3\n"
    )


def test_records_are_counted_by_sql_and_by_the_lines_of_error_objects(place: Place) -> None:
    s3 = place.aws.client("s3")
    for key, body in {
        "errors/flight/processing-failed/a": b'{"rawData":"x"}\n{"rawData":"y"}\n',
        "errors/flight/format-conversion-failed/b.gz": gzip.compress(b'{"rawData":"z"}'),
        "errors/flight_other/processing-failed/c": b"{}\n",
    }.items():
        s3.put_object(Bucket=LAKE, Key=key, Body=body)
    from cli.athena import Database

    lake = Lake(bucket_name=LAKE, database_name="clitest", work_group_name="clitest")
    flow = Flow(
        event_type="flight",
        stream_name="s",
        delivery_stream_name="d",
        table_name="flight",
        transform_function_name="f",
        data_prefix="events/flight/",
        error_prefix=outputs("flight")["ErrorPrefix"],
    )
    counter = Counter(Database(place.aws.client("athena"), lake), s3, lake, flow)
    assert (counter.delivered(), counter.rejected()) == (4, 3)
    s3.put_object(Bucket=LAKE, Key="errors/flight/processing-failed/d", Body=b"{}")
    assert counter.rejected() == 4


@pytest.mark.parametrize("event_type", list(demo.EVENTS))
def test_every_sample_of_a_wrong_record_is_put_and_counted_as_wrong(event_type: str) -> None:
    samples = rejected_samples(event_type)
    entries = Entries(kind_of(event_type))
    (chunk,) = entries.of_lines([samples], None)
    assert [entry.data for entry in chunk] == samples
    assert sum(entries.invalid.values()) == len(samples) > 0
