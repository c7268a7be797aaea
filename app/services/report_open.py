"""Open items and their age on any day, also a past one: exact, from the days of documents, payments and allocations.

What of a document or payment is open on a day is its amount less the allocations dated up to that day. What somebody
owes us counts up, what we owe him (credit notes, money on account) down, so the rows of a counterparty come to his
balance of that day. Allocations are looked at over all rows: that an invoice is paid is true for whoever sees it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from app import money
from app.i18n import gettext as _
from app.i18n import label_of
from app.i18n import lazy_gettext as _l
from app.models.allocation import Allocation
from app.models.invoice import Invoice, InvoiceKind, InvoiceState
from app.models.party import Party
from app.models.payment import Payment, PaymentKind
from app.services import report_frame as frame
from app.services.report_frame import (
    ON,
    ORGANISATION,
    PERSON,
    TEAM,
    ZERO,
    Asked,
    Asks,
    Behind,
    Column,
    Drawing,
    Group,
    Kind,
    Parameter,
    Report,
    Result,
    Row,
)

PARTY = Party.__table__.c  # a document that is visible always shows its party
EDGES = (0, 30, 60, 90)  # days overdue up to which an age goes; further ones are the last
BY = Parameter(
    "by", _l("By"), Asks.choice, usual="party", choices=(("party", _l("Client")), ("document", _l("Document")))
)
CLIENT = Parameter("party", _l("Client"), Asks.party)


@dataclass(frozen=True)
class Item:
    """Something open: `rest` is above zero for what he owes us; `due_on` is None for what has no day."""

    area: str
    key: int
    label: str
    kind: Any
    party_id: int
    party: str
    made_on: date
    due_on: date | None
    currency: str
    amount: Decimal
    rest: Decimal

    def overdue(self, on: date) -> int:
        """Return how many days it is overdue, zero and less where it is not."""
        return (on - self.due_on).days if self.due_on is not None else 0


def find(session: Session, asked: Asked) -> Result:
    """Return what is open; two statements."""
    items = [*_invoices(session, asked), *_payments(session, asked)]
    return _documents(asked, items) if asked["by"] == "document" else _clients(asked, items)


def _used(on: date, key: Any, amount: Any) -> Any:  # noqa: ANN401 -- columns of allocations
    """Return what of each document or payment settles something up to a day."""
    asked = select(key.label("key"), func.sum(amount).label("used"))
    return asked.where(key.is_not(None), Allocation.allocated_on <= on).group_by(key).subquery()


def _invoices(session: Session, asked: Asked) -> Iterator[Item]:
    on: date = asked["on"]
    settled = _used(on, Allocation.invoice_id, Allocation.amount)
    settles = _used(on, Allocation.credit_note_id, Allocation.credit_amount)
    is_note = Invoice.kind == InvoiceKind.credit_note
    about = (Invoice.number, Invoice.kind, Invoice.party_id, PARTY.name.label("party"), Invoice.issued_on)
    found = (
        select(Invoice.id, *about, Invoice.due_on, Invoice.currency, Invoice.gross, settled.c.used, settles.c.used)
        .join(Party.__table__, PARTY.id == Invoice.party_id)
        .outerjoin(settled, settled.c.key == Invoice.id)
        .outerjoin(settles, settles.c.key == Invoice.id)
        .where(Invoice.state != InvoiceState.draft, Invoice.issued_on <= on, *frame.cut(session, asked, Invoice))
        .where(
            or_(
                and_(~is_note, or_(settled.c.used.is_(None), settled.c.used != Invoice.gross)),
                and_(is_note, or_(settles.c.used.is_(None), settles.c.used != Invoice.gross)),
            )
        )
    )
    if asked["party"] is not None:
        found = found.where(Invoice.party_id == asked["party"])
    for key, number, kind, party_id, party, made, due, code, gross, paid, given in session.execute(found):
        is_credit = kind == InvoiceKind.credit_note
        rest = -(gross - (given or ZERO)) if is_credit else gross - (paid or ZERO)
        if rest:
            day = None if is_credit else due
            yield Item("invoice", key, number or f"#{key}", kind, party_id, party, made, day, code, gross, rest)


def _payments(session: Session, asked: Asked) -> Iterator[Item]:
    on: date = asked["on"]
    settles = _used(on, Allocation.payment_id, Allocation.credit_amount)
    settled = _used(on, Allocation.refund_id, Allocation.amount)
    about = (Payment.reference, Payment.kind, Payment.party_id, PARTY.name.label("party"), Payment.paid_on)
    is_receipt = Payment.kind == PaymentKind.receipt
    found = (
        select(Payment.id, *about, Payment.currency, Payment.amount, settles.c.used, settled.c.used)
        .join(Party.__table__, PARTY.id == Payment.party_id)
        .outerjoin(settles, settles.c.key == Payment.id)
        .outerjoin(settled, settled.c.key == Payment.id)
        .where(Payment.paid_on <= on, or_(Payment.cancelled_on.is_(None), Payment.cancelled_on > on))
        .where(
            or_(
                and_(is_receipt, or_(settles.c.used.is_(None), settles.c.used != Payment.amount)),
                and_(~is_receipt, or_(settled.c.used.is_(None), settled.c.used != Payment.amount)),
            ),
            *frame.cut(session, asked, Payment),
        )
    )
    if asked["party"] is not None:
        found = found.where(Payment.party_id == asked["party"])
    for key, reference, kind, party_id, party, made, code, amount, given, paid in session.execute(found):
        rest = -(amount - (given or ZERO)) if kind == PaymentKind.receipt else amount - (paid or ZERO)
        if rest:
            yield Item("payment", key, reference or f"#{key}", kind, party_id, party, made, None, code, amount, rest)


# --- told -------------------------------------------------------------------------------------------------------------


def ages() -> list[Any]:
    """Return what the ages are called, from what is not due to the oldest."""
    between = [_l("%(from_)s–%(to)s days", from_=least + 1, to=most) for least, most in pairwise(EDGES)]
    return [_l("Not due"), *between, _l("Over %(days)s days", days=EDGES[-1])]


def age(days: int) -> int:
    """Return in which of the ages something stands that is so many days overdue."""
    return next((at for at, edge in enumerate(EDGES) if days <= edge), len(EDGES))


@dataclass
class _Client:
    """What is open of one counterparty in one currency."""

    name: str
    by_age: list[Decimal] = field(default_factory=lambda: [ZERO] * (len(EDGES) + 1))
    credit: Decimal = ZERO

    @property
    def owed(self) -> Decimal:
        return sum(self.by_age, ZERO)


def _clients(asked: Asked, items: list[Item]) -> Result:
    heads = (
        Column("party", _l("Client")),
        *(Column(f"age{at}", name, Kind.amount, is_summed=True) for at, name in enumerate(ages())),
        Column("owed", _l("Owed to us"), Kind.amount, is_summed=True),
        Column("credit", _l("Owed by us"), Kind.amount, is_summed=True),
        Column("balance", _l("Balance"), Kind.amount, is_summed=True),
    )
    found: dict[tuple[int, str], _Client] = {}
    with money.exact():
        for item in items:
            client = found.setdefault((item.party_id, item.currency), _Client(item.party))
            if item.rest > 0:
                client.by_age[age(item.overdue(asked["on"]))] += item.rest
            else:
                client.credit -= item.rest
        rows = [
            Row(
                (one.name, *one.by_age, one.owed, one.credit, one.owed - one.credit),
                code,
                _behind_client(asked, key),
            )
            for (key, code), one in sorted(found.items(), key=lambda pair: (pair[0][1], -pair[1].owed, pair[1].name))
        ]
    return frame.result(heads, rows, notes=_notes(items), drawing=Drawing("party", ("owed",)))


def _behind_client(asked: Asked, key: int) -> dict[str, Behind]:
    kept = {**asked.given, "by": "document", "party": str(key), "on": asked["on"].isoformat()}
    own = Behind("", tuple(sorted(kept.items())), report=REPORT.key)
    return {"party": Behind("party", record_id=key), "owed": own, "balance": own}


def _documents(asked: Asked, items: list[Item]) -> Result:
    heads = (
        Column("document", _l("Document")),
        Column("kind", _l("Kind")),
        Column("party", _l("Client")),
        Column("made_on", _l("Dated"), Kind.day),
        Column("due_on", _l("Due on"), Kind.day),
        Column("overdue", _l("Days overdue"), Kind.days),
        Column("amount", _l("Amount"), Kind.amount),
        Column("rest", _l("Open"), Kind.amount, is_summed=True),
    )
    on = asked["on"]
    rows = []
    for item in sorted(items, key=lambda one: (one.currency, one.due_on or one.made_on, one.area, one.key)):
        late = max(0, item.overdue(on)) if item.due_on is not None else None
        about = (item.label, label_of(item.kind), item.party, item.made_on, item.due_on, late, item.amount, item.rest)
        behind = {"document": Behind(item.area, record_id=item.key), "party": Behind("party", record_id=item.party_id)}
        rows.append(Row(about, item.currency, behind))
    return frame.result(heads, rows, notes=_notes(items))


def _notes(items: list[Item]) -> list[str]:
    if not items:
        return []
    return [_("Credit notes and money on account that settle nothing yet are owed by us; they have no age.")]


REPORT = Report(
    "open_items",
    Group.money,
    _l("Open items"),
    _l("What clients owed on a day, by how long it was overdue, and what we owed them; a past day is told exactly."),
    ("invoice", "payment"),
    (ON, BY, ORGANISATION, TEAM, PERSON, CLIENT),
    find,
)
