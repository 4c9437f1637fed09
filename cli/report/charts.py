"""The charts of a report: what each shows, at any size."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from math import log

from cli.report.model import (
    Level,
    Look,
    Measured,
    Report,
    interval,
    odds,
    percent,
    superscript,
    thinned,
)
from cli.report.svg import Chart, nice

MOST_LOOKS = 240
"""Drawn of a trial: more lie closer than a pixel."""
MOST_DOTS = 60
RIGHT = 70
"""Pixels at the right for the names of the lines."""
LOWEST_E, HIGHEST_E = 0.01, 1e4
"""Of the chart of the evidence: beyond these an e-value says no more than it did."""
Draw = Callable[[str, int, int], str]
"""name, width and height: the SVG."""


def effect(report: Report, metric: Measured) -> Draw:
    """A metric's effect and its confidence sequence over event time, and what it is held to."""
    looks = [look for look in thinned(report.looks, MOST_LOOKS) if look.of(metric.metric).bounded]

    def draw(name: str, width: int, height: int) -> str:
        first, last = frame(report)
        low, high = effect_range(looks, metric)
        estimate = looks[-1].of(metric.metric)
        chart = Chart(
            name=name,
            title=f"{metric.name}: effect and confidence sequence over time",
            description=(
                f"The {metric.name.lower()} of {report.canary} against {report.baseline}, "
                f"{len(looks)} looks; at the last one {interval(estimate)}."
            ),
            width=width,
            height=height,
            first=first,
            last=last,
            low=low,
            high=high,
            right=RIGHT,
        )
        digits = 0 if high - low > 0.05 else 1
        ticks = nice(low, high, 6 if height > 200 else 4)
        chart.y_axis(((tick, percent(tick, digits)) for tick in ticks), "UTC")
        chart.x_axis(width // 110)
        points = [(look.through, look.of(metric.metric)) for look in looks]
        chart.band([(at, one.low or 0.0, one.high or 0.0) for at, one in points], "canary")
        chart.rule(0.0, "zero")
        tolerated, margin = metric.worst_tolerated, metric.worst_for_pass
        chart.rule(tolerated, "fail")
        chart.rule(margin, "pass")
        chart.direct([(tolerated, "tolerance", "fail"), (margin, "margin", "pass")])
        chart.line([(at, one.effect or 0.0) for at, one in points], "canary")
        kind = "canary" if len(points) <= MOST_DOTS else "hidden"
        for look, (at, one) in zip(looks, points, strict=True):
            says = f"look {look.number}, {at:%H:%M:%S} UTC: {interval(one)}"
            chart.dot(at, one.effect or 0.0, kind, says)
        mark(chart, report)
        return chart.svg()

    return draw


def frame(report: Report) -> tuple[datetime, datetime]:
    """The event times that a trial has seen, and a little where that is none."""
    first, last = report.started_at, report.looks[-1].through
    return (first, last) if last > first else (last - timedelta(minutes=1), last)


def effect_range(looks: Sequence[Look], metric: Measured) -> tuple[float, float]:
    """What is shown of the effects: what is held to, every effect, and the intervals of all but
    the first looks, which are wide and would press the others flat."""
    settled = [look.of(metric.metric) for look in looks[len(looks) // 5 :]]
    shown = [0.0, metric.worst_tolerated, metric.worst_for_pass]
    shown += [one.effect or 0.0 for one in settled]
    widest = 2.5 * max(max(shown), -min(shown), 0.01)
    for one in settled:
        shown += [max(one.low or 0.0, -widest), min(one.high or 0.0, widest)]
    low, high = min(shown), max(shown)
    air = 0.08 * (high - low)
    return low - air, high + air


def mark(chart: Chart, report: Report) -> None:
    """Where the verdict that stands was reached."""
    decided = report.decided
    if decided is not None and chart.first <= decided.through <= chart.last:
        chart.moment(
            decided.through,
            f"{decided.verdict} at look {decided.number}",
            decided.verdict.lower(),
        )


def evidence(report: Report) -> Draw:
    """E for FAIL and for PASS over event time, against what decides."""
    looks = thinned(report.looks, MOST_LOOKS)

    def draw(name: str, width: int, height: int) -> str:
        first, last = frame(report)
        ten = log(10)
        top = max((max(look.log_fail, look.log_pass) for look in looks), default=0.0)
        high = min(max(top, report.fails_at, report.passes_at) + 0.7, log(HIGHEST_E))
        low = max(min(min(look.log_fail, look.log_pass) for look in looks), log(LOWEST_E)) - 0.3
        chart = Chart(
            name=name,
            title="Evidence for FAIL and for PASS over time",
            description=(
                f"E-values of {len(looks)} looks on a logarithmic scale. At the last look "
                f"{odds(looks[-1].log_fail)} for FAIL, which {odds(report.fails_at)} decides, and "
                f"{odds(looks[-1].log_pass)} for PASS, which {odds(report.passes_at)} decides."
            ),
            width=width,
            height=height,
            first=first,
            last=last,
            low=low,
            high=high,
            right=RIGHT,
        )
        powers = range(int(low / ten) - 1, int(high / ten) + 2)
        chart.y_axis(((n * ten, power(n)) for n in powers if low <= n * ten <= high), "UTC")
        chart.x_axis(width // 110)
        same = abs(report.fails_at - report.passes_at) < 0.05
        chart.rule(report.fails_at, "decides" if same else "fail")
        if not same:
            chart.rule(report.passes_at, "pass")

        def shown(log_e: float) -> float:
            return min(max(log_e, low + 0.06), high - 0.06)

        chart.line([(look.through, shown(look.log_pass)) for look in looks], "pass")
        chart.line([(look.through, shown(look.log_fail)) for look in looks], "fail")
        mark(chart, report)
        chart.direct(
            [(looks[-1].log_fail, "for FAIL", "fail"), (looks[-1].log_pass, "for PASS", "pass")]
        )
        return chart.svg()

    return draw


def power(exponent: int) -> str:
    """A power of ten as a person writes it."""
    if -3 <= exponent <= 3:
        return f"{10.0**exponent:,.0f}" if exponent >= 0 else f"{10.0**exponent:g}"
    return f"10{superscript(exponent)}"


def heap(report: Report) -> Draw:
    """The median heap of the two releases over event time."""
    arms = by_arm(report)

    def draw(name: str, width: int, height: int) -> str:
        known = [one for levels in arms.values() for one in levels if one.heap is not None]
        low = min(one.heap or 0.0 for one in known) / 1e6
        high = max(one.heap or 0.0 for one in known) / 1e6
        air = 0.15 * (high - low) or 1.0
        first, last = min(one.at for one in known), max(one.at for one in known)
        middle = {kind: [one for one in levels if one.heap] for kind, levels in arms.items()}
        said = ", ".join(
            f"{levels[-1].release} {(levels[-1].heap or 0) / 1e6:,.0f} MB"
            for levels in middle.values()
            if levels
        )
        chart = Chart(
            name=name,
            title="Heap by release over time",
            description=(f"Median of the heap of all reports; at last {said}."),
            width=width,
            height=height,
            first=first,
            last=last if last > first else first + timedelta(minutes=1),
            low=low - air,
            high=high + air,
            right=RIGHT,
        )
        ticks = nice(low - air, high + air, 5)
        chart.y_axis(((tick, f"{tick:,.0f} MB") for tick in ticks), "UTC")
        chart.x_axis(width // 110)
        for kind, levels in middle.items():
            chart.line([(one.at, (one.heap or 0.0) / 1e6) for one in levels], kind)
        chart.direct(
            ((levels[-1].heap or 0.0) / 1e6, levels[-1].release, kind)
            for kind, levels in middle.items()
            if levels
        )
        return chart.svg()

    return draw


def devices(report: Report) -> Draw:
    """The devices that reported with each of the two releases, over event time."""
    arms = by_arm(report)

    def draw(name: str, width: int, height: int) -> str:
        every = [one for levels in arms.values() for one in levels]
        most = max(one.devices for one in every)
        first, last = min(one.at for one in every), max(one.at for one in every)
        said = ", ".join(
            f"{levels[-1].release} {levels[-1].devices:,}" for levels in arms.values() if levels
        )
        chart = Chart(
            name=name,
            title="Devices by release over time",
            description=f"Devices that reported with each release; at last {said}.",
            width=width,
            height=height,
            first=first,
            last=last if last > first else first + timedelta(minutes=1),
            low=0,
            high=1.08 * max(1, most),
            right=RIGHT,
        )
        ticks = [tick for tick in nice(0, max(1, most), 5) if tick == int(tick)]
        chart.y_axis(((tick, f"{tick:,.0f}") for tick in ticks), "UTC")
        chart.x_axis(width // 110)
        for kind, levels in arms.items():
            chart.line([(one.at, float(one.devices)) for one in levels], kind)
        chart.direct(
            (float(levels[-1].devices), levels[-1].release, kind)
            for kind, levels in arms.items()
            if levels
        )
        return chart.svg()

    return draw


def by_arm(report: Report) -> dict[str, list[Level]]:
    """The levels of the two releases, the baseline's first: the canary's are drawn above."""

    def of(release: str) -> list[Level]:
        return sorted(
            (one for one in report.levels if one.release == release), key=lambda one: one.at
        )

    return {"baseline": of(report.baseline), "canary": of(report.canary)}
