"""Prices of documents: golden numbers worked by hand, and identities that hold for any document."""

from dataclasses import replace
from decimal import ROUND_CEILING, Context, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app import money
from app.errors import DomainError, Refusals
from app.money import LineIn, Options, TaxCategory, TaxKey, TaxRounding

D = Decimal
steady = settings(derandomize=True, database=None, deadline=None, max_examples=120)

S21, S9 = TaxKey(TaxCategory.standard, D("0.21")), TaxKey(TaxCategory.standard, D("0.09"))
EXEMPT = TaxKey(TaxCategory.exempt)
KEYS = [
    S21,
    S9,
    EXEMPT,
    TaxKey(TaxCategory.zero_rated),
    TaxKey(TaxCategory.standard, D("0.2")),
    TaxKey(TaxCategory.standard, D("0.0725")),
]


def at(rate, *prices, quantity="1", discount="0"):
    """Lines of one piece each under the standard category."""
    key = TaxKey(TaxCategory.standard, D(rate))
    return [
        LineIn(quantity=D(quantity), unit_price=D(price), discount_percent=D(discount), tax=key) for price in prices
    ]


def euros(**more):
    return Options(currency="EUR", **more)


def half_up(number: Fraction, digits: int) -> Fraction:
    """Round a fraction half up, away from zero: an independent way to the same number."""
    scaled = abs(number) * 10**digits
    whole = scaled.numerator // scaled.denominator + (scaled % 1 >= Fraction(1, 2))
    return Fraction(whole if number >= 0 else -whole, 10**digits)


# Golden numbers. Source: the product's rules, each worked out beside it; rounding per group is EN 16931 BR-CO-17.


# 9 * 13.60 = 122.40; * 0.06 = 7.344 on the total; 13.60 * 0.06 = 0.816, nine times 0.82 is 7.38.
@pytest.mark.parametrize(
    ("rounding", "tax", "gross"), [("per_group", "7.34", "129.74"), ("per_line", "7.38", "129.78")]
)
def test_nine_lines_of_13_60_at_6_percent(rounding, tax, gross):
    priced = money.price(at("0.06", *["13.60"] * 9), euros(tax_rounding=TaxRounding(rounding)))
    assert (str(priced.net), str(priced.tax), str(priced.gross)) == ("122.40", tax, gross)
    assert sum(line.tax for line in priced.lines) == D(tax)
    assert sum(line.gross for line in priced.lines) == D(gross)


# Nine shares of 7.34: 0.81 each makes 7.29, and the first five carry the odd cents.
def test_printed_taxes_add_up_to_the_tax_on_the_total():
    priced = money.price(at("0.06", *["13.60"] * 9), euros())
    assert [str(line.tax) for line in priced.lines] == ["0.82"] * 5 + ["0.81"] * 4


# 66.66 * 0.23 = 15.3318; 55.55 * 0.23 = 12.7765 and 11.11 * 0.23 = 2.5553, rounded 12.78 + 2.56.
@pytest.mark.parametrize(("rounding", "tax"), [("per_group", "15.33"), ("per_line", "15.34")])
def test_two_lines_at_23_percent(rounding, tax):
    priced = money.price(at("0.23", "55.55", "11.11"), euros(tax_rounding=TaxRounding(rounding)))
    assert str(priced.tax) == tax
    assert sum(line.tax for line in priced.lines) == D(tax)


# 16 * 348.35 = 5573.60; less 4 % = 5350.656, rounded once (a price rounded first, 334.42, would give 5350.72);
# tax 5350.66 * 0.22 = 1177.1452.
def test_a_discounted_line_is_rounded_once():
    priced = money.price(at("0.22", "348.35", quantity="16", discount="4"), euros())
    (line,) = priced.lines
    assert (str(line.full), str(line.discount), str(line.net)) == ("5573.60", "222.94", "5350.66")
    assert (str(priced.tax), str(priced.gross)) == ("1177.15", "6527.81")


# 1800 * 0.30 / 1.30 = 415.3846…; the lines' exact shares 230.769… and 184.615…: the odd cent goes to the first.
def test_included_prices_are_kept():
    priced = money.price(at("0.3", "1000", "800"), euros(prices_include_tax=True))
    assert (str(priced.tax), str(priced.net), str(priced.gross)) == ("415.38", "1384.62", "1800.00")
    assert [(str(li.net), str(li.tax), str(li.gross)) for li in priced.lines] == [
        ("769.23", "230.77", "1000.00"),
        ("615.39", "184.61", "800.00"),
    ]


