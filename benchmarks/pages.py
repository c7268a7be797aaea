"""Pages and calls, measured in one process: every one in turn with a bare page that shows the same rows."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import TextClause, create_engine, func, select

from app.db import db
from app.models.invoice import Invoice
from app.models.party import Party
from app.search import terms
from app.services import access
from benchmarks import bare, stage
from benchmarks.clock import in_turn, statements
from benchmarks.figures import Page

WARM = 3
_LINKED = re.compile(r'(?:src|href)="/static/([^"?#]+)')
Bare = tuple[TextClause, dict[str, Any]]


def texts(app: Flask) -> dict[str, str]:
    """Return what is searched for: parts of names from the data, common to absent."""
    with app.app_context():
        session = db.session()
        access.act_as(session, access.SYSTEM)
        found = session.execute(select(Party.tax_number).where(Party.tax_number.is_not(None)).limit(1)).scalar_one()
        db.session.remove()
    return {"common": "тель", "rare": str(found)[2:], "two": "ве", "one": "м", "missing": "qzxjkw"}


def measure(app: Flask, *, rows: int, repeat: int) -> list[Page]:
    """Return the figures of every page."""
    with app.app_context():
        engine = db.engines[None]
        url, sqlite = engine.url, engine.dialect.name == "sqlite"
    sides = _Sides(app, repeat=repeat, page=bare.Bare(create_engine(url)))
    admin, manager, visitor = stage.browser(app, "admin"), stage.browser(app, "manager"), app.test_client()
    key = _some_key(app, rows)
    deep = max(rows // bare.PAGE_SIZE - 10, 1)
    found = {name: (text, bare.rows_found(terms(text), sqlite=sqlite)) for name, text in texts(app).items()}

    sides.see("list", admin, "/party/list/", bare.rows_at(0))
    sides.see("list_own", manager, "/party/list/", bare.rows_at(0))
    sides.see("deep", admin, "/party/list/?last=1", bare.rows_at(deep * bare.PAGE_SIZE))
    for name, (text, rows_of) in found.items():
        sides.see(f"find_{name}", admin, f"/party/list/?q={text}", rows_of)
    sides.see("card", admin, f"/party/show/{key}", bare.row(key))
    sides.see("add", admin, "/party/add", bare.nothing())
    sides.see("edit", admin, f"/party/edit/{key}", bare.row(key))
    first = _first_invoice(app)
    sides.see("invoices", admin, "/invoice/list/", bare.rows_at(0))
    sides.see("invoices_own", manager, "/invoice/list/", bare.rows_at(0))
    sides.see("invoices_find", admin, "/invoice/list/?q=0007", bare.rows_at(0))
    sides.see("invoice", admin, f"/invoice/show/{first}", bare.row(key))
    sides.see("invoice_add", admin, "/invoice/add", bare.nothing())
    for name in ("common", "two"):
        sides.see(f"lookup_{name}", admin, f"/lookup/party?q={found[name][0]}", found[name][1])
    headers = {"Authorization": f"Bearer {stage.token(app, 'admin')}"}
    sides.see("rest_list", visitor, "/api/v1/party/", bare.rows_at(0), headers=headers)
    sides.see("rest_get", visitor, f"/api/v1/party/{key}", bare.row(key), headers=headers)
    sides.see("home", admin, "/home/", bare.rows_at(0))
    sides.see("day", manager, "/day/", bare.nothing())
    sides.see("leads", admin, "/lead/list/", bare.rows_at(0))
    sides.see("deals", admin, "/deal/board", bare.rows_at(0))
    sides.see("alike", admin, "/party/notice", bare.nothing(), data=_typed(app, admin, key))
    sides.see("login", visitor, "/login/", bare.nothing())
    return sides.pages


class _Sides:
    """The product and the bare page side by side."""

    def __init__(self, app: Flask, *, repeat: int, page: bare.Bare) -> None:
        self.app = app
        self.repeat = repeat
        self.bare = page
        self.pages: list[Page] = []

    def see(self, key: str, client: FlaskClient, path: str, beside: Bare, **options: Any) -> None:  # noqa: ANN401
        """Measure one page."""
        ask: Callable[[], Any] = partial(_got, client, path, **options)
        with self.app.app_context():
            engine = db.engines[None]
        ask()
        with statements(engine) as ran:
            body = ask()
        self.bare.ask(beside[0], **beside[1])
        ours, bares = in_turn([ask, partial(_got, self.bare.client, "/")], repeat=self.repeat, warm=WARM)
        page = Page(key, ms=ours.median, cpu_ms=ours.work, slow_ms=ours.slow)
        page.bare_ms, page.bare_cpu_ms = bares.median, bares.work
        page.statements, page.bytes = len(ran), len(body)
        page.static_bytes = sum(self._sent(name) for name in set(_LINKED.findall(body.decode())))
        self.pages.append(page)

    def _sent(self, name: str) -> int:
        """Return how many bytes a browser is sent for a static file."""
        client = self.app.test_client()
        return len(client.get(f"/static/{name}", headers={"Accept-Encoding": "gzip, deflate, br, zstd"}).data)


def _typed(app: Flask, client: FlaskClient, key: int) -> dict[str, str]:
    """Return what stands in the form of a new counterparty that is there already under nearly the same name."""
    with app.app_context():
        session = db.session()
        access.act_as(session, access.SYSTEM)
        party = session.get_one(Party, key)
        typed = {"name": f"{party.name} i", "phone": party.phone or "", "email": party.email or "", "country": "NL"}
        db.session.remove()
    found = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', client.get("/party/add").text)
    return typed | {"csrf_token": found[1] if found else ""}


def _got(client: FlaskClient, path: str, **options: Any) -> bytes:  # noqa: ANN401
    answer = client.post(path, **options) if "data" in options else client.get(path, **options)
    if answer.status_code != 200:  # noqa: PLR2004
        raise RuntimeError(f"{path}: {answer.status_code}")
    return bytes(answer.data)


def _some_key(app: Flask, rows: int) -> int:
    """Return a record from the middle of the data that has much to show."""
    with app.app_context():
        session = db.session()
        access.act_as(session, access.SYSTEM)
        wanted = select(Party.id).where(Party.contacts.any(), Party.bank_accounts.any(), Party.archived_at.is_(None))
        found = session.execute(wanted.order_by(Party.id).offset(rows // 10).limit(1)).scalar_one()
        db.session.remove()
    return int(found)


def _first_invoice(app: Flask) -> int:
    with app.app_context():
        session = db.session()
        access.act_as(session, access.SYSTEM)
        found = session.execute(select(func.min(Invoice.id))).scalar_one()
        db.session.remove()
    return int(found or 0)
