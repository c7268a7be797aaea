"""Conditions in the reader's words: what each asks, what a counterparty has there, and names of what they name."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flask_babel import format_date, format_datetime

from app.db import db
from app.i18n import gettext as _
from app.i18n import label_of, language
from app.i18n import lazy_gettext as _l
from app.models.base import entity_of
from app.models.consent import ConsentPurpose
from app.money import format_decimal
from app.services import access
from app.services.condition import COUNT, DISTINCT, SUM, Group, Has, Is
from app.services.condition_field import CONSENT, PARTY, TAGS, THINGS, Field, Thing
from app.services.named_days import PERIODS
from app.web.fields import choices_of
from app.web.lookup import OFFERED
from app.web.standard import LISTS, standard_list

JOINS = {"all": _l("All of these hold"), "any": _l("At least one of these holds"), "none": _l("None of these holds")}
OPERATORS: dict[str, Any] = {
    "eq": _l("is"),
    "neq": _l("is not"),
    "gt": _l("more than"),
    "ge": _l("at least"),
    "lt": _l("less than"),
    "le": _l("at most"),
    "ct": _l("contains"),
    "sw": _l("starts with"),
    "in": _l("is one of"),
    "empty": _l("is empty"),
    "last": _l("within the last (days)"),
    "over": _l("longer ago than (days)"),
    "next": _l("within the next (days)"),
    "comes": _l("comes round within (days)"),
}
SIGNS = {"eq": "=", "neq": "≠", "gt": ">", "ge": "≥", "lt": "<", "le": "≤"}


def choices(field: Field) -> list[tuple[str, str]] | None:
    """Return what a field's value is chosen from, None where it is typed or looked up."""
    if field.way == CONSENT:
        return [(each.value, label_of(each)) for each in ConsentPurpose]
    if field.of in LISTS:
        return list(standard_list(field.of))
    return choices_of(field.column) if hasattr(field.column, "info") else None


def name_of(field: Field, value: str) -> str:
    """Return what a value is called: a choice, a period, or a record as far as the reader sees it."""
    offered = choices(field)
    if offered is not None:
        return dict(offered).get(value, value)
    if value in PERIODS and "last" in field.operators:
        return str(PERIODS[value][0])
    entity = OFFERED.get(field.of) or (entity_of(field.of) if field.of else None)
    if entity is None or not value.isdecimal() or len(value) > 18:  # noqa: PLR2004 -- BIGINT
        return value
    found = access.get(db.session(), entity, int(value))
    return str(found) if found is not None else f"#{value}"


def told(part: Any) -> str:
    """Return a single condition, or the head of a group, in words."""
    if isinstance(part, Group):
        return str(JOINS[part.join])
    return _told_of(part) if isinstance(part, Has) else told_is(PARTY.get(part.field), part)


def told_is(field: Field | None, one: Is) -> str:
    """Return a single condition on a field in words."""
    if field is None:
        return one.field
    value = one.value if isinstance(one.value, tuple) else (one.value,)
    if one.operator == "empty":
        is_empty = value[0] in {"", "1", "true"}
        return f"{field.label}: {_('empty') if is_empty else _('not empty')}"
    several = ", ".join(name_of(field, each) for text in value for each in _each(one, text))
    if field.way in {TAGS, CONSENT} or choices(field) is not None:
        return f"{field.label} {'≠' if one.operator == 'neq' else '='} {several}"
    sign = SIGNS.get(one.operator) or str(OPERATORS.get(one.operator, one.operator))
    return f"{field.label} {sign} {several}"


def _each(one: Is, text: str) -> list[str]:
    return text.split(",") if one.operator == "in" else [text]


def _told_of(one: Has) -> str:
    thing = THINGS.get(one.thing)
    if thing is None:
        return one.thing
    about = f"{thing.label}: {measure_name(thing, one.measure)} {SIGNS.get(one.operator, one.operator)} {one.value}"
    parts = [f"{about} {one.currency}".strip()]
    if one.days is not None:
        parts.append(_("last %(days)s days", days=one.days))
    parts += [told_is(thing.fields.get(each.field), each) for each in one.where]
    return " · ".join(parts)


def measure_name(thing: Thing, measure: str) -> str:
    """Return what is counted or added up."""
    if measure.startswith(SUM):
        field = thing.fields.get(measure.removeprefix(SUM))
        return _("sum of %(what)s", what=str(field.label) if field is not None else measure)
    return {COUNT: _("number"), DISTINCT: _("number of different ones")}.get(measure, measure)


def measures(thing: Thing) -> list[tuple[str, str]]:
    """Return what may be counted or added up of a kind of records."""
    known = [COUNT, *([DISTINCT] if thing.distinct is not None else []), *(f"{SUM}{name}" for name in thing.sums)]
    return [(each, measure_name(thing, each)) for each in known]


def shown(part: Any, value: Any) -> str:
    """Return what a counterparty has where a condition asks, as the reader writes it."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return format_decimal(value.normalize() if value else Decimal(0), language())
    if isinstance(value, datetime):
        return str(format_datetime(value))
    if isinstance(value, date):
        return str(format_date(value))
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    field = PARTY.get(part.field) if isinstance(part, Is) else None
    text = str(getattr(value, "value", value))
    return name_of(field, text) if field is not None else text