# A discount of 10.00 over 100.00 at 21 % and 50.00 at 9 %: 6.67 and 3.33; bases 93.33 and 46.67;
# taxes 19.5993 and 4.2003.
def test_a_document_discount_is_split_over_the_groups():
    lines = [
        LineIn(quantity=D(1), unit_price=D(50), tax=S9),
        LineIn(quantity=D(4), unit_price=D(25), tax=S21),
    ]
    priced = money.price(lines, euros(discount=D("10.00")))
    assert [(g.rate, str(g.discount), str(g.base), str(g.tax), str(g.gross)) for g in priced.groups] == [
        (D("0.21"), "6.67", "93.33", "19.60", "112.93"),
        (D("0.09"), "3.33", "46.67", "4.20", "50.87"),
    ]
    assert (priced.discount, priced.net, priced.tax, priced.gross) == (D("10.00"), D("140.00"), D("23.80"), D("163.80"))


# Two lines of 0.03 with 0.005 (or 0.006) tax in each: 0.01 twice, but what is free is taxed with nothing.
@pytest.mark.parametrize("included", [True, False])
def test_a_discount_of_everything_leaves_no_tax_on_lines_taxed_one_by_one(included):
    options = euros(prices_include_tax=included, tax_rounding=TaxRounding.per_line, discount=D("0.06"))
    priced = money.price(at("0.2", "0.03", "0.03"), options)
    assert [str(line.tax) for line in priced.lines] == ["0.01", "0.01"]
    assert (str(priced.net), str(priced.tax), str(priced.gross)) == ("0.00", "0.00", "0.00")


# Of 0.06 with tax the lines state 0.04 net: the discount takes that off, and 1.20 with tax stay a charge of 1.00.
def test_a_charge_keeps_its_own_tax_beside_a_discount():
    options = euros(
        prices_include_tax=True, tax_rounding=TaxRounding.per_line, discount=D("0.06"), charge=D("1.20")
    )  # fmt: skip
    priced = money.price(at("0.2", "0.03", "0.03"), options)
    assert (str(priced.discount), str(priced.charge), str(priced.tax)) == ("0.04", "1.00", "0.20")


# A tenth of 9 * 13.60 is 12.24: 1.36 off every line; 12.24 * 0.06 = 0.7344, and 0.73 * 9 = 6.57.
def test_a_discount_lowers_every_line_that_is_taxed_alone():
    options = euros(tax_rounding=TaxRounding.per_line, discount=D("12.24"))
    priced = money.price(at("0.06", *["13.60"] * 9), options)
    assert (str(priced.net), str(priced.tax), str(priced.gross)) == ("110.16", "6.57", "116.73")


# Yen have no decimals: 3 * 33.5 = 100.5 is 101; tax 10.1 is 10.
def test_a_currency_without_decimals():
    priced = money.price(at("0.1", "33.5", quantity="3"), Options(currency="JPY"))
    assert (str(priced.net), str(priced.tax), str(priced.gross)) == ("101", "10", "111")


# 19.60 and 4.20 at 423.45: 23.80 * 423.45 = 10078.11; 8299.62 and 1778.49.
def test_tax_is_stated_in_the_organisations_currency():
    lines = [
        LineIn(quantity=D(1), unit_price=D("93.33"), tax=S21),
        LineIn(quantity=D(1), unit_price=D("46.67"), tax=S9),
    ]
    stated = money.taxes_in(money.price(lines, euros()), D("423.45"), "AMD")
    assert [str(tax) for tax in stated] == ["8299.62", "1778.49"]


def test_an_empty_draft_comes_to_nothing():
    priced = money.price([], euros())
    assert (priced.lines, priced.groups, str(priced.net), str(priced.tax), str(priced.gross)) == (
        (), (), "0.00", "0.00", "0.00",
    )  # fmt: skip


def test_freight_on_free_samples_is_charged():
    priced = money.price(at("0.21", "0"), euros(charge=D("5.00")))
    assert (str(priced.charge), str(priced.net), str(priced.tax)) == ("5.00", "5.00", "1.05")


def test_returned_goods_do_not_bear_the_discount_of_the_others():
    lines = [
        LineIn(quantity=D(1), unit_price=D(100), tax=S21),
        LineIn(quantity=D(-1), unit_price=D(90), tax=S9),
    ]
    priced = money.price(lines, euros(discount=D("5.00"), returns=True))
    assert [str(group.discount) for group in priced.groups] == ["5.00", "0.00"]
    assert (str(priced.net), str(priced.tax)) == ("5.00", "11.85")


