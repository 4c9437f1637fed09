"""Compaction, date by date: begin, write, commit; and later, delete what was replaced.

Every step can be the last one before a crash. What is left then is known from the state in the
catalog (events/swap.py): a pass that was begun and never committed is thrown away with its files,
one that was committed is ended by deleting what it replaced. A manifest beside the data names the
delivered files that a pass holds: those, and no others, are deleted.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from events.columns import PARTITION_COLUMN
from events.swap import MOST_OPEN, Pass
from functions.compaction.merging import Merging
from functions.compaction.planning import (
    MILLISECOND,
    Delivered,
    Found,
    Work,
    by_pass,
    cut,
    pass_of,
    pieces,
    plan,
    rewritten,
)
from functions.compaction.report import Cleaned, Compacted, Report
from functions.compaction.settings import Settings
from functions.compaction.store import Store
from functions.compaction.swap import Swap

START_SECONDS = 30
BYTES_PER_SECOND = 5_000_000
"""A date is begun only when there is time for it at this pace, a third of what was measured."""


class Overtaken(Exception):
    """What was planned no longer holds; nothing was changed, a later run does it."""


class Manifest(Struct, frozen=True, kw_only=True):
    """What a pass read and wrote, by keys."""

    delivered: list[str]
    compacted: list[str]


@dataclass
class Compactor:
    """One run. `seconds_left` says how long it may go on; `folder` is its own, on disk."""

    settings: Settings
    store: Store
    swap: Swap
    run: str
    folder: Path
    id_column: str
    sort_columns: Sequence[str]
    clock: Callable[[], datetime]
    seconds_left: Callable[[], float]

    def __call__(self, *, only: Sequence[str] = (), dry_run: bool = False) -> Report:
        """Clean up after earlier runs, then compact what is due while there is time."""
        report = Report(
            event_type=self.settings.event_type,
            dry_run=dry_run,
            compacted=[],
            cleaned=[],
            waiting={},
            remaining=[],
            failed={},
        )
        if not dry_run:
            self._clean(report)
        state = self.swap.read()
        settings = self.settings
        planned = plan(
            self._list(settings.delivered_prefix, only),
            self._list(settings.compacted_prefix, only),
            state,
            now=self.clock(),
            settle=timedelta(seconds=settings.settle_seconds),
            only=only,
        )
        report.waiting = planned.waiting
        room = MOST_OPEN - len(state.passes)
        for work in planned.due:
            if dry_run:
                report.compacted.append(_before(work))
            elif room <= 0 or self.seconds_left() < START_SECONDS + work.size / BYTES_PER_SECOND:
                report.remaining.append(work.event_date)
            else:
                room -= 1
                self._try(work, report)
        return report

    def _list(self, prefix: str, dates: Sequence[str]) -> Iterator[Found]:
        """A table's objects, all or those of some dates."""
        folders = [f"{prefix}{PARTITION_COLUMN}={one}/" for one in dates] or [prefix]
        return chain.from_iterable(self.store.list(folder) for folder in folders)

    def _try(self, work: Work, report: Report) -> None:
        """One date that cannot be compacted does not keep the others from it."""
        try:
            report.compacted.append(self._compact(work.event_date))
        except Overtaken as why:
            report.waiting[work.event_date] = str(why)
        except Exception as why:
            report.failed[work.event_date] = f"{type(why).__name__}: {why}"

    def _compact(self, event_date: str) -> Compacted:
        started = self.clock()
        state = self.swap.change(
            lambda state: state.begin(event_date, self.run, started.timestamp())
        )
        mine = state.find(event_date)
        if mine is None or mine.run != self.run:
            raise Overtaken("in progress")
        try:
            # Listed again: only now does no other run change the date.
            delivered, compacted = (
                [one for one in self._list(prefix, [event_date]) if one.size]
                for prefix in (self.settings.delivered_prefix, self.settings.compacted_prefix)
            )
            work = Work(event_date, tuple(delivered), by_pass(compacted, state))
            return self._rewrite(work, mine, started)
        except Exception:
            self._abandon(mine)
            raise
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _rewrite(self, work: Work, mine: Pass, started: datetime) -> Compacted:
        self.folder.mkdir(parents=True, exist_ok=True)
        merging = Merging(self.settings.memory_mib, self.folder)
        taken, until, paths = self._taken(work, merging)
        again = rewritten(work, sum(one.size for one in taken), self.settings.budget_bytes)
        known = self._known(work, again, merging)
        earlier = [one.key for files in again.values() for one in files]
        paths += self.store.fetch(earlier, self.folder / "earlier").values()
        before = sum(one.size for one in taken)
        before += sum(one.size for files in again.values() for one in files)
        merged = merging.merge(
            paths,
            number=mine.number,
            id_column=self.id_column,
            sort_columns=self.sort_columns,
            known=known,
            pieces=pieces(before),
            target=self.folder / "merged",
        )
        written = self._store(mine, merged.files, [one.key for one in taken])
        self._check_nothing_came(work, until, merging)
        self._commit(mine, until, tuple(again))
        return Compacted(
            event_date=work.event_date,
            objects_before=len(taken) + len(earlier),
            bytes_before=before,
            objects_after=len(merged.files),
            bytes_after=written,
            rows=merged.rows,
            duplicates=merged.duplicates,
            seconds=round((self.clock() - started).total_seconds(), 3),
        )

    def _taken(self, work: Work, merging: Merging) -> tuple[list[Delivered], datetime, list[str]]:
        """The delivered files that this pass takes, until when, and where they are on disk."""
        files = self._spanned(work.delivered, merging, "delivered")
        settled = self.clock() - timedelta(seconds=self.settings.settle_seconds)
        found = cut(list(files), settled=settled, budget=self.settings.budget_bytes)
        if found is None:
            raise Overtaken("files overlap in time: those not settled, or beyond the budget")
        taken, until = found
        return taken, until, [files[one] for one in taken]

    def _spanned(self, found: Sequence[Found], merging: Merging, name: str) -> dict[Delivered, str]:
        """Files on disk, with the instants of their rows."""
        paths = self.store.fetch([one.key for one in found], self.folder / name)
        spans = merging.spans(list(paths.values())) if paths else {}
        return {
            Delivered(one.key, one.size, one.modified, *spans[paths[one.key]]): paths[one.key]
            for one in found
            if paths[one.key] in spans  # a file without rows has none
        }

    def _known(
        self, work: Work, again: dict[int, tuple[Found, ...]], merging: Merging
    ) -> list[str]:
        """The event ids of the date's passes that stay, one file on disk at a time."""
        known = []
        kept = [
            one
            for number in work.compacted
            if number not in again
            for one in work.compacted[number]
        ]
        for number, one in enumerate(kept):
            target = self.folder / f"known-{number}.parquet"
            (path,) = self.store.fetch([one.key], self.folder / "kept").values()
            merging.identifiers(path, self.id_column, target)
            Path(path).unlink()
            known.append(str(target))
        return known

    def _store(self, mine: Pass, files: Sequence[Path], taken: list[str]) -> int:
        """Write the pass's files and then its manifest; the bytes of the files."""
        folder = self._folder(mine)
        keys = [f"{folder}{mine.number:010}-{place:03}.parquet" for place in range(len(files))]
        size = 0
        for path, key in zip(files, keys, strict=True):
            size += path.stat().st_size
            self.store.upload(path, key)
        manifest = Manifest(delivered=taken, compacted=keys)
        self.store.put(self._manifest(mine), msgspec.json.encode(manifest))
        return size

    def _check_nothing_came(self, work: Work, until: datetime, merging: Merging) -> None:
        """A file that came meanwhile must not hold a row that the commit would hide."""
        known = {one.key for one in work.delivered}
        there = self._list(self.settings.delivered_prefix, [work.event_date])
        new = [one for one in there if one.key not in known and one.size]
        for one in self._spanned(new, merging, "new"):
            if one.oldest <= until + MILLISECOND:
                raise Overtaken("a file with earlier rows was delivered meanwhile")

    def _commit(self, mine: Pass, until: datetime, replaces: tuple[int, ...]) -> None:
        now = self.clock().timestamp()
        state = self.swap.change(lambda state: state.commit(mine, until, replaces, now))
        done = state.find(mine.event_date)
        if done is None or done.run != self.run or done.committed is None:
            raise Overtaken("another run took it for crashed")

    def _abandon(self, mine: Pass) -> None:
        """Undo a pass, unless its commit has arrived although that failed for us."""
        state = self.swap.change(lambda state: state.abandon(mine))
        left = state.find(mine.event_date)
        if left is not None and left.number == mine.number and left.committed is None:
            self._end(left)

    def _clean(self, report: Report) -> None:
        """End passes: the committed ones after the grace, those of crashed runs after the lease."""
        now = self.clock().timestamp()
        for one in self.swap.read().passes:
            if one.committed is None:
                over = not one.run or now - one.begun >= self.settings.lease_seconds
            else:
                over = now - one.committed >= self.settings.grace_seconds
            if over and self.seconds_left() > START_SECONDS:
                try:
                    self._clean_one(one, report)
                except Exception as why:
                    report.failed[one.event_date] = f"{type(why).__name__}: {why}"

    def _clean_one(self, one: Pass, report: Report) -> None:
        crashed = one.committed is None
        if crashed and not self._given_up(one):
            return
        objects = self._end(replace(one, run="") if crashed else one)
        report.cleaned.append(Cleaned(event_date=one.event_date, objects=objects, crashed=crashed))

    def _given_up(self, crashed: Pass) -> bool:
        """Take the pass away from its run, which can commit no more; False if it just has."""
        return replace(crashed, run="") in self.swap.change(lambda s: s.abandon(crashed)).passes

    def _end(self, ended: Pass) -> int:
        """Delete what a pass replaced, or what it wrote if it never counted; then forget it.

        The manifest goes last, so that a crash in between leaves nothing undeleted.
        """
        counts = ended.committed is not None
        unwanted = set(ended.replaces) if counts else {ended.number}
        keys = [
            one.key for one in self.store.list(self._folder(ended)) if pass_of(one.key) in unwanted
        ]
        body = self.store.get(self._manifest(ended)) if counts else None
        if body is not None:
            keys += msgspec.json.decode(body, type=Manifest).delivered
        self.store.delete(keys)
        self.store.delete([self._manifest(ended)])
        self.swap.change(lambda state: state.end(ended))
        return len(keys)

    def _folder(self, of: Pass) -> str:
        return f"{self.settings.compacted_prefix}{PARTITION_COLUMN}={of.event_date}/"

    def _manifest(self, of: Pass) -> str:
        return f"{self.settings.manifest_prefix}{of.number:010}.json"


def _before(work: Work) -> Compacted:
    files = [*work.delivered, *(one for files in work.compacted.values() for one in files)]
    return Compacted(
        event_date=work.event_date,
        objects_before=len(files),
        bytes_before=sum(one.size for one in files),
    )
