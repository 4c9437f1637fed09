"""A mark says why a record is put again, and leaves its bytes as they were."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.mark import START, Mark, marked, split
from tests.events.samples import samples

REPLAYED = Mark(kind="replayed", lake="a-lake", run="r1")
RESUBMITTED = Mark(
    kind="resubmitted",
    lake="a-lake",
    run="r2",
    shard_id="shardId-000000000003",
    sequence_number="49590338271490256608559692538361571095921575989136588898",
    subsequence_number=0,
    arrived_at=1_767_225_600_123,
)


def test_a_mark_is_one_line_of_json_before_the_bytes() -> None:
    assert marked(REPLAYED, b'{"a":1}') == (
        b'{"headrace":{"kind":"replayed","lake":"a-lake","run":"r1"}}\n{"a":1}'
    )


@given(st.binary(), st.sampled_from([REPLAYED, RESUBMITTED]))
def test_what_is_marked_is_split_into_the_same_mark_and_bytes(data: bytes, mark: Mark) -> None:
    assert split(marked(mark, data)) == (mark, data)


@given(st.binary() | st.binary().map(lambda tail: START + tail))
def test_bytes_without_a_mark_are_given_back_as_they_are(data: bytes) -> None:
    mark, rest = split(data)
    assert rest == data or (mark and data.endswith(b"\n" + rest))


@pytest.mark.parametrize("sample", [*samples("valid"), *samples("rejected")], ids=str)
def test_no_sample_is_mistaken_for_a_marked_one(sample: object) -> None:
    data = sample.data  # type: ignore[attr-defined]
    assert split(data) == (None, data)


@pytest.mark.parametrize(
    "line",
    [
        b'{"headrace":{"kind":"replayed","lake":"a","run":"r"}}',  # no line: nothing follows
        b'{"headrace":{"kind":"replayed","lake":"a","run":"r"},"more":1}\n{}',
        b'{"headrace":{"kind":"redriven","lake":"a","run":"r"}}\n{}',
        b'{"headrace":{"kind":"replayed","run":"r"}}\n{}',
        b'{"headrace":{"kind":"resubmitted","lake":"a","run":"r","arrived_at":1e18}}\n{}',
        b'{"headrace":{"kind":"replayed","lake":"a","run":"\xff"}}\n{}',
        b'{"headrace":{"kind":"replayed","lake":"a","run":"r"}\n{}',
        b'{"headrace":{"kind":\n"replayed","lake":"a","run":"r"}}\n{}',
        b' {"headrace":{"kind":"replayed","lake":"a","run":"r"}}\n{}',
    ],
)
def test_a_line_that_is_no_mark_stays_with_the_data(line: bytes) -> None:
    assert split(line) == (None, line)
