"""Screens and REST of the forms that stand on foreign pages."""

from typing import Any, ClassVar

from flask import current_app
from sqlalchemy.orm import selectinload

from app.i18n import lazy_gettext as _l
from app.models.lead_source import LeadForm, LeadFormField, LeadFormText
from app.services import lead_form as forms
from app.web import menu
from app.web.api import CrudApi
from app.web.crud import Child, CrudView
from app.web.records import Records
from app.web.schema import Lines

ORDER = 86
COLUMNS = ["name", "source", "is_active", "theme", "colour", "sites"]
FIELD = ("field", "caption", "is_required")
TEXT = ("language", "title", "intro", "button", "thanks")
LOADED = [selectinload(LeadForm.source)]
LINES = {"fields": FIELD, "texts": TEXT}
FIELDSETS = [
    (None, {"fields": COLUMNS}),
    (None, {"fields": ["fields"]}),
    (None, {"fields": ["texts"]}),
]


class LeadFormView(CrudView):
    """Forms for foreign pages."""

    datamodel = Records(LeadForm, save=forms.save, search=None, options=LOADED)
    one_name = _l("Web form")
    many_name = _l("Web forms")
    hint = _l("A form stands on your own pages with one line; what is sent becomes a lead.")
    card_template = "web/lead_form_card.html"
    list_columns: ClassVar = ["name", "source", "is_active", "theme"]
    show_columns: ClassVar = COLUMNS
    add_columns: ClassVar = [*COLUMNS, *LINES]
    add_fieldsets: ClassVar = FIELDSETS
    edit_columns: ClassVar = [*COLUMNS, *LINES]
    edit_fieldsets: ClassVar = FIELDSETS
    search_columns: ClassVar = ["name", "source", "is_active"]
    order_columns: ClassVar = ["name"]
    base_order = ("name", "asc")
    key_facts: ClassVar = ["source", "is_active"]
    lines: ClassVar = LINES
    children: ClassVar = [Child("fields", FIELD), Child("texts", TEXT)]
    quick: ClassVar = None
    label_columns = {"texts": _l("Texts")}

    def place(self, record: LeadForm) -> str:
        """Return the address of a form."""
        return f"{current_app.config['CRM_PUBLIC_URL']}/form/{record.code}"

    def snippet(self, record: LeadForm) -> str:
        """Return the line of HTML that shows a form on a page elsewhere."""
        return f'<script src="{self.place(record)}.js" async></script>'


class LeadFormApi(CrudApi):
    """REST of forms."""

    datamodel = Records(LeadForm, save=forms.save, search=None, options=LOADED)
    list_columns: ClassVar = ["name", "source", "is_active", "theme"]
    show_columns: ClassVar = ["code", *COLUMNS]
    add_columns: ClassVar = COLUMNS
    edit_columns: ClassVar = COLUMNS
    lines: ClassVar = {
        "fields": Lines(LeadFormField, "LeadFormField", given=FIELD, computed=("position",)),
        "texts": Lines(LeadFormText, "LeadFormText", given=TEXT),
    }
    search_columns: ClassVar = ["name", "source", "is_active"]
    order_columns: ClassVar = ["name"]
    base_order = ("name", "asc")
    examples: ClassVar = {"post": {"name": "Contact", "source": 1}}


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(appbuilder, LeadFormView, "lead_form", label=_l("Web forms"), group="settings", icon="globe")
    appbuilder.add_api(LeadFormApi)
