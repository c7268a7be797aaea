"""What may be done to an invoice: its buttons and REST verbs, and for what is not possible now the reason."""

from decimal import Decimal
from typing import Any

from marshmallow import fields, validate
from sqlalchemy.orm import Session

from app import clock, lifecycle
from app.db import db
from app.i18n import lazy_gettext as _l
from app.models.invoice import INVOICE_MOVES, Invoice, InvoiceState
from app.models.party import Party
from app.models.payment import PaymentMethod
from app.services import allocation as allocations
from app.services import field_right, overdue
from app.services import invoice as invoices
from app.services import letter as letters
from app.services import payment as payments
from app.services.allocation import When
from app.web.arguments import AMOUNT, NOTE, ON, PAID, RATE, REASON, WRITE_OFF
from app.web.request_cache import request_cache
from app.web.schema import LinkedField
from app.web.verbs import Verb, reason


def is_owed(invoice: Invoice) -> bool:
    """Say whether something of an invoice is still to be paid."""
    return not invoice.is_credit_note and invoice.rest > 0


def is_unused_credit(invoice: Invoice) -> bool:
    """Say whether a credit note may still settle something."""
    return invoice.is_credit_note and invoice.rest > 0


def paid_as(invoice: Invoice, amount: Decimal) -> dict[str, Any]:
    """Return what the dialogs of money begin with."""
    return {"amount": amount, "method": PaymentMethod.bank_transfer, "exchange_rate": invoice.exchange_rate}


def settle(session: Session, note: Invoice, *, when: When, invoice: Invoice, **more: Any) -> None:
    """Let a credit note settle another invoice of the same counterparty."""
    allocations.allocate(session, note, invoice, when=when, **more)


def lacks_of(invoice: Invoice) -> list[invoices.Missing]:
    """Return what a draft lacks to be issued; asked once in a request, whatever needs it."""
    kept = request_cache("lacks_of_invoices")
    key = (invoice.id, invoice.version)
    if key not in kept:
        kept[key] = invoices.missing_for_issue(db.session(), invoice)
    found: list[invoices.Missing] = kept[key]
    return found


def why_not_issue(invoice: Invoice) -> str | None:
    """Return why a document is not issued now: it is already, or what it lacks."""
    is_issued = reason(invoices.refuse_unless_draft, invoice)
    return is_issued or "; ".join(lack.text for lack in lacks_of(invoice)) or None


def is_issued(invoice: Invoice) -> bool:
    """Say whether a document is one that others may settle."""
    return not invoice.is_draft


def is_reminded_of(invoice: Invoice) -> bool:
    """Say whether a document is one of which somebody may be reminded some day."""
    return is_issued(invoice) and is_claim(invoice)


def is_claim(invoice: Invoice) -> bool:
    """Say whether a document claims money."""
    return not invoice.is_credit_note


def is_credit(invoice: Invoice) -> bool:
    """Say whether a document takes a claim back."""
    return invoice.is_credit_note


def why_not_remind(invoice: Invoice) -> str | None:
    """Return why nobody is reminded of an invoice today, None when somebody may be."""
    return reason(overdue.refuse_unremindable, invoice, at=clock.now())


def known_address(invoice: Invoice) -> str | None:
    """Return where a document's letter goes, to whom may see such data of people; for others it goes there unseen."""
    is_closed = {"email", "contacts", "channels"} & field_right.hidden(db.session(), Party)
    return None if is_closed else letters.addressee(invoice.party)[1]


