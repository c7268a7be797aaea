"""Screens and REST of taxes and payment terms."""

from typing import Any, ClassVar

from marshmallow import ValidationError, fields
from wtforms import IntegerField
from wtforms.validators import InputRequired, NumberRange

from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.payment_term import PaymentTerm
from app.models.tax import EXPLAINED, Tax
from app.money import StepKind, TaxCategory
from app.services import payment_term as payment_terms
from app.services import tax as taxes
from app.web import menu
from app.web.api import CrudApi
from app.web.crud import Child, CrudView
from app.web.fields import ChoiceField
from app.web.form_rules import Either, Filled, Is, Not, Require, Show
from app.web.lines import LineForm, LinesField
from app.web.records import Records

ORDER = 83
TAX_COLUMNS = ["name", "country", "code", "category", "rate", "valid_from", "valid_until", "exemption_text"]
TERM_COLUMNS = ["name", "discount_percent", "discount_days", "discount_tax"]

label(
    StepKind,
    days=_l("Add days"),
    months=_l("Add months"),
    month_end=_l("To the end of the month"),
    month_day=_l("To the next day of the month"),
)


class TaxView(CrudView):
    """Taxes; one that stands on a document is never edited, only ended."""

    datamodel = Records(Tax, save=taxes.save, remove=taxes.remove, search=None)
    one_name = _l("Tax")
    many_name = _l("Taxes")
    hint = _l("Set up your organisation first: the taxes of its country come with it.")
    list_columns: ClassVar = ["name", "country", "category", "rate", "valid_from", "valid_until"]
    show_columns: ClassVar = TAX_COLUMNS
    add_columns: ClassVar = TAX_COLUMNS
    edit_columns: ClassVar = TAX_COLUMNS
    search_columns: ClassVar = ["name", "country", "category", "rate"]
    order_columns: ClassVar = ["name", "country", "rate", "valid_from"]
    base_order = ("country", "asc")
    description_columns: ClassVar = {
        "rate": _l("A fraction: 0.21 is 21 percent."),
        "code": _l("Joins the successive rates of one tax, for example “standard”."),
    }
    rules: ClassVar = [
        Show("rate", when=Is("category", TaxCategory.standard)),
        Show("exemption_text", when=Not(Is("category", TaxCategory.standard))),
        Require("exemption_text", when=Is("category", *EXPLAINED)),
    ]
    quick: ClassVar = ("category", "rate", "exemption_text")


class TaxApi(CrudApi):
    """REST of taxes."""

    datamodel = Records(Tax, save=taxes.save, remove=taxes.remove, search=None)
    list_columns: ClassVar = TAX_COLUMNS
    show_columns: ClassVar = TAX_COLUMNS
    add_columns: ClassVar = TAX_COLUMNS
    edit_columns: ClassVar = TAX_COLUMNS
    search_columns: ClassVar = ["name", "country", "code", "category", "rate"]
    order_columns: ClassVar = ["name", "country", "rate"]
    base_order = ("country", "asc")


class StepForm(LineForm):
    """One step of the terms."""

    kind = ChoiceField(_l("Step"), [InputRequired()], of=StepKind)
    count = IntegerField(_l("Number"), [NumberRange(min=0, max=3660)], default=0)

    @property
    def is_blank(self) -> bool:
        """A step without a kind is none."""
        return self.kind.data is None


class StepsField(LinesField):
    """The steps of payment terms, one after the other."""

    def __init__(self, text: Any = None, **options: Any) -> None:
        super().__init__(text, columns=("kind", "count"), form=StepForm, **options)

    def process(self, formdata: Any, data: Any = None, extra_filters: Any = None) -> None:
        """Take the stored steps, or those of the sent form."""
        rows = [{"kind": step[0], "count": step[1] if len(step) > 1 else 0, "id": ""} for step in data or []]
        self.process_rows(formdata, rows, extra_filters)

    def populate_obj(self, obj: Any, name: str) -> None:
        """Store the steps as JSON."""
        setattr(obj, name, [[entry.form.kind.data.value, entry.form.count.data or 0] for entry in self.filled])


class PaymentTermView(CrudView):
    """When documents are due."""

    datamodel = Records(PaymentTerm, save=payment_terms.save, search=None)
    one_name = _l("Payment term")
    many_name = _l("Payment terms")
    list_columns: ClassVar = ["name", "discount_percent", "discount_days"]
    show_columns: ClassVar = TERM_COLUMNS
    add_columns: ClassVar = ["name", "steps", *TERM_COLUMNS[1:], "texts"]
    edit_columns: ClassVar = ["name", "steps", *TERM_COLUMNS[1:], "texts"]
    search_columns: ClassVar = ["name"]
    order_columns: ClassVar = ["name"]
    base_order = ("name", "asc")
    lines: ClassVar = {"texts": ("language", "text")}
    children: ClassVar = [Child("texts", ("language", "text"))]
    rules: ClassVar = [
        Show("discount_tax", when=Either(Filled("discount_percent"), Filled("discount_days"))),
        Require("discount_percent", when=Filled("discount_days")),
        Require("discount_days", when=Filled("discount_percent")),
    ]
    add_form_extra_fields: ClassVar = {"steps": StepsField(_l("Due after"))}
    edit_form_extra_fields: ClassVar = {"steps": StepsField(_l("Due after"))}


class StepAsList(fields.Field):
    """One step as REST gives and takes it: its kind, and its number where it has one."""

    def __init__(self, **about: Any) -> None:
        parts = [{"type": "string", "enum": [kind.value for kind in StepKind]}, {"type": "integer"}]
        shape = {"type": "array", "minItems": 1, "maxItems": 2, "items": {"anyOf": parts}}
        super().__init__(metadata=shape, **about)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:  # noqa: ARG002
        if not isinstance(value, list):
            raise ValidationError('A step is a list: ["days", 30].')
        return value


class PaymentTermApi(CrudApi):
    """REST of payment terms."""

    datamodel = Records(PaymentTerm, save=payment_terms.save, search=None)
    list_columns: ClassVar = ["name", "steps", "discount_percent", "discount_days"]
    show_columns: ClassVar = ["name", "steps", *TERM_COLUMNS[1:]]
    add_columns: ClassVar = ["name", "steps", *TERM_COLUMNS[1:]]
    edit_columns: ClassVar = ["name", "steps", *TERM_COLUMNS[1:]]
    search_columns: ClassVar = ["name"]
    order_columns: ClassVar = ["name"]
    base_order = ("name", "asc")
    shapes: ClassVar = {"steps": fields.List(StepAsList(), metadata={"example": [["days", 30], ["month_end"]]})}


def register(appbuilder: Any) -> None:
    """Register the screens and the resources."""
    menu.place(appbuilder, TaxView, "tax", label=_l("Taxes"), group="settings", icon="percent")
    menu.place(appbuilder, PaymentTermView, "payment_term", label=_l("Payment terms"), group="settings", icon="clock")
    appbuilder.add_api(TaxApi)
    appbuilder.add_api(PaymentTermApi)
