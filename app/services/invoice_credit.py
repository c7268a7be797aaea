"""Credit notes: the only way to correct an issued invoice."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from sqlalchemy.orm import Session

from app import money
from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.models.invoice import Invoice, InvoiceKind, InvoiceLine, InvoiceState
from app.services import document as documents
from app.services import invoice_rules

ZERO = Decimal(0)


def refuse_uncreditable(invoice: Invoice) -> None:
    """Raise DomainError for what is no claim yet, or none at all."""
    if invoice.is_draft or invoice.kind != InvoiceKind.invoice:
        raise DomainError(_("Only an issued invoice can be credited"), field="state")


def credit(session: Session, invoice: Invoice, *, reason: str, lines: Mapping[int, Decimal] | None = None) -> Invoice:
    """Make a draft credit note of all that is left of an invoice, or of quantities by the ids of its lines.

    Raises DomainError or Refusals ("lines-0-quantity", counted by the invoice's lines) when there is less left.
    """
    refuse_uncreditable(invoice)
    documents.lock(session, invoice)  # what is left is read once, for two at the same time too
    left = invoice_rules.left_to_credit(session, invoice)
    taken = _wanted(invoice, left, lines)
    if not any(taken.values()):
        raise DomainError(_("Nothing of this invoice is left to credit"), field="lines")
    whole = taken == left
    note = Invoice(
        kind=InvoiceKind.credit_note,
        state=InvoiceState.draft,
        credits=invoice,
        credit_reason=reason,
        organisation=invoice.organisation,
        party=invoice.party,
        owner_id=invoice.owner_id,
        team_id=invoice.team_id,
        currency=invoice.currency,
        exchange_rate=invoice.exchange_rate,
        language=invoice.language,
        delivery_on=invoice.delivery_on,
        delivery_until=invoice.delivery_until,
        buyer_reference=invoice.buyer_reference,
        prices_include_tax=invoice.prices_include_tax,
        returns=invoice.returns,
    )
    with session.no_autoflush:
        note.lines = [_taken_back(line, taken[line.id]) for line in invoice.lines if taken[line.id]]
        _share_of_document(session, invoice, note, whole=whole)
        invoice_rules.save(session, note)
    session.flush()
    return note


def _wanted(invoice: Invoice, left: Mapping[int, Decimal], lines: Mapping[int, Decimal] | None) -> dict[int, Decimal]:
    """Return what is to be taken back of each line, or refuse what is more than is left."""
    if lines is None:
        return dict(left)
    unknown = lines.keys() - left.keys()
    if unknown:
        raise DomainError(_("A credit note takes back lines of its invoice only"), field="lines")
    wanted = {line.id: Decimal(lines.get(line.id, ZERO)) for line in invoice.lines}
    errors = {}
    for at, line in enumerate(invoice.lines):
        asked = wanted[line.id]
        if asked * line.quantity < 0 or abs(asked) > abs(left[line.id]):
            text = _("At most %(left)s of this line can be taken back", left=money.plain(left[line.id]))
            errors[f"lines-{at}-quantity"] = [text]
    if errors:
        raise Refusals(errors)
    return wanted


def _taken_back(line: InvoiceLine, quantity: Decimal) -> InvoiceLine:
    names = (
        *("product", "text", "unit", "unit_price", "discount_percent", "tax", "order_line_id", "advance_line_id"),
        *("parameters", "unit_cost"),
    )
    return InvoiceLine(credits_line=line, quantity=quantity, **{name: getattr(line, name) for name in names})


def _share_of_document(session: Session, invoice: Invoice, note: Invoice, *, whole: bool) -> None:
    """Take back the invoice's own discount and charge in proportion, and all that is left of them at the end.

    What the last credit note comes to is then brought to what is left of the invoice: rounding every part of an
    amount may come to some steps more or less than rounding the whole.
    """
    discount, charge = invoice_rules.credited_of_document(session, invoice)
    if not whole:
        share = _share(invoice, note)
        note.discount = min(money.percent_of(invoice.discount, share, invoice.currency), invoice.discount - discount)
        note.charge = min(money.percent_of(invoice.charge, share, invoice.currency), invoice.charge - charge)
        return
    note.discount, note.charge = invoice.discount - discount, invoice.charge - charge
    rest = invoice.gross - invoice_rules.credited(session, invoice)
    over = invoice_rules.comes_to(session, note).gross - rest
    if over:
        step = money.step(invoice.currency)
        _bring_to(session, note, rest, [ZERO, -over, -over - step, -over + step])


def _bring_to(session: Session, note: Invoice, rest: Decimal, changes: Sequence[Decimal]) -> None:
    """Change the note's own discount or charge so that it comes closest to what is left, but not above.

    Not every total can be reached: where one step more of net makes two steps of gross, a step stays open.
    """
    discount, charge = note.discount, note.charge
    tried = []
    for change in changes:
        note.discount, note.charge = max(discount - change, ZERO), charge
        if change > discount:
            note.charge = charge + change - discount
        gross = _gross(session, note)
        if gross is not None and gross <= rest:
            tried.append((gross, -abs(change), note.discount, note.charge))
    if tried:
        _best, _change, note.discount, note.charge = max(tried)


def _gross(session: Session, note: Invoice) -> Decimal | None:
    try:
        return invoice_rules.comes_to(session, note).gross
    except DomainError:
        return None  # a discount above the total


def _share(invoice: Invoice, note: Invoice) -> Decimal:
    """Return how many percent of the lines' amounts a credit note takes back."""
    with money.exact():
        amounts = {line.id: line.gross for line in invoice.lines}
        whole = sum(amounts.values(), ZERO)
        back = sum((amounts[_id(line)] * line.quantity / _source(line).quantity for line in note.lines), ZERO)
        return (100 * back / whole).quantize(Decimal("0.0000000001")) if whole else ZERO


def _source(line: InvoiceLine) -> InvoiceLine:
    assert line.credits_line is not None  # noqa: S101 -- made so a few lines above
    return line.credits_line


def _id(line: InvoiceLine) -> int:
    return _source(line).id
