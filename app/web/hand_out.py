"""How rows leave as a file: a page that says how many they are and asks why, a line in the log, then the bytes.

Every file of many rows goes through `hand_out`. Asking for it by GET shows the dialog and takes nothing; sending the
dialog writes the log before the first byte. Between the pieces of a CSV file no transaction is open.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import IO, Any
from urllib.parse import quote

from flask import Flask, Response, abort, current_app, has_app_context, request, stream_with_context
from wtforms import TextAreaField

from app import clock
from app.db import db, unit_of_work
from app.errors import DomainError
from app.exchange.table import Tally, Value, csv_chunks, write_xlsx
from app.i18n import gettext as _
from app.i18n import label_of, language
from app.i18n import lazy_gettext as _l
from app.models.export_run import LONGEST_REASON, ExportFormat, ExportKind, ExportRun, ExportState
from app.services import access, export_rule
from app.services import export_run as exports
from app.web.crm_form import CrmForm
from app.web.locale import choose_time_zone
from app.web.missing import people_to_ask
from app.web.signing_in import client_address

PIECE = 64 * 1024
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORMATS = ("xlsx", "csv")
DIALOG = "X-Dialog"  # a header: the page without its frame, to be put into a dialog


@dataclass(frozen=True)
class Table:
    """What goes into a file: the heads of its columns, and its rows."""

    heads: list[str]
    rows: Iterable[Sequence[Value]]


Read = Callable[[Callable[[], None] | None], Table]


@dataclass(frozen=True)
class Parcel:
    """Rows that somebody wants to take away.

    `right` is the area and verb that let him; `entity` the stem of the rows; `rows` how many there are now; `read`
    gives the table, and calls what it is given between the portions that it reads; `about` says in words which rows
    these are.
    """

    kind: ExportKind
    right: tuple[str, str]
    entity: str
    title: str
    file: str
    back: str
    rows: int
    heads: list[str]
    read: Read
    about: Sequence[str] = ()
    formats: Sequence[str] = FORMATS
    stored: Callable[[], IO[bytes]] | None = None  # a file that was made before, instead of a table
    record_id: int | None = None  # the one record that it is about
    media_type: str = "application/zip"  # of the stored file


class ExportForm(CrmForm):
    """Why somebody needs the rows."""

    reason = TextAreaField(_l("What do you need these rows for?"), render_kw={"rows": 2, "maxlength": LONGEST_REASON})


def hand_out(view: Any, parcel: Parcel) -> Any:
    """Show the dialog of an export, or send the file."""
    wanted = request.args.get("format", parcel.formats[0])
    if wanted not in parcel.formats:
        abort(404)
    form, made_as = ExportForm(), ExportFormat(wanted)
    if request.method != "POST":
        return _dialog(view, parcel, form, made_as)
    run = ExportRun(
        kind=parcel.kind,
        area=parcel.right[0],
        entity=parcel.entity,
        format=made_as,
        query=request.full_path.rstrip("?"),
        heads=parcel.heads,
        expected_rows=parcel.rows,
        reason=form.reason.data,
        address=client_address(),
    )
    work = db.session()
    actor = access.required(work)
    work.expire_on_commit = False  # who asks is read on while the file is made
    try:
        with unit_of_work(work) as session:
            about = {"whom_to_ask": people_to_ask(), "record_id": parcel.record_id}
            exports.begin(session, run, verb=parcel.right[1], by=actor, at=clock.now(), **about)  # type: ignore[arg-type]
    except DomainError as refusal:
        form.refuse({"" if refusal.field == "rows" else refusal.field or "": [str(refusal)]})
        return _dialog(view, parcel, form, made_as), 422
    sending = _Sending(current_app._get_current_object(), run.id, actor)  # type: ignore[attr-defined]  # noqa: SLF001
    disposition = _disposition(parcel, made_as)
    db.session.remove()  # it has written; whoever only reads locks nobody out
    access.act_as(db.session(), actor)
    answer = _made(parcel, sending, made_as)
    answer.headers["Content-Disposition"] = disposition
    return answer


def _dialog(view: Any, parcel: Parcel, form: ExportForm, made_as: ExportFormat) -> str:
    session = db.session()
    found = export_rule.terms(
        session, export_rule.rule(session), right=parcel.right, entity=parcel.entity, rows=parcel.rows
    )
    is_refused = found.is_too_large(parcel.rows)
    form.reason.asked = found.needs_reason
    if found.needs_reason:
        form.reason.render_kw = {**form.reason.render_kw, "aria-required": "true"}
    refusal = exports.too_large(found, parcel.rows, people_to_ask()) if is_refused else ""
    form.form_errors = [text for text in form.form_errors if text != refusal]  # it stands at the number of rows
    return str(
        view.page(
            "web/export.html",
            title=_("Export: %(what)s", what=parcel.title),
            parcel=parcel,
            form=form,
            terms=found,
            refusal=refusal,
            format_text=label_of(made_as),
            address=request.full_path.rstrip("?"),
            partial=DIALOG in request.headers,
        )
    )


def _disposition(parcel: Parcel, made_as: ExportFormat) -> str:
    """Return how the file is called: in the reader's language, and for old programs in ASCII."""
    day = clock.today(choose_time_zone())
    name = quote(f"{parcel.title} {day}.{made_as}", safe="")
    return f"attachment; filename=\"{parcel.file}-{day}.{made_as}\"; filename*=UTF-8''{name}"


