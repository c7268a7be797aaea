"""Screens and REST of discount rules."""

from typing import Any, ClassVar

from sqlalchemy.orm import selectinload

from app.i18n import lazy_gettext as _l
from app.models.discount_rule import DiscountRule
from app.services import discount_rule as discounts
from app.web import menu
from app.web.api import CrudApi
from app.web.crud import CrudView
from app.web.form_rules import Filled, Require, Show
from app.web.records import Records

ORDER = 23
WHAT = ["name", "percent", "amount", "currency"]
WHERE = ["product", "category", "party", "tag", "from_quantity", "from_amount", "valid_from", "valid_until"]
PAST = ["past", "past_months", "past_least"]
HOW = ["stacks", "priority", "is_active"]
COLUMNS = [*WHAT, *WHERE, *PAST, *HOW]
FIELDSETS = [
    (None, {"fields": WHAT}),
    (_l("When it counts"), {"fields": WHERE}),
    (_l("Past purchases"), {"fields": PAST}),
    (_l("With other rules"), {"fields": HOW}),
]
LOADED = [
    selectinload(DiscountRule.product),
    selectinload(DiscountRule.category),
    selectinload(DiscountRule.party),
    selectinload(DiscountRule.tag),
]
LISTED = ["name", "percent", "amount", "currency", "product", "category", "party", "tag", "valid_until", "is_active"]
FOUND_BY = ["name", "product", "category", "party", "tag", "currency", "past", "stacks", "is_active", "valid_until"]


class DiscountRuleView(CrudView):
    """What comes off a price."""

    datamodel = Records(DiscountRule, save=discounts.save, search=None, options=LOADED)
    is_set_up = True
    one_name = _l("Discount rule")
    many_name = _l("Discount rules")
    hint = _l("A discount rule takes a percentage or an amount off a price wherever all its conditions hold.")
    list_template = "web/price_lists.html"
    list_columns: ClassVar = LISTED
    show_columns: ClassVar = COLUMNS
    show_fieldsets: ClassVar = FIELDSETS
    add_columns: ClassVar = COLUMNS
    add_fieldsets: ClassVar = FIELDSETS
    edit_columns: ClassVar = COLUMNS
    edit_fieldsets: ClassVar = FIELDSETS
    search_columns: ClassVar = FOUND_BY
    order_columns: ClassVar = ["name", "percent", "priority", "valid_until"]
    base_order = ("name", "asc")
    key_facts: ClassVar = ["percent", "amount", "currency"]
    quick: ClassVar = None
    rules: ClassVar = [
        Show("past_months", "past_least", when=Filled("past")),
        Require("past_months", "past_least", when=Filled("past")),
        Require("currency", when=Filled("amount")),
    ]
    description_columns: ClassVar = {
        "amount": _l("Off the price of one unit."),
        "currency": _l("With a currency the rule is for documents in it."),
        "category": _l("Products of its parts count too."),
        "from_amount": _l("What all lines of the document come to before any discount."),
        "stacks": _l("Without it the rule stands alone: it is taken instead of all others where the buyer pays less."),
        "priority": _l("The higher number goes first; the order changes what a line tells, not what it costs."),
        "past_least": _l("Money in the rule's currency, or a number of invoices."),
    }


class DiscountRuleApi(CrudApi):
    """REST of discount rules."""

    datamodel = Records(DiscountRule, save=discounts.save, search=None, options=LOADED)
    list_columns: ClassVar = LISTED
    show_columns: ClassVar = COLUMNS
    add_columns: ClassVar = COLUMNS
    edit_columns: ClassVar = COLUMNS
    search_columns: ClassVar = FOUND_BY
    order_columns: ClassVar = ["name", "percent", "priority", "valid_until"]
    base_order = ("name", "asc")
    examples: ClassVar = {"post": {"name": "Ten and more", "percent": "5", "from_quantity": "10"}}


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(
        appbuilder, DiscountRuleView, "discount_rule", label=_l("Discount rules"), group="catalogue", icon="percent"
    )
    appbuilder.add_api(DiscountRuleApi)
