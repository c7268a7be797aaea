"""Acts without a page: making an invoice, issuing it and making its file, as one person does them one by one."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

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
from benchmarks import stage
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
        party_id, wares = _customer(session).id, [ware.id for ware in _wares(session)]
        db.session.remove()
    body = {"party": party_id, "lines": [{"product": ware, "quantity": "2"} for ware in wares]}
    return [*found, *_over_rest(app, body, repeat)]


def _over_rest(app: Flask, body: dict[str, Any], repeat: int) -> list[Act]:
    """Return the times of making an invoice over REST, and of making and issuing one."""
    client, headers = app.test_client(), {"Authorization": f"Bearer {stage.token(app, 'admin')}"}

    def make() -> int:
        return int(_answer(client.post("/api/v1/invoice/", json=body, headers=headers), 201)["id"])

    def make_and_issue() -> None:
        key = make()
        _answer(client.post(f"/api/v1/invoice/{key}/issue", json={}, headers=headers), 200)

    return [_timed("rest_make", make, repeat), _timed("rest_issue", make_and_issue, repeat)]


def _answer(answer: Any, status: int) -> dict[str, Any]:  # noqa: ANN401
    if answer.status_code != status:
        raise RuntimeError(f"{answer.status_code}: {answer.get_data(as_text=True)}")
    return dict(answer.get_json())


def _timed(key: str, act: Callable[[], object], repeat: int) -> Act:
    (times,) = in_turn([act], repeat=repeat, warm=WARM)
    return Act(key, ms=times.median, cpu_ms=times.work, slow_ms=times.slow)


def _customer(session: Session) -> Party:
    """Return the first Dutch customer with an address."""
    wanted = select(Party).where(Party.country == "NL", Party.addresses.any(), Party.archived_at.is_(None))
    return session.execute(wanted.order_by(Party.id).limit(1)).scalar_one()


def _wares(session: Session) -> list[Product]:
    return list(session.execute(select(Product).order_by(Product.id).limit(LINES)).scalars())


def _draft(session: Session) -> int:
    """Store a draft for the first Dutch customer and return its id."""
    with unit_of_work(session):
        session.expire_all()
        company = session.execute(select(Organisation).limit(1)).scalar_one()
        draft = Invoice(organisation=company, party=_customer(session), currency=company.currency)
        draft.lines = [
            InvoiceLine(product=ware, quantity=Decimal(2), unit_price=ware.price) for ware in _wares(session)
        ]
        invoices.save(session, draft)
        session.flush()
        return int(draft.id)
