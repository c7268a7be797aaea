"""Numbers that states and banks give to a counterparty: how each is written, and whether it can be true.

A number is refused only for what the issuing country itself rules out: its length, its letters, its check digits.
Where no rule is published (the Armenian ՀՎՀՀ and bank accounts have none beyond their length), none is invented.
"""

import re
import unicodedata
from typing import Any, NoReturn

from app.errors import DomainError
from app.i18n import gettext as _

# What people of a country call a number; such a name is not translated, it is printed on their papers.
_LOCAL: dict[str, dict[str, str]] = {
    "AM": {"tax_number": "ՀՎՀՀ", "registration_number": "Պետական գրանցման համար", "account": "Հաշվեհամար"},
    "AT": {"tax_number": "UID-Nr.", "registration_number": "Firmenbuchnummer"},
    "BE": {"tax_number": "BTW-nr.", "registration_number": "Ondernemingsnummer"},
    "BY": {"tax_number": "УНП", "account": "Расчётный счёт"},
    "CH": {"tax_number": "MWST-Nr.", "registration_number": "UID"},
    "DE": {"tax_number": "USt-IdNr.", "registration_number": "Handelsregisternummer"},
    "ES": {"tax_number": "NIF"},
    "FR": {"tax_number": "N° TVA", "registration_number": "SIRET"},
    "IT": {"tax_number": "Partita IVA"},
    "KZ": {"tax_number": "БИН / ИИН"},
    "NL": {"tax_number": "BTW-id", "registration_number": "KvK-nummer"},
    "PL": {"tax_number": "NIP", "registration_number": "KRS"},
    "RU": {
        "tax_number": "ИНН",
        "tax_branch": "КПП",
        "registration_number": "ОГРН",
        "bik": "БИК",
        "account": "Расчётный счёт",
        "correspondent_account": "Корреспондентский счёт",
    },
}
_RUSSIAN_BANK = ("bik", "correspondent_account")

_SEPARATORS = re.compile(r"[\s\-‐-―.,/]+")
_EU_EXAMPLES = {"NL": "NL123456789B01", "DE": "DE123456789", "BE": "BE0123456789", "FR": "FR12345678901"}
_FREE_LENGTH = 32

# Source: Bank of Russia, order of 8 September 1997 No. 515, "Procedure of calculating the control key in the number
# of a personal account": weights 7, 1, 3 repeating; a letter in the sixth place is a clearing currency.
_KEY_WEIGHTS = (7, 1, 3)
_CLEARING_LETTERS = "ABCEHKMPTX"
_ACCOUNT = re.compile(rf"\d{{5}}[\d{_CLEARING_LETTERS}]\d{{14}}", re.ASCII)
_BIK = re.compile(r"[012]\d{8}", re.ASCII)
_CENTRAL_BANK_BIKS = frozenset({"000", "001", "002"})  # last digits of the BIK of the Bank of Russia's own offices
_CENTRAL_BANK_ACCOUNTS = ("30101", "40102")  # correspondent accounts and the single treasury account are held there
_TREASURY = "0"  # accounts opened inside the Treasury have a key of their own


def label(country: str | None, what: str) -> str:
    """Return what a number is called in its country: the tax number of "RU" is "ИНН".

    `what` is the name of the field. Where a country has no term of its own here, the reader's language is used.
    """
    if what in _RUSSIAN_BANK:
        country = "RU"  # nobody else has these
    local = _LOCAL.get(country or "", {}).get(what)
    if local:
        return local
    general = {
        "tax_number": _("VAT or tax number"),
        "tax_branch": _("Branch number"),
        "registration_number": _("Registration number"),
        "account": _("Account number"),
        "iban": "IBAN",
        "bic": "BIC",
    }
    return general.get(what, what)


def normalise_tax_number(country: str | None, kind: str, text: str) -> str:
    """Return a tax number as it is stored and compared; in the European Union with its country prefix.

    `kind` is "company" or "person". Raises DomainError when the country could not have issued it.
    """
    field, name = "tax_number", label(country, "tax_number")
    if country == "RU":
        number = _digits(text, name, field, (12,) if kind == "person" else (10, 12))
        return _checked(_stdnum("ru", "inn"), number, name, field)
    if country == "AM":
        return _digits(text, name, field, (8,))
    compact = _compact(text)
    if country in _eu() or compact[:2] in _eu():
        return _vat(country or "", compact, name)
    module = _stdnum(country.lower(), "vat") or _stdnum(country.lower(), "tin") if country else None
    return _checked(module, text, name, field) if module else _free(text, name, field, _FREE_LENGTH)


def normalise_tax_branch(country: str | None, text: str) -> str:
    """Return the branch part of a tax number: the Russian КПП, which tells branches with one ИНН apart."""
    field, name = "tax_branch", label(country, "tax_branch")
    if country != "RU":
        return _free(text, name, field, 20)
    code = _compact(text)
    if len(code) != 9:  # noqa: PLR2004 -- said in the next line
        _refuse_length(name, "9", len(code), field)
    if not re.fullmatch(r"\d{4}[\dA-Z]{2}\d{3}", code, re.ASCII):
        _refuse_example(name, "770701001", field)
    return code