# Exactly 8444528425554.71499999999999999999; Python's usual 28 digits would make a tie of it, and a cent too much.
def test_large_products_lose_no_digit():
    priced = money.price(at("0.2", "10.000019", quantity="844451246542.631579", discount="0.000001"), euros())
    assert str(priced.net) == "8444528425554.71"


# Refusals.


def refused(lines, options):
    with pytest.raises(Refusals) as caught:
        money.price(lines, options)
    return caught.value


@pytest.mark.parametrize(
    ("changes", "field", "text"),
    [
        ({"quantity": D(0)}, "quantity", "cannot be zero"),
        ({"quantity": D("-1")}, "quantity", "above zero"),
        ({"quantity": D("0.0000001")}, "quantity", "At most 6 decimals"),
        ({"quantity": D("1000000000000")}, "quantity", "too large"),
        ({"quantity": D("NaN")}, "quantity", "not a number"),
        ({"unit_price": D("-0.01")}, "unit_price", "less than zero"),
        ({"unit_price": D("1.2345678")}, "unit_price", "At most 6 decimals"),
        ({"unit_price": D("1E+12")}, "unit_price", "too large"),
        ({"discount_percent": D("-1")}, "discount_percent", "between 0 and 100"),
        ({"discount_percent": D("100.01")}, "discount_percent", "between 0 and 100"),
        ({"tax": TaxKey(TaxCategory.standard, D("1.01"))}, "tax", "between 0 and 100"),
        ({"tax": TaxKey(TaxCategory.standard, D("-0.1"))}, "tax", "between 0 and 100"),
        ({"tax": TaxKey(TaxCategory.standard)}, "tax", "Only the standard category"),
        ({"tax": TaxKey(TaxCategory.exempt, D("0.2"))}, "tax", "Only the standard category"),
    ],
)
def test_a_wrong_line_is_refused_at_its_field(changes, field, text):
    good = LineIn(quantity=D(1), unit_price=D(1), tax=S21)
    refusal = refused([good, replace(good, **changes)], euros())
    assert list(refusal.errors) == [f"lines-1-{field}"]
    assert refusal.field == f"lines-1-{field}"
    assert text in refusal.errors[f"lines-1-{field}"][0]


def test_all_refusals_come_at_once():
    bad = LineIn(quantity=D(0), unit_price=D(-1), tax=S21)
    assert list(refused([bad, bad], euros()).errors) == [
        "lines-0-quantity", "lines-0-unit_price", "lines-1-quantity", "lines-1-unit_price",
    ]  # fmt: skip


def test_a_line_or_a_total_beyond_the_range_is_refused():
    with pytest.raises(DomainError, match="too large") as caught:
        money.price(at("0.2", "1000000", "100000000.01", quantity="1000000"), euros())
    assert caught.value.field == "lines-1-quantity"
    with pytest.raises(DomainError, match="too large"):
        money.price(at("0.2", *["60000000"] * 2, quantity="1000000"), euros())


@pytest.mark.parametrize(
    ("options", "field", "text"),
    [
        ({"discount": D("100.01")}, "discount", "more than the lines"),
        ({"discount": D("-1")}, "discount", "less than zero"),
        ({"charge": D("-1")}, "charge", "less than zero"),
        ({"charge": D("0.001")}, "charge", "At most 2 decimals"),
        ({"discount": D("1"), "currency": "QQQ"}, "currency", "not a currency"),
    ],
)
def test_a_wrong_document_is_refused_at_its_field(options, field, text):
    with pytest.raises(DomainError, match=text) as caught:
        money.price(at("0.21", "100.00"), replace(euros(), **options))
    assert caught.value.field == field


def test_a_discount_or_charge_needs_something_to_be_split_over():
    with pytest.raises(DomainError, match="more than the lines"):
        money.price([], euros(discount=D("1.00")))
    with pytest.raises(DomainError, match="nothing to split"):
        money.price([], euros(charge=D("1.00")))
    free = [LineIn(quantity=D(1), unit_price=D(0), tax=key) for key in (S21, S9)]
    with pytest.raises(DomainError, match="nothing to split"):
        money.price(free, euros(charge=D("1.00")))


