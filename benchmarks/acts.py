"""Acts without a page: issuing an invoice and making its file, one after the other as one person does them."""

from collections.abc import Callable
from decimal import Decimal

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.db import db, unit_of_work
from app.documents import invoice as documents
from app.models.invoice import Invoice, InvoiceLine, InvoiceSnapshot
from app.models.organisation import Organisation
from app.models.party import Party
from app.models.product import Product
from app.services import access
from app.services import invoice as invoices
from benchmarks.clock import in_turn
from benchmarks.figures import Act

WARM = 3
LINES = 3


def measure(app: Flask, *, repeat: int) -> list[Act]:
    """Return the times of issuing an invoice with three lines, with its commit, and of its one-page PDF."""
    with app.app_context():
        session = db.session()
        access.act_as(session, access.SYSTEM)
        drafts = iter([_draft(session) for _each in range(repeat + WARM)])
        issued: list[int] = []

        def issue() -> None:
            key = next(drafts)
            with unit_of_work(session):
                invoices.issue(session, session.get_one(Invoice, key), at=clock.now())
            issued.append(key)

        found = [_timed("issue", issue, repeat)]
        frozen = select(InvoiceSnapshot.content).where(InvoiceSnapshot.invoice_id == issued[-1])
        content = session.execute(frozen).scalar_one()
        found.append(_timed("pdf", lambda: documents.pdf(content), min(repeat, 20)))
        db.session.remove()
    return found


def _timed(key: str, act: Callable[[], object], repeat: int) -> Act:
    (times,) = in_turn([act], repeat=repeat, warm=WARM)
    return Act(key, ms=times.median, slow_ms=times.slow)


def _draft(session: Session) -> int:
    """Store a draft for the first Dutch customer and return its id."""
    with unit_of_work(session):
        session.expire_all()
        company = session.execute(select(Organisation).limit(1)).scalar_one()
        wanted = select(Party).where(Party.country == "NL", Party.addresses.any(), Party.archived_at.is_(None))
        party = session.execute(wanted.order_by(Party.id).limit(1)).scalar_one()
        wares = session.execute(select(Product).order_by(Product.id).limit(LINES)).scalars()
        draft = Invoice(organisation=company, party=party, currency=company.currency)
        draft.lines = [InvoiceLine(product=ware, quantity=Decimal(2), unit_price=ware.price) for ware in wares]
        invoices.save(session, draft)
        session.flush()
        return int(draft.id)
