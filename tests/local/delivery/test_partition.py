"""Partition keys from the transform and from jq."""

import pytest

from local.delivery.failure import Reason
from local.delivery.partition import NO_KEYS, NOT_JSON, Partitions, Unpartitioned, query_keys
from local.delivery.prefix import Expression, Template

QUERY = '{customer: .customer_id, year: (.time | strftime("%Y"))}'
PREFIX = "c=!{partitionKeyFromQuery:customer}/y=!{partitionKeyFromQuery:year}/!{timestamp:HH}/"


def of(partitions: Partitions, data: bytes, keys: dict[str, str]) -> Template:
    return partitions.template(partitions.values(data, keys))


def test_keys_of_the_transform_make_the_partition() -> None:
    partitions = Partitions("d=!{partitionKeyFromLambda:d}/!{timestamp:HH}/", None)
    hour = Expression("timestamp", "HH")
    assert of(partitions, b"", {"d": "1", "other": "x"}) == ("d=", "1", "/", hour, "/")


def test_keys_of_a_query_make_the_partition() -> None:
    found = of(Partitions(PREFIX, QUERY), b'{"customer_id": 7, "time": 1565382027}', {})
    assert found[:4] == ("c=", "7", "/y=", "2019")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"not json", NOT_JSON),
        (b'{"time": 1}{"time": 2}', NOT_JSON),
        (b'{"time": 1}', NO_KEYS),
        (b'{"customer_id": "", "time": 1}', NO_KEYS),
    ],
)
def test_a_record_without_keys_has_no_partition(data: bytes, reason: Reason) -> None:
    with pytest.raises(Unpartitioned) as unfit:
        of(Partitions(PREFIX, QUERY), data, {})
    assert unfit.value.reason == reason


def test_a_query_that_fails_says_why() -> None:
    with pytest.raises(Unpartitioned) as unfit:
        of(Partitions(PREFIX, QUERY), b'{"customer_id": 7}', {})
    assert unfit.value.reason.code == "DynamicPartitioning.MetadataExtractionFailed"
    assert "strftime" in unfit.value.reason.message


def test_a_key_that_the_transform_left_out_is_a_failure() -> None:
    with pytest.raises(Unpartitioned) as unfit:
        of(Partitions("d=!{partitionKeyFromLambda:d}/", None), b"{}", {"e": "1"})
    assert unfit.value.reason == NO_KEYS


def test_the_keys_of_a_query_are_known_unless_it_needs_a_record() -> None:
    assert query_keys("{a: .x, b: .y.z}") == {"a", "b"}
    assert query_keys(QUERY) is None
