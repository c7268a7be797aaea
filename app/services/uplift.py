"""Whether two groups differ by more than chance, from counts and sums alone: nothing here reads a database.

Shares are compared by Newcombe's interval (his method 10, made of Wilson's for each group): it is right for small
shares, and never says what is impossible. Means are compared by Welch's, for the groups differ in size and in spread.
Both at 99 %: the effect of a mailing is looked at day by day while orders come in, by shares and by means, and at 95 %
too many mailings without any effect would seem to have one.
Source: Newcombe, Statistics in Medicine 17 (1998), 873-890; Welch, Biometrika 34 (1947), 28-35; Abramowitz and Stegun,
26.7.5 (quantiles of Student's distribution).
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from math import hypot, sqrt
from statistics import NormalDist

from app import money
from app.i18n import label
from app.i18n import lazy_gettext as _l

CONFIDENCE = 0.99
FEWEST = 30  # people in each group, for anything to be said
FEWEST_BUYERS = 10  # in both groups together for shares, in each for means


class Verdict(StrEnum):
    """What can be said of a difference."""

    more = "more"
    less = "less"
    none = "none"
    too_few = "too_few"


label(
    Verdict,
    more=_l("More than without the letters"),
    less=_l("Less than without the letters"),
    none=_l("No difference that could not be chance"),
    too_few=_l("Too few to tell"),
)


@dataclass(frozen=True)
class Sample:
    """What a group did: how many are in it, how many of them bought, the sum of what each spent, and of its squares."""

    people: int
    buyers: int = 0
    total: Decimal = Decimal(0)
    squares: Decimal = Decimal(0)


@dataclass(frozen=True)
class Difference:
    """How much more the first of two groups has, with its interval; no numbers where there are too few to tell."""

    verdict: Verdict
    value: float | None = None
    low: float | None = None
    high: float | None = None


_TOO_FEW = Difference(Verdict.too_few)


def of_shares(first: Sample, second: Sample) -> Difference:
    """Return by how much the share of buyers differs, as a number between -1 and 1."""
    if min(first.people, second.people) < FEWEST or first.buyers + second.buyers < FEWEST_BUYERS:
        return _TOO_FEW
    low, high = newcombe(first.buyers, first.people, second.buyers, second.people)
    return _told(first.buyers / first.people - second.buyers / second.people, low, high)


def of_means(first: Sample, second: Sample) -> Difference:
    """Return by how much what each has spent on the average differs, in the unit of the sums."""
    if min(first.people, second.people) < FEWEST or min(first.buyers, second.buyers) < FEWEST_BUYERS:
        return _TOO_FEW
    return _told(*welch(first, second))


def newcombe(
    some: int, among: int, others: int, among_others: int, *, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Return the bounds of the difference of two shares, `some` of `among` less `others` of `among_others`."""
    share, less = some / among, others / among_others
    low, high = wilson(some, among, confidence=confidence)
    low_less, high_less = wilson(others, among_others, confidence=confidence)
    return (
        share - less - hypot(share - low, high_less - less),
        share - less + hypot(high - share, less - low_less),
    )


def wilson(some: int, among: int, *, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the bounds of a share."""
    z = _normal(confidence)
    middle = 2 * some + z * z
    spread = z * sqrt(z * z + 4 * some * (1 - some / among))
    return (middle - spread) / (2 * (among + z * z)), (middle + spread) / (2 * (among + z * z))


def welch(first: Sample, second: Sample, *, confidence: float = CONFIDENCE) -> tuple[float, float, float]:
    """Return the difference of two means and its bounds. Groups have two people at least."""
    mean, error = _mean(first)
    mean_less, error_less = _mean(second)
    value, whole = mean - mean_less, error + error_less
    if not whole:
        return value, value, value
    freedom = whole**2 / (error**2 / (first.people - 1) + error_less**2 / (second.people - 1))
    width = student(freedom, confidence=confidence) * sqrt(whole)
    return value, value - width, value + width


def _mean(group: Sample) -> tuple[float, float]:
    """Return the mean of a group and its squared error; exact sums, so that nothing is lost by subtracting them."""
    with money.exact():
        mean = group.total / group.people
        variance = max(group.squares - group.total * mean, Decimal(0)) / (group.people - 1)
    return float(mean), float(variance) / group.people


def student(freedom: float, *, confidence: float = CONFIDENCE) -> float:
    """Return how many standard errors an interval reaches; right to four digits from fifteen degrees of freedom on."""
    z = _normal(confidence)
    parts = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(part / freedom**power for power, part in enumerate(parts, start=1))


def _normal(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _told(value: float, low: float, high: float) -> Difference:
    verdict = Verdict.more if low > 0 else Verdict.less if high < 0 else Verdict.none
    return Difference(verdict, value, low, high)
