"""Screens and REST of price lists, and the page on which one tries what something costs."""

from decimal import Decimal
from typing import Any, ClassVar

from flask import request
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, permission_name
from sqlalchemy.orm import joinedload, selectinload
from wtforms import BooleanField
from wtforms.validators import InputRequired, Optional

from app import clock
from app.db import db
from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import language
from app.i18n import lazy_gettext as _l
from app.models.organisation import Organisation
from app.models.party import Party
from app.models.price_list import Audience, PriceItem, PriceList
from app.models.product import Product
from app.money import exact, format_decimal, parse_decimal, plain
from app.services import price as prices
from app.services import price_list as price_lists
from app.services import price_words
from app.services.price_choice import Priced
from app.web import menu, price_offer
from app.web.api import CrudApi
from app.web.card_tabs import Related
from app.web.crm_form import CrmForm
from app.web.crud import Child, CrudView
from app.web.fields import DateField, DecimalField, ListField
from app.web.form_rules import Is, Require, Show
from app.web.link_field import LinkField
from app.web.records import Records
from app.web.schema import Lines

ORDER = 22
HEAD = ["name", "currency", "prices_include_tax", "audience", "party_kind", "tag", "valid_from", "valid_until"]
COLUMNS = [*HEAD, "priority", "is_active"]
ITEM = ("product", "from_quantity", "price", "valid_from", "valid_until")
LOADED = [selectinload(PriceList.tag)]
ITEMS = Lines(PriceItem, "PriceItem", given=ITEM, optional=("from_quantity",), computed=("position",))
TAKEN, FINE = Decimal(100), Decimal("0.000001")


class PriceListView(CrudView):
    """What products cost whom."""

    datamodel = Records(PriceList, save=price_lists.save, search=None, options=LOADED)
    is_set_up = True
    one_name = _l("Price list")
    many_name = _l("Price lists")
    hint = _l("A price list says what products cost, for everybody or for some, from a quantity on and in its days.")
    list_template = "web/price_lists.html"
    list_columns: ClassVar = ["name", "currency", "audience", "valid_from", "valid_until", "priority", "is_active"]
    show_columns: ClassVar = COLUMNS
    add_columns: ClassVar = [*COLUMNS, "items"]
    edit_columns: ClassVar = [*COLUMNS, "items"]
    search_columns: ClassVar = ["name", "currency", "audience", "tag", "is_active", "valid_until"]
    order_columns: ClassVar = ["name", "currency", "priority", "valid_from", "valid_until"]
    base_order = ("name", "asc")
    key_facts: ClassVar = ["currency", "audience", "valid_from", "valid_until"]
    lines: ClassVar = {"items": ITEM}
    children: ClassVar = [Child("items", ITEM)]
    card_options: ClassVar = [selectinload(PriceList.items).options(joinedload(PriceItem.product))]
    related: ClassVar = [Related("party", "price_list")]
    quick: ClassVar = None
    rules: ClassVar = [
        Show("party_kind", when=Is("audience", Audience.kind)),
        Require("party_kind", when=Is("audience", Audience.kind)),
        Show("tag", when=Is("audience", Audience.tag)),
        Require("tag", when=Is("audience", Audience.tag)),
    ]
    description_columns: ClassVar = {
        "audience": _l("A party that is given this list has it in any case, before all others."),
        "priority": _l("Of lists that are equally near to a party, the one with the higher number goes first."),
        "prices_include_tax": _l("Such a list counts on documents whose prices include tax, and on no others."),
    }


class PriceListApi(CrudApi):
    """REST of price lists."""

    datamodel = Records(PriceList, save=price_lists.save, search=None, options=LOADED)
    list_columns: ClassVar = COLUMNS
    show_columns: ClassVar = COLUMNS
    add_columns: ClassVar = COLUMNS
    edit_columns: ClassVar = COLUMNS
    lines: ClassVar = {"items": ITEMS}
    search_columns: ClassVar = ["name", "currency", "audience", "tag", "is_active", "valid_until"]
    order_columns: ClassVar = ["name", "currency", "priority", "valid_from", "valid_until"]
    base_order = ("name", "asc")
    examples: ClassVar = {
        "post": {
            "name": "Wholesale",
            "currency": "EUR",
            "items": [{"product": 1, "from_quantity": "10", "price": "9.5"}],
        }
    }


