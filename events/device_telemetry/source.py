"""A fleet of set-top boxes that report once a minute: a simulation, the same for the same seed.

The model, so that what is found in its data can be checked against what was put there:

- FLEET devices are switched on in the first minute of 2025, each at a second of the minute of its
  own; from then on each reports every 60 s at that second. Region, model and release are drawn once
  per device; the release changes only at an update (below).
- A report is identified by device, boot id and counter. A boot raises the boot id by one and starts
  the counter and the uptime at 0; within a boot the counter has no gaps.
- Heap grows from the model's base by the release's leak, with noise of 2 %. The chance of a crash
  per minute is CRASHES, ten times that when the heap is above HEAP_FULL. After a crash a device
  is silent for 1 to 5 minutes and its next report has `crashed`.
- Every minute a device updates with a chance of UPDATES to the newest release: it reboots, silent
  for 3 minutes, without `crashed`.
- CPU is a beta distribution around the device's own load.
- One report in three has a channel change. Its latency is lognormal around the device's own median,
  which region and model shift; one in fifty is a stall, Pareto-tailed (alpha 1.5): the mean says
  little, the high percentiles much.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from events.device_telemetry.event import DeviceTelemetry

START = datetime(2025, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FLEET = 2000
CRASHES = 1 / (14 * 1440)
UPDATES = 1 / (30 * 1440)
HEAP_FULL = 700_000_000

# region: (share of the fleet, factor of latency)
REGIONS = {"north": (0.4, 1.0), "south": (0.3, 1.1), "east": (0.2, 0.9), "islands": (0.1, 1.8)}
# model: (share, bytes of heap after a start, median milliseconds of a channel change)
MODELS = {
    "hr-100": (0.5, 180_000_000, 900.0),
    "hr-200": (0.35, 240_000_000, 600.0),
    "hr-300": (0.15, 300_000_000, 350.0),
}
# release: (share at the start, bytes of heap that leak per minute)
RELEASES = {"4.1.0": (0.3, 2_000), "4.2.0": (0.6, 90_000), "4.2.1": (0.1, 4_000)}
NEWEST = "4.2.1"


@dataclass(slots=True)
class Device:
    """A device between two reports; `silent` counts the minutes until its next boot."""

    name: str
    region: str
    model: str
    release: str
    second: float
    load: float
    median: float
    boot_id: int = 1
    counter: int = 0
    silent: int = 0
    crashed: bool = False


def events(seed: int = 1) -> Iterator[DeviceTelemetry]:
    """Reports in the order of their times, without end."""
    chance = random.Random(seed)  # noqa: S311  a simulation, not a secret
    fleet = sorted((_device(chance, n) for n in range(FLEET)), key=lambda one: one.second)
    minute = START
    while True:
        for device in fleet:
            if device.silent:
                device.silent -= 1
                continue
            yield _report(chance, device, minute + timedelta(seconds=device.second))
            _live(chance, device)
        minute += MINUTE


def _device(chance: random.Random, number: int) -> Device:
    region = _draw(chance, {name: share for name, (share, _) in REGIONS.items()})
    model = _draw(chance, {name: share for name, (share, _, _) in MODELS.items()})
    return Device(
        name=f"stb-{number:05}",
        region=region,
        model=model,
        release=_draw(chance, {name: share for name, (share, _) in RELEASES.items()}),
        second=round(chance.uniform(0, 59.999), 3),
        load=chance.uniform(0.1, 0.6),
        median=MODELS[model][2] * REGIONS[region][1] * chance.lognormvariate(0, 0.2),
    )


def _draw(chance: random.Random, shares: dict[str, float]) -> str:
    return chance.choices(list(shares), list(shares.values()))[0]


def _report(chance: random.Random, device: Device, time: datetime) -> DeviceTelemetry:
    return DeviceTelemetry(
        event_id=f"{device.name}-{device.boot_id}-{device.counter}",
        event_time=time,
        device=device.name,
        boot_id=device.boot_id,
        counter=device.counter,
        release=device.release,
        model=device.model,
        region=device.region,
        heap_bytes=int(_heap(device) * chance.uniform(0.98, 1.02)),
        cpu=round(chance.betavariate(8 * device.load, 8 * (1 - device.load)), 4),
        channel_change_ms=_channel_change(chance, device),
        uptime_seconds=60 * device.counter,
        crashed=device.crashed,
    )


def _heap(device: Device) -> int:
    return MODELS[device.model][1] + RELEASES[device.release][1] * device.counter


def _channel_change(chance: random.Random, device: Device) -> float | None:
    if chance.random() >= 1 / 3:
        return None
    latency = device.median * chance.lognormvariate(0, 0.35)
    if chance.random() < 1 / 50:
        latency *= 3 * chance.paretovariate(1.5)
    return round(min(latency, 600_000.0), 1)


def _live(chance: random.Random, device: Device) -> None:
    """The minute after a report: nothing, a crash or an update."""
    device.crashed = False
    device.counter += 1
    drawn = chance.random()
    crashes = CRASHES * (10 if _heap(device) > HEAP_FULL else 1)
    if drawn < crashes:
        _boot(device, silent=chance.randint(1, 5), crashed=True)
    elif drawn > 1 - UPDATES and device.release != NEWEST:
        device.release = NEWEST
        _boot(device, silent=3, crashed=False)


def _boot(device: Device, *, silent: int, crashed: bool) -> None:
    device.boot_id += 1
    device.counter = 0
    device.silent = silent
    device.crashed = crashed
