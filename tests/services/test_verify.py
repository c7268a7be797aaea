"""The proof finds whatever was changed past the triggers, and nothing else."""

from datetime import UTC, date, datetime
from io import BytesIO

import pytest
from sqlalchemy import select, text

from app.i18n import is_labelled
from app.models.chain import ChainLink
from app.models.invoice import Invoice
from app.models.number_series import NumberSeries
from app.services import attachment as attachments
from app.services import chain, verify
from app.services import invoice as invoices
from app.services import number as numbers
from app.services.verify import ProblemKind

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
TABLES = ("invoice", "invoice_line", "invoice_tax", "invoice_snapshot", "chain_link", "file_link")


@pytest.fixture
def files(tmp_path):
    return tmp_path / "files"


@pytest.fixture
def proof(session, chain_key, files, tmp_path):
    """Verify and return (kind, about) of every problem."""

    def problems(key: bytes = chain_key) -> list[tuple[str, str]]:
        session.expire_all()
        report = verify.verify(session, key=key, files=files, anchors=tmp_path / "anchors")
        return [(problem.kind.value, problem.about) for problem in report.problems]

    return problems


@pytest.fixture
def four(session, made, chain_key) -> list[Invoice]:
    days = [date(2026, 3, 28), date(2026, 3, 28), date(2026, 3, 30), date(2026, 3, 31)]
    found = [made.issued(("2", "10.00"), on=day) for day in days]
    session.commit()
    return found


def force(session, *statements: str) -> None:
    """Change rows as somebody who has the database but not the program: without its triggers."""
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        names = connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%_keep_%'"
        )
        for name in names.scalars().all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
    else:
        for table in TABLES:
            connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    for statement in statements:
        assert session.execute(text(statement)).rowcount >= 1, statement
    session.commit()


def with_file(session, invoice, files, content: bytes = b"%PDF-1.7 one"):
    kept = attachments.store(
        session,
        BytesIO(content),
        files=files,
        name="invoice.pdf",
        media_type="application/pdf",
        entity="invoice",
        record_id=invoice.id,
        at=NOON,
        by_id=None,
        purpose="document",
    )
    invoices.store_file(session, invoice, kept, at=NOON)
    session.commit()
    return kept


def test_all_is_well(session, made, chain_key, four, files):
    note = invoices.credit(session, four[0], reason="Returned")
    invoices.issue(session, note, at=NOON)
    invoices.close(session, four[1], reason="Paid in goods", at=NOON)
    four[2].owner, four[2].party = made.user("manager"), made.party("Merged into")
    made.invoice()
    with_file(session, four[3], files)
    report = verify.verify(session, key=chain_key, files=files)
    assert (report.documents, report.problems, report.not_made) == (5, [], 4)


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        ("UPDATE invoice SET gross = gross + 1, net = net + 1 WHERE id = {id}", ["changed_row", "changed_row"]),
        ("UPDATE invoice SET issued_on = '2026-03-01' WHERE id = {id}", ["changed_row"]),
        ("UPDATE invoice SET note = 'other' WHERE id = {id}", ["changed_row"]),
        ("UPDATE invoice SET number = 'X-1' WHERE id = {id}", ["changed_row"]),
        ("UPDATE invoice SET content_sha256 = 'x' WHERE id = {id}", ["changed_row"]),
        ("UPDATE invoice_line SET text = 'other' WHERE invoice_id = {id}", ["changed_row"]),
        ("UPDATE invoice_line SET quantity = quantity + 1 WHERE invoice_id = {id}", ["changed_row"]),
        ("DELETE FROM invoice_line WHERE invoice_id = {id}", ["changed_row"]),
        ("UPDATE invoice_tax SET base = base + 1 WHERE invoice_id = {id}", ["changed_row"]),
        ("DELETE FROM invoice_snapshot WHERE invoice_id = {id}", ["changed_content"]),
        (
            "UPDATE chain_link SET content_sha256 = 'x' WHERE invoice_id = {id}",
            ["broken_chain", "changed_row", "changed_content"],
        ),
        ("UPDATE chain_link SET previous = 'x' WHERE invoice_id = {id}", ["broken_chain", "broken_chain"]),
    ],
)
def test_a_change_is_found_at_its_document(session, four, proof, change, kinds):
    force(session, change.format(id=four[1].id))
    found = proof()
    assert [kind for kind, _about in found] == kinds
    assert {about for _kind, about in found} <= {four[1].number}


def test_a_changed_content_is_found(session, four, proof):
    content = four[1].snapshot.content
    content["buyer"]["name"] = "Somebody else"
    wrong = chain.canonical(content).decode().replace("'", "''").replace(":", "\\:")
    force(session, f"UPDATE invoice_snapshot SET content = '{wrong}' WHERE invoice_id = {four[1].id}")
    assert proof() == [("changed_content", "INV-2026-00002")]


def test_an_issued_document_made_a_draft_again_is_found(session, four, proof):
    force(session, f"UPDATE invoice SET state = 'draft', number = NULL WHERE id = {four[1].id}")
    assert proof() == [("changed_row", f"#{four[1].id}"), ("changed_row", f"#{four[1].id}")]


