"""The page behind the link in a letter: nobody is signed in, looking changes nothing, one click is enough."""

import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from app.models.consent import Consent
from app.models.suppression import ContactChannel, Suppression
from app.services import preference
from app.services.preference import Whom
from tests.attack import attack

NOON = datetime(2026, 3, 31, 9, tzinfo=UTC)
CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def link(session, made):
    party = made.party("Bloem", email="info@bloem.example", language="nl")
    session.commit()
    return f"/p/{preference.token(Whom(party.id, None, ContactChannel.email, 'info@bloem.example'))}"


def standing(session):
    session.expire_all()
    consents = [(row.purpose.value, row.state.value) for row in session.scalars(select(Consent).order_by(Consent.id))]
    return consents, [row.reason.value for row in session.scalars(select(Suppression))]


def form_token(page):
    return re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)[1]


def test_one_reads_chooses_and_sees_what_was_kept(session, visitor, link):
    page = visitor.get(f"{link}?lang=en")
    body = page.get_data(as_text=True)
    assert (page.status_code, "i…@bloem.example" in body, "info@bloem" in body) == (200, True, False)
    assert (page.headers["Referrer-Policy"], page.headers["Cache-Control"]) == ("no-referrer", "no-store")
    assert standing(session) == ([], [])
    chosen = {"on": ["marketing_mail"], "language": "en", "act": "keep", "csrf_token": form_token(body)}
    kept = visitor.post(f"{link}?lang=en", data=chosen)
    assert (kept.status_code, "Kept. It holds from now on." in kept.get_data(as_text=True)) == (200, True)
    assert standing(session) == ([("marketing_mail", "given")], [])
    visitor.post(f"{link}?lang=en", data=chosen | {"act": "none"})
    assert standing(session) == ([("marketing_mail", "given"), ("marketing_mail", "withdrawn")], ["unsubscribed"])


@pytest.mark.parametrize(
    ("code", "words"),
    [("en", "What may we write to you?"), ("nl", 'lang="nl"'), ("ru", 'lang="ru"'), ("hy", 'lang="hy"')],
)
def test_the_page_speaks_four_languages(visitor, link, code, words):
    assert words in visitor.get(f"{link}?lang={code}").get_data(as_text=True)


def test_one_click_needs_no_session_and_no_token_of_a_form(session, visitor, link):
    answer = visitor.post(f"{link}/one-click", data=CLICK)
    assert (answer.status_code, answer.data) == (200, b"")
    assert standing(session) == ([], ["unsubscribed"])
    assert visitor.post(f"{link}/one-click", data=CLICK).status_code == 200
    assert standing(session) == ([], ["unsubscribed"])


@attack(182, "a link followed by a program that reads mail, or a click that nobody has asked for")
@pytest.mark.parametrize(
    ("method", "data", "status"), [("get", None, 405), ("post", {}, 422), ("post", {"x": "1"}, 422)]
)
def test_only_what_the_standard_says_is_a_click(session, visitor, link, method, data, status):
    assert getattr(visitor, method)(f"{link}/one-click", data=data).status_code == status
    visitor.get(link)
    visitor.post(link, data={"act": "none"})  # without the token of the form
    assert standing(session) == ([], [])


@attack(183, "guessing from the answers whose address is known")
def test_links_that_do_not_work_all_answer_alike(session, visitor, link, made):
    erased = made.party("Gone", email="gone@bloem.example")
    erased.anonymised_at = NOON
    session.commit()
    dead = preference.token(Whom(erased.id, None, ContactChannel.email, "gone@bloem.example"))
    tokens = [link[3:-3] + "AAA", "x", dead]
    pages = [visitor.get(f"/p/{each}?lang=en") for each in tokens]
    assert [page.status_code for page in pages] == [404] * 3
    assert len({page.get_data(as_text=True).partition("<main")[2].partition("</main>")[0] for page in pages}) == 1
    assert [visitor.post(f"/p/{each}/one-click", data=CLICK).status_code for each in tokens] == [404] * 3
    assert standing(session) == ([], [])
