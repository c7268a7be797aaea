"""Screens and REST of products and their units."""

from typing import Any, ClassVar

from flask import Response, jsonify
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name
from sqlalchemy.orm import selectinload

from app import clock
from app.db import db
from app.i18n import lazy_gettext as _l
from app.models.product import Product, ProductParameter
from app.models.product_category import ProductCategory
from app.models.unit import Unit
from app.services import duplicate
from app.services import product as products
from app.services import product_category as categories
from app.services import unit as units
from app.web import menu
from app.web.api import CrudApi
from app.web.card_tabs import Related
from app.web.crud import Child, CrudView
from app.web.document import about_product
from app.web.form_rules import Filled, Require
from app.web.records import Records
from app.web.schema import Lines

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
    "formula",
]
LOADED = [selectinload(Product.unit), selectinload(Product.tax), selectinload(Product.category)]
PARAMETER = ("name", "title", "sign", "least", "most", "usual")
PARAMETERS = Lines(ProductParameter, "ProductParameter", given=PARAMETER, computed=("position",))
CATEGORY_COLUMNS = ["name", "parent"]
UNIT_COLUMNS = ["code", "name", "sign", "decimals"]


class ProductView(CrudView):
    """Goods and services."""

    datamodel = Records(Product, save=products.save, options=LOADED)
    one_name = _l("Product")
    many_name = _l("Products")
    hint = _l("Products fill the lines of orders and invoices with a text, a price and a tax.")
    list_columns: ClassVar = ["name", "sku", "category", "unit", "price", "currency", "tax", "is_active"]
    show_columns: ClassVar = COLUMNS
    add_columns: ClassVar = [*COLUMNS, "parameters"]
    edit_columns: ClassVar = [*COLUMNS, "parameters"]
    lines: ClassVar = {"parameters": PARAMETER}
    children: ClassVar = [Child("parameters", PARAMETER)]
    description_columns: ClassVar = {
        "formula": _l(
            "Works out the price of one unit from the parameters below, instead of the price: "
            "width * height / 1000000 * 120. Possible are + - * / ( ), min, max, round, ceil, floor, "
            "and a if b > c else d."
        )
    }
    search_columns: ClassVar = ["kind", "category", "is_active", "tax", "price"]
    order_columns: ClassVar = ["name", "sku", "price"]
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
    lines: ClassVar = {"parameters": PARAMETERS}
    order_columns: ClassVar = ["name", "sku", "price"]
    base_order = ("name", "asc")
    examples: ClassVar = {
        "post": {"name": "Tulip bulbs, 25 pieces", "sku": "TB-25", "price": "12.5", "currency": "EUR"}
    }


class ProductCategoryView(CrudView):
    """The tree of categories."""

    datamodel = Records(ProductCategory, save=categories.save, remove=categories.remove, search=None)
    one_name = _l("Product category")
    many_name = _l("Product categories")
    hint = _l("Categories bring order into products; a discount rule for a category is for all its parts.")
    list_columns: ClassVar = ["path", "parent"]
    show_columns: ClassVar = ["path", "parent"]
    add_columns: ClassVar = CATEGORY_COLUMNS
    edit_columns: ClassVar = CATEGORY_COLUMNS
    search_columns: ClassVar = ["name", "parent"]
    order_columns: ClassVar = ["path"]
    base_order = ("path", "asc")
    related: ClassVar = [Related("product", "category"), Related("product_category", "parent", label=_l("Parts"))]
    quick: ClassVar = ("name", "parent")


class ProductCategoryApi(CrudApi):
    """REST of categories."""

    datamodel = Records(ProductCategory, save=categories.save, remove=categories.remove, search=None)
    list_columns: ClassVar = ["name", "parent", "path"]
    show_columns: ClassVar = ["name", "parent", "path"]
    add_columns: ClassVar = CATEGORY_COLUMNS
    edit_columns: ClassVar = CATEGORY_COLUMNS
    search_columns: ClassVar = ["name", "parent"]
    order_columns: ClassVar = ["path"]
    base_order = ("path", "asc")
    examples: ClassVar = {"post": {"name": "Windows"}}


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
    menu.place(appbuilder, ProductView, "product", label=_l("Products"), group="catalogue", icon="package")
    menu.place(
        appbuilder,
        ProductCategoryView,
        "product_category",
        label=_l("Product categories"),
        group="catalogue",
        icon="layers",
    )
    menu.place(appbuilder, UnitView, "unit", label=_l("Units"), group="catalogue", icon="ruler")
    appbuilder.add_api(ProductApi)
    appbuilder.add_api(ProductCategoryApi)
    appbuilder.add_api(UnitApi)
