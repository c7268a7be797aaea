"""Rounding, splitting, instalments and conversion of amounts."""

from decimal import ROUND_CEILING, Context, Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import money
from app.errors import DomainError

D = Decimal
steady = settings(derandomize=True, database=None, deadline=None, max_examples=150)
currencies = st.sampled_from(["EUR", "JPY", "AMD", "BHD"])


def amounts(currency, least=-(10**11), most=10**11):
    return st.integers(least, most).map(lambda n: n * money.step(currency))


# Source: CLDR supplemental data; EUR, JPY, AMD also stand in the rules of the product.
@pytest.mark.parametrize(
    ("currency", "digits", "step"),
    [("EUR", 2, "0.01"), ("JPY", 0, "1"), ("AMD", 2, "0.01"), ("RUB", 2, "0.01"), ("BHD", 3, "0.001")],
)
def test_digits_and_step_are_those_of_the_currency(currency, digits, step):
    assert (money.digits(currency), str(money.step(currency))) == (digits, step)


@pytest.mark.parametrize("code", ["", "eur", "EURO", "ZZZ", "€"])
def test_what_is_no_currency_code_is_refused(code):
    with pytest.raises(DomainError, match="not a currency code") as refused:
        money.digits(code)
    assert refused.value.field == "currency"


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [
        ("15.445", "EUR", "15.45"),  # half to even would give 15.44
        ("-15.445", "EUR", "-15.45"),  # half towards plus infinity would give -15.44
        ("10.005", "EUR", "10.01"),
        ("2.5", "JPY", "3"),
        ("-0.5", "JPY", "-1"),
        ("0.0049999999999", "EUR", "0.00"),
        ("-0.004", "EUR", "0.00"),  # and no minus zero
        ("1.0005", "BHD", "1.001"),
        ("5", "EUR", "5.00"),
        ("99999999999999.994", "EUR", "99999999999999.99"),
    ],
)
def test_rounding_is_half_up_away_from_zero(amount, currency, rounded):
    assert str(money.quantize(D(amount), currency)) == rounded


@pytest.mark.parametrize("amount", ["99999999999999.995", "1E+14", "-1E+14", "1E+999999", "NaN", "Infinity", "sNaN"])
def test_what_no_column_can_keep_is_refused(amount):
    with pytest.raises(DomainError):
        money.quantize(D(amount), "EUR")


@pytest.mark.parametrize("number", [1.5, 0.1 + 0.2, "1.5", None, True])
def test_floats_and_texts_are_no_numbers(number):
    for act in (
        lambda: money.quantize(number, "EUR"),
        lambda: money.split(number, 3, "EUR"),
        lambda: money.split(D(1), [D(1), number], "EUR"),
        lambda: money.instalments(number, 3, "EUR"),
        lambda: money.in_currency(D(1), number, "EUR"),
        lambda: money.percent_of(number, D(1), "EUR"),
        lambda: money.plain(number),
    ):
        with pytest.raises(TypeError, match="an exact number is a Decimal"):
            act()


# Source: by hand, 154.45 * 10 / 100 = 15.445, half up.
def test_ten_percent_of_154_45():
    assert str(money.percent_of(D("154.45"), D(10), "EUR")) == "15.45"


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        ("100.00", 3, ["33.34", "33.33", "33.33"]),
        ("-100.00", 3, ["-33.34", "-33.33", "-33.33"]),
        ("0.02", 3, ["0.01", "0.01", "0.00"]),
        # Quotas 0.0666…, 0.0333…: cut 0.06 and 0.03, the odd cent goes to the larger remainder.
        ("0.10", [D(2), D(1)], ["0.07", "0.03"]),
        ("10.00", [D(0), D("1.5"), D("0.5")], ["0.00", "7.50", "2.50"]),
        ("0.00", [D(1), D(2)], ["0.00", "0.00"]),
    ],
)
def test_split_by_largest_remainder(total, weights, parts):
    assert [str(part) for part in money.split(D(total), weights, "EUR")] == parts


@pytest.mark.parametrize("weights", [0, -1, [], [D(0), D(0)], [D(2), D(-1)]])
def test_split_over_nothing_is_refused(weights):
    with pytest.raises(DomainError, match="nothing to split"):
        money.split(D("1.00"), weights, "EUR")


