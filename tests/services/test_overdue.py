"""Reminders of overdue invoices: level by level, each once, never after the payment, and never when it is blocked."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from app.errors import DomainError, Refusals
from app.models.letter import Letter, LetterState
from app.models.reminder_level import InvoiceReminder, ReminderLevel, ReminderText
from app.models.suppression import ContactChannel, ContactKind, ContactRefusal, NoContact, SuppressionReason
from app.services import invoice as invoices
from app.services import letter_ledger as ledger
from app.services import letter_overdue, overdue, reminder_level, suppression
from app.services import payment as payments
from app.services.allocation import When
from app.services.letter_template import filled
from tests.attack import attack
from tests.mail import office

D = Decimal
DAY = timedelta(days=1)
DUE = date(2026, 3, 31)
NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
TO = "inkoop@tulpen.example"


@pytest.fixture(autouse=True)
def mail_is_set_up(chain_key):
    with office():
        yield


@pytest.fixture
def us(made):
    return made.organisation(email="office@grachten.example", legal_name="Grachten Handel Besloten Vennootschap")


@pytest.fixture
def invoice(made, us):
    """100.00 EUR, issued and due on the last day of March."""
    party = made.buyer(email=TO, owner="manager", language="nl")
    found = made.issued(("1", "100.00"), at_tax=made.tax("zero"), party=party, organisation=us)
    assert (found.due_on, found.language) == (DUE, "nl")
    return found


def level(session, us, position=1, days=7, *, language="nl", subject="Factuur {number}", text="{rest}", **values):
    given = {"organisation": us, "position": position, "days": days, "gap_days": 3, "since": DUE} | values
    found = ReminderLevel(**given)
    found.texts.append(ReminderText(language=language, subject=subject, text=text))
    reminder_level.save(session, found)
    session.flush()
    return found


def after(days):
    return NOON + days * DAY


def remind(session, invoice, days):
    """Let the night's work remind so many days after the due date; when letters are written is said by the test."""
    letter = overdue.remind_due(session, invoice.id, at=after(days))
    if letter is not None:
        letter.created_at = after(days)
        session.flush()
    return letter


def rows(session, invoice):
    return [(row.level, row.letter_id, row.refused) for row in session.scalars(overdue.of(invoice))]


# --- what a level may be ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"position": 10}, "position"),
        ({"days": 731}, "days"),
        ({"gap_days": -1}, "gap_days"),
        ({"fee": D("-0.01")}, "fee"),
        ({"fee": D("0.001")}, "fee"),
        ({"interest_percent": D(101)}, "interest_percent"),
        ({"subject": "a\nBcc: b@example.org"}, "texts-0-subject"),
        ({"subject": " "}, "texts-0-subject"),
        ({"text": "{password}"}, "texts-0-text"),
    ],
)
def test_what_no_level_can_be_is_refused_at_its_field(session, us, values, field):
    with pytest.raises(Refusals) as refused:
        level(session, us, **values)
    assert list(refused.value.errors) == [field]
    assert session.scalars(select(ReminderLevel)).all() == []


def test_a_company_has_each_level_once_and_each_says_something(session, us):
    level(session, us)
    with pytest.raises(Refusals) as refused:
        level(session, us, days=14)
    assert refused.value.errors == {"position": ["This company has this level already"]}
    with pytest.raises(Refusals) as refused:
        reminder_level.save(session, ReminderLevel(organisation=us, position=2, days=1, gap_days=0, since=DUE))
    assert refused.value.errors == {"texts": ["A level says something in one language at least"]}


# --- what it says -----------------------------------------------------------------------------------------------------


def test_a_letter_says_what_is_owed_with_fee_and_interest(session, invoice, us):
    text = "{party}|{organisation}|{number}|{issued}|{due}|{days}|{rest}|{fee}|{interest}|{total}"
    level(session, us, days=10, text=text, language="en", fee=D("5.00"), interest_percent=D("8"))
    letter = remind(session, invoice, 73)
    assert letter.subject == f"Factuur {invoice.number}"
    assert letter.body == (
        f"Tulpen & Zonen B.V.|Grachten Handel Besloten Vennootschap|{invoice.number}|31 March 2026|31 March 2026|73"
        "|€100.00|€5.00|€1.60|€106.60"
    )
    assert (letter.kind, letter.purpose, letter.to_address) == (ContactKind.service, "overdue 1", TO)
    assert (letter.entity, letter.record_id, letter.owner_id) == ("invoice", invoice.id, invoice.owner_id)


@pytest.mark.parametrize(
    ("fee", "percent", "days", "costs"),
    [
        (None, None, 30, (D("0.00"), D("0.00"))),
        (D("5.00"), None, 0, (D("5.00"), D("0.00"))),
        (None, D("8.15"), 45, (D("0.00"), D("1.00"))),  # 100 × 8.15 % × 45 ÷ 365 = 1.0047…
        (None, D("10"), 365, (D("0.00"), D("10.00"))),
    ],
)
def test_interest_is_exact_and_rounded_once(invoice, us, fee, percent, days, costs):
    one = ReminderLevel(organisation=us, fee=fee, interest_percent=percent)
    assert letter_overdue.costs(invoice, one, days=days) == costs


