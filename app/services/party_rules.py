"""The rules of a counterparty's fields: every value in its normal form, every refusal at its field."""

import re
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any

from app.columns import Amount
from app.errors import DomainError, Refusals
from app.i18n import LANGUAGES
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.party import (
    AddressUsage,
    ChannelKind,
    Party,
    PartyAddress,
    PartyBankAccount,
    PartyChannel,
    PartyContact,
    PartyIdentifier,
    PartyKind,
)
from app.models.party_interest import PartyInterest, Reached, Strength
from app.services import channel as channels
from app.services import identifier as identifiers
from app.services.text import is_blank, line, lines

_NOTE_LENGTH = 20_000
LANGUAGE_OF = {"RU": "ru", "BY": "ru", "KZ": "ru", "KG": "ru", "AM": "hy", "NL": "nl", "BE": "nl", "SR": "nl"}
# Bank papers and 1C write the ИНН and the КПП as one: "7707083893/770701001".
_INN_WITH_KPP = re.compile(r"\s*(\d{10})\s*[/\\ ]\s*(\d{9})\s*", re.ASCII)
_LIKE_AN_IBAN = re.compile(r"\s*[A-Za-z]{2}\s*\d{2}[\sA-Za-z0-9]{11,}", re.ASCII)

Rule = Callable[[Any], Any]


def refuse_erased(party: Party) -> None:
    """Raise DomainError for a person who was made anonymous: nothing new names him."""
    if party.anonymised_at is not None:
        raise DomainError(_("This person was made anonymous; nothing can be written down about him any more"))


def normalise(party: Party) -> None:
    """Bring a counterparty and its rows into their normal form.

    Raises Refusals with everything that is wrong; nothing is changed then.
    """
    checked = _Checked(party)
    _check_party(checked, party)
    for at, address in enumerate(party.addresses):
        _check_address(checked, address, f"addresses-{at}-")
    for at, contact in enumerate(party.contacts):
        _check_contact(checked, contact, f"contacts-{at}-")
    for at, channel in enumerate(party.channels):
        _check_channel(checked, channel, f"channels-{at}-")
    for at, account in enumerate(party.bank_accounts):
        _check_bank_account(checked, account, f"bank_accounts-{at}-")
    for at, identifier in enumerate(party.identifiers):
        _check_identifier(checked, identifier, f"identifiers-{at}-")
    for at, interest in enumerate(party.interests):
        _check_interest(checked, interest, f"interests-{at}-")
    checked.store()


class _Checked:
    """Collects the new values of a save and its refusals; nothing is set before all rules have spoken."""

    def __init__(self, party: Party) -> None:
        self.party = party
        self.country: str | None = None
        self.errors: dict[str, list[str]] = {}
        self.values: list[tuple[Any, str, Any]] = []
        self.channels: list[PartyChannel] = []  # to be added

    def take(self, record: Any, name: str, rule: Rule, prefix: str = "") -> Any:  # noqa: ANN401
        """Return the normal form of a field, None when it is empty or refused."""
        typed = getattr(record, name)
        value = None
        if typed is not None and not (isinstance(typed, str) and is_blank(typed)):
            try:
                value = rule(typed)
            except DomainError as refusal:
                self.refuse(prefix + name, refusal.text)
                return None
        self.values.append((record, name, value))
        return value

    def need(self, record: Any, name: str, rule: Rule, text: Any, prefix: str = "") -> Any:  # noqa: ANN401
        """Return the normal form of a field that must not be empty; the text is translated when it is needed."""
        value = self.take(record, name, rule, prefix)
        if value is None and prefix + name not in self.errors:
            self.refuse(prefix + name, str(text))
        return value

    def choose(self, record: Any, name: str, of: type[StrEnum], default: StrEnum, prefix: str = "") -> Any:  # noqa: ANN401
        """Return a member of a list of choices; nothing chosen means the default."""
        typed = getattr(record, name)
        if not typed:
            self.values.append((record, name, default))
            return default
        return self.take(record, name, lambda text: _member(of, text), prefix)

    def set(self, record: Any, name: str, value: Any) -> None:  # noqa: ANN401
        self.values.append((record, name, value))

    def phone(self, text: str) -> str:
        """Return a telephone number as it is dialled from the party's country."""
        number = line(text, limit=100)
        if "country" in self.errors:
            return number  # one refusal is enough: the country is mended first
        return channels.normalise_phone(number, self.country)

    def refuse(self, field: str, text: str) -> None:
        self.errors.setdefault(field, []).append(text)

    def store(self) -> None:
        """Set all values, or raise all refusals."""
        if self.errors:
            raise Refusals(self.errors)
        for record, name, value in self.values:
            setattr(record, name, value)
        self.party.channels.extend(self.channels)


