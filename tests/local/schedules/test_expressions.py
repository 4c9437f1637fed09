"""When a schedule expression is next due, and which expressions are none."""

from datetime import UTC, datetime

import pytest

from local.schedules.expressions import InvalidExpression, parse


def instants(expression: str, after: str, count: int = 3) -> list[str]:
    """The next instants of an expression, for a rule that started at `after`."""
    schedule = parse(expression)
    start = datetime.fromisoformat(after).replace(tzinfo=UTC).timestamp()
    moment, found = start, []
    for _ in range(count):
        due = schedule.after(moment, start)
        if due is None:
            break
        moment = due
        found.append(datetime.fromtimestamp(due, UTC).strftime("%Y-%m-%d %H:%M:%S"))
    return found


CASES = [
    (
        "rate(1 minute)",
        "2026-03-01 10:00:30",
        ["2026-03-01 10:01:30", "2026-03-01 10:02:30", "2026-03-01 10:03:30"],
    ),
    (
        "rate(6 hours)",
        "2026-03-01 10:00:00",
        ["2026-03-01 16:00:00", "2026-03-01 22:00:00", "2026-03-02 04:00:00"],
    ),
    (
        "rate(2 days)",
        "2026-02-27 10:00:00",
        ["2026-03-01 10:00:00", "2026-03-03 10:00:00", "2026-03-05 10:00:00"],
    ),
    (
        "cron(15 12 * * ? *)",
        "2026-12-30 12:15:00",
        ["2026-12-31 12:15:00", "2027-01-01 12:15:00", "2027-01-02 12:15:00"],
    ),
    (
        "cron(1/20 * * * ? *)",
        "2026-01-01 00:00:00",
        ["2026-01-01 00:01:00", "2026-01-01 00:21:00", "2026-01-01 00:41:00"],
    ),
    (
        "cron(0/10 8-9 ? * MON-FRI *)",
        "2026-01-02 09:45:00",  # a Friday
        ["2026-01-02 09:50:00", "2026-01-05 08:00:00", "2026-01-05 08:10:00"],
    ),
    (
        "cron(0 0 31 * ? *)",
        "2026-01-31 00:00:00",
        ["2026-03-31 00:00:00", "2026-05-31 00:00:00", "2026-07-31 00:00:00"],
    ),
    (
        "cron(0 0 L * ? *)",
        "2028-01-15 00:00:00",
        ["2028-01-31 00:00:00", "2028-02-29 00:00:00", "2028-03-31 00:00:00"],
    ),
    (
        "cron(0 10 ? * 6L 2026-2027)",
        "2027-10-30 00:00:00",
        ["2027-11-26 10:00:00", "2027-12-31 10:00:00"],
    ),
    (
        "cron(0 10 ? * 3#2 *)",
        "2026-01-01 00:00:00",
        ["2026-01-13 10:00:00", "2026-02-10 10:00:00", "2026-03-10 10:00:00"],
    ),
    (
        "cron(0 10 ? * 5#5 *)",  # months without a fifth Thursday are left out
        "2026-01-01 00:00:00",
        ["2026-01-29 10:00:00", "2026-04-30 10:00:00", "2026-07-30 10:00:00"],
    ),
    (
        "cron(0 10 ? * L *)",
        "2026-01-01 00:00:00",
        ["2026-01-03 10:00:00", "2026-01-10 10:00:00", "2026-01-17 10:00:00"],
    ),
    (
        "cron(0 10 3W 1-5/2 ? *)",  # the 3rd: a Saturday, a Tuesday, a Sunday
        "2026-01-01 00:00:00",
        ["2026-01-02 10:00:00", "2026-03-03 10:00:00", "2026-05-04 10:00:00"],
    ),
    (
        "cron(0 10 1W AUG,NOV ? 2026)",  # a Saturday and a Sunday
        "2026-01-01 00:00:00",
        ["2026-08-03 10:00:00", "2026-11-02 10:00:00"],
    ),
    ("cron(0 10 31W 1,5 ? 2026)", "2026-05-01 00:00:00", ["2026-05-29 10:00:00"]),
    (
        "cron(0 0 29 FEB ? *)",
        "2026-01-01 00:00:00",
        ["2028-02-29 00:00:00", "2032-02-29 00:00:00", "2036-02-29 00:00:00"],
    ),
    (
        "cron(0 0 1 1 ? 2026/3)",
        "2026-01-01 00:00:00",
        ["2029-01-01 00:00:00", "2032-01-01 00:00:00", "2035-01-01 00:00:00"],
    ),
    ("cron(0 0 30 2 ? *)", "2026-01-01 00:00:00", []),
    ("cron(0 0 1 1 ? 2020)", "2026-01-01 00:00:00", []),
]


@pytest.mark.parametrize(("expression", "after", "expected"), CASES, ids=lambda it: str(it)[:30])
def test_the_next_instants(expression: str, after: str, expected: list[str]) -> None:
    assert instants(expression, after) == expected


WRONG = [
    "",
    "rate(0 minutes)",
    "rate(1 minutes)",
    "rate(2 hour)",
    "rate(5 seconds)",
    "rate(1.5 hours)",
    "rate( 5 minutes)",
    "cron(0 10 * * * *)",
    "cron(0 10 ? * ? *)",
    "cron(0 10 * * ?)",
    "cron(60 10 * * ? *)",
    "cron(0 24 * * ? *)",
    "cron(0 10 0 * ? *)",
    "cron(0 10 * 13 ? *)",
    "cron(0 10 ? * 8 *)",
    "cron(0 10 ? * 2/2 *)",
    "cron(0 10 ? * 3#6 *)",
    "cron(0 10 ? * 3#1,6#3 *)",
    "cron(0 10 * JANUARY ? *)",
    "cron(0 10 * * ? 1969)",
    "cron(0/0 10 * * ? *)",
    "cron(20-10 10 * * ? *)",
    "cron(* * * * *)",
    "at(2026-01-01T00:00:00)",
]


@pytest.mark.parametrize("expression", WRONG)
def test_what_is_no_expression(expression: str) -> None:
    with pytest.raises(InvalidExpression, match="ScheduleExpression is not valid"):
        parse(expression)
