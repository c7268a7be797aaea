"""Dialogs: the inputs that a verb's button asks for, as a form that keeps what was typed when the verb is refused.

A verb declares its arguments once, as schema fields for REST; a dialog makes form fields of those that people can
type: days, moments, amounts, whole numbers, choices, links and texts.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from marshmallow import fields as ma
from marshmallow.validate import Range
from wtforms import IntegerField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from app import clock
from app.columns import Amount
from app.errors import DomainError, Refusals
from app.money import digits
from app.services import period as periods
from app.web.crm_form import CrmForm
from app.web.fields import ChoiceField, DateField, DecimalField, MomentField
from app.web.link_field import LinkField
from app.web.locale import choose_time_zone
from app.web.schema import ExactField, LinkedField, MemberField
from app.web.verbs import Verb

KEEP_RATE = frozenset({"settle"})  # what it settles may be in another currency
LONG = 250  # characters; a text that may be longer gets a larger field


def money_field(**about: Any) -> ExactField:
    """Return an argument that is an amount."""
    return ExactField(Amount(), **about)


def asks(verb: Verb) -> bool:
    """Say whether a verb's button asks for something."""
    return any(_is_typed(argument) for argument in verb.arguments.values())


def open_dialog(verb: Verb, record: Any, labels: Mapping[str, Any]) -> CrmForm:
    """Return the form of a verb with what it offers for a record."""
    form = _class(verb, labels)(formdata=None)
    offered = verb.offered(record)
    for name, field in form._fields.items():
        if isinstance(field, DateField):
            field.data = offered.get(name, today_of(record))
        elif name in offered:
            field.data = offered[name]
    return fitted(verb, form, record)


def fitted(verb: Verb, form: CrmForm, record: Any) -> CrmForm:
    """Give a verb's form the digits of the record's currency, and leave out a rate where none is needed."""
    currency = getattr(record, "currency", None)
    organisation = getattr(record, "organisation", None)
    for field in form:
        if isinstance(field, DecimalField) and currency:
            field.least = digits(currency)
    at_home = organisation is not None and currency == organisation.currency
    if at_home and "exchange_rate" in form and verb.name not in KEEP_RATE:
        del form.exchange_rate
    return _named(verb, form)


def today_of(record: Any) -> date:
    """Return the day that it is for a record's organisation, else for the reader."""
    organisation = getattr(record, "organisation", None)
    return periods.today(organisation, clock.now()) if organisation is not None else clock.today(choose_time_zone())


def posted(verb: Verb, labels: Mapping[str, Any]) -> CrmForm:
    """Return the form of a verb as it was sent."""
    return _named(verb, _class(verb, labels)())


def values(verb: Verb, form: CrmForm) -> dict[str, Any]:
    """Return what was typed, by argument; what was left empty is left out."""
    found = {name: form._fields[name].data for name in verb.arguments if name in form._fields}
    return {name: value for name, value in found.items() if value not in (None, "")}


def refuse(form: CrmForm, refusal: DomainError) -> None:
    """Put a refusal at the dialog's fields; what belongs to none of them goes to the top."""
    form.refuse(refusal.errors if isinstance(refusal, Refusals) else {refusal.field or "": [str(refusal)]})


def _class(verb: Verb, labels: Mapping[str, Any]) -> type[CrmForm]:
    made = {
        name: _field(argument, argument.metadata.get("label") or labels.get(name, name))
        for name, argument in verb.arguments.items()
        if _is_typed(argument)
    }
    return type("DialogForm", (CrmForm,), made)


def _named(verb: Verb, form: CrmForm) -> CrmForm:
    """Give the inputs ids of their own: a card holds several dialogs."""
    for name, field in form._fields.items():
        field.id = f"{verb.name}-{name}"
        field.label.field_id = field.id
    return form


def _is_typed(argument: Any) -> bool:
    if isinstance(argument, ma.Integer) and not isinstance(argument, LinkedField):
        return not argument.metadata.get("elsewhere")  # a card asks for it outside of a dialog
    return isinstance(argument, ma.Date | ma.AwareDateTime | ma.String | ExactField | MemberField | LinkedField)


def _field(argument: Any, label: Any) -> Any:
    checks: list[Any] = [InputRequired() if argument.required else Optional()]
    if isinstance(argument, ma.Date):
        return DateField(label, checks)
    if isinstance(argument, ma.AwareDateTime):
        return MomentField(label, checks, render_kw={"autocomplete": "off"})
    if isinstance(argument, ExactField):
        return DecimalField(label, checks, least=2)
    if isinstance(argument, MemberField):
        return ChoiceField(label, checks, of=argument.of, begins_empty=True)  # nobody chooses by not looking
    if isinstance(argument, LinkedField):
        return LinkField(label, checks, entity=argument.entity)
    if isinstance(argument, ma.Integer):
        ranges = [NumberRange(check.min, check.max) for check in argument.validators if isinstance(check, Range)]
        return IntegerField(label, [*checks, *ranges], render_kw={"inputmode": "numeric", "autocomplete": "off"})
    most = next((check.max for check in argument.validators if getattr(check, "max", None)), None)
    if most is not None:
        checks.append(Length(max=most))
    if most is None or most > LONG:
        return TextAreaField(label, checks, render_kw={"rows": 3})
    return StringField(label, checks)