# --- sending ----------------------------------------------------------------------------------------------------------


@dataclass
class _Sending:
    """One file under way to its reader: counts and hashes what passes, and completes the log when it is over."""

    app: Flask
    run_id: int
    actor: access.Actor
    tally: Tally = field(default_factory=Tally)
    digest: Any = field(default_factory=hashlib.sha256)
    size: int = 0

    def pieces(self, given: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the pieces of the file; whatever ends them is noted."""
        state = ExportState.failed
        try:
            for piece in given:
                self.size += len(piece)
                self.digest.update(piece)
                yield piece
            state = ExportState.done
        except GeneratorExit:
            state = ExportState.broken
            raise
        finally:
            self.note(state)

    def note(self, state: ExportState) -> None:
        """Complete the row of the log, in a context of its own: the request may be over."""
        if has_app_context():
            db.session.remove()
        with self.app.app_context():
            access.act_as(db.session(), self.actor)
            with unit_of_work(db.session()) as session:
                exports.end(
                    session,
                    self.run_id,
                    state=state,
                    rows=self.tally.rows,
                    size=self.size,
                    sha256=self.digest.hexdigest() if state is ExportState.done else None,
                    at=clock.now(),
                )


def _made(parcel: Parcel, sending: _Sending, made_as: ExportFormat) -> Response:
    if parcel.stored is not None:
        sending.tally.rows = parcel.rows
        return Response(sending.pieces(_pieces(parcel.stored())), mimetype=parcel.media_type)
    return _csv(parcel, sending) if made_as is ExportFormat.csv else _workbook(parcel, sending)


def _csv(parcel: Parcel, sending: _Sending) -> Response:
    # Between the pieces no transaction stays open: how fast a reader takes them is his affair.
    table = parcel.read(db.session.remove)
    pieces = csv_chunks(table.heads, table.rows, language=language(), tally=sending.tally)
    return Response(stream_with_context(sending.pieces(pieces)), mimetype="text/csv")


def _workbook(parcel: Parcel, sending: _Sending) -> Response:
    file = TemporaryFile(prefix="list-", suffix=".xlsx")  # noqa: SIM115 -- it is closed when it is sent
    try:
        table = parcel.read(None)
        sending.tally = write_xlsx(file, table.heads, table.rows, title=parcel.title, language=language())
        size = file.tell()
        file.seek(0)
    except BaseException:
        file.close()
        sending.note(ExportState.failed)
        raise
    db.session.remove()  # what is read is read: nothing stays open while it is sent
    access.act_as(db.session(), sending.actor)
    answer = Response(sending.pieces(_pieces(file)), mimetype=XLSX)
    answer.call_on_close(file.close)
    answer.content_length = size
    return answer


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece
