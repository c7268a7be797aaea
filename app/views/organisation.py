"""Screens and REST of our own companies."""

from typing import Any, ClassVar

from app.i18n import lazy_gettext as _l
from app.models.organisation import Organisation
from app.services import organisation as organisations
from app.web import menu
from app.web.api import CrudApi
from app.web.crud import Child, CrudView
from app.web.records import Records

ORDER = 81
MAIN = ["name", "legal_name", "country", "currency", "language", "time_zone"]
NUMBERS = ["tax_number", "tax_branch", "registration_number"]
PLACE = ["street", "postal_code", "city", "region", "phone", "email", "website"]
COLUMNS = [*MAIN, *NUMBERS, *PLACE]
FIELDSETS = [
    (None, {"fields": MAIN}),
    (_l("Registration"), {"fields": NUMBERS}),
    (_l("Address"), {"fields": PLACE}),
]


LINES = {"bank_accounts": ("iban", "account", "bic", "bik", "bank_name", "correspondent_account", "currency")}


class OrganisationView(CrudView):
    """Our companies, as documents name them."""

    datamodel = Records(Organisation, save=organisations.save, search=None)
    one_name = _l("Organisation")
    many_name = _l("Organisations")
    hint = _l("An organisation is one of your own companies; invoices are issued in its name.")
    list_columns: ClassVar = ["name", "country", "currency", "tax_number", "city"]
    show_columns: ClassVar = COLUMNS
    show_fieldsets: ClassVar = FIELDSETS
    add_columns: ClassVar = [*COLUMNS, *LINES]
    add_fieldsets: ClassVar = [*FIELDSETS, (None, {"fields": list(LINES)})]
    edit_columns: ClassVar = [*COLUMNS, *LINES]
    edit_fieldsets: ClassVar = [*FIELDSETS, (None, {"fields": list(LINES)})]
    search_columns: ClassVar = ["name", "country"]
    order_columns: ClassVar = ["name", "country"]
    base_order = ("name", "asc")
    key_facts: ClassVar = ["tax_number", "currency"]
    lines: ClassVar = LINES
    children: ClassVar = [Child("bank_accounts", ("iban", "account", "bic", "bik", "bank_name", "currency"))]


class OrganisationApi(CrudApi):
    """REST of our companies."""

    datamodel = Records(Organisation, save=organisations.save, search=None)
    list_columns: ClassVar = ["name", "country", "currency", "tax_number", "city"]
    show_columns: ClassVar = COLUMNS
    add_columns: ClassVar = COLUMNS
    edit_columns: ClassVar = COLUMNS
    search_columns: ClassVar = ["name", "country"]
    order_columns: ClassVar = ["name", "country"]
    base_order = ("name", "asc")


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(
        appbuilder, OrganisationView, "organisation", label=_l("Organisations"), group="settings", icon="landmark"
    )
    appbuilder.add_api(OrganisationApi)
