"""A report's words, scales and plots of characters."""

from datetime import UTC, datetime, timedelta
from math import inf, log
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from cli.commands.release import report as command
from cli.errors import Failure
from cli.on_trial import OnTrial
from cli.report import charts
from cli.report.data import step_of
from cli.report.model import Estimate, Look, interval, lasted, odds, percent, share, thinned
from cli.report.svg import Chart, instants, nice, told
from cli.report.text import checks, history, verdict
from cli.terminal import laid_out
from tests.cli.reported import BEGAN, METRICS, report

MINUTE = timedelta(minutes=1)


def test_numbers_are_set_as_a_person_reads_them() -> None:
    assert percent(0.031) == "+3.1 %"
    assert percent(-0.031) == "−3.1 %"
    assert percent(-0.0001) == "0 %"
    assert (share(0.01), share(-0.025), share(1)) == ("1 %", "−2.5 %", "100 %")
    heap = Estimate(metric="heap_bytes", effect=0.031, low=-0.004, high=0.059)
    assert interval(heap) == "+3.1 % [−0.4, 5.9]"
    assert interval(replace(heap, high=50.0)) == "+3.1 % [−0.4, > 999]"
    assert interval(replace(heap, high=inf)) == "–"
    assert interval(Estimate(metric="heap_bytes")) == "–"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.031, "0.03"), (7.42, "7.4"), (20, "20"), (1234.5, "1,234"), (3.14e5, "3.1 × 10⁵")],
)
def test_an_e_value_is_short(value: float, text: str) -> None:
    assert odds(log(value)) == text


def test_e_values_have_no_end() -> None:
    assert odds(1e6) == "> 10¹⁰⁰"
    assert odds(-1e6) == "0.00"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (45, "45 s"), (60, "1 min"), (12_000, "3 h 20 min"), (187_200, "2 d 4 h")],
)
def test_a_span_is_told_in_its_largest_units(seconds: int, text: str) -> None:
    assert lasted(timedelta(seconds=seconds)) == text


def test_headlines() -> None:
    assert report("FAIL").headline() == "2.4.1 is worse than 2.4.0: heap +4.9 % [3.9, 5.9]."
    assert report("PASS").headline() == ("2.4.1 is not worse than 2.4.0 by more than the margins.")
    assert report("CONTINUE").headline() == "No verdict on 2.4.1 against 2.4.0 yet."
    assert report("CONTINUE", 0).headline() == "Nobody has looked at 2.4.1 against 2.4.0 yet."


def test_a_verdict_came_with_the_first_look_of_those_that_stand() -> None:
    failed = report("FAIL")
    assert failed.decided is not None
    assert failed.decided.number == 9
    # A state that was built again says its verdict once more; a PASS before is another verdict.
    again = replace(failed, looks=(*failed.looks, replace(failed.looks[-1], changed=True)))
    assert again.decided == failed.decided
    passed = tuple(replace(one, verdict="PASS") for one in failed.looks[:5])
    assert replace(failed, looks=(*passed, *failed.looks[5:])).decided == failed.decided
    assert report("CONTINUE").decided is None
    assert replace(failed, looks=failed.looks[-1:]).decided is None


def test_many_looks_are_thinned_but_for_what_matters() -> None:
    looks = report("FAIL", 1_000).looks
    kept = thinned(looks, 50)
    assert len(kept) <= 52
    assert {1, 9, 1_000} <= {one.number for one in kept}
    assert thinned(looks[:50], 50) == list(looks[:50])


def test_ticks_are_round() -> None:
    assert nice(-0.013, 0.083, 6) == pytest.approx([0.0, 0.02, 0.04, 0.06, 0.08])
    assert nice(0, 1_500, 5) == [0, 500, 1_000, 1_500]
    assert nice(3, 3, 5)
    first = datetime(2026, 11, 21, 8, 31, 7, tzinfo=UTC)
    ticks = instants(first, first + 50 * MINUTE, 6)
    assert [told(one, 50 * MINUTE) for one in ticks] == [
        "08:40", "08:50", "09:00", "09:10", "09:20",
    ]  # fmt: skip
    week = timedelta(days=9)
    assert [told(one, week) for one in instants(first, first + week, 3)] == [
        "Nov 23",
        "Nov 30",
    ]


def test_a_history_has_so_many_spans_at_most() -> None:
    assert step_of(timedelta(minutes=50)) == 60
    assert step_of(timedelta(hours=5)) == 300
    assert step_of(timedelta(days=30)) == 12 * 3600


def test_the_first_looks_do_not_press_the_others_flat() -> None:
    looks = report("FAIL").looks
    low, high = charts.effect_range(looks, METRICS[0])
    assert low < 0 < 0.05 < high < 0.13
    wide = [replace(one, estimates=(replace(one.estimates[0], high=9.0),)) for one in looks]
    assert charts.effect_range(wide, METRICS[0])[1] < 0.2


def test_a_chart_says_what_it_shows_and_keeps_inside() -> None:
    end = BEGAN + 10 * MINUTE
    chart = Chart("it", "A < B", "All & more", 400, 200, BEGAN, end, 0.0, 1.0)
    chart.line([(BEGAN, 0.5), (end, 1e9)], "canary")
    chart.dot(BEGAN, 7.0, "canary", "outside")
    drawn = chart.svg()
    assert '<title id="it-title">A &lt; B</title>' in drawn
    assert "All &amp; more" in drawn
    assert "<circle" not in drawn
    assert "1e+" not in drawn
    assert 'role="img"' in drawn


@pytest.mark.parametrize("which", ["FAIL", "PASS", "CONTINUE"])
@pytest.mark.parametrize("looks", [0, 1, 2, 40])
def test_on_the_terminal_it_fits_80_columns(which: str, looks: int) -> None:
    found = report(which, looks)  # type: ignore[arg-type]
    text = laid_out(*verdict(found), *history(found), *checks(found), width=80)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert found.headline().split(":")[0] in text
    if looks == 40:
        assert "Heap: effect and confidence sequence" in lines
        assert sum("•" in line for line in lines) > 20
        assert any(line.startswith("heap_bytes") and "[" in line for line in lines)
    else:
        assert "\x1b" not in text


def test_a_plot_shows_where_the_verdict_came() -> None:
    found = report("FAIL")
    text = laid_out(*history(found), width=80)
    plot = text.split("Heap: effect and confidence sequence\n")[1].splitlines()[:11]
    columns = {line.index("│") for line in plot if "│" in line}
    assert len(columns) == 1
    share_of_time = (columns.pop() - 8) / 57
    assert share_of_time == pytest.approx(9 / 40, abs=0.02)
    assert [line.split()[-1] for line in plot if line.rstrip().endswith(("margin", "tolerance"))]


def test_a_look_without_a_metric_has_an_empty_estimate() -> None:
    look = Look(at=BEGAN, through=BEGAN, number=1, verdict="CONTINUE", reason="")
    assert look.of("cpu") == Estimate(metric="cpu")
    assert not look.of("cpu").bounded


def test_a_page_that_cannot_be_written_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(OnTrial, "find", lambda _: SimpleNamespace(report=lambda _: report("FAIL")))
    for page, why in ((Path("/dev/full"), "No space left on device"), (tmp_path, "Is a directory")):
        with pytest.raises(Failure) as raised:
            command.report("2.4.1", html=page)
        said = f"Cannot write {page}: {why}. Choose another file with --html."
        assert str(raised.value) == said
