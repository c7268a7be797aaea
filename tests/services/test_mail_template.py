"""Templates of mailings: their rules by field, a version for each change, and what a mail looks like."""

import io
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from app.documents import mailing as documents
from app.errors import Refusals
from app.models.mail_template import (
    BlockKind,
    MailingChannel,
    MailTemplate,
    MailTemplateBlock,
    MailTemplateText,
    MailTemplateVersion,
)
from app.services import attachment, mail_template
from app.services.mailing_frame import Around

NOON = datetime(2026, 3, 31, 9, tzinfo=UTC)


def block(kind, text=None, language="en", **more):
    return MailTemplateBlock(kind=BlockKind(kind), text=text, language=language, **more)


def template(*blocks, **values):
    given = {"name": "Spring", "channel": MailingChannel.email} | values
    made = MailTemplate(**given)
    made.texts = [MailTemplateText(language="en", subject="Tulips for {first name|you}", preheader="New & early")]
    made.blocks = list(blocks) or [block("text", "Dear {first name|customer}")]
    return made


def around(**values):
    given = {"language": "en", "sender": "Kanal", "legal": "Kanal B.V., Gracht 1, Amsterdam", "unsubscribe": ""}
    return Around(**given | {"pictures": {}, "opens": False} | values)


def layout(session, made, **values):
    content = mail_template.latest(session, made).content
    return documents.laid_out(content["languages"]["en"], around(**values))


def test_every_change_makes_a_version_and_saving_the_same_none(session):
    made = template()
    mail_template.save(session, made)
    assert (made.number, mail_template.latest(session, made).content["languages"]["en"]) == (
        1,
        {
            "subject": "Tulips for {first name|you}",
            "preheader": "New & early",
            "message": None,
            "blocks": [{"kind": "text", "text": "Dear {first name|customer}", "address": None}],
        },
    )
    mail_template.save(session, made)
    assert made.number == 1
    made.texts[0].subject = "Lilies"
    mail_template.save(session, made)
    assert made.number == 2
    assert session.scalar(select(func.count(MailTemplateVersion.id))) == 2
    first = session.scalars(select(MailTemplateVersion).where(MailTemplateVersion.number == 1)).one()
    assert first.content["languages"]["en"]["subject"] == "Tulips for {first name|you}"


def test_blocks_may_change_places(session):
    made = template(block("heading", "One"), block("text", "Two"), block("divider"))
    mail_template.save(session, made)
    made.blocks = [made.blocks[2], made.blocks[0], made.blocks[1]]
    mail_template.save(session, made)
    assert [(each.position, each.kind.value) for each in made.blocks] == [(1, "divider"), (2, "heading"), (3, "text")]
    assert made.number == 2


def test_what_is_wrong_is_said_at_its_row_and_nothing_is_kept(session):
    made = template(
        block("text", "Dear {nobody|x}"),
        block("button", "Look", address="javascript:alert(1)"),
        block("button", "Look"),
        block("heading"),
        block("image"),
        block("product"),
        block("text", "Hallo", language="nl"),
    )
    made.texts[0].subject = "Tulips\r\nBcc: all@example.org"
    with pytest.raises(Refusals) as refused:
        mail_template.save(session, made)
    known = "{name}, {first name}, {company}, {city}, {manager}, {organisation}, {occasion}, {day}"
    assert refused.value.errors == {
        "texts-0-subject": ["Line breaks and control characters cannot stand in the head of a letter"],
        "blocks-0-text": ["“{nobody}” stands for nothing; these do: " + known],
        "blocks-1-address": ["A web address begins with http:// or https://"],
        "blocks-2-address": ["Say where the button leads"],
        "blocks-3-text": ["This is needed"],
        "blocks-4-file": ["Name a picture among the files of this template"],
        "blocks-5-product": ["This is needed"],
        "blocks": ["Each language has a subject and blocks; one of both is missing: nl"],
    }
    assert session.scalar(select(func.count(MailTemplate.id))) == 0


