"""A look at a release on trial: what is known by then, and whether it is enough."""

from datetime import date, timedelta
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from events.contract import Contract, Event, Provisioned
from events.words import Instant

Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Bucket = Annotated[int, Meta(ge=0, le=64)]
Release = Annotated[str, Meta(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$", max_length=32)]
Said = Annotated[str, Meta(max_length=1000)]
Name = Literal["heap_bytes", "channel_change_ms", "cpu", "crashed"]


class Check(Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """Whether the arms are comparable by one test."""

    holds: Annotated[bool, Meta(description="false: the arms are not comparable")]
    log_e: Annotated[float, Meta(description="logarithm of the e-value against comparable")]
    text: Annotated[Said, Meta(description="what was compared, or why it could not be")]


class Arm(Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """What has been counted of one release since the trial began."""

    devices: Annotated[Count, Meta(description="devices that reported the release")]
    events: Annotated[Count, Meta(description="reports, each once")]
    episodes: Annotated[Count, Meta(description="device-hours with a crash")]
    exposure: Annotated[Count, Meta(description="device-hours")]


class Side(Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """One metric of one arm."""

    devices: Annotated[Count, Meta(description="devices of the arm")]
    events: Annotated[Count, Meta(description="events with the metric; of crashes, episodes")]
    buckets: Annotated[Bucket, Meta(description="of 64, those with such events; 0 of crashes")]
    clipped: Annotated[Count, Meta(description="values outside of the band, counted as its end")]
    level: (
        Annotated[
            float,
            Meta(description="geometric mean in the metric's unit; of crashes, share of hours"),
        ]
        | None
    ) = None


class Metric(Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """One metric of the canary against the baseline's, and the rules it was held to."""

    name: Annotated[Name, Meta(description="what is compared")]
    direction: Annotated[Literal["higher", "lower"], Meta(description="where worse lies")]
    weight: Annotated[float, Meta(gt=0, le=1, description="of its e-value in E")]
    tolerance: Annotated[float, Meta(ge=0, le=10, description="worse by more fails; a share")]
    margin: Annotated[float, Meta(gt=0, le=10, description="certainly not worse by it passes")]
    effect: (
        Annotated[float, Meta(description="share by which the canary is above; null: unknown")]
        | None
    ) = None
    low: Annotated[float, Meta(description="confidence sequence, lower end")] | None = None
    high: Annotated[float, Meta(description="confidence sequence, upper end")] | None = None
    log_e_fail: Annotated[float, Meta(description="logarithm of the e-value for FAIL")]
    log_e_pass: Annotated[float, Meta(description="logarithm of the e-value for PASS")]
    since: Annotated[
        int, Meta(ge=0, le=2**31, description="hour whose restart says most against the canary")
    ]
    since_effect: Annotated[float, Meta(description="effect since that hour")] | None = None
    windows: Annotated[int, Meta(ge=0, le=2**31, description="restarts with evidence")]
    theta: Annotated[float, Meta(description="share of the devices' own past taken off")]
    canary: Annotated[Side, Meta(description="the canary's arm")]
    baseline: Annotated[Side, Meta(description="the baseline's arm")]
    placebo: Annotated[Check, Meta(description="the same test on the time before the trial")]
    reason: Annotated[Said, Meta(description="why nothing can be told yet; else empty")]


class ReleaseVerdict(Event, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """What a look at a trial says, with everything that explains it.

    FAIL is the trial's last word; a PASS may still become a FAIL. Looks that say CONTINUE, or the
    same as before, are told now and then; a verdict that changed always is.
    """

    contract: ClassVar[Contract] = Contract(
        partition_key=("canary",),
        event_id="event_id",
        event_time="looked_at",
        first_date=date(2025, 1, 1),
        # One trial makes two a minute.
        capacity=Provisioned(shards=1),
        retention=timedelta(days=7),
    )

    event_id: Annotated[
        str,
        Meta(min_length=1, max_length=128, description="verdict, canary, trial, look and its time"),
    ]
    looked_at: Annotated[Instant, Meta(description="event time: when the state was read")]
    trial: Annotated[int, Meta(ge=1, le=2**31 - 1, description="number of the trial")]
    canary: Annotated[Release, Meta(min_length=1, description="release on trial")]
    baseline: Annotated[Release, Meta(description="release it is compared with")]
    look: Annotated[int, Meta(ge=0, le=2**53, description="looks at the trial, this one included")]
    verdict: Annotated[
        Literal["PASS", "FAIL", "CONTINUE"], Meta(description="FAIL is final, PASS is not")
    ]
    changed: Annotated[bool, Meta(description="not what the look told before it said")]
    reason: Annotated[Said, Meta(description="why, in one sentence")]
    score: Annotated[int, Meta(ge=0, le=100, description="for the eye: 50 is no evidence")]
    log_e: Annotated[float, Meta(description="logarithm of E: FAIL from log(1/alpha)")]
    log_e_pass: Annotated[float, Meta(description="least for PASS: PASS from log(1/beta)")]
    alpha: Annotated[float, Meta(gt=0, lt=0.5, description="bound of false FAILs")]
    beta: Annotated[float, Meta(gt=0, lt=0.5, description="bound of false PASSes")]
    soak_minutes: Annotated[int, Meta(ge=0, le=10_080, description="nothing passes sooner")]
    started_at: Annotated[Instant, Meta(description="when the trial began")]
    elapsed_seconds: Annotated[
        Count, Meta(description="from the start to the latest event time counted, or to the look")
    ]
    arm_canary: Annotated[Arm, Meta(description="counts of the canary")]
    arm_baseline: Annotated[Arm, Meta(description="counts of the baseline")]
    switched: Annotated[Count, Meta(description="devices that reported both releases")]
    metrics: Annotated[list[Metric], Meta(max_length=4, description="the trial's metrics")]
    sample_ratio: Annotated[Check, Meta(description="whether the arms' sizes are as they should")]
