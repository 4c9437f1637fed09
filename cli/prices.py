"""What AWS charges, from one dated file: `prices.json`. Prices are in USD, for us-east-1."""

from functools import cache
from pathlib import Path

import msgspec

MIB = 1024**2
TIB = 1024**4
"""AWS's price list counts data in binary units: its calculator has 1,024 GB in a TB."""


class Athena(msgspec.Struct, frozen=True):
    """Price of a TB scanned, and the least that a query is charged for."""

    tb_scanned: float
    minimum_bytes: int


class Prices(msgspec.Struct, frozen=True):
    """The whole file; `date` is when the prices were read, `source` where."""

    date: str
    source: str
    region: str
    currency: str
    athena: Athena


@cache
def prices() -> Prices:
    """The price file."""
    return msgspec.json.decode(Path(__file__).with_name("prices.json").read_bytes(), type=Prices)


def query_cost(scanned_bytes: int) -> float:
    """USD for a query that ran: bytes rounded up to MB, with a minimum.

    https://aws.amazon.com/athena/pricing/
    """
    athena = prices().athena
    rounded = -(-scanned_bytes // MIB) * MIB
    return max(rounded, athena.minimum_bytes) / TIB * athena.tb_scanned
