"""What could not be read of an arrival is told in the language of whoever looks at it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from flask import Flask
from sqlalchemy import text

from app import retold
from app.i18n import gettext as _
from app.i18n import in_language, noting
from app.models.lead import Lead, LeadArrival
from app.models.lead_source import LeadChannel, LeadSource
from app.services import intake
from app.services import lead_source as sources
from app.services.intake import About

NOW = datetime(2026, 4, 2, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def spoken(app: Flask) -> Iterator[None]:
    """Languages need an application."""
    with app.app_context():
        yield


def read_as(session, entity, key: int, code: str) -> str:
    session.expire_all()
    with in_language(code):
        return session.get_one(entity, key).error


def test_an_arrival_is_stored_in_one_language_and_read_in_another(session, made):
    source = LeadSource(name="Shop", channel=LeadChannel.api, language="ru")
    sources.save(session, source)
    session.flush()
    payload = json.dumps({"name": "Anna", "phone": "12", "email": "no address", "text": ["x"]}).encode()
    with in_language("ru"):
        taken = intake.receive(session, source, payload, at=NOW, about=About(channel=LeadChannel.api))
        session.flush()
    raw = session.scalar(text("SELECT error FROM lead"))
    assert json.loads(raw)[-1] == ["“%(name)s” is no text", {"name": "text"}]
    english = read_as(session, Lead, taken.lead.id, "en")
    russian = read_as(session, Lead, taken.lead.id, "ru")
    assert english.endswith("; “text” is no text")
    assert english.startswith("phone: ")
    with in_language("ru"):
        assert russian.endswith("; " + _("“%(name)s” is no text", name="text"))
    assert (english != russian, russian.startswith("phone: ")) == (True, True)
    assert read_as(session, LeadArrival, taken.arrival.id, "en") == english
    taken.lead.error = taken.lead.error  # what was read is stored as it was, not as it was told
    session.flush()
    assert session.scalar(text("SELECT error FROM lead")) == raw


def test_what_was_stored_before_and_what_nobody_translated_stays_as_it_is():
    assert retold.read("телефон: слишком короткий") == "телефон: слишком короткий"
    assert retold.read("[[not json") == "[[not json"
    assert retold.read('[["%(gone)s", {"other": 1}]]') == '[["%(gone)s", {"other": 1}]]'
    assert retold.told([], {}) is None
    plain = retold.told(["as it came"], {})
    assert (plain, isinstance(plain, retold.Told)) == ("as it came", False)


def test_a_text_within_a_text_is_told_again_too():
    with in_language("nl"), noting() as noted:
        inner = _("This is no JSON")
        kept = retold.told([_("The sender cannot be read: %(why)s", why=inner)], noted)
    assert isinstance(kept, retold.Told)
    with in_language("en"):
        assert retold.read(kept.kept) == "The sender cannot be read: This is no JSON"


def test_what_is_too_long_to_keep_loses_its_end_and_stays_readable():
    with in_language("en"), noting() as noted:
        texts = [_("“%(name)s” is no text", name=f"{at}" * 40) for at in range(10)]
    kept = retold.told(texts, noted)
    assert isinstance(kept, retold.Told)
    assert len(kept.kept) <= retold.LENGTH
    assert retold.read(kept.kept) == "; ".join(texts[: len(json.loads(kept.kept))])
