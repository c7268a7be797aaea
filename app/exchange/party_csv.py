"""From the cells of a row to a counterparty: which column is which field, and what its words mean.

Rules of counterparties are not known here (services.party_rules has them); this only reads how files write things.
"""

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from app.errors import DomainError
from app.exchange.csv_file import Row
from app.exchange.party_field import FIELDS, IGNORED, OF_PROBLEMS, guess, key
from app.i18n import LANGUAGES
from app.i18n import gettext as _
from app.models.party import ChannelKind, PartyKind
from app.search import fold
from app.services.import_rows import Incoming, Mode, draft, draft_line

__all__ = ["Layout", "guess", "layout", "read_mapping"]

_KINDS = {
    PartyKind.company: "company; organisation; organization; legal entity; business; c; юр; юрлицо; юр. лицо;"
    "юридическое лицо; компания; организация; ооо; ип; индивидуальный предприниматель; ю; կազմակերպություն;"
    "ընկերություն; իրավաբանական անձ; իրավ. անձ; bedrijf; organisatie; rechtspersoon; zakelijk; b2b",
    PartyKind.person: "person; individual; private; private person; natural person; p; физ; физлицо; физ. лицо;"
    "физическое лицо; частное лицо; ф; անձ; ֆիզիկական անձ; ֆիզ. անձ; persoon; natuurlijk persoon; particulier; b2c",
}
_ROLES = {
    "is_customer": "customer; client; buyer; клиент; покупатель; заказчик; հաճախորդ; գնորդ; պատվիրատու; klant; afnemer;"
    "debiteur",
    "is_supplier": "supplier; vendor; seller; поставщик; продавец; մատակարար; վաճառող; leverancier; crediteur",
    "is_partner": "partner; reseller; agent; партнер; агент; дилер; գործընկեր; partner; wederverkoper",
}
_YES = "yes; y; true; t; 1; x; +; on; да; д; истина; есть; այո; ja; j; waar; v; ✓; ✔"
_NO = "no; n; false; f; 0; -; –; —; off; нет; н; ложь; ոչ; nee; onwaar"
_CURRENCIES = {
    "RUB": "₽; руб; руб.; рубль; рубли; rur; р.",
    "EUR": "€; euro; евро; եվրո",
    "USD": "$; доллар; доллары; us dollar; dollar; դոլար",
    "AMD": "֏; драм; դրամ; dram",
}
_COUNTRIES = {
    "RU": "рф; rf; российская федерация; russian federation; ռդ; rus; россия",
    "NL": "holland; голландия; հոլանդիա; the netherlands; nld; nederland",
    "AM": "республика армения; ра; հհ; հայաստանի հանրապետություն; republic of armenia; arm",
    "GB": "uk; england; англия",
    "US": "usa; u.s.a.; сша; united states of america",
    "DE": "фрг; deu",
    "BY": "рб; белоруссия",
}
_DATES = (
    re.compile(r"(?P<year>\d{4})[-./](?P<month>\d{1,2})[-./](?P<day>\d{1,2})(?:[T ]00:00(?::00)?.*)?", re.ASCII),
    re.compile(r"(?P<day>\d{1,2})[-./ ](?P<month>\d{1,2})[-./ ](?P<year>\d{4})(?: 0?0:00(?::00)?)?", re.ASCII),
)
_AROUND_AMOUNT = re.compile(r"^(?:[€$₽֏]|[A-Z]{3})|(?:[€$₽֏]|[A-Z]{3}|руб\.?)$")
_PLAIN_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?", re.ASCII)
_EITHER_WAY = re.compile(r"-?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)
_GROUPED_NUMBER = re.compile(r"-?\d{1,3}(?:[.,]\d{3})+(?:[.,]\d+)?", re.ASCII)
_SHORTENED = re.compile(r"\d[.,]\d+E\+?\d+", re.IGNORECASE)
_TEXT_FORMULA = re.compile(r'="(.*)"')
_LEAST_PHONE = 7  # digits
_NUMBERS = frozenset(  # what a spreadsheet takes for numbers, and spoils
    {"inn", "kpp", "ogrn", "btw", "kvk", "hvhh", "vat", "tax_branch", "registration_number", "postal_code"}
    | {"phone", "contact_phone", "iban", "account", "bik", "correspondent_account", "external_id"}
)


@dataclass(frozen=True)
class Layout:
    """How the rows of one file become counterparties."""

    columns: tuple[str, ...]
    fields: Mapping[int, str]  # position of a column → field
    country: str | None  # of the rows whose cells name none
    hint: str | None  # the only country whose numbers the columns speak of
    home: str | None  # ours

    @property
    def ignored(self) -> list[str]:
        """Return the columns that nothing is taken from, those of our own file of errors not counted."""
        return [
            name for at, name in enumerate(self.columns) if at not in self.fields and name.casefold() not in OF_PROBLEMS
        ]

    def column_of(self, target: str, row: Row | None = None) -> str:
        """Return the column that filled a field of the rules, "" where none did; a filled cell speaks first.

        What is missing in an address or a bank account ("bank_accounts-0-iban") is said at another column of it.
        """
        found = [at for at, name in self.fields.items() if target in {FIELDS[name].target, name}]
        if not found and "-" in target:
            beside = target.rpartition("-")[0] + "-"
            found = [at for at, name in self.fields.items() if FIELDS[name].target.startswith(beside)]
        if row is not None:
            found.sort(key=lambda at: not (at < len(row.cells) and row.cells[at].strip()))
        return self.columns[found[0]] if found else ""

    def incoming(self, row: Row) -> Incoming:
        """Turn a row that could be read into a counterparty's draft."""
        cells = {name: text for at, name in self.fields.items() if (text := row.cells[at].strip())}
        return _Reading(self, cells).incoming(row.line)


def layout(
    columns: Sequence[str],
    mapping: Mapping[str, str],
    *,
    mode: Mode = Mode.create,
    country: str | None = None,
    home: str | None = None,
) -> Layout:
    """Check a mapping from columns to fields against the columns of a file.

    `country` is used for rows that name none, `home` (our own country) when nothing else tells.
    Raises DomainError for unknown columns and fields, for a field that is given twice, and without a name.
    """
    known = {name: at for at, name in enumerate(columns)}
    folded = {key(name): at for name, at in reversed(known.items())}
    fields: dict[int, str] = {}
    for column, name in mapping.items():
        if name in IGNORED or not name:
            continue
        at = known.get(column, folded.get(key(column)))
        if at is None:
            text = _("The file has no column “%(name)s”; it has: %(columns)s", name=column, columns=", ".join(columns))
            raise DomainError(text, field="mapping")
        if name not in FIELDS:
            text = _("There is no field “%(name)s”; there are: %(fields)s", name=name, fields=", ".join(FIELDS))
            raise DomainError(text, field="mapping")
        if name in fields.values() or at in fields:
            raise DomainError(_("“%(name)s” is given twice", name=name), field="mapping")
        fields[at] = name
    targets = set(fields.values())
    if "name" not in targets and mode is not Mode.update:
        text = _("Say which column holds the name; the file has: %(columns)s", columns=", ".join(columns))
        raise DomainError(text, field="mapping")
    if mode is not Mode.create and not any(
        name == "external_id" or FIELDS[name].target == "tax_number" for name in targets
    ):
        raise DomainError(_("To change known ones, the file needs a tax number or an external number"), field="mapping")
    hints = {FIELDS[name].country for name in targets} - {None}
    hint = hints.pop() if len(hints) == 1 else None
    return Layout(tuple(columns), fields, country, hint, home)


def read_mapping(text: str) -> dict[str, str]:
    """Read "ИНН=inn,Название=name"; a column with a comma in its name stands in quotation marks.

    Raises DomainError for a part without "=".
    """
    found: dict[str, str] = {}
    for part in next(csv.reader([text.replace("\n", " ")], skipinitialspace=True), []):
        if not part.strip():
            continue
        column, sign, name = part.rpartition("=")
        if not sign or not column.strip():
            raise DomainError(_("“%(part)s” is not written like ИНН=inn", part=part.strip()), field="mapping")
        found[column.strip()] = name.strip()
    return found


class _Reading:
    """One row being read: the draft that grows, and what is wrong with its cells."""

    def __init__(self, of: Layout, cells: dict[str, str]) -> None:
        self.of = of
        self.cells = cells
        self.party = draft()
        self.errors: dict[str, list[str]] = {}
        self.origins: dict[str, str] = {}

    def incoming(self, line: int) -> Incoming:
        """Read all cells."""
        for name in ("name", "legal_name", "website", "note", "source"):
            setattr(self.party, name, self.cells.get(name))
        self._numbers()
        self._words()
        self._roles()
        self._several("phone", ChannelKind.phone, re.compile(r"[;,/|\n]+"), _is_phone)
        self._several("email", ChannelKind.email, re.compile(r"[;,/|\s]+"), lambda part: "@" in part)
        self._address()
        self._contact()
        self._account()
        stated = {name for name, value in vars(self.party).items() if value is not None and not isinstance(value, list)}
        if self.cells.get("owner"):
            stated.add("owner")
        if self.party.country is None and "country" not in self.errors:
            self.party.country = self._country()
        return Incoming(line, self.party, frozenset(stated), self.cells.get("owner"), self.errors, self.origins)

    def _take(self, name: str, read: Callable[[str], Any]) -> Any:  # noqa: ANN401
        """Return what a cell says, None when it is empty or cannot be understood."""
        text = self.cells.get(name)
        if not text:
            return None
        try:
            return read(text)
        except DomainError as refusal:
            self.errors.setdefault(FIELDS[name].target, []).append(refusal.text)
            return None

    def _numbers(self) -> None:
        for name in _NUMBERS & self.cells.keys():
            text = _without_wrapping(self.cells[name])
            if _SHORTENED.fullmatch(text):
                reason = _("A spreadsheet has shortened this number: format its column as text and export it again")
                self.errors.setdefault(FIELDS[name].target, []).append(reason)
                del self.cells[name]
                continue
            self.cells[name] = text
            target = FIELDS[name].target
            if hasattr(self.party, target) and name != "phone" and getattr(self.party, target) is None:
                setattr(self.party, target, text)

    def _words(self) -> None:
        party = self.party
        party.kind = self._take("kind", _kind)
        party.country = self._take("country", _country)
        party.language = self._take("language", _language)
        party.currency = self._take("currency", _currency)
        party.birthday = self._take("birthday", _day)
        party.credit_limit = self._take("credit_limit", _amount)

    def _roles(self) -> None:
        for name in self._take("type", _roles) or ():
            setattr(self.party, name, True)
        for name in _ROLES:
            value = self._take(name, _yes_or_no)
            if value is not None:
                setattr(self.party, name, value)

    def _several(self, name: str, kind: ChannelKind, between: re.Pattern[str], is_one: Callable[[str], bool]) -> None:
        """Put the first of several numbers or addresses in one cell into the field, the others beside it."""
        text = self.cells.get(name)
        if not text:
            return
        parts = [part.strip() for part in between.split(text) if part.strip()]
        if len(parts) < 2 or not all(map(is_one, parts)):  # noqa: PLR2004 -- one is not several
            setattr(self.party, name, text)
            return
        setattr(self.party, name, parts[0])
        for part in dict.fromkeys(parts[1:]):
            self._channel(name, kind, part)

    def _channel(self, name: str, kind: ChannelKind, value: str) -> None:
        self.origins[f"channels-{len(self.party.channels)}-value"] = name
        self.party.channels.append(draft_line("channels", kind=kind, value=value))

    def _address(self) -> None:
        cells = self.cells
        given = {name: cells.get(name) for name in ("street", "postal_code", "city", "region")}
        given["street"] = given["street"] or cells.get("address")
        if any(given.values()):
            self.party.addresses.append(draft_line("addresses", **given))

    def _contact(self) -> None:
        cells = self.cells
        name, phone, email = cells.get("contact"), cells.get("contact_phone"), cells.get("contact_email")
        if name:
            contact = draft_line("contacts", name=name, role=cells.get("contact_role"), phone=phone, email=email)
            self.party.contacts.append(contact)
            return
        # nobody's name is known: then it is one more way to reach the counterparty
        if phone:
            self._channel("contact_phone", ChannelKind.phone, phone)
        if email:
            self._channel("contact_email", ChannelKind.email, email)

    def _account(self) -> None:
        names = ("iban", "account", "bic", "bik", "bank_name", "correspondent_account")
        given = {name: self.cells.get(name) for name in names}
        if any(given.values()):
            self.party.bank_accounts.append(draft_line("bank_accounts", **given))

    def _country(self) -> str | None:
        """Return the country of a row that names none: as told, as its numbers say, else our own."""
        if self.of.country:
            return self.of.country
        for name in self.cells:
            if FIELDS[name].country:
                return FIELDS[name].country
        prefix = (self.party.tax_number or "")[:2].upper()
        if "vat" in self.cells and prefix.isascii() and prefix.isalpha():
            return {"EL": "GR", "XI": "GB"}.get(prefix, prefix)
        return self.of.hint or self.of.home


def _is_phone(part: str) -> bool:
    return sum(map(str.isdigit, part)) >= _LEAST_PHONE


def _without_wrapping(text: str) -> str:
    """Take off what keeps a spreadsheet from spoiling a number: ="0123" and '0123."""
    formula = _TEXT_FORMULA.fullmatch(text)
    return formula[1].strip() if formula else text.removeprefix("'").strip()


def _table(words: Mapping[Any, str]) -> dict[str, Any]:
    return {_word(word): member for member, text in words.items() for word in text.split(";")}


def _word(text: str) -> str:
    plain = text.strip().casefold()
    return fold(plain).replace(" ", "") or plain


_KIND_WORDS = _table(_KINDS)
_ROLE_WORDS = _table(_ROLES)
_YES_WORDS = _table({True: _YES, False: _NO})
_CURRENCY_WORDS = _table(_CURRENCIES)


def _of(words: Mapping[str, Any], text: str) -> Any:  # noqa: ANN401
    found = words.get(_word(text))
    if found is None:
        raise DomainError(_("“%(given)s” is not understood here", given=text[:60]))
    return found


def _kind(text: str) -> PartyKind:
    return PartyKind(_of(_KIND_WORDS, text))


def _yes_or_no(text: str) -> bool:
    return bool(_of(_YES_WORDS, text))


def _roles(text: str) -> list[str]:
    return [_of(_ROLE_WORDS, part.strip()) for part in re.split(r"[,;/|+&]", text) if part.strip()]


def _currency(text: str) -> str:
    return str(_CURRENCY_WORDS.get(_word(text), text))


def _language(text: str) -> str:
    return _languages().get(_word(text), text)


def _country(text: str) -> str:
    """Return the code of a country that is named in one of our languages; a code passes as it is."""
    found = _countries().get(_word(text))
    if found:
        return found
    if len(text) == 2:  # noqa: PLR2004 -- the rules say whether there is such a code
        return text
    raise DomainError(_("“%(given)s” is no country; write its name or a code like NL", given=text[:60]))


@lru_cache(maxsize=1)
def _countries() -> dict[str, str]:
    from babel import Locale

    found: dict[str, str] = {}
    for language in LANGUAGES:
        for code, name in Locale(language).territories.items():
            if len(code) == 2 and code.isalpha():  # noqa: PLR2004
                found.setdefault(_word(name), code)
    return found | _table(_COUNTRIES)


@lru_cache(maxsize=1)
def _languages() -> dict[str, str]:
    from babel import Locale

    return {_word(Locale(one).languages[code]): code for one in LANGUAGES for code in LANGUAGES}


def _day(text: str) -> date:
    """Read a day: the year first, or last behind day and month."""
    for pattern in _DATES:
        found = pattern.fullmatch(text)
        if found:
            try:
                return date(int(found["year"]), int(found["month"]), int(found["day"]))
            except ValueError:
                break
    raise DomainError(_("“%(given)s” is no date; write it like 31.03.2026 or 2026-03-31", given=text[:40]))


def _amount(text: str) -> Decimal:
    """Read an amount, whichever way it is written, unless it could be two: "1.234" is refused."""
    plain = _AROUND_AMOUNT.sub("", re.sub(r"[\s'’]", "", text))
    marks = re.sub(r"[^.,]", "", plain)
    one_or_thousand = _EITHER_WAY.fullmatch(plain)
    if _PLAIN_NUMBER.fullmatch(plain) and not one_or_thousand:
        return Decimal(plain.replace(",", "."))
    if _GROUPED_NUMBER.fullmatch(plain) and not one_or_thousand and len(set(marks[:-1])) == 1:
        whole, _mark, part = plain.rpartition(marks[-1])
        if marks[-1] not in marks[:-1]:
            return Decimal(re.sub(r"[.,]", "", whole) + f".{part}")
        if len(part) == 3:  # noqa: PLR2004 -- one more group
            return Decimal(re.sub(r"[.,]", "", plain))
    raise DomainError(_("“%(given)s” can be read in two ways or none; write it like 1234.50", given=text[:40]))
