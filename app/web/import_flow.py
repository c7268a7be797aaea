"""The way of a file that is imported: upload, settings and check, import, and going on with one that has failed."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, cast

from flask import abort, current_app, flash, redirect, request, url_for
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, permission_name
from wtforms import SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from app import clock
from app.db import db, unit_of_work
from app.errors import Conflict, DomainError, NotAllowed, NotFound
from app.exchange.csv_file import DELIMITERS, ENCODINGS, CsvFile, open_csv
from app.exchange.party_field import OF_PROBLEMS, Field
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.import_run import ImportRun, ImportState
from app.services import access
from app.services import attachment as attachments
from app.services import import_run as runs
from app.services.import_run import Chunk
from app.web import jobs
from app.web.crm_form import CrmForm

AT_ONCE = 2000  # rows that are imported while one waits; more go to the worker
PREVIEWED = 5
SAMPLE = 80  # characters of a cell


class PlanForm(CrmForm):
    """How a file is read."""

    encoding = SelectField(
        _l("Encoding"), [InputRequired()], choices=[SelectChoice(value, text) for value, text in ENCODINGS.items()]
    )
    delimiter = SelectField(_l("Delimiter"), [InputRequired()])

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


class ImportFlow(BaseView, ABC):
    """The way of a file of one kind of record; all of it needs the right to import them.

    A kind says which fields there are, what else is asked (`asked`, fields of its `plan_form`), and what a plan is:
    an object with `mapping` and `options` that are kept with the run.
    """

    base_permissions: ClassVar = ["can_import"]
    default_view = "upload"
    menu_stem = "import_run"
    entity: ClassVar[str] = ""
    plan_form: ClassVar[type[PlanForm]] = PlanForm
    asked: ClassVar[tuple[str, ...]] = ()
    upload_title: Any = ""
    fields_title: Any = ""
    fields_hint: Any = ""

    # --- what a kind says -----------------------------------------------------------------------------------------

    @abstractmethod
    def fields(self) -> Mapping[str, Field]:
        """Return what a column may hold, for the reader."""

    @abstractmethod
    def plan_of(self, run: ImportRun) -> Any:
        """Return the plan that is kept with a run."""

    @abstractmethod
    def first_plan(self, table: CsvFile) -> Any:
        """Return the plan that a file suggests."""

    @abstractmethod
    def typed_plan(self, form: Any, mapping: dict[str, str]) -> Any:
        """Return the plan that was chosen; DomainError for one that the reader may not carry out."""

    @abstractmethod
    def told(self, plan: Any) -> dict[str, Any]:
        """Return what the form shows of a plan, beside how the file is read."""

    @abstractmethod
    def refuse(self, table: CsvFile, plan: Any) -> None:
        """Raise DomainError for a plan that does not fit a file."""

    @abstractmethod
    def look(self, table: CsvFile, plan: Any) -> Chunk:
        """Say what an import would do."""

    @abstractmethod
    def carry_out(self, pk: int) -> None:
        """Import a file while one waits."""

    def way_out(self) -> tuple[str, str] | None:
        """Return the words and the address of what must be made first, None where nothing is missing."""
        return None

    # --- pages ----------------------------------------------------------------------------------------------------

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
        files = folder()
        try:
            with unit_of_work(db.session()) as session:
                source = cast("BinaryIO", given.stream)
                run = runs.make(session, source, files=files, name=given.filename, at=clock.now(), entity=self.entity)
                if run.file is None:
                    raise NotFound(run.file_name)
                table = open_csv(attachments.path_of(run.file, files=files))
                _set_up(run, table, self.first_plan(table))
                session.flush()
                address = url_for(f"{self.endpoint}.settings", pk=run.id)
        except DomainError as refusal:
            return self._upload_page(str(refusal)), 422
        return redirect(address)

    def _upload_page(self, error: str = "") -> str:
        megabytes = current_app.config["MAX_CONTENT_LENGTH"] // 2**20
        return str(
            self.render_template(
                "web/import_upload.html", flow=self, title=self.upload_title, error=error, megabytes=megabytes
            )
        )

    @expose("/<int:pk>", methods=["GET", "POST"])
    @has_access
    @permission_name("import")
    def settings(self, pk: int) -> Any:
        """Show the columns and options of a file; keep, check or import it."""
        run = self._draft(pk)
        if request.method == "GET":
            return self._settings_page(run, self._form(run))
        form = self.plan_form()
        act = request.form.get("act", "check")
        if not form.validate():
            return self._settings_page(run, form), 422
        try:
            if act == "read" or (form.encoding.data, form.delimiter.data) != (run.encoding, run.delimiter):
                return self._read_again(run, form)
            table = _open(run)
            plan = self._plan(form, table)
            self.refuse(table, plan)
            with unit_of_work(db.session()):
                _set_up(self._draft(pk), table, plan)
            if act == "start":
                return self._start(pk)
            found = self.look(table, plan)
        except DomainError as refusal:
            form.refuse({refusal.field or "": [str(refusal)]})
            return self._settings_page(self._draft(pk), form), 422
        return self._settings_page(self._draft(pk), self._form(self._draft(pk)), found=found)

    def _form(self, run: ImportRun) -> PlanForm:
        about = {"encoding": run.encoding, "delimiter": run.delimiter}
        return self.plan_form(formdata=None, data=about | self.told(self.plan_of(run)))

    def _plan(self, form: PlanForm, table: CsvFile) -> Any:
        chosen = {name: request.form.get(f"field-{at}", "") for at, name in enumerate(table.columns)}
        return self.typed_plan(form, {name: field for name, field in chosen.items() if field})

    def _read_again(self, run: ImportRun, form: PlanForm) -> Any:
        """Read the file in another encoding or with another delimiter, and guess its columns anew."""
        with unit_of_work(db.session()):
            run = self._draft(run.id)
            table = open_csv(_path(run), encoding=form.encoding.data, delimiter=form.delimiter.data)
            _set_up(run, table, self.typed_plan(form, self.first_plan(table).mapping))
        flash(_("The file was read again. Look at its columns once more."), "info")
        return redirect(url_for(f"{self.endpoint}.settings", pk=run.id))

    def _start(self, pk: int) -> Any:
        """Import a small file at once; leave a large one to the worker."""
        with unit_of_work(db.session()) as session:
            run = self._draft(pk)
            at_once = (run.total_rows or 0) <= AT_ONCE
            runs.queue(session, run, at=clock.now(), later=at_once)
        return self._run(pk, at_once=at_once)

    def _run(self, pk: int, *, at_once: bool) -> Any:
        if at_once:
            try:
                self.carry_out(pk)
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
                run = self._own(pk)
                at_once = (run.total_rows or 0) - run.read_rows <= AT_ONCE
                runs.queue(session, run, at=clock.now(), later=at_once)
        except DomainError as refusal:
            flash(str(refusal), "danger")
            return redirect(url_for("ImportRunView.show", pk=pk))
        return self._run(pk, at_once=at_once)

    def _settings_page(self, run: ImportRun, form: PlanForm, found: Chunk | None = None) -> str:
        table = _open(run)
        rows = list(islice(table.rows(), PREVIEWED))
        mapped = dict(run.mapping or {})
        columns = [
            Column(
                at,
                name,
                request.form.get(f"field-{at}", mapped.get(name, "")),
                " · ".join(_short(row.cells[at]) for row in rows if at < len(row.cells) and row.cells[at].strip()),
            )
            for at, name in enumerate(table.columns)
        ]
        return str(
            self.render_template(
                "web/import_settings.html",
                flow=self,
                title=run.file_name,
                run=run,
                form=form,
                columns=columns,
                fields=self.fields(),
                rows=[[_short(cell) for cell in row.cells] for row in rows],
                found=found,
                most=AT_ONCE,
            )
        )

    def _own(self, pk: int) -> ImportRun:
        """Return an import of this kind that the reader may see; 404 otherwise."""
        run = access.get(db.session(), ImportRun, pk)
        if run is None or run.entity != self.entity:
            abort(404)
        return run

    def _draft(self, pk: int) -> ImportRun:
        """Return an import that is being set up; one that has begun is looked at elsewhere."""
        run = self._own(pk)
        if run.state is not ImportState.draft:
            abort(redirect(url_for("ImportRunView.show", pk=pk)))
        return run


def folder() -> Path:
    """Return where files are kept."""
    return Path(current_app.config["CRM_VAR"]) / "files"


def _short(cell: str) -> str:
    plain = " ".join(cell.split())
    return plain if len(plain) <= SAMPLE else plain[: SAMPLE - 1] + "…"


def _path(run: ImportRun) -> Path:
    if run.file is None:
        raise DomainError(_("The file is gone"), field="file")
    try:
        return attachments.path_of(run.file, files=folder())
    except NotFound:
        raise DomainError(_("The file is gone"), field="file") from None


def _open(run: ImportRun) -> CsvFile:
    return open_csv(_path(run), encoding=run.encoding, delimiter=run.delimiter)


def _set_up(run: ImportRun, table: CsvFile, plan: Any) -> None:
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
