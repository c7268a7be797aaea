"""The preview of mailings on their cards: one recipient after another, the page that loads nothing, trying it out."""

import base64
import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, func, select

from app import clock
from app.models.mail_template import BlockKind, MailingChannel, MailTemplate, MailTemplateBlock, MailTemplateText
from app.models.mailing import Mailing, MailingKind, MailingParty, MailingRecipient, RecipientPhase
from app.outbox import Outbox
from app.services import access, mail_picture, mail_template, mailing_audience, mailing_link
from app.services import attachment as attachments
from app.services import mailing as mailings
from app.services import mailing_trial as trials
from tests.attack import attack
from tests.mail import office

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def mail_is_set_up():
    with office():
        yield


@pytest.fixture
def mailing(session, made):
    us = made.organisation("Grachten Handel", email="office@grachten.example")
    template = MailTemplate(name="Spring", channel=MailingChannel.email)
    template.texts = [
        MailTemplateText(language="en", subject="Tulips for {first name|you}"),
        MailTemplateText(language="nl", subject="Tulpen voor {first name|u}"),
    ]
    template.blocks = [
        MailTemplateBlock(language=code, kind=BlockKind.text, text="<script>alert(1)</script> {company|yours}")
        for code in ("en", "nl")
    ]
    mail_template.save(session, template)
    found = Mailing(name="Spring", kind=MailingKind.service, organisation=us, template=template)
    parties = [made.party(name, email=f"{name.lower()}@tulpen.example", language="en") for name in ("Aster", "Bloem")]
    found.parties = [MailingParty(party_id=each.id) for each in parties]
    mailings.save(session, found)
    session.commit()
    return found


@pytest.fixture
def checked(session, mailing):
    mailings.check(session, mailing, by=access.SYSTEM, at=NOON)
    mailing_audience.begin(session, mailing.id)
    mailing_audience.take(session, mailing.id, by=access.SYSTEM, after=0, at=NOON)
    mailing_audience.finish(session, mailing.id, at=NOON)
    session.commit()
    return mailing


def test_one_steps_through_the_recipients(as_user, session, checked):
    marketer = as_user("marketer")
    marketer.get(f"/mailing/{checked.id}/tab/preview")  # that he looks is noted once an hour
    counted = []
    event.listen(session.connection(), "before_cursor_execute", lambda *_given: counted.append(_given[2]))
    page = marketer.get(f"/mailing/{checked.id}/tab/preview").get_data(as_text=True)
    assert len([each for each in counted if each.startswith("SELECT")]) <= 12
    assert "<strong>Aster</strong>" in page
    assert "Tulips for <mark>you</mark>" in page
    assert "first name → <mark>you</mark>" in page
    [after] = re.findall(r'rel="next" href="([^"]+)"', page)
    shown = marketer.get(after.replace("&amp;", "&")).get_data(as_text=True)
    assert "<strong>Bloem</strong>" in shown
    assert 'rel="prev"' in shown
    assert 'rel="next"' not in shown
    nobody = marketer.get(f"/mailing/show/{checked.id}?tab=preview&q=Nobody").get_data(as_text=True)
    assert "Nobody of this name is among them" in nobody
    assert "<strong>Aster</strong>" in nobody


def test_a_draft_and_a_template_are_shown_in_each_language(as_user, mailing):
    marketer = as_user("marketer")
    page = marketer.get(f"/mailing/show/{mailing.id}?tab=preview&language=nl&q=bloem").get_data(as_text=True)
    assert "<strong>Bloem</strong>" in page
    assert "Tulpen voor <mark>u</mark>" in page
    page = marketer.get(f"/mail_template/{mailing.template_id}/tab/preview").get_data(as_text=True)
    assert "<strong>Aster</strong>" in page


@attack(206, "a template that brings a script into the preview of its letters")
def test_the_page_of_a_letter_loads_and_runs_nothing(as_user, checked):
    answer = as_user("marketer").get(f"/mailing/{checked.id}/letter?language=nl")
    assert answer.mimetype == "text/html"
    assert answer.headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'self'"
    )
    page = answer.get_data(as_text=True)
    assert "&lt;script&gt;alert(1)&lt;/script&gt; Aster" in page
    assert "<script" not in page
    assert "<iframe" not in page
    shown = as_user("marketer").get(f"/mailing/show/{checked.id}?tab=preview").get_data(as_text=True)
    assert re.findall(r"<iframe [^>]*?sandbox ", shown) != []


def test_nobody_looks_at_it_without_the_right(as_user, checked):
    manager = as_user("manager")
    assert manager.get(f"/mailing/{checked.id}/letter").status_code == 403
    assert manager.get(f"/mailing/{checked.id}/tab/preview").status_code == 403
    marketer = as_user("marketer")
    assert marketer.get(f"/mailing/{checked.id}/letter?who=999999").status_code == 404
    assert marketer.get("/mailing/999999/letter").status_code == 404


