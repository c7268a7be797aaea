"""Telephone numbers, e-mail and web addresses: one normal form each, or a refusal that says what is wrong."""

import re
import unicodedata
from functools import lru_cache
from typing import Any, NoReturn
from urllib.parse import quote, urlsplit, urlunsplit

from app.errors import DomainError
from app.i18n import gettext as _

EMAIL_LENGTH = 254  # Source: RFC 5321, 4.5.3.1.3: a path of 256 octets with its angle brackets
LOCAL_LENGTH = 64
ADDRESS_LENGTH = 500
MESSENGER_LENGTH = 100

_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(?!\d)")  # "romashka.ru:8080" has a port, no scheme
# What IDNA would only write small: labels of Latin letters, digits and inner hyphens, none of them encoded ("xn--"),
# the last one no number.
_LABEL = r"(?!..--)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PLAIN_HOST = re.compile(rf"(?:{_LABEL}\.)+(?!\d+$){_LABEL}", re.ASCII)
_HOST_LENGTH = 253  # Source: RFC 1035, 2.3.4: 255 octets with the length of the first label and the root
_SAFE_IN_PATH = "/:@!$&'()*+,;=~-._%"
_LIKE_A_PHONE = re.compile(r"\+?[\d\s().-]{7,}", re.ASCII)


def normalise_phone(text: str, country: str | None, *, field: str = "phone") -> str:
    """Return a telephone number in E.164 ("+37410123456"); without its country code it is one of `country`.

    An extension is not part of E.164: `extension` gives it. Raises DomainError when the length is impossible.
    """
    import phonenumbers

    number = _parsed(text, country, field)
    lengths = phonenumbers.ValidationResult
    match phonenumbers.is_possible_number_with_reason(number):
        case lengths.IS_POSSIBLE:
            pass
        case lengths.TOO_SHORT:
            raise DomainError(_("This telephone number is too short: “%(number)s”", number=_shown(text)), field=field)
        case lengths.TOO_LONG:
            raise DomainError(_("This telephone number is too long: “%(number)s”", number=_shown(text)), field=field)
        case lengths.INVALID_LENGTH:
            text = _("This telephone number has a digit too many or too few: “%(number)s”", number=_shown(text))
            raise DomainError(text, field=field)
        case _:
            _refuse_phone(text, field)
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def extension(text: str, country: str | None) -> str | None:
    """Return the extension that was typed after a telephone number ("доб. 12", "ext. 12"), None without one."""
    return _parsed(text, country, "phone").extension or None


def national_digits(phone: str) -> str:
    """Return the digits one dials inside the country: "010123456" for +37410123456."""
    import phonenumbers

    number = _parsed(phone, None, "phone")
    return re.sub(r"\D", "", phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL))


@lru_cache(maxsize=1024)  # a list shows the same numbers again and again
def shown_phone(phone: str) -> str:
    """Return a stored telephone number in groups ("+374 10 123456"); what is no number stays as it is."""
    import phonenumbers

    try:
        number = _parse(phone, None)
    except phonenumbers.NumberParseException:
        return phone
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL))


def phone_words(phone: str | None) -> list[str]:
    """Return what a stored telephone number is found by: its international and its national digits."""
    return [phone.removeprefix("+"), national_digits(phone)] if phone else []


def normalise_email(text: str, *, field: str = "email") -> str:
    """Return an e-mail address in lower case, its domain in ASCII ("почта.рф" is "xn--80a1acny.xn--p1ai").

    Raises DomainError on everything that is no single plain address, so that none can smuggle a header into a letter.
    """
    address = text.strip()
    local, at, domain = address.rpartition("@")
    if not at or not address.isprintable() or any(map(str.isspace, address)):
        _refuse_email(text, field)
    if not local.isascii():
        raise DomainError(_("Before the @ an e-mail address has Latin letters only"), field=field)
    host = _host(domain)
    if not _ATOMS.fullmatch(local) or host is None:
        _refuse_email(text, field)
    if len(local) > LOCAL_LENGTH or len(local) + 1 + len(host) > EMAIL_LENGTH:
        raise DomainError(_("This e-mail address is too long"), field=field)
    return f"{local}@{host}".lower()


