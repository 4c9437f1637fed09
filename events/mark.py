"""What a record says of itself when it is put a second time, in a line before the event's bytes.

`{"headrace":{"kind":"resubmitted","lake":"…","run":"…",…}}\\n`, and then the bytes as they were. A
command that puts a record again marks it; delivery's transform and every processor take the mark
off before they decode. No event is mistaken for a marked one: two JSON documents are no event.

A mark is a producer's word. One that dropped its own events by marking them could as well not have
put them; one that gave another place than its record's would make the audit miss both, so the
transform believes a place only of records that were put on the delivery stream itself, which is
granted to people and not to producers.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

START = b'{"headrace":{'
"""How every marked record begins: all that an unmarked one costs is to be compared with it."""


LAST_INSTANT = 253_402_300_799_999
"""The last millisecond of the year 9999."""


class Mark(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`replayed`: taken out of the archive, where it stays. `resubmitted`: was rejected before.

    `lake` is the bucket it comes from and `run` the command's run. A resubmitted record also says
    where it stood in the stream, and when it arrived there in epoch milliseconds, if that is known.
    """

    kind: Literal["replayed", "resubmitted"]
    lake: str
    run: str
    shard_id: str | None = None
    sequence_number: str | None = None
    subsequence_number: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None
    arrived_at: Annotated[int, Meta(ge=0, le=LAST_INSTANT)] | None = None


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    headrace: Mark


_decode = msgspec.json.Decoder(_Line).decode
_encode = msgspec.json.Encoder().encode


def marked(mark: Mark, data: bytes) -> bytes:
    """The event's bytes with the mark before them."""
    return _encode(_Line(mark)) + b"\n" + data


def split(data: bytes) -> tuple[Mark | None, bytes]:
    """The mark and the event's bytes; None, and the data as it is, when no well-formed line of a
    mark stands before them."""
    if not data.startswith(START):
        return None, data
    line, end, rest = data.partition(b"\n")
    if not end:
        return None, data
    try:
        return _decode(line).headrace, rest
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, data
