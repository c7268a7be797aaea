"""Numbers as people type and read them in four languages, and as machines exchange them."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import money
from app.errors import DomainError

D = Decimal
steady = settings(derandomize=True, database=None, deadline=None, max_examples=120)
LANGUAGES = ["en", "ru", "hy", "nl"]


@pytest.mark.parametrize(
    ("language", "text", "number"),
    [
        ("en", "1,234.56", "1234.56"),
        ("en", "1234.56", "1234.56"),
        ("en", "1,234", "1234"),
        ("en", "1,234,567", "1234567"),
        ("en", ".5", "0.5"),
        ("en", "0.123", "0.123"),
        ("en", "007", "7"),
        ("en", "+5", "5"),
        ("en", "-0", "0"),
        ("en", "\u22121,234.5", "-1234.5"),
        ("en", "  12.50\t", "12.50"),
        ("nl", "1.234", "1234"),
        ("nl", "1.234,56", "1234.56"),
        ("nl", "1234,56", "1234.56"),
        ("nl", "-1,5", "-1.5"),
        ("nl", ",5", "0.5"),
        ("ru", "1 234,56", "1234.56"),
        ("ru", "1\u00a0234\u00a0567,891", "1234567.891"),
        ("ru", "1\u202f234,56", "1234.56"),
        ("ru", "1\u2009234,56", "1234.56"),
        ("ru", "1234,5", "1234.5"),
        ("ru", "\u221212,5", "-12.5"),
        ("hy", "1 234,56", "1234.56"),
        ("hy", "1\u00a0234,56", "1234.56"),
        ("hy", "1\u202f234 567", "1234567"),
        ("hy", "1000", "1000"),
    ],
)
def test_a_number_is_read_as_its_language_writes_it(language, text, number):
    assert str(money.parse_decimal(text, language)) == number


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "1,5"),
        ("en", "1,23"),
        ("en", "1,2345"),
        ("en", "0,123"),
        ("en", "12,34,567"),
        ("en", "1234,567"),
        ("en", "1.234,56"),
        ("en", "1 234.56"),
        ("en", "1.2.3"),
        ("nl", "1.23"),
        ("nl", "1234.5"),
        ("nl", "0.123"),
        ("nl", "1,234.56"),
        ("nl", ".5"),
        ("ru", "1234.5"),
        ("ru", "1.234"),
        ("ru", "1,234,567"),
        ("ru", "1  234"),
        ("ru", "12 34,5"),
        ("ru", "1'234,5"),
        ("hy", "1234.5"),
        ("hy", "1 23"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(language, text):
    with pytest.raises(DomainError, match="is not a number here"):
        money.parse_decimal(text, language)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "text",
    ["", " ", "abc", "NaN", "Infinity", "-inf", "1e5", "1E+5", "--1", "- 1", "1-", "(5)", "-", ",", ".", "5,", "5.",
     "€5", "5 %", "0x10", "1_000", "\u0661\u0662", "\uff11", "²", "1\n2", "9" * 41],
)  # fmt: skip
def test_what_is_no_number_is_refused_in_every_language(language, text):
    with pytest.raises(DomainError, match="is not a number here") as refused:
        money.parse_decimal(text, language, field="unit_price")
    assert refused.value.field == "unit_price"


@pytest.mark.parametrize(
    ("language", "example"),
    [("en", "1,234.56"), ("nl", "1.234,56"), ("ru", "1\u00a0234,56"), ("hy", "1\u00a0234,56")],
)
def test_the_refusal_shows_how_to_write_it_and_not_a_whole_novel(language, example):
    with pytest.raises(DomainError) as refused:
        money.parse_decimal("x" * 1000, language)
    assert str(refused.value) == f"“{'x' * 24}…” is not a number here; write it for example as {example}"


def test_an_unknown_language_is_a_mistake_of_the_program():
    with pytest.raises(ValueError, match="no such language: de"):
        money.parse_decimal("1", "de")


@pytest.mark.parametrize(
    ("number", "least", "language", "text"),
    [
        ("1234.50", 0, "en", "1,234.5"),
        ("1234.50", 2, "nl", "1.234,50"),
        ("1234.123456", 2, "nl", "1.234,123456"),
        ("1000", 0, "ru", "1\u00a0000"),
        ("1E+3", 0, "hy", "1\u00a0000"),
        ("-0.00", 2, "en", "0.00"),
        ("-1234567.125", 0, "hy", "-1\u00a0234\u00a0567,125"),
        ("123456789012.123456", 0, "en", "123,456,789,012.123456"),
    ],
)
def test_a_number_is_written_as_its_language_reads_it(number, least, language, text):
    assert money.format_decimal(D(number), language, least=least) == text


# Source: CLDR's patterns; a code in front of digits keeps a space, as CLDR's currency spacing asks.
@pytest.mark.parametrize(
    ("amount", "currency", "language", "text"),
    [
        ("1234.5", "EUR", "en", "€1,234.50"),
        ("-1234.5", "EUR", "en", "-€1,234.50"),
        ("1234.5", "EUR", "nl", "€\u00a01.234,50"),
        ("-1234.5", "EUR", "nl", "€\u00a0-1.234,50"),
        ("1234.5", "RUB", "ru", "1\u00a0234,50\u00a0₽"),
        ("1234.5", "AMD", "hy", "1\u00a0234,50\u00a0֏"),
        ("1234.5", "AMD", "en", "AMD\u00a01,234.50"),
        ("-1234.5", "AMD", "en", "-AMD\u00a01,234.50"),
        ("1234.5", "AMD", "nl", "AMD\u00a01.234,50"),
        ("1234", "JPY", "en", "¥1,234"),
        ("2.345", "EUR", "en", "€2.35"),  # half to even would print 2.34
        ("0.125", "EUR", "ru", "0,13\u00a0€"),
    ],
)
def test_money_is_written_with_its_symbol(amount, currency, language, text):
    assert money.format_money(D(amount), currency, language) == text


@pytest.mark.parametrize(
    ("number", "currency", "text"),
    [
        ("100", "EUR", "100.00"),
        ("15.4500", "EUR", "15.45"),
        ("15.4567", "EUR", "15.4567"),  # writing never loses a digit
        ("100.0000", "JPY", "100"),
        ("1E+2", "JPY", "100"),
        ("-0.00", "EUR", "0.00"),
        ("2.500000", None, "2.5"),
        ("100.000000", None, "100"),
        ("1E-6", None, "0.000001"),
        ("1E+3", None, "1000"),
        ("-0", None, "0"),
        ("0.0000", None, "0"),
        ("-3.10", None, "-3.1"),
        ("123456789012345678.123456", None, "123456789012345678.123456"),
    ],
)
def test_machines_read_plain_numbers(number, currency, text):
    assert money.plain(D(number), currency) == text


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_not_written(number):
    with pytest.raises(ValueError, match="not a number"):
        money.plain(D(number))


numbers_in = st.decimals(-(10**12), 10**12, places=6)


@steady
@given(numbers_in, st.sampled_from(LANGUAGES), st.integers(0, 4))
def test_what_is_written_is_read_back(number, language, least):
    assert money.parse_decimal(money.format_decimal(number, language, least=least), language) == number


@steady
@given(numbers_in, st.sampled_from([None, "EUR", "JPY", "BHD"]))
def test_plain_numbers_lose_nothing_and_have_no_exponent(number, currency):
    text = money.plain(number, currency)
    assert D(text) == number
    assert set(text) <= set("-.0123456789")


# Typed at random from the characters of numbers: read exactly as the other marks say, or refused.
@settings(steady, max_examples=600)
@given(st.text("01259.,  -\u00a0", max_size=12), st.sampled_from(LANGUAGES))
def test_whatever_is_typed_is_one_number_or_refused(text, language):
    mark, group = {"en": (".", ","), "nl": (",", ".")}.get(language, (",", "\u00a0"))
    try:
        number = money.parse_decimal(text, language)
    except DomainError:
        return
    bare = text.strip()
    if language in {"ru", "hy"}:
        bare = bare.replace(" ", group)
    whole, _, part = bare.lstrip("-").partition(mark)
    groups = whole.split(group)
    assert all(len(piece) == 3 for piece in groups[1:])
    assert number == D(("-" if "-" in bare else "") + ("".join(groups) or "0") + "." + (part or "0"))
