"""Record by record: what of a cut is in the lake, what is accounted for, and what may be missing.

Pure. `Compared` is fed with what SQL found and with the records as they are read once more.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from events.decoding import Decoder, event_date, event_id
from events.mark import split
from events.rejection import Rejected
from functions.audit.cutting import Cut, User
from functions.audit.report import Missing, Tally

Identity = tuple[str, int]
"""Sequence and subsequence number, within a shard."""
Found = Mapping[Identity, tuple[int, int]]
"""Rows, and lines among the rejected, of every identity that has any."""


def agrees(cut: Cut, identities: int, weight: int) -> bool:
    """Whether lake and rejected together are what the cut must have there."""
    return (identities, weight) == (cut.records, cut.weight)


@dataclass
class Compared:
    """The records of some cuts of one shard against what was found of them."""

    shard_id: str
    found: Found
    decoder: Decoder[Any]
    candidates: list[Missing] = field(default_factory=list)
    """Those without row and line: missing, unless their event or payload is there otherwise."""
    _met: set[Identity] = field(default_factory=set)
    _stream: int = 0
    _lake: int = 0
    _rejected: int = 0
    _dropped: int = 0
    _resubmitted: int = 0
    _twice: int = 0

    def add(self, user: User) -> None:
        """The next record of the stream."""
        identity = user.sequence_number, user.subsequence_number
        rows, rejected = self.found.get(identity, (0, 0))
        self._stream += 1
        if rows or rejected:
            self._met.add(identity)
        if rows:
            self._lake += 1
            self._twice += rows - 1
            self._resubmitted += rejected > 0
        elif rejected:
            self._rejected += 1
        elif user.dropped:
            self._dropped += 1
        else:
            self.candidates.append(candidate(self.shard_id, user, self.decoder))

    def end(self, cuts: Iterable[Cut]) -> Tally:
        """After the last record, all but the candidates. What was there when the cuts were made,
        and is not any more, is gone."""
        promised = sum(cut.all for cut in cuts)
        gone = max(0, promised - self._stream)
        return Tally(
            stream=self._stream + gone,
            lake=self._lake,
            rejected=self._rejected,
            dropped=self._dropped,
            gone=gone,
            resubmitted=self._resubmitted,
            twice=self._twice,
            strange=0 if gone else len(self.found) - len(self._met),
        )


def candidate(shard_id: str, user: User, decoder: Decoder[Any]) -> Missing:
    """What has to be known of a record to look for it elsewhere, and to name it."""
    name = day = ""
    try:
        _, data = split(user.data)
        event = decoder.decode(data, datetime.fromtimestamp(user.arrived // 1000, UTC))
    except Rejected:
        pass
    else:
        name, day = event_id(event), event_date(event)
    return Missing(
        shard_id=shard_id,
        sequence_number=user.sequence_number,
        subsequence_number=user.subsequence_number,
        arrived_at=user.arrived,
        event_id=name,
        event_date=day,
        payload=sha256(b2a_base64(user.data, newline=False)).hexdigest().upper(),
    )


def judged(
    candidates: Iterable[Missing], events: Set[str], payloads: Set[str]
) -> tuple[Tally, list[Missing]]:
    """The last word: an event whose id has a row was put twice, and one whose very bytes are kept
    under a nameless line of Firehose was rejected; anything else is missing."""
    repeated = rejected = 0
    missing: list[Missing] = []
    for one in candidates:
        if one.event_id and one.event_id in events:
            repeated += 1
        elif one.payload in payloads:
            rejected += 1
        else:
            missing.append(one)
    return Tally(repeated=repeated, rejected=rejected, missing=len(missing)), missing
