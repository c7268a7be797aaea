"""Taxes: the presets of a country, the one that holds on a day, and how a used one is ended instead of edited."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from sqlalchemy import Select, exists, inspect, or_, select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.invoice import InvoiceLine
from app.models.sale_order import SaleOrderLine
from app.models.tax import EXPLAINED, Tax
from app.money import TaxCategory, TaxKey, within
from app.services import access
from app.services.collected import Collected
from app.services.text import is_blank, line, lines

D = Decimal
_S, _Z, _E = TaxCategory.standard, TaxCategory.zero_rated, TaxCategory.exempt
_AE, _K, _G = TaxCategory.reverse_charge, TaxCategory.intra_community, TaxCategory.export
_RATE_DIGITS = (8, 10)
_CODE_LENGTH = 30
_TEXT_LENGTH = 1000
_COUNTRY = re.compile("[A-Z]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxPreset:
    """A tax as the law of a country has it, in the words that its documents use."""

    country: str
    code: str
    name: str
    category: TaxCategory
    rate: Decimal
    valid_from: date | None = None
    valid_until: date | None = None
    exemption_text: str | None = None


def _preset(country: str, code: str, name: str, category: TaxCategory, rate: str = "0", **more: Any) -> TaxPreset:  # noqa: ANN401
    return TaxPreset(country=country, code=code, name=name, category=category, rate=D(rate), **more)


# Source: Налоговый кодекс РФ, ст. 164 п. 3 (20 % by Law 303-ФЗ of 3 August 2018 from 2019; 22 % by Law 425-ФЗ of
# 28 November 2025 from 2026), п. 2 (10 %), п. 1 (0 %), п. 8 (5 and 7 % under the simplified system, Law 176-ФЗ of
# 12 July 2024, from 2025); ст. 145 and 149 (without tax).
_RUSSIA = (
    _preset("RU", "standard", "НДС 20 %", _S, "0.20", valid_from=date(2019, 1, 1), valid_until=date(2025, 12, 31)),
    _preset("RU", "standard", "НДС 22 %", _S, "0.22", valid_from=date(2026, 1, 1)),
    _preset("RU", "reduced", "НДС 10 %", _S, "0.10"),
    _preset("RU", "zero", "НДС 0 %", _Z),
    _preset("RU", "simplified5", "НДС 5 % (УСН)", _S, "0.05", valid_from=date(2025, 1, 1)),
    _preset("RU", "simplified7", "НДС 7 % (УСН)", _S, "0.07", valid_from=date(2025, 1, 1)),
    _preset("RU", "exempt", "Без НДС", _E, exemption_text="Без НДС"),
)
# Source: ՀՀ հարկային օրենսգիրք (Tax Code of 4 October 2016), articles 63 (20 %), 64 (exempt), 65 (0 %).
_ARMENIA = (
    _preset("AM", "standard", "ԱԱՀ 20 %", _S, "0.20"),
    _preset("AM", "zero", "ԱԱՀ 0 %", _Z),
    _preset("AM", "exempt", "Առանց ԱԱՀ", _E, exemption_text="Ազատված է ԱԱՀ-ից"),
)
# Source: Wet op de omzetbelasting 1968, art. 9 lid 1 (21 % from 1 October 2012) and lid 2 (9 % from 2019, 0 %);
# art. 12 lid 2 and 3 (verlegd), art. 25 (kleineondernemersregeling), art. 11 (exempt), Tabel II posts a.2 and a.6.
_NETHERLANDS = (
    _preset("NL", "standard", "Btw 21 %", _S, "0.21", valid_from=date(2012, 10, 1)),
    _preset("NL", "reduced", "Btw 9 %", _S, "0.09", valid_from=date(2019, 1, 1)),
    _preset("NL", "zero", "Btw 0 %", _Z),
    _preset("NL", "reverse", "Btw verlegd", _AE, exemption_text="Btw verlegd"),
    _preset("NL", "eu", "Btw 0 % (EU)", _K, exemption_text="Intracommunautaire levering"),
    _preset("NL", "export", "Btw 0 % (export)", _G, exemption_text="Uitvoer van goederen buiten de EU"),
    _preset("NL", "exempt", "Vrijgesteld van btw", _E, exemption_text="Vrijgesteld van btw (art. 11 Wet OB)"),
    _preset("NL", "kor", "Geen btw (KOR)", _E, exemption_text="Factuur vrijgesteld van btw (art. 25 Wet OB)"),
)
_PRESETS = {"RU": _RUSSIA, "AM": _ARMENIA, "NL": _NETHERLANDS}


def presets(country: str) -> tuple[TaxPreset, ...]:
    """Return the taxes that a country's law has; none for a country that the product does not know."""
    return _PRESETS.get(country, ())


def make_presets(session: Session, country: str) -> list[Tax]:
    """Make the taxes of a country that are not there yet, and return all of them."""
    made = []
    for preset in presets(country):
        tax = session.scalar(
            select(Tax).where(Tax.country == country, Tax.code == preset.code, Tax.rate == preset.rate)
        )
        if tax is None:
            tax = Tax(**{name: getattr(preset, name) for name in preset.__slots__})
            save(session, tax)
            session.flush()
        made.append(tax)
    return made


