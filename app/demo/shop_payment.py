"""Payments of the demo's web shop, in bulk: most buyers pay at once, some late, some half, some never."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app import money
from app.demo.webshop import Issued
from app.models.allocation import Allocation
from app.models.organisation import Organisation
from app.models.party import Party
from app.models.payment import Payment, PaymentKind, PaymentMethod, PaymentState
from app.search import search_text

HABITS = {"at_once": 70, "late": 16, "half": 5, "never": 9}
HALF = Decimal("0.5")
_METHODS = (PaymentMethod.card, PaymentMethod.card, PaymentMethod.bank_transfer, PaymentMethod.direct_debit)


def pay(session: Session, sold: Sequence[Issued], *, organisation: Organisation, by_id: int, today: date) -> int:
    """Record the payments of sold invoices up to yesterday and let them settle these; return how many there are."""
    owners = _owners(session, sold)
    paid = [found for one in sold if (found := _paid(one, organisation, owners[one.party_id], today)) is not None]
    if not paid:
        return 0
    rows = [payment for _invoice, payment in paid]
    ids = session.scalars(insert(Payment).returning(Payment.id, sort_by_parameter_order=True), rows).all()
    session.execute(
        insert(Allocation),
        [
            {
                "allocated_on": payment["paid_on"],
                "amount": payment["amount"],
                "credit_amount": payment["amount"],
                "payment_id": key,
                "invoice_id": invoice.id,
                "created_at": payment["created_at"],
                "by_id": by_id,
            }
            for key, (invoice, payment) in zip(ids, paid, strict=True)
        ],
    )
    return len(rows)


def _owners(session: Session, sold: Sequence[Issued]) -> dict[int, Any]:
    keys = {one.party_id for one in sold}
    found = select(Party.id, Party.name, Party.tax_number, Party.owner_id, Party.team_id).where(Party.id.in_(keys))
    return {row.id: row for row in session.execute(found)}


def _paid(one: Issued, organisation: Organisation, party: Any, today: date) -> tuple[Issued, dict[str, Any]] | None:  # noqa: ANN401
    random = Random(f"payment {one.number}")  # noqa: S311 -- the same demo every time
    habit = random.choices(list(HABITS), list(HABITS.values()))[0]
    day = one.issued_on + timedelta(days=random.randint(31, 60) if habit == "late" else random.randint(0, 12))
    amount = money.quantize(one.gross * HALF, one.currency) if habit == "half" else one.gross
    if habit == "never" or day >= today or amount <= 0:
        return None
    at = datetime.combine(day, time(9, random.randrange(60)), UTC)
    return one, {
        "kind": PaymentKind.receipt,
        "state": PaymentState.recorded,
        "organisation_id": organisation.id,
        "party_id": one.party_id,
        "owner_id": party.owner_id,
        "team_id": party.team_id,
        "paid_on": day,
        "amount": amount,
        "currency": one.currency,
        "method": random.choice(_METHODS),
        "reference": one.number,
        "search_text": search_text([one.number, party.name, party.tax_number]),
        "created_at": at,
        "changed_at": at,
    }