def _check_party(checked: _Checked, party: Party) -> None:
    kind = checked.choose(party, "kind", PartyKind, PartyKind.company) or PartyKind.company
    checked.need(party, "name", _line(250), _l("A counterparty needs a name"))
    for name, limit in (("legal_name", 500), ("source", 60), ("external_id", 64)):
        checked.take(party, name, _line(limit))
    checked.country = country = checked.take(party, "country", _country)
    language = checked.take(party, "language", _language)
    if language is None and "language" not in checked.errors:
        checked.set(party, "language", LANGUAGE_OF.get(country or "", "en"))
    checked.take(party, "currency", _currency)
    _check_tax(checked, party, country, kind)
    _check_reach(checked, party)
    checked.take(party, "note", lambda text: lines(text, limit=_NOTE_LENGTH))
    checked.take(party, "credit_limit", _credit)
    checked.take(party, "preferred_channel", lambda text: _member(Reached, text))
    checked.take(party, "call_time", _line(60))


def _check_tax(checked: _Checked, party: Party, country: str | None, kind: str) -> None:
    if "country" in checked.errors:
        return  # without the country nobody knows which rules hold
    both = _INN_WITH_KPP.fullmatch(party.tax_number or "") if country == "RU" and not party.tax_branch else None
    number, branch = both.groups() if both else (None, None)
    checked.take(party, "tax_number", lambda text: identifiers.normalise_tax_number(country, kind, number or text))
    if branch:
        checked.set(party, "tax_branch", branch)
    else:
        checked.take(party, "tax_branch", lambda text: identifiers.normalise_tax_branch(country, text))
    checked.take(
        party, "registration_number", lambda text: identifiers.normalise_registration_number(country, kind, text)
    )


def _check_reach(checked: _Checked, party: Party) -> None:
    typed = party.phone
    phone = checked.take(party, "phone", checked.phone)
    if not checked.errors and phone and typed and (extension := channels.extension(typed, checked.country)):
        # E.164 has no place for it, and whom to ask for must not get lost
        label = _("ext. %(number)s", number=extension)
        checked.channels.append(
            PartyChannel(kind=ChannelKind.phone, value=phone, raw=line(typed, limit=500), label=label)
        )
    checked.take(party, "email", channels.normalise_email)
    checked.take(party, "website", channels.normalise_website)


def _check_address(checked: _Checked, address: PartyAddress, prefix: str) -> None:
    checked.choose(address, "usage", AddressUsage, AddressUsage.legal, prefix)
    limits = {"street": 250, "postal_code": 20, "city": 120, "region": 120}
    given = [checked.take(address, name, _line(limit), prefix) for name, limit in limits.items()]
    checked.take(address, "country", _country, prefix)
    if not any(given) and not any(prefix + name in checked.errors for name in limits):
        checked.refuse(f"{prefix}street", _("An address needs a street or a place"))


def _check_contact(checked: _Checked, contact: PartyContact, prefix: str) -> None:
    checked.need(contact, "name", _line(250), _l("A contact person needs a name"), prefix)
    checked.take(contact, "role", _line(120), prefix)
    checked.take(contact, "phone", checked.phone, prefix)
    checked.take(contact, "email", channels.normalise_email, prefix)
    checked.take(contact, "language", _language, prefix)
    checked.take(contact, "note", lambda text: lines(text, limit=_NOTE_LENGTH), prefix)


def _check_channel(checked: _Checked, channel: PartyChannel, prefix: str) -> None:
    kind = checked.choose(channel, "kind", ChannelKind, ChannelKind.phone, prefix)
    checked.take(channel, "label", _line(60), prefix)
    if kind is None:
        return

    def normal(text: str) -> str:
        address = line(text, limit=500)
        return address if "country" in checked.errors else channels.normalise(kind, address, checked.country)

    typed = channel.value
    value = checked.need(channel, "value", normal, _l("A way to reach somebody needs its number or address"), prefix)
    if value is not None and not _was_typed(channel.raw, value, normal):
        checked.set(channel, "raw", line(typed, limit=500))


