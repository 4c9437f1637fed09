"""What a query costs, by AWS's own rules and the dated price file."""

from datetime import date

import pytest

from cli.prices import prices, query_cost

MIB, TIB = 1024**2, 1024**4


@pytest.mark.parametrize(
    ("scanned", "cost"),
    [
        (0, 10 * MIB / TIB * 5),
        (1, 10 * MIB / TIB * 5),
        (10 * MIB, 10 * MIB / TIB * 5),
        (10 * MIB + 1, 11 * MIB / TIB * 5),
        (TIB, 5.0),
        (3 * TIB, 15.0),
    ],
)
def test_a_query_is_billed_by_the_megabyte_and_for_ten_at_least(scanned: int, cost: float) -> None:
    assert query_cost(scanned) == pytest.approx(cost, rel=1e-12)


def test_the_price_file_says_when_and_where_it_holds() -> None:
    assert date.fromisoformat(prices().date).year >= 2026
    assert (prices().region, prices().currency) == ("us-east-1", "USD")
