"""The account of a replay, as it is told."""

import pytest

from cli.errors import Failure, Interrupted
from cli.replaying import Summary, judge


def summary(
    *,
    put: int = 2_000,
    not_put: dict[str, int] | None = None,
    unknown: int = 0,
    retried: dict[str, int] | None = None,
    invalid: dict[str, int] | None = None,
    interrupted: bool = False,
    records: int | None = None,
) -> Summary:
    missing = not_put or {}
    return Summary(
        event_type="flight",
        stream="s",
        read=put + sum(missing.values()) + unknown,
        put=put,
        not_put=missing,
        first_not_put=1_234 if missing else None,
        unknown=unknown,
        retried=retried or {},
        invalid=invalid or {},
        put_bytes=1_500_000,
        records=put if records is None else records,
        calls=4,
        throttled_calls=0,
        seconds=0.5,
        events_per_second=4_000.0,
        interrupted=interrupted,
    )


def test_a_complete_replay_is_told_with_its_retries_and_wrong_lines() -> None:
    told = summary(retried={"NoAnswer": 500, "B": 1_000}, invalid={"not_json": 2, "empty": 1})
    assert list(told.sentences()) == [
        "Put 2,000 flight events (1.5 MB) in 0.5 s: 4,000 events/s.",
        "Sent again: B 1,000, NoAnswer 500.",
        "Do not validate, and delivery will reject them: empty 1, not_json 2.",
    ]
    judge(told, None)


def test_aggregated_events_are_told_with_their_records() -> None:
    assert next(summary(records=30).sentences()) == (
        "Put 2,000 flight events (1.5 MB in 30 records) in 0.5 s: 4,000 events/s."
    )


def test_what_is_not_on_the_stream_fails_the_replay() -> None:
    with pytest.raises(Failure) as raised:
        judge(summary(not_put={"RecordTooLarge": 3}, unknown=7), None)
    assert str(raised.value) == (
        "Not everything is on the stream: 2,000 put, 3 read but not put (RecordTooLarge 3), the "
        "first of them number 1,234 of the source, 7 sent without an answer, so they may be put."
    )
    assert raised.value.code == 1


def test_an_interrupt_is_told_as_such() -> None:
    with pytest.raises(Interrupted) as raised:
        judge(summary(not_put={"Interrupted": 3}, interrupted=True), None)
    assert str(raised.value) == (
        "Interrupted: 2,000 put, 3 read but not put, the first of them number 1,234 of the "
        "source; what follows was not read."
    )
    assert raised.value.code == 130


def test_what_stopped_a_replay_comes_after_what_it_cost(capsys: pytest.CaptureFixture[str]) -> None:
    class Denied(Exception):
        pass

    with pytest.raises(Denied):
        judge(summary(not_put={"Stopped": 3}), Denied())
    assert capsys.readouterr().err == (
        "headrace: Stopped: 2,000 put, 3 read but not put (Stopped 3), the first of them number "
        "1,234 of the source.\n"
    )


def test_how_to_go_on_is_said_last(capsys: pytest.CaptureFixture[str]) -> None:
    then = " Go on with: headrace replay flight"
    with pytest.raises(Interrupted) as raised:
        judge(summary(interrupted=True), None, then)
    assert str(raised.value) == f"Interrupted: 2,000 put; what follows was not read.{then}"
    with pytest.raises(ValueError, match="unread"):
        judge(summary(), ValueError("unread"), then)
    assert capsys.readouterr().err == f"headrace: Stopped: 2,000 put.{then}\n"
