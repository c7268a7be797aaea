"""Screens of erasures: what erasing a person would do, doing it, and who was erased when, by whom and why."""

from typing import Any, ClassVar

from flask import abort, current_app, flash, redirect, request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name
from sqlalchemy.orm import selectinload

from app import clock
from app.db import db, unit_of_work
from app.errors import DomainError, NotFound, Refusals
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.erasure import Erasure
from app.models.party import Party
from app.roles import CHANGE
from app.services import access
from app.services import personal_erase as erasing
from app.services.personal import Person
from app.services.personal_places import of_table
from app.web import menu
from app.web.cells import card_url
from app.web.crud import CrudView
from app.web.person_address import asked_for
from app.web.records import Records

ORDER = 95
ERASE = "erase"


class ErasureView(CrudView):
    """People who were made anonymous; see the module's text."""

    datamodel = Records(Erasure, search=None, options=[selectinload(Erasure.by)])
    one_name = _l("Erasure")
    many_name = _l("Erasures")
    hint = _l("Who asks to be forgotten is erased on his card, in the tab “Personal data”. What was done stands here.")
    exclude_route_methods: ClassVar = {"add", "edit", "delete", "export", "act_on_many"}
    list_columns: ClassVar = ["party_id", "contact_id", "reason", "created_at", "by"]
    show_columns: ClassVar = ["party_id", "contact_id", "reason", "created_at", "by"]
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = ["party_id", "reason", "created_at"]
    order_columns: ClassVar = ["created_at"]
    base_order = ("created_at", "desc")
    has_activities: ClassVar = False
    quick: ClassVar = None
    label_columns: Any = {
        "party_id": _l("Party number"),
        "contact_id": _l("Number of the contact person"),
        "by": _l("Erased by"),
    }

    @classmethod
    def allowed_rights(cls) -> list[str]:
        """Return the right to see what was done, and that to erase."""
        return ["see", ERASE]

    def acts_on_many(self) -> list[Any]:
        """Return nothing: it cannot be undone and is done one by one."""
        return []

    def title_of(self, record: Any) -> str:
        """Return who it was, by number."""
        return _("Anonymised party %(number)s", number=record.party_id)

    @expose("/person", methods=["GET", "POST"])
    @has_access
    @permission_name("erase")
    def erase_one(self) -> Any:
        """Show what erasing a person would do; do it when the reason and the name are typed."""
        party_id, contact_id = asked_for(request.values)
        session = db.session()
        try:
            person = erasing.find_for(session, party_id, contact_id)
        except NotFound:
            abort(404)
        except DomainError as refusal:
            flash(str(refusal), "danger")
            return redirect(f"/party/show/{party_id}")
        access.require(session, access.get(session, Party, party_id), CHANGE)
        if request.method == "GET":
            return self._form(person)
        typed = {name: request.form.get(name, "") for name in ("reason", "name")}
        try:
            with unit_of_work(session) as work:
                person = erasing.find_for(work, party_id, contact_id)
                made = erasing.erase(
                    work,
                    person,
                    reason=typed["reason"],
                    typed_name=typed["name"],
                    by=access.required(work),
                    at=clock.now(),
                    files=current_app.config["CRM_VAR"] / "files",
                )
                key = made.id
        except Refusals as refusal:
            return self._form(person, typed, refusal.errors), 422
        except DomainError as refusal:
            return self._form(person, typed, {"": [str(refusal)]}), 422
        flash(_("The person is erased. This cannot be undone."), "success")
        return redirect(f"{self.route_base}/show/{key}")

    def _form(
        self, person: Person, typed: dict[str, str] | None = None, errors: dict[str, list[str]] | None = None
    ) -> str:
        found = erasing.preview(db.session(), person, files=current_app.config["CRM_VAR"] / "files")
        return self.page(
            "web/erasure_add.html",
            title=_("Erase: %(name)s", name=person.name),
            person=person,
            preview=found,
            typed=typed or {},
            errors=errors or {},
            card_of=card_url,
            may_see=lambda stem: self.appbuilder.sm.may(stem, "see"),
        )

    def _card(self, record: Any, *_tried: Any, **_about: Any) -> str:
        """Show what was done: how many rows of each place were erased or kept."""
        rows = [(of_table(table), counts) for table, counts in (record.counts or {}).items()]
        told = [(place, counts) for place, counts in rows if place is not None]
        return self.page("web/erasure_show.html", title=self.title_of(record), record=record, rows=told)


def register(appbuilder: Any) -> None:
    """Register the screens."""
    menu.place(appbuilder, ErasureView, "erasure", label=_l("Erasures"), group="security", icon="trash-2")
