"""A small company in which every text says something hostile, and a parser that sees what a browser would run."""

import io
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Table
from sqlalchemy.orm import Session

from app import clock
from app.db import Model
from app.models.discount_rule import DiscountRule
from app.models.handover import Handover, HandoverState, Strategy
from app.models.party import PartyContact
from app.models.price_list import PriceList
from app.models.product_category import ProductCategory
from app.models.record_share import RecordShare
from app.models.substitution import Substitution
from app.outbox import Errand, Outbox
from app.services import attachment as attachments
from app.services import discount_rule as rules
from app.services import invoice as invoices
from app.services import letter as letters
from app.services import letter_ledger as ledger
from app.services import payment as payments
from app.services import price_list as price_lists
from app.services import product_category as categories
from app.services import sale_order as orders
from app.services import tag as tags
from app.services.allocation import When
from tests.conftest import Browser
from tests.factories import Made
from tests.tampering import without_triggers

MARK = "hax"
SHORT = "'\"><hax onhax=1>"
LONG = "'\" onhax=1 x='--></script></style></textarea></title></option><hax onhax=1>{{7*7}}"
AT = datetime(2026, 3, 31, 12, tzinfo=UTC)
PICTURE = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
# Texts that people do not type and that pages are made by: with nonsense in them nothing would be shown at all.
NOT_TYPED = {
    *("country", "currency", "language", "time_zone", "entity", "area", "role", "verb", "base", "code", "username"),
    *("password", "key", "token", "salt", "batch", "purpose", "topic", "kind", "device", "media_type", "encoding"),
    *(
        "delimiter",
        "start_page",
        "uuid",
        "scopes",
        "search_text",
        "name_key",
        "rows",
        "rows_sha256",
        "previous",
        "link",
    ),
    *("scheme", "period", "number_period", "part", "act", "before", "after", "request_id", "sign_in", "message_id"),
    *("sealed", "candidate", "fingerprint", "registration_hash", "key_prefix", "agent_digest", "issuer", "subject"),
    "slot",
}
NOT_TYPED_IN = {"ab_permission", "ab_view_menu", "setting", "search_word", "password_link", "ab_register_user"}


def evil(room: int | None, before: str = "") -> str:
    """Return the most hostile text that has room in a column."""
    text = before + (LONG if room is None or room >= len(before + LONG) else SHORT)
    return text if room is None else text[:room]


SCRIPTS = re.compile(r"(<(?:script|style)\b[^>]*>).*?(?=</(?:script|style))", re.DOTALL | re.IGNORECASE)
TAGS = re.compile(r"<[a-zA-Z](?:[^<>\"']|\"[^\"]*\"|'[^']*')*>")
QUOTED = re.compile(r"=\s*(?:\"[^\"]*\"|'[^']*')")
OURS_ON = re.compile(r"[\s\"'/]on[a-z]+\d*\s*=", re.IGNORECASE)
RUNS = re.compile(
    r"(?:href|src|action|formaction|data)\s*=\s*[\"']?\s*(?:javascript:|vbscript:|data:text)", re.IGNORECASE
)


def broken_out(page: str) -> list[str]:
    """Return the elements and attributes of a page that come from a text and not from us."""
    found = re.findall(rf"<{MARK}[^>]*>", page)  # in a script too: </script> would stand before it
    for tag in TAGS.findall(SCRIPTS.sub(r"\1", page)):
        names = QUOTED.sub("=", tag)
        if MARK in names or OURS_ON.search(names) or RUNS.search(tag):
            found.append(tag)
    return found


def steady(browser: Browser) -> Browser:
    """Return a browser that asks for the form's token once and not before every post."""
    token = browser.token("/profile/")
    browser.token = lambda _path="": token  # type: ignore[method-assign]
    return browser


def columns_of_texts(table: Table) -> list[Any]:
    """Return the columns of a table that hold what people type."""
    if table.name in NOT_TYPED_IN:
        return []
    return [
        column
        for column in table.c
        if isinstance(column.type, sa.String)
        and not isinstance(column.type, sa.Enum)
        and not column.foreign_keys
        and column.name not in NOT_TYPED
        and "sha256" not in column.name
        and "hash" not in column.name
        and "digest" not in column.name
    ]


def poison(session: Session) -> dict[str, int]:
    """Put a hostile text into every typed column of every row, past all rules; return {table.column: rows}."""
    session.commit()
    done: dict[str, int] = {}
    connection = session.connection()
    names = tuple(table.name for table in Model.metadata.sorted_tables)
    with without_triggers(connection, names):
        for table in Model.metadata.sorted_tables:
            [*keys] = table.primary_key.columns
            rows = connection.execute(sa.select(*keys)).all()
            for column in columns_of_texts(table):
                done[f"{table.name}.{column.name}"] = sum(_put(connection, table, column, row) for row in rows)
    session.commit()
    session.expire_all()
    return done


def _put(connection: sa.Connection, table: Table, column: Any, row: Any) -> int:
    here = [key == value for key, value in zip(table.primary_key.columns, row, strict=True)]
    value = evil(column.type.length, f"{row[0]}" if column.name != "website" else "http://x")
    standing = connection.execute(sa.select(column).where(*here)).scalar()
    try:
        with connection.begin_nested():
            connection.execute(sa.update(table).where(*here).values({column.name: value}))
    except sa.exc.IntegrityError:
        return 0
    return int(standing is not None or column.nullable)