@pytest.mark.parametrize("field", ["quantity", "unit_price", "discount_percent"])
def test_floats_are_refused(field):
    line = LineIn(quantity=D(1), unit_price=D(1), tax=S21)
    with pytest.raises(TypeError, match="an exact number is a Decimal"):
        money.price([replace(line, **{field: 0.5})], euros())
    with pytest.raises(TypeError, match="an exact number is a Decimal"):
        money.price([replace(line, tax=TaxKey(TaxCategory.standard, 0.21))], euros())
    with pytest.raises(TypeError, match="an exact number is a Decimal"):
        money.price([line], euros(discount=0.5))


# Identities.

lines_in = st.lists(
    st.builds(
        LineIn,
        quantity=st.decimals("0.001", 5000, places=3).filter(bool),
        unit_price=st.one_of(st.decimals(0, 5000, places=2), st.decimals(0, 50, places=6)),
        discount_percent=st.sampled_from([D(0), D(0), D(4), D("12.5"), D("33.333333"), D(100)]),
        tax=st.sampled_from(KEYS),
    ),
    min_size=1,
    max_size=12,
)
options_in = st.builds(
    Options,
    currency=st.sampled_from(["EUR", "AMD", "JPY", "BHD"]),
    prices_include_tax=st.booleans(),
    tax_rounding=st.sampled_from(TaxRounding),
)
parts_in = st.sampled_from([D(0), D("0.001"), D("0.1"), D("0.5"), D(1)])


def with_document_amounts(lines, options, discount, charge):
    """Take and add a part of what the lines come to; None when there is nothing to take it from."""
    bare = money.price(lines, options)
    total = bare.gross if options.prices_include_tax else bare.net
    if not total:
        return options
    share = [money.quantize(total * part, options.currency) for part in (discount, charge)]
    return replace(options, discount=share[0], charge=share[1])


@steady
@given(lines_in, options_in, parts_in, parts_in)
def test_every_sum_of_a_document_holds(lines, options, discount, charge):
    options = with_document_amounts(lines, options, discount, charge)
    priced = money.price(lines, options)
    digits = money.digits(options.currency)
    assert priced.net + priced.tax == priced.gross
    assert sum(group.base for group in priced.groups) == priced.net
    assert sum(group.tax for group in priced.groups) == priced.tax
    assert sum(line.net for line in priced.lines) - priced.discount + priced.charge == priced.net
    for line, given_line in zip(priced.lines, lines, strict=True):
        assert line.net + line.tax == line.gross
        agreed = line.gross if options.prices_include_tax else line.net
        exact = Fraction(given_line.quantity) * Fraction(given_line.unit_price)
        exact *= 1 - Fraction(given_line.discount_percent) / 100
        assert Fraction(agreed) == half_up(exact, digits)
        assert line.full - line.discount == agreed
    for group in priced.groups:
        own = [line for line in priced.lines if line.tax_key == group.tax_key]
        assert sum(line.net for line in own) - group.discount + group.charge == group.base
        assert sum(group.parts) == (group.gross if options.prices_include_tax else group.base)
        assert min(group.base, group.tax, *group.parts) >= 0
    agreed = priced.gross if options.prices_include_tax else priced.net
    kept = sum(line.full - line.discount for line in priced.lines)
    assert agreed == kept - options.discount + options.charge
    assert all(
        -number.as_tuple().exponent == digits
        for number in (priced.net, priced.tax, priced.gross, *(line.tax for line in priced.lines))
    )


@steady
@given(lines_in, options_in, parts_in, parts_in)
def test_tax_is_rounded_once_per_group_or_on_every_line(lines, options, discount, charge):
    options = with_document_amounts(lines, options, discount, charge)
    priced = money.price(lines, options)
    digits = money.digits(options.currency)
    for group in priced.groups:
        rate = Fraction(group.rate)
        of = rate / (1 + rate) if options.prices_include_tax else rate
        own = [line for line in priced.lines if line.tax_key == group.tax_key]
        if options.tax_rounding is TaxRounding.per_group:
            agreed = group.gross if options.prices_include_tax else group.base
            assert Fraction(group.tax) == half_up(Fraction(agreed) * of, digits)
        else:
            for line in own:
                assert Fraction(line.tax) == half_up(Fraction(line.full - line.discount) * of, digits)
        if not options.discount and not options.charge:
            assert sum(line.tax for line in own) == group.tax
        for line in own:  # the printed tax of a line is never a whole step away from its exact tax
            assert abs(Fraction(line.tax) - Fraction(line.full - line.discount) * of) < Fraction(1, 10**digits)