def test_a_text_message_has_words_and_no_blocks(session):
    made = MailTemplate(name="Reminder", channel=MailingChannel.sms, blocks=[block("text", "x")])
    made.texts = [MailTemplateText(language="ru")]
    with pytest.raises(Refusals) as refused:
        mail_template.save(session, made)
    assert refused.value.errors == {
        "texts-0-message": ["This is needed"],
        "blocks": ["A text message has no blocks"],
    }
    made.blocks, made.texts[0].message = [], "Ждём вас, {first name|друг}"
    mail_template.save(session, made)
    assert mail_template.latest(session, made).content["languages"]["ru"]["message"] == "Ждём вас, {first name|друг}"


def test_a_picture_is_one_of_the_files_of_the_template(session, app):
    made = template(block("text", "Look"))
    mail_template.save(session, made)
    made.blocks.append(block("image", "Tulips", file="tulips.png"))
    with pytest.raises(Refusals) as refused:
        mail_template.save(session, made)
    assert refused.value.errors == {
        "blocks-1-file": ["There is no picture of this name among the files of this template"]
    }
    stored = attachment.store(
        session,
        io.BytesIO(b"\x89PNG\r\n\x1a\n"),
        files=app.config["CRM_VAR"] / "files",
        name="tulips.png",
        media_type="image/png",
        entity="mail_template",
        record_id=made.id,
        at=NOON,
        by_id=None,
    )
    mail_template.save(session, made)
    shown = documents.written(layout(session, made, pictures={stored.id: "https://crm.example/p"}), {})
    assert '<img src="https://crm.example/p" width="600"' in shown.html
    assert 'alt="Tulips">' in shown.html


def test_words_are_escaped_in_the_page_and_plain_in_the_text(session):
    made = template(block("text", "Dear {first name|customer} & <all>"))
    mail_template.save(session, made)
    shown = documents.written(layout(session, made), {"first name": "<script>alert(1)</script>"})
    assert "<script>" not in shown.html
    assert "Dear &lt;script&gt;alert(1)&lt;/script&gt; &amp; &lt;all&gt;</p>" in shown.html
    assert shown.text == ("Dear <script>alert(1)</script> & <all>\n\n-- \nKanal B.V., Gracht 1, Amsterdam\n")
    assert shown.subject == "Tulips for <script>alert(1)</script>"


def test_links_lead_through_us_only_when_they_are_given(session):
    made = template(
        block("text", "See https://tulips.example/a?b=1&c=2."),
        block("button", "Look", address="https://tulips.example/new"),
        block("columns", "Left\n---\nRight"),
    )
    mail_template.save(session, made)
    found = layout(session, made, unsubscribe="No more", opens=True)
    assert found.links == ("https://tulips.example/a?b=1&c=2", "https://tulips.example/new")
    plain = documents.written(
        found, {"@unsubscribe": "https://crm.example/m/u1", "@opened": "https://crm.example/m/o1"}
    )
    assert 'href="https://tulips.example/a?b=1&amp;c=2">https://tulips.example/a?b=1&amp;c=2</a>.' in plain.html
    assert 'src="https://crm.example/m/o1">' in plain.html
    assert plain.text == (
        "See https://tulips.example/a?b=1&c=2.\n\nLook\nhttps://tulips.example/new\n\nLeft\nRight\n\n"
        "-- \nKanal B.V., Gracht 1, Amsterdam\nNo more: https://crm.example/m/u1\n"
    )
    led = documents.written(found, {"@link 0": "https://crm.example/m/c0", "@link 1": "https://crm.example/m/c1"})
    assert 'href="https://crm.example/m/c0">https://tulips.example/a?b=1&amp;c=2</a>.' in led.html
    assert "tulips.example/new" not in led.html


def test_a_mail_that_would_be_cut_off_says_so(session):
    made = template(*(block("text", "x" * 5000) for _ in range(20)))
    mail_template.save(session, made)
    assert documents.written(layout(session, made), {}).is_clipped is True
    made.blocks = made.blocks[:2]
    mail_template.save(session, made)
    assert documents.written(layout(session, made), {}).is_clipped is False
