"""What a function's answer says about its batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from local.mapping.lane import Answer, Entry, Failed, Succeeded

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Sequence

NONSENSE_FAILS_THE_BATCH = True
"""With ReportBatchItemFailures, an answer of another shape acknowledges nothing. [open]"""


def read(
    payload: bytes,
    error: str | None,
    entries: Sequence[Entry],
    *,
    report: bool,
    windowed: bool,
    final: bool = False,
) -> Answer:
    """Interpret an invocation that ran.

    `error` is the invocation's function error. `report` is whether the mapping has
    ReportBatchItemFailures; without it whatever a function returns is a success. With tumbling
    windows the answer must hold `state`, but after the final invocation the state is dropped
    (https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html).
    """
    if error:
        return Failed(error=error)
    if not (report or windowed):
        return Succeeded()
    try:
        answer = msgspec.json.decode(payload) if payload else None
    except msgspec.DecodeError:
        return Failed()
    state = b"{}"
    if windowed and not final:
        if not isinstance(answer, dict) or not isinstance(answer.get("state"), dict):
            return Failed()
        state = msgspec.json.encode(answer["state"])
    return (reported(answer, entries) if report else None) or Succeeded(state)


def reported(answer: Any, entries: Sequence[Entry]) -> Failed | None:
    """The failure an answer reports, None for success: the lowest reported number counts."""
    known = {str(entry.sequence_number): entry.sequence_number for entry in entries}
    failed = failures(answer, known)
    if failed is None:
        return Failed()
    return Failed(first=min(known[identifier] for identifier in failed)) if failed else None


def failures(answer: Any, known: Container[str]) -> set[str] | None:
    """The identifiers of `known` that an answer reports; None: the whole batch failed.

    So it does when one of them is not in the batch.
    """
    if answer is None or answer in ("", [], {}):
        return set()
    if not isinstance(answer, dict):
        return None if NONSENSE_FAILS_THE_BATCH else set()
    found = answer.get("batchItemFailures")
    if not found:
        return set()
    if not isinstance(found, list):
        return None if NONSENSE_FAILS_THE_BATCH else set()
    identifiers = [item.get("itemIdentifier") for item in found if isinstance(item, dict)]
    if len(identifiers) < len(found) or not all(
        isinstance(identifier, str) and identifier in known for identifier in identifiers
    ):
        return None
    return {str(identifier) for identifier in identifiers}


def of_messages(
    payload: bytes, error: str | None, ids: Collection[str], *, report: bool
) -> Collection[str]:
    """Which messages of a queue's batch failed; without ReportBatchItemFailures all or none."""
    if error:
        return ids
    if not report:
        return ()
    try:
        answer = msgspec.json.decode(payload) if payload else None
    except msgspec.DecodeError:
        return ids
    failed = failures(answer, ids)
    return ids if failed is None else failed
