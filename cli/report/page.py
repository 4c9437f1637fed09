"""A report as one page that needs nothing else: no script, no font, no image, no network."""

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from html import escape
from pathlib import Path

from cli.report import charts
from cli.report.model import (
    Check,
    Estimate,
    Look,
    Measured,
    Report,
    interval,
    lasted,
    odds,
    share,
    thinned,
)

WIDE, MIDDLE, NARROW = (1072, 350), (520, 300), (334, 250)
"""Sizes at which every chart is drawn: a page shows the one whose words are legible on it."""
MOST_ROWS = 400
ICONS = {
    "PASS": '<path d="M2 8.5 6 12.5 14 3.5"/>',
    "FAIL": '<path d="M3 3 13 13M13 3 3 13"/>',
    "CONTINUE": '<path d="M8 2v6l4 3"/><circle cx="8" cy="8" r="7"/>',
}


def page(report: Report, *, made_at: datetime) -> str:
    """The whole document."""
    title = f"Release {report.canary}: {report.verdict}"
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            # Without an icon a browser asks for one.
            '<link rel="icon" href="data:,">',
            f"<style>{_style()}</style></head><body><main>",
            *_header(report),
            *_metrics(report),
            *_over_time(report),
            *_fleet(report),
            *_checks(report),
            *_looks(report),
            *_footer(report, made_at),
            "</main></body></html>\n",
        )
    )


@cache
def _style() -> str:
    return Path(__file__).with_suffix(".css").read_text(encoding="utf-8")


def _header(report: Report) -> Iterator[str]:
    last = report.last
    ended = f", stopped {_utc(report.stopped_at)}" if report.stopped_at else ""
    icon = (
        '<svg viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="2.6" '
        f'stroke-linecap="round" aria-hidden="true">{ICONS[report.verdict]}</svg>'
    )
    yield (
        f'<header><p class="eyebrow">Canary {escape(report.canary)} against '
        f"{escape(report.baseline)} in {escape(report.environment)}, started "
        f"{_utc(report.started_at)}{ended}</p>"
        f'<div class="verdict"><span class="stamp {report.verdict.lower()}">{icon}'
        f"{report.verdict}</span><h1>{escape(report.headline())}</h1></div>"
    )
    if last is None:
        yield "</header>"
        return
    yield f'<p class="reason">{escape(last.reason)}</p><dl class="facts">'
    if report.decided is not None:
        took = lasted(report.decided.through - report.started_at)
        yield _fact(f"{report.verdict} after", f"{report.decided.number:,} looks", took)
    else:
        yield _fact("Looks", f"{last.number:,}", lasted(last.through - report.started_at))
    if last.score is not None:
        yield _fact("Score", f"{last.score:.0f}", "of 100, for show")
    both = f"{report.baseline} {last.devices.baseline:,}"
    yield _fact(f"Devices on {report.canary}", f"{last.devices.canary:,}", both)
    both = f"{report.baseline} {last.events.baseline:,}"
    yield _fact(f"Events of {report.canary}", f"{last.events.canary:,}", both)
    yield _fact("False alarms", f"≤ {100 * report.alpha:g} %", "of healthy releases")
    yield "</dl></header>"


def _fact(name: str, value: str, beside: str = "") -> str:
    small = f" <small>{escape(beside)}</small>" if beside else ""
    return f"<div><dt>{escape(name)}</dt><dd>{escape(value)}{small}</dd></div>"


