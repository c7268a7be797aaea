"""Quotes: sent with a number, answered, replaced by a later version, made an order, expired."""

import hashlib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from app.errors import DomainError, NotFound, Refusals
from app.models.letter import Letter
from app.models.party import Party
from app.models.quote import Quote, QuoteLine, QuoteState
from app.models.sale_order import OrderState, SaleOrder
from app.outbox import Outbox
from app.services import access, letter_ledger, letter_office
from app.services import letter as letters
from app.services import quote as quotes
from app.services import quote_link as links
from app.services import sale_order as orders
from app.services.letter_office import Office
from app.services.quote_link import Said

D = Decimal
NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
SAID = Said(name="Anna de Vries", address="203.0.113.7", agent="Firefox")


@pytest.fixture
def draft(session, made) -> Quote:
    """Three things at 10.00 for a counterparty in Lisse."""
    quote = Quote(
        organisation=made.organisation(), party=made.buyer(language="nl", email="anna@example.org"), edition=1
    )
    quote.lines = [QuoteLine(product=made.product(), quantity=D(3))]
    quotes.save(session, quote)
    session.flush()
    return quote


@pytest.fixture
def sent(session, draft) -> Quote:
    quotes.release(session, draft, at=NOON)
    return draft


def token(quote: Quote) -> str:
    url = links.url(quote, public_url="https://crm.example.org")
    assert url is not None
    assert url.startswith("https://crm.example.org/q/")
    return url.rpartition("/")[2]


def test_a_quote_is_priced_like_every_document_and_takes_the_customers_language(draft):
    assert (draft.state, draft.language, draft.number) == (QuoteState.draft, "nl", None)
    assert (draft.net, draft.tax, draft.gross) == (D("30.00"), D("6.30"), D("36.30"))


def test_a_quote_that_is_sent_has_number_days_link_and_work(session, sent):
    assert (sent.state, str(sent), sent.sent_on) == (QuoteState.sent, "Q-2026-00001", date(2026, 3, 31))
    assert sent.valid_until == date(2026, 4, 30)
    assert session.scalars(select(Outbox.record_id).where(Outbox.topic == quotes.FILE)).all() == [sent.id]
    assert sent.link_sha256 == hashlib.sha256(token(sent).encode()).hexdigest()
    assert token(sent) not in {str(getattr(sent, column.key)) for column in Quote.__table__.columns}


@pytest.mark.parametrize(
    ("values", "field", "text"),
    [
        ({"lines": []}, "lines", "at least one line"),
        ({"valid_until": date(2026, 3, 30)}, "valid_until", "expired already"),
    ],
)
def test_what_cannot_be_sent_stays_a_draft_and_takes_no_number(session, draft, values, field, text):
    for name, value in values.items():
        setattr(draft, name, value)
    with pytest.raises(DomainError, match=text) as caught:
        quotes.release(session, draft, at=NOON)
    assert (caught.value.field, draft.state, draft.number, draft.link_sha256) == (field, QuoteState.draft, None, None)


def test_what_was_offered_is_not_changed(session, sent):
    sent.lines[0].quantity = D(9)
    with session.no_autoflush, pytest.raises(DomainError, match="make a new version"):
        quotes.save(session, sent)
    with pytest.raises(DomainError, match="Only a draft"):
        quotes.remove(session, sent)


def test_the_customer_accepts_by_the_link_once(session, sent):
    made = token(sent)
    with links.followed(session, made, at=NOON) as quote:
        assert quote is sent
    links.answer(session, made, QuoteState.accepted, SAID, at=NOON)
    assert (sent.state, sent.answered_name, sent.answered_at) == (QuoteState.accepted, "Anna de Vries", NOON)
    assert (sent.answered_address, sent.answered_agent, sent.answered_by_id) == ("203.0.113.7", "Firefox", None)
    for to in (QuoteState.accepted, QuoteState.rejected):
        with pytest.raises(NotFound):
            links.answer(session, made, to, SAID, at=NOON)
    assert sent.state == QuoteState.accepted


def test_turning_down_needs_a_name_and_a_reason(session, sent):
    made = token(sent)
    for said, field in ((Said(name=" ", reason="Too dear"), "name"), (Said(name="Anna", reason="\u200b"), "reason")):
        with pytest.raises(DomainError) as caught:
            links.answer(session, made, QuoteState.rejected, said, at=NOON)
        assert (caught.value.field, sent.state, sent.answered_at) == (field, QuoteState.sent, None)
    links.answer(session, made, QuoteState.rejected, Said(name="Anna", reason="Too dear"), at=NOON)
    assert (sent.state, sent.rejected_reason) == (QuoteState.rejected, "Too dear")


def test_a_link_ends_with_revocation_expiry_and_the_next_link(session, sent):
    first = token(sent)
    for wrong in ("", "0" * 64, first[:-1], first + "0", "é" * 64):
        with pytest.raises(NotFound), links.followed(session, wrong, at=NOON):
            pass
    with pytest.raises(NotFound), links.followed(session, first, at=NOON + timedelta(days=31)):
        pass
    quotes.renew(session, sent)
    with pytest.raises(NotFound), links.followed(session, first, at=NOON):
        pass
    second = token(sent)
    assert second != first
    quotes.revoke(session, sent, at=NOON)
    with pytest.raises(NotFound), links.followed(session, second, at=NOON):
        pass
    with pytest.raises(DomainError, match="no link that works"):
        quotes.revoke(session, sent, at=NOON)
    assert (sent.state, links.url(sent, public_url="https://x")) == (QuoteState.sent, None)


