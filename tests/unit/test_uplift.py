"""Whether two groups differ: against published figures, and on simulated customers of whom the truth is known."""

from decimal import Decimal
from math import exp
from random import Random

import pytest

from app.services import uplift
from app.services.uplift import Difference, Sample, Verdict

NINETY_FIVE = 0.95
RUNS = 100
WRITTEN, HELD_OUT = 4000, 1000
MEAN = exp(4.5)  # of what a buyer spends: exp of a normal number with mean 4 and deviation 1


@pytest.mark.parametrize(
    ("counts", "bounds"),
    [
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
        ((0, 10, 0, 10), (-0.2775, 0.2775)),
        ((10, 10, 0, 10), (0.6075, 1.0)),
    ],
)
def test_differences_of_shares_are_those_that_newcombe_printed(counts, bounds):
    found = uplift.newcombe(*counts, confidence=NINETY_FIVE)
    assert [round(each, 4) for each in found] == list(bounds)


@pytest.mark.parametrize(
    ("freedom", "confidence", "printed"),
    [(15, 0.99, 2.9467), (29, 0.99, 2.7564), (30, 0.95, 2.0423), (100, 0.99, 2.6259), (1e9, 0.95, 1.9600)],
)
def test_quantiles_of_student_are_those_of_the_tables(freedom, confidence, printed):
    assert round(uplift.student(freedom, confidence=confidence), 4) == printed


def test_means_are_compared_by_their_own_spreads():
    first = Sample(4, 4, Decimal(20), Decimal(120))  # 2, 4, 6, 8: mean 5, variance 20/3
    second = Sample(5, 5, Decimal(15), Decimal(55))  # 1 to 5: mean 3, variance 5/2
    value, low, high = uplift.welch(first, second, confidence=NINETY_FIVE)
    error = (20 / 3 / 4 + 5 / 2 / 5) ** 0.5
    freedom = error**4 / ((20 / 3 / 4) ** 2 / 3 + (5 / 2 / 5) ** 2 / 4)
    assert (value, round(freedom, 4)) == (2.0, 4.7494)
    assert round((high - low) / 2 / error, 3) == round(uplift.student(freedom, confidence=NINETY_FIVE), 3)
    assert low < 0 < high


def test_great_sums_lose_nothing_by_being_subtracted():
    near = [Decimal("1000000000.01"), Decimal("1000000000.02"), Decimal("1000000000.03")]
    group = Sample(3, 3, sum(near), sum(each * each for each in near))
    still = Sample(3, 3, Decimal(0), Decimal(0))
    _value, low, high = uplift.welch(group, still, confidence=NINETY_FIVE)
    error = (0.0001 / 3) ** 0.5  # the variance of the three is 0.0001
    assert round((high - low) / 2 / error, 4) == round(uplift.student(2, confidence=NINETY_FIVE), 4)


@pytest.mark.parametrize(
    ("first", "second", "shares", "means"),
    [
        (Sample(29, 20), Sample(1000, 20), Verdict.too_few, Verdict.too_few),
        (Sample(1000, 20), Sample(29, 20), Verdict.too_few, Verdict.too_few),
        (Sample(1000, 9), Sample(1000, 0), Verdict.too_few, Verdict.too_few),
        (Sample(1000, 90, Decimal(900), Decimal(9000)), Sample(1000, 9), Verdict.more, Verdict.too_few),
        (Sample(1000, 10), Sample(1000, 90), Verdict.less, Verdict.none),
    ],
)
def test_of_few_nothing_is_said(first, second, shares, means):
    assert (uplift.of_shares(first, second).verdict, uplift.of_means(first, second).verdict) == (shares, means)
    few = [each for each in (uplift.of_shares(first, second), uplift.of_means(first, second)) if each.value is None]
    assert few == [Difference(Verdict.too_few)] * [shares, means].count(Verdict.too_few)


def bought(random, people, share):
    """Draw what a group buys: each with this chance, for what few spend much and most little."""
    spent = [Decimal(round(random.lognormvariate(4, 1), 2)).quantize(Decimal("0.01")) for _each in range(people)
             if random.random() < share]  # fmt: skip
    return Sample(people, len(spent), sum(spent, Decimal(0)), sum((each * each for each in spent), Decimal(0)))


def runs(share, without):
    """Return what is said of simulated mailings: (of shares, of means)."""
    random = Random(20260331)
    for _run in range(RUNS):
        written, held_out = bought(random, WRITTEN, share), bought(random, HELD_OUT, without)
        yield uplift.of_shares(written, held_out), uplift.of_means(written, held_out)


def test_a_known_effect_lies_within_the_interval_in_95_of_100_runs():
    found = list(runs(0.08, 0.05))
    truth, money = 0.03, 0.03 * MEAN
    assert sum(shares.low <= truth <= shares.high for shares, _means in found) >= 95
    assert sum(means.low <= money <= means.high for _shares, means in found) >= 95
    seen = [shares.verdict for shares, _means in found]
    assert (seen.count(Verdict.more) >= 75, seen.count(Verdict.less)) == (True, 0)


def test_where_there_is_no_effect_none_is_seen_in_95_of_100_runs():
    found = list(runs(0.05, 0.05))
    assert sum(shares.verdict is Verdict.none for shares, _means in found) >= 95
    assert sum(means.verdict is Verdict.none for _shares, means in found) >= 95