def gone(invoice: Invoice) -> list[str]:
    tables = ("chain_link", "invoice_snapshot", "invoice_tax", "invoice_line")
    return [f"DELETE FROM {table} WHERE invoice_id = {invoice.id}" for table in tables] + [
        f"DELETE FROM invoice WHERE id = {invoice.id}"
    ]


def test_a_document_that_was_taken_out_leaves_a_gap(session, four, proof):
    force(session, *gone(four[1]))
    assert proof() == [("broken_chain", "INV-2026-00003"), ("gap", "INV- 2026")]


def test_a_document_without_a_link_is_found(session, four, proof):
    force(session, f"DELETE FROM chain_link WHERE invoice_id = {four[3].id}")
    assert proof() == [("gap", "INV- 2026"), ("not_chained", "INV-2026-00004")]


def test_a_tail_that_was_cut_off_is_found_by_the_counter_or_by_an_anchor(session, four, proof, tmp_path):
    assert verify.anchor(session, tmp_path / "anchors", at=NOON) == 1
    assert proof() == []
    force(session, *gone(four[3]), *gone(four[2]))
    assert proof() == [("gap", "INV- 2026"), ("cut_tail", "INV-2026-00004")]
    force(session, "UPDATE number_counter SET last = 2")
    assert proof() == [("cut_tail", "INV-2026-00004")]


def test_a_chain_made_anew_with_the_key_is_found_by_an_anchor(session, four, proof, chain_key, tmp_path):
    verify.anchor(session, tmp_path / "anchors", at=NOON)
    previous, statements = "", []
    for link in session.scalars(select(ChainLink).order_by(ChainLink.position)):
        content = session.get(Invoice, link.invoice_id).snapshot.content
        content["note"] = "added later"
        digest = chain.sha256(content)
        made = chain.link(
            chain_key, series_id=link.series_id, position=link.position, previous=previous, of="document", digest=digest
        )
        wrong = chain.canonical(content).decode().replace("'", "''").replace(":", "\\:")
        statements += [
            f"UPDATE invoice_snapshot SET content = '{wrong}' WHERE invoice_id = {link.invoice_id}",
            (
                f"UPDATE chain_link SET content_sha256 = '{digest}', previous = '{previous}', link = '{made}' "
                f"WHERE id = {link.id}"
            ),
            f"UPDATE invoice SET content_sha256 = '{digest}', chain_link = '{made}' WHERE id = {link.invoice_id}",
        ]
        previous = made
    force(session, *statements)
    assert proof() == [("another_chain", "INV-2026-00004")]


def test_a_chain_of_another_key_is_found(four, proof):
    assert proof(b"x" * 32) == [("broken_chain", invoice.number) for invoice in four]


def test_dates_out_of_order_are_found(session, made, chain_key, proof):
    made.issued(on=date(2026, 3, 30))
    session.execute(text("UPDATE number_counter SET last_on = '2026-03-01'"))
    session.commit()
    made.issued(on=date(2026, 3, 29))
    assert proof() == [("date_order", "INV-2026-00002")]


def test_files_that_changed_or_are_missing_are_found(session, four, proof, files):
    changed, missing = (
        with_file(session, invoice, files, text.encode()) for invoice, text in zip(four, "ab", strict=False)
    )
    assert proof() == []
    attachments.place_of(changed.sha256, files=files).write_bytes(b"other")
    attachments.place_of(missing.sha256, files=files).unlink()
    assert proof() == [("changed_file", "INV-2026-00001"), ("missing_file", "INV-2026-00002")]


def test_another_file_in_the_place_of_the_documents_is_found(session, four, proof, files):
    with_file(session, four[0], files)
    other = with_file(session, four[1], files, b"other")
    force(session, f"UPDATE invoice SET file_id = {other.id} WHERE id = {four[0].id}")
    assert proof() == [("changed_file", "INV-2026-00001")]


def test_a_cut_tail_of_the_files_is_found_by_an_anchor(session, four, proof, files, tmp_path):
    with_file(session, four[0], files)
    with_file(session, four[1], files, b"other")
    assert verify.anchor(session, tmp_path / "anchors", at=NOON) == 2
    force(session, f"DELETE FROM file_link WHERE invoice_id = {four[1].id}")
    assert proof() == [("cut_tail", "INV-2026-00002")]


def test_anchors_that_cannot_be_read_are_told(session, four, proof, tmp_path):
    (tmp_path / "anchors").write_text("nonsense\n")
    assert proof() == [("another_chain", "anchors")]


def test_a_series_that_went_on_from_another_program_has_no_gap(session, made, chain_key, proof):
    us = made.organisation()
    series = session.scalars(select(NumberSeries).where(NumberSeries.kind == "invoice")).one()
    numbers.start_at(session, series, next_n=500, on=date(2026, 1, 1))
    assert made.issued(organisation=us).number == "INV-2026-00500"
    assert proof() == []


def test_every_kind_of_problem_has_its_text():
    assert all(is_labelled(kind) for kind in ProblemKind)
