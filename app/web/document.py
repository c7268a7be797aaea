"""`DocumentView`: the base of screens of documents with lines (orders, invoices): prices come from the server.

While one types, the form asks `/<stem>/price` what the lines and totals come to; the answer is computed by the same
function that prices the stored document.
"""

from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, ClassVar

from flask import Response, jsonify
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name
from sqlalchemy import select
from sqlalchemy.orm import Session
from wtforms import HiddenField, TextAreaField
from wtforms.utils import unset_value
from wtforms.validators import InputRequired, Length, Optional

from app.db import db
from app.errors import DomainError
from app.i18n import language
from app.i18n import lazy_gettext as _l
from app.models.organisation import Organisation
from app.models.product import Product
from app.models.tax import Tax
from app.models.unit import Unit
from app.money import (
    LineIn,
    Options,
    Priced,
    PricedLine,
    TaxRounding,
    digits,
    exact,
    format_decimal,
    format_money,
    price,
)
from app.services import margin, price_words
from app.services import tax as taxes
from app.web import price_offer
from app.web.crm_form import CrmForm
from app.web.crud import CrudView
from app.web.fields import DecimalField
from app.web.line_cells import CellLink, preload
from app.web.lines import LineForm, LinesField, as_data
from app.web.standard import standard_list

ZERO = Decimal(0)
HUNDRED = Decimal(100)
LINE = ("product", "text", "quantity", "unit", "unit_price", "discount_percent", "tax")


class DocumentLineForm(LineForm):
    """One line: a product or a text, with quantity, price and tax; what a product says need not be typed."""

    product = CellLink(_l("Product"), [Optional()], entity=Product)
    text = TextAreaField(_l("Text"), [Optional(), Length(max=2000)])
    quantity = DecimalField(_l("Quantity"), [InputRequired()])
    unit = CellLink(_l("Unit"), [Optional()], entity=Unit)
    unit_price = DecimalField(_l("Price per unit"), [Optional()])
    discount_percent = DecimalField(_l("Discount (percent)"), [Optional()])
    tax = CellLink(_l("Tax"), [Optional()], entity=Tax)
    parameters = HiddenField()  # of a product with a formula; see app/web/price_offer.py

    @property
    def is_blank(self) -> bool:
        """A row without product, text and price is none, whatever its tax says."""
        named = self.product.data is not None or bool((self.text.data or "").strip()) or "product" in self.unknown
        return not self.id.data and not named and not (self.unit_price.raw_data or [""])[0].strip()


class DocumentLines(LinesField):
    """The lines of a document: the script prices them while one types."""

    row_kind = "document"

    def process(self, formdata: Any, data: Any = unset_value, extra_filters: Any = None) -> None:
        """Take the rows with the numbers of their formulas."""
        rows = data if isinstance(data, list) else []
        preload(rows, self.columns)
        shown = [as_data(row, self.columns) | {"parameters": price_offer.written(row)} for row in rows]
        self.process_rows(formdata, shown, extra_filters)

    def populate_obj(self, obj: Any, name: str) -> None:
        """Give each row the numbers of its formula too."""
        super().populate_obj(obj, name)
        for entry, row in zip(self.filled, getattr(obj, name), strict=True):
            price_offer.take(entry.form, row)


def document_lines(entity: Any) -> LinesField:
    """Return the field of a document's lines."""
    return DocumentLines(_l("Lines"), entity=entity, columns=LINE, form=DocumentLineForm, min_entries=1)


