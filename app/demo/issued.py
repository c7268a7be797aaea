"""Writing issued invoices in bulk: plain objects in, the rows that issuing one after the other would have left."""

from collections.abc import Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import Table, bindparam, insert, select, update
from sqlalchemy.orm import Session

from app.demo.book import Book
from app.models.chain import ChainLink
from app.models.history import Act, Channel, FieldChange, StateChange
from app.models.invoice import Invoice, InvoiceKind, InvoiceLine, InvoiceSnapshot, InvoiceState, InvoiceTax
from app.models.organisation import OrganisationBankAccount
from app.money import Priced
from app.search import search_text
from app.services import chain, history
from app.services import invoice_snapshot as snapshots

# What a draft becomes by being issued; the database refuses lines under a document that has it already.
_BY_ISSUING = (
    "state",
    "number",
    "series_id",
    "number_period",
    "number_n",
    "issued_on",
    "delivery_on",
    "due_on",
    "content_sha256",
    "chain_position",
    "chain_link",
)
_LEFT_OUT = frozenset({"id", "allocated", "credited", "settlement"})  # the database fills them in
_COLUMNS = [column.key for column in Invoice.__table__.columns if column.key not in _LEFT_OUT]
_LINE = [column.key for column in InvoiceLine.__table__.columns if column.key not in {"id", "invoice_id"}]
_TAX = [column.key for column in InvoiceTax.__table__.columns if column.key not in {"id", "invoice_id"}]
_BLANK: dict[str, Any] = dict.fromkeys(_COLUMNS)
_BLANK_LINE: dict[str, Any] = dict.fromkeys(_LINE)
_TOLD = ("kind", "party_id", "organisation_id", "issued_on", "due_on", "currency", "net", "tax", "gross", "owner_id")


def draft(at: datetime, given: dict[str, Any], *, lines: Sequence[SimpleNamespace], priced: Priced) -> SimpleNamespace:
    """Return a plain object with the attributes of an invoice, not numbered yet; `at` is when it was made."""
    for position, line in enumerate(lines, 1):
        vars(line).update(_BLANK_LINE | vars(line) | {"position": position})
    groups = [
        SimpleNamespace(
            position=position,
            category=group.category,
            rate=group.rate,
            base=group.base,
            tax=group.tax,
            tax_home=None,
        )
        for position, group in enumerate(priced.groups, 1)
    ]
    fixed = {
        "kind": InvoiceKind.invoice,
        "state": InvoiceState.draft,
        "prices_include_tax": priced.options.prices_include_tax,
        "returns": priced.options.returns,
        "is_advance": False,
        "discount": priced.discount,
        "charge": priced.charge,
        "created_at": at,
        "changed_at": at,
        "version": 1,
    }
    related = {"order": None, "credits": None, "lines": lines, "taxes": groups, "priced": priced}
    return SimpleNamespace(**_BLANK | fixed | related | given)


def write(
    session: Session,
    book: Book,
    made: Sequence[SimpleNamespace],
    *,
    bank: OrganisationBankAccount | None,
    by_id: int | None,
) -> None:
    """Insert invoices in the order of their days, numbered, frozen and chained; each gets its `id`."""
    frozen = [_frozen(book, one, bank) for one in made]
    for one, key in zip(made, _insert_drafts(session, made), strict=True):
        one.id = key
    _insert_below(session, InvoiceLine, _LINE, made, "lines")
    _insert_below(session, InvoiceTax, _TAX, made, "taxes")
    keyed = list(zip(made, frozen, strict=True))
    _insert(
        session,
        InvoiceSnapshot,
        [{"invoice_id": one.id, "content": content, "made_at": one.created_at} for one, (content, _link) in keyed],
    )
    _insert(
        session,
        ChainLink,
        [{"invoice_id": one.id, "made_at": one.created_at} | link for one, (_content, link) in keyed],
    )
    _become_issued(session, made)
    _tell(session, made, by_id)


def _frozen(
    book: Book, one: SimpleNamespace, bank: OrganisationBankAccount | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give an invoice its number; return what it says, and its link without its own id."""
    number = book.number(one.issued_on)
    one.series_id, one.number, one.number_period, one.number_n = book.series.id, number.text, number.period, number.n
    one.search_text = search_text([one.party.name, one.party.tax_number]) + search_text([number.text])
    content = snapshots.content(cast("Invoice", one), one.priced, bank=bank)
    link = book.chained(chain.sha256(content))
    one.content_sha256, one.chain_position, one.chain_link = link["content_sha256"], link["position"], link["link"]
    one.state = InvoiceState.issued
    return content, link


def _insert_drafts(session: Session, made: Sequence[SimpleNamespace]) -> Sequence[int]:
    later = dict.fromkeys(_BY_ISSUING) | {"state": InvoiceState.draft}
    rows = [{name: getattr(one, name) for name in _COLUMNS} | later for one in made]
    table = cast("Table", Invoice.__table__)
    returning = insert(table).returning(table.c.id, sort_by_parameter_order=True)
    return session.connection().execute(returning, rows).scalars().all()


def _insert_below(
    session: Session, entity: type[Any], columns: Sequence[str], made: Sequence[SimpleNamespace], name: str
) -> None:
    _insert(
        session,
        entity,
        [
            {"invoice_id": one.id} | {column: getattr(row, column) for column in columns}
            for one in made
            for row in getattr(one, name)
        ],
    )


def _insert(session: Session, entity: type[Any], rows: list[dict[str, Any]]) -> None:
    session.connection().execute(insert(cast("Table", entity.__table__)), rows)


def _become_issued(session: Session, made: Sequence[SimpleNamespace]) -> None:
    table = cast("Table", Invoice.__table__)
    statement = update(table).where(table.c.id == bindparam("key"))
    values = {name: bindparam(f"new_{name}", type_=table.c[name].type) for name in _BY_ISSUING}
    rows = [{"key": one.id} | {f"new_{name}": getattr(one, name) for name in _BY_ISSUING} for one in made]
    session.connection().execute(statement.values(values | {"changed_at": table.c.changed_at}), rows)


def _tell(session: Session, made: Sequence[SimpleNamespace], by_id: int | None) -> None:
    """Write what the history says: made and issued at once by one person."""
    fields, states = [], []
    name = session.scalar(select(User.username).where(User.id == by_id))
    for one in made:
        about = {"at": one.created_at, "entity": Invoice.__stem__, "record_id": one.id, "actor_id": by_id}
        audited = about | {"channel": Channel.demo, "actor_name": name}
        told = {name: [None, history.plain(getattr(one, name))] for name in _TOLD}
        issued = {name: [None, history.plain(getattr(one, name))] for name in ("number", "content_sha256")}
        fields.append(
            audited | {"act": Act.add, "name": None, "changes": told | {"state": [None, InvoiceState.draft.value]}}
        )
        moved = {"state": [InvoiceState.draft.value, InvoiceState.issued.value]}
        fields.append(audited | {"act": Act.move, "name": one.number, "changes": issued | moved})
        states.append(about | {"before": None, "after": InvoiceState.draft.value})
        states.append(about | {"before": InvoiceState.draft.value, "after": InvoiceState.issued.value})
    _insert(session, FieldChange, fields)
    _insert(session, StateChange, states)
