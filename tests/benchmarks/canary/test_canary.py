"""The benchmark's short form: the same code on a few trials, and what it makes of its results."""

import numpy as np
import pytest

from tests.benchmarks.canary.agreement import WITHIN, disagreement
from tests.benchmarks.canary.devices import Fleet
from tests.benchmarks.canary.summary import summarized, wilson
from tests.benchmarks.canary.tables import markdown
from tests.benchmarks.canary.trials import NEVER, Asked, Outcome, Setting, of_fleet

SMALL = Fleet(100, 100, noise=0.1)


def test_the_vectorised_score_is_the_functions_own() -> None:
    assert disagreement(1) < WITHIN


def test_a_few_trials_cry_wolf_seldom_and_find_what_is_wrong() -> None:
    outcomes = [
        of_fleet(SMALL, ("none", "+10 %"), np.random.default_rng([5, number]), Asked(number < 2))
        for number in range(40)
    ]
    found = summarized(Setting("small", lambda *_: outcomes[0]), outcomes, 1.0)
    assert found["failed"]["score none"]["count"] <= 4
    assert found["failed"]["score +10 %"]["count"] >= 38
    assert found["compared"] == 2
    assert set(found["others"]["Kayenta's judge"]["nominal"]) == {"none", "+10 %"}


def test_a_quantile_is_of_all_trials() -> None:
    looks = (3, 5, 9, NEVER)
    outcomes = [Outcome(failed={"score x2": look}, events=list(range(10, 110))) for look in looks]
    found = summarized(Setting("some", lambda *_: outcomes[0]), outcomes, 1.0)
    told = found["failed"]["score x2"]
    assert (told["count"], told["share"]) == (3, 0.75)
    assert (told["median_looks"], told["median_events"]) == (9, 14)
    assert (told["p90_looks"], told["p90_events"]) == (None, None)


def test_wilsons_interval_by_hand() -> None:
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775402), abs=1e-6)
    assert wilson(40, 2000) == pytest.approx((0.0147216, 0.0271185), abs=1e-6)


@pytest.mark.parametrize(("alarms", "bound"), [(0, "holds"), (200, "**missed**")])
def test_the_table_says_whether_the_bound_holds(alarms: int, bound: str) -> None:
    outcomes = [
        Outcome(failed={"score none": 1 if number < alarms else NEVER}, events=[1])
        for number in range(2_000)
    ]
    one = summarized(Setting("some", lambda *_: outcomes[0], note="a note"), outcomes, 30.0)
    about = {
        "seed": 1,
        "date": "2026-01-01",
        "cores": 2,
        "processes": 1,
        "processor": "some",
        "python": "3",
        "numpy": "2",
    }
    text = markdown({"about": about, "agreement": 1e-13, "settings": [one]})
    assert f"| {bound} |" in text
    assert "- *some*: a note." in text
