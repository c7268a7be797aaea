"""The database itself refuses to change issued documents and to do anything but add to the chains."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.exc import IntegrityError

from app.errors import DomainError
from app.models import protection
from app.models.attachment import Attachment
from app.models.chain import ChainLink, FileLink
from app.models.invoice import FREE_AFTER_ISSUE, Invoice, InvoiceLine, InvoiceSnapshot, InvoiceTax
from app.models.triggers import make_triggers, sqlite_triggers
from app.services import invoice as invoices

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
pytestmark = pytest.mark.usefixtures("chain_key")
# A value for every protected column, other than the one that stands there, as SQL.
OTHER = {
    "id": "id + 1000",
    "kind": "'credit_note'",
    "number": "'X-1'",
    "series_id": "series_id + 1",
    "number_period": "'2020'",
    "number_n": "number_n + 1",
    "organisation_id": "organisation_id + 1",
    "order_id": "77",
    "contract_id": "77",
    "credits_id": "id",
    "credit_reason": "'none'",
    "issued_on": "'2020-01-01'",
    "delivery_on": "'2020-01-01'",
    "delivery_until": "'2030-01-01'",
    "due_on": "'2030-01-01'",
    "payment_term_id": "77",
    "buyer_reference": "'other'",
    "language": "'en'",
    "currency": "'USD'",
    "exchange_rate": "2",
    "prices_include_tax": "NOT prices_include_tax",
    "returns": "NOT returns",
    "discount": "discount + 1",
    "charge": "charge + 1",
    "note": "'other'",
    "net": "net + 1",
    "tax": "tax + 1",
    "gross": "gross + 1",
    "margin": "coalesce(margin, 0) + 1",
    "content_sha256": "'0'",
    "chain_position": "chain_position + 1",
    "chain_link": "'0'",
    "is_advance": "NOT is_advance",
    "created_at": "'2020-01-01 00:00:00'",
}


def refuses(connection: Connection, statement: str, text_of: str = protection.ISSUED) -> None:
    """Run SQL and see it refused by our trigger, whoever asks."""
    savepoint = connection.begin_nested()
    with pytest.raises(IntegrityError, match=text_of):
        connection.execute(text(statement))
    savepoint.rollback()


def allows(connection: Connection, statement: str) -> None:
    assert connection.execute(text(statement)).rowcount == 1


def test_every_column_but_the_free_ones_is_protected():
    columns = {column.name for column in Invoice.__table__.columns}
    assert set(OTHER) == set(protection.protected_columns()) == columns - FREE_AFTER_ISSUE


@pytest.mark.parametrize("column", sorted(OTHER))
def test_an_issued_document_keeps_what_it_says(session, made, rolled_back, column):
    invoice = made.issued()
    session.commit()
    refuses(rolled_back, f"UPDATE invoice SET {column} = {OTHER[column]} WHERE id = {invoice.id}")


@pytest.mark.parametrize("state", ["draft", "closed"])
def test_the_state_only_moves_on(session, made, rolled_back, state):
    invoice = made.issued()
    invoices.close(session, invoice, reason="x", at=NOON)
    other = made.issued()
    session.commit()
    refuses(rolled_back, f"UPDATE invoice SET state = 'issued' WHERE id = {invoice.id}")
    refuses(rolled_back, f"UPDATE invoice SET state = 'draft' WHERE id = {other.id}")
    allows(rolled_back, f"UPDATE invoice SET state = 'closed' WHERE id = {other.id}")


def test_what_is_no_part_of_the_document_may_change(session, made, rolled_back):
    invoice, party, owner = made.issued(), made.party("Other"), made.user("manager")
    session.commit()
    for change in (
        f"party_id = {party.id}",
        f"owner_id = {owner.id}",
        "search_text = 'other'",
        "version = version + 1",
        "closed_reason = 'why'",
        "changed_at = '2027-01-01 00:00:00'",
    ):
        allows(rolled_back, f"UPDATE invoice SET {change} WHERE id = {invoice.id}")


@pytest.mark.parametrize("table", ["invoice_line", "invoice_tax"])
def test_lines_and_taxes_of_an_issued_document_are_kept(session, made, rolled_back, table):
    issued, draft = made.issued(), made.invoice()
    session.commit()
    model = InvoiceLine if table == "invoice_line" else InvoiceTax
    kept = session.scalars(select(model.id).where(model.invoice_id == issued.id)).one()
    free = session.scalars(select(model.id).where(model.invoice_id == draft.id)).one()
    names = [column["name"] for column in inspect(rolled_back).get_columns(table) if column["name"] != "id"]
    values = ", ".join(
        str(issued.id) if name == "invoice_id" else "'AE'" if name == "category" else name for name in names
    )
    refuses(rolled_back, f"UPDATE {table} SET position = 9 WHERE id = {kept}")
    refuses(rolled_back, f"UPDATE {table} SET invoice_id = {draft.id} WHERE id = {kept}")
    refuses(rolled_back, f"UPDATE {table} SET invoice_id = {issued.id} WHERE id = {free}")
    refuses(rolled_back, f"DELETE FROM {table} WHERE id = {kept}")
    refuses(
        rolled_back,
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {table} WHERE id = {free}",
    )
    allows(rolled_back, f"UPDATE {table} SET position = 9 WHERE id = {free}")
    allows(rolled_back, f"DELETE FROM {table} WHERE id = {free}")


def test_an_issued_document_is_not_deleted(session, made, rolled_back):
    issued, draft = made.issued(), made.invoice()
    session.commit()
    refuses(rolled_back, f"DELETE FROM invoice WHERE id = {issued.id}")
    allows(rolled_back, f"DELETE FROM invoice WHERE id = {draft.id}")


@pytest.mark.parametrize("table", ["invoice_snapshot", "chain_link", "file_link"])
def test_the_chains_are_only_added_to(session, made, rolled_back, table):
    invoice = made.issued()
    attachment = Attachment(entity="invoice", name="a.pdf", media_type="application/pdf", size=1, sha256="a" * 64)
    session.add(attachment)
    session.flush()
    invoices.store_file(session, invoice, attachment, at=NOON)
    session.commit()
    refuses(rolled_back, f"UPDATE {table} SET made_at = '2020-01-01 00:00:00'", protection.KEPT)
    refuses(rolled_back, f"DELETE FROM {table}", protection.KEPT)


def test_the_file_of_a_document_is_set_once(session, made, rolled_back):
    invoice = made.issued()
    files = [
        Attachment(entity="invoice", name="a.pdf", media_type="application/pdf", size=1, sha256=digit * 64)
        for digit in "ab"
    ]
    session.add_all(files)
    session.flush()
    invoices.store_file(session, invoice, files[0], at=NOON)
    session.commit()
    refuses(rolled_back, f"UPDATE invoice SET file_id = {files[1].id} WHERE id = {invoice.id}")
    refuses(rolled_back, f"UPDATE invoice SET file_id = NULL WHERE id = {invoice.id}")


def test_a_replacing_insert_deletes_nothing(session, made, rolled_back):
    if rolled_back.dialect.name != "sqlite":
        pytest.skip("only SQLite replaces rows")
    issued, draft = made.issued(), made.invoice()
    session.commit()
    names = ", ".join(column.name for column in Invoice.__table__.columns if column.computed is None)
    as_draft = names.replace("state", "'draft'").replace(" number,", " NULL,")
    refuses(
        rolled_back, f"INSERT OR REPLACE INTO invoice ({names}) SELECT {as_draft} FROM invoice WHERE id = {issued.id}"
    )
    refuses(rolled_back, f"UPDATE OR REPLACE invoice SET id = {issued.id} WHERE id = {draft.id}")
    lines = [line.id for line in (issued.lines[0], draft.lines[0])]
    refuses(rolled_back, f"UPDATE OR REPLACE invoice_line SET id = {lines[0]} WHERE id = {lines[1]}")
    for model in (ChainLink, InvoiceSnapshot):
        table = model.__tablename__
        names = ", ".join(column["name"] for column in inspect(rolled_back).get_columns(table))
        refuses(rolled_back, f"INSERT OR REPLACE INTO {table} ({names}) SELECT {names} FROM {table}", protection.KEPT)


def test_emptying_a_table_is_refused(session, made, rolled_back):
    if rolled_back.dialect.name == "sqlite":
        pytest.skip("SQLite has no TRUNCATE")
    made.issued()
    session.commit()
    for table in ("invoice", "invoice_line", "invoice_tax", "invoice_snapshot", "chain_link", "file_link"):
        refuses(rolled_back, f"TRUNCATE {table} CASCADE", protection.KEPT)


def test_triggers_are_made_again_only_where_they_are_missing(rolled_back, statements):
    make_triggers(rolled_back)
    assert [
        statement for statement in statements if "CREATE TRIGGER" in statement or "CREATE OR REPLACE" in statement
    ] == []
    if rolled_back.dialect.name == "sqlite":
        standing = rolled_back.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars().all()
        assert sorted(standing) == sorted(sqlite_triggers())
    rolled_back.exec_driver_sql(
        "DROP TRIGGER invoice_keep_update" + ("" if rolled_back.dialect.name == "sqlite" else " ON invoice")
    )
    statements.clear()
    make_triggers(rolled_back)
    assert len([statement for statement in statements if "CREATE TRIGGER" in statement]) == 1


def test_the_second_chain_takes_a_file_once(session, made):
    invoice = made.issued()
    files = [
        Attachment(entity="invoice", name="a.pdf", media_type="application/pdf", size=1, sha256=digit * 64)
        for digit in "aab"
    ]
    session.add_all(files)
    session.flush()
    first = invoices.store_file(session, invoice, files[0], at=NOON)
    assert invoices.store_file(session, invoice, files[1], at=NOON) is first
    assert (invoice.file_id, first.position, first.sha256) == (files[0].id, 1, "a" * 64)
    with pytest.raises(DomainError, match="has its file already"):
        invoices.store_file(session, invoice, files[2], at=NOON)
    with pytest.raises(DomainError, match="Only an issued document"):
        invoices.store_file(session, made.invoice(), files[2], at=NOON)
    assert session.query(FileLink).count() == 1