def test_a_later_version_replaces_the_one_before_when_it_is_sent(session, sent):
    first = token(sent)
    later = quotes.new_version(session, sent)
    assert (later.edition, later.replaces, later.number, later.gross) == (2, sent, None, D("36.30"))
    with pytest.raises(DomainError, match="a later version"):
        quotes.new_version(session, sent)
    later.lines[0].quantity = D(2)
    quotes.save(session, later)
    with links.followed(session, first, at=NOON) as quote:
        assert quote is sent
    quotes.release(session, later, at=NOON)
    assert (str(sent), sent.state, str(later), later.state) == (
        *("Q-2026-00001", QuoteState.replaced),
        *("Q-2026-00001/2", QuoteState.sent),
    )
    with pytest.raises(NotFound):
        links.answer(session, first, QuoteState.accepted, SAID, at=NOON)
    links.answer(session, token(later), QuoteState.accepted, SAID, at=NOON)
    assert [line.quantity for line in sent.lines] == [D(3)]


def test_a_version_is_not_sent_when_the_one_before_was_accepted_meanwhile(session, sent):
    later = quotes.new_version(session, sent)
    links.answer(session, token(sent), QuoteState.accepted, SAID, at=NOON)
    with pytest.raises(DomainError, match="is accepted"):
        quotes.release(session, later, at=NOON)
    assert (later.state, later.number, sent.state) == (QuoteState.draft, None, QuoteState.accepted)


def test_an_accepted_quote_becomes_one_order_that_knows_it(session, sent, made):
    with pytest.raises(DomainError, match="that is accepted"):
        quotes.make_order(session, sent)
    quotes.accept(session, sent, at=NOON, by=access.Actor(made.user("manager").id, "manager", access.Scope.all))
    assert (sent.answered_name, sent.answered_by) == (sent.party.name, made.user("manager"))
    order = quotes.make_order(session, sent)
    assert (order.state, order.quote, order.gross, order.party) == (OrderState.draft, sent, D("36.30"), sent.party)
    assert [(line.text, line.quantity, line.unit_price) for line in order.lines] == [("Tulip bulb", D(3), D(10))]
    with pytest.raises(DomainError, match="an order of this quote already"):
        quotes.make_order(session, sent)
    orders.cancel(session, order, reason="Another one")
    assert quotes.make_order(session, sent) is not order
    assert len(session.scalars(select(SaleOrder)).all()) == 2


def test_quotes_expire_the_day_after_their_last_where_their_organisation_is(session, sent):
    last = datetime(2026, 4, 30, 21, 59, tzinfo=UTC)  # a minute to midnight in Amsterdam
    assert quotes.expire_some(session, at=last) == 0
    assert quotes.expire_some(session, at=last + timedelta(minutes=1)) == 1
    assert (sent.state, links.is_alive(sent)) == (QuoteState.expired, False)
    assert quotes.expire_some(session, at=last + timedelta(days=1)) == 0
    later = quotes.new_version(session, sent)
    later.valid_until = date(2026, 6, 1)
    quotes.save(session, later)
    quotes.release(session, later, at=datetime(2026, 5, 2, 9, tzinfo=UTC))
    assert (sent.state, later.state) == (QuoteState.replaced, QuoteState.sent)


@pytest.fixture
def office():
    before = letter_office.use(
        lambda: Office(problem=None, sender="", host="crm.example.org", public_url="https://crm.example.org")
    )
    yield
    letter_office.use(before)


@pytest.mark.usefixtures("office")
def test_the_letter_sends_a_draft_and_holds_the_place_of_its_link_alone(session, draft):
    draft.organisation.email = "post@example.org"
    letter = letters.send_quote(session, draft, at=NOON, by=None)
    assert (draft.state, letter.purpose, letter.to_address) == (QuoteState.sent, "quote", "anna@example.org")
    assert letter.subject.startswith("Offerte Q-2026-00001") or "Q-2026-00001" in letter.subject
    assert links.PLACE in letter.body
    assert token(draft) not in letter.body
    assert letter_ledger.claim(session, letter.id, at=NOON) is None  # its file is not made yet
    assert not letter_ledger.fetch_file(session, letter.id, at=NOON, waited=0)
    draft.file = made_file(session, draft)
    session.flush()
    later = NOON + timedelta(minutes=1)
    assert letter_ledger.fetch_file(session, letter.id, at=later, waited=1)
    claim = letter_ledger.claim(session, letter.id, at=later)
    assert f"https://crm.example.org/q/{token(draft)}" in claim.body
    assert links.PLACE in session.scalars(select(Letter.body)).one()


@pytest.mark.usefixtures("office")
def test_a_quote_without_an_address_is_not_sent_and_stays_a_draft(session, draft):
    draft.organisation.email = "post@example.org"
    draft.party.email = None
    session.commit()
    with pytest.raises(DomainError, match="no e-mail address") as caught:
        letters.send_quote(session, draft, at=NOON, by=None)
    assert caught.value.field == "to"
    session.rollback()
    assert (draft.state, draft.number) == (QuoteState.draft, None)


def made_file(session, quote):
    from app.models.attachment import Attachment

    about = {"entity": "quote", "record_id": quote.id, "purpose": "document", "name": "q.pdf"}
    kept = Attachment(**about, media_type="application/pdf", size=4, sha256="a" * 64)
    session.add(kept)
    return kept


def test_all_that_is_wrong_comes_at_once(session, made):
    quote = Quote(organisation=made.organisation(), party=made.buyer(), language="xx", edition=1)
    quote.lines = [QuoteLine(quantity=D(1), unit_price=D(1), tax=made.tax())]
    with pytest.raises(Refusals) as caught:
        quotes.save(session, quote)
    assert list(caught.value.errors) == ["language", "lines-0-text"]
    assert quote not in session
    assert session.query(Party).count() == 1
