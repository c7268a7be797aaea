"""Leads: what people do with them, the clock in working time, and what becomes of them, there and back."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.errors import DomainError, Refusals
from app.models.activity import Activity, ActivityKind
from app.models.deal import Deal
from app.models.deleted_record import DeletedRecord
from app.models.lead import Lead, LeadRejection, LeadState
from app.models.lead_source import Assignment, LeadChannel, LeadReceiver, LeadSource
from app.models.notification import Notification, NotificationKind
from app.models.party import Party, PartyContact
from app.models.pipeline import Pipeline
from app.roles import Scope
from app.services import access, handover_kinds, lead_clock, lead_convert, planned
from app.services import lead as leads
from app.services import lead_source as sources
from app.services import pipeline as pipelines
from app.services.access import Actor
from tests.factories import Made

MORNING = datetime(2026, 3, 31, 9, tzinfo=UTC)  # a Tuesday; eleven in Amsterdam
FRIDAY = datetime(2026, 4, 10, 15, 55, tzinfo=UTC)  # five minutes before six in Amsterdam
MINUTE = timedelta(minutes=1)


@pytest.fixture
def source(session: Session, made: Made) -> LeadSource:
    made.organisation()
    found = LeadSource(name="Website", channel=LeadChannel.form, norm_minutes=15, norm_high_minutes=6, language="nl")
    found.receivers.append(LeadReceiver(user=made.user("manager")))
    sources.save(session, found)
    session.flush()
    return found


def actor(made: Made, name: str) -> Actor:
    user = made.user(name)
    return Actor(user.id, name, Scope.all, team_id=user.profile.team_id)


def lead_of(session: Session, source: LeadSource | None, at: datetime = MORNING, **values: Any) -> Lead:
    lead = Lead(source=source, **({"name": "Anna", "email": "anna@bloem.example"} | values))
    leads.save(session, lead, at=at)
    session.flush()
    return lead


def told(session: Session, kind: NotificationKind) -> dict[str, str]:
    session.flush()
    rows = session.scalars(select(Notification).where(Notification.kind == kind).order_by(Notification.user_id))
    return {session.get_one(User, row.user_id).username: row.said for row in rows}


# --- rules ------------------------------------------------------------------------------------------------------------


def test_a_lead_by_hand_is_normalised_given_to_somebody_and_wound_up(session: Session, source: LeadSource, made: Made):
    lead = lead_of(session, source, phone="020 624 1111", country="nl", text=" a \n b ")
    assert (lead.phone, lead.country, lead.text, lead.channel) == ("+31206241111", "NL", "a\n b", LeadChannel.manual)
    assert (lead.owner_id, lead.respond_by) == (made.user("manager").id, MORNING + 15 * MINUTE)


def test_a_lead_says_who_it_is_and_names_what_is_wrong(session: Session):
    with pytest.raises(Refusals) as refused:
        leads.save(session, Lead(phone="12", email="nobody", country="XQ"), at=MORNING)
    assert sorted(refused.value.errors) == ["country", "email", "phone"]
    with pytest.raises(Refusals, match="Say who it is"):
        leads.save(session, Lead(text="?"), at=MORNING)
    assert session.scalar(select(func.count()).select_from(Lead)) == 0


def test_accepting_takes_what_is_nobodys_and_stops_the_clock(session: Session, source: LeadSource, made: Made):
    source.assignment = Assignment.nobody
    lead = lead_of(session, source)
    leads.accept(session, lead, by=actor(made, "manager2"), at=MORNING + 7 * MINUTE)
    assert (lead.state, lead.owner_id) == (LeadState.accepted, made.user("manager2").id)
    assert (lead.responded_at, lead.response_minutes) == (MORNING + 7 * MINUTE, 7)
    with pytest.raises(DomainError, match="In work"):
        leads.accept(session, lead, by=actor(made, "manager"), at=MORNING)
    assert lead.owner_id == made.user("manager2").id


def test_rejecting_needs_its_reason_in_words_when_it_is_another_one(session: Session, source: LeadSource):
    lead = lead_of(session, source)
    with pytest.raises(DomainError) as refused:
        leads.reject(session, lead, reason=LeadRejection.other, at=MORNING, note=" ")
    assert (refused.value.field, lead.state, lead.rejected_reason) == ("note", LeadState.new, None)
    leads.reject(session, lead, reason=LeadRejection.too_dear, at=MORNING + 3 * MINUTE)
    assert (lead.state, lead.response_minutes) == (LeadState.rejected, 3)
    leads.reopen(session, lead)
    assert (lead.state, lead.rejected_reason, lead.response_minutes) == (LeadState.new, None, 3)


def test_merging_teaches_the_other_one_and_comes_back(session: Session, source: LeadSource):
    first = lead_of(session, source, phone="+31206241111", email=None)
    second = lead_of(session, source, company="Bloem B.V.")
    with pytest.raises(DomainError, match="with itself"):
        leads.merge(session, second, into=second, at=MORNING)
    leads.merge(session, second, into=first, at=MORNING)
    assert (second.state, second.merged_into_id) == (LeadState.merged, first.id)
    assert (first.company, first.email, first.phone) == ("Bloem B.V.", "anna@bloem.example", "+31206241111")
    with pytest.raises(DomainError, match="merged into this one"):
        leads.remove(session, first)
    leads.reopen(session, second)
    assert (second.state, second.merged_into_id) == (LeadState.new, None)


def test_states_that_end_are_known_to_handing_over():
    assert {"converted", "merged", "rejected"} <= handover_kinds.CLOSED


# --- the clock --------------------------------------------------------------------------------------------------------


def test_the_owner_is_reminded_then_his_head_is_told_each_once(session: Session, source: LeadSource, made: Made):
    lead = lead_of(session, source)
    assert lead_clock.look(session, at=MORNING + 9 * MINUTE) == 0
    assert lead_clock.look(session, at=MORNING + 11 * MINUTE) == 1
    assert told(session, NotificationKind.lead_waits) == {"manager": "4"}
    assert lead_clock.look(session, at=MORNING + 12 * MINUTE) == 0
    assert lead_clock.look(session, at=MORNING + 21 * MINUTE) == 1
    assert told(session, NotificationKind.lead_late) == {"head": "21", "manager": "21"}
    assert lead_clock.look(session, at=MORNING + 60 * MINUTE) == 0
    session.refresh(lead)
    assert (lead.reminded_at, lead.escalated_at) == (MORNING + 11 * MINUTE, MORNING + 21 * MINUTE)


def test_the_clock_runs_in_working_time_over_a_weekend(session: Session, source: LeadSource):
    lead = lead_of(session, source, at=FRIDAY)
    monday = datetime(2026, 4, 13, 7, tzinfo=UTC)  # nine in Amsterdam
    assert (lead.remind_at, lead.respond_by) == (monday + 5 * MINUTE, monday + 10 * MINUTE)
    assert lead_clock.look(session, at=monday - timedelta(days=1)) == 0
    leads.reject(session, lead, reason=LeadRejection.no_need, at=monday + 4 * MINUTE)
    assert lead.response_minutes == 9


def test_an_urgent_one_has_a_clock_of_its_own(session: Session, source: LeadSource):
    assert lead_of(session, source, priority="high").respond_by == MORNING + 6 * MINUTE
    assert lead_of(session, source, priority="low").respond_by == MORNING + 15 * MINUTE
    assert lead_of(session, None).respond_by is None


@pytest.mark.parametrize("direction", ["outgoing", None])
def test_the_first_call_that_was_made_is_the_answer(
    session: Session, source: LeadSource, made: Made, direction: str | None
):
    lead = lead_of(session, source)
    by = actor(made, "manager")
    about = {"owner_id": by.user_id, "by": by, "at": MORNING, "due_at": None}
    call = planned.plan(session, lead, kind=ActivityKind.call, subject="Call", direction=direction, **about)
    notes = planned.plan(session, lead, kind=ActivityKind.task, subject="Look them up", **about)
    planned.finish(session, notes, by=by, at=MORNING + MINUTE)
    planned.log(session, lead, kind=ActivityKind.call, subject="They called", direction="incoming", by=by, at=MORNING)
    assert lead_clock.look(session, at=MORNING + MINUTE) == 0
    planned.finish(session, call, result="Wants a quote", by=by, at=MORNING + 8 * MINUTE)
    session.flush()
    assert lead_clock.look(session, at=MORNING + 30 * MINUTE) == 1
    assert (lead.responded_at, lead.response_minutes) == (MORNING + 8 * MINUTE, 8)
    assert told(session, NotificationKind.lead_late) == {}


def test_without_a_head_administrators_are_told(session: Session, source: LeadSource, made: Made):
    source.assignment = Assignment.nobody
    lead_of(session, source)
    lead_clock.look(session, at=MORNING + 20 * MINUTE)
    assert told(session, NotificationKind.lead_late) == {"admin": "20"}


# --- what becomes of it -----------------------------------------------------------------------------------------------


@pytest.fixture
def pipeline(session: Session) -> Pipeline:
    found = pipelines.default(session) or pipelines.make_first(session, "en")
    session.flush()
    return found


@pytest.fixture
def by(session: Session, made: Made) -> Actor:
    found = actor(made, "head")
    access.act_as(session, found)
    return found


def test_a_lead_becomes_party_contact_and_deal(session: Session, source: LeadSource, pipeline: Pipeline, by: Actor):
    lead = lead_of(session, source, company="Bloem B.V.", phone="+31206241111", country="NL", text="2,000 bulbs\nsoon")
    deal = lead_convert.convert(session, lead, by=by, at=MORNING + 5 * MINUTE)
    party = session.get_one(Party, lead.party_id)
    assert (party.name, party.phone, party.email, party.source) == (
        *("Bloem B.V.", "+31206241111", "anna@bloem.example", "Website"),
    )
    assert [contact.name for contact in party.contacts] == ["Anna"]
    assert (lead.contact_id, lead.deal_id, lead.state) == (party.contacts[0].id, deal.id, LeadState.converted)
    assert (deal.title, deal.party_id, deal.owner_id) == ("2,000 bulbs", party.id, lead.owner_id)
    assert (party.owner_id, lead.response_minutes) == (lead.owner_id, 5)


def test_a_lead_of_a_known_party_adds_nothing_but_the_deal(
    session: Session, source: LeadSource, pipeline: Pipeline, by: Actor, made: Made
):
    party = made.party("Bloem B.V.", email="anna@bloem.example")
    party.contacts.append(PartyContact(name="Anna", email="anna@bloem.example"))
    session.flush()
    lead = lead_of(session, source)
    assert [twin.party_id for twin in lead_convert.twins(session, lead)] == [party.id]
    deal = lead_convert.convert(session, lead, party=party, title="Bulbs", by=by, at=MORNING)
    assert (deal.party_id, deal.title, len(party.contacts)) == (party.id, "Bulbs", 1)
    assert session.scalar(select(func.count()).select_from(Party)) == 1


def test_a_conversion_is_undone_into_the_bin(session: Session, source: LeadSource, pipeline: Pipeline, by: Actor):
    lead = lead_of(session, source)
    lead_convert.convert(session, lead, by=by, at=MORNING)
    assert lead_convert.undo(session, lead, by=by, at=MORNING + timedelta(days=29)) == []
    assert (lead.state, lead.party_id, lead.deal_id, lead.made) == (LeadState.accepted, None, None, None)
    counts = [session.scalar(select(func.count()).select_from(of)) for of in (Party, Deal)]
    assert counts == [0, 0]
    assert sorted(session.scalars(select(DeletedRecord.entity))) == ["deal", "party"]


def test_what_was_worked_on_since_stays_and_is_said(
    session: Session, source: LeadSource, pipeline: Pipeline, by: Actor
):
    lead = lead_of(session, source)
    deal = lead_convert.convert(session, lead, title="Bulbs", by=by, at=MORNING)
    planned.plan(
        session, deal, kind=ActivityKind.task, subject="Quote", due_at=None, owner_id=by.user_id, by=by, at=MORNING
    )
    assert lead_convert.undo(session, lead, by=by, at=MORNING + MINUTE) == ["Bulbs", "Anna"]
    assert (lead.deal_id, lead.party_id) == (deal.id, deal.party_id)
    note = session.scalars(select(Activity).where(Activity.entity == "lead", Activity.kind == ActivityKind.note)).one()
    assert note.body == "Worked on since the conversion, so it stays: Bulbs, Anna"


def test_after_thirty_days_a_conversion_stands(session: Session, source: LeadSource, pipeline: Pipeline, by: Actor):
    lead = lead_of(session, source)
    deal = lead_convert.convert(session, lead, by=by, at=MORNING)
    with pytest.raises(DomainError, match="30 days"):
        lead_convert.undo(session, lead, by=by, at=MORNING + timedelta(days=31))
    assert (lead.state, lead.deal_id) == (LeadState.converted, deal.id)


def test_a_known_party_stands_for_a_lead_without_a_deal(session: Session, source: LeadSource, by: Actor, made: Made):
    party = made.party("Bloem B.V.")
    lead = lead_of(session, source)
    lead_convert.attach(session, lead, party=party, by=by, at=MORNING)
    assert (lead.party_id, lead.deal_id, [each.name for each in party.contacts]) == (party.id, None, ["Anna"])
    lead_convert.undo(session, lead, by=by, at=MORNING)
    session.refresh(party)
    assert (lead.party_id, party.contacts) == (None, [])
