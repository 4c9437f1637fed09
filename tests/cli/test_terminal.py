"""What a person reads: sizes, ages, text that was not meant for a terminal."""

import pytest

from cli.terminal import aged, printable, sized


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 KB"), (24_100_000, "24.1 MB"), (2e12, "2.0 TB")],
)
def test_bytes_are_readable(size: int, text: str) -> None:
    assert sized(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1 min"), (7200, "2 h"), (90_000, "1 d"), (3e6, "35 d")],
)
def test_an_age_is_told_in_its_largest_unit(seconds: float, text: str) -> None:
    assert aged(seconds) == text


def test_text_cannot_steer_the_terminal() -> None:
    assert printable("a\x1b[2J\n\u202eé ✓") == "a\\x1b[2J\\n\\u202eé ✓"
