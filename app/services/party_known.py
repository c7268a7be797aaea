"""What the numbers of a counterparty tell: its country, language and currency, and the bank behind an account.

Only what is at hand is asked: the tables of the libraries, and the banks of accounts that are stored already.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.party import PartyBankAccount, PartyKind
from app.services import channel as channels
from app.services import identifier as identifiers
from app.services.duplicate import Known
from app.services.party_rules import LANGUAGE_OF, known_countries

_ACCOUNT = re.compile(r"bank_accounts-(\d+)-(iban|bic|bik)", re.ASCII)
_MOST_ACCOUNTS = 20
_VAT_PREFIXES = {"EL": "GR", "XI": "GB"}


def known(session: Session, typed: Mapping[str, str]) -> list[Known]:
    """Return what follows from what stands in a counterparty's form, unfinished as it is."""
    found = [] if typed.get("country") else list(_country(typed))[:1]
    country = typed.get("country") or (found[0].value if found else "")
    if country:
        found += _usual(country)
    return [*found, *_banks(session, typed)]


def _country(typed: Mapping[str, str]) -> Iterator[Known]:
    """Yield the country by the number that says it most surely."""
    number = typed.get("tax_number", "")
    code = number.strip().upper()[:2]
    code = _VAT_PREFIXES.get(code, code)
    if code in known_countries() and _holds(
        lambda: identifiers.normalise_tax_number(code, typed.get("kind") or PartyKind.company.value, number)
    ):
        yield Known("country", code, _("from the tax number"))
    phone = typed.get("phone", "").strip()
    if phone.startswith("+") and (region := _region(phone)):
        yield Known("country", region, _("from the phone number"))
    for name, text in typed.items():
        if name.endswith("-iban") and (iban := _normal_iban(text)):
            yield Known("country", iban[:2], _("from the IBAN"))


def _holds(rule: Any) -> bool:  # noqa: ANN401 -- a rule without arguments
    try:
        rule()
    except DomainError:
        return False
    return True


def _region(phone: str) -> str | None:
    import phonenumbers

    try:
        number = phonenumbers.parse(channels.normalise_phone(phone, None))
    except DomainError:
        return None
    region: str | None = phonenumbers.region_code_for_number(number)
    return region if region in known_countries() else None


def _usual(country: str) -> Iterator[Known]:
    """Yield the language and the currency of a country."""
    from babel.core import UnknownLocaleError
    from babel.numbers import get_territory_currencies

    why = _("usual in this country")
    if country in LANGUAGE_OF:
        yield Known("language", LANGUAGE_OF[country], why)
    try:
        currencies = get_territory_currencies(country)
    except (LookupError, UnknownLocaleError):
        return
    if currencies:
        yield Known("currency", currencies[0], why)


def _normal_iban(text: str) -> str | None:
    try:
        return identifiers.normalise_iban(text) if text.strip() else None
    except DomainError:
        return None


def _banks(session: Session, typed: Mapping[str, str]) -> Iterator[Known]:
    """Yield the bank of each typed account."""
    rows: dict[str, dict[str, str]] = {}
    for name, text in typed.items():
        if (place := _ACCOUNT.fullmatch(name)) and text.strip():
            rows.setdefault(place[1], {})[place[2]] = text.strip()
    for row, given in list(rows.items())[:_MOST_ACCOUNTS]:
        for field, value, why in _bank(session, given):
            yield Known(f"bank_accounts-{row}-{field}", value, why)


def _bank(session: Session, given: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield field, value and reason of what an account's numbers tell of its bank."""
    iban, bic = _normal_iban(given.get("iban", "")), _bic(given.get("bic", ""))
    why, registered = _("from the BIC"), None
    if iban:
        own, registered = _of_iban(iban)
        why = _("from the IBAN")
        if own and not bic:
            yield "bic", own, why
            bic = own
    if bic:
        stored = select(PartyBankAccount.bank_name).where(PartyBankAccount.bic == bic)
        name = session.scalar(stored.where(PartyBankAccount.bank_name.is_not(None)).limit(1))
        if name or registered:
            yield "bank_name", str(name or registered), why
    elif "bik" in given:
        yield from _of_bik(session, given["bik"])


def _of_bik(session: Session, bik: str) -> Iterator[tuple[str, str, str]]:
    account = PartyBankAccount
    stored = select(account.bank_name, account.correspondent_account).where(account.bik == bik)
    row = session.execute(stored.where(account.bank_name.is_not(None)).limit(1)).first()
    if row is not None:
        yield "bank_name", row.bank_name, _("from the BIK")
        if row.correspondent_account:
            yield "correspondent_account", row.correspondent_account, _("from the BIK")


def _bic(text: str) -> str | None:
    try:
        return identifiers.normalise_bic(text) if text else None
    except DomainError:
        return None


def _of_iban(iban: str) -> tuple[str | None, str | None]:
    """Return BIC and name of an IBAN's bank as far as the published lists have them."""
    from schwifty import IBAN
    from schwifty.exceptions import SchwiftyException

    try:
        number = IBAN(iban)
        bic = number.bic
        return (str(bic) if bic else None), (number.bank_name or None)
    except SchwiftyException:
        return None, None
