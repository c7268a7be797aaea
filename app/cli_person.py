"""Everything about a person on the command line: `crm person export`."""

import shutil
from pathlib import Path

import click


@click.group()
def person() -> None:
    """Say what is known of a person."""


@person.command()
@click.argument("party_id", type=click.IntRange(min=1))
@click.option("--contact", "contact_id", type=click.IntRange(min=1), help="One contact person of the counterparty.")
@click.option("--language", default="en", show_default=True, help="Of the printed part: en, ru, hy or nl.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Where the ZIP goes.")
def export(party_id: int, contact_id: int | None, language: str, out: Path) -> None:
    """Write everything about a person into a ZIP: data for machines, the same as PDF, and the files.

    It stands among the exports of people and in the audit, as one that was asked for on the screen does. The file is
    made for its owner alone (mode 0600).
    """
    from sqlalchemy import select

    from app import clock, load_settings
    from app.db import db, unit_of_work
    from app.errors import DomainError, NotFound
    from app.i18n import LANGUAGES
    from app.models.person_export import PersonExport
    from app.outbox import Outbox
    from app.services import access, attachment, personal
    from app.services import personal_export as exports
    from app.tasks import registry, running
    from app.tasks.celery import lean_app

    if language not in LANGUAGES:
        raise click.BadParameter(", ".join(LANGUAGES), param_hint="--language")
    settings = load_settings()  # nobody is rung: the work is done here
    with lean_app(settings).app_context():
        session = db.session()
        access.act_as(session, access.SYSTEM)
        try:
            with unit_of_work(session):
                found = personal.find(session, party_id, contact_id)
                made = exports.ask(session, found, by=access.SYSTEM, language=language, at=clock.now())
                same = Outbox.topic == exports.TOPIC, Outbox.record_id == made.id
                key, row_id = made.id, session.execute(select(Outbox.id).where(*same)).scalar_one()
        except NotFound:
            raise click.ClickException("There is no such person") from None
        except DomainError as refusal:
            raise click.ClickException(str(refusal)) from None
        registry.load()
        running.run_row(row_id, settings=settings)
        session = db.session()  # the job had sessions of its own and closed them
        access.act_as(session, access.SYSTEM)
        done = session.get_one(PersonExport, key)
        if done.file is None:
            told = "The worker has taken it: look at Exports of people" if done.is_under_way else done.message
            raise click.ClickException(told or "The file could not be made")
        out.touch(mode=0o600)
        shutil.copyfile(attachment.path_of(done.file, files=settings["CRM_VAR"] / "files"), out)
        click.echo(f"ok: {out} ({done.file.size} bytes, {done.records} records)")
