"""The link in a letter: what its owner decides holds at the gate, stands in the log, and nobody forges it."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from app.errors import NotFound
from app.models.consent import Consent, ConsentPurpose, ConsentState
from app.models.party import PartyContact
from app.models.suppression import ContactChannel, ContactKind, Suppression, SuppressionReason
from app.services import consent as consents
from app.services import gate, preference, sealing, suppression
from app.services.preference import How, Whom
from tests.attack import attack

NOON = datetime(2026, 3, 31, 9, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
EMAIL, SMS = ContactChannel.email, ContactChannel.sms
MAIL, TEXT = ConsentPurpose.marketing_mail, ConsentPurpose.marketing_sms
HOW = How(way="Preference page", address="192.0.2.7", agent="Firefox\x00 1")


@pytest.fixture
def party(session, made):
    found = made.party("Bloem", email="info@bloem.example", phone="+31201234567", country="NL", language="nl")
    found.contacts.append(PartyContact(name="Anna", email="anna@bloem.example", phone="+31201234568"))
    session.flush()
    return found


@pytest.fixture
def anna(party):
    return Whom(party.id, party.contacts[0].id, EMAIL, "anna@bloem.example")


def on(session, whom):
    return {each.purpose.value for each in preference.choices(session, whom)[0] if each.is_on}


def may(session, party, channel=EMAIL, **about):
    answer = gate.may_contact(session, party, channel, ContactKind.marketing, at=LATER, **about)
    return "ok" if answer.ok else answer.reason.value


def rows(session):
    found = session.scalars(select(Consent).order_by(Consent.id))
    return [(row.contact_id, row.purpose.value, row.state.value, row.address) for row in found]


def test_what_is_switched_on_is_a_consent_with_its_words_and_how_it_was_said(session, party, anna):
    assert (on(session, anna), may(session, party, contact_id=anna.contact_id)) == (set(), "no_consent")
    changed = preference.decide(session, anna, on={MAIL, TEXT}, how=HOW, at=NOON, language="ru")
    assert changed == [MAIL, TEXT]
    assert rows(session) == [
        (anna.contact_id, "marketing_mail", "given", "anna@bloem.example"),
        (anna.contact_id, "marketing_sms", "given", None),
    ]
    row = session.scalars(select(Consent)).first()
    assert row.wording == "Yes, write to me: Marketing by e-mail. I can take this back at any time."
    seen = sealing.fingerprint("preference 192.0.2.7")[:16]
    assert (row.note, row.by_id, row.source.value) == (f"Preference page; {seen}; Firefox 1", None, "form")
    assert (party.contacts[0].language, party.language) == ("ru", "nl")
    assert may(session, party, contact_id=anna.contact_id) == "ok"
    assert may(session, party, SMS, contact_id=anna.contact_id) == "ok"
    assert may(session, party) == "no_consent"  # the company itself has said nothing


def test_what_is_switched_off_is_taken_back_and_its_addresses_are_left_alone(session, party, anna):
    preference.decide(session, anna, on={MAIL, TEXT}, how=HOW, at=NOON)
    assert preference.decide(session, anna, on={TEXT}, how=HOW, at=LATER) == [MAIL]
    assert rows(session)[-1] == (anna.contact_id, "marketing_mail", "withdrawn", "anna@bloem.example")
    assert (may(session, party, contact_id=anna.contact_id), on(session, anna)) == ("opted_out", {"marketing_sms"})
    assert preference.decide(session, anna, on=set(), how=HOW, at=LATER) == [TEXT]
    assert may(session, party, SMS, contact_id=anna.contact_id) == "opted_out"
    kept = session.scalars(select(Suppression).order_by(Suppression.id)).all()
    assert [(each.address, each.reason.value) for each in kept] == [
        ("anna@bloem.example", "unsubscribed"),
        ("+31201234568", "unsubscribed"),
    ]
    assert preference.decide(session, anna, on={MAIL}, how=HOW, at=LATER) == [MAIL]  # and back again
    assert may(session, party, contact_id=anna.contact_id) == "ok"


def test_a_consent_on_paper_is_taken_back_under_its_own_key(session, party):
    whom = Whom(party.id, None, EMAIL, "info@bloem.example")
    given = {"purpose": MAIL, "state": ConsentState.given, "source": "paper", "wording": "1", "said_at": NOON}
    session.add(Consent(party_id=party.id, noted_at=NOON, **given))
    session.flush()
    assert on(session, whom) == {"marketing_mail"}
    assert preference.unsubscribe(session, whom, how=HOW, at=LATER) is True
    assert rows(session)[-1] == (None, "marketing_mail", "withdrawn", None)
    [held] = consents.now(consents.log(session, party))
    assert (held.state, may(session, party)) == (ConsentState.withdrawn, "opted_out")


@attack(180, "a link of unsubscribing used again, to undo what its owner has decided since")
def test_a_link_used_twice_changes_nothing_the_second_time(session, party, anna):
    preference.decide(session, anna, on={MAIL}, how=HOW, at=NOON)
    assert preference.unsubscribe(session, anna, how=HOW, at=NOON) is True
    count = session.scalar(select(func.count()).select_from(Consent))
    assert preference.unsubscribe(session, anna, how=HOW, at=LATER) is False
    assert preference.decide(session, anna, on=set(), how=HOW, at=LATER) == []
    assert session.scalar(select(func.count()).select_from(Consent)) == count
    assert session.scalar(select(func.count()).select_from(Suppression)) == 1


def test_who_never_agreed_and_got_a_letter_all_the_same_is_left_alone(session, party, anna):
    assert preference.unsubscribe(session, anna, how=HOW, at=NOON) is True
    assert preference.unsubscribe(session, anna, how=HOW, at=NOON) is False
    assert (rows(session), may(session, party, contact_id=anna.contact_id)) == ([], "opted_out")


def test_an_address_without_a_card_can_be_unsubscribed(session):
    whom = Whom(None, None, EMAIL, "lead@example.org")
    assert on(session, whom) == {"marketing_mail"}
    assert preference.unsubscribe(session, whom, how=HOW, at=NOON) is True
    assert suppression.find(session, EMAIL, "lead@example.org").reason is SuppressionReason.unsubscribed


def test_a_link_leads_on_to_the_card_into_which_one_was_merged_and_not_to_the_erased(session, made, party):
    other = made.party("Bloem & Co", email="x@bloem.example")
    party.merged_into_id, party.archived_at = other.id, NOON
    session.flush()
    whom = Whom(party.id, None, EMAIL, "info@bloem.example")
    preference.decide(session, whom, on={MAIL}, how=HOW, at=NOON)
    assert [row.party_id for row in session.scalars(select(Consent))] == [other.id]
    other.anonymised_at = NOON
    session.flush()
    for act in (
        lambda: preference.choices(session, whom),
        lambda: preference.decide(session, whom, on=set(), how=HOW, at=NOON),
        lambda: preference.unsubscribe(session, whom, how=HOW, at=NOON),
    ):
        with pytest.raises(NotFound):
            act()
    assert session.scalar(select(func.count()).select_from(Consent)) == 1


@attack(181, "a forged link that unsubscribes somebody else, or one sealed for another purpose")
def test_a_link_is_read_by_us_alone_and_forged_by_nobody(session, anna):
    real = preference.token(anna)
    assert preference.read(real) == anna
    assert "anna" not in real
    flipped = real[:40] + ("A" if real[40] != "A" else "B") + real[41:]
    forged = [flipped, real[:-4], real + "AAAA", real.upper(), "", "a" * 3000, "ä", "../" + real]
    forged += [sealing.seal(f"other\n{anna.party_id}\n0\nemail\nx@example.org"), sealing.seal("a password")]
    forged += [
        sealing.seal(f"prefer 1\n{anna.party_id}\nx\nemail\nx@example.org"),
        sealing.seal("prefer 1\n1\n0\nfax\nx"),
    ]
    for each in forged:
        with pytest.raises(NotFound):
            preference.read(each)


def test_of_an_erased_person_the_hash_of_the_address_is_left_and_of_a_shared_one_nothing(session, made, party):
    other = made.party("Twin", email="anna@bloem.example")
    known = suppression.known_addresses(party, None)
    assert sorted(address for channel, address in known if channel is EMAIL) == [
        "anna@bloem.example",
        "info@bloem.example",
    ]
    party.contacts.clear()
    party.email = party.phone = None
    session.flush()
    suppression.forget(session, known, at=NOON)
    assert suppression.find(session, EMAIL, "info@bloem.example").address is None
    assert suppression.find(session, EMAIL, "anna@bloem.example") is None  # it is the other's too
    assert suppression.find(session, SMS, "+31201234567").reason is SuppressionReason.erased
    answer = gate.may_contact(session, other, EMAIL, ContactKind.transactional, address="info@bloem.example", at=LATER)
    assert (answer.ok, answer.reason.value) == (False, "erased")
