"""The answer of a query is read in parts, as a stream of events."""

from io import BytesIO
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from cli.chosen import Chosen
from cli.errors import UnreadableSource


class Bucket:
    """S3 with one object, which is read by ranges of the version that was read first."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.asked: list[dict[str, Any]] = []

    def get_object(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        first, last = map(int, asked["Range"].removeprefix("bytes=").split("-"))
        part = self.body[first : last + 1]
        until = first + len(part) - 1
        return {
            "Body": BytesIO(part),
            "ETag": "e",
            "ContentRange": f"bytes {first}-{until}/{len(self.body)}",
        }


def quoted(row: str) -> str:
    return '"' + row.replace('"', '""') + '"\n'


def same(row: bytes) -> bytes:
    return row


def chosen(body: str | bytes, *, after: int = 0, part: int = 7) -> Chosen:
    data = body.encode() if isinstance(body, str) else body
    bucket: Any = Bucket(data)
    return Chosen(bucket, "s3://b/athena/q.csv", same, after=after, part=part)


rows = st.lists(st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=8), max_size=30)


@given(rows=rows, part=st.integers(1, 60), after=st.integers(0, 40))
def test_rows_are_whole_however_the_object_is_cut(rows: list[str], part: int, after: int) -> None:
    source = chosen('"event"\n' + "".join(map(quoted, rows)), after=after, part=part)
    found = [line.decode() for lines in source.lines() for line in lines]
    assert found == rows[after:]
    assert source.position == source.size


def test_every_part_is_of_the_object_that_was_read_first() -> None:
    source = chosen('"event"\n' + quoted("a") * 5)
    list(source.lines())
    bucket: Any = source._s3
    assert [asked.get("IfMatch") for asked in bucket.asked] == [None, "e", "e", "e"]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ('"n"\n"1"\n', "it is no answer of headrace replay"),
        ('"event"\n"[1', "it ends in the middle"),
        ('"event"', "it ends in the middle"),
    ],
)
def test_what_is_no_answer_is_one_sentence(body: str, why: str) -> None:
    with pytest.raises(UnreadableSource) as raised:
        list(chosen(body).lines())
    assert str(raised.value) == (
        f"Cannot read s3://b/athena/q.csv: {why}. Choose the events again with --where."
    )


def test_an_answer_that_is_deleted_is_one_sentence() -> None:
    class Empty(Bucket):
        def get_object(self, **_: Any) -> dict[str, Any]:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")

    bucket: Any = Empty(b"")
    with pytest.raises(UnreadableSource, match="it is deleted, as answers are after some days"):
        list(Chosen(bucket, "s3://b/athena/q.csv", same).lines())
