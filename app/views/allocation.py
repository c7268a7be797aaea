"""Screens and REST of allocations: the journal of what settled what, and undoing a row."""

from typing import Any, ClassVar

from sqlalchemy.orm import selectinload

from app.i18n import lazy_gettext as _l
from app.models.allocation import Allocation
from app.services import allocation as allocations
from app.web import menu
from app.web.api import CrudApi
from app.web.arguments import NOTE, ON
from app.web.crud import CrudView
from app.web.records import Records
from app.web.settled import NAMED
from app.web.verbs import Verb

ORDER = 46
LOADED = [*NAMED, selectinload(Allocation.by)]
COLUMNS = [
    "allocated_on",
    "amount",
    "invoice",
    "refund",
    "payment",
    "credit_note",
    "write_off",
    "credit_amount",
    "exchange_rate",
    "reverses",
    "note",
    "created_at",
    "by",
]
SEARCHED = ["allocated_on", "write_off", "amount"]
VERBS = [
    Verb(
        "reverse",
        allocations.reverse,
        label=_l("Undo"),
        icon="undo-2",
        when=lambda row: not row.is_reversal,
        arguments={"on": ON, "note": NOTE},
        needs_when=True,
    )
]


class AllocationView(CrudView):
    """List and card of allocations; they are made by payments, credit notes and write-offs."""

    datamodel = Records(Allocation, options=LOADED)
    exclude_route_methods: ClassVar = {"add", "edit", "delete"}
    one_name = _l("Allocation")
    many_name = _l("Allocations")
    hint = _l("Payments, credit notes and write-offs that settle invoices are listed here.")
    list_columns: ClassVar = [
        "allocated_on",
        "amount",
        "invoice",
        "refund",
        "payment",
        "credit_note",
        "write_off",
        "by",
    ]
    show_columns: ClassVar = COLUMNS
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = SEARCHED
    order_columns: ClassVar = ["allocated_on", "amount"]
    base_order = ("id", "desc")
    key_facts: ClassVar = ["allocated_on", "amount"]
    verbs: ClassVar = VERBS


class AllocationApi(CrudApi):
    """REST of allocations."""

    datamodel = Records(Allocation, options=LOADED)
    exclude_route_methods: ClassVar = {"post", "put", "delete"}
    list_columns: ClassVar = COLUMNS
    show_columns: ClassVar = COLUMNS
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = [*SEARCHED, "invoice", "payment", "credit_note", "refund"]
    order_columns: ClassVar = ["allocated_on", "amount"]
    base_order = ("id", "desc")
    verbs: ClassVar = VERBS


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(appbuilder, AllocationView, "allocation", label=_l("Allocations"), group="money", icon="link")
    appbuilder.add_api(AllocationApi)
