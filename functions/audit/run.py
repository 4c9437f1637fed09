"""The scheduled audit: from where the last one ended to where delivery must have come to by now.

What is missing stays known until it is found, or until the stream has forgotten it: then it is
lost, and said so once more. A shard's position moves on only when all before it is explained, and
what is missing of it remembered: more than can be is told by every run anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct
from msgspec.structs import replace

from functions.audit.auditor import Auditor, Gap, Plan, Reading
from functions.audit.cutting import Cut
from functions.audit.reading import GENTLE_PACE
from functions.audit.report import Missing, Tally

TOGETHER = 4
"""Shards read at once: each holds a page of up to 10 MB."""
MOST_MISSING = 10_000
"""Remembered at once by name: the state is one object, read and written by every run."""
MOST_TOLD = 10 * MOST_MISSING
"""Named by one run, that is held in memory, before it explains no further shard."""
READING_SHARE = 0.6
"""Of the function's time; comparing and explaining has the rest."""


class Position(Struct, frozen=True, kw_only=True):
    """How far a shard is audited: after record `last`, and all that arrived until `through`."""

    last: str | None
    seen: int
    through: int
    closed: bool = False


class State(Struct, frozen=True, kw_only=True):
    """What one run leaves to the next."""

    created: int = 0
    """When the stream was whose positions these are."""
    positions: dict[str, Position] = {}
    missing: list[Missing] = []
    lost: int = 0
    """Records that were still missing when the stream forgot them, ever."""


class Report(Struct, frozen=True, kw_only=True):
    """What a run found; instants in epoch milliseconds. `missing` are all that are missing now,
    `found` how many of those known before are not any more."""

    event_type: str
    began: int
    through: int
    """Everything that arrived until then is audited, in every shard."""
    shards: dict[str, Tally]
    missing: list[Missing]
    found: int
    newly_lost: list[Missing]
    gaps: list[Gap]
    """Trimmed before any run came to it: nothing can be said of what was there."""
    unfinished: list[str]
    """Shards for whose differences there was no time, or for whose missing there was no room: the
    next run does them again."""


def run(
    auditor: Auditor, state: State, *, seconds_left: Callable[[], float]
) -> tuple[State, Report]:
    """One run; the state for the next."""
    plan = auditor.plan()
    if state.created != plan.created:  # shards of the same names, which have never been audited
        state = replace(state, created=plan.created, positions={})
    deadline = seconds_left() * (1 - READING_SHARE)
    readings = _read(auditor, plan, state, lambda: seconds_left() - deadline)
    comparison = auditor.compare([cut for one in readings.values() for cut in one.cuts])
    tallies = dict(comparison.tallies)

    known = [one for one in state.missing if one.arrived_at >= plan.answers_from]
    missing = auditor.still_missing(known)
    forgotten = [one for one in state.missing if one.arrived_at < plan.answers_from]
    lost = auditor.still_missing(forgotten)
    found = len(state.missing) - len(missing) - len(lost)

    told, remembered, unfinished = set(known), list(missing), list[str]()
    for shard_id, cuts in _by_shard(comparison.differing).items():
        if seconds_left() <= 0 or len(missing) >= MOST_TOLD:
            unfinished.append(shard_id)
            continue
        explained = auditor.explain(shard_id, cuts)
        tallies[shard_id] = tallies.get(shard_id, Tally()) + explained.tally
        new = [one for one in explained.missing if one not in told]
        missing += new
        if len(remembered) + len(new) > MOST_MISSING:
            unfinished.append(shard_id)
            continue
        remembered += new

    positions = _moved(plan, state, readings, unfinished)
    report = Report(
        event_type=plan.event_type,
        began=plan.now,
        through=min(
            (one.through for one in positions.values() if not one.closed), default=plan.due
        ),
        shards=tallies,
        missing=missing,
        found=found,
        newly_lost=lost,
        gaps=_gaps(plan, state, readings),
        unfinished=unfinished,
    )
    after = State(
        created=plan.created,
        positions=positions,
        missing=remembered,
        lost=state.lost + len(lost),
    )
    return after, report


def _read(
    auditor: Auditor, plan: Plan, state: State, seconds_left: Callable[[], float]
) -> dict[str, Reading]:
    def read(shard_id: str) -> Reading:
        position = state.positions.get(shard_id)
        return auditor.read(
            shard_id,
            until=plan.due,
            due=plan.due,
            last=position.last if position else None,
            seen=position.seen if position else 0,
            pace=GENTLE_PACE,
            seconds_left=seconds_left,
        )

    wanted = [
        shard_id
        for shard_id in plan.shards
        if shard_id not in state.positions or not state.positions[shard_id].closed
    ]
    with ThreadPoolExecutor(TOGETHER) as pool:
        return dict(zip(wanted, pool.map(read, wanted), strict=True))


def _by_shard(cuts: list[Cut]) -> dict[str, list[Cut]]:
    shards: dict[str, list[Cut]] = {}
    for cut in cuts:
        shards.setdefault(cut.shard_id, []).append(cut)
    return shards


def _moved(
    plan: Plan, state: State, readings: Mapping[str, Reading], unfinished: list[str]
) -> dict[str, Position]:
    """The positions of the shards that are still there."""
    positions = {}
    for shard_id in plan.shards:
        before = state.positions.get(shard_id)
        reading = readings.get(shard_id)
        if reading is None or shard_id in unfinished:
            positions[shard_id] = before or Position(last=None, seen=0, through=0)
            continue
        anew = reading.unknown and not reading.cuts  # from the oldest record that there is
        positions[shard_id] = Position(
            last=None if anew else reading.last,
            seen=0 if anew else reading.seen,
            through=max(reading.through, before.through if before else 0),
            closed=reading.closed,
        )
    return positions


def _gaps(plan: Plan, state: State, readings: Mapping[str, Reading]) -> list[Gap]:
    """What was trimmed unread. A record that is gone is none when all that came after it, up to
    what the stream still keeps, was read; nor is there any that we know of in a shard to which no
    run has come yet."""
    found = []
    for shard_id, before in state.positions.items():
        if before.closed or not before.through or before.through >= plan.answers_from:
            continue
        reading = readings.get(shard_id)
        if reading is None:  # the shard expired with all its records
            number = before.last or "0"
            found.append(Gap(shard_id=shard_id, low=number, high=number, sure=False))
        elif before.last is None:  # it was empty: whatever came since may have been trimmed
            high = max(0, int(reading.cuts[0].low) - 1) if reading.cuts else 0
            found.append(Gap(shard_id=shard_id, low="0", high=str(high), sure=False))
        else:
            found += reading.gaps
    return found
