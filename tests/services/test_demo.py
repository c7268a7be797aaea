"""The demo company: the same every time, right by the product's own rules, and kept out of a company's own data."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import phonenumbers
import pytest
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import clock, demo
from app.demo import party as demo_party
from app.demo import team as demo_team
from app.demo.team import PERSONS, People
from app.errors import DomainError
from app.i18n import LANGUAGES
from app.models.delivery import Delivery
from app.models.history import FieldChange, StateChange
from app.models.invoice import Invoice
from app.models.made_document import MadeDocument
from app.models.mailing import Mailing, MailingState, RecipientPhase
from app.models.organisation import Organisation
from app.models.party import Party, PartyAddress, PartyBankAccount, PartyChannel, PartyContact, PartyIdentifier
from app.models.quote import Quote
from app.models.sale_order import SaleOrder
from app.models.suppression import NoContact
from app.models.team import Team, UserProfile
from app.outbox import Outbox
from app.services import delivery as deliveries
from app.services import invoice as invoices
from app.services import mailing_count, mailing_effect, search, verify
from app.services import party as parties
from tests.factories import Made

TODAY = date(2026, 6, 30)
PEOPLE = People(
    ids={person.username: at for at, person in enumerate(PERSONS, 1)},
    teams={name: at for at, name in enumerate((demo_team.SALES, demo_team.NORTH, demo_team.EAST), 1)},
)


@pytest.fixture
def nobody(session: Session) -> None:
    """Take the tests' own users away, so that the demo makes its own."""
    for user in (
        session.execute(select(User).where(User.username.in_([p.username for p in PERSONS]))).unique().scalars()
    ):
        session.delete(user)
    for team in session.execute(select(Team).order_by(Team.id.desc())).scalars():
        session.delete(team)
    session.flush()


def as_record(made: demo_party.Made) -> Party:
    values = {name: value for name, value in made.values.items() if name not in {"owner_id", "team_id"}}
    below = {name: [of(**row) for row in made.below[name]] for name, of in demo_party.BELOW.items()}
    return Party(**values, **below)


def columns(record: object) -> dict[str, object]:
    return {column.name: getattr(record, column.key) for column in type(record).__table__.columns}


def test_every_counterparty_is_stored_by_the_service_as_it_was_made(session: Session) -> None:
    for at in range(300):
        record = as_record(demo_party.make(at, people=PEOPLE, today=TODAY))
        before = columns(record)
        rows = {name: [columns(row) for row in getattr(record, name)] for name in demo_party.BELOW}
        parties.save(session, record)
        assert columns(record) == before
        assert {name: [columns(row) for row in getattr(record, name)] for name in demo_party.BELOW} == rows
        session.expunge(record)


def test_telephone_numbers_exist_in_their_country_and_addresses_on_the_net_do_not() -> None:
    countries = set()
    for at in range(400):
        made = demo_party.make(at, people=PEOPLE, today=TODAY)
        phones = [made.values["phone"], *(contact["phone"] for contact in made.below["contacts"])]
        for phone in filter(None, phones):
            number = phonenumbers.parse(phone)
            assert phonenumbers.is_valid_number(number), phone
            assert phonenumbers.region_code_for_country_code(number.country_code) == made.values["country"]
        emails = [made.values["email"], *(contact["email"] for contact in made.below["contacts"])]
        assert [email for email in filter(None, emails) if not email.endswith(".example")] == []
        assert (made.values["website"] or "https://www.x.example").endswith(".example")
        countries.add(made.values["country"])
    assert countries == {"NL", "BE", "RU", "AM", "GB"}


def test_the_same_number_gives_the_same_counterparty() -> None:
    first = demo_party.make(77, people=PEOPLE, today=TODAY)
    assert demo_party.make(77, people=PEOPLE, today=TODAY) == first
    later = demo_party.make(77, people=PEOPLE, today=TODAY + timedelta(days=10))
    assert later.values["created_at"] - first.values["created_at"] == timedelta(days=10)
    assert (later.values["name"], later.below) == (first.values["name"], first.below)


