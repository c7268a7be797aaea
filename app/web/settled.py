"""What cards say of settling: the allocations of a document or payment with everything that their table names."""

from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import selectinload

from app.db import db
from app.models.allocation import Allocation
from app.models.invoice import Invoice
from app.models.payment import Payment
from app.services import allocation as allocations

NAMED = [
    selectinload(Allocation.payment),
    selectinload(Allocation.credit_note),
    selectinload(Allocation.invoice),
    selectinload(Allocation.refund),
]


def count_of(record: Invoice | Payment) -> Select[Any]:
    """Return the statement for how many allocations a document or payment has."""
    return select(func.count()).select_from(allocations.of(record).order_by(None).subquery())


def rows_of(record: Invoice | Payment) -> list[tuple[Allocation, bool]]:
    """Return the allocations of a document or payment, each with whether it can be undone."""
    rows = db.session.execute(allocations.of(record).options(*NAMED)).scalars().all()
    standing = {row.id for row in allocations.standing(rows)}
    return [(row, row.id in standing) for row in rows]
