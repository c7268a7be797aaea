"""Screens and REST of the places where leads come from: their clocks, their receivers, their secrets."""

from typing import Any, ClassVar

from flask import abort, current_app
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, no_cache, permission_name
from sqlalchemy.orm import selectinload

from app import clock
from app.db import db, unit_of_work
from app.i18n import lazy_gettext as _l
from app.models.lead_source import LeadReceiver, LeadSource
from app.roles import CHANGE
from app.services import access
from app.services import lead_source as sources
from app.web import menu
from app.web.api import CrudApi
from app.web.card_tabs import Related
from app.web.crud import Child, CrudView
from app.web.lead_words import norm
from app.web.records import Records
from app.web.schema import Lines

ORDER = 86
MAIN = ["name", "channel", "is_active", "team", "language", "country"]
NORMS = ["priority", "norm_minutes", "norm_high_minutes", "norm_low_minutes"]
SHARES = ["assignment"]
LIMITS = ["per_minute", "per_address"]
COLUMNS = [*MAIN, *NORMS, *SHARES, *LIMITS]
RECEIVER = ("user", "country", "region", "language", "most_open")
FIELDSETS = [
    (None, {"fields": MAIN}),
    (_l("Until when somebody answers, in minutes of working time"), {"fields": NORMS}),
    (_l("Who gets them"), {"fields": SHARES}),
]
LIMITED = (_l("How much is let in"), {"fields": LIMITS})
LOADED = [selectinload(LeadSource.team)]


class LeadSourceView(CrudView):
    """Sources of leads."""

    datamodel = Records(LeadSource, save=sources.save, remove=sources.remove, search=None, options=LOADED)
    one_name = _l("Source of leads")
    many_name = _l("Sources of leads")
    hint = _l("A source says until when somebody answers, and who gets what arrives there.")
    card_template = "web/lead_source_card.html"
    list_columns: ClassVar = ["name", "channel", "is_active", "norm_minutes", "assignment", "team"]
    show_columns: ClassVar = COLUMNS
    show_fieldsets: ClassVar = [*FIELDSETS, LIMITED]
    add_columns: ClassVar = [*COLUMNS, "receivers"]
    add_fieldsets: ClassVar = [*FIELDSETS, (None, {"fields": ["receivers"]}), LIMITED]
    edit_columns: ClassVar = [*COLUMNS, "receivers"]
    edit_fieldsets: ClassVar = add_fieldsets
    search_columns: ClassVar = ["name", "channel", "is_active", "assignment", "team"]
    order_columns: ClassVar = ["name"]
    base_order = ("name", "asc")
    key_facts: ClassVar = ["channel", "norm_minutes", "assignment"]
    lines: ClassVar = {"receivers": RECEIVER}
    children: ClassVar = [Child("receivers", RECEIVER)]
    related: ClassVar = [Related("lead_form", "source")]
    quick: ClassVar = None
    formatters_columns: ClassVar = dict.fromkeys(("norm_minutes", "norm_high_minutes", "norm_low_minutes"), norm)
    label_columns = {"norm_minutes": _l("Answer within")}
    description_columns: ClassVar = {"norm_minutes": _l("In minutes: a working day has 480.")}

    @expose("/<int:pk>/secret", methods=["POST"])
    @has_access
    @permission_name("change")
    @no_cache
    def secret(self, pk: int) -> Any:
        """Give a source a new secret, and show it this once."""
        with unit_of_work(db.session()) as work:
            source = access.get(work, LeadSource, pk)
            if source is None:
                abort(404)
            access.require(work, source, CHANGE)
            shown = sources.new_secret(work, source, at=clock.now())
        return self._card(self._found(str(pk)), secret=shown)

    def addresses(self, record: LeadSource) -> list[str]:
        """Return where programs send to."""
        base = f"{current_app.config['CRM_PUBLIC_URL']}/intake/{record.code}"
        return [base, f"{base}/message"]

    def has_secret(self, record: LeadSource) -> bool:
        """Say whether programs can sign for a source."""
        return sources.has_secret(db.session(), record)


class LeadSourceApi(CrudApi):
    """REST of sources of leads; secrets are made on the screen alone."""

    datamodel = Records(LeadSource, save=sources.save, remove=sources.remove, search=None, options=LOADED)
    list_columns: ClassVar = ["name", "channel", "is_active", "norm_minutes", "assignment", "team"]
    show_columns: ClassVar = COLUMNS
    add_columns: ClassVar = COLUMNS
    edit_columns: ClassVar = COLUMNS
    lines: ClassVar = {"receivers": Lines(LeadReceiver, "LeadReceiver", given=RECEIVER)}
    search_columns: ClassVar = ["name", "channel", "is_active", "team"]
    order_columns: ClassVar = ["name"]
    base_order = ("name", "asc")
    examples: ClassVar = {
        "post": {"name": "Website", "channel": "form", "norm_minutes": 30, "assignment": "in_turn", "language": "nl"}
    }


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(appbuilder, LeadSourceView, "lead_source", label=_l("Sources of leads"), group="settings", icon="inbox")
    appbuilder.add_api(LeadSourceApi)
