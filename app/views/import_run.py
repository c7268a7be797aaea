"""Screens of imports: upload, mapping with a preview, check, import, and what came of it."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, cast

from flask import Response, abort, current_app, flash, redirect, request, send_file, url_for
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, permission_name
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import select
from sqlalchemy.orm import selectinload
from wtforms import SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from app import clock
from app.db import db, unit_of_work
from app.errors import Conflict, DomainError, NotAllowed, NotFound
from app.exchange import party_import
from app.exchange.csv_file import DELIMITERS, ENCODINGS, CsvFile, open_csv
from app.exchange.party_csv import guess
from app.exchange.party_field import FIELDS, OF_PROBLEMS
from app.exchange.party_import import Plan
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.attachment import Attachment
from app.models.import_run import ImportRun, ImportState
from app.services import access
from app.services import attachment as attachments
from app.services import import_run as runs
from app.services.import_rows import Mode
from app.services.import_run import Chunk
from app.web import jobs, menu
from app.web.cells import whole as number
from app.web.crm_form import CrmForm
from app.web.crud import CrudView
from app.web.fields import ChoiceField, ListField
from app.web.link_field import LinkField
from app.web.progress import Progress
from app.web.records import Records

ORDER = 60
AT_ONCE = 2000  # rows that are imported while one waits; more go to the worker
PREVIEWED = 5
SAMPLE = 80  # characters of a cell

_COUNTS = ["total_rows", "created_rows", "updated_rows", "duplicate_rows", "rejected_rows"]


class ImportRunView(Progress, CrudView):
    """The imports so far; one sees one's own, and those of the people whose counterparties one sees."""

    datamodel = Records(ImportRun, search=None, options=[selectinload(ImportRun.owner)])
    one_name = _l("Import")
    many_name = _l("Imports")
    hint = _l("Bring your customers and suppliers from a CSV file: what is wrong in it comes back with the reason.")
    exclude_route_methods: ClassVar = CrudView.exclude_route_methods | {"add", "edit", "delete"}
    has_activities: ClassVar = False  # its card is a report of its own, without notes
    list_columns: ClassVar = ["file_name", "state", *_COUNTS, "created_at", "owner"]
    show_columns: ClassVar = ["file_name", "state", "owner", "created_at", "started_at", "ended_at"]
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = ["state", "owner", "created_at"]
    order_columns: ClassVar = ["file_name", "created_at"]
    base_order = ("created_at", "desc")
    label_columns: Any = {
        "file_name": _l("File"),
        "total_rows": _l("Rows"),
        "created_rows": _l("Added"),
        "updated_rows": _l("Changed"),
        "duplicate_rows": _l("Known already"),
        "rejected_rows": _l("Rejected"),
        "started_at": _l("Started"),
        "ended_at": _l("Ended"),
    }

    def page(self, template: str, **about: Any) -> str:
        """Render the list and the card by templates of our own."""
        own = {"web/list.html": "web/import_list.html", "web/card.html": "web/import_show.html"}
        return super().page(own.get(template, template), may_import=_may_import(self.appbuilder), **about)

    @expose("/show/<pk>", methods=["GET"])
    @has_access
    def show(self, pk: str) -> Any:
        """Show what came of an import; one that is being set up leads back to where it is set up."""
        run = self._found(pk)
        if run.state is ImportState.draft and _may_import(self.appbuilder):
            return redirect(url_for("PartyImportView.settings", pk=run.id))
        found = runs.result_of(run)
        return self.page("web/card.html", title=str(run), record=run, found=found, fields=_fields_of(run))

    @staticmethod
    def told_progress(record: ImportRun) -> str:
        """Return how many rows are read, which are not known before the worker begins."""
        if record.state is ImportState.queued:
            return _("Waiting for the worker")
        return _("%(done)s of %(total)s rows", done=number(record.read_rows), total=number(record.total_rows or 0))

    @expose("/errors/<int:pk>", methods=["GET"])
    @has_access
    @permission_name("see")
    def errors(self, pk: int) -> Response:
        """Send the file of the rows that were not imported."""
        return _send(self._found(str(pk)).errors)

    @expose("/file/<int:pk>", methods=["GET"])
    @has_access
    @permission_name("see")
    def file(self, pk: int) -> Response:
        """Send the file that was imported."""
        return _send(self._found(str(pk)).file)


class PlanForm(CrmForm):
    """How the file is read and what becomes of its rows."""

    encoding = SelectField(
        _l("Encoding"), [InputRequired()], choices=[SelectChoice(value, text) for value, text in ENCODINGS.items()]
    )
    delimiter = SelectField(_l("Delimiter"), [InputRequired()])
    mode = ChoiceField(_l("What to do"), [InputRequired()], of=Mode)
    country = ListField(_l("Country of rows that name none"), of="country")
    owner = LinkField(_l("Owner of what is added"), entity=User, description=_l("Empty: you"))

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.delimiter.choices = [SelectChoice(one, _("Tab") if one == "\t" else one) for one in DELIMITERS]