@steady
@given(lines_in, options_in, parts_in, parts_in)
def test_a_full_credit_mirrors_the_document_line_by_line(lines, options, discount, charge):
    options = with_document_amounts(lines, options, discount, charge)
    priced = money.price(lines, options)
    back = money.price(
        [replace(line, quantity=-line.quantity) for line in lines],
        replace(options, discount=-options.discount, charge=-options.charge, returns=True),
    )
    assert (back.net, back.tax, back.gross) == (-priced.net, -priced.tax, -priced.gross)
    assert [(li.net, li.tax) for li in back.lines] == [(-li.net, -li.tax) for li in priced.lines]
    assert [(g.base, g.tax, g.discount) for g in back.groups] == [(-g.base, -g.tax, -g.discount) for g in priced.groups]


@steady
@given(st.data(), lines_in, options_in, parts_in)
def test_totals_do_not_depend_on_the_order_of_lines_nor_on_the_decimal_context(data, lines, options, discount):
    options = with_document_amounts(lines, options, discount, D(0))
    priced = money.price(lines, options)
    shuffled = money.price(data.draw(st.permutations(lines)), options)
    assert [replace(g, parts=sorted(g.parts)) for g in shuffled.groups] == [
        replace(g, parts=sorted(g.parts)) for g in priced.groups
    ]
    assert (shuffled.net, shuffled.tax, shuffled.gross) == (priced.net, priced.tax, priced.gross)
    with localcontext(Context(prec=4, rounding=ROUND_CEILING)):
        assert money.price(lines, options) == priced


@steady
@given(lines_in, st.sampled_from(["EUR", "JPY"]), st.booleans(), st.sampled_from(TaxRounding), parts_in, parts_in)
def test_the_norms_totals_hold_exactly(lines, currency, included, rounding, discount, charge):
    options = Options(currency=currency, prices_include_tax=included, tax_rounding=rounding)
    priced = money.price(lines, with_document_amounts(lines, options, discount, charge))
    prepaid = money.quantize(priced.gross / 3, currency)
    en = money.en_totals(priced, prepaid)
    assert en.lines == sum(line.net for line in priced.lines)  # BR-CO-10
    assert en.allowances == sum(group.discount for group in priced.groups)  # BR-CO-11
    assert en.charges == sum(group.charge for group in priced.groups)  # BR-CO-12
    assert en.without_tax == en.lines - en.allowances + en.charges  # BR-CO-13
    assert en.tax == sum(row.tax for row in en.breakdown)  # BR-CO-14
    assert en.with_tax == en.without_tax + en.tax  # BR-CO-15
    assert en.payable == en.with_tax - en.prepaid + en.rounding  # BR-CO-16
    for row in en.breakdown:  # BR-CO-17
        assert Fraction(row.tax) == half_up(Fraction(row.base) * Fraction(row.rate), money.digits(currency))
    assert en.payable == priced.gross - prepaid
    if rounding is TaxRounding.per_group and not included:
        assert (en.rounding, en.tax) == (0, priced.tax)


# 7.38 printed, 7.34 by the norm: the buyer still owes 129.78.
def test_tax_per_line_leaves_a_rounding_amount_in_the_norm():
    priced = money.price(at("0.06", *["13.60"] * 9), euros(tax_rounding=TaxRounding.per_line))
    en = money.en_totals(priced, D("100.00"))
    assert (str(en.tax), str(en.with_tax), str(en.rounding), str(en.payable)) == ("7.34", "129.74", "0.04", "29.78")


# 1384.62 * 0.30 = 415.386: the norm says 415.39, the agreed gross stays 1800.00.
def test_included_prices_leave_a_rounding_amount_in_the_norm():
    en = money.en_totals(money.price(at("0.3", "1000", "800"), euros(prices_include_tax=True)))
    assert (str(en.tax), str(en.with_tax), str(en.rounding), str(en.payable)) == (
        "415.39", "1800.01", "-0.01", "1800.00",
    )  # fmt: skip


def test_the_norm_has_no_place_for_three_decimals():
    with pytest.raises(DomainError, match="more than two decimals"):
        money.en_totals(money.price(at("0.1", "1"), Options(currency="BHD")))


@steady
@given(lines_in, options_in, st.decimals("0.0001", 500, places=4).filter(bool))
def test_taxes_in_another_currency_add_up(lines, options, rate):
    priced = money.price(lines, options)
    stated = money.taxes_in(priced, rate, "RUB")
    assume(priced.groups)
    assert sum(stated) == money.in_currency(priced.tax, rate, "RUB")
    for tax, group in zip(stated, priced.groups, strict=True):
        assert abs(tax - group.tax * rate) < D("0.01")