@pytest.mark.usefixtures("nobody")
def test_the_small_demo_fills_an_empty_database(session: Session) -> None:
    told: list[tuple[int, int]] = []
    done = demo.fill(
        session, size="small", password=None, today=TODAY, progress=lambda at, total: told.append((at, total))
    )
    assert done.added == {"party": 166, "product": 26, "order": 66, "invoice": 120, "payment": 96} | {
        "activity": 54,
        "bank_statement": 1,
        "discount_rule": 3,
        "price_list": 4,
        "contract": 22,
        "made_document": 13,
        "deal": 60,
        "lead_source": 5,
        "lead": 45,
        "sales_plan": 56,
        "contact_rule": 3,
        "segment": 6,
        "mail_template": 3,
        "mailing": 3,
        "reminder_level": 3,
    }
    assert told == [(160, 160)]
    assert list(done.passwords) == [person.username for person in PERSONS]
    assert len(set(done.passwords.values())) == 1

    spring, draft, paper = session.scalars(select(Mailing).order_by(Mailing.id)).all()
    states = MailingState.done, MailingState.draft, MailingState.done
    assert (spring.state, draft.state, paper.state) == states
    assert mailing_count.numbers(session, paper).phases[RecipientPhase.bounced] == 1
    letters = mailing_count.numbers(session, spring)
    assert letters.reasons == {NoContact.duplicate: 1, NoContact.no_consent: 20}
    assert (letters.total, letters.delivered > 60, letters.opened > 20, letters.clicked > 3) == (166, True, True, True)
    effect = mailing_effect.effect(session, spring, at=clock.now())
    assert effect is not None
    assert effect.written.sample.people + effect.held_out.sample.people == 89
    assert (effect.is_open, effect.written.sample.people > 30) == (False, True)

    profiles = session.execute(
        select(User.username, UserProfile.language, Team.name)
        .join(UserProfile, UserProfile.user_id == User.id)
        .outerjoin(Team, Team.id == UserProfile.team_id)
        .where(User.username.in_(done.passwords))
        .order_by(User.id)
    ).all()
    assert [tuple(row) for row in profiles] == [
        ("head", "en", "Sales"),
        ("manager", "nl", "Team Noord"),
        ("manager2", "ru", "Команда «Восток»"),
        ("accountant", "en", None),
        ("marketer", "hy", None),
        ("office", "nl", None),
    ]
    assert session.execute(
        select(Organisation.country).where(Organisation.name == "Handelshuis Houtkade")
    ).scalars().all() == ["NL"]
    found = session.execute(select(Party)).unique().scalars().all()
    assert {party.language for party in found} == {"nl", "ru", "hy", "en"}
    early = datetime(2026, 6, 30, tzinfo=UTC) - timedelta(days=demo_party.DAYS)
    assert all(early <= party.created_at < datetime(2026, 6, 30, tzinfo=UTC) for party in found)
    assert {party.owner_id for party in found} >= {None}
    assert 1 <= sum(party.archived_at is not None for party in found) <= 30
    for entity in (PartyAddress, PartyContact, PartyBankAccount, PartyChannel, PartyIdentifier):
        assert session.execute(select(func.count()).select_from(entity)).scalar_one() > 5, entity
    told_of = select(func.count(func.distinct(FieldChange.record_id))).where(
        FieldChange.entity == "party", FieldChange.act == "add"
    )
    assert session.execute(told_of).scalar_one() == 166


def fill_again(session: Session) -> None:
    """A second fill adds nothing, and a larger one continues."""
    again = demo.fill(session, size="small", password="demo demo demo", today=TODAY)
    assert (set(again.added.values()), again.passwords) == ({0}, {})

    assert demo.fill(session, size=400, password=None, today=TODAY).added == {
        "party": 240,
        "product": 0,
        "order": 0,
        "invoice": 0,
        "payment": 0,
        "activity": 0,
        "bank_statement": 0,
        "discount_rule": 0,
        "price_list": 0,
        "contract": 0,
        "made_document": 0,
        "deal": 0,
        "lead_source": 0,
        "lead": 0,
        "sales_plan": 0,
        "segment": 0,
        "contact_rule": 0,
        "mail_template": 0,
        "mailing": 0,
        "reminder_level": 0,
    }
    numbers = session.execute(select(Party.external_id).order_by(Party.external_id)).scalars().all()
    assert numbers == [
        *(f"DEMO-{at:06}" for at in range(1, 401)),
        *(f"DEMO-TWIN-{at:03}" for at in range(1, 7)),  # typed in twice
    ]