def test_split_refuses_what_is_no_amount_of_the_currency():
    with pytest.raises(DomainError, match="At most 0 decimals"):
        money.split(D("1.5"), 2, "JPY")


@steady
@given(st.data(), currencies, st.lists(st.decimals(0, 10**6, places=4), min_size=1, max_size=12))
def test_split_adds_up_and_is_fair(data, currency, weights):
    total = data.draw(amounts(currency))
    whole = sum(weights)
    if not whole:
        return
    parts = money.split(total, weights, currency)
    assert sum(parts) == total
    assert parts == money.split(total, weights, currency)
    with money.exact():
        for part, weight in zip(parts, weights, strict=True):
            assert abs(part - total * weight / whole) < money.step(currency)
    assert money.split(-total, weights, currency) == [-part for part in parts]


# Source: by hand; the refusal because five cents are fewer than ten payments.
def test_instalments_of_a_hundred_and_of_five_cents():
    assert [str(part) for part in money.instalments(D("100.00"), 3, "EUR")] == ["33.33", "33.33", "33.34"]
    with pytest.raises(DomainError, match="too small") as refused:
        money.instalments(D("0.05"), 10, "EUR")
    assert refused.value.field == "parts"


@pytest.mark.parametrize(
    ("total", "parts", "currency", "expected"),
    [
        ("0.05", 5, "EUR", ["0.01"] * 5),
        ("100", 3, "JPY", ["33", "33", "34"]),
        ("-100.00", 3, "EUR", ["-33.33", "-33.33", "-33.34"]),
        ("7.00", 1, "EUR", ["7.00"]),
        ("0.11", 4, "EUR", ["0.02", "0.03", "0.03", "0.03"]),
    ],
)
def test_instalments(total, parts, currency, expected):
    assert [str(part) for part in money.instalments(D(total), parts, currency)] == expected


@pytest.mark.parametrize(("total", "parts"), [("1.00", 0), ("1.00", -2), ("0.00", 1), ("0.04", 5)])
def test_impossible_instalments_are_refused(total, parts):
    with pytest.raises(DomainError):
        money.instalments(D(total), parts, "EUR")


@steady
@given(st.data(), currencies, st.integers(1, 60))
def test_instalments_differ_by_a_step_at_most_and_grow(data, currency, parts):
    total = data.draw(amounts(currency, least=parts))
    found = money.instalments(total, parts, currency)
    assert (len(found), sum(found), found) == (parts, total, sorted(found))
    assert found[-1] - found[0] in {0, money.step(currency)}


@pytest.mark.parametrize(
    ("amount", "rate", "currency", "converted"),
    [
        ("100.00", "423.4567", "AMD", "42345.67"),
        ("100.00", "163.255", "JPY", "16326"),  # 16325.5
        ("-100.00", "163.255", "JPY", "-16326"),
        ("1.00", "0.0023614589", "EUR", "0.00"),
    ],
)
def test_conversion_rounds_once(amount, rate, currency, converted):
    assert str(money.in_currency(D(amount), D(rate), currency)) == converted


@pytest.mark.parametrize("rate", ["0", "-1", "0.00000000001", "100000000", "NaN"])
def test_impossible_exchange_rates_are_refused(rate):
    with pytest.raises(DomainError) as refused:
        money.in_currency(D(1), D(rate), "EUR")
    assert refused.value.field == "exchange_rate"


def test_the_callers_decimal_context_changes_nothing():
    with localcontext(Context(prec=3, rounding=ROUND_CEILING)):
        assert str(money.quantize(D("12345.674"), "EUR")) == "12345.67"
        assert [str(p) for p in money.split(D("12345.67"), 2, "EUR")] == ["6172.84", "6172.83"]
        assert [str(p) for p in money.instalments(D("12345.67"), 2, "EUR")] == ["6172.83", "6172.84"]
        assert str(money.in_currency(D("12345.67"), D("1.000001"), "EUR")) == "12345.68"
        assert money.parse_decimal("-12,345.6789", "en").as_tuple() == D("-12345.6789").as_tuple()
        assert money.format_money(D("12345.67"), "EUR", "nl") == "€\xa012.345,67"
