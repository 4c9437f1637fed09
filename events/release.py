"""Which releases are on trial: the registry that a person writes and the function obeys, and what
the two say to each other.

**The registry** is one object of the lake's bucket, `KEY`. Who changes it reads it with its ETag,
makes the next one with `start` or `stop`, and puts that on condition that the object is still the
one that was read (If-Match; If-None-Match: * for the first), so that two people, or a person and a
build, never undo each other. The function reads it again when what it has is older than
`REFRESH_SECONDS`.

**A trial** compares the canary with the baseline, by event time:

    prepares_at ─── the device's own past ───► grace ─► started_at ─── the trial ───► stopped_at
    baseline's reports make the device's p;    neither  reports of both releases, each under the
    the canary's make nothing                           release that it names

No boundary may come nearer than `LEAD`: until then every execution environment has read of it.
Hence what an event does to the trial's state follows from the event and not from who handled it
when, as long as nothing comes more than the grace out of order: state that is built again from the
lake is then the same to the bit. A trial that is backdated begins in the past; what the function
had already seen by then is not in it until its state is rebuilt.

**The questions** are what the command invokes the function with, since nobody else can reach its
state: `Look`, `Digest`, `Flush` and `Feed` below, each `{"headrace": <word>, ...}`. The answers
are JSON of the struct that each one names. A question that cannot be answered (no such trial, a
state that cannot be reached) is a FunctionError whose `errorType` is `Unanswerable` and whose
`errorMessage` is a sentence.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

PREFIX = "releases/"
KEY = f"{PREFIX}registry.json"

REFRESH_SECONDS = 5
"""No execution environment handles events by a registry that it read longer ago than this."""
LEAD = timedelta(seconds=30)
"""From the writing of the registry to the first event time that it is about: the refresh, and
clocks and batches that lag behind."""
PREPARATION = timedelta(minutes=10)
"""Default length of the period that makes a device's own past."""
LONGEST_PREPARATION = timedelta(days=30)
KEPT = 100
"""Trials that ended and are still in the registry; the oldest are forgotten."""