def save(session: Session, tax: Tax) -> None:
    """Bring a tax into its normal form and add it to the session.

    Raises Refusals at the fields; a tax that stands on a document can only be ended.
    """
    with session.no_autoflush:
        found = Collected()
        values = _checked(tax, found)
        found.settle()
        for name, value in values.items():
            setattr(tax, name, value)
        if inspect(tax).persistent:
            _refuse_change_of_used(session, tax, found)
        if other := _overlapping(session, tax):
            found.refuse("valid_from", _("“%(name)s” holds on some of these days already", name=other.name))
        found.settle()
        session.add(tax)


def _checked(tax: Tax, found: Collected) -> dict[str, Any]:
    category = TaxCategory(tax.category or TaxCategory.standard)
    rate = tax.rate if tax.rate is not None else D(0)
    values: dict[str, Any] = {"category": category, "rate": rate, "country": (tax.country or "").strip().upper()}
    for field, limit in (("name", 120), ("code", _CODE_LENGTH)):
        values[field] = found.take(field, partial(line, getattr(tax, field) or "", limit=limit)) or ""
    if "name" not in found and is_blank(values["name"]):
        found.refuse("name", _("A tax needs a name"))
    if not _COUNTRY.fullmatch(values["country"]):
        found.refuse("country", _("“%(code)s” is no country code; two letters like NL are", code=tax.country or ""))
    if found.take("rate", lambda: within(rate, _RATE_DIGITS)) is not None:
        if not 0 <= rate <= 1:
            found.refuse("rate", _("A tax rate is between 0 and 100 percent"))
        elif (category == TaxCategory.standard) != (rate > 0):
            found.refuse("rate", _("Only the standard category has a tax rate, and it must be above zero"))
    if tax.valid_from and tax.valid_until and tax.valid_until < tax.valid_from:
        found.refuse("valid_until", _("The last day is before the first"))
    values["exemption_text"] = (
        found.take("exemption_text", lambda: lines(tax.exemption_text or "", limit=_TEXT_LENGTH)) or None
    )
    if category in EXPLAINED and values["exemption_text"] is None and "exemption_text" not in found:
        found.refuse("exemption_text", _("Say why no tax is charged: documents must state it"))
    values["code"] = values["code"] or f"{category.name}{rate.normalize():f}"[:_CODE_LENGTH]
    return values


def _refuse_change_of_used(session: Session, tax: Tax, found: Collected) -> None:
    state = inspect(tax)
    changed = [
        name
        for name in ("country", "code", "category", "rate", "valid_from", "exemption_text")
        if state.attrs[name].history.has_changes()
    ]
    if changed and is_used(session, tax):
        for name in changed:
            found.refuse(name, _("This tax stands on documents; end it and make a new one"))


def is_used(session: Session, tax: Tax) -> bool:
    """Say whether a tax stands on an order or invoice."""
    on_line = or_(exists().where(InvoiceLine.tax_id == tax.id), exists().where(SaleOrderLine.tax_id == tax.id))
    with access.everything(session, why="a tax is used whoever owns the document"):
        return bool(session.scalar(select(on_line)))


def remove(session: Session, tax: Tax) -> None:
    """Say whether a tax may be deleted: DomainError when it stands on a document."""
    if is_used(session, tax):
        raise DomainError(_("This tax stands on documents; end it and make a new one"))


def end(session: Session, tax: Tax, *, on: date) -> None:  # noqa: ARG001 -- every verb takes its session
    """Let a tax hold up to a day and no longer."""
    if tax.valid_from is not None and on < tax.valid_from:
        raise DomainError(_("The last day is before the first"), field="on")
    tax.valid_until = on


def replace(session: Session, tax: Tax, *, name: str, rate: Decimal, on: date) -> Tax:
    """Give a tax a new rate from a day on: the old one ends the day before, and a new one is made and returned."""
    end(session, tax, on=on - timedelta(days=1))
    session.flush()
    new = Tax(
        name=name,
        country=tax.country,
        code=tax.code,
        category=tax.category,
        rate=rate,
        valid_from=on,
        exemption_text=tax.exemption_text,
    )
    save(session, new)
    return new


def on(day: date, country: str | None = None) -> Select[Tax]:
    """Return the taxes that are law on a day, by country and falling rate."""
    found = select(Tax).where(
        or_(Tax.valid_from.is_(None), Tax.valid_from <= day), or_(Tax.valid_until.is_(None), Tax.valid_until >= day)
    )
    if country is not None:
        found = found.where(Tax.country == country)
    return found.order_by(Tax.country, Tax.rate.desc(), Tax.id)


def rate_on(session: Session, tax: Tax, *, day: date) -> Tax | None:
    """Return the tax that stands in for this one on a day: itself, or the rate of the same tax that is law then."""
    if tax.is_valid_on(day):
        return tax
    with session.no_autoflush:
        return session.scalar(on(day, tax.country).where(Tax.code == tax.code).limit(1))


def key(tax: Tax) -> TaxKey:
    """Return what money.price groups by."""
    return TaxKey(tax.category, tax.rate)


def _overlapping(session: Session, tax: Tax) -> Tax | None:
    """Return another rate of the same tax that is law on a day of this one."""
    found = select(Tax).where(Tax.country == tax.country, Tax.code == tax.code)
    if tax.valid_until is not None:
        found = found.where(or_(Tax.valid_from.is_(None), Tax.valid_from <= tax.valid_until))
    if tax.valid_from is not None:
        found = found.where(or_(Tax.valid_until.is_(None), Tax.valid_until >= tax.valid_from))
    if tax.id is not None:
        found = found.where(Tax.id != tax.id)
    return session.scalar(found.limit(1))
