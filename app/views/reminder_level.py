"""Screens and REST of the levels by which overdue invoices are reminded of."""

from typing import Any, ClassVar

from sqlalchemy.orm import selectinload

from app import clock
from app.i18n import lazy_gettext as _l
from app.models.reminder_level import ReminderLevel, ReminderText
from app.services import reminder_level as levels
from app.web import menu
from app.web.api import CrudApi
from app.web.crm_form import CrmForm
from app.web.crud import CrudView
from app.web.locale import choose_time_zone
from app.web.records import Records
from app.web.schema import Lines

ORDER = 47
WHEN = ["days", "gap_days", "since", "is_active"]
COSTS = ["fee", "interest_percent"]
COLUMNS = ["organisation", "position", *WHEN, *COSTS]
TEXT = ("language", "subject", "text")
FIELDSETS = [
    (None, {"fields": ["organisation", "position", *WHEN]}),
    (_l("What a reminder costs"), {"fields": COSTS}),
    (None, {"fields": ["texts"]}),
]
LABELS = {
    "days": _l("Days after the due date (negative: before it)"),
    "fee": _l("Fee"),
    "gap_days": _l("Days since the last letter, at least"),
    "interest_percent": _l("Interest (percent a year)"),
    "is_active": _l("In use"),
    "organisation": _l("Our company"),
    "position": _l("Level"),
    "since": _l("For invoices due from"),
    "texts": _l("What it says"),
}
OPTIONS = [selectinload(ReminderLevel.organisation)]


class ReminderLevelView(CrudView):
    """Levels of reminders."""

    datamodel = Records(ReminderLevel, save=levels.save, search=None, options=OPTIONS)
    is_set_up = True
    begins_with_ours = True
    one_name = _l("Level of reminders")
    many_name = _l("Levels of reminders")
    hint = _l("A level says when a reminder of an overdue invoice leaves and what it says; without levels none leaves.")
    list_columns: ClassVar = COLUMNS
    show_columns: ClassVar = COLUMNS
    add_columns: ClassVar = [*COLUMNS, "texts"]
    add_fieldsets: ClassVar = FIELDSETS
    edit_columns: ClassVar = [*COLUMNS, "texts"]
    edit_fieldsets: ClassVar = FIELDSETS
    search_columns: ClassVar = ["organisation", "position", "is_active"]
    order_columns: ClassVar = ["position", "days"]
    base_order = ("position", "asc")
    key_facts: ClassVar = ["organisation", "position", "days", "is_active"]
    lines: ClassVar = {"texts": TEXT}
    quick: ClassVar = None
    has_tags: ClassVar = False
    label_columns: Any = LABELS
    description_columns: ClassVar = {
        "fee": _l("In our company's currency; invoices in another currency come without it."),
        "texts": _l(
            "In a text these stand for what is known: {party}, {organisation}, {number}, {issued}, {due}, {days},"
            " {rest}, {fee}, {interest}, {total}."
        ),
    }

    def prefill(self, form: CrmForm) -> None:
        """Leave alone what was due before the level was made."""
        super().prefill(form)
        if not form["since"].data:
            form["since"].data = clock.today(choose_time_zone())


class ReminderLevelApi(CrudApi):
    """REST of levels of reminders."""

    datamodel = Records(ReminderLevel, save=levels.save, search=None, options=OPTIONS)
    list_columns: ClassVar = COLUMNS
    show_columns: ClassVar = COLUMNS
    add_columns: ClassVar = COLUMNS
    edit_columns: ClassVar = COLUMNS
    lines: ClassVar = {"texts": Lines(ReminderText, "ReminderText", given=TEXT)}
    search_columns: ClassVar = ["organisation", "position", "is_active"]
    order_columns: ClassVar = ["position", "days"]
    base_order = ("position", "asc")
    has_tags: ClassVar = False
    label_columns: Any = LABELS
    examples: ClassVar = {
        "post": {
            "organisation": 1,
            "position": 1,
            "days": 7,
            "texts": [{"language": "en", "subject": "Invoice {number}", "text": "Please pay {rest}, due on {due}."}],
        }
    }


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(
        appbuilder,
        ReminderLevelView,
        "reminder_level",
        label=_l("Levels of reminders"),
        group="settings",
        icon="bell",
    )
    appbuilder.add_api(ReminderLevelApi)
