"""Compaction as its function does it: what is due, then date by date."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from cli.errors import AccountFailure

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class Compacted(msgspec.Struct, frozen=True, kw_only=True):
    """A date that was rewritten; in a dry run what it is now, and nothing of the result."""

    event_date: str
    objects_before: int
    bytes_before: int
    objects_after: int | None = None
    bytes_after: int | None = None
    rows: int | None = None
    duplicates: int | None = None
    seconds: float | None = None


class Cleaned(msgspec.Struct, frozen=True, kw_only=True):
    """A date whose replaced files are deleted now; `crashed` when a pass was left half done."""

    event_date: str
    objects: int
    crashed: bool


class Report(msgspec.Struct, kw_only=True):
    """What was done; `waiting` and `failed` say by date why nothing was."""

    event_type: str
    dry_run: bool
    compacted: list[Compacted]
    cleaned: list[Cleaned]
    waiting: dict[str, str]
    remaining: list[str]
    failed: dict[str, str]

    def add(self, other: "Report") -> None:
        """Take in the report of another invocation."""
        self.compacted += other.compacted
        self.cleaned += other.cleaned
        self.waiting |= other.waiting
        self.failed |= other.failed


class Compaction:
    """The compaction function of one event type, invoked as often as it takes.

    One invocation per date: whoever waits hears of each, a long list outlives the longest that a
    function may run, and Ctrl-C stops between dates. An invocation finishes what it began.
    """

    def __init__(self, client: "LambdaClient", function: str) -> None:
        self._client = client
        self._function = function

    def due(self, dates: tuple[str, ...]) -> Report:
        """What would be done, of all dates or of these."""
        return self._invoke(dates, dry_run=True)

    def run(self, dates: list[str]) -> Iterator[Report]:
        """Compact these dates, one after the other, and clean up after earlier runs, which is all
        that is done when there are none."""
        each: list[tuple[str, ...]] = [(date,) for date in dates]
        for chosen in each or [()]:
            yield self._invoke(chosen, dry_run=False)

    def _invoke(self, dates: tuple[str, ...], *, dry_run: bool) -> Report:
        request = {"dates": dates, "dry_run": dry_run}
        answer = self._client.invoke(
            FunctionName=self._function, Payload=msgspec.json.encode(request)
        )
        payload = answer["Payload"].read()
        if answer.get("FunctionError"):
            raise AccountFailure(
                f"Compaction failed in {self._function}: {_said(payload)}; its log group says "
                "more. Nothing is lost, repeat the command to go on."
            )
        return msgspec.json.decode(payload, type=Report)


def _said(payload: bytes) -> str:
    found = msgspec.json.decode(payload)
    return str(found.get("errorMessage", "no reason given")) if isinstance(found, dict) else "?"
