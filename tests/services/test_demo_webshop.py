"""The demo's web shop: invoices written in bulk are what issuing them one after the other would have made."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.demo import catalogue, shop_payment, webshop
from app.demo import team as demo_team
from app.demo.team import PERSONS, People
from app.models.chain import ChainLink
from app.models.history import FieldChange, StateChange
from app.models.invoice import Invoice, InvoiceSnapshot, Settlement
from app.models.number_series import NumberCounter
from app.models.organisation import Organisation
from app.models.party import Party
from app.models.payment import Payment
from app.outbox import Outbox
from app.search import search_text
from app.services import balance as balances
from app.services import chain, invoice_rules, verify
from app.services import invoice_snapshot as snapshots
from app.services import payment_term as terms
from app.services.invoice_issue import ask_for_file
from app.services.set_up import set_up
from tests.factories import Made

TODAY = date(2026, 6, 30)
NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def chain_key(tmp_path: Path):
    before = chain.use_key(lambda: chain.key_in(tmp_path))
    yield
    chain.use_key(before)


@pytest.fixture
def shop(session: Session, made: Made):
    organisation = set_up(session, made.organisation(series=False))
    made.buyer("Tulpen & Zonen B.V.", country="NL", is_customer=True)
    made.buyer("Brasserie du Port", country="BE", is_customer=True, tax_number="BE0403170701")
    made.buyer("Anna Peeters", country="BE", is_customer=True, kind="person")
    made.buyer("Ապրանք ՍՊԸ", country="AM", is_customer=True, language="hy")
    wares, _count = catalogue.ensure(session)
    keys = [made.user(person.username).id for person in PERSONS]
    people = People(
        ids=dict(zip([person.username for person in PERSONS], keys, strict=True)),
        teams=dict.fromkeys((demo_team.SALES, demo_team.NORTH, demo_team.EAST), 0),
    )

    def fill(count: int, today: date = TODAY) -> list[webshop.Issued]:
        chunks = webshop.add_up_to(
            session, count, organisation=organisation, products=wares, people=people, today=today
        )
        return [one for chunk in chunks for one in chunk]

    return fill


def test_they_say_what_issued_ones_say(session: Session, shop) -> None:
    shop(40)
    session.expire_all()
    company = session.scalars(select(Organisation)).one()
    bank = snapshots.bank_account(company, company.currency)
    found = session.scalars(select(Invoice).order_by(Invoice.id)).all()
    assert len(found) == 40
    assert {invoice.party.country for invoice in found} == {"NL", "BE", "AM"}
    assert {row.category.value for invoice in found for row in invoice.taxes} == {"S", "K", "G"}
    for invoice in found:
        frozen = session.scalars(select(InvoiceSnapshot).where(InvoiceSnapshot.invoice_id == invoice.id)).one()
        priced = invoice_rules.comes_to(session, invoice)
        assert frozen.content == snapshots.content(invoice, priced, bank=bank)
        assert invoice.due_on == terms.due_on(company.payment_term, invoice.issued_on)
        assert search_text([invoice.party.name, invoice.number]) in invoice.search_text.replace(
            search_text([invoice.party.tax_number]), ""
        )


def test_numbers_days_and_chain_hold(session: Session, shop, tmp_path: Path) -> None:
    issued = shop(25)
    assert [one.number for one in issued][-1] == "W-2026-000011"
    assert [one.issued_on for one in issued] == sorted(one.issued_on for one in issued)
    assert issued[0].issued_on == date(2025, 5, 30)
    assert all(one.issued_on.weekday() < 5 and one.issued_on < TODAY for one in issued)
    report = verify.verify(session, key=chain.key_in(tmp_path), files=tmp_path)
    assert (report.documents, report.problems, report.not_made) == (25, [], 25)
    assert session.scalar(select(func.count()).select_from(ChainLink)) == 25
    counted = session.execute(select(NumberCounter.period, NumberCounter.last).order_by(NumberCounter.period)).all()
    assert counted == [("2025", 14), ("2026", 11)]


def test_a_larger_shop_goes_on_where_the_smaller_ended(session: Session, shop, tmp_path: Path) -> None:
    first = shop(5)
    assert shop(5) == []
    later = shop(9, today=date(2026, 7, 20))
    assert len(later) == 4
    assert later[0].issued_on >= first[-1].issued_on
    report = verify.verify(session, key=chain.key_in(tmp_path), files=tmp_path)
    assert (report.documents, report.problems) == (9, [])


def test_history_tells_of_them_and_no_file_is_queued(session: Session, shop) -> None:
    issued = shop(3)
    of_one = FieldChange.entity == "invoice", FieldChange.record_id == issued[0].id
    acts = session.scalars(select(FieldChange).where(*of_one).order_by(FieldChange.id)).all()
    assert [(act.act, act.changes["state"]) for act in acts] == [
        ("add", [None, "draft"]),
        ("move", ["draft", "issued"]),
    ]
    assert acts[1].changes["number"] == [None, issued[0].number]
    assert session.scalar(select(func.count()).select_from(StateChange).where(StateChange.entity == "invoice")) == 6
    assert session.scalar(select(func.count()).select_from(Outbox)) == 0


def test_the_file_of_one_is_queued_once_when_somebody_asks(session: Session, shop) -> None:
    (issued,) = shop(1)
    invoice = session.get_one(Invoice, issued.id)
    assert ask_for_file(session, invoice, at=NOW) is True
    assert ask_for_file(session, invoice, at=NOW) is False
    job = session.scalars(select(Outbox)).one()
    assert (job.topic, job.record_id, job.due_at) == ("invoice.render", issued.id, NOW)


def test_the_file_of_a_draft_is_not_queued(session: Session, made: Made) -> None:
    assert ask_for_file(session, made.invoice(), at=NOW) is False
    assert session.scalar(select(func.count()).select_from(Outbox)) == 0


def test_most_of_what_the_shop_sells_is_paid(session: Session, made: Made, shop):
    sold = shop(80)
    ours = session.execute(select(Organisation)).scalar_one()
    count = shop_payment.pay(session, sold, organisation=ours, by_id=made.user("accountant").id, today=TODAY)
    assert 60 < count < 80
    assert session.scalar(select(func.count()).select_from(Payment).where(Payment.allocated == Payment.amount)) == count
    states = dict(session.execute(select(Invoice.settlement, func.count()).group_by(Invoice.settlement)).all())
    assert states.keys() == {Settlement.open, Settlement.partly_paid, Settlement.paid}
    assert sum(states.values()) == 80
    latest = session.scalar(select(func.max(Payment.paid_on)))
    assert latest is not None
    assert latest < TODAY
    for party in session.execute(select(Party)).scalars():
        items = balances.open_items(session, party, on=TODAY)
        assert sum(item.rest for item in items) == balances.of_party(session, party, on=TODAY).get("EUR", 0)
