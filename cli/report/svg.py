"""Charts as SVG, drawn by hand: no script, no library, colours by the page's CSS classes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import escape
from math import ceil, floor, log10

Point = tuple[float, float]

STEPS = [
    *(timedelta(seconds=n) for n in (1, 5, 15, 30)),
    *(timedelta(minutes=n) for n in (1, 2, 5, 10, 15, 30)),
    *(timedelta(hours=n) for n in (1, 2, 3, 6, 12)),
    *(timedelta(days=n) for n in (1, 2, 7, 14, 28)),
]


def nice(low: float, high: float, most: int) -> list[float]:
    """Round numbers between the two, at most so many: steps of 1, 2 or 5 times a power of ten."""
    span = (high - low) or 1.0
    raw = span / max(1, most)
    power = 10.0 ** floor(log10(raw))
    step = next(step * power for step in (1, 2, 5, 10) if step * power >= raw * (1 - 1e-9))
    return [n * step for n in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]


def instants(first: datetime, last: datetime, most: int) -> list[datetime]:
    """Round instants between the two, at most so many."""
    span = last - first
    step = next((step for step in STEPS if span / step <= most), STEPS[-1])
    origin = datetime(2001, 1, 1, tzinfo=UTC)  # a Monday
    number = -(-(first - origin) // step)
    ticks: list[datetime] = []
    while (tick := origin + number * step) <= last and len(ticks) < 50:
        ticks.append(tick)
        number += 1
    return ticks


def told(tick: datetime, span: timedelta) -> str:
    """A tick's label: as much of the instant as the span needs."""
    if span > timedelta(days=3):
        return f"{tick:%b} {tick.day}"
    if span < timedelta(minutes=3):
        return f"{tick:%H:%M:%S}"
    midnight = tick.hour == tick.minute == 0 and span > timedelta(hours=12)
    return f"{tick:%b} {tick.day}" if midnight else f"{tick:%H:%M}"


