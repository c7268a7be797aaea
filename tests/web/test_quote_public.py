"""The customer's page of a quote: read and answered by whoever has the link, and by nobody else."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest

from app import clock
from app.models.quote import Quote, QuoteLine, QuoteState
from app.services import quote as quotes
from app.services import quote_link as links
from app.web import often
from tests.attack import attack

AGREED = {"name": "Anna de Vries", "agreed": "y"}


@pytest.fixture
def quote(session, made) -> Quote:
    made_one = Quote(organisation=made.organisation(), party=made.buyer(language="nl"), edition=1, note="Tot ziens")
    made_one.lines = [QuoteLine(product=made.product("Tulpenbol"), quantity=Decimal(3))]
    quotes.save(session, made_one)
    session.flush()
    quotes.release(session, made_one, at=clock.now())
    session.commit()
    return made_one


def page_of(quote: Quote) -> str:
    return links.url(quote, public_url="") or ""


def send(visitor, quote: Quote, verb: str, data: dict[str, str], path: str = ""):
    address = path or page_of(quote)
    return visitor.client.post(f"{address}/{verb}", data=data | {"csrf_token": visitor.token("/login/")})


def standing(session, quote: Quote) -> tuple[str, str | None]:
    session.expire_all()
    return str(quote.state), quote.answered_name


def test_the_page_says_what_is_offered_in_the_customers_language_and_three_others(visitor, quote):
    answer = visitor.get(page_of(quote))
    assert answer.status_code == 200
    assert '<html lang="nl"' in answer.text
    for told in ("Tulpenbol", "Grachten Handel", "36,30", "Tot ziens", str(quote)):
        assert told in answer.text
    for code in ("en", "ru", "hy"):
        assert f'<html lang="{code}"' in visitor.get(f"{page_of(quote)}?lang={code}").text


def test_the_page_is_kept_nowhere_and_listed_nowhere(visitor, quote):
    for address in (page_of(quote), "/q/" + "0" * 64):
        headers = visitor.get(address).headers
        assert headers["X-Robots-Tag"] == "noindex, nofollow, noarchive"
        assert (headers["Referrer-Policy"], headers["Cache-Control"]) == ("no-referrer", "no-store")


def test_the_customer_accepts_with_a_name_and_a_tick(visitor, session, quote):
    for given, missing in (({}, "name"), ({"name": "Anna"}, "agreed"), ({"agreed": "y"}, "name")):
        refused = send(visitor, quote, "accept", given)
        assert refused.status_code == 422
        assert f'data-field="{missing}"' in refused.text
    assert standing(session, quote) == ("sent", None)
    kept = send(visitor, quote, "accept", {"name": "Anna de Vries"}).text
    assert 'value="Anna de Vries"' in kept
    done = send(visitor, quote, "accept", AGREED)
    assert done.status_code == 200
    assert standing(session, quote) == ("accepted", "Anna de Vries")
    assert (quote.answered_address, quote.answered_agent[:8]) == ("127.0.0.1", "Werkzeug")


def test_the_customer_declines_with_a_reason(visitor, session, quote):
    assert send(visitor, quote, "reject", {"name": "Anna"}).status_code == 422
    assert standing(session, quote) == ("sent", None)
    assert send(visitor, quote, "reject", {"name": "Anna", "reason": "Te duur"}).status_code == 200
    assert (standing(session, quote), quote.rejected_reason) == (("rejected", "Anna"), "Te duur")


@attack(147, "a second answer by a quote's link")
def test_a_link_is_used_once(visitor, session, quote):
    address = page_of(quote)
    assert send(visitor, quote, "accept", AGREED).status_code == 200
    for verb, given in (("accept", AGREED | {"name": "Eve"}), ("reject", {"name": "Eve", "reason": "No"})):
        assert send(visitor, quote, verb, given, path=address).status_code == 404
    assert visitor.get(address).status_code == 404
    assert visitor.get(f"{address}/pdf").status_code == 404
    assert standing(session, quote) == ("accepted", "Anna de Vries")


@attack(148, "what a dead link of a quote tells of it")
def test_a_link_that_does_not_work_says_the_same_whatever_is_wrong(visitor, session, quote):
    unknown = bare(visitor.get("/q/" + "0" * 64).text)
    first = page_of(quote)
    quotes.renew(session, quote)
    session.commit()
    told = [bare(visitor.get(first).text)]
    second = page_of(quote)
    quotes.revoke(session, quote, at=clock.now())
    session.commit()
    told.append(bare(visitor.get(second).text))
    quotes.renew(session, quote)
    third = page_of(quote)
    quotes.expire_some(session, at=clock.now() + timedelta(days=40))
    session.commit()
    told.append(bare(visitor.get(third).text))
    assert standing(session, quote) == ("expired", None)
    assert told == [unknown] * 3
    assert str(quote) not in unknown


def bare(page: str) -> str:
    """A page without what differs from request to request."""
    page = re.sub(r'(nonce|name="csrf_token" value|content)="[^"]*"', "", page)
    return re.sub(r"<!--.*?-->|/q/[0-9a-f]+", "", page, flags=re.DOTALL)


@attack(149, "guessing links of quotes")
def test_who_tries_many_links_waits_and_the_right_one_goes_on_working(visitor, quote):
    free = often.FREE
    answers = [visitor.get("/q/" + f"{at:064x}").status_code for at in range(free + 2)]
    assert answers[:free] == [404] * free
    assert answers[-1] == 429
    assert "Retry-After" in visitor.get("/q/" + "f" * 64).headers
    assert visitor.get(page_of(quote)).status_code == 200


@attack(150, "an answer to a quote from a page elsewhere")
def test_an_answer_without_the_forms_token_is_none(visitor, session, quote):
    refused = visitor.client.post(f"{page_of(quote)}/accept", data=AGREED)
    assert refused.status_code == 400
    assert standing(session, quote) == ("sent", None)


@attack(151, "another quote, or anything inside, by the link of one")
def test_a_link_opens_one_quote_and_nothing_else(visitor, session, made, quote):
    other = Quote(organisation=quote.organisation, party=made.buyer("Other B.V."), edition=1)
    other.lines = [QuoteLine(product=made.product("Roos"), quantity=Decimal(1))]
    quotes.save(session, other)
    session.flush()
    quotes.release(session, other, at=clock.now())
    session.commit()
    page = visitor.get(page_of(quote)).text
    assert "Other B.V." not in page
    assert re.findall(r'href="/(?!static|q/|$)[^"]*"', page.partition("<body")[2]) == []
    for inside in (f"/quote/show/{quote.id}", f"/quote/pdf/{quote.id}", f"/api/v1/quote/{quote.id}"):
        assert visitor.get(inside).status_code in {302, 401}
    assert other.state == QuoteState.sent


@attack(152, "script in the name of who answers a quote")
def test_a_hostile_name_and_browser_are_texts(visitor, as_user, session, quote):
    hostile = {"name": "<script>alert(1)</script>", "reason": '"><img src=x onerror=alert(1)>'}
    visitor.client.environ_base["HTTP_USER_AGENT"] = "<svg onload=alert(1)>"
    assert send(visitor, quote, "reject", hostile).status_code == 200
    page = as_user("admin").get(f"/quote/show/{quote.id}").text
    assert "<script>alert" not in page
    assert "<svg onload" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_file_comes_by_the_link_when_it_is_made(visitor, app, session, settings, quote):
    from tests.scenarios.test_from_client_to_invoice import text_of, work_off

    assert visitor.get(f"{page_of(quote)}/pdf").status_code == 404
    work_off(app, session, settings, "quote.render")
    answer = visitor.get(f"{page_of(quote)}/pdf")
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    printed = text_of(answer.data)
    answer.close()
    for told in (str(quote), "Tulpenbol", "36,30", "Tot ziens"):
        assert told in printed
    assert "NL91" not in printed