Name = Literal["heap_bytes", "channel_change_ms", "cpu", "crashed"]
Version = Annotated[str, Meta(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$", max_length=32)]
Instant = Annotated[datetime, Meta(tz=True)]
Share = Annotated[float, Meta(ge=0, le=10)]
Error = Annotated[float, Meta(gt=0, lt=0.5)]

BANDS: dict[str, tuple[float, float]] = {
    "heap_bytes": (2.0**20, 2.0**36),
    "channel_change_ms": (1.0, 60_000.0),
    "cpu": (0.001, 1.0),
}
"""Least and most of what a metric of sizes may measure; beyond, a value counts as the nearer end,
and is counted as clipped. Logarithms are taken, hence none begins at 0. `crashed` is no size."""


class Metric(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is compared and what is too much; shares, 0.05 is 5 %.

    `direction` is where worse lies. The canary fails when it is worse by more than `tolerance`,
    and passes when it is certainly not worse by `margin`: between the two it is not told apart.
    """

    name: Name
    direction: Literal["higher", "lower"] = "higher"
    weight: Annotated[float, Meta(gt=0, le=1)]
    tolerance: Share
    margin: Annotated[float, Meta(gt=0, le=10)]
    negligible: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """Of `crashed` alone, devices that crash per device-hour: a canary that is certainly below this
    passes too. A rate that is rare takes days to be compared."""


DEFAULT_METRICS = (
    Metric(name="heap_bytes", weight=0.5, tolerance=0.01, margin=0.05),
    Metric(name="channel_change_ms", weight=0.3, tolerance=0.02, margin=0.1),
    Metric(name="crashed", weight=0.2, tolerance=0.0, margin=1.0, negligible=0.01),
)


class Trial(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One canary against one baseline; instants are event times in UTC, to whole seconds."""

    number: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    """The version of the registry that began it: no other trial ever has it."""
    canary: Version
    baseline: Version
    registered_at: Instant
    prepares_at: Instant
    started_at: Instant
    stopped_at: Instant | None = None
    grace_seconds: Annotated[int, Meta(ge=0, le=86_400)] = 60
    """How much out of order events may come."""
    skew_minutes: Annotated[int, Meta(ge=1, le=10_080)] = 120
    """How far an event time may lie from the arrival: beyond, the device's clock is not believed,
    and the event is counted as such and not compared."""
    metrics: tuple[Metric, ...] = DEFAULT_METRICS
    alpha: Error = 0.05
    """At most this share of healthy releases fail."""
    beta: Error = 0.05
    """At most this share of releases that are worse by the margin pass."""
    soak_minutes: Annotated[int, Meta(ge=0, le=10_080)] = 30
    """Of event time, from the start: nothing passes sooner."""
    share: Annotated[float, Meta(gt=0, lt=1)] | None = None
    """Which part of the devices of both arms is to run the canary, when the rollout is complete and
    chance decided which: what is counted is checked against it."""
    devices: Annotated[int, Meta(ge=1, le=100_000_000)] = 10_000
    """How many devices report, roughly: the state is laid out for them. Ten times as many fit."""

    def stops_by(self, moment: datetime) -> bool:
        return self.stopped_at is not None and self.stopped_at <= moment

    @property
    def sizes(self) -> tuple[str, ...]:
        """The metrics that are sizes, in the order of the state's records."""
        return tuple(one.name for one in self.metrics if one.name in BANDS)


class Registry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`version` counts the changes; trials in the order of their numbers."""

    version: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0
    trials: tuple[Trial, ...] = ()


class Refused(ValueError):
    """The registry cannot be changed like that; the text says why and what to do."""


def start(
    registry: Registry,
    *,
    canary: str,
    baseline: str,
    now: datetime,
    at: datetime | None = None,
    preparation: timedelta = PREPARATION,
    backdate: bool = False,
    metrics: tuple[Metric, ...] = DEFAULT_METRICS,
    grace_seconds: int = 60,
    skew_minutes: int = 120,
    alpha: float = 0.05,
    beta: float = 0.05,
    soak_minutes: int = 30,
    share: float | None = None,
    devices: int = 10_000,
) -> Registry:
    """The registry with one more trial, which begins at `at`, by default as soon as the devices
    have had their preparation. Only when it is backdated may any of it lie in the past.

    Raises Refused.
    """
    if preparation > LONGEST_PREPARATION:
        raise Refused(f"A preparation is at most {LONGEST_PREPARATION.days} days long.")
    soonest = now + LEAD
    try:
        started = _whole(at or (now if backdate else soonest + preparation))
        prepares = started - preparation
    except OverflowError:
        raise Refused("The trial would lie beyond the years that there are.") from None
    if not backdate:
        if started < soonest:
            raise Refused(
                f"The trial would start at {_said(started)}, but not every function has heard of it"
                f" before {_said(soonest)}: start it then, or backdate it and rebuild its state."
            )
        prepares = min(max(prepares, _whole(soonest)), started)
    trial = Trial(
        number=registry.version + 1,
        canary=canary,
        baseline=baseline,
        registered_at=now,
        prepares_at=prepares,
        started_at=started,
        grace_seconds=grace_seconds,
        skew_minutes=skew_minutes,
        metrics=metrics,
        alpha=alpha,
        beta=beta,
        soak_minutes=soak_minutes,
        share=share,
        devices=devices,
    )
    _check(trial)
    for other in registry.trials:
        if other.canary == canary and not other.stops_by(prepares):
            raise Refused(
                f"{canary} is on trial since {_said(other.started_at)} against {other.baseline}:"
                " stop that trial before another one begins."
            )
    return Registry(version=trial.number, trials=_kept((*registry.trials, trial), now))


def stop(registry: Registry, canary: str, *, now: datetime, at: datetime | None = None) -> Registry:
    """The registry with the trial of `canary` ended at `at`, by default as soon as can be.

    Raises Refused.
    """
    trial = find(registry, canary)
    if trial is None or trial.stopped_at is not None:
        raise Refused(
            f"{canary} is not on trial: `headrace release status` shows which releases are."
        )
    soonest = now + LEAD
    if at is not None and at < soonest:
        raise Refused(
            f"The trial would stop at {_said(at)}, but not every function has heard of it before"
            f" {_said(soonest)}: stop it then."
        )
    try:
        stops = _whole(at or soonest)
    except OverflowError:
        raise Refused("The trial would stop beyond the years that there are.") from None
    stopped = replace(trial, stopped_at=max(stops, trial.started_at))
    trials = tuple(stopped if one is trial else one for one in registry.trials)
    return Registry(version=registry.version + 1, trials=_kept(trials, now))


def find(registry: Registry, canary: str) -> Trial | None:
    """The latest trial of a canary, running or not."""
    return next((one for one in reversed(registry.trials) if one.canary == canary), None)


def open_trials(registry: Registry, now: datetime) -> tuple[Trial, ...]:
    """The trials that an event which arrives now may belong to: those that have not ended, and
    those that ended so shortly ago that what they still get may be delivered again."""
    return tuple(
        one
        for one in registry.trials
        if not one.stops_by(now - LATEST - timedelta(minutes=one.skew_minutes))
    )


LATEST = timedelta(days=7)
"""How long after its arrival an event may be handled: the retention of its stream."""


def encode(registry: Registry) -> bytes:
    """The body of the registry's object."""
    return msgspec.json.format(msgspec.json.encode(registry), indent=2) + b"\n"


def decode(body: bytes) -> Registry:
    """The registry in an object's body. Raises Refused, with the place that is wrong."""
    try:
        registry = msgspec.json.decode(body, type=Registry)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(
            f"{KEY} is no registry of releases ({error}): put an earlier version of it back."
        ) from error
    return replace(registry, trials=tuple(map(_in_utc, registry.trials)))


def _check(trial: Trial) -> None:
    try:
        msgspec.convert(msgspec.to_builtins(trial), Trial)
    except msgspec.ValidationError as error:
        raise Refused(f"That is no trial: {error}.") from error
    if trial.canary == trial.baseline:
        raise Refused(
            f"{trial.canary} is canary and baseline: name the release that runs now as --baseline."
        )
    _check_metrics(trial.metrics)
    if trial.prepares_at > trial.started_at:
        raise Refused("A preparation is no negative time.")


def _check_metrics(metrics: tuple[Metric, ...]) -> None:
    names = [one.name for one in metrics]
    if not names:
        raise Refused("A trial needs a metric: without one there is nothing to compare.")
    for name in names:
        if names.count(name) > 1:
            raise Refused(f"The metric {name} is given {names.count(name)} times: give it once.")
    total = sum(one.weight for one in metrics)
    if abs(total - 1) > 1e-9:
        raise Refused(f"The weights of the metrics sum to {total:g}: make it 1.")
    for one in metrics:
        if one.margin <= one.tolerance:
            raise Refused(
                f"{one.name} has a margin of {one.margin:g}, which is not above its tolerance of"
                f" {one.tolerance:g}: a release could pass and fail at once."
            )
        if one.name == "crashed" and one.direction == "lower":
            raise Refused("Fewer crashes are never worse: crashed has the direction higher.")


def _kept(trials: tuple[Trial, ...], now: datetime) -> tuple[Trial, ...]:
    ended = [one for one in trials if one.stops_by(now)]
    forgotten = {one.number for one in ended[: max(0, len(ended) - KEPT)]}
    return tuple(one for one in trials if one.number not in forgotten)


def _in_utc(trial: Trial) -> Trial:
    stopped = trial.stopped_at
    return replace(
        trial,
        registered_at=trial.registered_at.astimezone(UTC),
        prepares_at=trial.prepares_at.astimezone(UTC),
        started_at=trial.started_at.astimezone(UTC),
        stopped_at=stopped.astimezone(UTC) if stopped else None,
    )


def _whole(moment: datetime) -> datetime:
    """The next whole second: the lake's timestamps end at milliseconds, and a boundary that they
    can name is the same for what was cut."""
    up = timedelta(seconds=1) if moment.microsecond else timedelta(0)
    return moment.replace(microsecond=0) + up


def _said(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


# --- the questions -------------------------------------------------------------------------------


class Look(Struct, frozen=True, kw_only=True, tag_field="headrace", tag="look"):
    """Score the state as it is now. Answer: a ReleaseVerdict (events/release_verdict/event.py)
    whose look is the number of looks so far; nothing is emitted, alerted or remembered."""

    release: Version


class Digest(Struct, frozen=True, kw_only=True, tag_field="headrace", tag="digest"):
    """What the state holds, as one number that equal states have. Answer: Digested."""

    release: Version


class Flush(Struct, frozen=True, kw_only=True, tag_field="headrace", tag="flush"):
    """Forget the state of the release's latest trial: the windows, the sums, the devices' past, and
    the verdict; the number of looks and the alerts that were sent are kept. Answer: Flushed.
    Only while the mapping is disabled and idle."""

    release: Version


class Feed(Struct, frozen=True, kw_only=True, tag_field="headrace", tag="feed"):
    """Apply events of the lake to the state of this trial alone, as if they were delivered again;
    what it has seen already does not count twice. Answer: Fed.

    Each says when it arrived on the stream, in the lake arrived_at, so that clocks are judged as
    they were the first time, however late delivery was. In ascending (device, boot_id, counter). A
    request of Lambda's has at most 6 MB: some 10,000 events.
    """

    release: Version
    events: tuple[Fact, ...]


class Fact(Struct, frozen=True, array_like=True):
    """[arrived, device, boot_id, counter, release, event_time, heap_bytes, cpu, channel_change_ms,
    crashed]: of an event what a trial may count. Both times in seconds since the epoch."""

    arrived: float
    device: str
    boot_id: int
    counter: int
    release: str
    event_time: float
    heap_bytes: int
    cpu: float
    channel_change_ms: float | None
    crashed: bool


Question = Look | Digest | Flush | Feed


class Held(Struct, frozen=True, kw_only=True):
    """What the state holds of one arm. Equal to SQL on the lake, where nothing was too late."""

    devices: int = 0
    events: int = 0
    """Distinct events of the trial: by device, boot id and counter."""
    episodes: int = 0
    """Distinct (device, hour of the trial) with a crash."""
    exposure: int = 0
    """Distinct (device, hour of the trial)."""
    measured: dict[str, int] = {}
    """By metric that is a size: events that carry a value."""
    clipped: dict[str, int] = {}
    """By metric that is a size: values outside of its band."""


class Digested(Struct, frozen=True, kw_only=True):
    """`digest` is the SHA-256, in hexadecimal, of all that the trial's state holds but for what
    depends on when somebody looked."""

    trial: int
    digest: str
    canary: Held
    baseline: Held
    switched: int
    """Devices that reported both releases during the trial."""
    prepared: int
    """Events of the preparation."""
    records: int
    """Devices that the state knows."""


class Flushed(Struct, frozen=True, kw_only=True):
    trial: int
    keys: int
    """Keys of the state that were deleted."""


class Fed(Struct, frozen=True, kw_only=True):
    """What became of the events: received = applied + duplicates + late + other + skewed."""

    received: int = 0
    applied: int = 0
    duplicates: int = 0
    late: int = 0
    """More than the windows reach behind what is already counted."""
    other: int = 0
    """Not the trial's: another release, or another time."""
    skewed: int = 0
    """By a clock that is not believed."""