def normalise_website(text: str, *, field: str = "website") -> str:
    """Return a web address with its scheme, http or https only, its host in ASCII.

    Raises DomainError on other schemes ("javascript:"), on a name and password in it, and on what is no address.
    """
    typed = text.strip()
    if not typed.isprintable() or any(map(str.isspace, typed)):
        _refuse_website(typed, field)
    scheme = _SCHEME.match(typed)
    if scheme and scheme[1].lower() not in {"http", "https"}:
        raise DomainError(_("A web address begins with http:// or https://"), field=field)
    try:
        parts = urlsplit(typed if scheme else f"https://{typed}")
        port = parts.port
    except ValueError:
        _refuse_website(typed, field)
    host = _host(parts.hostname or "")
    if host is None or "@" in parts.netloc:
        _refuse_website(typed, field)
    place = host if port is None else f"{host}:{port}"
    path, query, fragment = (quote(part, safe=_SAFE_IN_PATH + "?") for part in parts[2:])
    address = urlunsplit((parts.scheme.lower(), place, "" if path == "/" else path, query, fragment))
    if len(address) > ADDRESS_LENGTH:
        raise DomainError(_("This web address is too long"), field=field)
    return address


def normalise_messenger(text: str, country: str | None, *, field: str = "value") -> str:
    """Return a name in a messenger ("@anna"), or E.164 when it is a telephone number."""
    name = " ".join(text.split())
    if _LIKE_A_PHONE.fullmatch(name):
        return normalise_phone(name, country, field=field)
    if not name or not name.isprintable():
        raise DomainError(_("This is no name in a messenger: “%(name)s”", name=_shown(name)), field=field)
    if len(name) > MESSENGER_LENGTH:
        raise DomainError(_("At most %(limit)s characters are possible here", limit=MESSENGER_LENGTH), field=field)
    return name


def normalise(kind: str, text: str, country: str | None, *, field: str = "value") -> str:
    """Return the normal form of a channel by its kind (models.party.ChannelKind)."""
    if kind in {"phone", "fax"}:
        return normalise_phone(text, country, field=field)
    if kind == "email":
        return normalise_email(text, field=field)
    if kind == "website":
        return normalise_website(text, field=field)
    return normalise_messenger(text, country, field=field)


def _parsed(text: str, country: str | None, field: str) -> Any:  # noqa: ANN401 -- a number of an untyped library
    import phonenumbers

    try:
        return _parse(unicodedata.normalize("NFKC", text), country)
    except phonenumbers.NumberParseException as refusal:
        if refusal.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE and "+" not in text:
            raise DomainError(
                _("Write this telephone number with its country code: +…, or choose the country"), field=field
            ) from None
        _refuse_phone(text, field)


@lru_cache(maxsize=256)  # a number and its extension are asked for one after the other
def _parse(text: str, country: str | None) -> Any:  # noqa: ANN401
    import phonenumbers

    return phonenumbers.parse(text, country)


@lru_cache(maxsize=1024)  # most addresses of a file share a few domains
def _host(domain: str) -> str | None:
    """Return a host name in ASCII, None when it is none: at least two labels, the last one no number."""
    if _PLAIN_HOST.fullmatch(domain) and len(domain) <= _HOST_LENGTH:
        return domain.lower()
    import idna

    try:
        host = idna.encode(domain.rstrip("."), uts46=True, std3_rules=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        return None
    labels = host.split(".")
    return host if len(labels) > 1 and not labels[-1].isdigit() else None


def _shown(text: str) -> str:
    """Return typed text as a refusal quotes it: printable and short."""
    return "".join(char for char in " ".join(text.split()) if char.isprintable())[:60]


def _refuse_phone(text: str, field: str) -> NoReturn:
    raise DomainError(_("This is no telephone number: “%(number)s”", number=_shown(text)), field=field)


def _refuse_email(text: str, field: str) -> NoReturn:
    raise DomainError(_("This is no e-mail address: “%(address)s”", address=_shown(text)), field=field)


def _refuse_website(text: str, field: str) -> NoReturn:
    raise DomainError(_("This is no web address: “%(address)s”", address=_shown(text)), field=field)