def test_the_language_of_the_invoice_comes_first_then_ours(session, invoice, us):
    one = level(session, us, language="ru", subject="ru")
    one.texts.append(ReminderText(language="en", subject="en", text="x"))
    assert reminder_level.text_in(one, ("nl", "en")).subject == "en"
    assert reminder_level.text_in(one, ("ru", "en")).subject == "ru"
    assert reminder_level.text_in(one, ("hy",)).subject == "ru"


@attack(189, "a name of a counterparty that is a place of a reminder's text, or another head of the letter")
def test_what_a_name_holds_is_never_a_place_nor_a_head(session, invoice, us):
    invoice.party.legal_name = "{total} {rest}"
    level(session, us, days=1, subject="{party}", text="{party}")
    assert remind(session, invoice, 1).body == "{total} {rest}"
    assert filled("{me} {rest}", {"rest": "1"}, places=reminder_level.PLACES) == ("{me} 1", [])


# --- when -------------------------------------------------------------------------------------------------------------


def test_levels_come_one_after_another_and_each_once(session, invoice, us):
    level(session, us, 1, 7)
    level(session, us, 2, 14)
    found = {day: remind(session, invoice, day) for day in (0, 6, 7, 8, 13, 14, 15, 60)}
    assert {day: letter.purpose for day, letter in found.items() if letter} == {7: "overdue 1", 14: "overdue 2"}
    assert rows(session, invoice) == [(1, found[7].id, None), (2, found[14].id, None)]
    assert overdue.candidates(session, at=after(60)) == []


def test_days_are_kept_after_any_letter_to_the_counterparty(session, made, invoice, us):
    level(session, us, 1, 7, gap_days=5)
    other = made.issued(("1", "10.00"), at_tax=made.tax("zero"), party=invoice.party, organisation=us)
    level(session, us, 2, 40, gap_days=0)
    assert remind(session, other, 7).purpose == "overdue 1"
    assert [day for day in range(8, 20) if remind(session, invoice, day)] == [12]


def test_what_was_due_before_a_level_began_is_left_alone(session, invoice, us):
    level(session, us, since=DUE + DAY)
    assert overdue.candidates(session, at=after(30)) == []
    assert remind(session, invoice, 30) is None
    assert overdue.upcoming(session, invoice, at=after(30)).why == "no level is left for it"


def test_a_reminder_before_the_due_date_is_not_sent_after_it(session, made, us):
    party = made.buyer(email=TO)
    level(session, us, 1, -3, gap_days=0)
    level(session, us, 2, 5, gap_days=0)
    draft = made.invoice(("1", "10.00"), at_tax=made.tax("zero"), party=party, organisation=us)
    draft.due_on = DUE + 10 * DAY
    invoices.issue(session, draft, at=NOON)
    assert overdue.candidates(session, at=after(6)) == []
    assert overdue.candidates(session, at=after(7)) == [draft.id]
    late = overdue.upcoming(session, draft, at=after(11))
    assert (late.level.position, late.on) == (2, DUE + 15 * DAY)
    assert remind(session, draft, 7).purpose == "overdue 1"


def test_the_card_says_when_the_next_one_comes_and_why(session, invoice, us):
    assert overdue.upcoming(session, invoice, at=NOON) == overdue.Next(why="no level is left for it")
    first, second = level(session, us, 1, 7), level(session, us, 2, 8)
    why = "that is the day of this level, counted from the due date"
    assert overdue.upcoming(session, invoice, at=NOON) == overdue.Next(level=first, on=DUE + 7 * DAY, why=why)
    remind(session, invoice, 7)
    why = "the last letter was written on 7 April 2026; days kept between letters: 3"
    assert overdue.upcoming(session, invoice, at=after(7)) == overdue.Next(level=second, on=DUE + 10 * DAY, why=why)
    overdue.block(session, invoice, reason="They complain", at=after(7), blocked_until=DUE + 20 * DAY)
    blocked = overdue.upcoming(session, invoice, at=after(7))
    why = "reminders are blocked up to and including 20 April 2026"
    assert (blocked.on, blocked.why) == (DUE + 21 * DAY, why)
    with office(problem="No mail server"):
        assert overdue.upcoming(session, invoice, at=after(7)) == overdue.Next(why="No mail server")
        assert overdue.candidates(session, at=after(60)) == []


# --- never ------------------------------------------------------------------------------------------------------------


@attack(190, "a reminder of an invoice that was paid between the look and the letter, or while the letter waited")
def test_nobody_is_reminded_after_the_payment(session, invoice, us):
    level(session, us, days=1)
    level(session, us, 2, 5)
    waiting = remind(session, invoice, 1)
    assert overdue.candidates(session, at=after(5)) == [invoice.id]  # looked at before …
    payments.pay(session, invoice, when=When(at=after(5)))
    assert remind(session, invoice, 5) is None  # … and paid when the letter would be written
    assert ledger.claim(session, waiting.id, at=after(5)) is None
    session.refresh(waiting)
    said = "Nothing is to be reminded of any more: it was paid, closed or blocked meanwhile"
    assert (waiting.state, waiting.answer) == (LetterState.cancelled, said)
    with pytest.raises(DomainError, match="nothing of it is open"):
        overdue.remind_now(session, invoice, at=after(6), by=None)