class DocumentView(CrudView):
    """List, form and card of a document with lines."""

    card_template = "web/document_card.html"
    form_template = "web/document_form.html"
    amounts: ClassVar = ("net", "tax", "gross")
    quick: ClassVar = None  # a document needs its lines

    def title_of(self, record: Any) -> str:
        """Name the kind of document: a number alone says little."""
        return f"{self.one_name} {record}"

    def can_edit(self, record: Any) -> bool:
        """Only drafts are edited."""
        return str(record.state) == "draft"

    def prefill(self, form: CrmForm) -> None:
        """Begin with our organisation, its currency and what the address says."""
        super().prefill(form)
        organisation = form["organisation"].data if "organisation" in form else None
        if organisation is None:
            organisation = db.session.execute(select(Organisation).order_by(Organisation.id).limit(1)).scalars().first()
        if organisation is None:
            return
        form["organisation"].data = organisation
        if not form["currency"].data:
            form["currency"].data = organisation.currency
        for name in ("prices_include_tax", "payment_term"):
            if name in form and hasattr(organisation, name) and not form[name].data:
                form[name].data = getattr(organisation, name)

    @expose("/price", methods=["POST"])
    @has_access
    @permission_name("see")
    def price(self) -> Response:
        """Say what the form's lines and totals come to, in the reader's format."""
        form = self.add_form()
        currency = form["currency"].data or "EUR"
        offers = price_offer.offers(form, currency)
        try:
            priced = priced_form(form, currency)
        except DomainError as refusal:
            return jsonify(error=str(refusal), offers=offers)
        at = iter(priced.lines)
        amounts = [next(at) if counts(entry.form) else None for entry in form["lines"].entries]
        shown = {"lines": [line and shown_line(line) for line in amounts], "offers": offers}
        return jsonify(shown_totals(priced, currency) | shown)

    def why(self, line: Any) -> list[str]:
        """Return why a line's price is what it is; nothing where somebody chose it."""
        return price_words.told(getattr(line, "price_steps", None))

    def margins(self, record: Any) -> dict[str, Any] | None:
        """Return what is left of each line and of the document; None for whoever may not see it, and of drafts."""
        if "margin" not in self.show_columns or str(record.state) == "draft":
            return None
        lines = {line.id: margin.of_line(line, record.currency) for line in record.lines}
        return {
            "lines": {key: "—" if left is None else self.money(record, left) for key, left in lines.items()},
            "all": "—" if record.margin is None else self.money(record, record.margin),
        }

    def money_marks(self) -> dict[str, Any]:
        """Return what the script needs to write preliminary totals: rounding, and how amounts are written."""
        return {"rounding": roundings(), "money": money_marks(language())}

    def totals(self, record: Any) -> dict[str, Any]:
        """Return a stored document's totals for its card."""
        return {name: format_money(getattr(record, name), record.currency, language()) for name in self.amounts}

    def money(self, record: Any, amount: Decimal) -> str:
        """Return an amount in the document's currency."""
        return format_money(amount, record.currency, language())

    def unit_price(self, record: Any, line: Any) -> str:
        """Return a line's price with all its decimals, and at least those of the currency."""
        return format_decimal(line.unit_price, language(), least=digits(record.currency))


def counts(row: Any) -> bool:
    """Say whether a row of a form says enough to be priced; one that cannot be read yet counts as nothing."""
    return not row.is_blank and bool(row.quantity.data) and row.tax.data is not None


def priced_form(form: Any, currency: str) -> Priced:
    """Price the lines of a form as they stand."""
    organisation = form["organisation"].data if "organisation" in form else None
    lines = [
        LineIn(
            quantity=row.quantity.data,
            unit_price=row.unit_price.data or ZERO,
            tax=taxes.key(row.tax.data),
            discount_percent=row.discount_percent.data or ZERO,
        )
        for row in (entry.form for entry in form["lines"].entries)
        if counts(row)
    ]
    options = Options(
        currency=currency,
        prices_include_tax=bool(form["prices_include_tax"].data) if "prices_include_tax" in form else False,
        tax_rounding=getattr(organisation, "tax_rounding", None) or TaxRounding.per_group,
        discount=_amount(form, "discount"),
        charge=_amount(form, "charge"),
        returns=True,
    )
    return price(lines, options)


def _amount(form: Any, name: str) -> Decimal:
    return (form[name].data or ZERO) if name in form else ZERO


def shown_totals(priced: Priced, currency: str) -> dict[str, Any]:
    """Return a priced document as the script shows it."""
    said = language()
    return {
        "groups": [
            {
                "label": f"{format_decimal(group.rate * HUNDRED, said)} %",
                "base": format_money(group.base, currency, said),
                "tax": format_money(group.tax, currency, said),
            }
            for group in priced.groups
        ],
        "net": format_money(priced.net, currency, said),
        "tax": format_money(priced.tax, currency, said),
        "gross": format_money(priced.gross, currency, said),
    }


def shown_line(line: PricedLine) -> str:
    """Return what a line comes to after its discount, with or without tax as the prices are."""
    with exact():
        return format_decimal(line.full - line.discount, language(), least=2)


def roundings() -> dict[str, str]:
    """Return how each of our organisations rounds taxes, by its key."""
    found = db.session.execute(select(Organisation.id, Organisation.tax_rounding))
    return {str(key): rounding.value for key, rounding in found}


@lru_cache(maxsize=8)
def money_marks(said: str) -> dict[str, list[Any]]:
    """Return by currency what stands before and behind an amount, above and below zero, and its decimals."""
    return {
        code: [
            *_around(format_money(Decimal(8), code, said)),
            *_around(format_money(Decimal(-8), code, said)),
            digits(code),
        ]
        for code, _name in standard_list("currency")
    }


def _around(written: str) -> list[str]:
    """Return what stands before and behind the digits of an amount of 8."""
    before, _digit, rest = written.partition("8")
    return [before, rest.lstrip(".,0")]


def about_product(session: Session, product: Product, *, on: date) -> dict[str, Any]:
    """Return what a document's line takes from a product on a day, as the reader's forms write it."""
    tax = product.tax and (taxes.rate_on(session, product.tax, day=on) or product.tax)
    least = digits(product.currency) if product.currency else 0
    return {
        "text": product.name,
        "unit": product.unit and {"id": product.unit.id, "text": str(product.unit)},
        "unit_price": None if product.price is None else format_decimal(product.price, language(), least=least),
        "currency": product.currency,
        "tax": tax and {"id": tax.id, "text": str(tax)},
        "quantity": "1",
    }
