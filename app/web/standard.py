"""Standard lists that forms choose from: countries, currencies, languages, time zones, by their codes."""

from functools import lru_cache
from zoneinfo import available_timezones

from flask_babel import get_locale
from markupsafe import Markup

from app.i18n import LANGUAGES


def countries() -> list[tuple[str, str]]:
    """Return ISO 3166-1 codes with their names in the reader's language, by name."""
    names = get_locale().territories
    found = [
        (code, str(name))
        for code, name in names.items()
        if len(code) == len("NL") and code.isalpha() and code not in _NO_COUNTRY
    ]
    return sorted(found, key=lambda pair: pair[1])


_NO_COUNTRY = frozenset({"EU", "EZ", "UN", "QO", "XA", "XB", "ZZ", "AC", "CP", "CQ", "DG", "EA", "IC", "TA"})
CURRENCIES = (
    "EUR", "RUB", "AMD", "USD", "GBP", "CHF", "GEL", "KZT", "BYN", "UAH", "PLN", "CZK", "SEK", "NOK", "DKK", "TRY",
    "CNY", "JPY", "AED", "INR", "UZS", "KGS", "AZN", "RON", "HUF", "BGN", "CAD", "AUD",
)  # fmt: skip


def currencies() -> list[tuple[str, str]]:
    """Return the ISO 4217 codes that documents are written in, with their names."""
    names = get_locale().currencies
    return [(code, f"{code} · {names.get(code, code)}") for code in CURRENCIES]


def languages() -> list[tuple[str, str]]:
    """Return the product's languages, each by its own name."""
    return [(code, about["name"]) for code, about in LANGUAGES.items()]


def time_zones() -> list[tuple[str, str]]:
    """Return the time zones of the world."""
    found = sorted(
        zone
        for zone in available_timezones()
        if "/" in zone and not zone.startswith(("Etc/", "SystemV/", "posix/", "right/"))
    )
    return [("UTC", "UTC"), *((zone, zone.replace("_", " ")) for zone in found)]


LISTS = {"country": countries, "currency": currencies, "language": languages, "time_zone": time_zones}


def standard_list(of: str) -> tuple[tuple[str, str], ...]:
    """Return the codes of a standard list with their names in the reader's language."""
    return _standard_list(of, str(get_locale()))


@lru_cache(maxsize=64)
def _standard_list(of: str, _locale: str) -> tuple[tuple[str, str], ...]:
    return tuple(LISTS[of]())


@lru_cache(maxsize=64)
def standard_options(of: str, locale: str) -> str:
    """Return a list's options as HTML; made once per language, for a form may show all countries several times."""
    option = Markup('<option value="{}">{}</option>')
    return "".join(option.format(code, name) for code, name in _standard_list(of, locale))
