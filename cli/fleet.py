"""A fleet of devices that report while new releases roll out: a simulation, by seed.

The model, so that what is found in its data can be checked against what was put there:

- Every device reports once per interval, at an offset of its own. Region and model are drawn once.
- log(heap) = log(the model's base) + the device's own level (normal, LEVEL) + noise that remembers
  (AR(1) with MEMORY per minute, standard deviation NOISE) + log(the release's factor) + its leak,
  which grows with the time since the last boot to `leak` after `leak_after`, and stays there.
  Devices differ far more than releases, and one device's reports are alike: a test that takes them
  for independent cries wolf.
- One report in three has a channel change: lognormal around the device's own median, times the
  release's factor; one in fifty of them is a stall with a Pareto tail.
- A device crashes CRASHES_PER_HOUR times the release's factor; within RISKY reports after a crash
  the chance is LOOP per report instead, so that crashes come in loops. It is silent for 1 to 5
  minutes, and its next report has `crashed`.
- A boot raises the boot id by one and starts the counter and the uptime at 0; within a boot the
  counter has no gaps.
- A rollout upgrades its share of the fleet, exactly, chosen by chance, each device at a time of its
  own in the rollout's span; it boots, silent for 3 minutes, without `crashed`.

Every draw is made whether or not it has an effect, so the same seed gives the same devices and the
same noise whatever the releases do: two runs differ by the effect alone.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import exp, log, sqrt

from events.device_telemetry.event import DeviceTelemetry

START = datetime(2025, 6, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LEVEL = 0.25
NOISE = 0.04
MEMORY = 0.9
CRASHES_PER_HOUR = 1 / 500
RISKY = 8
LOOP = 0.06
STALL = 1 / 50
LONGEST = 600_000.0
LARGEST = 2**40

# region: (share of the fleet, factor of latency)
REGIONS = {"north": (0.4, 1.0), "south": (0.3, 1.1), "east": (0.2, 0.9), "islands": (0.1, 1.8)}
# model: (share, bytes of heap, median milliseconds of a channel change)
MODELS = {
    "hr-100": (0.5, 180_000_000, 900.0),
    "hr-200": (0.35, 240_000_000, 600.0),
    "hr-300": (0.15, 300_000_000, 350.0),
}


@dataclass(frozen=True, slots=True)
class Release:
    """What a release does to the devices that run it; factors are against no effect, 1."""

    name: str
    heap: float = 1.0
    leak: float = 0.0
    """0.1: the heap grows by 10 % from a boot to `leak_after` later."""
    leak_after: timedelta = timedelta(hours=2)
    latency: float = 1.0
    crashes: float = 1.0


@dataclass(frozen=True, slots=True)
class Rollout:
    """A release for a share of the fleet, from `after` the start on, within `over`."""

    release: Release
    share: float
    after: timedelta = timedelta(0)
    over: timedelta = timedelta(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fleet:
    """`devices` that run `baseline`, of which rollouts take their shares; no device is in two.

    Raises ValueError when the shares are not within 0 and 1, alone and in sum, or no time is
    between reports.
    """

    devices: int
    seed: int = 1
    baseline: Release = Release("2.4.0")
    rollouts: Sequence[Rollout] = ()
    start: datetime = START
    interval: timedelta = MINUTE
    prefix: str = "stb"
    """Names of devices begin with it: fleets of different prefixes are different devices."""

    def __post_init__(self) -> None:
        shares = [rollout.share for rollout in self.rollouts]
        if any(not 0 <= share <= 1 for share in shares) or sum(shares) > 1 + 1e-9:
            raise ValueError(f"shares of a fleet are from 0 to 1, together too, not {shares}")
        if self.interval <= timedelta(0):
            raise ValueError(f"reports are some time apart, not {self.interval}")

    def events(self, span: timedelta | None = None) -> Iterator[DeviceTelemetry]:
        """Reports in the order of their times, of this span or without end."""
        chance = random.Random(self.seed)  # noqa: S311  a simulation, not a secret
        fleet = self._devices(chance)
        seconds = self.interval.total_seconds()
        memory = MEMORY ** (seconds / 60)
        drift = NOISE * sqrt(1 - memory * memory)
        hazard = CRASHES_PER_HOUR * seconds / 3600
        normal, draw, pareto = chance.gauss, chance.random, chance.paretovariate
        tick, ended = self.start, None if span is None else self.start + span
        while ended is None or tick < ended:
            for device in fleet:
                time = tick + device.offset
                level = device.noise = memory * device.noise + drift * normal(0, 1)
                latency = None
                if draw() < 1 / 3:
                    latency = device.median * device.release.latency * exp(0.35 * normal(0, 1))
                    if draw() < STALL:
                        latency *= 3 * pareto(1.5)
                    latency = round(latency, 1) if latency < LONGEST else LONGEST
                load, fate = draw(), draw()
                if device.upgrades_at is not None and time >= device.upgrades_at:
                    device.upgrade(seconds)
                if device.silent:
                    device.silent -= 1
                    continue
                if ended is not None and time >= ended:
                    continue
                counter = device.counter
                uptime = int(counter * seconds)
                leaked = device.leak * min(1.0, uptime / device.leak_seconds) if device.leak else 0
                heap = int(exp(device.level + level + leaked))
                yield DeviceTelemetry(
                    event_id=f"{device.name}-{device.boot_id}-{counter}",
                    event_time=time,
                    device=device.name,
                    boot_id=device.boot_id,
                    counter=counter,
                    release=device.release.name,
                    model=device.model,
                    region=device.region,
                    heap_bytes=heap if heap < LARGEST else LARGEST,
                    cpu=round(device.load * (0.5 + load), 4),
                    channel_change_ms=latency,
                    uptime_seconds=uptime,
                    crashed=device.crashed,
                )
                device.counter = counter + 1
                device.crashed = False
                risk = hazard * device.release.crashes
                if device.risky and counter < RISKY:
                    risk = max(risk, LOOP)
                if fate < risk:
                    silence = 60 * (1 + int(5 * fate / risk))
                    device.boot(silent=round(silence / seconds), crashed=True)
            tick += self.interval

    def _devices(self, chance: random.Random) -> "list[_Device]":
        """The fleet as it is switched on, in the order of its offsets."""
        fleet = [self._device(chance, number) for number in range(self.devices)]
        order = list(range(self.devices))
        chance.shuffle(order)
        times = [chance.random() for _ in order]
        taken = 0.0
        for rollout in self.rollouts:
            first, last = round(taken * self.devices), round((taken + rollout.share) * self.devices)
            taken += rollout.share
            for number in order[first:last]:
                fleet[number].next_release = rollout.release
                fleet[number].upgrades_at = (
                    self.start + rollout.after + times[number] * rollout.over
                )
        return sorted(fleet, key=lambda device: device.offset)

    def _device(self, chance: random.Random, number: int) -> "_Device":
        region = _one_of(chance, {name: share for name, (share, _) in REGIONS.items()})
        model = _one_of(chance, {name: share for name, (share, _, _) in MODELS.items()})
        _, heap, median = MODELS[model]
        device = _Device(
            name=f"{self.prefix}-{number:05}",
            region=region,
            model=model,
            # Whole milliseconds, which every store of instants keeps.
            offset=timedelta(
                milliseconds=int(chance.random() * self.interval / timedelta(milliseconds=1))
            ),
            own=log(heap) + LEVEL * chance.gauss(0, 1),
            load=chance.uniform(0.1, 0.6),
            median=median * REGIONS[region][1] * exp(0.2 * chance.gauss(0, 1)),
            noise=NOISE * chance.gauss(0, 1),
        )
        device.run(self.baseline)
        return device


@dataclass(slots=True)
class _Device:
    """A device between two reports; `silent` counts the intervals until it reports again."""

    name: str
    region: str
    model: str
    offset: timedelta
    own: float
    load: float
    median: float
    noise: float
    release: Release = Release("0.0.0")
    level: float = 0.0
    leak: float = 0.0
    leak_seconds: float = 1.0
    boot_id: int = 1
    counter: int = 0
    silent: int = 0
    crashed: bool = False
    risky: bool = False
    next_release: Release = field(default=Release("0.0.0"))
    upgrades_at: datetime | None = None

    def run(self, release: Release) -> None:
        self.release = release
        self.level = self.own + log(release.heap)
        self.leak = log(1 + release.leak)
        self.leak_seconds = release.leak_after.total_seconds()

    def upgrade(self, interval: float) -> None:
        self.run(self.next_release)
        self.upgrades_at = None
        self.boot(silent=round(180 / interval), crashed=False)

    def boot(self, *, silent: int, crashed: bool) -> None:
        self.boot_id += 1
        self.counter = 0
        self.silent = silent
        self.crashed = self.risky = crashed


def _one_of(chance: random.Random, shares: dict[str, float]) -> str:
    return chance.choices(list(shares), list(shares.values()))[0]
