"""Intake: what arrives is stored, once; what cannot be read or comes too fast is kept, and messages find their lead."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models.activity import Activity
from app.models.lead import HeldBecause, Lead, LeadArrival, LeadState
from app.models.lead_source import Assignment, LeadChannel, LeadPriority, LeadReceiver, LeadSource
from app.services import intake, intake_read
from app.services import lead as leads
from app.services import lead_source as sources
from app.services.intake import About
from tests.factories import Made

NOON = datetime(2026, 3, 31, 9, tzinfo=UTC)  # a Tuesday
MINUTE = timedelta(minutes=1)


@pytest.fixture
def source(session: Session, made: Made) -> LeadSource:
    """A source with a clock of half an hour and one receiver."""
    made.organisation()
    found = LeadSource(name="Website", channel=LeadChannel.api, norm_minutes=30, language="nl", country="NL")
    found.per_minute, found.per_address = 5, 2
    found.receivers.append(LeadReceiver(user=made.user("manager")))
    sources.save(session, found)
    session.flush()
    return found


def body(**given: Any) -> bytes:
    return json.dumps(given, ensure_ascii=False).encode()


def count(session: Session, of: type[Any] = Lead) -> int:
    return int(session.scalar(select(func.count()).select_from(of)) or 0)


def take(session: Session, source: LeadSource, payload: bytes, at: datetime = NOON, **about: Any) -> intake.Taken:
    return intake.receive(session, source, payload, at=at, about=About(**about))


def message(session: Session, source: LeadSource, at: datetime = NOON, number: str = "", **given: Any) -> intake.Taken:
    payload = body(channel="WhatsApp", **given)
    return take(session, source, payload, at, external_id=number or None, read=intake_read.message)


def test_a_request_becomes_a_lead_with_everything_that_it_says(session: Session, source: LeadSource, made: Made):
    payload = body(
        name=" Anna  de Vries ",
        company="Bloem B.V.",
        phone="020 624 1111",
        email="Anna@Bloem.Example",
        text="2,000 bulbs\r\nin October",
        priority="high",
        language="ru",
        page="https://shop.example/x",
        utm={"source": "fair", "campaign": "spring"},
    )
    taken = take(session, source, payload, external_id="a-1")
    lead = taken.lead
    assert (lead.state, lead.channel, lead.priority) == (LeadState.new, LeadChannel.api, LeadPriority.high)
    assert (lead.name, lead.company, lead.phone) == ("Anna de Vries", "Bloem B.V.", "+31206241111")
    assert (lead.email, lead.text, lead.language) == ("anna@bloem.example", "2,000 bulbs\nin October", "ru")
    assert (lead.utm_source, lead.utm_campaign, lead.page) == ("fair", "spring", "https://shop.example/x")
    assert (lead.error, lead.received_at, lead.owner_id) == (None, NOON, made.user("manager").id)
    assert lead.team_id == made.user("manager").profile.team_id
    assert taken.arrival.raw == payload.decode()
    assert lead.respond_by == NOON + 30 * MINUTE
    assert lead.remind_at == NOON + 20 * MINUTE


def test_the_same_number_from_a_source_is_one_lead(session: Session, source: LeadSource):
    first = take(session, source, body(name="Anna", phone="+31206241111"), external_id="a-1")
    again = take(session, source, body(name="Anna", phone="+31206241111"), external_id="a-1")
    assert (first.is_new, again.is_new) == (True, False)
    assert again.lead is first.lead
    assert (count(session), count(session, LeadArrival)) == (1, 1)


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (b"{not json", "This is no JSON"),
        (b"[1, 2]", "A JSON object is expected"),
        (b"\xff\xfe\x00", "This is no text in UTF-8"),
        (b"[" * 100_000, "This is no JSON"),
        (b'{"name": "Anna"}', "Neither a phone number nor an address is given"),
        (b'{"phone": "12", "name": "Anna"}', "phone: This telephone number is too short: “12”"),
        (b'{"name": {"x": 1}, "email": "a@b.example"}', "“name” is no text"),
        (b'{"email": "a@b.example", "country": "XQ"}', "country: This is no country: “XQ”"),
    ],
)
def test_what_cannot_be_read_is_kept_with_what_is_wrong(
    session: Session, source: LeadSource, payload: bytes, error: str
):
    taken = take(session, source, payload)
    assert (taken.lead.state, taken.lead.error, taken.arrival.error) == (LeadState.new, error, error)
    assert taken.arrival.raw.startswith(intake_read.raw_text(payload)[:1000])
    assert "\0" not in taken.arrival.raw


def test_control_characters_and_half_pairs_do_not_lose_a_request(session: Session, source: LeadSource):
    taken = take(session, source, b'{"name": "An\\u0000na \\ud800", "email": "a@b.example"}')
    assert (taken.lead.name, taken.lead.error) == ("An�na �", None)


def test_over_the_limit_of_a_minute_the_rest_is_held_without_a_clock(session: Session, source: LeadSource):
    for at in range(5):
        assert not take(session, source, body(email=f"a{at}@b.example")).is_held
    held = take(session, source, body(email="z@b.example"))
    assert (held.lead.state, held.lead.held_because) == (LeadState.held, HeldBecause.limit)
    assert (held.lead.respond_by, held.lead.owner_id) == (None, None)
    assert not take(session, source, body(email="y@b.example"), NOON + MINUTE + timedelta(seconds=1)).is_held
    assert count(session) == 7


def test_one_address_is_held_after_its_share_and_others_are_not(session: Session, source: LeadSource):
    states = [take(session, source, body(email=f"a{at}@b.example"), address="192.0.2.1").lead.state for at in range(3)]
    assert states == [LeadState.new, LeadState.new, LeadState.held]
    assert not take(session, source, body(email="c@b.example"), address="192.0.2.2").is_held
    addresses = set(session.scalars(select(LeadArrival.address)))
    assert len(addresses) == 2
    assert all(len(each) == 64 for each in addresses)  # a keyed hash, not the address


def test_who_is_held_is_let_in_with_a_clock_from_now(session: Session, source: LeadSource, made: Made):
    lead = take(session, source, body(email="a@b.example"), held=HeldBecause.trap).lead
    later = NOON + timedelta(hours=2)
    leads.release(session, lead, at=later)
    assert (lead.state, lead.respond_by) == (LeadState.new, later + 30 * MINUTE)
    assert lead.owner_id == made.user("manager").id


def test_a_message_from_an_unknown_number_makes_a_lead_and_the_second_joins_it(session: Session, source: LeadSource):
    sender = {"phone": "+31612345678", "name": "Noor"}
    first = message(session, source, text="Hello", number="m-1", **{"from": sender})
    second = message(session, source, NOON + MINUTE, text="Still there?", number="m-2", **{"from": sender})
    assert second.lead is first.lead
    assert (count(session), len(first.lead.arrivals)) == (1, 2)
    assert (first.lead.channel_name, first.lead.name, first.lead.text) == ("WhatsApp", "Noor", "Hello")
    told = session.scalars(select(Activity).where(Activity.entity == "lead")).one()
    assert (told.kind, told.direction, told.body, told.subject) == ("message", "incoming", "Still there?", "Noor")
    assert (told.record_id, told.done_at) == (first.lead.id, NOON + MINUTE)


def test_a_name_in_a_messenger_is_enough_to_find_the_lead_again(session: Session, source: LeadSource):
    first = message(session, source, text="Hi", **{"from": {"id": "@noor"}})
    second = message(session, source, text="Hi?", **{"from": {"id": "@noor", "phone": "+31612345678"}})
    assert second.lead is first.lead
    assert (first.lead.messenger, first.lead.phone) == ("@noor", "+31612345678")


def test_a_message_from_a_known_party_stands_in_its_history(session: Session, source: LeadSource, made: Made):
    party = made.party("Bloem B.V.", owner="manager2", phone="+31206241111")
    taken = message(session, source, text="The invoice?", number="m-1", **{"from": {"phone": "020 624 1111"}})
    assert taken.lead is None
    assert (taken.arrival.party_id, taken.arrival.lead_id, count(session)) == (party.id, None, 0)
    told = session.scalars(select(Activity).where(Activity.entity == "party")).one()
    assert (told.record_id, told.body, told.owner_id) == (party.id, "The invoice?", made.user("manager2").id)
    again = message(session, source, text="The invoice?", number="m-1", **{"from": {"phone": "020 624 1111"}})
    assert (again.is_new, count(session, LeadArrival)) == (False, 1)


def test_a_party_that_nobody_looks_after_makes_a_lead_all_the_same(session: Session, source: LeadSource, made: Made):
    party = made.party("Bloem B.V.", phone="+31206241111")
    taken = message(session, source, text="Hello?", **{"from": {"phone": "+31206241111"}})
    assert (taken.lead.party_id, taken.lead.owner_id) == (party.id, made.user("manager").id)


def test_a_request_of_a_known_party_names_it_and_goes_to_its_owner(session: Session, source: LeadSource, made: Made):
    party = made.party("Bloem B.V.", owner="manager2", email="anna@bloem.example")
    lead = take(session, source, body(email="anna@bloem.example", text="More bulbs")).lead
    assert (lead.party_id, lead.owner_id) == (party.id, made.user("manager2").id)


def test_a_closed_lead_takes_no_more_messages(session: Session, source: LeadSource):
    first = message(session, source, text="Hi", **{"from": {"phone": "+31612345678"}}).lead
    leads.reject(session, first, reason="junk", at=NOON)
    second = message(session, source, text="Again", **{"from": {"phone": "+31612345678"}}).lead
    assert second is not first
    assert count(session) == 2


def test_without_receivers_a_lead_belongs_to_the_team(session: Session, source: LeadSource, made: Made):
    source.assignment, source.team = Assignment.nobody, made.user("manager2").profile.team
    lead = take(session, source, body(email="a@b.example")).lead
    assert (lead.owner_id, lead.team_id) == (None, made.user("manager2").profile.team_id)


def test_signatures_are_those_of_the_secret_of_the_moment_and_of_the_body(session: Session, source: LeadSource):
    from app.errors import NotAllowed

    secret = sources.new_secret(session, source, at=NOON)
    moment = str(int(NOON.timestamp()))

    def judged(number: str = "n-1", when: str = moment, payload: bytes = b"{}", by: str = secret) -> str:
        headers = {"webhook-id": number, "webhook-timestamp": when}
        headers["webhook-signature"] = sources.sign(by, "n-1", moment, b"{}")
        return sources.require_signed(session, source, headers, payload, at=NOON)

    assert judged() == "n-1"
    old = str(int(moment) - sources.WINDOW - 1)
    for wrong in ({"number": "n-2"}, {"when": old}, {"payload": b"{ }"}, {"by": "whsec_AAAA"}):
        with pytest.raises(NotAllowed):
            judged(**wrong)
    late = {"webhook-id": "n-1", "webhook-timestamp": old, "webhook-signature": sources.sign(secret, "n-1", old, b"{}")}
    with pytest.raises(NotAllowed):
        sources.require_signed(session, source, late, b"{}", at=NOON)
    sources.new_secret(session, source, at=NOON)
    with pytest.raises(NotAllowed):
        judged()
    with pytest.raises(NotAllowed):
        sources.require_signed(session, None, {}, b"{}", at=NOON)


def test_the_secret_is_kept_encrypted(session: Session, source: LeadSource):
    secret = sources.new_secret(session, source, at=NOON)
    from app.models.lead_source import LeadSourceKey

    assert secret.startswith("whsec_")
    assert secret.removeprefix("whsec_") not in session.scalars(select(LeadSourceKey.sealed)).one()
