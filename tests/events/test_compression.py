"""Compressed records come apart again; what only looks like one is refused in bounded memory."""

import subprocess
import sys
import threading

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from events import registry
from events.compression import FRAME, LARGEST, WINDOW, compressed, decompressed, readable
from events.decoding import Decoder, Reason, Rejected
from events.flight.event import Flight
from tests.conftest import ROOT
from tests.events.samples import ARRIVAL, samples

TEXT = b'{"notes":"' + b"many words and many words again, " * 20 + b'"}'


def streamed(data: bytes, **parameters: int) -> bytes:
    """A frame of an encoder that does not know beforehand how long it will be."""
    options = zstandard.ZstdCompressionParameters.from_level(3, **parameters)
    encoder = zstandard.ZstdCompressor(compression_params=options).compressobj()
    return encoder.compress(data) + encoder.flush()


@given(st.binary())
def test_data_comes_back_and_never_grows(data: bytes) -> None:
    put = compressed(data)
    assert len(put) <= len(data)
    assert (put if put == data else decompressed(put)) == data


def test_other_libraries_read_ours_and_theirs_are_read() -> None:
    assert zstandard.ZstdDecompressor().decompress(compressed(TEXT)) == TEXT
    for level in (1, 19):
        assert decompressed(zstandard.ZstdCompressor(level=level).compress(TEXT)) == TEXT
    unsized = zstandard.ZstdCompressor(write_content_size=False, write_checksum=True)
    assert decompressed(unsized.compress(TEXT)) == TEXT


@pytest.mark.parametrize("level", [1, 3, 6, 19])
def test_frames_of_encoders_that_do_not_know_the_size_beforehand_are_read(level: int) -> None:
    """They write the window of their level into the frame: 2 MiB by default, 8 MiB at level 19."""
    encoder = zstandard.ZstdCompressor(level=level).compressobj()
    assert decompressed(encoder.compress(TEXT) + encoder.flush()) == TEXT


def test_threads_share_the_compressor() -> None:
    texts = [TEXT + b"%d" % n for n in range(400)]
    found: list[bytes] = []

    def work() -> None:
        found.extend(decompressed(compressed(text)) for text in texts)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(texts * 4)


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (FRAME, "cut short"),
        (compressed(TEXT)[:-1], "cut short"),
        (compressed(TEXT) + b"x", "follows"),
        (compressed(TEXT) * 2, "follows"),
        (FRAME + b"\xff" * 40, "damaged"),
        (zstandard.ZstdCompressor().compress(bytes(LARGEST + 1)), "damaged|more than"),
        (
            zstandard.ZstdCompressor(write_content_size=False).compress(bytes(100_000_000)),
            "damaged|more than",
        ),
        (streamed(TEXT, window_log=WINDOW + 1), "damaged, or needs too much memory"),
        (streamed(bytes(LARGEST + 1), window_log=WINDOW), "more than"),
    ],
    ids=["magic", "cut", "tail", "two", "garbage", "large", "bomb", "window", "long"],
)
def test_what_is_no_frame_or_too_large_is_refused_and_shown_as_it_is(
    frame: bytes, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        decompressed(frame)
    assert readable(frame) == frame
    with pytest.raises(Rejected) as verdict:
        Decoder(Flight).decode(frame, ARRIVAL)
    assert verdict.value.reason is Reason.NOT_ZSTD


def test_what_is_as_large_as_a_record_may_be_is_compressed_and_what_is_larger_is_not() -> None:
    assert decompressed(compressed(b"x" * LARGEST)) == b"x" * LARGEST
    assert compressed(b"x" * (LARGEST + 1)) == b"x" * (LARGEST + 1)


@pytest.mark.parametrize("kind", registry.types().values())
def test_a_decoder_takes_an_event_with_and_without(kind: type[Flight]) -> None:
    for sample in samples("valid"):
        if sample.kind is kind:
            frame = zstandard.ZstdCompressor().compress(sample.data)
            decoder = Decoder(kind)
            assert decoder.decode(frame, ARRIVAL) == decoder.decode(sample.data, ARRIVAL)


def test_a_wrong_event_is_as_wrong_when_it_is_compressed_and_no_frame_holds_another() -> None:
    once = zstandard.ZstdCompressor().compress(b"[1]")
    twice = zstandard.ZstdCompressor().compress(once)
    for frame, reason in ((once, Reason.NOT_OBJECT), (twice, Reason.NOT_JSON)):
        with pytest.raises(Rejected) as verdict:
            Decoder(Flight).decode(frame, ARRIVAL)
        assert verdict.value.reason is reason


def test_a_function_that_sees_no_compressed_record_never_imports_zstd() -> None:
    program = """if True:
        import sys
        from events.decoding import Decoder, Rejected
        from events.flight.event import Flight
        try:
            Decoder(Flight).decode(b"[]")
        except Rejected:
            print([name for name in sys.modules if "zstd" in name])
    """
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
