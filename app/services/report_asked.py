"""What an address asks of a report: read and typed by its parameters, refused where it is none."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.roles import SEE
from app.services import report_period as periods
from app.services.report_frame import Asked, Asks, Parameter, Report
from app.services.report_period import NAMED, OWN, Span

MOST_DIGITS = 9


def read(report: Report, given: Mapping[str, str], *, at: datetime, zone: ZoneInfo, action: str = SEE) -> Asked:
    """Return what an address asks for; Refusals by field for what is no day, number, choice or period.

    Shape: a period is `period=this_year`, or `period=own` with the days `from` and `to`.
    """
    today = at.astimezone(zone).date()
    values: dict[str, Any] = {}
    kept: dict[str, str] = {}
    errors: dict[str, list[str]] = {}
    for parameter in report.parameters:
        texts = _texts(parameter, given)
        try:
            values[parameter.name] = _typed(parameter, texts, today)
        except DomainError as refusal:
            errors.setdefault(refusal.field or parameter.name, []).append(str(refusal))
        usual = today.isoformat() if parameter.asks is Asks.day else parameter.usual
        kept |= {name: text for name, text in texts.items() if text and (name, text) != (parameter.name, usual)}
    if errors:
        raise Refusals(errors)
    return Asked(values, kept, at, zone, action)


def _texts(parameter: Parameter, given: Mapping[str, str]) -> dict[str, str]:
    """Return what is said about one parameter: of a period of one's own its two days too."""
    text = (given.get(parameter.name) or "").strip()[:60]
    if parameter.asks is not Asks.period:
        return {parameter.name: text}
    days = {name: (given.get(name) or "").strip()[:60] for name in ("from", "to")}
    if text not in {"", OWN}:
        return {parameter.name: text}
    return {parameter.name: OWN if text or any(days.values()) else ""} | days


def _typed(parameter: Parameter, texts: dict[str, str], today: date) -> Any:  # noqa: ANN401 -- one a kind
    text = texts[parameter.name] or parameter.usual
    match parameter.asks:
        case Asks.period:
            return _span(text, texts, today)
        case Asks.day:
            return _day(text, parameter.name) if text else today
        case Asks.choice:
            if text not in {value for value, _label in parameter.choices}:
                raise DomainError(_("Choose one of the list"))
            return text
        case Asks.whole:
            return _whole(text, parameter)
        case _:
            if not text:
                return None
            if not text.isascii() or not text.isdecimal() or len(text) > MOST_DIGITS:
                raise DomainError(_("Choose one of the list"))
            return int(text)


def _whole(text: str, parameter: Parameter) -> int:
    least, most = parameter.within
    if not (text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS and least <= int(text) <= most):
        raise DomainError(_("A whole number from %(least)s to %(most)s", least=least, most=most))
    return int(text)


def _span(text: str, texts: dict[str, str], today: date) -> Span:
    if text in NAMED:
        return periods.named(text, today)
    if text != OWN:
        raise DomainError(_("Choose one of the list"))
    first, last = (_day(texts[name], name) for name in ("from", "to"))
    if last < first:
        raise DomainError(_("This day is before the first one"), field="to")
    return Span(first, last)


def _day(text: str, field: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise DomainError(_("Write a day as %(example)s", example="2026-03-31"), field=field) from None
    if not periods.YEARS[0] <= found.year <= periods.YEARS[1]:
        least, most = periods.YEARS
        raise DomainError(_("Years from %(least)s to %(most)s are possible", least=least, most=most), field=field)
    return found
