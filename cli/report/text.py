"""A report on a terminal: tables, and plots of characters that 80 columns hold."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from math import log
from typing import TYPE_CHECKING, TypeVar

from cli.report import charts
from cli.report.model import (
    Check,
    Level,
    Look,
    Measured,
    Report,
    interval,
    lasted,
    odds,
    percent,
    share,
)
from cli.report.svg import instants, nice, told
from cli.terminal import say

if TYPE_CHECKING:
    from typing import Self

    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

    from cli.on_trial import Standing

COLOURS = {"PASS": "green", "FAIL": "red", "CONTINUE": "yellow"}
Value = TypeVar("Value")
GUTTER, COLUMNS, ROWS, LEGEND = 8, 58, 11, 12
"""Of a plot: columns for the axis, for the data and for the names of lines; rows of data."""


def verdict(report: Report) -> Iterator["RenderableType"]:
    """Where the trial stands, metric by metric."""
    from rich.text import Text

    colour = COLOURS[report.verdict]
    yield Text(f"{report.verdict}  ", style=f"bold {colour}") + Text(
        report.headline(), style="bold"
    )
    last = report.last
    if last is None:
        yield Text(f"The trial starts at {report.started_at:%Y-%m-%d %H:%M:%S} UTC.", style="dim")
        return
    yield Text(last.reason)
    yield Text(_facts(report, last), style="dim")
    yield Text("")
    yield metrics(report, last)


def _facts(report: Report, last: Look) -> str:
    decided = report.decided
    when = (
        f"{report.verdict} at look {decided.number:,}, after "
        f"{lasted(decided.through - report.started_at)}"
        if decided is not None
        else f"{last.number:,} looks in {lasted(last.through - report.started_at)}"
    )
    return (
        f"{when} of event time;\n{last.devices.canary:,} devices on {report.canary} and "
        f"{last.devices.baseline:,} on {report.baseline}, "
        f"{last.events.canary + last.events.baseline:,} events; score {last.score or 0:.0f} of 100."
    )


def metrics(report: Report, look: Look) -> "Table":
    """What each metric says, and what it is held to."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("metric", no_wrap=True)
    table.add_column("effect", no_wrap=True)
    for name in ("tolerated", "margin", "E FAIL", "E PASS"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in report.metrics:
        estimate = look.of(one.metric)
        table.add_row(
            one.metric,
            interval(estimate),
            share(one.worst_tolerated),
            share(one.worst_for_pass),
            odds(estimate.log_fail),
            odds(estimate.log_pass),
        )
    return table


def trials(found: Sequence["Standing"]) -> "Table":
    """Trials, a line each, and why below."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("canary", "baseline", "trial", "verdict"):
        table.add_column(name, no_wrap=True)
    for name in ("score", "looks", "devices"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("effect", no_wrap=True)
    for one in found:
        trial, report = one.trial, one.report
        if report is None or report.last is None:
            table.add_row(trial.canary, trial.baseline, one.state, "–", "–", "–", "–", "")
            continue
        last = report.last
        effect = interval(last.of(trial.metrics[0].name))
        table.add_row(
            trial.canary,
            trial.baseline,
            one.state,
            Text(last.verdict, style=COLOURS[last.verdict]),
            f"{last.score or 0:.0f}",
            f"{last.number:,}",
            f"{last.devices.canary:,}/{last.devices.baseline:,}",
            Text(effect, style="" if effect != "–" else "dim"),
        )
    return table


class Watching:
    """One line on a terminal that is drawn again and again; elsewhere a line per change."""

    def __init__(self, *, shown: bool) -> None:
        from cli.terminal import errors

        console = errors()
        self._shown = shown
        self._live = console.status("") if shown and console.is_terminal else None
        self._told = ""

    def __enter__(self) -> "Self":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def tell(self, report: Report) -> None:
        from rich.text import Text

        last = report.last
        text = f"{report.canary} {report.verdict}"
        if last is not None:
            text += f", look {last.number:,}, score {last.score or 0:.0f}: {last.reason}"
        if self._live:
            self._live.update(Text(text))
        elif self._shown and report.verdict != self._told:
            say(text)
            self._told = report.verdict


def checks(report: Report) -> Iterator["RenderableType"]:
    """Whether the arms can be compared, and what was counted."""
    from rich.text import Text

    for check in report.checks:
        word, colour = _word(check)
        yield Text(f"{check.name}: ") + Text(word, style=colour)
        yield Text(f"  {check.says}", style="dim")
    for name, number in report.counts.items():
        yield Text(f"{number:>10,}  {name}", style="dim")


def _word(check: Check) -> tuple[str, str]:
    if check.holds is None:
        return "cannot be told yet", "dim"
    return ("holds", "green") if check.holds else ("does not hold", "red")


def history(report: Report) -> Iterator["RenderableType"]:
    """The plots: effect and confidence sequence by metric, evidence, heap and devices."""
    from rich.text import Text

    if not report.looks:
        return
    for metric in sorted(report.metrics, key=lambda one: -one.weight):
        looks = [one for one in report.looks if one.of(metric.metric).bounded]
        if looks:
            yield Text(f"\n{metric.name}: effect and confidence sequence", style="bold")
            yield _effect(report, metric, looks)
    yield Text("\nEvidence: E for FAIL and for PASS", style="bold")
    yield _evidence(report)
    arms = {kind: levels for kind, levels in charts.by_arm(report).items() if levels}
    if not arms:
        return
    first = min(one.at for levels in arms.values() for one in levels)
    last = max(one.at for levels in arms.values() for one in levels)
    shown: list[tuple[str, float, Callable[[Level], float]]] = [
        ("Heap by release: median, MB", 1e6, lambda one: one.heap or 0.0),
        ("Devices by release", 1.0, lambda one: float(one.devices)),
    ]
    for title, unit, value in shown:
        lines = {
            kind: [(one.at, value(one) / unit) for one in levels] for kind, levels in arms.items()
        }
        every = [y for line in lines.values() for _, y in line]
        low, high = min(every), max(every)
        air = 0.1 * (high - low) or 1.0
        plot = Plot(first, last, 0.0 if unit == 1.0 else low - air, high + air)
        for kind, line in lines.items():
            plot.line(line, STYLES[kind])
            plot.name(line[-1][1], arms[kind][-1].release, STYLES[kind])
        yield Text(f"\n{title}", style="bold")
        yield plot.drawn(lambda tick: f"{tick:,.0f}")


STYLES = {"canary": "yellow", "baseline": "blue"}


def _effect(report: Report, metric: Measured, looks: Sequence[Look]) -> "Text":
    low, high = charts.effect_range(looks, metric)
    plot = Plot(*charts.frame(report), low, high)
    plot.rule(0.0, "─", "dim")
    plot.rule(metric.worst_tolerated, "╌", "red")
    plot.name(metric.worst_tolerated, "tolerance", "red")
    plot.rule(metric.worst_for_pass, "╌", "green")
    plot.name(metric.worst_for_pass, "margin", "green")
    found = [(one.through, one.of(metric.metric)) for one in looks]
    plot.band([(at, one.low or 0.0, one.high or 0.0) for at, one in found])
    plot.line([(at, one.effect or 0.0) for at, one in found], "bold yellow")
    plot.mark(report)
    digits = 0 if high - low > 0.05 else 1
    return plot.drawn(lambda tick: percent(tick, digits))


def _evidence(report: Report) -> "Text":
    ten = log(10)
    looks = report.looks
    tops = [max(one.log_fail, one.log_pass) for one in looks]
    high = min(max(*tops, report.fails_at, report.passes_at) + 0.7, log(charts.HIGHEST_E)) / ten
    low = max(min(min(one.log_fail, one.log_pass) for one in looks), log(charts.LOWEST_E)) / ten
    low = min(low, 0.0) - 0.2
    plot = Plot(*charts.frame(report), low, high)
    plot.rule(report.fails_at / ten, "╌", "dim")
    plot.name(report.fails_at / ten, "decides", "dim")
    shown: list[tuple[str, str, Callable[[Look], float]]] = [
        ("for PASS", "green", lambda one: one.log_pass),
        ("for FAIL", "red", lambda one: one.log_fail),
    ]
    for name, style, value in shown:
        line = [(one.through, min(max(value(one) / ten, low), high)) for one in looks]
        plot.line(line, style)
        plot.name(line[-1][1], name, style)
    plot.mark(report)
    return plot.drawn(lambda tick: charts.power(round(tick)) if tick == round(tick) else "")


class Plot:
    """A grid of characters over instants and values."""

    def __init__(self, first: datetime, last: datetime, low: float, high: float) -> None:
        self._first, self._last, self._low, self._high = first, last, low, high
        self._cells = [[(" ", "")] * COLUMNS for _ in range(ROWS)]
        self._names: dict[int, tuple[str, str]] = {}
        self._note = ""

    def _column(self, at: datetime) -> int:
        span = (self._last - self._first).total_seconds() or 1.0
        column = round((COLUMNS - 1) * (at - self._first).total_seconds() / span)
        return min(max(column, 0), COLUMNS - 1)

    def _row(self, value: float) -> int:
        """Of a value; outside of the grid for one that is outside of it."""
        share = (self._high - value) / ((self._high - self._low) or 1.0)
        return min(max(round(share * (ROWS - 1)), -1), ROWS)

    def rule(self, value: float, sign: str, style: str) -> None:
        row = self._row(value)
        if 0 <= row < ROWS:
            self._cells[row] = [(sign, style)] * COLUMNS

    def name(self, value: float, name: str, style: str) -> None:
        """What a line is, at its right; beside another one where that has taken the row."""
        row = min(max(self._row(value), 0), ROWS - 1)
        for other in (row, row + 1, row - 1, row + 2, row - 2):
            if 0 <= other < ROWS and other not in self._names:
                self._names[other] = (name[:LEGEND], style)
                return

    def band(self, points: Sequence[tuple[datetime, float, float]]) -> None:
        for column, (low, high) in self._held([(at, (low, high)) for at, low, high in points]):
            for row in range(max(self._row(high), 0), min(self._row(low), ROWS - 1) + 1):
                if self._cells[row][column][0] == " ":
                    self._cells[row][column] = ("░", "yellow")

    def line(self, points: Sequence[tuple[datetime, float]], style: str) -> None:
        for column, value in self._held(points):
            row = self._row(value)
            if 0 <= row < ROWS:
                self._cells[row][column] = ("•", style)

    def _held(self, points: Sequence[tuple[datetime, Value]]) -> Iterator[tuple[int, Value]]:
        """For each column from the first point to the last, the latest value by then."""
        if not points:
            return
        placed = {self._column(at): value for at, value in points}
        held = placed[min(placed)]
        for column in range(min(placed), max(placed) + 1):
            held = placed.get(column, held)
            yield column, held

    def mark(self, report: Report) -> None:
        """A line upwards where the verdict came."""
        decided = report.decided
        if decided is None or not self._first <= decided.through <= self._last:
            return
        column = self._column(decided.through)
        for row in range(ROWS):
            if self._cells[row][column][0] in " ░─╌":
                self._cells[row][column] = ("│", COLOURS[decided.verdict])

    def drawn(self, label: Callable[[float], str]) -> "Text":
        from rich.text import Text

        labels: dict[int, str] = {}
        for tick in nice(self._low, self._high, 5):
            labels.setdefault(self._row(tick), label(tick))
        text = Text()
        for number, row in enumerate(self._cells):
            text.append(f"{labels.get(number, ''):>{GUTTER - 1}} ", style="dim")
            for sign, style in row:
                text.append(sign, style=style or None)
            name, style = self._names.get(number, ("", ""))
            text.append(f" {name}\n", style=style or None)
        below = [" "] * (COLUMNS + 6)
        span = self._last - self._first
        for moment in instants(self._first, self._last, 5):
            words = told(moment, span)
            at = self._column(moment)
            below[at : at + len(words)] = words
        text.append(f"{'UTC':>{GUTTER - 1}} {''.join(below).rstrip()}", style="dim")
        return text
