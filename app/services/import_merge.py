"""Putting what a row of a file says over what is known of a counterparty: stated values win, empty cells lose."""

from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy.orm import selectinload

from app.models.party import AddressUsage, Party, PartyAddress, PartyBankAccount, PartyChannel, PartyContact
from app.services import party as parties
from app.services import party_rules as rules

_LINES: dict[str, type[Any]] = {
    "addresses": PartyAddress,
    "contacts": PartyContact,
    "channels": PartyChannel,
    "bank_accounts": PartyBankAccount,
}
_DERIVED = frozenset({"id", "created_at", "changed_at", "version", "archived_at"})
_OWNERS = ("owner_id", "team_id")  # whoever imports does not become the owner of what somebody has made
_PARTY = [column.key for column in Party.__table__.columns if column.key not in _DERIVED]
_OF_LINE = {
    name: [column.key for column in entity.__table__.columns if column.key != "party_id"]
    for name, entity in _LINES.items()
}
WITH_LINES = tuple(selectinload(getattr(Party, name)) for name in (*_LINES, "identifiers", "interests"))


def copy_of(party: Any) -> SimpleNamespace:  # noqa: ANN401 -- a record or a copy
    """Return a plain copy of a counterparty and its rows; what no file changes is shared."""
    copied = {name: getattr(party, name) for name in (*_PARTY, "id")}
    lists = {name: [_line(name, line) for line in getattr(party, name)] for name in _LINES}
    return SimpleNamespace(**copied, **lists, identifiers=party.identifiers, interests=party.interests)


def _line(of: str, line: Any) -> SimpleNamespace:  # noqa: ANN401
    return SimpleNamespace(**{name: getattr(line, name) for name in _OF_LINE[of]})


def merged(base: SimpleNamespace, given: SimpleNamespace, stated: frozenset[str]) -> SimpleNamespace:
    """Return a copy of a counterparty with what a row states, in normal form.

    Raises Refusals when the two do not go together; neither is changed.
    """
    made = copy_of(base)
    for name in _PARTY:
        value = getattr(given, name)
        if value is not None and name not in _OWNERS and (name in stated or getattr(made, name) is None):
            setattr(made, name, value)
    if "owner" in stated:
        made.owner_id, made.team_id = given.owner_id, given.team_id
    for address in given.addresses:
        _put(made.addresses, "addresses", address, _same_address)
    for contact in given.contacts:
        _put(made.contacts, "contacts", contact, lambda one, other: one.name.casefold() == other.name.casefold())
    for channel in given.channels:
        _put(made.channels, "channels", channel, lambda one, other: (one.kind, one.value) == (other.kind, other.value))
    for account in given.bank_accounts:
        _put(made.bank_accounts, "bank_accounts", account, _same_account)
    rules.normalise(cast("Party", made))
    parties.derive(cast("Party", made))
    return made


def _put(lines: list[SimpleNamespace], of: str, line: Any, same: Any) -> None:  # noqa: ANN401
    """Change the row that the new one speaks of, or add it."""
    for kept in lines:
        if same(kept, line):
            for name in _OF_LINE[of]:
                value = getattr(line, name)
                if value is not None and name != "id":
                    setattr(kept, name, value)
            return
    lines.append(_line(of, line))


def _same_address(one: SimpleNamespace, other: SimpleNamespace) -> bool:
    return (one.usage or AddressUsage.legal) == (other.usage or AddressUsage.legal)


def _same_account(one: SimpleNamespace, other: SimpleNamespace) -> bool:
    return (one.iban, one.account) == (other.iban, other.account)


def apply(record: Party, made: SimpleNamespace) -> None:
    """Write a merged copy into its record; what is the same stays untouched."""
    _set(record, made, _PARTY)
    for name, entity in _LINES.items():
        standing = {line.id: line for line in getattr(record, name)}
        for line in getattr(made, name):
            kept = standing.get(line.id)
            if kept is None:
                kept = entity()
                getattr(record, name).append(kept)
            _set(kept, line, [column for column in _OF_LINE[name] if column != "id"])


def _set(record: Any, made: Any, names: list[str]) -> None:  # noqa: ANN401
    for name in names:
        value = getattr(made, name)
        if getattr(record, name) != value:
            setattr(record, name, value)
