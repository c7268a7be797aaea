"""Our own company set up by its country: everything that the first invoice needs, once."""

import pytest
from sqlalchemy import func, select

from app.errors import DomainError, Refusals
from app.models.number_series import NumberSeries
from app.models.organisation import Organisation
from app.models.payment_term import PaymentTerm
from app.models.tax import Tax
from app.models.team import Team
from app.models.unit import Unit
from app.services import invoice as invoices
from app.services import tax as taxes
from app.services import unit as units
from app.services.set_up import own_company

TABLES = (Organisation, NumberSeries, PaymentTerm, Tax, Team, Unit)
ABOUT = {"tax_number": "NL854502130B01", "street": "Keizersgracht 1", "city": "Amsterdam", "postal_code": ""}
BANK = {"iban": "NL91 ABNA 0417 1643 00", "account": None, "bik": None, "bank_name": None}


def counts(session):
    return {table.__tablename__: session.scalar(select(func.count()).select_from(table)) for table in TABLES}


@pytest.mark.parametrize(
    ("country", "name", "usual"),
    [
        ("NL", "Mijn bedrijf", ("EUR", "nl", "Europe/Amsterdam", "30 days")),
        ("ru", "Моя организация", ("RUB", "ru", "Europe/Moscow", "5 days")),
        ("AM", "Իմ կազմակերպությունը", ("AMD", "hy", "Asia/Yerevan", "10 days")),
        ("DE", "My company", ("EUR", "en", "UTC", "30 days")),
    ],
)
def test_a_country_alone_sets_up_what_is_usual_there(app, session, country, name, usual):
    with app.app_context():
        ours = own_company(session, country)
    code = country.upper()
    assert (ours.name, ours.country) == (name, code)
    assert (ours.currency, ours.language, ours.time_zone, ours.payment_term.name) == usual
    assert ours.bank_accounts == []
    made = select(Tax.code, Tax.rate).where(Tax.country == code)
    assert set(session.execute(made).all()) == {(tax.code, tax.rate) for tax in taxes.presets(code)}
    series = select(NumberSeries.kind).where(NumberSeries.organisation_id == ours.id).order_by(NumberSeries.kind)
    assert list(session.scalars(series)) == ["contract", "credit_note", "delivery", "invoice", "quote", "sale_order"]
    assert units.known(session).code == "C62"


def test_given_again_it_adds_nothing(session):
    own_company(session, "NL", name="Grachten Handel B.V.", about=ABOUT, bank=BANK)
    before = counts(session)
    ours = own_company(session, "nl", name=" Grachten  Handel B.V. ", about=ABOUT, bank=BANK)
    assert own_company(session, "NL") is ours
    assert counts(session) == before
    assert (before["organisation"], before["number_series"], before["payment_term"]) == (1, 6, 1)
    assert [account.iban for account in ours.bank_accounts] == ["NL91ABNA0417164300"]


def test_what_is_empty_is_completed_and_what_is_there_is_kept(session):
    own_company(session, "NL", about={"city": "Amsterdam"})
    ours = own_company(session, "NL", name="Grachten Handel B.V.", about=ABOUT | {"city": "Utrecht"}, bank=BANK)
    assert (ours.name, ours.city, ours.tax_number) == ("Grachten Handel B.V.", "Amsterdam", "NL854502130B01")
    assert session.scalar(select(func.count()).select_from(Organisation)) == 1
    own_company(session, "NL", name="Second B.V.")
    assert sorted(session.scalars(select(Organisation.name))) == ["Grachten Handel B.V.", "Second B.V."]


def test_a_first_invoice_lacks_only_what_was_not_told(session, made):
    ours = own_company(session, "NL", name="Grachten Handel B.V.")
    draft = made.invoice(organisation=ours)
    lacks = {lack.field for lack in invoices.missing_for_issue(session, draft) if lack.stem == "organisation"}
    own_company(session, "NL", about=ABOUT | {"postal_code": "1015 CJ"}, bank=BANK)
    session.flush()
    left = {lack.field for lack in invoices.missing_for_issue(session, draft) if lack.stem == "organisation"}
    assert lacks == {"tax_number", "street", "bank_accounts"}
    assert left == set()


@pytest.mark.parametrize("country", ["", "XX", "Netherlands", "EU"])
def test_what_is_no_country_is_refused(session, country):
    before = counts(session)
    with pytest.raises(DomainError, match="is no country") as refused:
        own_company(session, country)
    assert (refused.value.field, counts(session)) == ("country", before)


def test_wrong_numbers_are_refused_at_their_fields(session):
    with pytest.raises(Refusals) as refused, session.begin_nested():
        own_company(session, "RU", name="Ромашка", about={"tax_number": "7707083894"}, bank={"account": "1"})
    assert set(refused.value.errors) == {"tax_number", "bank_accounts-0-account"}
    assert session.scalar(select(func.count()).select_from(Organisation)) == 0


def test_a_company_does_not_move_to_another_country(session):
    own_company(session, "NL", name="Grachten Handel B.V.")
    with pytest.raises(DomainError, match="another country"):
        own_company(session, "RU", name="Grachten Handel B.V.")
    assert session.scalar(select(func.count()).select_from(Organisation)) == 1
