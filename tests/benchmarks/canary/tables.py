"""The results as tables that a person reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.benchmarks.canary.others import NOMINAL
from tests.benchmarks.canary.summary import EQUAL, MARGIN_EFFECT
from tests.benchmarks.canary.trials import EFFECTS

QUANTILES = (
    ("looks, median", "median_looks"),
    ("looks, 9 of 10", "p90_looks"),
    ("events, median", "median_events"),
    ("events, 9 of 10", "p90_events"),
)
ENOUGH = 2_000
FORMS = {"score": "**the score**", "start": "one e-process from the start"}


def markdown(results: Mapping[str, Any]) -> str:
    return "\n".join(_lines(results)) + "\n"


def _lines(results: Mapping[str, Any]) -> Iterator[str]:
    about, settings = results["about"], results["settings"]
    yield "# The canary score, measured"
    yield ""
    minutes = sum(one["minutes"] for one in settings)
    compared = max(one["compared"] for one in settings)
    yield (
        f"Written by `make bench-canary` on {about['date']}: seed {about['seed']}, trials of 200"
        f" looks, {compared} of each setting judged by the other methods too; {minutes:.0f} minutes"
        f" of {about['processes']} of {about['cores']} cores, {about['processor']}, Python"
        f" {about['python']}, numpy {about['numpy']}. The vectorised score and the function's own"
        f" agree within {results['agreement']:.0e}."
    )
    yield ""
    yield "Nominal 5 %. The score restarts every 60 looks and lets nothing pass before look 31; its"
    yield "tolerance is 0 and its margin 5 %. In brackets Wilson's 95 % interval."
    yield ""
    yield "## No difference: how often the score cries wolf"
    yield ""
    yield "FAIL of a canary that does not differ; PASS of one that is worse by just the margin."
    yield ""
    yield "| setting | trials | false FAIL | … from the start alone | false PASS | bound |"
    yield "|---|---|---|---|---|---|"
    for one in settings:
        if "score none" in one["failed"]:
            yield _alarms(one)
    yield ""
    for one in settings:
        yield f"- *{one['name']}*: {one['note']}."
    yield from _compared([one for one in settings if one["others"]])
    yield from _power(settings)
    yield from _leak([one for one in settings if "score leak" in one["passed"]])


def _alarms(one: Mapping[str, Any]) -> str:
    start = one["failed"].get("start none")
    passed = one["passed"].get(f"score {MARGIN_EFFECT}")
    bound = "not gated"
    if one["gated"]:
        missed = "**missed**" if one["runs"] >= ENOUGH else "too few trials to say"
        bound = "holds" if one["holds"] else missed
    cells = (
        one["name"],
        f"{one['runs']:,}",
        _share(one["failed"]["score none"]),
        _share(start) if start else "",
        _share(passed) if passed else "",
        bound,
    )
    return f"| {' | '.join(cells)} |"


def _compared(settings: list[Mapping[str, Any]]) -> Iterator[str]:
    if not settings:
        return
    yield ""
    yield "## No difference: how often others cry wolf"
    yield ""
    yield f"| method | {' | '.join(one['name'] for one in settings)} |"
    yield f"|---|{'---|' * len(settings)}"
    for method in NOMINAL:
        cells = [_share(one["others"][method]["nominal"]["none"]) for one in settings]
        yield f"| {method} | {' | '.join(cells)} |"
    for form, name in FORMS.items():
        cells = [_share(one["failed"][f"{form} none"]) for one in settings]
        yield f"| {name} | {' | '.join(cells)} |"


def _power(settings: list[Mapping[str, Any]]) -> Iterator[str]:
    yield ""
    yield "## A difference: how often it is found, and when"
    yield ""
    yield "Share of the trials that FAIL within 200 looks; median and nine of ten of all trials, in"
    yield "looks and, of both arms, in events. A dash: fewer trials than that ever came to it. The"
    yield f"others have the thresholds with which they cry wolf in {100 * EQUAL:.0f} % of the"
    yield "trials; what they find at their nominal ones is in `results.json`."
    for one in settings:
        effects = [name for name in EFFECTS[1:] if f"score {name}" in one["failed"]]
        odd = [key for key in one["failed"] if key.startswith("score x")]
        if not effects and not odd:
            continue
        yield ""
        yield f"### {one['name']}"
        yield ""
        yield f"| method | effect | found |{''.join(f' {name} |' for name, _ in QUANTILES)}"
        yield "|---|---|---|---|---|---|---|"
        for form, name in FORMS.items():
            for effect in effects:
                yield _row(name, effect, one["failed"][f"{form} {effect}"])
        for key in odd:
            yield _row(FORMS["score"], key.removeprefix("score "), one["failed"][key])
        for method in one["others"]:
            for effect in effects:
                yield _row(method, effect, one["others"][method]["equal"][effect])


def _leak(settings: list[Mapping[str, Any]]) -> Iterator[str]:
    if not settings:
        return
    yield ""
    yield "## A leak: what passes before it is found"
    yield ""
    yield "The canary grows by 10 % in the first 120 looks. With soak and restarts, and without."
    yield ""
    yield "| setting | form | PASS before FAIL | looks to PASS | FAIL | looks to FAIL | 9 of 10 |"
    yield "|---|---|---|---|---|---|---|"
    for one in settings:
        for form, name in FORMS.items():
            passed, failed = one["passed"][f"{form} leak"], one["failed"][f"{form} leak"]
            cells = (
                one["name"],
                name,
                f"{passed['share']:.1%}",
                _number(passed["median_looks"]),
                f"{failed['share']:.1%}",
                _number(failed["median_looks"]),
                _number(failed["p90_looks"]),
            )
            yield f"| {' | '.join(cells)} |".replace("%", " %")
    yield ""
    yield "And a canary without a difference: how often it has its PASS, and when."
    yield ""
    yield "| setting | PASS | looks, median | looks, 9 of 10 |"
    yield "|---|---|---|---|"
    for one in settings:
        passed = one["passed"]["score none"]
        share = f"{100 * passed['share']:.1f} %"
        looks = f"{_number(passed['median_looks'])} | {_number(passed['p90_looks'])}"
        yield f"| {one['name']} | {share} | {looks} |"


def _row(method: str, effect: str, told: Mapping[str, Any]) -> str:
    cells = (
        method,
        effect,
        f"{told['share']:.1%}".replace("%", " %"),
        *(
            _number(told[key])
            for key in ("median_looks", "p90_looks", "median_events", "p90_events")
        ),
    )
    return f"| {' | '.join(cells)} |"


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _share(told: Mapping[str, Any]) -> str:
    low, high = told["wilson"]
    return f"{100 * told['share']:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
