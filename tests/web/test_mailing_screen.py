"""Mailings on the screen and over REST, and what the links in their letters lead to."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from app import clock
from app.models.mail_template import MailTemplate
from app.models.mailing import Mailing, MailingKind, MailingParty, MailingRecipient, MailingState, RecipientPhase
from app.models.sale_order import OrderState, SaleOrder
from app.services import access, mail_template, mailing_audience, mailing_link
from app.services import mailing as mailings
from tests.attack import attack
from tests.mail import office

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def mail_is_set_up():
    with office():
        yield


TEMPLATE = {
    "name": "Spring",
    "channel": "email",
    "is_active": "y",
    "texts-0-language": "en",
    "texts-0-subject": "Tulips for {first name|you}",
    "blocks-0-language": "en",
    "blocks-0-kind": "text",
    "blocks-0-text": "Dear {name|customer}, see https://tulips.example/all",
    "blocks-1-language": "en",
    "blocks-1-kind": "button",
    "blocks-1-text": "Look",
    "blocks-1-address": "tulips.example/new",
}


@pytest.fixture
def us(made):
    return made.organisation("Grachten Handel", email="office@grachten.example")


@pytest.fixture
def template(as_user, session):
    answer = as_user("marketer").post("/mail_template/add", TEMPLATE)
    assert answer.status_code == 302, answer.get_data(as_text=True)
    return session.scalars(select(MailTemplate)).one()


def test_a_template_is_written_and_shown_as_it_reads(as_user, template):
    card = as_user("marketer").get(f"/mail_template/show/{template.id}").get_data(as_text=True)
    assert "<strong>Tulips for you</strong>" in card
    assert "Dear customer, see https://tulips.example/all\n\nLook\nhttps://tulips.example/new</pre>" in card


def test_a_wrong_place_is_said_at_its_row_and_what_was_typed_stays(as_user, session):
    answer = as_user("marketer").post("/mail_template/add", TEMPLATE | {"blocks-0-text": "Dear {nobody}"})
    page = answer.get_data(as_text=True)
    assert (answer.status_code, session.scalars(select(MailTemplate)).all()) == (422, [])
    assert "“{nobody}” stands for nothing" in page
    assert "Dear {nobody}" in page


def checked(session, mailing):
    mailings.check(session, mailing, by=access.SYSTEM, at=NOON)
    mailing_audience.begin(session, mailing.id)
    mailing_audience.take(session, mailing.id, by=access.SYSTEM, after=0, at=NOON)
    mailing_audience.finish(session, mailing.id, at=NOON)
    session.expire_all()


def test_from_the_form_to_the_numbers_and_back(as_user, session, made, us, template):
    party, bare = made.party("Bloem", email="info@bloem.example"), made.party("Bare")
    marketer = as_user("marketer")
    given = {"name": "Spring", "kind": "service", "channel": "email", "organisation": us.id, "template": template.id}
    numbers = {"window_from": "0", "window_to": "24", "holdout_percent": "0", "attribution_days": "14"}
    chosen = {"parties-0-party": party.id, "parties-1-party": bare.id}
    answer = marketer.post("/mailing/add", given | numbers | chosen)
    assert answer.status_code == 302, answer.get_data(as_text=True)
    mailing = session.scalars(select(Mailing)).one()
    assert marketer.post(f"/mailing/{mailing.id}/check").status_code == 302
    session.expire_all()
    assert mailing.state is MailingState.checking
    mailing_audience.begin(session, mailing.id)
    mailing_audience.take(session, mailing.id, by=access.SYSTEM, after=0, at=NOON)
    mailing_audience.finish(session, mailing.id, at=NOON)
    session.commit()
    card = marketer.get(f"/mailing/show/{mailing.id}").get_data(as_text=True)
    place = f"/mailing_recipient/list/?flt.mailing.eq={mailing.id}&amp;flt"
    assert re.search(rf'<a href="{re.escape(place)}\.phase\.eq=queued">1</a>', card)
    assert re.search(rf'<a href="{re.escape(place)}\.reason\.eq=no_address">1</a>', card)
    rows = marketer.get(f"/mailing_recipient/list/?flt.mailing.eq={mailing.id}&flt.phase.eq=queued")
    assert "info@bloem.example" in rows.get_data(as_text=True)
    assert marketer.post(f"/mailing/{mailing.id}/start").status_code == 302
    answer = marketer.post(f"/mailing/{mailing.id}/pause")
    session.expire_all()
    assert (answer.status_code, mailing.state) == (302, MailingState.paused)


def test_over_rest_a_mailing_is_made_checked_and_scheduled(as_user, session, made, us, template):
    robot = as_user("admin")
    party = made.party("Bloem", email="info@bloem.example")
    given = {"name": "Spring", "kind": "service", "organisation": us.id, "template": template.id}
    answer = robot.api("post", "/api/v1/mailing/", json=given | {"parties": [{"party": party.id}]})
    assert answer.status_code == 201, answer.json
    mailing = session.get(Mailing, answer.json["id"])
    checked(session, mailing)
    due = (clock.now() + timedelta(hours=1)).isoformat()
    answer = robot.api("post", f"/api/v1/mailing/{mailing.id}/schedule", json={"due_at": due})
    session.expire_all()
    assert (answer.status_code, mailing.state) == (200, MailingState.scheduled)
    found = robot.api("get", "/api/v1/mailing_recipient/").json["result"]
    assert [(row["address"], row["phase"]) for row in found] == [("info@bloem.example", "queued")]


@pytest.fixture
def recipient(session, made, us, template):
    party = made.party("Bloem", email="info@bloem.example")
    mailing = Mailing(name="Spring", kind=MailingKind.service, organisation=us, template=template)
    mailing.parties = [MailingParty(party_id=party.id)]
    mailings.save(session, mailing)
    session.flush()
    checked(session, mailing)
    row = session.scalars(select(MailingRecipient)).one()
    row.phase, row.sent_at, row.handed_at = RecipientPhase.sent, NOON, NOON
    session.commit()
    return row


def test_a_link_leads_where_the_letter_said_and_is_counted_once(visitor, session, recipient):
    for number, place in enumerate(("https://tulips.example/all", "https://tulips.example/new")):
        answer = visitor.get(f"/m/{mailing_link.token('c', recipient.id, number)}")
        assert (answer.status_code, answer.headers["Location"]) == (302, place)
    session.expire_all()
    first = recipient.clicked_at
    assert recipient.opened_at == first is not None
    visitor.get(f"/m/{mailing_link.token('c', recipient.id, 0)}")
    session.expire_all()
    assert recipient.clicked_at == first


def test_a_picture_says_that_it_was_opened(visitor, session, recipient):
    answer = visitor.get(f"/m/{mailing_link.token('o', recipient.id)}")
    assert (answer.status_code, answer.mimetype, answer.get_data()[:6]) == (200, "image/gif", b"GIF89a")
    session.expire_all()
    assert (recipient.opened_at is not None, recipient.clicked_at) == (True, None)


@attack(187, "the redirect of a mailing used to lead to a foreign page, or to a link of another mailing")
def test_a_redirect_leads_to_nothing_but_links_of_its_own_letter(visitor, session, recipient):
    good = mailing_link.token("c", recipient.id, 0)
    forged = (
        mailing_link.token("c", recipient.id, 2),
        mailing_link.token("c", recipient.id + 1, 0),
        good.replace(f"c{recipient.id}-0", f"c{recipient.id}-1"),
        f"{good}?to=https://evil.example",
        f"https://evil.example/{good}",
        "c1-0-" + "0" * 24,
    )
    for token in forged[:3]:
        assert visitor.get(f"/m/{token}").status_code == 404
    assert visitor.get(f"/m/{forged[3]}").headers["Location"] == "https://tulips.example/all"
    for token in forged[4:]:
        assert visitor.get(f"/m/{token}").status_code == 404
    session.expire_all()


@attack(188, "marking as opened what was never sent, by a link of a mailing that waits")
def test_a_link_of_what_was_not_sent_means_nothing(visitor, session, recipient):
    recipient.phase, recipient.sent_at, recipient.handed_at = RecipientPhase.queued, None, None
    session.commit()
    assert visitor.get(f"/m/{mailing_link.token('o', recipient.id)}").status_code == 404
    session.expire_all()
    assert recipient.opened_at is None


def test_who_has_no_right_sees_and_sends_nothing(as_user, session, recipient):
    manager = as_user("manager")
    assert manager.get("/mailing/list/").status_code == 403
    assert manager.post(f"/mailing/{recipient.mailing_id}/start").status_code == 403
    assert manager.get("/mailing_recipient/list/").status_code == 403
    session.expire_all()
    assert recipient.mailing.state is MailingState.checked
    assert mail_template.latest(session, recipient.mailing.template).number == 1


@pytest.fixture
def begun(session, recipient):
    mailing = recipient.mailing
    mailing.state, mailing.started_at, mailing.holdout_percent = MailingState.sending, NOON, 10
    recipient.clicked_at = recipient.opened_at = NOON
    session.commit()
    return mailing


def test_the_card_tells_what_came_of_it_by_few_statements(as_user, begun, statements):
    marketer = as_user("marketer")
    marketer.get("/mailing/list/")
    statements.clear()
    page = marketer.get(f"/mailing/{begun.id}/tab/effect")
    asked = [each for each in statements if each.startswith("SELECT")]
    text = " ".join(re.sub(r"<[^>]+>", " ", page.get_data(as_text=True)).split())
    assert page.status_code == 200
    assert "Delivered 1 100.0 % Opened 1 100.0 % Followed a link 1 100.0 % Answered 0 0.0 %" in text
    assert "Written to 1 — — — — —" in text
    assert "Nothing is told of the orders of fewer than 30 counterparties." in text
    assert "Nobody was held out" in text
    assert len(asked) <= 12, asked


def test_over_rest_the_effect_is_told_once_it_was_begun(as_user, session, begun):
    answer = as_user("marketer").api("get", f"/api/v1/mailing/{begun.id}/effect")
    assert answer.status_code == 200, answer.json
    told = answer.json["result"]
    assert told["letters"] == {"delivered": 1, "opened": 1, "clicked": 1, "answered": 0, "unsubscribed": 0}
    assert told["written"] == {"people": 1, "buyers": None, "orders": None, "turnover": None, "per_head": None}
    assert (told["first"], told["currency"], told["is_open"], told["buying"]) == ("2026-03-31", "EUR", True, None)
    assert as_user("manager").api("get", f"/api/v1/mailing/{begun.id}/effect").status_code == 403
    assert as_user("marketer").api("get", "/api/v1/mailing/999999/effect").status_code == 404
    begun.started_at, begun.state = None, MailingState.checked
    session.commit()
    answer = as_user("marketer").api("get", f"/api/v1/mailing/{begun.id}/effect")
    assert (answer.status_code, answer.json["message"]) == (422, "Nothing was sent yet.")


def test_the_history_of_a_counterparty_tells_each_mailing_once(as_user, session, recipient, begun):
    second = MailingRecipient(mailing=begun, party=recipient.party, address="jan@bloem.example", due_at=NOON)
    second.phase, second.handed_at = RecipientPhase.uncertain, NOON + timedelta(minutes=1)
    waiting = MailingRecipient(mailing=begun, party=recipient.party, address="anna@bloem.example", due_at=NOON)
    session.add_all([second, waiting])
    session.commit()
    place = f"/party/show/{recipient.party_id}"
    page = as_user("marketer").get(place).get_data(as_text=True)
    assert page.count("happened-mailing") == 1
    assert f'<a href="/mailing/show/{begun.id}">Mailing</a>' in page
    assert "Spring · Followed a link" in page
    page = as_user("office").get(place).get_data(as_text=True)
    assert (page.count("happened-mailing"), f"/mailing/show/{begun.id}" in page) == (1, False)


def test_the_difference_to_the_held_out_is_told_with_its_interval(as_user, session, made, begun):
    parties = [made.party(f"P{each}") for each in range(60)]
    for at, party in enumerate(parties):
        row = MailingRecipient(mailing=begun, party=party, address=f"p{at}@x.example", due_at=NOON)
        row.phase = RecipientPhase.held_out if at % 2 else RecipientPhase.refused
        session.add(row)
    for party in parties[:40:2]:
        order = SaleOrder(organisation=begun.organisation, party=party, state=OrderState.confirmed, currency="EUR")
        order.ordered_on, order.net, order.gross = NOON.date(), Decimal(100), Decimal(100)
        session.add(order)
    session.commit()
    page = as_user("marketer").get(f"/mailing/{begun.id}/tab/effect").get_data(as_text=True)
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "Written to 31 20 64.5 % 20 €2,000.00 €64.52" in text
    assert "Held out 30 0 0.0 % 0 €0.00 €0.00" in text
    assert "Share of those who ordered More than without the letters +64.5 points; with 99 percent confidence" in text
    assert "Turnover of each on the average Too few to tell This takes 30 counterparties in each group" in text
    assert page.count('class="effect-range"') == 1


def test_new_records_begin_with_our_company_and_rows_have_names(as_user, session, made):
    us = made.organisation("Grachten Handel")
    session.commit()
    admin = as_user("admin")
    for stem in ("mailing", "contact_rule", "reminder_level"):
        page = admin.get(f"/{stem}/add").text
        [field] = re.findall(r'<select[^>]*name="organisation".*?</select>', page, re.DOTALL)
        assert re.findall(r'<option value="(\d+)" selected>', field) == [str(us.id)], field
    heads = re.findall(r'<th scope="col"[^>]*>([^<]+)<', admin.get("/mail_template/add").text)
    assert "First line in the list of mails" in heads
    assert "preheader" not in heads