@dataclass(slots=True)
class Chart:
    """One chart in a frame of `width` by `height` pixels; x are seconds since `first`.

    What is outside of the y range is cut off at the frame. `name` makes ids on the page unique.
    """

    name: str
    title: str
    description: str
    width: int
    height: int
    first: datetime
    last: datetime
    low: float
    high: float
    left: int = 56
    right: int = 16
    top: int = 26
    bottom: int = 34
    _drawn: list[str] = field(default_factory=list)
    _above: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return max(1e-9, (self.last - self.first).total_seconds())

    def x(self, at: datetime) -> float:
        inner = self.width - self.left - self.right
        return self.left + inner * (at - self.first).total_seconds() / self.seconds

    def y(self, value: float) -> float:
        inner = self.height - self.top - self.bottom
        return self.top + inner * (self.high - value) / ((self.high - self.low) or 1.0)

    def _inside(self, value: float) -> float:
        """A height no further out of the frame than drawing it needs."""
        return min(max(self.y(value), -2.0 * self.height), 3.0 * self.height)

    def y_axis(self, ticks: Iterable[tuple[float, str]], unit: str) -> None:
        """Lines across, with their values."""
        for value, label in ticks:
            y = self.y(value)
            self._drawn.append(
                f'<line class="grid" x1="{self.left}" x2="{self.width - self.right}" '
                f'y1="{y:.1f}" y2="{y:.1f}"/>'
            )
            self._above.append(
                f'<text class="tick" text-anchor="end" x="{self.left - 8}" y="{y + 4:.1f}">'
                f"{escape(label)}</text>"
            )
        self._above.append(
            f'<text class="unit" x="{self.left - 8}" text-anchor="end" y="{self.height - 12}">'
            f"{escape(unit)}</text>"
        )

    def x_axis(self, most: int) -> None:
        """Instants below, none so near to an edge that it would be cut."""
        base = self.height - self.bottom
        self._drawn.append(
            f'<line class="axis" x1="{self.left}" x2="{self.width - self.right}" '
            f'y1="{base}" y2="{base}"/>'
        )
        span = self.last - self.first
        for tick in instants(self.first, self.last, most):
            x = self.x(tick)
            if not self.left + 12 <= x <= self.width - 18:
                continue
            self._drawn.append(
                f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{base}" y2="{base + 5}"/>'
            )
            self._above.append(
                f'<text class="tick" text-anchor="middle" x="{x:.1f}" y="{base + 20}">'
                f"{told(tick, span)}</text>"
            )

    def band(self, points: Sequence[tuple[datetime, float, float]], kind: str) -> None:
        """The area between two values at each instant."""
        if len(points) < 2:
            return
        there = " ".join(f"{self.x(at):.1f},{self._inside(high):.1f}" for at, _, high in points)
        back = " ".join(
            f"{self.x(at):.1f},{self._inside(low):.1f}" for at, low, _ in reversed(points)
        )
        self._drawn.append(f'<polygon class="band {kind}" points="{there} {back}"/>')

    def line(self, points: Sequence[tuple[datetime, float]], kind: str) -> None:
        """A line through the points; a single one is a dot."""
        if len(points) == 1:
            self.dot(*points[0], kind, "")
        elif points:
            path = " ".join(f"{self.x(at):.1f},{self._inside(y):.1f}" for at, y in points)
            self._drawn.append(f'<polyline class="line {kind}" points="{path}"/>')

    def rule(self, value: float, kind: str) -> None:
        """A line across that means something."""
        if not self.low <= value <= self.high:
            return
        y = self.y(value)
        self._drawn.append(
            f'<line class="rule {kind}" x1="{self.left}" x2="{self.width - self.right}" '
            f'y1="{y:.1f}" y2="{y:.1f}"/>'
        )

    def moment(self, at: datetime, label: str, kind: str) -> None:
        """A line upwards at an instant, and what happened."""
        x = self.x(at)
        left = x > (self.left + self.width - self.right) / 2
        base = self.height - self.bottom
        self._drawn.append(
            f'<line class="moment {kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{self.top}" y2="{base}"/>'
        )
        self._above.append(
            f'<text class="label strong {kind}" text-anchor="{"end" if left else "start"}" '
            f'x="{x + 4 if left else x - 4:.1f}" y="{self.top - 9}">{escape(label)}</text>'
        )

    def dot(self, at: datetime, value: float, kind: str, says: str) -> None:
        """A point that says what it is when pointed at."""
        if not self.low <= value <= self.high:
            return
        title = f"<title>{escape(says)}</title>" if says else ""
        self._drawn.append(
            f'<circle class="dot {kind}" cx="{self.x(at):.1f}" cy="{self.y(value):.1f}" r="3">'
            f"{title}</circle>"
        )

    def direct(self, values: Iterable[tuple[float, str, str]]) -> None:
        """Names at the right end of their lines, moved apart where they would lie on each other."""
        placed: list[float] = []
        for value, label, kind in sorted(values, reverse=True):
            if not label:
                continue
            y = min(max(self.y(value), self.top + 6), self.height - self.bottom - 4)
            if placed and y < placed[-1] + 15:
                y = placed[-1] + 15
            placed.append(y)
            self._above.append(
                f'<text class="label strong {kind}" x="{self.width - self.right + 6}" '
                f'y="{y + 4:.1f}">{escape(label)}</text>'
            )

    def svg(self, kind: str = "") -> str:
        """The drawing, with a title and a description for who cannot see it."""
        ids = f"{self.name}-title", f"{self.name}-about"
        inner = (
            f'<rect x="{self.left}" y="{self.top}" width="{self.width - self.left - self.right}" '
            f'height="{self.height - self.top - self.bottom}"/>'
        )
        return "".join(
            (
                f'<svg class="chart {kind}" role="img" viewBox="0 0 {self.width} {self.height}" '
                f'aria-labelledby="{ids[0]} {ids[1]}" preserveAspectRatio="xMidYMid meet">',
                f'<title id="{ids[0]}">{escape(self.title)}</title>',
                f'<desc id="{ids[1]}">{escape(self.description)}</desc>',
                f'<clipPath id="{self.name}-frame">{inner}</clipPath>',
                *self._split(),
                "</svg>",
            )
        )

    def _split(self) -> Iterator[str]:
        """Grid and axes as they are, data cut at the frame, words above all."""
        plain = ('<line class="grid', '<line class="axis', "<circle")
        yield from (one for one in self._drawn if one.startswith(plain[:2]))
        yield f'<g clip-path="url(#{self.name}-frame)">'
        yield from (one for one in self._drawn if not one.startswith(plain))
        yield "</g>"
        yield from (one for one in self._drawn if one.startswith("<circle"))
        yield from self._above