def test_a_letter_that_still_has_its_reason_leaves(session, invoice, us):
    level(session, us, days=1)
    letter = remind(session, invoice, 1)
    payments.pay(session, invoice, when=When(at=after(1)), amount=D("99.99"))
    assert ledger.claim(session, letter.id, at=after(1)).to_address == TO


def test_a_blocked_invoice_is_left_alone_until_its_day_or_until_it_is_allowed(session, invoice, us):
    level(session, us, days=1)
    overdue.block(session, invoice, reason=" They  complain ", at=after(1), blocked_until=DUE + 5 * DAY)
    assert (invoice.reminder_block_why, overdue.candidates(session, at=after(5))) == ("They complain", [])
    assert remind(session, invoice, 5) is None
    with pytest.raises(DomainError, match="Reminders are blocked: They complain"):
        overdue.remind_now(session, invoice, at=after(5), by=None)
    assert overdue.candidates(session, at=after(6)) == [invoice.id]
    overdue.block(session, invoice, reason="For good", at=after(6))
    assert (remind(session, invoice, 400), overdue.candidates(session, at=after(400))) == (None, [])
    overdue.allow(session, invoice)
    assert remind(session, invoice, 400).purpose == "overdue 1"
    with pytest.raises(DomainError, match="not blocked"):
        overdue.allow(session, invoice)


@pytest.mark.parametrize(
    ("values", "field"), [({"reason": " "}, "reason"), ({"reason": "x", "blocked_until": DUE - DAY}, "blocked_until")]
)
def test_a_block_needs_a_reason_and_a_day_to_come(session, invoice, values, field):
    with pytest.raises(DomainError) as refused:
        overdue.block(session, invoice, at=NOON, **values)
    assert (refused.value.field, invoice.reminder_block_why) == (field, None)


def test_drafts_credit_notes_and_closed_invoices_are_not_reminded_of(session, made, invoice, us):
    level(session, us, days=1)
    draft = made.invoice(("1", "1.00"), at_tax=made.tax("zero"), party=invoice.party, organisation=us)
    invoices.close(session, invoice, reason="Settled otherwise", at=NOON)
    for each in (draft, invoice):
        with pytest.raises(DomainError, match="only issued invoices that are not closed"):
            overdue.remind_now(session, each, at=after(9), by=None)
    assert (overdue.candidates(session, at=after(9)), session.scalars(select(Letter)).all()) == ([], [])


# --- who cannot be written to, and by hand ----------------------------------------------------------------------------


def test_whom_nothing_reaches_is_noted_with_the_reason_and_tried_again_by_hand(session, invoice, us):
    level(session, us, days=1)
    kept = suppression.add(session, ContactChannel.email, TO, SuppressionReason.bounced, at=NOON)
    assert remind(session, invoice, 1) is None
    assert rows(session, invoice) == [(1, None, NoContact.bounced)]
    assert [each.sender for each in session.scalars(select(ContactRefusal))] == ["overdue"]
    assert overdue.candidates(session, at=after(2)) == []  # not every day anew
    suppression.lift(session, kept, why="Their server was down", at=NOON)
    letter = overdue.remind_now(session, invoice, at=after(2), by=None)
    assert rows(session, invoice) == [(1, letter.id, None)]


def test_without_an_address_the_level_is_noted_too(session, made, us):
    level(session, us, days=1)
    silent = made.issued(("1", "10.00"), at_tax=made.tax("zero"), organisation=us)
    assert remind(session, silent, 1) is None
    assert rows(session, silent) == [(1, None, NoContact.no_address)]
    with pytest.raises(DomainError, match="has no e-mail address"):
        overdue.remind_now(session, silent, at=after(1), by=None)


@attack(191, "the button “Remind now”, pressed again and again")
def test_by_hand_one_reminder_a_day_leaves_and_none_too_early(session, invoice, us):
    level(session, us, 1, 7)
    level(session, us, 2, 14)
    with pytest.raises(DomainError, match="not overdue yet"):
        overdue.remind_now(session, invoice, at=NOON, by=None)
    first = overdue.remind_now(session, invoice, at=after(1), by=None)
    with pytest.raises(DomainError, match="written today already"):
        overdue.remind_now(session, invoice, at=after(1), by=None)
    second = overdue.remind_now(session, invoice, at=after(2), by=None)
    with pytest.raises(DomainError, match="No level of reminders is left"):
        overdue.remind_now(session, invoice, at=after(3), by=None)
    assert [each.purpose for each in (first, second)] == ["overdue 1", "overdue 2"]
    assert len(session.scalars(select(InvoiceReminder)).all()) == len(session.scalars(select(Letter)).all()) == 2
