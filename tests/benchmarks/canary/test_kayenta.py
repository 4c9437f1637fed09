"""Kayenta's judge says what the project's own tests say that it does.

The numbers are those of https://github.com/spinnaker/kayenta: kayenta-judge's ClassifierSuite and
ScorerSuite, and kayenta-mannwhitney's suite.
"""

import numpy as np
import pytest
from scipy.stats import norm

from tests.benchmarks.canary.kayenta import Judge, Judged, Label, interval, summary
from tests.benchmarks.canary.others import kayenta

# fmt: off
AROUND_10 = (
    9.7767343120109462, 10.587071850477695, 7.8375506388901766, 9.3243326886113884,
    8.3774505409784421, 8.9359264399606282, 8.2707663324728511, 9.7484308126716925,
    11.623746715547156, 9.2753442679633942, 8.1538047749171518, 10.562020975754294,
    13.498135575451835, 11.054419256110332, 6.9538903590055092, 12.521008342195479,
    9.0216358603546443, 4.9234856699531662, 11.251360203607172, 11.598449508040337,
    8.435232204668182, 11.110228516867279, 10.70063380164755, 8.9212773652115249,
    10.086167067942661, 11.42107515483087, 9.3792347813644952, 7.7980320148552593,
    10.62339807275746, 11.909642062063739,
)
ALSO_AROUND_10 = (
    11.1453586774086, 9.9618059885597017, 7.068574306369829, 7.3012661810483657,
    9.7944630265656727, 9.6037918603687302, 6.1867793350339388, 12.345599159550174,
    10.371891733859533, 8.6094300785016724, 9.913162673361084, 10.361375299003466,
    14.206800387518818, 10.946153754753301, 10.215876627044048, 11.739760899484603,
    10.907627468626439, 12.823353694464775, 8.1018609771732137, 8.4981616408804932,
    12.113441374697231, 13.272210809932028, 10.114579381663297, 6.9463958767978067,
    6.2105278541727778, 10.160401684903775, 8.3457712066455461, 8.383822063895833,
    7.0020205070083765, 10.755757401808442,
)
AROUND_20 = (
    20.878412601720026, 21.78550581191622, 19.70828084717019, 15.859946903461562,
    19.510058772176841, 19.392005525270303, 22.926528314912101, 17.156530276709894,
    18.655117916226171, 23.422607911610392, 24.055817684156644, 22.62689958516501,
    21.979472967817678, 21.659318607218694, 20.067707574072426, 22.119570836305414,
    16.44037132663307, 21.559622826341268, 21.000181443489218, 17.779369411412663,
    17.806006358943584, 18.537200618386109, 20.555550300210797, 19.552928184468378,
    21.771118944087092, 21.809622806176627, 20.961762909905271, 20.977571577503021,
    19.106303205498794, 16.976918966987078,
)
ALSO_AROUND_20 = (
    20.758113589510348, 22.802059629464559, 20.612340363492208, 20.973274654749986,
    23.469237330498622, 21.53133988954805, 21.767353687439805, 18.308050730374301,
    19.062145167827566, 25.879498436001779, 18.982629726336128, 19.387920182269266,
    18.995398251246982, 24.228420230932805, 20.050985172694688, 18.2340451091756,
    17.870515494460435, 23.058103863806618, 18.400259567501134, 16.971352091177167,
    19.467529066052151, 17.90465423342031, 17.553948617825831, 16.104611843907193,
    24.38171081433039, 15.919294339922635, 20.479409626304697, 19.08307201492406,
    17.455788050722866, 18.853826823235142,
)
SLOW = (
    24.24693907, 26.13330099, 22.50056744, 24.36646841, 23.19935673, 19.43801304,
    20.99654102, 18.90793651, 21.31949881, 21.83528381, 21.64211206, 23.13365968,
    21.09163134, 19.45540615, 20.74783158, 22.25527831, 19.82051791, 20.9865487,
    19.94450026, 23.2904056, 18.18408424, 22.13843542, 19.42896044, 19.84140464,
    23.91557662, 21.00981557, 21.8594633, 23.11630163, 22.95700392, 17.80045135,
)
FAST = (
    25.09626848, 26.15032198, 24.88431438, 24.18870163, 22.14684987, 28.01743443,
    21.29910501, 27.24688773, 28.64187535, 27.03504445, 24.67888311, 22.35137878,
    27.41640397, 26.00225548, 23.02118534, 25.99647292, 22.77446912, 25.56704719,
    25.57025827, 21.2721602, 23.12987357, 24.59111604, 27.48865016, 27.21967755,
    23.5951111, 22.5429607, 25.83015564, 23.31965305, 24.3911644, 25.11468194,
)
# fmt: on
TEN = (20.0, 22.0, 21.0, 25.0, 30.0)
ONE = (1.0, 2.2, 1.1, 2.5, 3.0)
PLAIN = Judge(tolerance=0.1, confidence=0.95)
UP = Judge(tolerance=0.1, confidence=0.95, direction="increase")
DOWN = Judge(tolerance=0.1, confidence=0.95, direction="decrease")


