"""For whom a mailing is shown, and what stands in the letter that is shown."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.documents import mailing as layouts
from app.documents import mailing_preview as documents
from app.models.mail_template import BlockKind, MailingChannel, MailTemplate, MailTemplateBlock, MailTemplateText
from app.models.mailing import Mailing, MailingKind, MailingParty, MailingRecipient, MailingState, RecipientPhase
from app.models.party import PartyContact, PartyKind
from app.services import access, mail_template, mailing_audience, mailing_count
from app.services import mailing as mailings
from app.services import mailing_preview as previews
from app.services.mail_place import Slot
from tests.mail import office

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def mail_is_set_up():
    with office():
        yield


@pytest.fixture
def template(session):
    found = MailTemplate(name="Spring", channel=MailingChannel.email)
    found.texts = [
        MailTemplateText(language="en", subject="Tulips for {first name|you}", preheader="From {city|near you}")
    ]
    found.blocks = [
        MailTemplateBlock(language="en", kind=BlockKind.text, text="Dear {name|<friend>} of {company|yours},"),
        MailTemplateBlock(language="en", kind=BlockKind.button, text="Look", address="https://tulips.example/new"),
    ]
    mail_template.save(session, found)
    return found


@pytest.fixture
def us(made):
    return made.organisation("Grachten Handel", email="office@grachten.example")


@pytest.fixture
def mailing(session, made, us, template):
    found = Mailing(name="Spring", kind=MailingKind.service, organisation=us, template=template)
    parties = [made.party(name, email=f"{name.lower()}@tulpen.example") for name in ("Aster", "Bloem", "Calla")]
    parties.append(made.party("Bare"))
    found.parties = [MailingParty(party_id=each.id) for each in parties]
    mailings.save(session, found)
    session.flush()
    return found


def checked(session, mailing):
    mailings.check(session, mailing, by=access.SYSTEM, at=NOON)
    mailing_audience.begin(session, mailing.id)
    mailing_audience.take(session, mailing.id, by=access.SYSTEM, after=0, at=NOON)
    mailing_audience.finish(session, mailing.id, at=NOON)
    session.expire_all()


def test_recipients_come_one_after_another_without_those_left_out(session, mailing):
    assert previews.has_recipients(session, mailing) is False
    checked(session, mailing)
    assert previews.has_recipients(session, mailing) is True
    first = previews.recipient(session, mailing)
    assert (first.name, first.address, first.before, first.state) == ("Aster", "aster@tulpen.example", None, "Waiting")
    second = previews.recipient(session, mailing, key=first.after)
    third = previews.recipient(session, mailing, key=second.after)
    assert [second.name, third.name, second.before, third.after] == ["Bloem", "Calla", first.key, None]
    assert previews.recipient(session, mailing, text="CALLA@").key == third.key
    assert previews.recipient(session, mailing, text="%") is None
    assert previews.recipient(session, mailing, key=0) is None


def test_a_draft_is_shown_for_whom_it_would_go_to(session, made, mailing):
    other = made.party("Elsewhere", email="else@tulpen.example")
    of = previews.chosen(session, mailing, at=NOON)
    first = previews.party(session, mailing, of=of, sees_people=True)
    assert (first.name, first.address, first.words["company"]) == ("Aster", "aster@tulpen.example", "Aster")
    assert previews.party(session, mailing, of=of, key=other.id, sees_people=True) is None
    found = previews.party(session, mailing, of=of, keys={other.id, first.after}, sees_people=True)
    assert (found.key, found.before, found.name) == (first.after, first.key, "Bloem")


def test_a_template_is_shown_for_any_counterparty_and_contacts_only_to_who_may_see_them(session, made, us, template):
    party = made.party("Aster", email="aster@tulpen.example")
    party.contacts.append(PartyContact(name="Jan Jansen", email="aster@tulpen.example", language="nl"))
    session.flush()
    mailing = previews.as_mailing(template, us)
    assert mailing not in session
    of = previews.chosen(session, mailing, at=NOON)
    told = previews.party(session, mailing, of=of, key=party.id, sees_people=True)
    assert (told.name, told.words["first name"], told.language) == ("Jan Jansen", "Jan", "nl")
    cut = previews.party(session, mailing, of=of, key=party.id, sees_people=False)
    assert (cut.name, cut.address) == ("Aster", "")
    assert cut.words == {"company": "Aster", "organisation": us.legal_name or us.name}


def said(session, template):
    return mail_template.latest(session, template).content["languages"]["en"]


def test_what_is_not_known_is_marked_where_it_is_read(session, us, template):
    mailing = previews.as_mailing(template, us)
    words = {"company": "A & B", "city": "Breda"}
    around = previews.around(mailing, "en", {})
    seen = documents.letter(said(session, template), around, words)
    assert (seen.subject, seen.preheader) == ("Tulips for <mark>you</mark>", "From Breda")
    assert seen.text.startswith("Dear <mark>&lt;friend&gt;</mark> of A &amp; B,\n")
    assert seen.fallen == (Slot("first name", "you"), Slot("name", "<friend>"))
    page = documents.page(said(session, template), around, words)
    assert "<title>Tulips for you</title>" in page
    assert 'Dear <mark style="background:#fde68a;color:#1f2933">&lt;friend&gt;</mark> of A &amp; B,' in page
    assert 'href="https://tulips.example/new"' in page
    assert 'href="#">No more of these letters</a>' in page


def test_the_page_without_marks_is_the_one_that_is_sent(session, us, template):
    around = previews.around(previews.as_mailing(template, us), "en", {})
    words = {"name": "Ani", "first name": "Ani", "company": "A", "city": "Breda"}
    sent = layouts.written(layouts.laid_out(said(session, template), around), words | {"@unsubscribe": "#"}).html
    assert documents.page(said(session, template), around, words) == sent


def test_a_text_message_is_counted_with_its_way_out():
    seen = documents.message("Dear {name|friend}!", {}, way_out="https://x.example/m/u1")
    assert seen.text == "Dear <mark>friend</mark>!\nhttps://x.example/m/u1"
    assert (seen.length.size, seen.length.parts, seen.fallen) == (35, 1, (Slot("name", "friend"),))


def test_somebody_of_whom_nothing_is_known(session, made, us, template):
    made.party("Person", kind=PartyKind.person)
    who = previews.nobody(previews.as_mailing(template, us))
    assert (who.key, who.record, list(who.words)) == (0, None, ["organisation"])


def test_the_course_counts_what_was_meant_to_be_sent_and_how_fast(session, mailing):
    checked(session, mailing)
    rows = session.scalars(select(MailingRecipient).order_by(MailingRecipient.id)).all()
    assert [row.phase.value for row in rows] == ["queued", "queued", "queued", "excluded"]
    mailing.state, mailing.started_at = MailingState.sending, NOON - timedelta(hours=1)
    rows[0].phase, rows[0].handed_at, rows[0].sent_at = RecipientPhase.sent, NOON - timedelta(minutes=1), NOON
    rows[1].phase, rows[1].handed_at = RecipientPhase.refused, NOON - timedelta(minutes=6)
    session.flush()
    found = mailing_count.course(session, mailing, at=NOON)
    assert (found.total, found.sent, found.failed, found.left, found.percent) == (3, 1, 1, 1, 66)
    assert found.per_minute == 0  # one in five minutes
    for row in rows[:3]:
        row.handed_at = NOON - timedelta(seconds=30)
    mailing.started_at = NOON - timedelta(minutes=1, seconds=30)
    session.flush()
    assert mailing_count.course(session, mailing, at=NOON).per_minute == 2