def test_a_letter_is_tried_out_from_the_card(as_user, session, checked):
    marketer = as_user("marketer")
    place = f"/mailing/{checked.id}/try_letter?tab=preview&language=nl"
    refused = marketer.post(place, {"to": "stranger@x.example"})
    page = refused.get_data(as_text=True)
    assert refused.status_code == 422
    assert 'value="stranger@x.example"' in page
    assert "belongs to none of our accounts" in page
    assert "Tulpen voor <mark>u</mark>" in page
    answer = marketer.post(place, {"to": ""})
    assert (answer.status_code, answer.headers["Location"]) == (
        303,
        f"/mailing/show/{checked.id}?tab=preview&language=nl",
    )
    job = session.scalars(select(Outbox).where(Outbox.topic == trials.TOPIC)).one()
    assert (job.record_id, job.payload["language"]) == (checked.id, "nl")
    assert marketer.post(f"/mail_template/{checked.template_id}/try_letter?tab=preview").status_code == 303
    assert as_user("manager").post(place).status_code == 403
    assert session.scalar(select(func.count()).where(Outbox.topic == trials.TOPIC)) == 2


def test_the_card_follows_the_sending_and_offers_to_pause_it(as_user, session, checked):
    marketer = as_user("marketer")
    place = f"/mailing/progress/{checked.id}"
    assert marketer.get(place).json["over"] is True
    mailings.start(session, checked, at=clock.now() - timedelta(minutes=2))
    first = session.scalars(select(MailingRecipient).order_by(MailingRecipient.id)).first()
    first.phase, first.handed_at, first.sent_at = RecipientPhase.sent, clock.now(), clock.now()
    session.commit()
    told = {"percent": 50, "text": "1 sent, 0 failed, 1 left · 0 a minute", "over": False}
    found = marketer.get(place).json
    assert found | {"text": re.sub(r"\d+ a minute", "0 a minute", found["text"])} == told
    card = marketer.get(f"/mailing/show/{checked.id}").get_data(as_text=True)
    assert f'id="bulk-progress" data-url="{place}"' in card
    assert 'type="submit" form="act-pause"' in card
    assert 'id="act-pause"' in card
    assert marketer.post(f"/mailing/{checked.id}/pause").status_code == 302
    session.expire_all()
    assert marketer.get(place).json["over"] is True
    card = marketer.get(f"/mailing/show/{checked.id}").get_data(as_text=True)
    assert 'id="bulk-progress"' not in card
    assert 'type="submit" form="act-start"' in card
    assert as_user("manager").get(place).status_code in {302, 403}
    auditor = as_user("auditor").get(f"/mailing/show/{checked.id}").get_data(as_text=True)
    assert 'form="act-start"' not in auditor


# --- pictures ---------------------------------------------------------------------------------------------------------

DOT = b"\x89PNG\r\n\x1a\n" + b"dot"


@pytest.fixture
def picture(app, session, mailing):
    template = mailing.template

    def store(content, **values):
        about = {"name": "a.png", "media_type": "image/png", "entity": "mail_template", "record_id": template.id}
        files = app.config["CRM_VAR"] / "files"
        return attachments.store(session, io.BytesIO(content), files=files, at=NOON, by_id=None, **about | values)

    found = store(DOT)
    template.blocks.append(MailTemplateBlock(language="en", kind=BlockKind.image, file="a.png", text="Tulips"))
    mail_template.save(session, template)
    session.commit()
    found.another = store
    return found


def test_everybody_finds_the_picture_of_a_letter_and_keeps_it(visitor, picture):
    answer = visitor.get(f"/m/{mail_picture.token(picture)}")
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "image/png", DOT)
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in answer.headers
    again = visitor.get(f"/m/{mail_picture.token(picture)}", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@attack(209, "fetching files of the company by the public address of pictures")
def test_the_address_of_a_picture_leads_to_pictures_of_templates_alone(visitor, session, mailing, picture):
    good = mail_picture.token(picture)
    others = [
        picture.another(DOT, entity="party", record_id=1),
        picture.another(b"<svg/>", media_type="image/svg+xml"),
        picture.another(b"%PDF", media_type="application/pdf"),
    ]
    session.commit()
    other = others[0]
    forged = [
        *(mail_picture.token(each) for each in others),
        good.replace(f"i{picture.id}-", f"i{other.id}-"),
        good[:-1] + ("0" if good[-1] != "0" else "1"),
        f"i{picture.id}-{mailing_link.token('c', picture.id).rpartition('-')[2]}",
        good.upper(),
    ]
    for each in forged:
        assert visitor.get(f"/m/{each}").status_code == 404, each
    picture.sha256 = "0" * 64
    session.commit()
    assert visitor.get(f"/m/{good}").status_code == 404


def test_the_preview_holds_its_pictures_itself(as_user, session, mailing, picture):
    page = as_user("marketer").get(f"/mailing/{mailing.id}/letter?language=en").get_data(as_text=True)
    assert f'src="data:image/png;base64,{base64.b64encode(DOT).decode()}" width="600"' in page
    assert "http" not in re.sub(r"https?://www\.w3\.org\S*", "", page)
