"""Taxes: the presets of three countries, the one that holds on a day, used ones that are only ended."""

from datetime import date
from decimal import Decimal

import pytest

from app.errors import DomainError, Refusals
from app.models.tax import Tax
from app.services import tax as taxes

D = Decimal


# Source: the laws named beside the presets; the rates asked for in docs: Russia 22 / 10 / 0 / without / 5 / 7 and 20
# until 2025-12-31, Armenia 20 / 0 / exempt, the Netherlands 21 / 9 / 0 / reverse charge / KOR.
@pytest.mark.parametrize(
    ("country", "day", "rates"),
    [
        ("RU", date(2025, 12, 31), ["0.2", "0.1", "0.07", "0.05", "0", "0"]),
        ("RU", date(2026, 1, 1), ["0.22", "0.1", "0.07", "0.05", "0", "0"]),
        ("RU", date(2024, 12, 31), ["0.2", "0.1", "0", "0"]),
        ("AM", date(2026, 1, 1), ["0.2", "0", "0"]),
        ("NL", date(2026, 1, 1), ["0.21", "0.09", "0", "0", "0", "0", "0", "0"]),
        ("NL", date(2018, 12, 31), ["0.21", "0", "0", "0", "0", "0", "0"]),
    ],
)
def test_the_taxes_of_a_country_on_a_day(session, country, day, rates):
    taxes.make_presets(session, country)
    assert [tax.rate for tax in session.scalars(taxes.on(day, country))] == [D(rate) for rate in rates]


def test_presets_are_made_once(session):
    first = taxes.make_presets(session, "RU")
    assert taxes.make_presets(session, "RU") == first
    assert len(first) == 7
    assert taxes.make_presets(session, "FR") == []


def test_the_rate_is_chosen_by_the_day(session):
    old, new = (tax for tax in taxes.make_presets(session, "RU") if tax.code == "standard")
    assert (old.rate, new.rate) == (D("0.20"), D("0.22"))
    assert taxes.rate_on(session, old, day=date(2025, 12, 31)) is old
    assert taxes.rate_on(session, old, day=date(2026, 1, 1)) is new
    assert taxes.rate_on(session, new, day=date(2025, 6, 1)) is old
    assert taxes.rate_on(session, old, day=date(2018, 1, 1)) is None


@pytest.mark.parametrize(
    ("values", "errors"),
    [
        ({"name": ""}, {"name": ["A tax needs a name"]}),
        ({"country": "Nederland"}, {"country": ["“Nederland” is no country code; two letters like NL are"]}),
        ({"rate": D("1.01")}, {"rate": ["A tax rate is between 0 and 100 percent"]}),
        ({"rate": D(0)}, {"rate": ["Only the standard category has a tax rate, and it must be above zero"]}),
        ({"category": "Z"}, {"rate": ["Only the standard category has a tax rate, and it must be above zero"]}),
        (
            {"category": "E", "rate": D(0)},
            {"exemption_text": ["Say why no tax is charged: documents must state it"]},
        ),
        (
            {"valid_from": date(2026, 2, 1), "valid_until": date(2026, 1, 1)},
            {"valid_until": ["The last day is before the first"]},
        ),
    ],
)
def test_taxes_that_are_refused(session, values, errors):
    tax = Tax(**{"name": "VAT", "country": "NL", "code": "x", "category": "S", "rate": D("0.21")} | values)
    with pytest.raises(Refusals) as caught:
        taxes.save(session, tax)
    assert caught.value.errors == errors
    assert tax not in session


def test_two_rates_of_one_tax_do_not_hold_on_the_same_day(session, made):
    made.tax()
    with pytest.raises(Refusals) as caught:
        taxes.save(session, Tax(name="Btw 22 %", country="NL", code="standard", rate=D("0.22")))
    assert caught.value.errors == {"valid_from": ["“Btw 21 %” holds on some of these days already"]}


def test_a_used_tax_is_ended_and_replaced_not_edited(session, made):
    tax = made.tax()
    made.order()
    tax.rate = D("0.22")
    with pytest.raises(Refusals) as caught:
        taxes.save(session, tax)
    assert caught.value.errors == {"rate": ["This tax stands on documents; end it and make a new one"]}
    session.refresh(tax)
    with pytest.raises(DomainError, match="stands on documents"):
        taxes.remove(session, tax)
    new = taxes.replace(session, tax, name="Btw 22 %", rate=D("0.22"), on=date(2027, 1, 1))
    session.flush()
    assert (tax.rate, tax.valid_until, new.valid_from) == (D("0.21"), date(2026, 12, 31), date(2027, 1, 1))
    assert taxes.rate_on(session, tax, day=date(2027, 1, 1)) is new
    tax.name = "Btw hoog"
    taxes.save(session, tax)  # what documents do not quote by the row may still change


def test_an_unused_tax_may_be_edited_and_deleted(session, made):
    tax = made.tax("reduced")
    tax.rate = D("0.10")
    taxes.save(session, tax)
    taxes.remove(session, tax)
    assert tax.rate == D("0.10")


def test_a_tax_does_not_end_before_it_begins(session, made):
    tax = made.tax()
    with pytest.raises(DomainError) as caught:
        taxes.end(session, tax, on=date(2012, 9, 30))
    assert (caught.value.field, tax.valid_until) == ("on", None)
