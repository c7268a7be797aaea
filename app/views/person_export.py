"""Screens of exports of a person: asking for one, how far it is, and taking it through the door of all exports."""

from typing import IO, Any, ClassVar

from flask import abort, current_app, flash, redirect, request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name
from sqlalchemy.orm import selectinload

from app import clock
from app.db import db, unit_of_work
from app.errors import DomainError, NotFound
from app.i18n import gettext as _
from app.i18n import language
from app.i18n import lazy_gettext as _l
from app.models.export_run import ExportKind
from app.models.party import Party
from app.models.person_export import PersonExport, PersonExportState
from app.roles import EXPORT
from app.services import access, personal, personal_export
from app.services import attachment as attachments
from app.web import jobs, menu
from app.web.crud import CrudView
from app.web.hand_out import Parcel, Table, hand_out
from app.web.person_address import asked_for
from app.web.progress import Progress
from app.web.records import Records

ORDER = 94


class PersonExportView(Progress, CrudView):
    """Exports of everything about a person; see the module's text."""

    datamodel = Records(
        PersonExport, search=None, options=[selectinload(PersonExport.owner), selectinload(PersonExport.party)]
    )
    one_name = _l("Export of a person")
    many_name = _l("Exports of people")
    hint = _l("Who asks what is known of him is given this: open his card and its tab “Personal data”.")
    exclude_route_methods: ClassVar = {"add", "edit", "delete", "export", "act_on_many", "attached"}
    list_columns: ClassVar = ["party", "state", "records", "created_at", "owner"]
    show_columns: ClassVar = ["party", "state", "records", "language", "created_at", "ended_at", "owner"]
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = ["state", "owner", "created_at"]
    order_columns: ClassVar = ["created_at"]
    base_order = ("created_at", "desc")
    has_activities: ClassVar = False
    quick: ClassVar = None
    label_columns: Any = {"records": _l("Records and files"), "ended_at": _l("Ended"), "owner": _l("Asked by")}

    @classmethod
    def allowed_rights(cls) -> list[str]:
        """Return the basic rights, and that to take the file."""
        return [*super().allowed_rights(), "add", EXPORT]

    def acts_on_many(self) -> list[Any]:
        """Return nothing: each person's data are asked for by themselves."""
        return []

    def title_of(self, record: Any) -> str:
        """Return whose data these are."""
        return _("Everything about %(name)s", name=self._name(record))

    @staticmethod
    def _name(record: Any) -> str:
        if record.contact_id is None:
            return str(record.party)
        found = next((each.name for each in record.party.contacts if each.id == record.contact_id), None)
        return f"{found} · {record.party}" if found else str(record.party)

    @expose("/person", methods=["GET", "POST"])
    @has_access
    @permission_name("add")
    def ask_for(self) -> Any:
        """Ask whether everything about a person shall be written down, and let the worker do it."""
        party_id, contact_id = asked_for(request.values)
        session = db.session()
        try:
            person = personal.find(session, party_id, contact_id)
        except NotFound:
            abort(404)
        except DomainError as refusal:
            flash(str(refusal), "danger")
            return redirect(f"/party/show/{party_id}?tab=personal")
        if request.method == "GET":
            access.require(session, access.get(session, Party, party_id), EXPORT)
            return self._ask(person)
        try:
            with unit_of_work(session) as work:
                person = personal.find(work, party_id, contact_id)
                by = access.required(work)
                made = personal_export.ask(work, person, by=by, language=language(), at=clock.now())
                key = made.id
        except DomainError as refusal:
            return self._ask(person, str(refusal)), 422
        jobs.begin(PersonExport.__stem__, key)
        return redirect(f"{self.route_base}/show/{key}")

    def _ask(self, person: Any, error: str = "") -> str:
        title = _("Everything about %(name)s", name=person.name)
        return self.page("web/person_export_add.html", title=title, person=person, error=error)

    def _card(self, record: Any, *_tried: Any, **_about: Any) -> str:
        return self.page(
            "web/person_export_show.html",
            title=self.title_of(record),
            record=record,
            may_take=self.may(EXPORT) and record.state is PersonExportState.done and record.file_id is not None,
        )

    @expose("/parcel/<int:pk>", methods=["GET", "POST"])
    @has_access
    @permission_name("export")
    def parcel(self, pk: int) -> Any:
        """Ask what the data are wanted for, and send them."""
        record, session = self._found(str(pk)), db.session()
        party = access.get(session, Party, record.party_id)
        if party is None or record.state is not PersonExportState.done or record.file is None:
            abort(404)
        access.require(session, party, EXPORT)
        digest = record.file.sha256
        place = attachments.place_of(digest, files=current_app.config["CRM_VAR"] / "files")
        if not place.is_file():
            abort(404)

        def stored() -> IO[bytes]:
            return place.open("rb")

        parcel = Parcel(
            kind=ExportKind.person,
            right=(str(self.class_permission_name), EXPORT),
            entity=Party.__stem__,
            title=self.title_of(record),
            file=f"person-{record.party_id}",
            back=f"{self.route_base}/show/{record.id}",
            rows=record.records,
            heads=["person.json", "person.pdf", "files/"],
            read=lambda _pause: Table([], []),
            formats=("zip",),
            stored=stored,
            record_id=record.party_id,
        )
        return hand_out(self, parcel)


def register(appbuilder: Any) -> None:
    """Register the screens."""
    menu.place(
        appbuilder, PersonExportView, "person_export", label=_l("Exports of people"), group="security", icon="user"
    )
