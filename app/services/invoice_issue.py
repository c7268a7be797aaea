"""Issuing: the act that turns a draft into a legal document, once and for good."""

from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import exists, insert, select
from sqlalchemy.orm import Session, joinedload

from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.lifecycle import move
from app.models.invoice import INVOICE_MOVES, Invoice, InvoiceKind, InvoiceSnapshot, InvoiceState
from app.models.number_series import NumberSeries, SeriesKind
from app.models.organisation import Organisation
from app.models.party import Party
from app.models.payment_term import PaymentTerm
from app.money import Priced, TaxCategory
from app.outbox import Outbox, enqueue
from app.search import search_text
from app.services import chain, invoice_rules, margin, organisation_picture
from app.services import document as documents
from app.services import invoice_snapshot as snapshots
from app.services import number as numbers
from app.services import payment_term as terms
from app.services import period as periods
from app.services.access import Actor
from app.services.number import Number

FILE = "invoice.render"  # the topic of the job that makes a document's file
SERIES = {InvoiceKind.invoice: SeriesKind.invoice, InvoiceKind.credit_note: SeriesKind.credit_note}
# The buyer owes the tax, so the document must name him by his number. Source: EN 16931, BR-AE-02 and BR-IC-02.
_NAMES_BUYER = frozenset({TaxCategory.reverse_charge, TaxCategory.intra_community})
# Read when a document is issued, besides what is read to judge it: small lists of the head's records.
_READ = (
    joinedload(Invoice.organisation).joinedload(Organisation.bank_accounts),
    joinedload(Invoice.party).joinedload(Party.addresses),
    joinedload(Invoice.payment_term).joinedload(PaymentTerm.texts),
)


class Missing(NamedTuple):
    """Something that a document lacks to be legal: a text, and the record and field where it is mended."""

    text: str
    stem: str
    record_id: int | None
    field: str


def issue(session: Session, invoice: Invoice, *, at: datetime, on: date | None = None, by: Actor | None = None) -> None:
    """Give a draft its number, freeze what it says, chain it and queue its file; `on` is today unless it is given.

    Raises Refusals when something legal is missing, DomainError for a wrong day or when it is issued already, Conflict
    when somebody has just changed it. The number is taken last, so that others wait as short as possible.
    """
    invoice_rules.refuse_unless_draft(invoice)
    documents.lock(session, invoice, invoice.credits)
    gathered = documents.gather(session, invoice, *_READ)
    today = periods.today(invoice.organisation, at)
    on = on or today
    numbers.refuse_day(invoice.organisation, on=on, today=today)
    with session.no_autoflush:
        priced = invoice_rules.settle(session, invoice, day=invoice.delivery_on or on)
        standard = _default_series(session, invoice)
        _refuse_missing(invoice, standard)
        _refuse_days(invoice, on)
        series = _series(invoice, standard)
        numbers.check(session, series, on=on, today=today)
    margin.take(session, invoice)
    session.flush()  # lines and taxes are stored while the document is still a draft
    with session.no_autoflush:  # the document becomes another one in a single statement
        _set_days(invoice, on)
        invoice.series, invoice.series_id = series, series.id  # the snapshot is made before the flush
        number = numbers.take(session, series, on=on, today=today)
        _freeze(session, invoice, series, number, priced, at=at)
        move(INVOICE_MOVES, invoice, InvoiceState.issued)
    del gathered  # it was held until here
    enqueue(session, FILE, invoice.id, due_at=at, actor_id=by.user_id if by is not None else None)


def ask_for_file(session: Session, invoice: Invoice, *, at: datetime, by: Actor | None = None) -> bool:
    """Queue the file of an issued document for which nobody has yet; False when it is there or on its way.

    One whose job has failed is not queued again: that job waits for a person.
    """
    if invoice.is_draft or invoice.file_id is not None:
        return False
    if session.scalar(select(exists().where(Outbox.topic == FILE, Outbox.record_id == invoice.id))):
        return False
    enqueue(session, FILE, invoice.id, due_at=at, actor_id=by.user_id if by is not None else None)
    return True


def _set_days(invoice: Invoice, on: date) -> None:
    invoice.issued_on = on
    invoice.delivery_on = invoice.delivery_on or on
    invoice.due_on = invoice.due_on or terms.due_on(invoice.payment_term, on)