@pytest.mark.usefixtures("nobody")
def test_fourteen_months_of_business_are_told_by_the_services_and_only_once(
    session: Session, chain_key: bytes, tmp_path: Path
) -> None:
    demo.fill(session, size="small", password="demo demo demo", today=TODAY)

    def counted(*columns: Any) -> dict[Any, int]:
        found = session.execute(select(*columns, func.count()).group_by(*columns)).all()
        return {row[0] if len(columns) == 1 else tuple(row[:-1]): row[-1] for row in found}

    assert counted(SaleOrder.state) == {
        **dict.fromkeys(("cancelled", "in_progress"), 6),
        "draft": 15,
        "confirmed": 13,
        "closed": 26,
    }
    assert counted(Quote.state) == {
        **dict.fromkeys(("draft", "rejected", "expired"), 4),
        "accepted": 9,
        "sent": 19,
        "replaced": 3,
    }
    assert counted(Delivery.state) == {"delivered": 30, "planned": 9, "shipped": 1}
    assert session.scalars(deliveries.late(TODAY)).first() is not None
    assert counted(Invoice.kind, Invoice.state) == {
        ("invoice", "draft"): 12,
        ("invoice", "issued"): 100,
        ("credit_note", "issued"): 8,
    }
    assert set(counted(Invoice.language)) == {"nl", "ru", "hy", "en"}
    assert session.execute(invoices.due(TODAY)).scalars().first() is not None
    report = verify.verify(session, key=chain_key, files=tmp_path)
    assert (report.documents, report.problems) == (108, [])

    waits = select(Outbox.topic, func.count(), func.min(Outbox.due_at)).group_by(Outbox.topic)
    found = {row[0]: (row[1], row[2] > clock.now() - timedelta(minutes=2)) for row in session.execute(waits)}
    files = {"invoice.render": 108, "delivery.render": 31, "quote.render": 39, "document.render": 13}
    assert found == {topic: (count, True) for topic, count in files.items()}
    papers = {(kind, each) for kind in ("letter", "label") for each in LANGUAGES}
    assert papers <= set(counted(MadeDocument.kind, MadeDocument.language))
    assert {kind: count for kind, count in counted(MadeDocument.kind).items() if kind in {"act", "reminder"}} == {
        "act": 3,
        "reminder": 2,
    }

    began, ended = datetime(2025, 4, 1, tzinfo=UTC), datetime(2026, 6, 30, tzinfo=UTC)
    for entity in (SaleOrder, Invoice):
        first, last = session.execute(select(func.min(entity.created_at), func.max(entity.changed_at))).one()
        assert began < first, entity
        assert last < ended, entity
    for told in (FieldChange, StateChange):
        of = select(func.min(told.at), func.max(told.at)).where(told.entity.in_(["order", "invoice"]))
        first, last = session.execute(of).one()
        assert began < first, told
        assert last < ended, told
    fill_again(session)


@pytest.mark.usefixtures("nobody")
def test_bulk_rows_are_found_by_part_of_a_name(session: Session) -> None:
    people, _passwords = demo_team.ensure(session, password="demo demo demo")
    told: list[int] = []
    assert demo_party.add_up_to(session, 40, people=people, today=TODAY, chunk=15, tell=told.append) == 40
    assert told == [15, 30, 40]
    name = session.execute(select(Party.name).where(Party.external_id == "DEMO-000001")).scalar_one()
    word = max(name.replace("«", " ").replace("»", " ").split(), key=len)
    query = select(Party.external_id).where(*search.conditions(session, Party, word[1:].upper()))
    assert "DEMO-000001" in session.execute(query).scalars().all()


@pytest.mark.usefixtures("nobody")
def test_a_company_with_parties_of_its_own_gets_no_demo(session: Session, made: Made) -> None:
    made.party("Eigen klant B.V.")
    with pytest.raises(DomainError, match="a database of its own"):
        demo.fill(session, size="small", password="demo demo demo", today=TODAY)
    assert session.execute(select(Party.name)).scalars().all() == ["Eigen klant B.V."]
    assert session.execute(select(func.count()).select_from(Organisation)).scalar_one() == 0
