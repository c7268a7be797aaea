"""Screens and REST of rules for bookings, and of the ways in which tables of banks are read."""

from typing import Any, ClassVar

from app.i18n import lazy_gettext as _l
from app.models.bank_statement import BankProfile, BankRule
from app.services import bank_rule as rules
from app.web import menu
from app.web.api import CrudApi
from app.web.crud import CrudView
from app.web.records import Records

ORDER = 48
COLUMNS = ["name", "text", "account", "reason", "is_active"]
LABELS = {
    "account": _l("Account of the other side"),
    "is_active": _l("In use"),
    "reason": _l("Ignored because"),
    "text": _l("Words of the booking"),
}
READ = ["name", "encoding", "delimiter", "date_format", "decimal_mark", "skip_rows"]
READ_LABELS = {
    "date_format": _l("Days are written as"),
    "decimal_mark": _l("Decimal mark"),
    "delimiter": _l("Delimiter"),
    "encoding": _l("Encoding"),
    "skip_rows": _l("Rows above the names"),
}


class BankRuleView(CrudView):
    """Rules of bookings that are no business of a counterparty."""

    datamodel = Records(BankRule, save=rules.save, search=None)
    is_set_up = True
    one_name = _l("Rule for bookings")
    many_name = _l("Rules for bookings")
    hint = _l("A rule knows bookings that pay no invoice, like the bank’s own fees, and proposes to ignore them.")
    list_columns: ClassVar = COLUMNS
    show_columns: ClassVar = COLUMNS
    add_columns: ClassVar = COLUMNS
    edit_columns: ClassVar = COLUMNS
    search_columns: ClassVar = ["name", "is_active"]
    order_columns: ClassVar = ["name"]
    base_order = ("name", "asc")
    key_facts: ClassVar = ["reason", "is_active"]
    has_tags: ClassVar = False
    label_columns: Any = LABELS


class BankRuleApi(CrudApi):
    """REST of rules for bookings."""

    datamodel = Records(BankRule, save=rules.save, search=None)
    list_columns: ClassVar = COLUMNS
    show_columns: ClassVar = COLUMNS
    add_columns: ClassVar = COLUMNS
    edit_columns: ClassVar = COLUMNS
    search_columns: ClassVar = ["name", "is_active"]
    order_columns: ClassVar = ["name"]
    base_order = ("name", "asc")
    has_tags: ClassVar = False
    label_columns: Any = LABELS
    examples: ClassVar = {"post": {"name": "Fees", "text": "account fee", "reason": "Bank charge"}}


class BankProfileView(CrudView):
    """Ways in which tables of banks are read; they are made where a table is loaded."""

    datamodel = Records(BankProfile, save=rules.save_profile, search=None)
    exclude_route_methods: ClassVar = {"add"}
    is_set_up = True
    one_name = _l("Way to read a bank’s table")
    many_name = _l("Ways to read banks’ tables")
    hint = _l("When you load a CSV statement and say what its columns hold, this is remembered here.")
    list_columns: ClassVar = READ
    show_columns: ClassVar = READ
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar = ["name"]
    search_columns: ClassVar = ["name"]
    order_columns: ClassVar = ["name"]
    base_order = ("name", "asc")
    key_facts: ClassVar = ["date_format", "delimiter"]
    has_tags: ClassVar = False
    quick: ClassVar = None
    label_columns: Any = READ_LABELS


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(appbuilder, BankRuleView, "bank_rule", label=_l("Rules for bookings"), group="settings", icon="landmark")
    menu.place(
        appbuilder, BankProfileView, "bank_profile", label=_l("Ways to read banks’ tables"), group="settings",
        icon="landmark",
    )  # fmt: skip
    appbuilder.add_api(BankRuleApi)