def normalise_registration_number(country: str | None, kind: str, text: str) -> str:
    """Return the number in the register of companies or traders: ОГРН or ОГРНИП, KvK and others."""
    field, name = "registration_number", label(country, "registration_number")
    if country == "RU":
        number = _digits(text, name, field, (15,) if kind == "person" else (13, 15))
        return _checked(_stdnum("ru", "ogrn"), number, name, field)
    if country == "NL":
        return _digits(text, name, field, (8,))
    return _free(text, name, field, 50)


def normalise_iban(text: str, *, field: str = "iban") -> str:
    """Return an IBAN without spaces, or say which length or check is wrong."""
    from schwifty import IBAN
    from schwifty.exceptions import InvalidCountryCode, InvalidStructure, SchwiftyException

    number = _compact(text)
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]+", number, re.ASCII):
        _refuse_example("IBAN", "NL91 ABNA 0417 1643 00", field)
    try:
        expected = IBAN(number, allow_invalid=True).spec.iban_length
    except InvalidCountryCode:
        text = _("No bank of “%(country)s” has an IBAN: use the account number instead", country=number[:2])
        raise DomainError(text, field=field) from None
    if len(number) != expected:
        text = _(
            "An IBAN of %(country)s has %(expected)s characters; this has %(found)s",
            country=number[:2],
            expected=expected,
            found=len(number),
        )
        raise DomainError(text, field=field)
    try:
        return str(IBAN(number).compact)
    except InvalidStructure:
        text = _("An IBAN of %(country)s has letters and digits in other places", country=number[:2])
        raise DomainError(text, field=field) from None
    except SchwiftyException:
        _refuse_check("IBAN", field)


def normalise_bic(text: str, *, field: str = "bic") -> str:
    """Return a BIC (SWIFT code) of 8 or 11 characters."""
    from schwifty import BIC
    from schwifty.exceptions import SchwiftyException

    code = _compact(text)
    if len(code) not in {8, 11}:
        text = _("A BIC has 8 or 11 characters; this has %(found)s", found=len(code))
        raise DomainError(text, field=field)
    try:
        return str(BIC(code).compact)
    except SchwiftyException:
        _refuse_example("BIC", "ABNANL2A", field)


def normalise_bik(text: str, *, field: str = "bik") -> str:
    """Return a Russian bank code of nine digits."""
    name = label("RU", "bik")
    code = _digits(text, name, field, (9,))
    if not _BIK.fullmatch(code):
        _refuse_example(name, "044525225", field)
    return code


def normalise_account(country: str | None, text: str, *, bik: str | None = None, field: str = "account") -> str:
    """Return an account number of a bank without IBANs.

    A Russian account is checked against its bank: `bik` is the code in its normal form. In Armenia there are
    11 to 16 digits without a published check.
    """
    name = label("RU" if bik else country, "account")
    if bik or country == "RU":
        return _russian_account(text, bik, name, field)
    if country == "AM":
        number = _plain_digits(text, name, field)
        if not 11 <= len(number) <= 16:  # noqa: PLR2004 -- said in the text
            _refuse_length(name, "11–16", len(number), field)
        return number
    return _SEPARATORS.sub("", _free(text, name, field, 34)).upper()


def normalise_correspondent_account(text: str, *, bik: str | None, field: str = "correspondent_account") -> str:
    """Return the account that a Russian bank itself holds at the Bank of Russia."""
    return _russian_account(text, bik, label("RU", "correspondent_account"), field)


def account_key_fits(bik: str, account: str) -> bool:
    """Say whether the ninth digit of a Russian account is the control key that its bank code demands."""
    at_central_bank = bik[-3:] in _CENTRAL_BANK_BIKS or account.startswith(_CENTRAL_BANK_ACCOUNTS)
    bank = f"0{bik[4:6]}" if at_central_bank else bik[-3:]
    digits = [_CLEARING_LETTERS.find(char) if char in _CLEARING_LETTERS else int(char) for char in bank + account]
    return sum(digit * _KEY_WEIGHTS[at % 3] for at, digit in enumerate(digits)) % 10 == 0


def normalise_identifier(scheme: str, text: str, *, field: str = "value") -> str:
    """Return a further number by its scheme; a scheme with a known rule is checked, any other is taken as it is."""
    known: dict[str, tuple[str, str]] = {
        "RSIN": ("nl", "bsn"),
        "LEI": ("", "lei"),
        "GLN": ("", "ean"),
        "SIREN": ("fr", "siren"),
        "SIRET": ("fr", "siret"),
    }
    country, module = known.get(scheme.strip().upper(), ("", ""))
    found = _stdnum(country, module) if module else None
    return _checked(found, text, scheme, field) if found else _free(text, scheme, field, 100)