def _was_typed(raw: str | None, value: str, normal: Rule) -> bool:
    """Say whether the remembered text still stands for the value."""
    try:
        return bool(raw) and normal(raw or "") == value
    except DomainError:
        return False


def _check_bank_account(checked: _Checked, account: PartyBankAccount, prefix: str) -> None:
    checked.take(account, "bank_name", _line(250), prefix)
    checked.take(account, "currency", _currency, prefix)
    iban = checked.take(account, "iban", identifiers.normalise_iban, prefix)
    bic = checked.take(account, "bic", identifiers.normalise_bic, prefix)
    bik = checked.take(account, "bik", identifiers.normalise_bik, prefix)
    if f"{prefix}bik" in checked.errors:
        return  # the other numbers are checked against it
    checked.take(
        account,
        "correspondent_account",
        lambda text: identifiers.normalise_correspondent_account(text, bik=bik),
        prefix,
    )
    if not account.iban and _LIKE_AN_IBAN.match(account.account or ""):
        iban = checked.take(account, "account", identifiers.normalise_iban, prefix)
        checked.set(account, "iban", iban)
        checked.set(account, "account", None)
        return
    country = _bank_country(checked.country, bic)
    number = checked.take(
        account, "account", lambda text: identifiers.normalise_account(country, text, bik=bik), prefix
    )
    if not (iban or number) and not {f"{prefix}iban", f"{prefix}account"} & checked.errors.keys():
        checked.refuse(f"{prefix}iban", _("Give the IBAN or the account number"))


def _bank_country(own: str | None, bic: str | None) -> str | None:
    """Return the country whose rules an account follows: that of its bank, as far as it is known.

    A Russian bank that is named by its BIC only cannot be checked: the key needs its БИК.
    """
    if bic is None:
        return own
    return bic[4:6] if bic[4:6] != "RU" else None


def _check_identifier(checked: _Checked, identifier: PartyIdentifier, prefix: str) -> None:
    scheme = checked.need(identifier, "scheme", _line(40), _l("Say what number this is"), prefix)
    checked.need(
        identifier,
        "value",
        lambda text: identifiers.normalise_identifier(scheme or "", line(text, limit=100)),
        _l("The number is missing"),
        prefix,
    )


def _check_interest(checked: _Checked, interest: PartyInterest, prefix: str) -> None:
    if is_blank(interest.topic or "") and interest.product is not None:
        checked.set(interest, "topic", interest.product.name[:120])
    else:
        checked.need(interest, "topic", _line(120), _l("Say what they are interested in"), prefix)
    checked.choose(interest, "strength", Strength, Strength.clear, prefix)
    checked.take(interest, "source", _line(60), prefix)


def _line(limit: int) -> Rule:
    return lambda text: line(text, limit=limit)


def _country(text: str) -> str:
    code = text.strip().upper()
    if code not in known_countries():
        raise DomainError(_("“%(code)s” is no country code; two letters like NL are", code=text.strip()))
    return code


def _language(text: str) -> str:
    code = text.strip().lower()
    if code not in LANGUAGES:
        raise DomainError(_("Letters and documents are written in one of: %(codes)s", codes=", ".join(LANGUAGES)))
    return code


def _currency(text: str) -> str:
    code = text.strip().upper()
    if code not in _currencies():
        raise DomainError(_("“%(code)s” is no currency code; three letters like EUR are", code=text.strip()))
    return code


def _credit(limit: Decimal) -> Decimal:
    exact = Amount().fit(limit)
    if exact < 0:
        raise DomainError(_("A credit limit is not negative"))
    return exact


def _member(of: type[StrEnum], text: str) -> StrEnum:
    try:
        return of(text)
    except ValueError:
        choices = ", ".join(of)
        raise DomainError(_("“%(given)s” is none of: %(choices)s", given=text, choices=choices)) from None


@lru_cache(maxsize=1)
def known_countries() -> frozenset[str]:
    """Return the ISO 3166-1 codes that the locale data knows, its own private ones left out."""
    from babel import Locale

    private = {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"}
    return frozenset(code for code in map(str, Locale("en").territories) if re.fullmatch("[A-Z]{2}", code)) - private


@lru_cache(maxsize=1)
def _currencies() -> frozenset[str]:
    from babel.numbers import list_currencies

    return frozenset(list_currencies())