def build(session: Session, made: Made, app: Any, admin: Browser) -> dict[str, Any]:
    """Make one of everything that has a page, by the services and the screens; texts say what they can say."""
    name = evil(250, "Ararat ")
    us = made.organisation(name, email="office@grachten.example", street=evil(250, "Quay "))
    party = made.buyer(name, owner="manager", note=LONG, email="a@tulpen.example", phone="+31205551234")
    party.contacts.append(PartyContact(name=name, email="anna@example.org"))
    whose = {"party": party, "owner_id": party.owner_id, "team_id": party.team_id, "organisation": us}
    bulbs = ProductCategory(name=evil(120, "c"))
    categories.save(session, bulbs)
    _prices(session, bulbs)
    product = made.product(name, description=LONG, sku="A-1", category=bulbs)
    order = made.order(("3", "10.00"), note=LONG, **whose)
    order.lines[0].product, order.lines[0].text = product, LONG
    orders.save(session, order)
    orders.confirm(session, order, at=AT)
    invoice = orders.invoice(session, order)
    invoice.note, invoice.language = LONG, "en"
    invoices.save(session, invoice)
    invoices.issue(session, invoice, at=AT)
    payment = made.payment("10.00", reference=evil(140), note=LONG, **whose)
    payments.allocate(session, payment, when=When(at=AT))
    draft = made.invoice(**whose)
    tags.add(session, party, name=evil(40, "t"))
    session.flush()
    letter = _letter(session, app, invoice)
    guest, absent = made.user("manager2"), made.user("accountant")
    today = clock.today()
    session.add_all(
        [
            RecordShare(entity="party", record_id=party.id, user=guest),
            Substitution(absent=absent, substitute=guest, begins_on=today, ends_on=today, note=evil(250)),
            Handover(
                leaver=absent, owner_id=guest.id, state=HandoverState.done, strategy=Strategy.one,
                reason=evil(250), given={}, beside={}, fingerprint="f" * 64, created_at=AT,
            ),
            Outbox(topic="invoice.render", record_id=invoice.id, state=Errand.failed, error=LONG, created_at=AT),
        ]
    )  # fmt: skip
    session.commit()
    _click(session, made, admin, party)
    return {"party": party, "order": order, "invoice": invoice, "draft": draft, "payment": payment, "letter": letter}


def _prices(session: Session, category: ProductCategory) -> None:
    """Make a list and a rule whose names stand on lines and on the page that tries prices."""
    price_lists.save(session, PriceList(name=evil(120, "l"), currency="EUR"))
    rules.save(session, DiscountRule(name=evil(120, "r"), percent=Decimal(5), category=category))
    session.flush()


def _letter(session: Session, app: Any, invoice: Any) -> Any:
    stored = attachments.store(
        session,
        BytesIO(b"%PDF-1.7 of a test"),
        files=app.config["CRM_VAR"] / "files",
        name="invoice.pdf",
        media_type="application/pdf",
        entity="invoice",
        record_id=invoice.id,
        at=AT,
        by_id=None,
    )
    invoices.store_file(session, invoice, stored, at=AT)
    session.refresh(invoice)
    written = letters.send_invoice(session, invoice, at=AT, by=None, text=LONG)
    claim = ledger.claim(session, written.id, at=AT)
    ledger.begin_data(session, claim, at=AT)
    ledger.doubted(session, claim, LONG, at=AT + timedelta(seconds=1))
    return written


def _click(session: Session, made: Made, admin: Browser, party: Any) -> None:
    """Do on the screens what leaves texts behind: a note that names somebody, files, views, runs, the bin."""
    key = party.id
    files = [(io.BytesIO(PICTURE), f"{SHORT}.png"), (io.BytesIO(b"%PDF-1.7 x"), "offer.pdf")]
    note = {"text": f"Dear @admin, {LONG}", "files": files}
    assert admin.post(f"/party/{key}/note", note, content_type="multipart/form-data").status_code == 302
    assert admin.post(f"/party/{key}/follow").status_code == 302
    body = {"note": LONG + " again", "source": evil(60)}
    assert admin.api("PUT", f"/api/v1/party/{key}", json=body).status_code == 200
    view = {"name": evil(80), "query": "q=ararat", "mine": "all"}
    assert admin.post("/party/list/views?q=ararat", view).status_code == 302
    asked = {"rowid": [str(key)], "how.source": "set", "source": evil(60, "b"), "step": "do"}
    assert admin.post("/party/many/edit", asked).status_code == 302
    gone = made.party(evil(250, "Gone "), owner="manager")
    session.commit()
    assert admin.post(f"/party/delete/{gone.id}").status_code == 302
    assert admin.export("/party/list/export?format=csv", LONG).status_code == 200
    table = f"Name;Tax number;{SHORT}\n{LONG};7707083894;{LONG}\n".encode()
    sent = {"file": (io.BytesIO(table), f"{SHORT}.csv")}
    answer = admin.post("/party/import/", sent, content_type="multipart/form-data")
    settings = {"encoding": "utf-8", "delimiter": ";", "mode": "create", "country": "", "owner": "", "act": "start"}
    fields = {"field-0": "name", "field-1": "inn", "field-2": ""}
    assert admin.post(answer.headers["Location"], settings | fields).status_code == 302
    session.expire_all()
