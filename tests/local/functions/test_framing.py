"""The log pipe, cut into events."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from local.functions import limits
from local.functions.framing import HEADER, MAGIC, Framing, Line

TIME = 1_790_000_000_123_456


def frame(message: bytes, kind: int = 3) -> bytes:
    return HEADER.pack(MAGIC, kind, len(message), TIME) + message


def lines(*pieces: bytes) -> list[Line]:
    framing = Framing()
    found = [line for piece in pieces for line in framing.feed(piece)]
    return found + list(framing.flush())


def test_text_ends_at_newlines_and_frames_at_their_length_in_the_order_written() -> None:
    assert lines(b"one\ntwo\n" + frame(b"a\nb", 0x17) + b"three\n\nrest") == [
        Line(b"one\n"),
        Line(b"two\n"),
        Line(b"a\nb", TIME // 1000, "ERROR"),
        Line(b"three\n"),
        Line(b"\n"),
        Line(b"rest"),
    ]


def test_what_only_looks_like_a_frame_is_text() -> None:
    text = MAGIC + b"\x03" + b"not a length, not a time\n"
    assert lines(text) == [Line(text)]


def test_an_event_longer_than_cloudwatch_takes_is_cut() -> None:
    long = b"x" * (limits.LOG_EVENT + 10)
    assert [len(line.message) for line in lines(long + b"\n", frame(long), b"next\n")] == [
        limits.LOG_EVENT,
        limits.LOG_EVENT,
        len(b"next\n"),
    ]


def test_only_marked_lines_are_cut_out_of_a_flood_and_all_others_counted() -> None:
    framing = Framing()
    framing.only = b"mark"
    pieces = [b"a\nb\nha", b"lf\nwith ma", b"rk 1\nc\n", b"d\nmark 2\ne\n"]
    found = [line.message for piece in pieces for line in framing.feed(piece)]
    assert (found, framing.skipped) == ([b"with mark 1\n", b"mark 2\n"], 6)


parts = st.one_of(
    st.binary(max_size=40).map(lambda text: text.replace(b"\xa5", b"?") + b"\n"),
    st.binary(max_size=40).map(frame),
)


@given(st.lists(parts, max_size=8), st.lists(st.integers(0, 400), max_size=12))
def test_how_the_pipe_cuts_its_pieces_changes_nothing(
    written: list[bytes], cuts: list[int]
) -> None:
    whole = b"".join(written)
    ends = sorted({cut for cut in cuts if cut < len(whole)} | {len(whole)})
    pieces = [whole[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    assert lines(*pieces) == lines(whole)