@pytest.mark.parametrize(
    ("judge", "canary", "baseline", "label"),
    [
        (PLAIN, AROUND_10, ALSO_AROUND_10, "Pass"),
        (PLAIN, AROUND_20, ALSO_AROUND_10, "High"),
        (PLAIN, AROUND_10, ALSO_AROUND_20, "Low"),
        (UP, AROUND_10, ALSO_AROUND_20, "Pass"),
        (DOWN, AROUND_20, ALSO_AROUND_10, "Pass"),
        (UP, AROUND_20, ALSO_AROUND_10, "High"),
        (DOWN, AROUND_10, ALSO_AROUND_20, "Low"),
        (DOWN, (1.0, 1.0, 1.0), (1.0, 1.0), "Pass"),
        (DOWN, (1.0, 2.0, 3.0, 4.0, 5.0), (5.0, 4.0, 3.0, 2.0, 1.0), "Pass"),
        (DOWN, (0.0, 1.0, 1.0, 1.0, 1.0), (1.0, 1.0, 1.0, 1.0, 1.0), "Pass"),
        (DOWN, (), (1.0, 2.0, 3.0, 4.0, 5.0), "Nodata"),
    ],
)
def test_the_classifier(
    judge: Judge, canary: tuple[float, ...], baseline: tuple[float, ...], label: Label
) -> None:
    assert judge.classify(canary, baseline) == (label, False)


def effects(
    allowed: tuple[float, float] | None = None, critical: tuple[float, float] | None = None
) -> Judge:
    return Judge(tolerance=0.1, confidence=0.95, allowed=allowed, critical=critical)


@pytest.mark.parametrize(
    ("judge", "canary", "baseline", "label", "critical"),
    [
        (effects((0.8, 1.2)), TEN, ONE, "High", False),
        (effects((0.8, 1.2)), AROUND_10, ALSO_AROUND_20, "Low", False),
        (effects((0.5, 1.0)), (10.0, 12.2, 10.1, 12.5, 23.0), TEN, "Pass", False),
        (effects(critical=(1.0, 1.2)), TEN, ONE, "High", True),
        (
            effects(critical=(1.2, 1.0)),
            (2.0, 2.0, 2.0, 2.0, 3.0),
            (10.0, 20.2, 10.1, 20.5, 30.0),
            "Low",
            True,
        ),
        (effects((1.0, 5.0), (1.0, 13.0)), TEN, ONE, "High", False),
        (
            Judge(tolerance=0.2, confidence=0.98, measure="cles", allowed=(0.2, 0.8)),
            SLOW,
            FAST,
            "Low",
            False,
        ),
    ],
)
def test_the_size_of_the_effect(
    judge: Judge,
    canary: tuple[float, ...],
    baseline: tuple[float, ...],
    label: Label,
    critical: bool,
) -> None:
    assert judge.classify(canary, baseline) == (label, critical)


def test_the_interval_of_the_shift() -> None:
    found = interval(np.array([10.0, 20, 30, 40]), np.array([1.0, 2, 3, 4]), 0.95)
    assert found == pytest.approx((6.0, 39.0, 22.5), abs=1e-6)


def of(label: Label, *groups: str, criticality: str = "normal") -> Judged:
    return Judged(label, groups or ("group",), criticality)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("results", "weights", "expected"),
    [
        ([of("Pass")], {}, 100.0),
        ([of("High")], {}, 0.0),
        ([of("Pass"), of("High")], {}, 50.0),
        ([of("Pass"), of("High"), of("Low")], {}, 33.33),
        ([of("Pass", "1"), of("Pass", "1"), of("High", "2")], {"1": 75.0, "2": 25.0}, 75.0),
        ([of("Pass", "1"), of("High", "1"), of("High", "2")], {"1": 50.0, "2": 50.0}, 25.0),
        ([of("Nodata")], {}, 0.0),
        ([of("Pass"), of("High", criticality="critical")], {}, 0.0),
        ([of("Low"), of("Pass", criticality="critical")], {}, 50.0),
        ([of("Pass"), of("High", criticality="report-only")], {}, 100.0),
    ],
)
def test_the_score(results: list[Judged], weights: dict[str, float], expected: float) -> None:
    assert summary(results, weights) == pytest.approx(expected, abs=1e-2)


def test_all_looks_at_once_say_what_the_judge_says() -> None:
    chance = np.random.default_rng(3)
    judge = Judge(direction="increase", allowed=(-np.inf, -np.inf))
    said = set()
    for effect in (0.0, 0.3, 0.6, 1.0):
        canary, baseline = effect + chance.standard_normal(30), chance.standard_normal(30)
        (statistic,) = kayenta([canary], baseline)
        for look in (7, 18, 29):
            label, _ = judge.classify(canary[: look + 1], baseline[: look + 1])
            assert (label == "High") == (statistic[look] > norm.ppf(0.99)), (effect, look)
            said.add(label)
    assert said == {"High", "Pass"}
