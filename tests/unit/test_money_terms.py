"""The dates of payment terms and the discounts for paying early."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import money
from app.errors import DomainError
from app.money import CashDiscountTax, LineIn, Options, Step, StepKind, TaxCategory, TaxKey, TaxRounding

D = Decimal
steady = settings(derandomize=True, database=None, deadline=None, max_examples=120)
FIVE_DAYS_MONTH_END_NEXT_FIRST = money.read_steps([["days", 5], ["month_end"], ["month_day", 1]])


# Source: by the calendar; 5 March + 5 = 10 March, its month ends on the 31st, the next 1st is 1 April;
# 28 March + 5 = 2 April, its month ends on the 30th, the next 1st is 1 May.
@pytest.mark.parametrize(("issued", "due"), [((2026, 3, 5), (2026, 4, 1)), ((2026, 3, 28), (2026, 5, 1))])
def test_five_days_then_the_months_end_then_the_next_first(issued, due):
    assert money.due_on(date(*issued), FIVE_DAYS_MONTH_END_NEXT_FIRST) == date(*due)


@pytest.mark.parametrize(
    ("issued", "steps", "due"),
    [
        ((2026, 3, 5), [], (2026, 3, 5)),
        ((2026, 3, 5), [["days", 0]], (2026, 3, 5)),
        ((2026, 12, 20), [["days", 30]], (2027, 1, 19)),
        ((2028, 1, 31), [["months", 1]], (2028, 2, 29)),
        ((2026, 1, 31), [["months", 13]], (2027, 2, 28)),
        ((2026, 11, 30), [["months", 1]], (2026, 12, 30)),
        ((2026, 12, 31), [["months", 12]], (2027, 12, 31)),
        ((2026, 2, 3), [["month_end"]], (2026, 2, 28)),
        ((2026, 2, 28), [["month_end"]], (2026, 2, 28)),
        ((2026, 3, 15), [["month_day", 15]], (2026, 3, 15)),
        ((2026, 3, 16), [["month_day", 15]], (2026, 4, 15)),
        ((2026, 12, 16), [["month_day", 15]], (2027, 1, 15)),
        ((2026, 2, 10), [["month_day", 31]], (2026, 2, 28)),
        ((2026, 1, 31), [["month_day", 30]], (2026, 2, 28)),
    ],
)
def test_due_on(issued, steps, due):
    assert money.due_on(date(*issued), money.read_steps(steps)) == date(*due)


@pytest.mark.parametrize(
    "stored",
    [[["weeks", 1]], ["days"], [[]], [["days", "5"]], [["days", 1.5]], [["days", True]], [["days", 1, 2]], [[None, 1]]],
)
def test_terms_that_cannot_be_read_are_refused(stored):
    with pytest.raises(DomainError, match="cannot be read") as refused:
        money.read_steps(stored)
    assert refused.value.field == "steps"


@pytest.mark.parametrize(
    ("kind", "count"),
    [("days", -1), ("days", 3661), ("months", -1), ("months", 123), ("month_end", 1), ("month_day", 0),
     ("month_day", 32)],
)  # fmt: skip
def test_a_step_out_of_range_is_refused(kind, count):
    with pytest.raises(DomainError, match="needs a number from"):
        Step(StepKind(kind), count)


@pytest.mark.parametrize("step", [Step(StepKind.days, 1), Step(StepKind.months, 1), Step(StepKind.month_day, 1)])
def test_terms_end_with_the_calendar(step):
    with pytest.raises(DomainError, match="beyond the calendar"):
        money.due_on(date(9999, 12, 31), [step])


steps_in = st.lists(
    st.one_of(
        st.builds(Step, st.just(StepKind.days), st.integers(0, 120)),
        st.builds(Step, st.just(StepKind.months), st.integers(0, 14)),
        st.just(Step(StepKind.month_end)),
        st.builds(Step, st.just(StepKind.month_day), st.integers(1, 31)),
    ),
    max_size=4,
)


@steady
@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), steps_in)
def test_terms_never_go_back_and_never_overtake(issued, steps):
    due = money.due_on(issued, steps)
    assert due >= issued
    assert money.due_on(issued + timedelta(days=1), steps) >= due


HUNDRED_AT_21 = [LineIn(quantity=D(1), unit_price=D(100), tax=TaxKey(TaxCategory.standard, D("0.21")))]


# 2 % off 100 is 98; tax 98 * 0.21 = 20.58, or 21.00 on the whole.
@pytest.mark.parametrize(
    ("mode", "early", "late"),
    [
        ("always", "118.58", "120.58"),  # 98 + 20.58, 100 + 20.58
        ("early", "118.58", "121.00"),  # 98 + 20.58, 100 + 21
        ("never", "119.00", "121.00"),  # 98 + 21, 100 + 21
    ],
)
def test_two_percent_off_a_hundred_at_21_percent(mode, early, late):
    priced = money.price(HUNDRED_AT_21, Options(currency="EUR"))
    found = money.cash_discount(priced, D(2), CashDiscountTax(mode))
    assert (str(found.early), str(found.late)) == (early, late)
    taxes = {"always": ("20.58", "20.58"), "early": ("20.58", "21.00"), "never": ("21.00", "21.00")}[mode]
    assert (str(found.early_taxes[0]), str(found.late_taxes[0])) == taxes


# Agreed 121 with tax: 2 % off is 118.58, of which 118.58 * 0.21 / 1.21 = 20.58 tax.
@pytest.mark.parametrize(
    ("mode", "early", "late"),
    [("always", "118.58", "120.58"), ("early", "118.58", "121.00"), ("never", "119.00", "121.00")],
)
def test_two_percent_off_121_with_tax_included(mode, early, late):
    line = replace(HUNDRED_AT_21[0], unit_price=D(121))
    priced = money.price([line], Options(currency="EUR", prices_include_tax=True))
    found = money.cash_discount(priced, D(2), CashDiscountTax(mode))
    assert (str(found.early), str(found.late)) == (early, late)


# Nine lines of 13.60, tax per line 7.38; 2 % of 122.40 is 2.45: two lines bear 0.28 of it and seven 0.27, and the tax
# on 13.32 (0.7992) is 0.80 like that on 13.33 (0.7998).
def test_a_discount_follows_the_documents_way_of_rounding():
    lines = [LineIn(quantity=D(1), unit_price=D("13.60"), tax=TaxKey(TaxCategory.standard, D("0.06")))] * 9
    priced = money.price(lines, Options(currency="EUR", tax_rounding=TaxRounding.per_line))
    found = money.cash_discount(priced, D(2), CashDiscountTax.early)
    assert (str(found.early_taxes[0]), str(found.early), str(found.late)) == ("7.20", "127.15", "129.78")


@pytest.mark.parametrize("percent", ["-0.01", "100.01", "NaN", "0.0000001"])
def test_impossible_percentages_are_refused(percent):
    priced = money.price(HUNDRED_AT_21, Options(currency="EUR"))
    for mode in CashDiscountTax:
        with pytest.raises(DomainError) as refused:
            money.cash_discount(priced, D(percent), mode)
        assert refused.value.field == "percent"


def test_an_empty_document_has_nothing_to_discount():
    found = money.cash_discount(money.price([], Options(currency="EUR")), D(2), CashDiscountTax.always)
    assert (str(found.early), str(found.late), found.early_taxes) == ("0.00", "0.00", ())


keys = st.sampled_from(
    [TaxKey(TaxCategory.standard, D("0.21")), TaxKey(TaxCategory.standard, D("0.09")), TaxKey(TaxCategory.exempt)]
)
lines_in = st.lists(
    st.builds(LineIn, quantity=st.integers(1, 20).map(D), unit_price=st.decimals("0.01", 900, places=2), tax=keys),
    min_size=1,
    max_size=8,
)
options_in = st.builds(
    Options,
    currency=st.sampled_from(["EUR", "JPY"]),
    prices_include_tax=st.booleans(),
    tax_rounding=st.sampled_from(TaxRounding),
)


@steady
@given(lines_in, options_in, st.decimals(0, 100, places=2), st.sampled_from(CashDiscountTax))
def test_paying_early_is_paying_a_document_with_that_discount(lines, options, percent, mode):
    priced = money.price(lines, options)
    found = money.cash_discount(priced, percent, mode)
    total = priced.gross if options.prices_include_tax else priced.net
    off = money.percent_of(total, percent, options.currency)
    reduced = money.price(lines, replace(options, discount=off))
    if mode is CashDiscountTax.never:
        assert found.early == priced.gross - money.percent_of(priced.net, percent, options.currency)
    else:
        assert found.early == reduced.gross
        assert found.early_taxes == tuple(group.tax for group in reduced.groups)
    assert found.late == priced.net + sum(found.late_taxes)
    assert found.late == (priced.net + reduced.tax if mode is CashDiscountTax.always else priced.gross)
