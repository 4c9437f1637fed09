"""What each answer of a function means for its batch."""

import pytest

from local.mapping.answer import read
from local.mapping.lane import Answer, Entry, Failed, Succeeded

BATCH = [Entry(number, "key", 0, 100) for number in (11, 12, 13)]


@pytest.mark.parametrize(
    ("payload", "answer"),
    [
        (b"", Succeeded()),
        (b'""', Succeeded()),
        (b"[]", Succeeded()),
        (b"null", Succeeded()),
        (b"{}", Succeeded()),
        (b'{"batchItemFailures": []}', Succeeded()),
        (b'{"batchItemFailures": null}', Succeeded()),
        (b'{"batchItemFailures": [{"itemIdentifier": "12"}]}', Failed(first=12)),
        (
            b'{"batchItemFailures": [{"itemIdentifier": "13"}, {"itemIdentifier": "12"}]}',
            Failed(12),
        ),
        (b'{"batchItemFailures": [{"itemIdentifier": "99"}]}', Failed()),
        (b'{"batchItemFailures": [{"itemIdentifier": "12"}, {"itemIdentifier": ""}]}', Failed()),
        (b'{"batchItemFailures": [{"itemIdentifier": null}]}', Failed()),
        (b'{"batchItemFailures": [{"itemIdentifier": 12}]}', Failed()),
        (b'{"batchItemFailures": [{"identifier": "12"}]}', Failed()),
        (b'{"batchItemFailures": ["12"]}', Failed()),
        (b'{"batchItemFailures": "12"}', Failed()),
        (b"7", Failed()),
        (b'"done"', Failed()),
        (b"not json", Failed()),
    ],
)
def test_with_partial_responses(payload: bytes, answer: Answer) -> None:
    assert read(payload, None, BATCH, report=True, windowed=False) == answer


@pytest.mark.parametrize("payload", [b"", b"7", b"not json", b'{"batchItemFailures": [1]}'])
def test_without_partial_responses_whatever_is_returned_is_a_success(payload: bytes) -> None:
    assert read(payload, None, BATCH, report=False, windowed=False) == Succeeded()


def test_an_exception_fails_the_whole_batch() -> None:
    answer = read(b'{"errorMessage": "x"}', "Unhandled", BATCH, report=True, windowed=False)
    assert answer == Failed(error="Unhandled")


@pytest.mark.parametrize(
    ("payload", "answer"),
    [
        (b'{"state": {"n": 1}}', Succeeded(b'{"n":1}')),
        (b"{}", Failed()),
        (b"null", Failed()),
        (b'{"state": 1}', Failed()),
    ],
)
def test_a_windowed_function_must_answer_its_state(payload: bytes, answer: Answer) -> None:
    assert read(payload, None, BATCH, report=False, windowed=True) == answer


def test_the_final_answer_of_a_window_needs_no_state() -> None:
    assert read(b"null", None, [], report=False, windowed=True, final=True) == Succeeded()