@dataclass(frozen=True)
class Column:
    """One column of the file on the page: its position, name, the field it is, and the beginning of its data."""

    at: int
    name: str
    field: str
    sample: str


class PartyImportView(BaseView):
    """The way of a file: upload, settings and check, import. All of it needs the right to import counterparties."""

    route_base = "/party/import"
    class_permission_name = "party"
    base_permissions: ClassVar = ["can_import"]
    default_view = "upload"
    menu_stem = "import_run"

    @expose("/", methods=["GET", "POST"])
    @has_access
    @permission_name("import")
    def upload(self) -> Any:
        """Take a file and find out what it is written in; who could not see what comes of it is refused before."""
        if not self.appbuilder.sm.may("import_run", "see"):
            raise NotAllowed("import_run.see")
        if request.method == "GET":
            return self._upload_page()
        given = request.files.get("file")
        if given is None or not given.filename:
            return self._upload_page(_("Choose a file first")), 422
        files = _files()
        try:
            with unit_of_work(db.session()) as session:
                run = runs.make(
                    session, cast("BinaryIO", given.stream), files=files, name=given.filename, at=clock.now()
                )
                if run.file is None:
                    raise NotFound(run.file_name)
                table = open_csv(attachments.path_of(run.file, files=files))
                _set_up(run, table, Plan(_guess(table)))
                session.flush()
                address = url_for("PartyImportView.settings", pk=run.id)
        except DomainError as refusal:
            return self._upload_page(str(refusal)), 422
        return redirect(address)

    def _upload_page(self, error: str = "") -> str:
        megabytes = current_app.config["MAX_CONTENT_LENGTH"] // 2**20
        return str(
            self.render_template(
                "web/import_upload.html",
                title=_("Import counterparties"),
                error=error,
                megabytes=megabytes,
                fields=FIELDS,
            )
        )

    @expose("/<int:pk>", methods=["GET", "POST"])
    @has_access
    @permission_name("import")
    def settings(self, pk: int) -> Any:
        """Show the columns and options of a file; keep, check or import it."""
        run = _draft(pk)
        if request.method == "GET":
            return self._settings_page(run, self._form(run))
        form = PlanForm()
        act = request.form.get("act", "check")
        if not form.validate():
            return self._settings_page(run, form), 422
        try:
            if act == "read" or (form.encoding.data, form.delimiter.data) != (run.encoding, run.delimiter):
                return self._read_again(run, form)
            table = _open(run)
            plan = self._plan(form, table)
            party_import.layout_of(db.session(), table, plan)  # it refuses what does not fit
            with unit_of_work(db.session()):
                _set_up(_draft(pk), table, plan)
            if act == "start":
                return self._start(pk)
            found = party_import.check(db.session(), table, plan, at=clock.now(), most=AT_ONCE)
        except DomainError as refusal:
            form.refuse({refusal.field or "": [str(refusal)]})
            return self._settings_page(_draft(pk), form), 422
        return self._settings_page(_draft(pk), self._form(_draft(pk)), found=found)

    def _form(self, run: ImportRun) -> PlanForm:
        plan = Plan.of(run)
        owner = None
        if plan.owner:
            owner = db.session.execute(select(User).where(User.username == plan.owner)).unique().scalar_one_or_none()
        about = {"encoding": run.encoding, "delimiter": run.delimiter, "mode": plan.mode, "country": plan.country}
        return PlanForm(formdata=None, data=about | {"owner": owner})

    def _plan(self, form: PlanForm, table: CsvFile) -> Plan:
        chosen = {name: request.form.get(f"field-{at}", "") for at, name in enumerate(table.columns)}
        mode = form.mode.data
        if mode is not Mode.create and not self.appbuilder.sm.may("party", "change"):
            raise DomainError(_("You may add counterparties, not change them"), field="mode")
        owner = form.owner.data.username if form.owner.data is not None else None
        return Plan({name: field for name, field in chosen.items() if field}, mode, form.country.data, owner)

    def _read_again(self, run: ImportRun, form: PlanForm) -> Any:
        """Read the file in another encoding or with another delimiter, and guess its columns anew."""
        with unit_of_work(db.session()):
            run = _draft(run.id)
            table = open_csv(_path(run), encoding=form.encoding.data, delimiter=form.delimiter.data)
            _set_up(run, table, Plan(_guess(table), form.mode.data, form.country.data))
        flash(_("The file was read again. Look at its columns once more."), "info")
        return redirect(url_for("PartyImportView.settings", pk=run.id))

    def _start(self, pk: int) -> Any:
        """Import a small file at once; leave a large one to the worker."""
        with unit_of_work(db.session()) as session:
            run = _draft(pk)
            at_once = (run.total_rows or 0) <= AT_ONCE
            runs.queue(session, run, at=clock.now(), later=at_once)
        return self._run(pk, at_once=at_once)

    def _run(self, pk: int, *, at_once: bool) -> Any:
        if at_once:
            try:
                party_import.run_import(db.session, pk, _files())
            except Conflict:
                flash(_("The worker has taken this import over."), "info")
        else:
            jobs.begin(ImportRun.__stem__, pk)
        return redirect(url_for("ImportRunView.show", pk=pk))

    @expose("/<int:pk>/again", methods=["POST"])
    @has_access
    @permission_name("import")
    def again(self, pk: int) -> Any:
        """Let an import that has failed go on where it stopped."""
        try:
            with unit_of_work(db.session()) as session:
                run = _own(pk)
                at_once = (run.total_rows or 0) - run.read_rows <= AT_ONCE
                runs.queue(session, run, at=clock.now(), later=at_once)
        except DomainError as refusal:
            flash(str(refusal), "danger")
            return redirect(url_for("ImportRunView.show", pk=pk))
        return self._run(pk, at_once=at_once)

    def _settings_page(self, run: ImportRun, form: PlanForm, found: Chunk | None = None) -> str:
        table = _open(run)
        rows = list(islice(table.rows(), PREVIEWED))
        fields, closed = dict(run.mapping or {}), party_import.closed_fields(db.session())
        columns = [
            Column(
                at,
                name,
                request.form.get(f"field-{at}", fields.get(name, "")),
                " · ".join(_short(row.cells[at]) for row in rows if at < len(row.cells) and row.cells[at].strip()),
            )
            for at, name in enumerate(table.columns)
        ]
        return str(
            self.render_template(
                "web/import_settings.html",
                title=run.file_name,
                run=run,
                form=form,
                columns=columns,
                fields={name: about for name, about in FIELDS.items() if name not in closed},
                rows=[[_short(cell) for cell in row.cells] for row in rows],
                found=found,
                most=AT_ONCE,
            )
        )


