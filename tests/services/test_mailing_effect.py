"""What a mailing has brought: whose orders count, of which days, for whom, and when nothing is told."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from app.models.mail_template import BlockKind, MailingChannel, MailTemplate, MailTemplateBlock, MailTemplateText
from app.models.mailing import Mailing, MailingKind, MailingRecipient, MailingState, RecipientPhase
from app.models.sale_order import OrderState, SaleOrder
from app.models.suppression import NoContact
from app.services import access, mail_template, mailing_effect
from app.services import mailing as mailings
from app.services.mailing_effect import Group
from app.services.uplift import Sample, Verdict
from tests.mail import office

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=3)
D = Decimal


@pytest.fixture(autouse=True)
def mail_is_set_up():
    with office():
        yield


@pytest.fixture
def mailing(session, made):
    us = made.organisation("Grachten Handel", email="office@grachten.example")
    template = MailTemplate(name="Spring", channel=MailingChannel.email)
    template.texts = [MailTemplateText(language="en", subject="Tulips")]
    template.blocks = [MailTemplateBlock(language="en", kind=BlockKind.text, text="Tulips")]
    mail_template.save(session, template)
    found = Mailing(name="Spring", kind=MailingKind.service, organisation=us, template=template, attribution_days=7)
    mailings.save(session, found)
    session.flush()
    found.version_id = mail_template.latest(session, template).id
    found.state, found.started_at, found.seed = MailingState.sending, NOON, "0" * 32
    session.flush()
    return found


def told(session, mailing, *parties, phase=RecipientPhase.sent, **values):
    """Write parties into the ledger."""
    given = {"reason": NoContact.no_consent} if phase is RecipientPhase.excluded else {}
    sent = {"sent_at": NOON, "handed_at": NOON} if phase is RecipientPhase.sent else {}
    for each in parties:
        row = MailingRecipient(mailing=mailing, party=each, phase=phase, due_at=NOON, **given | sent | values)
        row.address = values.get("address", f"p{each.id}@x.example")
        session.add(row)
    session.flush()


def ordered(session, mailing, party, net, *, on=date(2026, 4, 1), state=OrderState.confirmed, currency="EUR"):
    order = SaleOrder(
        organisation=mailing.organisation,
        party=party,
        state=state,
        ordered_on=on,
        currency=currency,
        net=D(net),
        gross=D(net),
    )
    session.add(order)
    session.flush()


def crowd(made, count, prefix):
    return [made.party(f"{prefix} {each}", tax_number=None) for each in range(count)]


def test_the_orders_of_the_written_to_and_of_the_held_out_stand_side_by_side(session, made, mailing):
    written, held_out = crowd(made, 40, "Written"), crowd(made, 30, "Held")
    left_out, late, bounced = crowd(made, 3, "Else")
    told(session, mailing, *written[:38], opened_at=NOON)
    told(session, mailing, *written[38:], phase=RecipientPhase.refused)
    told(session, mailing, *held_out, phase=RecipientPhase.held_out)
    told(session, mailing, left_out, phase=RecipientPhase.excluded)
    told(session, mailing, late, phase=RecipientPhase.excluded, tries=1)
    told(session, mailing, bounced, phase=RecipientPhase.bounced, answered_at=NOON, unsubscribed_at=NOON)
    for each in written[:12]:
        ordered(session, mailing, each, "100.00")
    ordered(session, mailing, written[0], "20.00", on=date(2026, 3, 31))
    ordered(session, mailing, written[39], "10.50", on=date(2026, 4, 10))
    ordered(session, mailing, written[20], "500.00", currency="USD")
    for each in held_out[:10]:
        ordered(session, mailing, each, "30.00")
    for not_counted in (
        {"on": date(2026, 3, 30)},
        {"on": date(2026, 4, 11)},
        {"state": OrderState.draft},
        {"state": OrderState.cancelled},
    ):
        ordered(session, mailing, written[30], "999.00", **not_counted)
    ordered(session, mailing, left_out, "999.00")
    mailing.state, mailing.ended_at = MailingState.done, LATER
    found = mailing_effect.effect(session, mailing, at=LATER + timedelta(days=30))
    assert (found.first, found.last, found.is_open) == (date(2026, 3, 31), date(2026, 4, 10), False)
    squares = 11 * D(100) ** 2 + D(120) ** 2 + D("10.50") ** 2
    assert found.written == Group(Sample(42, 14, D("1230.50"), squares), 15)
    assert found.held_out == Group(Sample(30, 10, D(300), D(9000)), 10)
    assert (found.elsewhere, found.currency) == (1, "EUR")
    assert (found.written.per_head("EUR"), round(found.written.share, 4)) == (D("29.30"), 0.3333)
    letters = found.letters
    assert (letters.delivered, letters.opened, letters.answered, letters.unsubscribed) == (38, 38, 1, 1)
    assert (found.buying.verdict, found.buying.value) == (Verdict.none, 0.0)
    assert (found.spending.verdict, round(found.spending.value, 4)) == (Verdict.none, round(1230.5 / 42 - 10, 4))


def test_while_it_is_sent_the_days_go_on_and_begin_with_our_own_day(session, made, mailing):
    mailing.started_at = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)  # half past midnight in Amsterdam
    found = mailing_effect.effect(session, mailing, at=datetime(2026, 4, 2, 12, tzinfo=UTC))
    assert (found.first, found.last, found.is_open) == (date(2026, 4, 1), date(2026, 4, 9), True)
    mailing.state, mailing.ended_at = MailingState.done, datetime(2026, 4, 2, 12, tzinfo=UTC)
    for at, is_open in ((datetime(2026, 4, 9, 12, tzinfo=UTC), True), (datetime(2026, 4, 10, 12, tzinfo=UTC), False)):
        assert mailing_effect.effect(session, mailing, at=at).is_open is is_open


def test_before_the_first_letter_there_is_no_effect(session, mailing):
    mailing.started_at = None
    assert mailing_effect.effect(session, mailing, at=NOON) is None


def test_a_mailing_to_few_is_no_way_to_see_their_orders(session, made, mailing):
    written, held_out = crowd(made, 30, "Written"), crowd(made, 29, "Held")
    told(session, mailing, *written[:29])
    told(session, mailing, *held_out, phase=RecipientPhase.held_out)
    for each in (*written, *held_out):
        ordered(session, mailing, each, "100.00")
        ordered(session, mailing, each, "100.00", currency="USD")
    found = mailing_effect.effect(session, mailing, at=LATER)
    assert (found.written, found.held_out, found.elsewhere) == (Group(Sample(29)), Group(Sample(29)), 0)
    assert (found.written.share, found.written.per_head("EUR")) == (None, None)
    assert (found.buying.verdict, found.spending.verdict) == (Verdict.too_few, Verdict.too_few)
    told(session, mailing, written[29])
    found = mailing_effect.effect(session, mailing, at=LATER)
    assert found.written == Group(Sample(30, 30, D(3000), D(300000)), 60)
    assert (found.held_out, found.elsewhere, found.buying.verdict) == (Group(Sample(29)), 30, Verdict.too_few)


def test_without_hold_out_nothing_is_compared_and_whoever_asks_gets_the_same(session, made, mailing):
    written = crowd(made, 30, "Written")
    told(session, mailing, *written)
    ordered(session, mailing, written[0], "100.00")
    person = made.user("marketer")
    by = access.actor_of(session, user_id=person.id, name="marketer", roles={role.name for role in person.roles})
    with access.acting(session, by):
        found = mailing_effect.effect(session, mailing, at=LATER)
    assert found.written == Group(Sample(30, 1, D(100), D(10000)), 1)
    assert (found.held_out, found.buying, found.spending) == (Group(Sample(0)), None, None)


def test_a_firm_with_several_addresses_counts_once_and_on_neither_side_when_on_both(session, made, mailing):
    written = crowd(made, 30, "Written")
    firm, both = written[0], made.party("Both")
    told(session, mailing, *written)
    told(session, mailing, firm, address="jan@x.example")
    told(session, mailing, both)
    told(session, mailing, both, address="anna@x.example", phase=RecipientPhase.held_out)
    ordered(session, mailing, firm, "100.00")
    ordered(session, mailing, both, "100.00")
    found = mailing_effect.effect(session, mailing, at=LATER)
    assert (found.written.sample.people, found.written.sample.buyers, found.held_out.sample.people) == (30, 1, 0)