def _metrics(report: Report) -> Iterator[str]:
    look = report.last
    if look is None:
        return
    yield (
        '<section aria-labelledby="metrics"><h2 id="metrics">Metrics</h2>'
        f'<p class="lead">What {escape(report.canary)} changes, with the interval that holds the '
        f"truth at all looks together. E is the evidence for a verdict: 1 is none, "
        f"{odds(report.fails_at)} decides.</p>"
        '<div class="panel"><table class="metrics"><thead><tr><th scope="col">Metric</th>'
        '<th scope="col">Effect</th><th scope="col" class="left span">Interval</th>'
        '<th scope="col">E for FAIL</th><th scope="col">E for PASS</th></tr></thead><tbody>'
    )
    for metric in report.metrics:
        estimate = look.of(metric.metric)
        yield (
            f'<tr><th scope="row">{escape(metric.name)}<small>weight {metric.weight:g}, '
            f"{metric.bad} is worse</small></th>"
            f'<td class="effect">{escape(interval(estimate))}</td>'
            f'<td class="span">{_span(metric, estimate)}</td>'
            f'<td class="quiet" data-name="E for FAIL">{odds(estimate.log_fail)}</td>'
            f'<td class="quiet" data-name="E for PASS">{odds(estimate.log_pass)}</td></tr>'
        )
    yield (
        '</tbody></table><ul class="key"><li><i style="border-color:var(--canary)"></i>'
        'effect and interval</li><li><i style="border-color:var(--fail);'
        'border-top-style:dotted"></i>tolerance: FAIL needs evidence beyond it</li>'
        '<li><i style="border-color:var(--pass);border-top-style:dotted"></i>'
        "margin: PASS needs evidence below it</li></ul></div></section>"
    )


def _span(metric: Measured, estimate: Estimate) -> str:
    """An interval on the scale of its margin: a bar, its effect, zero, tolerance and margin."""
    low, high = (-1.25 * metric.margin, 1.75 * metric.margin)
    if metric.bad == "lower":
        low, high = -high, -low

    def x(value: float) -> float:
        return round(min(100.0, max(0.0, 100 * (value - low) / (high - low))), 2)

    def upright(value: float, kind: str, tall: int) -> str:
        at = x(value)
        return f'<line class="{kind}" x1="{at}" x2="{at}" y1="{17 - tall}" y2="{17 + tall}"/>'

    drawn = [
        upright(0.0, "zero", 15),
        upright(metric.worst_tolerated, "tolerance", 15),
        upright(metric.worst_for_pass, "margin", 15),
    ]
    if estimate.bounded:
        ends = f'x1="{x(estimate.low or 0.0)}" x2="{x(estimate.high or 0.0)}"'
        drawn.append(f'<line class="reach" {ends} y1="17" y2="17"/>')
        drawn.append(upright(estimate.effect or 0.0, "at", 8))
    says = (
        f"{metric.name} {interval(estimate)}, tolerance {share(metric.worst_tolerated)}, "
        f"margin {share(metric.worst_for_pass)}"
    )
    return (
        f'<svg role="img" aria-label="{escape(says)}" viewBox="0 0 100 34" '
        f'preserveAspectRatio="none"><title>{escape(says)}</title>{"".join(drawn)}</svg>'
    )


def _figure(draw: charts.Draw, name: str) -> str:
    """A chart at every size; the page shows one."""
    drawn = (
        f'<div class="{kind}">{draw(f"{name}-{kind}", *size)}</div>'
        for kind, size in (("wide", WIDE), ("middle", MIDDLE), ("narrow", NARROW))
    )
    return f"<figure>{''.join(drawn)}</figure>"


def _panel(heading: str, says: str, figure: str) -> str:
    return f'<div class="panel"><h3>{escape(heading)}</h3><p>{escape(says)}</p>{figure}</div>'


def _over_time(report: Report) -> Iterator[str]:
    drawable = [
        metric
        for metric in sorted(report.metrics, key=lambda one: -one.weight)
        if any(look.of(metric.metric).bounded for look in report.looks)
    ]
    if not report.looks:
        return
    yield (
        '<section aria-labelledby="time"><h2 id="time">Over time</h2>'
        '<p class="lead">The line is the effect so far, the band its confidence sequence: it may '
        "be looked at as often as one likes. Times are the events' own.</p>"
    )
    panels = [
        _panel(
            metric.name,
            f"{report.canary} against {report.baseline}; tolerance "
            f"{share(metric.worst_tolerated)}, margin {share(metric.worst_for_pass)}",
            _figure(charts.effect(report, metric), f"effect-{metric.metric}"),
        )
        for metric in drawable
    ]
    panels.append(
        _panel(
            "Evidence",
            f"E for FAIL and for PASS; the dotted line decides: {_decides(report)}",
            _figure(charts.evidence(report), "evidence"),
        )
    )
    yield panels[0]
    yield from _pairs(panels[1:])
    yield "</section>"


def _decides(report: Report) -> str:
    fails, passes = odds(report.fails_at), odds(report.passes_at)
    return fails if fails == passes else f"FAIL from {fails}, PASS from {passes}"


