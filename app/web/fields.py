"""Form fields that speak the reader's language: decimals, dates and moments, choices, standard lists."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from babel.dates import get_date_format
from flask_babel import get_locale, get_timezone
from markupsafe import Markup, escape
from wtforms import Field, SelectField
from wtforms.fields.choices import Choice
from wtforms.validators import InputRequired, ValidationError
from wtforms.widgets import TextInput

from app.errors import DomainError
from app.i18n import gettext, label_of, language
from app.money import format_decimal, parse_decimal
from app.web.attributes import html_params
from app.web.standard import standard_list, standard_options


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
