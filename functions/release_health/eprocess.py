"""The e-processes of the score, in logarithms so that nothing overflows: pure mathematics.

An e-process is at most 1 in expectation at any time somebody chooses to stop, as long as the null
hypothesis holds; so the chance that it ever reaches 1/alpha is alpha at most (Ville), however often
one looks. For sizes this is true in the limit of many devices: the mean's error is normal, with a
variance that is estimated (Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, "Time-uniform central
limit theory and asymptotic confidence sequences", Annals of Statistics 2024). For counts it is
exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import erfc, exp, expm1, inf, lgamma, log, log1p, pi, sqrt

MIXTURE = 0.05**2
"""T: the variance of the effects that the mixture expects: about 5 % in log."""
RATIOS = (1.1, 1.25, 1.5, 2.0, 3.0, 5.0)
"""The ratios of rates that the mixture for counts expects, each as likely."""
_TAIL = -20.0


def log_normal_tail(z: float) -> float:
    """log Phi(z) + z²/2, to a relative 1e-14 however far in the tail.

    Phi(z)·exp(z²/2) falls only as 1/z, so this is small where log Phi(z) alone is not, and the two
    squares that would cancel never meet. Below -20 it is the asymptotic series of Mills' ratio.
    """
    if z > _TAIL:
        return log(0.5 * erfc(-z / sqrt(2.0))) + 0.5 * z * z
    square = z * z
    series, term = 1.0, 1.0
    for odd in (1, 3, 5, 7, 9, 11, 13, 15):
        term *= -odd / square
        series += term
    return log(series) - log(-z) - 0.5 * log(2.0 * pi)


def above(difference: float, variance: float) -> float:
    """log E against "the true difference is 0 or less".

    The mixture of normal likelihood ratios over effects of half a normal distribution above 0, with
    variance `MIXTURE`. The variance is more than 0.
    """
    total = variance + MIXTURE
    z = difference * sqrt(MIXTURE / variance / total)
    return log(2.0) + 0.5 * log(variance / total) + log_normal_tail(z)


def apart(difference: float, variance: float) -> float:
    """log E against "the true difference is 0", on either side."""
    total = variance + MIXTURE
    return 0.5 * log(variance / total) + 0.5 * difference * difference * MIXTURE / variance / total


def radius(variance: float, alpha: float) -> float:
    """Half the width of the confidence sequence: the differences that `apart` does not reject."""
    total = variance + MIXTURE
    return sqrt(variance * total / MIXTURE * (2.0 * log(1.0 / alpha) + log(total / variance)))


def log_sum(terms: Iterable[float]) -> float:
    """log Σ exp(term); of no terms, or of terms that are all -inf, -inf."""
    terms = list(terms)
    most = max(terms, default=-inf)
    if most == -inf:
        return -inf
    return most + log(sum(exp(term - most) for term in terms))


def log_share(ratio: float, share: float) -> tuple[float, float]:
    """Logarithms of theta/rho and (1-theta)/(1-rho), where theta is the canary's share of the bad
    events when its rate is `ratio` times as high, and rho when it is not; 0 < rho < 1."""
    grown = log1p((ratio - 1.0) * share)
    return log(ratio) - grown, -grown


def fewer(count: int, expected: float) -> float:
    """log E against "the true expectation of the count is `expected` or more".

    The same mixture of ratios downwards, of Poisson likelihoods.
    """
    terms = (
        -count * log(ratio) + expected * (1.0 - 1.0 / ratio) - log(len(RATIOS)) for ratio in RATIOS
    )
    return log_sum(terms)


def log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def share_apart(first: int, second: int, share: float) -> float:
    """log E against "each of the events is of the first kind with probability `share`".

    The mixture over all shares, by a beta distribution around `share` that is worth two events
    (Lindon and Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022).
    """
    a, b = 2.0 * share, 2.0 * (1.0 - share)
    likelihood = first * log(share) + second * log1p(-share)
    return log_beta(first + a, second + b) - log_beta(a, b) - likelihood


def shares(first: int, second: int, alpha: float) -> tuple[float, float]:
    """The confidence sequence of the share of the first kind: those that are not rejected when
    all are as likely to begin with. By bisection, to 1e-12."""
    mixed = log_beta(first + 1.0, second + 1.0)
    seen = first + second
    middle = first / seen if seen else 0.5

    def rejects(share: float) -> bool:
        likelihood = (first * log(share) if first else 0.0) + (
            second * log1p(-share) if second else 0.0
        )
        return mixed - likelihood >= log(1.0 / alpha)

    return _edge(middle, 0.0, rejects), _edge(middle, 1.0, rejects)


def _edge(inside: float, outside: float, rejects: Callable[[float], bool]) -> float:
    """Where, between a share that is not rejected and an end of the scale, rejection begins; the
    end itself when the last share before it is not rejected."""
    near_end = abs(outside - 1e-12)
    if inside == outside or not rejects(near_end):
        return outside
    for _ in range(60):
        middle = 0.5 * (inside + outside)
        if rejects(min(max(middle, 1e-300), 1.0 - 1e-16)):
            outside = middle
        else:
            inside = middle
    return inside


def percent(log_ratio: float) -> float:
    """The effect as a share: 0.031 of log 1.031. Beyond a factor of e⁷⁰⁰ it is that."""
    return expm1(min(log_ratio, 700.0))
