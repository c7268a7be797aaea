"""Screens and REST of our own companies."""

from datetime import date, datetime
from typing import Any, ClassVar

from flask import Response, abort, current_app, flash, redirect, request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name
from marshmallow import fields
from sqlalchemy.orm import Session

from app import clock
from app.db import db, unit_of_work
from app.documents import picture as drawing
from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.organisation import Organisation
from app.services import access
from app.services import organisation as organisations
from app.services import organisation_picture as pictures
from app.services import period as periods
from app.services.organisation_picture import Picture
from app.web import menu
from app.web.api import CrudApi
from app.web.crud import Child, CrudView
from app.web.records import Records
from app.web.stored_file import sent
from app.web.verbs import Verb

ORDER = 81
MAIN = ["name", "legal_name", "country", "currency", "language", "time_zone"]
NUMBERS = ["tax_number", "tax_branch", "registration_number"]
PLACE = ["street", "postal_code", "city", "region", "phone", "email", "website"]
SELLING = ["over_percent"]
COLUMNS = [*MAIN, *NUMBERS, *PLACE, *SELLING]
FIELDSETS = [
    (None, {"fields": MAIN}),
    (_l("Registration"), {"fields": NUMBERS}),
    (_l("Address"), {"fields": PLACE}),
    (_l("Sales"), {"fields": SELLING}),
]


def lock(session: Session, organisation: Organisation, *, at: datetime, until: date | None = None) -> None:
    """Close an organisation's books up to a day; without one they are open again."""
    periods.lock(session, organisation, until=until, at=at)


VERBS = [
    Verb(
        "lock",
        lock,
        label=_l("Lock the period"),
        icon="lock",
        arguments={"until": fields.Date(metadata={"example": "2026-02-28"})},
        offered=lambda organisation: {"until": organisation.lock_date},
        needs_time=True,
    )
]
ACCOUNT = ("iban", "account", "bic", "bik", "bank_name", "correspondent_account", "currency")
LINES = {"bank_accounts": (*ACCOUNT, "match_sure", "fee_tolerance")}


class OrganisationView(CrudView):
    """Our companies, as documents name them."""

    datamodel = Records(Organisation, save=organisations.save, search=None)
    card_template = "web/organisation_card.html"
    one_name = _l("Organisation")
    many_name = _l("Organisations")
    hint = _l("An organisation is one of your own companies; invoices are issued in its name.")
    list_columns: ClassVar = ["name", "country", "currency", "tax_number", "city"]
    show_columns: ClassVar = [*COLUMNS, "lock_date"]
    show_fieldsets: ClassVar = [*FIELDSETS, (_l("Books"), {"fields": ["lock_date"]})]
    add_columns: ClassVar = [*COLUMNS, *LINES]
    add_fieldsets: ClassVar = [*FIELDSETS, (None, {"fields": list(LINES)})]
    edit_columns: ClassVar = [*COLUMNS, *LINES]
    edit_fieldsets: ClassVar = [*FIELDSETS, (None, {"fields": list(LINES)})]
    search_columns: ClassVar = ["name", "country"]
    order_columns: ClassVar = ["name", "country"]
    base_order = ("name", "asc")
    key_facts: ClassVar = ["tax_number", "currency"]
    verbs: ClassVar = VERBS
    lines: ClassVar = LINES
    label_columns: Any = {"logo": _l("Logo"), "signature": _l("Signature"), "stamp": _l("Stamp")}  # of the history
    children: ClassVar = [Child("bank_accounts", ("iban", "account", "bic", "bik", "bank_name", "currency"))]

    def pictures_of(self, record: Organisation) -> list[tuple[Picture, str | None]]:
        """Return the pictures that documents may show, each with the address of the one in use."""
        there = pictures.of(db.session(), record)
        address = f"{self.route_base}/{record.id}/picture"
        return [(each, f"{address}/{each}?v={there[each].sha256[:12]}" if each in there else None) for each in Picture]

    @expose("/<int:pk>/picture/<name>", methods=["GET"])
    @has_access
    @permission_name("see")
    def picture(self, pk: int, name: str) -> Response:
        """Send a picture of one of our companies."""
        found = pictures.of(db.session(), self._found(str(pk)))
        if name not in {*Picture} or Picture(name) not in found:
            abort(404)
        return sent(found[Picture(name)])

    @expose("/pictures/<int:pk>", methods=["GET", "POST"])
    @has_access
    @permission_name("change")
    def pictures(self, pk: int) -> Any:
        """Show the pictures on documents; put others in their place or take them away, all of it or nothing."""
        record = self._found(str(pk))
        if request.method == "GET":
            return self._pictures_page(record, {})
        try:
            given = _given()
            with unit_of_work(db.session()) as session:
                record = self._found(str(pk))
                by, at = access.required(session), clock.now()
                for each in Picture:
                    if each in given:
                        files = current_app.config["CRM_VAR"] / "files"
                        pictures.put(session, record, each, given[each], files=files, by=by, at=at)
                    elif request.form.get(f"remove_{each}"):
                        pictures.remove(session, record, each)
        except Refusals as refusal:
            return self._pictures_page(self._found(str(pk)), refusal.errors), 422
        flash(_("The pictures are saved."), "success")
        return redirect(f"{self.route_base}/show/{pk}")

    def _pictures_page(self, record: Organisation, errors: dict[str, list[str]]) -> str:
        most = drawing.MOST_BYTES >> 20
        title = _("Pictures on documents")
        return self.page("web/organisation_pictures.html", title=title, record=record, errors=errors, most=most)


def _given() -> dict[Picture, bytes]:
    """Return the pictures that were sent, drawn anew. Raises Refusals, each at its field."""
    found: dict[Picture, bytes] = {}
    errors: dict[str, list[str]] = {}
    for each in Picture:
        file = request.files.get(each.value)
        if file is not None and file.filename:
            try:
                found[each] = drawing.drawn(file.stream.read(drawing.MOST_BYTES + 1))
            except DomainError as refusal:
                errors[each.value] = [str(refusal)]
    if errors:
        raise Refusals(errors)
    return found


class OrganisationApi(CrudApi):
    """REST of our companies."""

    datamodel = Records(Organisation, save=organisations.save, search=None)
    list_columns: ClassVar = ["name", "country", "currency", "tax_number", "city"]
    show_columns: ClassVar = [*COLUMNS, "lock_date"]
    add_columns: ClassVar = COLUMNS
    edit_columns: ClassVar = COLUMNS
    search_columns: ClassVar = ["name", "country"]
    order_columns: ClassVar = ["name", "country"]
    base_order = ("name", "asc")
    verbs: ClassVar = VERBS


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(
        appbuilder, OrganisationView, "organisation", label=_l("Organisations"), group="settings", icon="landmark"
    )
    appbuilder.add_api(OrganisationApi)
