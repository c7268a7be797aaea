"""Printing the letters of a mailing on paper into one file, some at a time; what is printed outlives a crash.

A letter is rendered by itself, so that its pages count from one; some are bound into a piece, which is kept in the
store, and all pieces into the whole. A pause or an end of the mailing is seen between two pieces.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

from app import clock
from app.documents import studio
from app.documents.binding import Binder
from app.documents.engine import DocumentError
from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import in_language
from app.models.document_bundle import DocumentBundle
from app.models.document_template import PaperKind
from app.models.mailing import Mailing, MailingState
from app.models.party import Party
from app.services import attachment as attachments
from app.services import document_bundle as bundles
from app.services import (
    document_field,
    document_kinds,
    document_make,
    organisation_picture,
    paper_run,
)
from app.services import mailing_ledger as ledger
from app.services import period as periods
from app.services.document_field import Field
from app.services.paper_run import Sheet
from app.tasks.registry import Work

PDF = "application/pdf"
SHIFT = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class _Press:
    """What all letters of a file have in common, as plain data."""

    layout: studio.Layout
    fields: tuple[Field, ...]
    data: dict[str, Any]
    language: str
    title: str
    made_on: str
    pictures: dict[str, bytes]

    def letter(self, sheet: Sheet) -> bytes:
        """Return one letter as a PDF. Raises DocumentError."""
        return studio.pdf(
            self.layout,
            self.fields,
            self.data | sheet.words,
            language=self.language,
            title=self.title,
            made_on=self.made_on,
            pictures=self.pictures,
            postal=studio.Postal(sheet.number),
        )


def print_letters(work: Work, mailing_id: int) -> None:
    """Print what waits of a mailing for a while; the rest is for the next job."""
    with work.step() as session:
        mailing = session.get_one(Mailing, mailing_id)
        bundle = paper_run.begin(session, mailing, owner_id=work.actor_id, at=clock.now())
        bundle_id = bundle.id if bundle is not None else None
    if bundle_id is not None:
        try:
            _print(work, mailing_id, bundle_id)
        except DomainError as problem:
            with work.step() as session:
                broken = session.get_one(DocumentBundle, bundle_id)
                if broken.is_under_way:
                    paper_run.give_up(session, broken, str(problem), at=clock.now())
    with work.storing() as session:
        ledger.go_on(session, mailing_id, at=clock.now())


def _print(work: Work, mailing_id: int, bundle_id: int) -> None:
    press = _press(work, mailing_id, bundle_id)
    until = clock.now() + SHIFT
    while clock.now() < until:
        with work.reading() as session:
            bundle = session.get_one(DocumentBundle, bundle_id)
            wanted = session.get_one(Mailing, mailing_id).state is MailingState.sending and bundle.is_under_way
            is_through = bundle.done_rows >= bundle.total_rows
            sheets = paper_run.portion(session, bundle) if wanted and not is_through else []
        if not wanted:
            return
        with in_language(press.language), tempfile.TemporaryDirectory(prefix="letters-") as folder:
            if is_through:
                _whole(work, bundle_id, Path(folder))
                return
            _piece(work, bundle_id, press, sheets, Path(folder))


def _press(work: Work, mailing_id: int, bundle_id: int) -> _Press:
    with work.reading() as session:
        mailing = session.get_one(Mailing, mailing_id)
        version, us = mailing.letter_version, mailing.organisation
        template = document_field.of(PaperKind.letter, Party)
        if version is None or template is None:
            raise DomainError(_("This template is not in use: publish it first"))
        made_at = session.get_one(DocumentBundle, bundle_id).created_at
        on = periods.today(us, made_at)  # every letter of a file has the same day
        pinned = organisation_picture.pinned(session, us)
        return _Press(
            layout=studio.Layout(**document_make.layout_of(version, template)),
            fields=tuple(template.fields),
            data={document_kinds.MADE_ON.name: on.isoformat(), **document_kinds.seller_data(us, us.currency)},
            language=mailing.letter.language if mailing.letter is not None else us.language,
            title=mailing.name,
            made_on=on.isoformat(),
            pictures=organisation_picture.bytes_of(pinned, files=work.settings["CRM_VAR"] / "files"),
        )


def _piece(work: Work, bundle_id: int, press: _Press, sheets: Sequence[Sheet], folder: Path) -> None:
    """Print some letters, bind and keep them."""
    rendered: list[tuple[Sheet, Path]] = []
    broken: dict[int, str] = {}
    for sheet in sheets:
        place = folder / f"{sheet.number}.pdf"
        try:
            place.write_bytes(_tried_twice(press, sheet))
        except DocumentError as problem:
            broken[sheet.id] = str(problem)
        else:
            rendered.append((sheet, place))
    binder = Binder(folder, most=bundles.PIECE_BYTES)
    read = binder.add([(place, f"{sheet.number} · {sheet.name}") for sheet, place in rendered])
    made = [sheet.id for (sheet, _place), is_in in zip(rendered, read, strict=True) if is_in]
    content = binder.whole().read_bytes() if made else None
    with work.step() as session:
        bundle = session.get_one(DocumentBundle, bundle_id)
        if content is not None:
            _keep(work, session, bundle, content, purpose=bundles.PART)
        paper_run.printed(session, bundle, made, broken)


def _tried_twice(press: _Press, sheet: Sheet) -> bytes:
    try:
        return press.letter(sheet)
    except DocumentError as problem:
        if not problem.may_pass:
            raise
    return press.letter(sheet)  # the machine was busy


def _whole(work: Work, bundle_id: int, folder: Path) -> None:
    """Bind the pieces, and hand the letters over to people."""
    files = work.settings["CRM_VAR"] / "files"
    with work.reading() as session:
        bundle = session.get_one(DocumentBundle, bundle_id)
        there = [(attachments.path_of(each, files=files), each.name) for each in bundles.parts(session, bundle)]
        name = f"{bundle.mailing} {bundle.id}"
    if not there:
        raise DomainError(_("None of these letters can be made"))
    binder = Binder(folder, most=bundles.MOST_BYTES[bundle.form])
    if not all(binder.add(there)):
        raise DomainError(_("None of these letters can be made"))
    place = binder.whole()
    with work.step() as session, place.open("rb") as source:
        bundle = session.get_one(DocumentBundle, bundle_id)
        if not bundle.is_under_way:
            return
        file = attachments.store(
            session,
            source,
            files=files,
            name=f"{name}.pdf".replace("/", "-"),
            media_type=PDF,
            entity=DocumentBundle.__stem__,
            record_id=bundle.id,
            purpose=bundles.FILE,
            at=clock.now(),
            by_id=bundle.owner_id,
        )
        if not paper_run.finish(session, bundle, file, at=clock.now()):
            session.delete(file)  # paused in this very moment: bound again when it goes on


def _keep(work: Work, session: Any, bundle: DocumentBundle, content: bytes, *, purpose: str) -> None:  # noqa: ANN401
    attachments.store(
        session,
        BytesIO(content),
        files=work.settings["CRM_VAR"] / "files",
        name=f"{bundle.done_rows + 1:05}.pdf",
        media_type=PDF,
        entity=DocumentBundle.__stem__,
        record_id=bundle.id,
        purpose=purpose,
        at=clock.now(),
        by_id=bundle.owner_id,
    )
