"""What bookings are compared with: what is open of our company, payments without a booking, and who may have paid.

It is read once for as many lines as one likes, as far as the reader sees it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.bank_statement import BankLine, BankRule, BankStatement
from app.models.invoice import Invoice, InvoiceKind, InvoiceState
from app.models.party import Party, PartyBankAccount
from app.models.payment import Payment, PaymentKind, PaymentState
from app.services import field_right
from app.services.bank_text import LEAST_KEY, digits, key
from app.services.name_sound import latin_key

ZERO = Decimal(0)
MOST_OPEN = 20_000  # documents that are compared, the newest of them
NEAR = timedelta(days=14)  # how far a payment that is recorded already may be from its booking
_CHUNK = 500


class Because(StrEnum):
    """What speaks for a proposal."""

    structured = "structured"
    number = "number"
    amount = "amount"
    sum = "sum"
    charge = "charge"
    account = "account"
    tax_number = "tax_number"
    name = "name"
    similar_name = "similar_name"
    recorded = "recorded"
    rule = "rule"
    only = "only"
    part = "part"
    over = "over"


label(
    Because,
    structured=_l("its reference names the document"),
    number=_l("the number stands in the text"),
    amount=_l("exactly what is open"),
    sum=_l("together exactly what is open"),
    charge=_l("what is missing may be the bank’s charge"),
    account=_l("from the account of this counterparty"),
    tax_number=_l("the tax number of this counterparty"),
    name=_l("the name of this counterparty"),
    similar_name=_l("a similar name"),
    recorded=_l("a payment that is recorded already"),
    rule=_l("a rule of yours"),
    only=_l("nothing else is open over this amount"),
    part=_l("a part of what is open"),
    over=_l("more than is open; the rest stays as an advance"),
)
WEIGHTS = {
    Because.rule: 95,
    Because.structured: 60,
    Because.number: 50,
    Because.amount: 30,
    Because.sum: 28,
    Because.account: 30,
    Because.tax_number: 30,
    Because.recorded: 25,
    Because.charge: 20,
    Because.name: 20,
    Because.similar_name: 12,
    Because.only: 5,
    Because.part: 3,
    Because.over: 2,
}
WHO = (Because.account, Because.tax_number, Because.name)


@dataclass(frozen=True)
class Open:
    """A document of which something is open. Units: `rest` in its currency."""

    id: int
    number: str
    party_id: int
    party: str
    latin: str
    rest: Decimal
    due_on: date | None


@dataclass(frozen=True)
class Recorded:
    """A payment that no booking belongs to yet."""

    id: int
    party_id: int
    party: str
    paid_on: date
    amount: Decimal
    reference: str


@dataclass
class Book:
    """What is open of a company in a currency, and what is known of those who pay."""

    documents: list[Open]
    payments: list[Recorded]
    by_key: dict[str, list[Open]] = field(default_factory=dict)
    by_rest: dict[Decimal, list[Open]] = field(default_factory=dict)
    by_party: dict[int, list[Open]] = field(default_factory=dict)
    parties: dict[tuple[Because, str], list[tuple[int, str]]] = field(default_factory=dict)
    rules: list[BankRule] = field(default_factory=list)
    tolerance: Decimal = ZERO

    def __post_init__(self) -> None:
        for each in self.documents:
            for mark in {key(each.number), digits(each.number)}:
                if len(mark) >= LEAST_KEY:
                    self.by_key.setdefault(mark, []).append(each)
            self.by_rest.setdefault(each.rest, []).append(each)
            self.by_party.setdefault(each.party_id, []).append(each)


def book(session: Session, statement: BankStatement, lines: Sequence[BankLine], *, came_in: bool) -> Book:
    """Read what lines of one direction are compared with, as far as the reader sees it."""
    found = Book(_documents(session, statement, came_in=came_in), _payments(session, statement, lines, came_in=came_in))
    found.parties = _parties(session, lines)
    found.rules = list(session.scalars(select(BankRule).where(BankRule.is_active.is_(True)).order_by(BankRule.id)))
    found.tolerance = statement.account.fee_tolerance
    return found


def marks_of(line: BankLine) -> tuple[str, str, str]:
    """Return by what a booking says who is behind it, in the order of WHO: account, tax number, name."""
    return line.payer_account or "", (line.payer_tax_number or "").upper(), latin_key(line.payer or "")


def _documents(session: Session, statement: BankStatement, *, came_in: bool) -> list[Open]:
    kind = InvoiceKind.invoice if came_in else InvoiceKind.credit_note
    asked = (
        select(
            Invoice.id,
            Invoice.number,
            Invoice.party_id,
            Party.name,
            Party.latin_key,
            (Invoice.gross - Invoice.allocated).label("rest"),
            Invoice.due_on,
        )
        .join(Party, Party.id == Invoice.party_id)
        .where(
            Invoice.organisation_id == statement.organisation_id,
            Invoice.currency == statement.currency,
            Invoice.kind == kind,
            Invoice.state != InvoiceState.draft,
            Invoice.allocated < Invoice.gross,
        )
        .order_by(Invoice.id.desc())
        .limit(MOST_OPEN)
    )
    return [Open(one.id, one.number or "", one.party_id, one.name, one.latin_key, one.rest, one.due_on)
            for one in session.execute(asked)]  # fmt: skip


def _payments(
    session: Session, statement: BankStatement, lines: Sequence[BankLine], *, came_in: bool
) -> list[Recorded]:
    """Return payments that somebody has recorded around these bookings, and that belong to none."""
    if not lines:
        return []
    days = [line.booked_on for line in lines]
    amounts = {abs(line.amount) for line in lines}
    asked = (
        select(Payment.id, Payment.party_id, Party.name, Payment.paid_on, Payment.amount, Payment.reference)
        .join(Party, Party.id == Payment.party_id)
        .where(
            Payment.organisation_id == statement.organisation_id,
            Payment.currency == statement.currency,
            Payment.kind == (PaymentKind.receipt if came_in else PaymentKind.refund),
            Payment.state == PaymentState.recorded,
            Payment.paid_on.between(min(days) - NEAR, max(days) + NEAR),
            ~exists().where(BankLine.payment_id == Payment.id),
        )
        .order_by(Payment.id)
    )
    if len(amounts) <= _CHUNK:
        asked = asked.where(Payment.amount.in_(amounts))
    return [Recorded(one.id, one.party_id, one.name, one.paid_on, one.amount, one.reference or "")
            for one in session.execute(asked.limit(MOST_OPEN))]  # fmt: skip


def _parties(session: Session, lines: Sequence[BankLine]) -> dict[tuple[Because, str], list[tuple[int, str]]]:
    """Return the counterparties behind the accounts, tax numbers and names of lines, each by its indexed key."""
    found: dict[tuple[Because, str], list[tuple[int, str]]] = {}
    accounts, numbers, names = (
        sorted({each for each in some if each}) for some in zip(*map(marks_of, lines), strict=True)
    )
    open_ones = Party.merged_into_id.is_(None)
    if "bank_accounts" not in field_right.hidden(session, Party):
        for some in _portions(accounts):
            asked = (
                select(PartyBankAccount.iban, PartyBankAccount.account, Party.id, Party.name)
                .join(Party, Party.id == PartyBankAccount.party_id)
                .where(or_(PartyBankAccount.iban.in_(some), PartyBankAccount.account.in_(some)), open_ones)
                .order_by(Party.id)
            )
            for iban, account, party_id, name in session.execute(asked):
                for number in {one for one in (iban, account) if one is not None} & set(some):
                    found.setdefault((Because.account, number), []).append((party_id, name))
    columns: list[tuple[Because, Any, list[str]]] = [
        (Because.tax_number, Party.tax_number, numbers),
        (Because.name, Party.latin_key, names),
    ]
    for way, column, values in columns:
        for some in _portions(values):
            named = select(column, Party.id, Party.name).where(column.in_(some), open_ones).order_by(Party.id)
            for value, party_id, name in session.execute(named):
                found.setdefault((way, value), []).append((party_id, name))
    return found


def _portions(values: Sequence[str]) -> Iterable[Sequence[str]]:
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))