class TryForm(CrmForm):
    """What a price is asked for."""

    product = LinkField(_l("Product"), [InputRequired()], entity=Product)
    party = LinkField(_l("Party"), [Optional()], entity=Party)
    quantity = DecimalField(_l("Quantity"), [InputRequired()])
    currency = ListField(_l("Currency"), [Optional()], of="currency")
    on = DateField(_l("Date"), [Optional()])
    amount = DecimalField(
        _l("What the document comes to"), [Optional()], description=_l("Left empty: nothing else is bought with it.")
    )
    prices_include_tax = BooleanField(_l("Prices include tax"), [Optional()])


class TryPriceView(BaseView):
    """Says what a product costs somebody on a day, why, and why other lists and rules do not count."""

    route_base = "/price"
    class_permission_name = "price_list"
    base_permissions: ClassVar = ["can_see"]
    default_view = "try_price"
    menu_stem = "price_list"

    @expose("/", methods=["GET"])
    @has_access
    @permission_name("see")
    def try_price(self) -> Any:
        """Ask, and answer where something was asked."""
        form = TryForm(request.args, meta={"csrf": False})
        organisation = db.session.query(Organisation).order_by(Organisation.id).first()
        if "product" not in request.args:
            form.quantity.data = Decimal(1)
            form.currency.data = organisation.currency if organisation is not None else "EUR"
            form.prices_include_tax.data = bool(organisation and organisation.prices_include_tax)
            form.product.errors = form.quantity.errors = ()
            return self._page(form, None, {})
        product: Any = form.product.data
        quantity: Any = form.quantity.data
        given = _given(product)
        if not form.validate():
            return self._page(form, None, given), 422
        currency = form.currency.data or (form.party.data and form.party.data.currency) or product.currency
        if form.amount.data is not None and form.amount.data < 0:
            form.amount.errors = [_("This cannot be less than zero")]
            return self._page(form, None, given), 422
        found = prices.price_of(
            db.session(),
            product=product,
            party=form.party.data,
            quantity=quantity,
            currency=currency or "EUR",
            on=form.on.data or clock.today(),
            prices_include_tax=form.prices_include_tax.data,
            parameters=given,
            document_amount=form.amount.data,
        )
        return self._page(form, _shown(found, currency or "EUR"), given)

    def _page(self, form: TryForm, found: dict[str, Any] | None, given: dict[str, str]) -> str:
        product = form.product.data
        asked = price_offer.parameters(product, given) if product is not None and product.formula else []
        names = ("product", "party", "quantity", "currency", "on", "amount", "prices_include_tax")
        page = self.render_template(
            "web/price.html",
            title=_("Try a price"),
            form=form,
            names=names,
            asked=asked,
            found=found,
            lists=self.appbuilder.sm.may("discount_rule", "see"),
        )
        return str(page)


def _given(product: Product | None) -> dict[str, str]:
    """Return the numbers that were typed for a product's formula, with a dot where they are numbers."""
    found = {}
    for each in product.parameters if product is not None else ():
        text = request.args.get(f"p-{each.name}", "").strip()[:60]
        if text:
            try:
                found[each.name] = plain(parse_decimal(text, language()))
            except DomainError:
                found[each.name] = text
    return found


def _shown(found: Priced, currency: str) -> dict[str, Any]:
    about: dict[str, Any] = {
        "refusal": prices.why_refused(found.refusal) if found.refusal is not None else None,
        "steps": price_words.told(found.steps),
        "others": price_words.left(found.others),
        "price": None,
        "currency": currency,
    }
    if found.price is not None:
        with exact():
            left = (found.price * (TAKEN - found.discount_percent) / TAKEN).quantize(FINE)
        about |= {
            "price": price_words.money(plain(found.price), currency),
            "left": price_words.money(plain(left), currency),
            "percent": format_decimal(found.discount_percent, language()) if found.discount_percent else "",
        }
    return about


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(appbuilder, PriceListView, "price_list", label=_l("Price lists"), group="catalogue", icon="tags")
    appbuilder.add_view_no_menu(TryPriceView)
    appbuilder.add_api(PriceListApi)
