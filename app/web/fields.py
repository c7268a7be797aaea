"""Form fields that speak the reader's language: dates, decimals, choices, links to other records.

Flask-AppBuilder builds a form from a model's columns; `FormConverter` gives it these fields instead of its own,
and validators made anew for every form (its own lists grow with each one built).
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar, cast
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from babel.dates import get_date_format
from flask import g, has_request_context, url_for
from flask_appbuilder.forms import DynamicForm, GeneralModelConverter
from flask_babel import get_locale, get_timezone, get_translations
from markupsafe import Markup, escape
from wtforms import BooleanField, Field, HiddenField, IntegerField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import Choice
from wtforms.validators import InputRequired, Length, NumberRange, Optional, ValidationError
from wtforms.widgets import TextInput, html_params

from app.columns import Exact, Instant
from app.db import db
from app.errors import DomainError
from app.i18n import gettext, label_of, language
from app.money import format_decimal, parse_decimal
from app.services import access
from app.web import form_rules
from app.web.form_rules import text_of
from app.web.lookup import KEY_DIGITS, Adder, adder_of, stem_of
from app.web.standard import standard_list, standard_options


class Translations:
    """WTForms' own texts from our catalogues: it ships no Armenian."""

    def gettext(self, string: str) -> str:
        return gettext(string)

    def ngettext(self, singular: str, plural: str, n: int) -> str:
        return str(get_translations().ungettext(singular, plural, n))  # WTForms fills in the values itself


class CrmForm(DynamicForm):
    """The base of every form: our translations, errors that belong to no field, the version it was opened with.

    `rules` say which fields are shown and needed as things stand; see app/web/form_rules.py.
    """

    rules: ClassVar[Sequence[form_rules.Rule]] = ()
    stored: Any = None  # the record that the form was opened for
    _fields: Any

    class Meta(DynamicForm.Meta):
        """Our own translations."""

        def get_translations(self, form: Any) -> Translations:  # noqa: ARG002
            return Translations()

    record_version = HiddenField()

    @classmethod
    def refresh(cls, obj: Any = None) -> "CrmForm":
        """Build the form for a request."""
        return cls(obj=obj)

    def process(self, formdata: Any = None, obj: Any = None, *args: Any, **kwargs: Any) -> None:
        """Take the values, and note the record that they are of."""
        self.stored = obj
        super().process(formdata, obj, *args, **kwargs)
        self.look()

    def look(self) -> None:
        """Give every field what the rules say of it now: `off`, `asked`, and on what it depends (`by`)."""
        off, needed, by = (
            self.out_of_sight(),
            form_rules.needed(self.rules, self.read),
            form_rules.chosen_by(self.rules),
        )
        for name, field in self._fields.items():
            field.off, field.asked, field.by = name in off, name in needed and name not in off, by.get(name, "")

    def out_of_sight(self) -> set[str]:
        """Return the fields that the rules hide now; what a record holds already is never hidden."""
        return {name for name in form_rules.off(self.rules, self.read) if self._may_hide(name)}

    def _may_hide(self, name: str) -> bool:
        return self.stored is None or form_rules.is_empty(getattr(self.stored, name, None))

    def read(self, path: str) -> str:
        """Return what stands in a field as the rules compare it: "person", "7"; of a link also a fact of it."""
        name, _dot, fact = path.partition(".")
        value = self._fields[name].data if name in self._fields else getattr(self.stored, name, None)
        return text_of(getattr(value, fact, None) if fact else value)

    def validate(self, extra_validators: Any = None) -> bool:
        """Judge what is in sight, and ask for what the rules need."""
        every, hidden = self._fields, self.out_of_sight()
        self._fields = type(every)((name, field) for name, field in every.items() if name not in hidden)
        try:
            valid = super().validate(extra_validators)
        finally:
            self._fields = every
        return self._has_needed(hidden) and self._fits_choices() and valid

    def _has_needed(self, hidden: set[str]) -> bool:
        empty = [
            field
            for name in sorted(form_rules.needed(self.rules, self.read) - hidden)
            if (field := self._fields.get(name)) is not None and not self.read(name).strip() and not field.errors
        ]
        for field in empty:
            field.errors = [field.gettext("This field is required.")]
        return not empty

    def _fits_choices(self) -> bool:
        """Say whether what was chosen belongs to what it depends on."""
        strange = [
            field
            for name, by in form_rules.chosen_by(self.rules).items()
            if (field := self._fields.get(name)) is not None
            and field.data is not None
            and self.read(by)
            and self.read(f"{name}.{by}_id") != self.read(by)
        ]
        for field in strange:
            field.errors = [*field.errors, gettext("Not a valid choice.")]
        return not strange

    def refuse(self, errors: dict[str, list[str]]) -> None:
        """Put refusals at their fields; what belongs to no field of this form goes to the top."""
        for name, texts in errors.items():
            field = self._fields.get(name) or self._fields.get(name.removesuffix("_id"))
            inner = getattr(field, "refuse", None) if field is not None else self._lines_of(name)
            if inner is not None:
                inner(name, texts)
            elif field is not None and not isinstance(field, HiddenField):
                field.errors = [*field.errors, *texts]
            else:
                self.form_errors: list[str] = [*self.form_errors, *texts]

    def _lines_of(self, name: str) -> Any:
        field = self._fields.get(name.partition("-")[0])
        return getattr(field, "refuse", None)


