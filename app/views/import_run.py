"""Screens of imports: what came of each, and the two kinds: counterparties and leads."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from flask import Response, abort, redirect, send_file, url_for
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import select
from sqlalchemy.orm import selectinload
from wtforms.validators import InputRequired

from app import clock
from app.db import db
from app.errors import DomainError, NotFound
from app.exchange import lead_field, lead_import, party_field, party_import
from app.exchange.csv_file import CsvFile
from app.exchange.party_field import Field
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.attachment import Attachment
from app.models.import_run import ImportRun, ImportState
from app.models.lead_source import LeadChannel, LeadSource
from app.services import attachment as attachments
from app.services import import_run as runs
from app.services.import_rows import Mode
from app.services.import_run import Chunk
from app.web import menu
from app.web.cells import whole as number
from app.web.crud import CrudView
from app.web.fields import ChoiceField, ListField
from app.web.import_flow import AT_ONCE, ImportFlow, PlanForm, folder
from app.web.link_field import LinkField
from app.web.progress import Progress
from app.web.records import Records

ORDER = 60
FLOWS = {"party": "PartyImportView", "lead": "LeadImportView"}
FIELDS: Mapping[str, Mapping[str, Field]] = {"party": party_field.FIELDS, "lead": lead_field.FIELDS}

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
        may = {stem: _may_import(self.appbuilder, stem) for stem in FLOWS}
        return super().page(own.get(template, template), flows=FLOWS, may_import=may, **about)

    @expose("/show/<pk>", methods=["GET"])
    @has_access
    def show(self, pk: str) -> Any:
        """Show what came of an import; one that is being set up leads back to where it is set up."""
        run = self._found(pk)
        if run.state is ImportState.draft and _may_import(self.appbuilder, run.entity):
            return redirect(url_for(f"{FLOWS[run.entity]}.settings", pk=run.id))
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


class PartyPlanForm(PlanForm):
    """How a file of counterparties is read and what becomes of its rows."""

    mode = ChoiceField(_l("What to do"), [InputRequired()], of=Mode)
    country = ListField(_l("Country of rows that name none"), of="country")
    owner = LinkField(_l("Owner of what is added"), entity=User, description=_l("Empty: you"))


class PartyImportView(ImportFlow):
    """The way of a file of counterparties."""

    route_base = "/party/import"
    class_permission_name = "party"
    entity = "party"
    plan_form = PartyPlanForm
    asked = ("mode", "country", "owner")
    upload_title = _l("Import counterparties")
    fields_title = _l("What a file may say of a counterparty")
    fields_hint = _l(
        "The columns may stand in any order and have any name; usual names are recognised in English, Russian, Armenian"
        " and Dutch. Only the name is needed."
    )

    def fields(self) -> Mapping[str, Field]:
        """Return what a column may hold, without what the reader may not write."""
        closed = party_import.closed_fields(db.session())
        return {name: about for name, about in party_field.FIELDS.items() if name not in closed}

    def plan_of(self, run: ImportRun) -> party_import.Plan:
        """Return the plan that is kept with a run."""
        return party_import.Plan.of(run)

    def first_plan(self, table: CsvFile) -> party_import.Plan:
        """Return what the columns of a file seem to hold, without what the reader may not write."""
        open_ones = self.fields()
        guessed = party_field.guess(table.columns).items()
        return party_import.Plan({column: name for column, name in guessed if name in open_ones})

    def typed_plan(self, form: Any, mapping: dict[str, str]) -> party_import.Plan:
        """Return the plan that was chosen; changing needs the right to change."""
        mode = form.mode.data
        if mode is not Mode.create and not self.appbuilder.sm.may("party", "change"):
            raise DomainError(_("You may add counterparties, not change them"), field="mode")
        owner = form.owner.data.username if form.owner.data is not None else None
        return party_import.Plan(mapping, mode, form.country.data, owner)

    def told(self, plan: party_import.Plan) -> dict[str, Any]:
        """Return what the form shows of a plan."""
        owner = None
        if plan.owner:
            owner = db.session.execute(select(User).where(User.username == plan.owner)).unique().scalar_one_or_none()
        return {"mode": plan.mode, "country": plan.country, "owner": owner}

    def refuse(self, table: CsvFile, plan: party_import.Plan) -> None:
        """Raise DomainError for a plan that does not fit a file."""
        party_import.layout_of(db.session(), table, plan)

    def look(self, table: CsvFile, plan: party_import.Plan) -> Chunk:
        """Say what an import would do."""
        return party_import.check(db.session(), table, plan, at=clock.now(), most=AT_ONCE)

    def carry_out(self, pk: int) -> None:
        """Import a file while one waits."""
        party_import.run_import(db.session, pk, folder())


class LeadPlanForm(PlanForm):
    """How a file of leads is read and where its rows arrive."""

    source = LinkField(
        _l("Source"),
        [InputRequired()],
        entity=LeadSource,
        description=_l("Of the channel “From a file”: it says until when somebody answers, and who gets the leads."),
    )


class LeadImportView(ImportFlow):
    """The way of a file of leads."""

    route_base = "/lead/import"
    class_permission_name = "lead"
    entity = "lead"
    plan_form = LeadPlanForm
    asked = ("source",)
    upload_title = _l("Import leads")
    fields_title = _l("What a file may say of a lead")
    fields_hint = _l(
        "The columns may stand in any order and have any name; usual names are recognised in English, Russian, Armenian"
        " and Dutch. A phone number or an e-mail address is needed. What is in no field stays with the lead as it was."
    )

    def fields(self) -> Mapping[str, Field]:
        """Return what a column may hold."""
        return lead_field.FIELDS

    def plan_of(self, run: ImportRun) -> lead_import.Plan:
        """Return the plan that is kept with a run."""
        return lead_import.Plan.of(run)

    def first_plan(self, table: CsvFile) -> lead_import.Plan:
        """Return what the columns of a file seem to hold, and the source where there is one alone."""
        found = self._sources()
        return lead_import.Plan(lead_field.guess(table.columns), found[0] if len(found) == 1 else None)

    @staticmethod
    def _sources() -> Sequence[int]:
        """Return the first two sources of files."""
        usual = select(LeadSource.id).where(LeadSource.channel == LeadChannel.imported, LeadSource.is_active.is_(True))
        return db.session.scalars(usual.order_by(LeadSource.id).limit(2)).all()

    def way_out(self) -> tuple[str, str] | None:
        """Lead to the form of a source where there is none of files yet."""
        if self._sources() or not self.appbuilder.sm.may("lead_source", "add"):
            return None
        return _("Make a source for files first"), "/lead_source/add?channel=imported"

    def typed_plan(self, form: Any, mapping: dict[str, str]) -> lead_import.Plan:
        """Return the plan that was chosen."""
        return lead_import.Plan(mapping, form.source.data.id if form.source.data is not None else None)

    def told(self, plan: lead_import.Plan) -> dict[str, Any]:
        """Return what the form shows of a plan."""
        return {"source": db.session.get(LeadSource, plan.source_id) if plan.source_id is not None else None}

    def refuse(self, table: CsvFile, plan: lead_import.Plan) -> None:
        """Raise DomainError for a plan that does not fit a file."""
        lead_import.shape_of(db.session(), table, plan)

    def look(self, table: CsvFile, plan: lead_import.Plan) -> Chunk:
        """Say what an import would do."""
        return lead_import.check(db.session(), table, plan, at=clock.now(), most=AT_ONCE)

    def carry_out(self, pk: int) -> None:
        """Import a file while one waits."""
        lead_import.run_import(db.session, pk, folder())


def _may_import(appbuilder: Any, stem: str) -> bool:
    return bool(appbuilder.sm.may(stem, "import") and appbuilder.sm.may("import_run", "see"))


def _fields_of(run: ImportRun) -> list[tuple[str, str]]:
    """Return the columns of the file with what was taken from them."""
    known = FIELDS[run.entity]
    return [(column, str(known[name].label)) for column, name in (run.mapping or {}).items() if name in known]


def _send(attachment: Attachment | None) -> Response:
    if attachment is None:
        abort(404)
    try:
        path = attachments.path_of(attachment, files=folder())
    except NotFound:
        abort(404)
    return send_file(path, mimetype="text/csv", as_attachment=True, download_name=attachment.name)


def register(appbuilder: Any) -> None:
    """Register the screens."""
    menu.place(appbuilder, ImportRunView, "import_run", label=_l("Imports"), group="exchange", icon="file-up")
    appbuilder.add_view_no_menu(PartyImportView)
    appbuilder.add_view_no_menu(LeadImportView)
