"""What a run of the compaction did, and what it left: the function's answer."""

from msgspec import Struct


class Compacted(Struct, frozen=True, kw_only=True):
    """A date that was rewritten, or in a dry run would be (then nothing is known of the result)."""

    event_date: str
    objects_before: int
    bytes_before: int
    objects_after: int | None = None
    bytes_after: int | None = None
    rows: int | None = None
    duplicates: int | None = None
    seconds: float | None = None


class Cleaned(Struct, frozen=True, kw_only=True):
    """A date whose replaced files were deleted; `crashed` when it was a pass that never counted."""

    event_date: str
    objects: int
    crashed: bool


class Report(Struct, kw_only=True):
    """`remaining` are dates that are due, for which this run had no time; `waiting` says why others
    with delivered files were left as they are, and `failed` on what some could not be compacted."""

    event_type: str
    dry_run: bool
    compacted: list[Compacted]
    cleaned: list[Cleaned]
    waiting: dict[str, str]
    remaining: list[str]
    failed: dict[str, str]
