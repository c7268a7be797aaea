"""Screens and REST of our own companies."""

from datetime import date, datetime
from typing import Any, ClassVar

from marshmallow import fields
from sqlalchemy.orm import Session

from app.i18n import lazy_gettext as _l
from app.models.organisation import Organisation
from app.services import organisation as organisations
from app.services import period as periods
from app.web import menu
from app.web.api import CrudApi
from app.web.crud import Child, CrudView
from app.web.records import Records
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
LINES = {"bank_accounts": ("iban", "account", "bic", "bik", "bank_name", "correspondent_account", "currency")}


class OrganisationView(CrudView):
    """Our companies, as documents name them."""

    datamodel = Records(Organisation, save=organisations.save, search=None)
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
    children: ClassVar = [Child("bank_accounts", ("iban", "account", "bic", "bik", "bank_name", "currency"))]


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