class DecimalField(Field):
    """A number as the reader's language writes it; it refuses what is not valid there, with an example."""

    widget = TextInput()

    def __init__(
        self, label: Any = None, validators: Any = None, places: int = 6, least: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(label, validators, render_kw={"inputmode": "decimal"} | kwargs.pop("render_kw", {}), **kwargs)
        self.places = places
        self.least = least

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else format_decimal(self.data, language(), least=self.least)

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the typed text."""
        text = valuelist[0].strip() if valuelist else ""
        if not text:
            self.data = None
            return
        try:
            self.data = parse_decimal(text, language())
        except DomainError as error:
            self.data = None
            raise ValueError(str(error)) from None


class DateWidget(TextInput):
    """A text input with a calendar in the reader's language."""

    def __call__(self, field: Field, **kwargs: Any) -> Markup:
        """Return the input; the script reads the pattern."""
        kwargs.setdefault("autocomplete", "off")
        kwargs["data-date"] = date_pattern()
        kwargs["placeholder"] = date_example()
        return super().__call__(field, **kwargs)


def date_pattern() -> str:
    """Return the day's pattern in the reader's language with a four-digit year: "dd.MM.yyyy"."""
    return {"en": "yyyy-MM-dd", "ru": "dd.MM.yyyy", "hy": "dd.MM.yyyy", "nl": "dd-MM-yyyy"}.get(
        language(), str(get_date_format("short", locale=get_locale()).pattern)
    )


def write_date(day: date) -> str:
    """Write a day as forms show and read it."""
    return day.strftime({"en": "%Y-%m-%d", "nl": "%d-%m-%Y"}.get(language(), "%d.%m.%Y"))


def date_example() -> str:
    """Return a day as an example of the pattern."""
    return write_date(date(2026, 3, 31))


def read_date(text: str) -> date:
    """Read a day as the reader's language writes it, or as ISO 8601; ValueError with an example otherwise."""
    for pattern in ({"en": "%Y-%m-%d", "nl": "%d-%m-%Y"}.get(language(), "%d.%m.%Y"), "%Y-%m-%d"):
        try:
            return datetime.strptime(text.strip(), pattern).date()  # noqa: DTZ007 -- a day has no zone
        except ValueError:
            continue
    raise ValueError(gettext("This is not a date; write it like %(example)s", example=date_example()))


class DateField(Field):
    """A day, typed or picked."""

    widget = DateWidget()

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else write_date(self.data)

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the typed text."""
        text = valuelist[0].strip() if valuelist else ""
        self.data = read_date(text) if text else None


class MomentField(Field):
    """A moment in the reader's time zone, kept in UTC."""

    widget = TextInput()

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        if self.data is None:
            return ""
        local = self.data.astimezone(get_timezone())
        return f"{write_date(local.date())} {local:%H:%M}"

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read "day hour:minute"."""
        text = valuelist[0].strip() if valuelist else ""
        if not text:
            self.data = None
            return
        day, _space, hour = text.partition(" ")
        try:
            moment = datetime.strptime(hour.strip() or "00:00", "%H:%M").time()  # noqa: DTZ007
        except ValueError:
            raise ValueError(gettext("This is not a time; write it like %(example)s", example="14:30")) from None
        self.data = datetime.combine(read_date(day), moment, tzinfo=ZoneInfo(str(get_timezone())))


class ChoiceField(SelectField):
    """One member of an enumeration, by its text on screen."""

    def __init__(
        self,
        label: Any = None,
        validators: Any = None,
        of: type[StrEnum] | None = None,
        begins_empty: bool = False,  # noqa: FBT001, FBT002 -- WTForms passes fields by position
        **kwargs: Any,
    ) -> None:
        self.of = of
        self.may_be_empty = begins_empty or not any(isinstance(v, InputRequired) for v in validators or [])
        super().__init__(label, validators, choices=[], coerce=self._member, validate_choice=False, **kwargs)

    def _members(self) -> list[tuple[str, str]]:
        empty = [("", "—")] if self.may_be_empty else []
        return empty + [(member.value, label_of(member)) for member in self.of or ()]

    def _member(self, value: Any) -> Any:
        if value in (None, ""):
            return None
        if self.of is not None and isinstance(value, self.of):
            return value
        try:
            return self.of(value) if self.of is not None else value
        except ValueError:
            raise ValueError(gettext("Not a valid choice.")) from None

    def iter_choices(self) -> Any:
        """Yield the options."""
        for value, text in self._members():
            yield Choice(value, text, value == (self.data.value if self.data is not None else ""), {})


class ListWidget:
    """A select of a standard list."""

    def __call__(self, field: "ListField", **kwargs: Any) -> Markup:
        """Return the select with the field's code chosen."""
        kwargs.setdefault("id", field.id)
        if "required" not in kwargs and getattr(field.flags, "required", False):
            kwargs["required"] = True
        options = standard_options(field.of, str(get_locale()))
        if field.data:
            value = f'<option value="{escape(field.data)}"'
            options = options.replace(f"{value}>", f"{value} selected>", 1)
        empty = '<option value="">—</option>' if field.may_be_empty else ""
        return Markup(f"<select {html_params(name=field.name, **kwargs)}>{empty}{options}</select>")  # noqa: S704 -- escaped


class ListField(SelectField):
    """One code of a standard list (country, currency, language, time zone), by its name."""

    widget = ListWidget()

    def __init__(self, label: Any = None, validators: Any = None, of: str = "country", **kwargs: Any) -> None:
        self.of = of
        self.may_be_empty = not any(isinstance(v, InputRequired) for v in validators or [])
        super().__init__(
            label,
            validators,
            choices=[],
            coerce=lambda value: value or None,
            validate_choice=False,
            render_kw={"data-pick": "1"},
            **kwargs,
        )

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002
        """Refuse a code that is not in the list."""
        if self.data and self.data not in {code for code, _name in standard_list(self.of)}:
            raise ValidationError(gettext("Not a valid choice."))

    def iter_choices(self) -> Any:
        """Yield the options."""
        for value, text in ([("", "—")] if self.may_be_empty else []) + [*standard_list(self.of)]:
            yield Choice(value, text, value == (self.data or ""), {})


def choices_of(column: Any) -> list[tuple[str, str]] | None:
    """Return the values that a column may have with their texts, None when they are not few."""
    standard = column.info.get("of")
    if standard:
        return list(standard_list(standard))
    if isinstance(column.type, sa.Enum) and column.type.enum_class is not None:
        return [(member.value, label_of(member)) for member in column.type.enum_class]
    if isinstance(column.type, sa.Boolean):
        return [("true", gettext("Yes")), ("false", gettext("No"))]
    return None


FEW = frozenset({"tax", "unit", "payment_term", "organisation", "number_series"})  # shown as a plain list
MOST_OF_FEW = 200


class LinkWidget:
    """A select that asks the server while one types; it carries only the chosen record, or all where there are few."""

    def __call__(self, field: "LinkField", **kwargs: Any) -> Markup:
        """Return the select."""
        kwargs.setdefault("id", field.id)
        kwargs.pop("class", None)
        if "required" not in kwargs and getattr(field.flags, "required", False):
            kwargs["required"] = True
        stem = stem_of(field.entity)
        if is_few(field.entity):
            offered = all_of_few(field.entity)
            chosen = field.data
            if chosen is not None and all(each[0] != chosen.id for each in offered):
                offered = [(chosen.id, str(chosen)), *offered]
        else:
            kwargs["data-lookup"] = url_for("LookupView.find", stem=stem)
            offered = [(field.data.id, str(field.data))] if field.data is not None else []
        if getattr(field, "by", ""):
            kwargs["data-by"] = field.by
        if adds := adder_of(stem):
            kwargs |= {"data-quick": adds.address, "data-quick-title": adds.title}
        here = field.data.id if field.data is not None else None
        options = Markup("").join(
            Markup('<option value="{}"{}>{}</option>').format(key, Markup(" selected") if key == here else "", text)
            for key, text in offered
        )
        attributes = Markup(html_params(name=field.name, **{"class": "form-control", **kwargs}))  # noqa: S704 -- escapes
        return Markup("<select {}><option value=''></option>{}</select>").format(attributes, options)


def is_few(entity: Any) -> bool:
    """Say whether a select shows all records of an entity: there are few, or they have no name to ask for."""
    stem = stem_of(entity)
    return not stem or stem in FEW


def few_of(entity: Any) -> list[Any]:
    """Return the records of a short list, asked once per request."""
    kept = request_cache("_few")
    if entity not in kept:
        kept[entity] = list(db.session.execute(sa.select(entity).limit(MOST_OF_FEW)).unique().scalars())
    return cast("list[Any]", kept[entity])


def all_of_few(entity: Any) -> list[tuple[int, str]]:
    """Return id and name of all records of a short list."""
    return sorted(((record.id, str(record)) for record in few_of(entity)), key=lambda pair: pair[1])


class LinkField(Field):
    """Another record, chosen by name; only one that the reader may see, or the one that stands there already."""

    widget = LinkWidget()

    def __init__(self, label: Any = None, validators: Any = None, entity: Any = None, **kwargs: Any) -> None:
        super().__init__(label, validators, **kwargs)
        self.entity = entity
        self.unknown = False

    @property
    def adder(self) -> Adder | None:
        """Return where the reader may make the record that is not there yet."""
        return adder_of(stem_of(self.entity))

    def process_formdata(self, valuelist: list[str]) -> None:
        """Find the record; an invisible one is as unknown as one that does not exist."""
        text = valuelist[0].strip() if valuelist else ""
        standing = self.object_data
        self.unknown = False
        if not text:
            self.data = None
        elif standing is not None and text == str(standing.id):
            self.data = standing
        else:
            self.data = (
                access.get(db.session(), self.entity, int(text))
                if text.isdecimal() and len(text) <= KEY_DIGITS
                else None
            )
            self.unknown = self.data is None

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002
        """Refuse an unknown record."""
        if self.unknown:
            raise ValidationError(gettext("Not a valid choice."))


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
        return type("RecordForm", (base,), fields)

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


def fill(form: Any, record: Any, columns: Iterable[str]) -> None:
    """Put the form's values of these columns into the record; an emptied text becomes None where it may.

    What the form's rules put out of sight stays as it stands in the record.
    """
    hidden = form.out_of_sight() if isinstance(form, CrmForm) else frozenset()
    for name in columns:
        if name in hidden:
            continue
        field = form._fields[name]
        if isinstance(field, StringField | TextAreaField) and not isinstance(field, SelectField):
            text = (field.data or "").replace("\r\n", "\n")
            column = record.__table__.c.get(name)
            setattr(record, name, text if text.strip() or (column is not None and not column.nullable) else None)
        else:
            field.populate_obj(record, name)


def shown(value: object) -> str:
    """Return a form value as text, for the page that compares two versions."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return format_decimal(value, language())
    if isinstance(value, StrEnum):
        return label_of(value)
    if isinstance(value, datetime):
        return f"{write_date(value.astimezone(get_timezone()).date())} {value.astimezone(get_timezone()):%H:%M}"
    if isinstance(value, date):
        return write_date(value)
    if isinstance(value, bool):
        return gettext("Yes") if value else gettext("No")
    return str(value)


def request_cache(name: str) -> dict[Any, Any]:
    """Return a dictionary that lives as long as the request."""
    return g.setdefault(name, {}) if has_request_context() else {}


__all__ = [
    "KEY_DIGITS",
    "ChoiceField",
    "CrmForm",
    "DateField",
    "DecimalField",
    "FormConverter",
    "LinkField",
    "ListField",
    "escape",
    "fill",
]
