"""Rows of a file on their way to counterparties: what they say, what became of each, what they share."""

from dataclasses import dataclass, field
from enum import StrEnum
from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy import Table

from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.party import Party, PartyAddress, PartyBankAccount, PartyChannel, PartyContact
from app.services.party import DuplicateReason


class Mode(StrEnum):
    """What becomes of a row whose counterparty is known already, and of one whose is not."""

    create = "create"
    update = "update"
    both = "both"


class Result(StrEnum):
    """What became of a row."""

    created = "created"
    updated = "updated"
    duplicate = "duplicate"
    rejected = "rejected"


label(
    Mode,
    create=_l("Add new ones, leave known ones as they are"),
    update=_l("Change known ones, add none"),
    both=_l("Add new ones and change known ones"),
)
label(
    Result,
    created=_l("Added"),
    updated=_l("Changed"),
    duplicate=_l("Known already"),
    rejected=_l("Rejected"),
)
label(
    DuplicateReason,
    tax_number=_l("Tax number"),
    phone=_l("Phone"),
    email=_l("E-mail"),
    name=_l("Name"),
    similar_name=_l("Similar name"),
)

LINES: dict[str, type[Any]] = {
    "addresses": PartyAddress,
    "contacts": PartyContact,
    "channels": PartyChannel,
    "bank_accounts": PartyBankAccount,
}


def table_of(entity: type[Any]) -> Table:
    """Return the table of an entity."""
    return cast("Table", entity.__table__)


PARTY = table_of(Party)
_SET_HERE = frozenset({"id", "created_at", "changed_at", "version", "archived_at"})
PARTY_COLUMNS = [column.key for column in PARTY.columns if column.key not in _SET_HERE]
LINE_COLUMNS = {
    name: [column.key for column in table_of(entity).columns if column.key not in {"id", "party_id"}]
    for name, entity in LINES.items()
}
_BLANK_PARTY: dict[str, Any] = {column.key: None for column in PARTY.columns}
_BLANK_LINES: dict[str, dict[str, Any]] = {
    name: {column.key: None for column in table_of(entity).columns} for name, entity in LINES.items()
}


def draft(**values: Any) -> SimpleNamespace:  # noqa: ANN401
    """Return an object with the attributes of a Party and nothing stated but the given values."""
    lists: dict[str, Any] = {name: [] for name in (*LINES, "identifiers", "interests")}
    return SimpleNamespace(**(_BLANK_PARTY | lists | values))


def draft_line(of: str, **values: Any) -> SimpleNamespace:  # noqa: ANN401
    """Return an object with the attributes of a row of one of a party's lists ("addresses", "contacts", …)."""
    return SimpleNamespace(**(_BLANK_LINES[of] | values))


@dataclass
class Incoming:
    """One row of a file on its way to a counterparty.

    Shape: `errors` maps a field, named as party_rules names it, to what is wrong with its cell already; `stated`
    are the party's own fields that the row speaks of; `owner` is a user name; `origins` names the cell behind a
    field of the rules where that is not plain from its name ("channels-0-value" → "phone").
    """

    line: int
    party: SimpleNamespace
    stated: frozenset[str]
    owner: str | None = None
    errors: dict[str, list[str]] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)


@dataclass
class Outcome:
    """What became of one row, and why; `warnings` do not keep it from being stored."""

    line: int
    result: Result
    party_id: int | None = None
    errors: dict[str, list[str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


@dataclass
class Seen:
    """The rows of the file so far, by what they must not share.

    One for each call is enough where the rows are stored, since the database then knows them; a dry run keeps one.
    """

    by_tax_number: dict[str, list[tuple[int, str | None, str | None]]] = field(default_factory=dict)
    by_external_id: dict[str, int] = field(default_factory=dict)
    by_trait: dict[tuple[str, str], int] = field(default_factory=dict)

    def strong(self, party: SimpleNamespace) -> tuple[int, str] | None:
        """Return the line of an earlier row about the same counterparty, and the field that says so."""
        if party.external_id in self.by_external_id:
            return self.by_external_id[party.external_id], "external_id"
        for line, country, branch in self.by_tax_number.get(party.tax_number, []):
            if _agree(country, party.country) and _agree(branch, party.tax_branch):
                return line, "tax_number"
        return None

    def weak(self, party: SimpleNamespace) -> dict[int, list[str]]:
        """Return the lines of earlier rows that share less: telephone, e-mail, name."""
        found: dict[int, list[str]] = {}
        for reason, value in _weak_traits(party):
            line = self.by_trait.get((reason, value))
            if line is not None and not (reason == "name" and party.tax_number):
                found.setdefault(line, []).append(reason)
        return found

    def add(self, party: SimpleNamespace, line: int) -> None:
        """Remember a row."""
        if party.tax_number:
            self.by_tax_number.setdefault(party.tax_number, []).append((line, party.country, party.tax_branch))
        if party.external_id:
            self.by_external_id.setdefault(party.external_id, line)
        for trait in _weak_traits(party):
            self.by_trait.setdefault(trait, line)


def _weak_traits(party: SimpleNamespace) -> list[tuple[str, str]]:
    found = (("phone", party.phone), ("email", party.email), ("name", party.name_key))
    return [(reason, value) for reason, value in found if value]


def _agree(one: str | None, other: str | None) -> bool:
    return not one or not other or one == other
