"""Whom a mailing goes to, decided before the first message; its way through its states; how much leaves at once."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import func, select

from app.errors import DomainError, Refusals
from app.models.consent import ConsentPurpose, ConsentSource, ConsentState
from app.models.mail_template import BlockKind, MailingChannel, MailTemplate, MailTemplateBlock, MailTemplateText
from app.models.mailing import Mailing, MailingKind, MailingParty, MailingRecipient, MailingState, RecipientPhase
from app.models.party import PartyContact
from app.models.segment import Segment
from app.models.suppression import ContactChannel, ContactMade, NoContact, SuppressionReason
from app.models.tag import Tag, Tagging
from app.outbox import Outbox
from app.services import (
    access,
    consent,
    mail_picture,
    mail_template,
    mailing_audience,
    mailing_frame,
    mailing_link,
    suppression,
)
from app.services import attachment as attachments
from app.services import mailing as mailings
from app.services import mailing_ledger as ledger
from app.services import segment as segments
from app.services.access import SYSTEM
from app.services.consent import Said
from app.services.mailing_ledger import Outcome, Result
from tests.mail import office

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def mail_is_set_up():
    with office():
        yield


@pytest.fixture
def us(made):
    return made.organisation("Grachten Handel", email="office@grachten.example", legal_name="Grachten Handel B.V.")


@pytest.fixture
def template(session):
    found = MailTemplate(name="Spring", channel=MailingChannel.email)
    found.texts = [MailTemplateText(language="en", subject="Tulips")]
    found.blocks = [MailTemplateBlock(language="en", kind=BlockKind.text, text="Dear {name|customer}")]
    mail_template.save(session, found)
    return found


@pytest.fixture
def mailing(session, us, template):
    found = Mailing(name="Spring", kind=MailingKind.marketing, organisation=us, template=template)
    mailings.save(session, found)
    session.flush()
    return found


def agreed(session, party, *, contact_id=None, state=ConsentState.given, at=NOON - timedelta(days=9)):
    said = Said(
        purpose=ConsentPurpose.marketing_mail,
        state=state,
        source=ConsentSource.form,
        said_at=at,
        wording="v1",
        contact_id=contact_id,
    )
    consent.add(session, party, said=said, by=SYSTEM, at=at)


def chosen(session, mailing, *parties):
    mailing.parties = [MailingParty(party_id=each.id) for each in parties]
    session.flush()


def checked(session, mailing, *, by=SYSTEM):
    mailings.check(session, mailing, by=by, at=NOON)
    assert mailing_audience.begin(session, mailing.id) is True
    after = 0
    while after is not None:
        after = mailing_audience.take(session, mailing.id, by=by, after=after, at=NOON)
    mailing_audience.finish(session, mailing.id, at=NOON)
    session.expire_all()


def rows(session, mailing):
    found = select(MailingRecipient).where(MailingRecipient.mailing_id == mailing.id).order_by(MailingRecipient.id)
    return session.scalars(found).all()


def phases(session, mailing):
    counted = select(MailingRecipient.phase, func.count()).where(MailingRecipient.mailing_id == mailing.id)
    return {phase.value: count for phase, count in session.execute(counted.group_by(MailingRecipient.phase))}


def many(session, made, count, domain="tulpen.example"):
    found = [made.party(f"Party {each}", email=f"p{each}@{domain}") for each in range(count)]
    for each in found:
        agreed(session, each)
    return found


# --- who gets it ------------------------------------------------------------------------------------------------------


def test_each_address_stands_once_and_each_exclusion_has_its_reason(session, made, mailing):
    anna = made.party("Иванова Анна", kind="person", email="Anna@Tulpen.example", language="ru", owner="manager")
    firm = made.party("Bloem", email="info@bloem.example")
    firm.contacts = [PartyContact(name="Jan de Vries", email="jan@bloem.example", language="nl")]
    twin = made.party("Anna again", email="anna@tulpen.example")
    silent = made.party("Silent", email="silent@bloem.example")
    left = made.party("Left", email="left@bloem.example")
    bare = made.party("Bare")
    gone = made.party("Gone", email="gone@bloem.example")
    listed = made.party("Listed", email="listed@bloem.example")
    session.flush()
    for each in (anna, firm, twin, left, gone, listed):
        agreed(session, each)
    agreed(session, firm, contact_id=firm.contacts[0].id)
    agreed(session, left, state=ConsentState.withdrawn, at=NOON - timedelta(days=1))
    gone.archived_at = NOON
    suppression.add(session, ContactChannel.email, "listed@bloem.example", SuppressionReason.complained, at=NOON)
    chosen(session, mailing, anna, firm, twin, silent, left, bare, gone, listed)
    checked(session, mailing)
    assert [
        (row.party_id, row.address, row.phase.value, row.reason and row.reason.value) for row in rows(session, mailing)
    ] == [
        (anna.id, "anna@tulpen.example", "queued", None),
        (firm.id, "info@bloem.example", "queued", None),
        (firm.id, "jan@bloem.example", "queued", None),
        (twin.id, None, "excluded", "duplicate"),
        (silent.id, "silent@bloem.example", "excluded", "no_consent"),
        (left.id, "left@bloem.example", "excluded", "opted_out"),
        (bare.id, None, "excluded", "no_address"),
        (gone.id, "gone@bloem.example", "excluded", "archived"),
        (listed.id, "listed@bloem.example", "excluded", "suppressed"),
    ]
    first, second, third = rows(session, mailing)[:3]
    assert (first.words, first.language, first.domain) == (
        {
            "name": "Иванова Анна",
            "first name": "Анна",
            "manager": "Mark Manager",
            "organisation": "Grachten Handel B.V.",
        },
        "ru",
        "tulpen.example",
    )
    assert second.words == {"company": "Bloem", "organisation": "Grachten Handel B.V."}
    assert (third.name, third.language, third.words["first name"]) == ("Jan de Vries", "nl", "Jan")
    assert (mailing.state, mailing.checked_at) == (MailingState.checked, NOON)


def test_a_service_message_needs_no_consent_and_goes_to_one_of_each(session, made, mailing):
    firm = made.party("Bloem", email="info@bloem.example")
    firm.contacts = [PartyContact(name="Jan", email="jan@bloem.example")]
    people = made.party("People")
    people.contacts = [PartyContact(name="Piet", email="piet@people.example")]
    session.flush()
    mailing.kind = MailingKind.service
    chosen(session, mailing, firm, people)
    checked(session, mailing)
    assert [row.address for row in rows(session, mailing)] == ["info@bloem.example", "piet@people.example"]


def test_a_tag_and_a_list_together_in_portions(session, made, mailing, monkeypatch):
    monkeypatch.setattr(mailing_audience, "PORTION", 3)
    parties = many(session, made, 8)
    tag = Tag(name="Spring", name_key="spring")
    session.add(tag)
    session.flush()
    for each in parties[:5]:
        session.add(Tagging(tag_id=tag.id, entity="party", record_id=each.id))
    mailing.tag = tag
    chosen(session, mailing, *parties[3:])
    checked(session, mailing)
    assert [row.party_id for row in rows(session, mailing)] == [each.id for each in parties]


def test_a_segment_goes_to_its_members_as_whoever_checks_sees_them(session, made, mailing):
    where = ("NL", "BE", "NL")
    firms = [made.party(f"Firm {at}", country=each, email=f"{at}@firm.example") for at, each in enumerate(where)]
    for firm in firms:
        agreed(session, firm)
    asked = {"version": 1, "all": [{"field": "country", "is": "eq", "value": "NL"}]}
    mailing.segment = Segment(name="Dutch", definition=asked)
    segments.save(session, mailing.segment)
    session.flush()
    checked(session, mailing)
    assert [row.party_id for row in rows(session, mailing)] == [firms[0].id, firms[2].id]


def test_who_checks_writes_to_nobody_whom_he_does_not_see(session, made, mailing):
    mine, foreign = (
        made.party("Mine", owner="manager", email="a@a.example"),
        made.party("Foreign", owner="manager2", email="b@b.example"),
    )
    for each in (mine, foreign):
        agreed(session, each)
    chosen(session, mailing, mine, foreign)
    person = made.user("manager")
    by = access.actor_of(session, user_id=person.id, name="manager", roles={role.name for role in person.roles})
    checked(session, mailing, by=by)
    assert [row.address for row in rows(session, mailing)] == ["a@a.example"]


def test_words_of_people_cannot_become_a_head(session, made, mailing):
    party = made.party("Evil", kind="person", email="evil@evil.example")
    party.name = "=?utf-8?B?Qmw=?= \u2028Bcc: x"
    session.flush()
    agreed(session, party)
    chosen(session, mailing, party)
    checked(session, mailing)
    assert rows(session, mailing)[0].words["name"] == "= ?utf-8?B?Qmw= ? = Bcc: x"


def test_the_held_out_are_drawn_by_the_seed_and_the_same_again(session, made, mailing):
    parties = many(session, made, 60)
    mailing.holdout_percent = 25
    chosen(session, mailing, *parties)
    checked(session, mailing)
    held = {row.party_id for row in rows(session, mailing) if row.phase is RecipientPhase.held_out}
    assert held == {each.id for each in parties if mailing_audience.is_held_out(mailing, each.id)}
    assert phases(session, mailing) == {"held_out": len(held), "queued": 60 - len(held)}
    mailing.seed = "0" * 32
    drawn = sum(mailing_audience.is_held_out(mailing, each) for each in range(20_000))
    assert abs(drawn - 5000) < 250  # four standard deviations of a quarter of them


# --- its way ----------------------------------------------------------------------------------------------------------


def test_a_check_says_what_is_missing_and_changes_nothing(session, mailing, us, template):
    us.street, template.is_active = None, False
    with pytest.raises(Refusals) as refused:
        mailings.check(session, mailing, by=SYSTEM, at=NOON)
    assert refused.value.errors == {
        "tag": ["Say to whom it goes: a tag, a segment, or counterparties one by one"],
        "template": ["This template is out of use"],
        "organisation": ["The law wants the address of the sender in each mail: give it to your company"],
    }
    assert (mailing.state, mailing.version_id) == (MailingState.draft, None)


@pytest.fixture
def picture(session, app, template):
    found = attachments.store(
        session,
        io.BytesIO(b"\x89PNG\r\n\x1a\n"),
        files=app.config["CRM_VAR"] / "files",
        name="a.png",
        media_type="image/png",
        entity="mail_template",
        record_id=template.id,
        at=NOON,
        by_id=None,
    )
    template.blocks.append(MailTemplateBlock(language="en", kind=BlockKind.image, file="a.png", position=2))
    mail_template.save(session, template)
    return found


def test_a_picture_has_a_public_address_in_the_letters_and_stays_as_long_as_they_may_show_it(
    session, made, mailing, picture
):
    chosen(session, mailing, *many(session, made, 1))
    mailings.check(session, mailing, by=SYSTEM, at=NOON)
    frame = mailing_frame.of(session, mailing.id)
    assert frame.pictures == {picture.id: f"{frame.public_url}/m/{mail_picture.token(picture)}"}
    assert frame.around("en").pictures == frame.pictures
    marketer = session.scalars(select(User).where(User.username == "marketer")).unique().one()
    picture.created_by_id = marketer.id
    by = access.actor_of(session, user_id=picture.created_by_id, name="marketer", roles=["Marketer"])
    with pytest.raises(DomainError, match="stands on this file"):
        attachments.remove(session, picture, by=by)
    mailings.reopen(session, mailing)
    attachments.remove(session, picture, by=by)
    with pytest.raises(Refusals) as refused:
        mailings.check(session, mailing, by=SYSTEM, at=NOON)
    assert refused.value.errors == {
        "template": ["A picture of this template is gone, or too large: open the template and save it"]
    }
    assert mailing.state is MailingState.draft


def test_a_picture_that_is_too_large_is_refused_at_its_row(session, template, picture):
    picture.size = mail_template.LARGEST_PICTURE + 1
    with pytest.raises(Refusals) as refused:
        mail_template.save(session, template)
    number = len(template.blocks) - 1
    assert refused.value.errors == {f"blocks-{number}-file": ["This picture has more than 1000 KB: make it smaller"]}


def test_numbers_that_no_mailing_has_are_refused_by_field(session, mailing):
    mailing.holdout_percent, mailing.attribution_days, mailing.window_from, mailing.window_to = 51, 0, 20, 8
    mailing.per_hour, mailing.name = 0, " "
    with pytest.raises(Refusals) as refused:
        mailings.save(session, mailing)
    assert refused.value.errors == {
        "name": ["A mailing needs a name"],
        "holdout_percent": ["A number from 0 to 50"],
        "attribution_days": ["A number from 1 to 365"],
        "per_hour": ["A number from 1 to 1000000"],
        "window_to": ["The end comes after the beginning"],
    }


def test_what_was_checked_is_not_changed_and_is_forgotten_as_a_draft(session, made, mailing, template):
    chosen(session, mailing, *many(session, made, 2))
    checked(session, mailing)
    with pytest.raises(DomainError, match="Only a draft can be changed"):
        mailings.save(session, mailing)
    template.texts[0].subject = "Lilies"
    mail_template.save(session, template)
    assert mailing.content.content["languages"]["en"]["subject"] == "Tulips", "the version that was checked"
    mailings.schedule(session, mailing, due_at=NOON + timedelta(hours=1), at=NOON)
    mailings.reopen(session, mailing)
    assert (mailing.state, mailing.version_id, mailing.due_at, phases(session, mailing)) == (
        MailingState.draft,
        None,
        None,
        {},
    )


def test_a_mailing_starts_when_it_is_due_and_not_before(session, made, mailing):
    chosen(session, mailing, *many(session, made, 1))
    checked(session, mailing)
    with pytest.raises(DomainError, match="This moment is past"):
        mailings.schedule(session, mailing, due_at=NOON, at=NOON)
    mailings.schedule(session, mailing, due_at=NOON + timedelta(hours=1), at=NOON)
    ledger.tend(session, at=NOON)
    assert mailing.state is MailingState.scheduled
    ledger.tend(session, at=NOON + timedelta(hours=1))
    session.expire_all()
    assert mailing.state is MailingState.sending
    topics = select(Outbox.topic).where(Outbox.record_id == mailing.id).order_by(Outbox.id)
    assert session.scalars(topics).all() == ["mailing.check", "mailing.send"]


def test_nobody_left_and_text_messages_are_not_started(session, made, mailing):
    chosen(session, mailing, made.party("Bare"))
    checked(session, mailing)
    with pytest.raises(DomainError, match="Nobody is left to write to"):
        mailings.start(session, mailing, at=NOON)
    assert mailing.state is MailingState.checked


# --- the ledger -------------------------------------------------------------------------------------------------------


@pytest.fixture
def sending(session, made, mailing):
    chosen(session, mailing, *many(session, made, 6))
    checked(session, mailing)
    mailings.start(session, mailing, at=NOON)
    return mailing


def settle(session, mailing, claims, outcome, token="t", **values):
    results = [(one, Result(recipient_id=one.id, outcome=outcome, answer="250 ok", **values)) for one in claims]
    count = ledger.settle(session, mailing, results, token=token, at=NOON)
    session.expire_all()
    return count


def test_each_step_is_fenced_by_its_token(session, sending):
    claims = ledger.claim(session, sending, token="t", at=NOON, most=4)
    assert [one.passed.address for one in claims] == [f"p{each}@tulpen.example" for each in range(4)]
    assert len(ledger.claim(session, sending, token="u", at=NOON, most=4)) == 2
    keys = [one.id for one in claims]
    assert ledger.hand_over(session, sending.id, keys, token="u", at=NOON) == []
    assert sorted(ledger.hand_over(session, sending.id, keys[:3], token="t", at=NOON)) == keys[:3]
    assert settle(session, sending, claims, Outcome.sent, token="u") == 0
    assert settle(session, sending, claims, Outcome.sent) == 3
    assert phases(session, sending) == {"sent": 3, "claimed": 3}
    assert session.scalar(select(func.count(ContactMade.id))) == 3
    ledger.release(session, sending.id, token="t")
    ledger.release(session, sending.id, token="u")
    assert phases(session, sending) == {"sent": 3, "queued": 3}
    session.expire_all()
    assert [row.tries for row in rows(session, sending)] == [1, 1, 1, 0, 0, 0]


def test_a_pause_stops_before_the_next_hand_over(session, sending):
    claims = ledger.claim(session, sending, token="t", at=NOON, most=2)
    mailings.pause(session, sending)
    assert ledger.hand_over(session, sending.id, [one.id for one in claims], token="t", at=NOON) == []
    assert ledger.claim(session, sending, token="u", at=NOON, most=2) == []
    ledger.release(session, sending.id, token="t")
    mailings.cancel(session, sending, at=NOON)
    assert phases(session, sending) == {"skipped": 6}


def test_what_a_crash_leaves_waits_again_or_is_a_doubt_until_somebody_decides(session, sending):
    claims = ledger.claim(session, sending, token="t", at=NOON, most=3)
    ledger.hand_over(session, sending.id, [claims[0].id], token="t", at=NOON)
    assert ledger.sweep(session, at=NOON + timedelta(minutes=4)) == 0
    assert ledger.sweep(session, at=NOON + timedelta(minutes=13)) == 3
    assert phases(session, sending) == {"queued": 5, "uncertain": 1}
    left = ledger.claim(session, sending, token="v", at=NOON, most=9)
    assert claims[0].id not in {one.id for one in left}, "the default policy: not again"
    ledger.hand_over(session, sending.id, [one.id for one in left], token="v", at=NOON)
    settle(session, sending, left, Outcome.sent, token="v")
    assert ledger.go_on(session, sending.id, at=NOON) is MailingState.done
    session.expire_all()
    doubtful = session.get(MailingRecipient, claims[0].id)
    assert doubtful.answer == "The program was stopped while the letter was being sent"
    mailings.retry(session, doubtful, at=NOON)
    assert (doubtful.phase, sending.state) == (RecipientPhase.queued, MailingState.sending)


def test_who_has_unsubscribed_since_the_check_is_left_out(session, sending):
    first = rows(session, sending)[0]
    agreed(session, first.party, state=ConsentState.withdrawn, at=NOON)
    claims = ledger.claim(session, sending, token="t", at=NOON, most=9)
    assert len(claims) == 5
    session.expire_all()
    assert (first.phase, first.reason) == (RecipientPhase.excluded, NoContact.opted_out)


def test_so_many_an_hour_and_so_many_for_a_domain(session, sending):
    sending.per_hour = 4
    session.flush()
    claims = ledger.claim(session, sending, token="t", at=NOON, most=9)
    assert len(claims) == 4
    ledger.hand_over(session, sending.id, [one.id for one in claims], token="t", at=NOON)
    settle(session, sending, claims, Outcome.sent)
    assert ledger.claim(session, sending, token="t", at=NOON + timedelta(minutes=59), most=9) == []
    ledger.go_on(session, sending.id, at=NOON + timedelta(minutes=59))
    jobs = select(Outbox.due_at).where(Outbox.topic == mailings.SEND).order_by(Outbox.id.desc())
    assert session.scalars(jobs).first() == NOON + timedelta(minutes=60)
    sending.per_hour, sending.per_domain_hour = None, 1
    session.flush()
    assert len(ledger.claim(session, sending, token="u", at=NOON + timedelta(minutes=61), most=9)) == 1
    assert phases(session, sending) == {"sent": 4, "claimed": 1, "queued": 1}


def test_not_now_waits_longer_each_time_and_then_is_refused(session, sending):
    [one] = ledger.claim(session, sending, token="t", at=NOON, most=1)
    waits = []
    for tries in range(1, 7):
        result = ledger.put_off(ledger.Claimed(**vars(one) | {"tries": tries}), "451 busy", at=NOON, factor=1.0)
        waits.append(result.due_at and (result.due_at - NOON) // timedelta(minutes=1))
    assert waits == [1, 5, 15, 60, 240, None]
    assert result.outcome is Outcome.refused
    ledger.hand_over(session, sending.id, [one.id], token="t", at=NOON)
    settle(session, sending, [one], Outcome.later, due_at=NOON + timedelta(minutes=5))
    found = session.get(MailingRecipient, one.id)
    assert (found.phase, found.due_at, found.handed_at) == (RecipientPhase.queued, NOON + timedelta(minutes=5), None)


def test_hours_of_the_day_are_those_of_our_company(session, sending):
    sending.window_from, sending.window_to = 9, 18
    night = datetime(2026, 7, 1, 20, 30, tzinfo=UTC)  # 22:30 in Amsterdam
    assert mailings.opening(sending, at=night) == datetime(2026, 7, 2, 7, tzinfo=UTC)
    assert mailings.opening(sending, at=datetime(2026, 7, 1, 5, tzinfo=UTC)) == datetime(2026, 7, 1, 7, tzinfo=UTC)
    assert mailings.opening(sending, at=datetime(2026, 7, 1, 7, tzinfo=UTC)) == datetime(2026, 7, 1, 7, tzinfo=UTC)
    session.flush()
    assert ledger.claim(session, sending, token="t", at=night, most=9) == []


def test_forged_links_mean_nothing(session):
    good = mailing_link.token(mailing_link.CLICK, 17, 3)
    assert vars(mailing_link.read(good)) == {"act": "c", "recipient_id": 17, "number": 3}
    for forged in (
        good.replace("c17", "c18"),
        good.replace("c17", "o17"),
        good[:-1],
        good + "0",
        "",
        "c١٧-3-" + good[-24:],
    ):
        assert mailing_link.read(forged) is None
    number = mailing_link.message_id(17, host="crm.example")
    assert mailing_link.of_message_id(number) == 17
    assert mailing_link.of_message_id(number.replace(".17.", ".18.")) is None