def _pairs(panels: list[str]) -> Iterator[str]:
    for first in range(0, len(panels), 2):
        pair = panels[first : first + 2]
        yield f'<div class="pair">{"".join(pair)}</div>' if len(pair) > 1 else pair[0]


def _fleet(report: Report) -> Iterator[str]:
    if not any(charts.by_arm(report).values()):
        return
    panels = []
    if any(one.heap is not None for levels in charts.by_arm(report).values() for one in levels):
        panels.append(
            _panel(
                "Heap by release",
                "Median of all reports, in megabytes",
                _figure(charts.heap(report), "heap"),
            )
        )
    panels.append(
        _panel("Devices by release", "That reported", _figure(charts.devices(report), "devices"))
    )
    yield (
        '<section aria-labelledby="fleet"><h2 id="fleet">The fleet</h2>'
        '<p class="lead">As the table has it. Devices differ far more than releases do: what '
        "looks alike here can still be apart, which is what the interval is for.</p>"
    )
    yield from _pairs(panels)
    yield "</section>"


def _checks(report: Report) -> Iterator[str]:
    if not report.checks and not report.counts:
        return
    yield (
        '<section aria-labelledby="checks"><h2 id="checks">Can the arms be compared?</h2>'
        '<ul class="checks">'
    )
    for check in report.checks:
        yield (
            f'<li><b>{escape(check.name)}</b> <span class="{_class(check)}">{_word(check)}</span>'
            f"<p>{escape(check.says)}</p></li>"
        )
    if report.counts:
        yield '<li><b>What was counted</b><table class="counts"><tbody>'
        for name, number in report.counts.items():
            yield f'<tr><td>{number:,}</td><td class="left">{escape(name)}</td></tr>'
        yield "</tbody></table></li>"
    yield "</ul></section>"


def _class(check: Check) -> str:
    return {True: "holds", False: "broken", None: "unknown"}[check.holds]


def _word(check: Check) -> str:
    return {True: "holds", False: "does not hold", None: "cannot be told yet"}[check.holds]


def _looks(report: Report) -> Iterator[str]:
    if not report.looks:
        return
    shown = thinned(report.looks, MOST_ROWS)
    left = len(report.looks) - len(shown)
    yield (
        '<section><details><summary>All looks, as numbers</summary><div class="scroll" '
        'tabindex="0" role="region" aria-label="Looks"><table><thead><tr>'
        '<th scope="col">Look</th><th scope="col" class="left">Events through (UTC)</th>'
        '<th scope="col" class="left">Verdict</th><th scope="col">E FAIL</th>'
        '<th scope="col">E PASS</th>'
    )
    yield from (f'<th scope="col">{escape(one.name)}</th>' for one in report.metrics)
    yield '<th scope="col">Devices</th></tr></thead><tbody>'
    yield from (_row(report, look) for look in shown)
    yield "</tbody></table></div>"
    if left:
        yield f"<p>{left:,} looks between these are left out.</p>"
    yield "</details></section>"


def _row(report: Report, look: Look) -> str:
    effects = "".join(f"<td>{escape(interval(look.of(one.metric)))}</td>" for one in report.metrics)
    return (
        f'<tr><td>{look.number:,}</td><td class="left">{look.through:%Y-%m-%d %H:%M:%S}</td>'
        f'<td class="left v-{look.verdict.lower()}">{look.verdict}</td>'
        f"<td>{odds(look.log_fail)}</td><td>{odds(look.log_pass)}</td>{effects}"
        f"<td>{look.devices.canary:,} / {look.devices.baseline:,}</td></tr>"
    )


def _footer(report: Report, made_at: datetime) -> Iterator[str]:
    yield (
        "<footer><p>The device is the unit, not the event: devices are hashed into 64 buckets, "
        "sizes are compared as logarithms and corrected by what the same devices did before. "
        f"FAIL from E = {odds(report.fails_at)} (α = {report.alpha:g}), PASS from E = "
        f"{odds(report.passes_at)} for every metric (β = {report.beta:g}), after a soak of "
        f"{lasted(report.soak)}.</p><p>Made {_utc(made_at)} with Headrace.</p></footer>"
    )


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