VERBS = [
    Verb(
        "issue",
        invoices.issue,
        label=_l("Issue"),
        icon="file-check",
        when=lambda invoice: invoice.is_draft,
        why=why_not_issue,
        to=InvoiceState.issued,
        arguments={"on": ON},
        needs_time=True,
        needs_actor=True,
        primary=True,
    ),
    Verb(
        "send",
        letters.send_invoice,
        label=_l("Send by e-mail"),
        icon="mail",
        when=lambda invoice: not invoice.is_draft,
        why=lambda invoice: reason(letters.refuse_draft, invoice),
        arguments={
            "to": fields.String(validate=validate.Length(max=250)),
            "subject": fields.String(validate=validate.Length(max=250)),
            "text": fields.String(validate=validate.Length(max=20_000)),
        },
        offered=lambda invoice: {
            "to": known_address(invoice),
            "subject": letters.subject_of(invoice),
            "text": letters.text_of(invoice),
        },
        needs_time=True,
        needs_actor=True,
        primary=True,
    ),
    Verb(
        "pay",
        payments.pay,
        label=_l("Register payment"),
        icon="banknote",
        when=is_owed,
        fits=is_claim,
        why=lambda invoice: reason(payments.refuse_unpayable, invoice) or reason(allocations.refuse_settled, invoice),
        arguments=PAID,
        offered=lambda invoice: paid_as(invoice, invoice.rest),
        needs_when=True,
        primary=True,
    ),
    Verb(
        "settle",
        settle,
        label=_l("Settle an invoice"),
        icon="link",
        when=is_unused_credit,
        fits=is_credit,
        why=lambda note: reason(allocations.refuse_spent, note),
        arguments={"invoice": LinkedField(Invoice, required=True), "amount": AMOUNT, "on": ON, "exchange_rate": RATE},
        needs_when=True,
    ),
    Verb(
        "refund",
        payments.refund,
        label=_l("Pay back"),
        icon="banknote",
        when=is_unused_credit,
        fits=is_credit,
        why=lambda note: reason(allocations.refuse_spent, note),
        arguments=PAID,
        offered=lambda note: paid_as(note, note.rest),
        needs_when=True,
    ),
    Verb(
        "remind",
        overdue.remind_now,
        label=_l("Remind now"),
        icon="bell",
        when=lambda invoice: why_not_remind(invoice) is None,
        fits=is_claim,
        why=why_not_remind,
        confirm=_l("Send the next reminder of this invoice now?"),
        needs_time=True,
        needs_actor=True,
    ),
    Verb(
        "block_reminders",
        overdue.block,
        label=_l("Block reminders"),
        icon="bell-off",
        why=lambda invoice: reason(overdue.refuse_stopped, invoice),
        fits=lambda invoice: is_claim(invoice) and invoice.reminder_block_why is None,
        arguments={"reason": REASON, "blocked_until": fields.Date(metadata={"example": "2026-04-30"})},
        offered=lambda _invoice: {"blocked_until": None},
        needs_time=True,
        undo="allow_reminders",
    ),
    Verb(
        "allow_reminders",
        overdue.allow,
        label=_l("Allow reminders"),
        icon="bell",
        why=lambda invoice: reason(overdue.refuse_unblocked, invoice),
        fits=is_claim,
    ),
    Verb(
        "write_off",
        allocations.write_off,
        label=_l("Write off the rest"),
        icon="percent",
        when=is_owed,
        fits=is_claim,
        why=lambda invoice: reason(allocations.refuse_settled, invoice),
        arguments={"reason": WRITE_OFF, "amount": AMOUNT, "on": ON, "note": NOTE},
        offered=lambda invoice: {"amount": invoice.rest},
        needs_when=True,
    ),
    Verb(
        "credit",
        invoices.credit,
        label=_l("Credit"),
        icon="undo-2",
        when=lambda invoice: not invoice.is_draft and not invoice.is_credit_note,
        fits=is_claim,
        why=lambda invoice: reason(invoices.refuse_uncreditable, invoice),
        arguments={
            "reason": REASON,
            "lines": fields.Dict(keys=fields.Integer(), values=fields.Decimal(as_string=True)),
        },
    ),
    Verb("copy", invoices.copy, label=_l("Copy"), icon="copy", when=is_claim, fits=is_claim),
    Verb(
        "close",
        invoices.close,
        label=_l("Close"),
        icon="archive",
        when=lambda invoice: invoice.state == InvoiceState.issued,
        why=lambda invoice: reason(lifecycle.refuse, INVOICE_MOVES, invoice, InvoiceState.closed),
        to=InvoiceState.closed,
        arguments={"reason": REASON},
        needs_time=True,
    ),
]