def _short(cell: str) -> str:
    plain = " ".join(cell.split())
    return plain if len(plain) <= SAMPLE else plain[: SAMPLE - 1] + "…"


def _may_import(appbuilder: Any) -> bool:
    return bool(appbuilder.sm.may("party", "import") and appbuilder.sm.may("import_run", "see"))


def _files() -> Path:
    return Path(current_app.config["CRM_VAR"]) / "files"


def _own(pk: int) -> ImportRun:
    """Return an import that the reader may see; 404 otherwise."""
    run = access.get(db.session(), ImportRun, pk)
    if run is None:
        abort(404)
    return run


def _draft(pk: int) -> ImportRun:
    """Return an import that is being set up; one that has begun is looked at elsewhere."""
    run = _own(pk)
    if run.state is not ImportState.draft:
        abort(redirect(url_for("ImportRunView.show", pk=pk)))
    return run


def _path(run: ImportRun) -> Path:
    if run.file is None:
        raise DomainError(_("The file is gone"), field="file")
    try:
        return attachments.path_of(run.file, files=_files())
    except NotFound:
        raise DomainError(_("The file is gone"), field="file") from None


def _open(run: ImportRun) -> CsvFile:
    return open_csv(_path(run), encoding=run.encoding, delimiter=run.delimiter)


def _guess(table: CsvFile) -> dict[str, str]:
    """Return what the columns of a file seem to hold, without what the reader may not write."""
    closed = party_import.closed_fields(db.session())
    return {column: name for column, name in guess(table.columns).items() if name not in closed}


def _set_up(run: ImportRun, table: CsvFile, plan: Plan) -> None:
    """Keep with the run how its file is read and what is done with it."""
    runs.set_up(
        run,
        encoding=table.encoding,
        delimiter=table.delimiter,
        total_rows=table.count(),
        mapping=plan.mapping,
        options=plan.options,
        ignored=[name for name in table.columns if name not in plan.mapping and name.casefold() not in OF_PROBLEMS],
    )


def _fields_of(run: ImportRun) -> list[tuple[str, str]]:
    """Return the columns of the file with what was taken from them."""
    return [(column, str(FIELDS[name].label)) for column, name in (run.mapping or {}).items() if name in FIELDS]


def _send(attachment: Attachment | None) -> Response:
    if attachment is None:
        abort(404)
    try:
        path = attachments.path_of(attachment, files=_files())
    except NotFound:
        abort(404)
    return send_file(path, mimetype="text/csv", as_attachment=True, download_name=attachment.name)


def register(appbuilder: Any) -> None:
    """Register the screens."""
    menu.place(appbuilder, ImportRunView, "import_run", label=_l("Imports"), group="exchange", icon="file-up")
    appbuilder.add_view_no_menu(PartyImportView)