def _freeze(
    session: Session, invoice: Invoice, series: NumberSeries, number: Number, priced: Priced, *, at: datetime
) -> None:
    """Give the document its number, and store what it says together with its link."""
    invoice.number, invoice.number_period, invoice.number_n = number.text, number.period, number.n
    invoice.search_text += search_text([number.text])
    bank = snapshots.bank_account(invoice.organisation, invoice.currency)
    content = snapshots.content(invoice, priced, bank=bank)
    if pictures := organisation_picture.pinned(session, invoice.organisation):
        content["pictures"] = pictures  # it keeps them when the company takes others
    frozen = {"invoice_id": invoice.id, "content": content, "made_at": at}
    session.execute(insert(InvoiceSnapshot.__table__), frozen)  # type: ignore[arg-type]  # nobody needs it as an object
    session.expire(invoice, ["snapshot"])
    chain.append(session, invoice, series=series, digest=chain.sha256(content), at=at)


def _refuse_days(invoice: Invoice, on: date) -> None:
    if invoice.due_on is not None and invoice.due_on < on:
        raise DomainError(_("It cannot be due before it is issued"), field="due_on")
    original = invoice.credits
    if original is not None and original.issued_on is not None and on < original.issued_on:
        raise DomainError(_("A credit note cannot be older than its invoice"), field="on")


def _default_series(session: Session, invoice: Invoice) -> NumberSeries | None:
    return invoice.series or numbers.default(session, invoice.organisation, SERIES[invoice.kind])


def _series(invoice: Invoice, series: NumberSeries | None) -> NumberSeries:
    """Return the series that numbers the document, which it names or which is the default, if that fits."""
    kind = SERIES[invoice.kind]
    if series is None or series.kind != kind or series.organisation_id != invoice.organisation_id:
        raise DomainError(_("This series does not number such documents"), field="series")
    return series


def _refuse_missing(invoice: Invoice, series: NumberSeries | None) -> None:
    errors: dict[str, list[str]] = {}
    for lack in _missing(invoice, series):
        field = lack.field if lack.stem == "invoice" else lack.stem
        errors.setdefault(field, []).append(lack.text)
    if errors:
        raise Refusals(errors)


def missing_for_issue(session: Session, invoice: Invoice) -> list[Missing]:
    """Return everything that a draft lacks to be issued as a legal document."""
    return _missing(invoice, _default_series(session, invoice))


def _missing(invoice: Invoice, series: NumberSeries | None) -> list[Missing]:
    return [*_missing_of_seller(invoice, series), *_missing_of_buyer(invoice), *_missing_of_document(invoice)]


def _missing_of_seller(invoice: Invoice, series: NumberSeries | None) -> list[Missing]:
    us = invoice.organisation
    lacks = []
    if not us.tax_number:
        lacks.append(("tax_number", _("Your tax number is missing")))
    if not us.street or not us.city:
        lacks.append(("street", _("Your address is missing")))
    if not us.bank_accounts and invoice.kind == InvoiceKind.invoice:
        lacks.append(("bank_accounts", _("Your bank account is missing")))
    found = [Missing(text, "organisation", us.id, field) for field, text in lacks]
    if series is None:
        found.append(Missing(_("There is no number series for these documents"), "number_series", None, "kind"))
    return found


def _missing_of_buyer(invoice: Invoice) -> list[Missing]:
    party = invoice.party
    found = []
    address = snapshots.billing_address(party)
    if address is None:
        found.append(Missing(_("The address of the buyer is missing"), "party", party.id, "addresses"))
    elif not address.country and not party.country:
        found.append(Missing(_("The country of the buyer is missing"), "party", party.id, "country"))
    if not party.tax_number and any(line.tax.category in _NAMES_BUYER for line in invoice.lines):
        text = _("The tax number of the buyer is missing; without it no tax is left to the buyer")
        found.append(Missing(text, "party", party.id, "tax_number"))
    return found


def _missing_of_document(invoice: Invoice) -> list[Missing]:
    lacks = []
    if not invoice.lines:
        lacks.append(("lines", _("An invoice needs at least one line")))
    if invoice.currency != invoice.organisation.currency and invoice.exchange_rate is None:
        lacks.append(("exchange_rate", _("A document in a foreign currency needs its exchange rate")))
    if invoice.kind == InvoiceKind.credit_note and not invoice.credit_reason:
        lacks.append(("credit_reason", _("Say why the invoice is credited")))
    return [Missing(text, "invoice", invoice.id, field) for field, text in lacks]
