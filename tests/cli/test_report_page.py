"""The page of a report in a real browser: as wide as a phone and as a desk, light and dark."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli.report.page import page
from tests.browser import MISSING, Browser, Scheme, browser, executable
from tests.cli.reported import report

WIDTHS = {"phone": (390, 844), "desk": (1280, 800)}
MADE = datetime(2026, 11, 21, 10, tzinfo=UTC)
PAGES: dict[str, tuple[Any, int]] = {
    "fail": ("FAIL", 40),
    "pass": ("PASS", 40),
    "open": ("CONTINUE", 3),
    "new": ("CONTINUE", 0),
}

CONTRAST = """
(() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = colour => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) =>
    [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const behind = element => {
    const layers = [];
    for (let one = element; one; one = one.parentElement)
      layers.push(rgba(getComputedStyle(one).backgroundColor));
    return layers.reduceRight((below, top) => over(top, below), [255, 255, 255, 1]);
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const found = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !element.checkVisibility() || element.closest('title, desc')) continue;
    const style = getComputedStyle(element);
    const ink = rgba(element instanceof SVGElement ? style.fill : style.color);
    const paper = behind(element);
    const [a, b] = [light(over(ink, paper)), light(paper)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    found.push([Math.round(ratio * 100) / 100, parseFloat(style.fontSize),
                element.textContent.trim().slice(0, 40)]);
  }
  return found;
})()
"""
"""Of every text that is seen: its contrast with what is behind it (WCAG 2.2), its size, itself."""

OVERFLOWING = """
[...document.querySelectorAll('body *')]
  .filter(one => one.checkVisibility() && !one.closest('.scroll, clipPath, title, desc'))
  .filter(one => !one.closest('g[clip-path]'))
  .filter(one => one.getBoundingClientRect().right > innerWidth + 0.5
              || one.getBoundingClientRect().left < -0.5)
  .map(one => one.outerHTML.slice(0, 120))
"""

OVERLAPPING = """
[...document.querySelectorAll('svg.chart')].filter(one => one.checkVisibility()).flatMap(chart => {
  const texts = [...chart.querySelectorAll('text')];
  const boxes = texts.map(one => one.getBoundingClientRect());
  return texts.flatMap((one, i) => texts.slice(i + 1).filter((_, k) => {
    const [a, b] = [boxes[i], boxes[i + 1 + k]];
    return Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
        && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3;
  }).map(other => one.textContent + ' / ' + other.textContent));
})
"""


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if executable() is None:
        pytest.skip(MISSING)
    with browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    for name, (verdict, looks) in PAGES.items():
        text = page(report(verdict, looks), made_at=MADE)
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in PAGES}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_legible_and_alone(
    window: Browser, pages: dict[str, Path], name: str, width: str, scheme: Scheme
) -> None:
    wide, high = WIDTHS[width]
    window.open(pages[name], width=wide, height=high, scheme=scheme)
    assert window.complaints == []
    assert window.requests == [pages[name].as_uri()]
    assert window.run("document.documentElement.scrollWidth") == wide == window.run("innerWidth")
    assert window.run(OVERFLOWING) == []
    assert window.run(OVERLAPPING) == []
    texts = window.run(CONTRAST)
    assert len(texts) > (60 if PAGES[name][1] else 8)
    assert [one for one in texts if one[0] < 4.5] == []
    assert [one for one in texts if one[1] < 11] == []
    dark = window.run("getComputedStyle(document.body).backgroundColor") == "rgb(18, 20, 23)"
    assert dark is (scheme == "dark")


@pytest.mark.parametrize("width", WIDTHS)
def test_a_chart_is_shown_once_and_at_its_own_size(
    window: Browser, pages: dict[str, Path], width: str
) -> None:
    wide, high = WIDTHS[width]
    window.open(pages["fail"], width=wide, height=high, scheme="light")
    shown = window.run(
        "[...document.querySelectorAll('svg.chart')].filter(one => one.checkVisibility())"
        ".map(one => [one.querySelector('title').textContent,"
        " one.getBoundingClientRect().width / one.viewBox.baseVal.width])"
    )
    assert [title for title, _ in shown] == [
        "Heap: effect and confidence sequence over time",
        "Channel change: effect and confidence sequence over time",
        "Crashes: effect and confidence sequence over time",
        "Evidence for FAIL and for PASS over time",
        "Heap by release over time",
        "Devices by release over time",
    ]
    assert all(0.85 < scale < 1.15 for _, scale in shown), shown


def test_who_cannot_see_it_hears_what_it_says(window: Browser, pages: dict[str, Path]) -> None:
    """The browser's own tree of what it tells assistive technology."""
    window.open(pages["fail"], width=1280, height=800, scheme="light")
    nodes = window.call("Accessibility.getFullAXTree")["nodes"]
    said: dict[str, list[str]] = {}
    for node in nodes:
        if not node.get("ignored"):
            name = node.get("name", {}).get("value", "")
            said.setdefault(node["role"]["value"], []).append(name)
    assert "2.4.1 is worse than 2.4.0: heap +4.9 % [3.9, 5.9]." in said["heading"]
    images = [name for role in ("image", "img") for name in said.get(role, [])]
    assert len(images) == 9  # six charts and the span of each metric
    assert all(images)
    assert "Metric" in said["columnheader"]
    assert len(said["rowheader"]) == 3


def test_the_words_are_those_of_the_report(window: Browser, pages: dict[str, Path]) -> None:
    def text(name: str) -> str:
        window.open(pages[name], width=1280, height=800, scheme="light")
        return re.sub(r"\s+", " ", window.run("document.body.innerText"))

    assert window.run("1") == 1
    failed = text("fail")
    assert "FAIL after 9 looks 13 min" in failed
    assert "2.4.1 is worse than 2.4.0: heap +4.9 % [3.9, 5.9]." in failed
    assert "tolerance 1 %, margin 5 %" in failed
    assert "FAIL at look 9" in failed
    passed = text("pass")
    assert "2.4.1 is not worse than 2.4.0 by more than the margins." in passed
    assert "PASS after 22 looks 33 min" in passed
    assert "No verdict on 2.4.1 against 2.4.0 yet." in text("open")
    assert "Nobody has looked at 2.4.1 against 2.4.0 yet." in text("new")


def test_nothing_a_text_holds_becomes_a_tag() -> None:
    found = report("FAIL", 3)
    evil = "<script>alert(1)</script>"
    look = msgspec.structs.replace(found.looks[-1], reason=evil)
    drawn = page(
        msgspec.structs.replace(found, looks=(look,), environment=evil, counts={evil: 1}),
        made_at=MADE,
    )
    assert "<script" not in drawn
    assert drawn.count("&lt;script&gt;") == 3
