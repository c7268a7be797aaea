"""Screens and REST of products and their units."""

from typing import Any, ClassVar

from flask import Response, jsonify
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name
from sqlalchemy.orm import selectinload

from app import clock
from app.db import db
from app.i18n import lazy_gettext as _l
from app.models.product import Product
from app.models.unit import Unit
from app.services import duplicate
from app.services import product as products
from app.services import unit as units
from app.web import menu
from app.web.api import CrudApi
from app.web.crud import CrudView
from app.web.document import about_product
from app.web.form_rules import Filled, Require
from app.web.records import Records

ORDER = 20
COLUMNS = [
    "kind",
    "sku",
    "name",
    "category",
    "unit",
    "price",
    "cost_price",
    "currency",
    "tax",
    "is_active",
    "description",
]
LOADED = [selectinload(Product.unit), selectinload(Product.tax)]
UNIT_COLUMNS = ["code", "name", "sign", "decimals"]


class ProductView(CrudView):
    """Goods and services."""

    datamodel = Records(Product, save=products.save, options=LOADED)
    one_name = _l("Product")
    many_name = _l("Products")
    hint = _l("Products fill the lines of orders and invoices with a text, a price and a tax.")
    list_columns: ClassVar = ["name", "sku", "category", "unit", "price", "currency", "tax", "is_active"]
    show_columns: ClassVar = COLUMNS
    add_columns: ClassVar = COLUMNS
    edit_columns: ClassVar = COLUMNS
    search_columns: ClassVar = ["kind", "category", "is_active", "tax", "price"]
    order_columns: ClassVar = ["name", "sku", "category", "price"]
    base_order = ("name", "asc")
    gallery: ClassVar = ("name", "sku", "category", "price", "currency")
    key_facts: ClassVar = ["sku", "price", "currency", "tax"]
    rules: ClassVar = [Require("currency", when=Filled("price"))]
    quick: ClassVar = ("kind", "sku", "unit", "price", "currency", "tax")
    duplicates: ClassVar = duplicate.of_product

    @expose("/about/<int:pk>")
    @has_access
    @permission_name("see")
    def about(self, pk: int) -> Response:
        """Return what a document's line takes from a product, as the reader's forms write it."""
        return jsonify(about_product(db.session(), self._found(str(pk)), on=clock.today()))


class ProductApi(CrudApi):
    """REST of products."""

    datamodel = Records(Product, save=products.save, options=LOADED)
    list_columns: ClassVar = ["name", "sku", "kind", "category", "unit", "price", "currency", "tax", "is_active"]
    show_columns: ClassVar = COLUMNS
    add_columns: ClassVar = COLUMNS
    edit_columns: ClassVar = COLUMNS
    search_columns: ClassVar = ["name", "sku", "kind", "category", "is_active", "tax", "price"]
    order_columns: ClassVar = ["name", "sku", "category", "price"]
    base_order = ("name", "asc")
    examples: ClassVar = {
        "post": {"name": "Tulip bulbs, 25 pieces", "sku": "TB-25", "price": "12.5", "currency": "EUR"}
    }


class UnitView(CrudView):
    """Units of quantities."""

    datamodel = Records(Unit, save=units.save, search=None)
    one_name = _l("Unit")
    many_name = _l("Units")
    list_columns: ClassVar = ["label", "code", "short", "decimals"]
    show_columns: ClassVar = ["label", "code", "short", "decimals"]
    add_columns: ClassVar = UNIT_COLUMNS
    edit_columns: ClassVar = UNIT_COLUMNS
    search_columns: ClassVar = ["code", "name"]
    order_columns: ClassVar = ["code"]
    base_order = ("code", "asc")


class UnitApi(CrudApi):
    """REST of units."""

    datamodel = Records(Unit, save=units.save, search=None)
    list_columns: ClassVar = UNIT_COLUMNS
    show_columns: ClassVar = UNIT_COLUMNS
    add_columns: ClassVar = UNIT_COLUMNS
    edit_columns: ClassVar = UNIT_COLUMNS
    search_columns: ClassVar = ["code", "name"]
    order_columns: ClassVar = ["code"]
    base_order = ("code", "asc")


def register(appbuilder: Any) -> None:
    """Register the screens and the resources."""
    menu.place(appbuilder, ProductView, "product", label=_l("Products"), group="sales", icon="package")
    menu.place(appbuilder, UnitView, "unit", label=_l("Units"), group="settings", icon="ruler")
    appbuilder.add_api(ProductApi)
    appbuilder.add_api(UnitApi)