def _russian_account(text: str, bik: str | None, name: str, field: str) -> str:
    number = _compact(text)
    if len(number) != 20:  # noqa: PLR2004 -- said in the next line
        _refuse_length(name, "20", len(number), field)
    if not _ACCOUNT.fullmatch(number):
        _refuse_digits(name, field)
    if bik is None:
        raise DomainError(
            _("%(what)s is checked against its bank: give the %(bank)s", what=name, bank=label("RU", "bik")),
            field=field,
        )
    if not number.startswith(_TREASURY) and not account_key_fits(bik, number):
        text = _(
            "%(what)s does not fit %(bank)s %(bik)s: one of the two is mistyped",
            what=name,
            bank=label("RU", "bik"),
            bik=bik,
        )
        raise DomainError(text, field=field)
    return number


def _vat(country: str, compact: str, name: str) -> str:
    """Check a VAT number of the European Union: of the party's country, else of the one that its prefix names."""
    own = "EL" if country == "GR" else country
    prefixed = compact if compact[:2] in {own, country} else own + compact
    foreign = compact[:2] in _eu() and compact[:2] not in {own, country}
    if foreign and (country not in _eu() or not _stdnum("eu", "vat").is_valid(prefixed)):
        own, prefixed = compact[:2], compact
    if own == "NL" and not re.fullmatch(r"NL\d{9}B\d{2}", prefixed, re.ASCII):
        _refuse_example(name, _EU_EXAMPLES["NL"], "tax_number")
    checked = _checked(_stdnum("eu", "vat"), prefixed, name, "tax_number", example=_EU_EXAMPLES.get(own))
    return "EL" + checked[2:] if checked[:2] == "GR" else checked


def _checked(module: Any, text: str, name: str, field: str, *, example: str | None = None) -> str:  # noqa: ANN401
    """Return what a module of python-stdnum makes of a number, its refusals said in our words."""
    from stdnum import exceptions

    try:
        return str(module.validate(unicodedata.normalize("NFKC", text)))
    except exceptions.InvalidChecksum:
        _refuse_check(name, field)
    except exceptions.InvalidLength:
        if example:
            _refuse_example(name, example, field)
        found = sum(map(str.isalnum, text))
        text = _("%(what)s cannot have %(found)s characters", what=name, found=found)
        raise DomainError(text, field=field) from None
    except exceptions.ValidationError:
        if example:
            _refuse_example(name, example, field)
        text = _("%(what)s: “%(number)s” is not written like one", what=name, number=text.strip())
        raise DomainError(text, field=field) from None


def _stdnum(country: str, module: str) -> Any:  # noqa: ANN401 -- a module, or None where there is none
    """Find the module of python-stdnum for a country's number, or for an international one."""
    from importlib import import_module

    import stdnum

    if country and module in {"vat", "tin"} and country != "eu":
        return stdnum.get_cc_module(country, module)
    return import_module(f"stdnum.{country}.{module}" if country else f"stdnum.{module}")


def _eu() -> frozenset[str]:
    """Return the prefixes of VAT numbers in the European Union: country codes, EL for Greece, Northern Ireland's XI."""
    from stdnum.eu.vat import MEMBER_STATES

    return frozenset(state.upper() for state in MEMBER_STATES) | {"EL"}


def _compact(text: str) -> str:
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", text)).upper()


def _digits(text: str, name: str, field: str, lengths: tuple[int, ...]) -> str:
    """Return a number of digits only, of one of the lengths."""
    number = _plain_digits(text, name, field)
    if len(number) not in lengths:
        expected = _(" or ").join(str(length) for length in lengths)
        _refuse_length(name, expected, len(number), field)
    return number


def _plain_digits(text: str, name: str, field: str) -> str:
    number = re.sub(r"[\s\-‐-―]+", "", unicodedata.normalize("NFKC", text))
    if not (number.isascii() and number.isdigit()):
        _refuse_digits(name, field)
    return number


def _free(text: str, name: str, field: str, limit: int) -> str:
    """Return a number of unknown rules: one line, at least one digit, and short enough to be kept."""
    number = " ".join(unicodedata.normalize("NFKC", text).split())
    if len(number) > limit:
        found = len(number)
        text = _("%(what)s has at most %(limit)s characters; this has %(found)s", what=name, limit=limit, found=found)
        raise DomainError(text, field=field)
    if not number.isprintable() or not any(map(str.isdigit, number)):
        text = _("%(what)s: “%(number)s” is not written like one", what=name, number=number)
        raise DomainError(text, field=field)
    return number


def _refuse_length(name: str, expected: str, found: int, field: str) -> NoReturn:
    text = _("%(what)s has %(expected)s digits; this has %(found)s", what=name, expected=expected, found=found)
    raise DomainError(text, field=field)


def _refuse_check(name: str, field: str) -> NoReturn:
    raise DomainError(_("%(what)s is mistyped: its check digits do not fit", what=name), field=field)


def _refuse_digits(name: str, field: str) -> NoReturn:
    raise DomainError(_("%(what)s consists of digits only", what=name), field=field)


def _refuse_example(name: str, example: str, field: str) -> NoReturn:
    raise DomainError(_("%(what)s is written like this: %(example)s", what=name, example=example), field=field)
