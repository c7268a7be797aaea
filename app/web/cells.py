"""How a value looks in a list, on a card and in the history: by its type, in the reader's language and zone."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from flask import current_app, has_request_context, url_for
from flask_babel import format_date, format_datetime, get_locale
from flask_babel import get_timezone as zone
from markupsafe import Markup, escape

from app.columns import Amount, Exact
from app.i18n import LANGUAGES, label_of, language
from app.i18n import gettext as _
from app.models.base import Entity
from app.money import digits, format_decimal
from app.services.channel import shown_phone
from app.web.standard import standard_list

NOTHING = Markup('<span class="muted" aria-hidden="true">—</span>')


def moment(value: datetime) -> str:
    """Return a moment as day and minute in the reader's zone."""
    pattern = {"en": "d MMM y, HH:mm", "nl": "d MMM y HH:mm", "ru": "d MMM y, HH:mm", "hy": "d MMM y, HH:mm"}
    return str(format_datetime(value, pattern[language()]))


def day(value: date) -> str:
    """Return a day with its month in words: no reader takes 03.04 for the fourth of March."""
    return str(format_date(value, {"en": "d MMM y", "hy": "d MMM y", "nl": "d MMM y", "ru": "d MMM y"}[language()]))


def of_list(kind: str, code: str) -> str:
    """Return the name of a code of a standard list in the reader's language."""
    locale = get_locale()
    if kind == "country":
        return str(locale.territories.get(code, code))
    if kind == "language":
        return str(LANGUAGES.get(code, {}).get("name", code))
    return dict(standard_list(kind)).get(code, code) if kind in {"entity", "audited"} else code


def cell(value: Any, *, name: str = "", column: Any = None) -> Markup:  # noqa: C901
    """Return a value as safe HTML."""
    if value is None or value == "":
        return NOTHING
    standard = column.info.get("of") if column is not None else None
    if standard:
        return escape(of_list(standard, str(value)))
    if isinstance(value, bool):
        return (
            Markup('<span class="yes">{}</span>').format(_("Yes"))
            if value
            else Markup('<span class="muted">{}</span>').format(_("No"))
        )
    if isinstance(value, Enum):
        return Markup('<span class="badge badge-{}">{}</span>').format(value.value, label_of(value))
    if isinstance(value, Decimal):
        return Markup('<span class="num">{}</span>').format(format_decimal(value, language()))
    if isinstance(value, datetime):
        return Markup('<time datetime="{}" title="{}">{}</time>').format(value.isoformat(), str(zone()), moment(value))
    if isinstance(value, date):
        return Markup('<time datetime="{}">{}</time>').format(value.isoformat(), day(value))
    if isinstance(value, Entity):
        return linked(value)
    if isinstance(value, list):
        return Markup(", ").join(cell(item) for item in value) if value else NOTHING
    text = str(value)
    if name == "email":
        return Markup('<a href="mailto:{}">{}</a>').format(text, text)
    if name == "phone":
        return Markup('<a href="tel:{}">{}</a>').format(text, shown_phone(text))
    if name == "website" and text.startswith(("http://", "https://")):
        return Markup('<a href="{}" rel="noopener noreferrer nofollow" target="_blank">{}</a>').format(
            text, text.partition("//")[2].rstrip("/")
        )
    return escape(text)


def tags(found: Iterable[Any]) -> Markup:
    """Return tags as chips in their colours."""
    chip = Markup('<span class="tag tag-{}">{}</span>')
    return Markup(" ").join(chip.format(tag.colour.value, tag.name) for tag in found) or NOTHING


def whole(value: int) -> str:
    """Return a count with the reader's grouping."""
    return format_decimal(Decimal(value), language())


def amount_of(record: Any, column: Any, value: Decimal) -> str:
    """Return a number of a record: money with the digits of the record's currency, other numbers as they are."""
    currency = currency_of(record, column)
    return plain_money(value, currency) if currency else format_decimal(value, language())


def currency_of(record: Any, column: Any) -> str | None:
    """Return the currency of a column's amounts, None where they are no money or nobody says."""
    if not isinstance(column.type, Exact) or column.type.places != Amount().places:
        return None
    own = f"{column.name.removesuffix('amount')}currency"
    return getattr(record, own, None) or getattr(record, "currency", None)


def plain_money(value: Decimal, currency: str) -> str:
    """Return an amount as the reader types it, with the digits of its currency."""
    return format_decimal(value, language(), least=digits(currency))


def linked(record: Entity) -> Markup:
    """Return another record's name as safe HTML: a link to its card, the bare name for who may not see its area."""
    appbuilder: Any = current_app.extensions["appbuilder"]
    if has_request_context() and not appbuilder.sm.may(record.__stem__, "see"):
        return escape(str(record))
    return Markup('<a href="{}">{}</a>').format(card_url(record), str(record))


def card_url(record: Entity) -> str:
    """Return the address of a record's card."""
    return f"/{record.__stem__}/show/{record.id}"


def install(app: Any) -> None:
    """Give the templates the same functions."""
    app.jinja_env.filters |= {
        "cell": cell,
        "moment": moment,
        "day": day,
        "label_of": label_of,
        "number": whole,
        "plain_money": plain_money,
        "phone": shown_phone,
    }
    app.jinja_env.globals |= {"card_url": card_url, "url_for": url_for}


__all__ = ["NOTHING", "card_url", "cell", "day", "install", "moment", "of_list", "whole"]
