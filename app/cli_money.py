"""Invoices and proofs on the command line: `crm invoice issue`, `crm invoice pdf`, `crm verify`."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

DAY = click.DateTime(formats=["%Y-%m-%d"])


@contextmanager
def _session() -> "Iterator[tuple[Session, dict[str, Any]]]":
    """Lend a session that acts for the system, with the settings."""
    from app import load_settings
    from app.db import db
    from app.services import access
    from app.tasks import dispatch
    from app.tasks.celery import lean_app

    settings = load_settings()
    dispatch.install(settings)
    with lean_app(settings).app_context():
        session = db.session()
        access.act_as(session, access.SYSTEM)
        yield session, settings


@click.group(name="invoice")
def invoice() -> None:
    """Issue invoices and get their files."""


@invoice.command(name="issue")
@click.argument("invoice_id", type=int)
@click.option("--on", type=DAY, help="The date of issue; today when left out.")
def issue(invoice_id: int, on: datetime | None) -> None:
    """Give a draft its number and freeze what it says."""
    from app import clock
    from app.db import unit_of_work
    from app.models.invoice import Invoice
    from app.services import invoice as invoices

    with _session() as (session, _settings):
        with unit_of_work(session):
            found = session.get(Invoice, invoice_id)
            if found is None:
                raise click.ClickException(f"There is no invoice {invoice_id}")
            invoices.issue(session, found, at=clock.now(), on=on.date() if on is not None else None)
            number = found.number
        click.echo(f"ok: {number}")


@invoice.command(name="pdf")
@click.argument("invoice_id", type=int)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Where the file goes.")
def pdf(invoice_id: int, out: Path) -> None:
    """Copy the stored file of an issued invoice, making it first when the worker has not done so yet."""
    from app.db import db
    from app.models.invoice import Invoice
    from app.services import access
    from app.services import attachment as attachments

    with _session() as (session, settings):
        files = settings["CRM_VAR"] / "files"
        found = session.get(Invoice, invoice_id)
        if found is None:
            raise click.ClickException(f"There is no invoice {invoice_id}")
        if found.is_draft:
            raise click.ClickException("A draft has no file; issue it first")
        if found.file is None:
            _make_file(session, invoice_id, settings)
            again = db.session()  # the job had sessions of its own and closed them
            access.act_as(again, access.SYSTEM)
            found = again.get_one(Invoice, invoice_id)
        attachment = found.file
        if attachment is None:
            raise click.ClickException("The file could not be made")
        shutil.copyfile(attachments.path_of(attachment, files=files), out)
        click.echo(f"ok: {out} ({attachment.size} bytes)")


def _make_file(session: "Session", invoice_id: int, settings: dict[str, Any]) -> None:
    """Run the waiting job of the document's file here, or a new one."""
    from sqlalchemy import select

    from app.db import unit_of_work
    from app.outbox import Outbox, enqueue
    from app.tasks import registry, running

    topic = "invoice.render"
    waiting = select(Outbox.id).where(Outbox.topic == topic, Outbox.record_id == invoice_id).order_by(Outbox.id)
    row_id = session.execute(waiting).scalars().first()
    if row_id is None:
        with unit_of_work(session):
            row_id = enqueue(session, topic, invoice_id).id
    session.rollback()
    registry.load()
    running.run_row(row_id, settings=settings)


@click.command(name="verify")
def verify() -> None:
    """Prove that no issued document and no entry of the audit is missing, changed or out of order."""
    prove()


def prove() -> None:
    """Verify, print what was found, and end the program: with 0 when all is well, else 1."""
    from app import clock
    from app.db import unit_of_work
    from app.services import audit_seal, audit_verify, chain
    from app.services.verify import anchors_in
    from app.services.verify import verify as check

    with _session() as (session, settings):
        var: Path = settings["CRM_VAR"]
        anchors = anchors_in(var, settings["SQLALCHEMY_DATABASE_URI"])
        report = check(
            session,
            key=chain.key_in(var / "keys"),
            files=var / "files",
            anchors=anchors if anchors.exists() else None,
        )
        key, at = chain.key_in(var / "keys"), clock.now()
        audit_verify.verify(session, key=key, at=at, report=report)
        session.rollback()
        with unit_of_work(session):
            audit_seal.seal(session, key=key, at=at)
    for problem in report.problems:
        click.echo(f"{problem.kind}: {problem.about}: {problem.text}")
    if report.not_made:
        click.echo(f"file not made yet: {report.not_made}")
    good = not report.problems
    if report.erased:
        click.echo(f"personal values erased from: {report.erased} entries of the audit")
    counted = f"{report.documents} documents, {report.entries} sealed entries of the audit"
    click.echo(f"{'ok' if good else 'FAILED'}: {counted}, {len(report.problems)} problems")
    sys.exit(0 if good else 1)
