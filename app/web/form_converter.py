"""`FormConverter`: a form from a model's columns, in the place of Flask-AppBuilder's own converter.

Its validators are made anew for every form: the framework's lists grow with each one built.
"""

from enum import StrEnum
from typing import Any, cast

import sqlalchemy as sa
from flask_appbuilder.forms import GeneralModelConverter
from wtforms import BooleanField, IntegerField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from app.columns import Exact, Instant
from app.web.crm_form import CrmForm
from app.web.fields import ChoiceField, DateField, DecimalField, ListField, MomentField
from app.web.link_field import LinkField


class FormConverter(GeneralModelConverter):
    """Builds a form class from a model's columns with the fields above."""

    def create_form(  # noqa: PLR0917 -- the signature of the framework
        self,
        label_columns: Any = None,
        inc_columns: Any = None,
        description_columns: Any = None,
        validators_columns: Any = None,
        extra_fields: Any = None,
        filter_rel_fields: Any = None,  # noqa: ARG002
        base: type = CrmForm,
    ) -> type[CrmForm]:
        """Return a new form class with one field per column."""
        fields: dict[str, Any] = {}
        for name in inc_columns or []:
            if extra_fields and name in extra_fields:
                fields[name] = extra_fields[name]
                continue
            about = {
                "label": (label_columns or {}).get(name, name),
                "description": (description_columns or {}).get(name, ""),
                "validators": list((validators_columns or {}).get(name, [])),
            }
            fields[name] = self._field(name, about)
        return type("RecordForm", (base,), fields | {"entity": self.datamodel.obj})

    def _field(self, name: str, about: dict[str, Any]) -> Any:
        if self.datamodel.is_relation(name):
            column = self.datamodel.get_relation_fk(name)
            about["validators"].append(Optional() if column.nullable else InputRequired())
            return LinkField(entity=self.datamodel.get_related_model(name), **about)
        column = self.datamodel.list_columns[name]
        kind = column.type
        needed = not column.nullable and column.default is None and column.server_default is None
        if not isinstance(kind, sa.Boolean):
            about["validators"].append(InputRequired() if needed else Optional())
        if column.default is not None and column.default.is_scalar:
            about["default"] = column.default.arg
        return _of_type(column, kind, about)


def _of_type(column: Any, kind: Any, about: dict[str, Any]) -> Any:
    standard = column.info.get("of")
    if standard:
        return ListField(of=standard, **about)
    if isinstance(kind, sa.Enum) and kind.enum_class is not None:
        return ChoiceField(of=cast("type[StrEnum]", kind.enum_class), **about)
    if isinstance(kind, Exact):
        return DecimalField(places=kind.places, **about)
    if isinstance(kind, sa.Boolean):
        return BooleanField(**about)
    if isinstance(kind, sa.Integer):
        about["validators"].append(NumberRange(min=-(2**31), max=2**31 - 1))
        return IntegerField(**about)
    if isinstance(kind, sa.Date):
        return DateField(**about)
    if isinstance(kind, Instant):
        return MomentField(**about)
    if isinstance(kind, sa.Text):
        return TextAreaField(render_kw={"rows": 4}, **about)
    if getattr(kind, "length", None):
        about["validators"].append(Length(max=kind.length))
    return StringField(**about)
