"""The gate: who may be written to, why not, and that one letter and a hundred thousand are judged alike."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Integer, String, cast, func, literal, select, union_all

from app.columns import Key
from app.models.consent import Consent, ConsentPurpose, ConsentSource, ConsentState
from app.models.party import ChannelKind, PartyAddress, PartyChannel, PartyContact
from app.models.suppression import (
    ContactChannel,
    ContactKind,
    ContactMade,
    ContactPolicy,
    ContactRefusal,
    NoContact,
    SuppressionReason,
)
from app.services import gate, quiet_time, suppression
from app.services import gate_address as addresses

NOON = datetime(2026, 3, 31, 9, tzinfo=UTC)  # eleven o'clock in Amsterdam, a Tuesday
EMAIL, SMS, PAPER = ContactChannel.email, ContactChannel.sms, ContactChannel.paper
MARKETING, SERVICE = ContactKind.marketing, ContactKind.service
KINDS = tuple(ContactKind)


@pytest.fixture
def party(session, made):
    found = made.party("Bloem", email="info@bloem.example", phone="+31201234567", country="NL")
    found.contacts.append(PartyContact(name="Anna de Vries", email="anna@bloem.example"))
    session.flush()
    return found


def said(session, party, state=ConsentState.given, purpose=ConsentPurpose.marketing_mail, **values):
    row = Consent(
        party_id=party.id, purpose=purpose, state=state, source=ConsentSource.form, wording="1", said_at=NOON, **values
    )
    row.noted_at = NOON
    session.add(row)
    session.flush()


def ask(session, party, channel=EMAIL, kind=MARKETING, **about):
    answer = gate.may_contact(session, party, channel, kind, **({"at": NOON} | about))
    return "ok" if answer.ok else answer.reason.value


def of_kinds(session, party, **about):
    return [ask(session, party, kind=kind, **about) for kind in KINDS]


def test_marketing_needs_a_consent_and_nothing_else_does(session, party):
    assert of_kinds(session, party) == ["no_consent", "ok", "ok", "ok", "ok"]
    said(session, party)
    assert of_kinds(session, party) == ["ok"] * 5
    said(session, party, ConsentState.withdrawn)
    assert of_kinds(session, party) == ["opted_out", "ok", "ok", "ok", "ok"]


def test_a_consent_is_of_its_purpose_its_address_and_its_person(session, party):
    anna = party.contacts[0].id
    said(session, party, purpose=ConsentPurpose.marketing_sms)
    assert (ask(session, party, SMS), ask(session, party)) == ("ok", "no_consent")
    said(session, party)
    assert (ask(session, party), ask(session, party, contact_id=anna)) == ("ok", "no_consent")
    said(session, party, contact_id=anna)
    assert ask(session, party, address="anna@bloem.example") == "ok"  # whose address it is, is found
    said(session, party, ConsentState.withdrawn)  # the company as a whole: for its people too
    assert (ask(session, party), ask(session, party, contact_id=anna)) == ("opted_out", "opted_out")
    said(session, party, contact_id=anna)
    assert (ask(session, party), ask(session, party, contact_id=anna)) == ("opted_out", "ok")
    said(session, party, address="info@bloem.example")
    assert ask(session, party) == "ok"


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("unsubscribed", ["opted_out", "ok", "ok", "ok", "ok"]),
        ("complained", ["suppressed", "suppressed", "ok", "ok", "ok"]),
        ("law", ["suppressed", "suppressed", "ok", "ok", "ok"]),
        ("blocked", ["blocked", "blocked", "ok", "blocked", "ok"]),
        ("wrong", ["suppressed"] * 5),
        ("bounced", ["bounced"] * 5),
        ("erased", ["erased"] * 5),
    ],
)
def test_each_reason_stops_its_kinds_until_it_is_lifted(session, party, reason, expected):
    said(session, party)
    row = suppression.add(session, EMAIL, "info@bloem.example", SuppressionReason(reason), at=NOON)
    assert of_kinds(session, party) == expected
    assert of_kinds(session, None, address="info@bloem.example")[1:] == expected[1:]  # one of ours, or a lead
    suppression.lift(session, row, why="He called", at=NOON)
    assert of_kinds(session, party) == ["ok"] * 5


def test_without_an_address_archived_or_erased_nothing_leaves(session, party):
    said(session, party)
    assert ask(session, party, PAPER) == "no_address"
    party.archived_at = NOON
    session.flush()
    assert of_kinds(session, party) == ["archived", "archived", "ok", "ok", "ok"]
    party.anonymised_at = NOON
    session.flush()
    assert of_kinds(session, party) == ["erased"] * 5
    assert ask(session, None, address=None) == "no_address"


def test_paper_needs_no_consent_but_heeds_an_objection(session, party):
    party.addresses.append(PartyAddress(street="Kade 1", city="Delft", country="NL"))
    session.flush()
    assert ask(session, party, PAPER) == "ok"
    suppression.add(session, PAPER, addresses.of_party(party, PAPER), SuppressionReason.unsubscribed, at=NOON)
    assert (ask(session, party, PAPER), ask(session, party, PAPER, SERVICE)) == ("opted_out", "ok")


def test_what_stands_at_a_further_address_counts(session, party):
    party.channels.append(PartyChannel(kind=ChannelKind.email, value="b@bloem.example", opted_out_at=NOON))
    party.channels.append(PartyChannel(kind=ChannelKind.email, value="c@bloem.example", bounced_at=NOON))
    session.flush()
    said(session, party)
    assert of_kinds(session, party, address="b@bloem.example") == ["opted_out", "ok", "ok", "ok", "ok"]
    assert of_kinds(session, party, address="c@bloem.example") == ["bounced"] * 5


def test_enough_marketing_is_enough_over_all_channels(session, party, made):
    us = made.organisation()
    session.add(ContactPolicy(organisation_id=us.id, cap_count=2, cap_days=7))
    said(session, party)
    for days in (8, 6, 1):
        session.add(ContactMade(party_id=party.id, channel=SMS, at=NOON - timedelta(days=days)))
    session.flush()
    assert of_kinds(session, party) == ["capped", "ok", "ok", "ok", "ok"]
    assert ask(session, party, at=NOON + timedelta(days=2)) == "ok"
    gate.note_contact(session, gate.may_contact(session, party, EMAIL, SERVICE, at=NOON), at=NOON)
    assert session.scalar(select(func.count()).select_from(ContactMade)) == 3  # service letters do not count


def test_in_the_quiet_time_marketing_waits_until_its_end(session, party):
    said(session, party)
    evening = datetime(2026, 3, 31, 19, 30, tzinfo=UTC)  # half past nine in Amsterdam
    answer = gate.may_contact(session, party, EMAIL, MARKETING, at=evening)
    assert (answer.ok, answer.reason, answer.until) == (False, NoContact.quiet, datetime(2026, 4, 1, 7, tzinfo=UTC))
    assert ask(session, party, at=evening, kind=ContactKind.transactional) == "ok"
    assert (ask(session, party, SMS, SERVICE, at=evening), ask(session, party, EMAIL, SERVICE, at=evening)) == (
        "quiet",
        "ok",
    )


@pytest.mark.parametrize(
    ("country", "region", "city", "expected"),
    [
        ("AM", None, None, ("Asia/Yerevan",)),
        ("RU", "Омская область", "Омск", ("Asia/Omsk",)),
        ("RU", "Томская область", None, ("Asia/Tomsk",)),
        ("RU", "Тверская область", None, ("Europe/Moscow",)),
        ("RU", None, "Владивосток", ("Asia/Vladivostok",)),
    ],
)
def test_the_zone_follows_from_the_region(session, party, country, region, city, expected):
    party.addresses.append(PartyAddress(country=country, region=region, city=city, street="1"))
    assert quiet_time.zones_of(party) == expected


def test_where_the_zone_is_open_none_may_be_quiet(session, made):
    somewhere = made.party("Нева", country="RU", email="a@neva.example")
    rules = ContactPolicy(quiet_from="21:00", quiet_until="09:00", quiet_days="67")
    zones = quiet_time.zones_of(somewhere)
    assert {"Europe/Kaliningrad", "Asia/Kamchatka"} <= set(zones)
    friday = datetime(2026, 4, 3, 9, 1, tzinfo=UTC)  # past nine in the evening on Kamchatka
    assert quiet_time.until(rules, zones, at=friday) == datetime(2026, 4, 6, 7, tzinfo=UTC)  # Monday, in Kaliningrad
    assert quiet_time.until(rules, zones, at=datetime(2026, 4, 3, 8, tzinfo=UTC)) is None


def test_many_are_judged_by_one_statement_as_each_alone(session, made):
    people = [made.party(f"P{n}", email=f"p{n}@example.org", country="NL") for n in range(6)]
    for one in (people[0], people[2], people[3], people[4]):
        said(session, one)
    suppression.add(session, EMAIL, "p2@example.org", SuppressionReason.bounced, at=NOON)
    people[3].archived_at = NOON
    session.flush()
    rows = [(n, one.id, None, one.email) for n, one in enumerate(people)]
    rows += [(6, people[4].id, None, "p4@example.org"), (7, people[1].id, None, None)]
    names = {"n": Integer, "party_id": Key, "contact_id": Key, "address": String}
    parts = [
        select(*(cast(literal(v), kind).label(k) for (k, kind), v in zip(names.items(), row, strict=True)))
        for row in rows
    ]
    who = union_all(*parts).subquery()
    statement = gate.of_many(who, channel=EMAIL, kind=MARKETING, rules=gate.policy(session), at=NOON)
    found = sorted(((row.n, row.reason) for row in session.execute(statement)), key=str)
    alone = [None if (each := ask(session, one)) == "ok" else each for one in people]
    assert alone == [None, "no_consent", "bounced", "archived", None, "no_consent"]
    assert [reason for _n, reason in found[:6]] in (alone, [*alone[:4], "duplicate", alone[5]])
    assert sorted(str(reason) for n, reason in found if n in {4, 6}) == ["None", "duplicate"]
    assert dict(found)[7] == "no_address"


def test_a_refusal_is_counted_with_its_reason(session, party):
    answer = gate.may_contact(session, party, EMAIL, MARKETING, at=NOON)
    with pytest.raises(gate.NotContactedError, match="there is no consent") as refusal:
        gate.refuse(session, answer, sender="mailing", at=NOON, field="to")
    assert refusal.value.field == "to"
    [row] = session.scalars(select(ContactRefusal)).all()
    assert (row.party_id, row.channel, row.kind, row.reason, row.sender, row.refused_at) == (
        party.id,
        EMAIL,
        MARKETING,
        NoContact.no_consent,
        "mailing",
        NOON,
    )


def test_a_yes_is_not_counted(session, party):
    gate.refuse(session, gate.may_contact(session, party, EMAIL, SERVICE, at=NOON), sender="x", at=NOON)
    assert session.scalar(select(func.count()).select_from(ContactRefusal)) == 0
