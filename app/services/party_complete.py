"""How complete a counterparty is: what is worth having of it, by its kind and its parts, and what is missing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session, selectinload

from app.i18n import lazy_gettext as _l
from app.models.party import (
    ChannelKind,
    Party,
    PartyAddress,
    PartyBankAccount,
    PartyChannel,
    PartyContact,
    PartyKind,
)

ENOUGH = 70  # from here on a counterparty is not on the list "to be completed"
FULL = 100
Test = Callable[[Any], bool]


@dataclass(frozen=True)
class Want:
    """Something worth having: `field` is where it is typed; `fits` says of which counterparties it is wanted."""

    field: str
    label: Any
    weight: int
    has: Test
    fits: Test = lambda _party: True


def _reached(party: Any, kind: ChannelKind) -> bool:  # noqa: ANN401 -- a record or a draft
    return any(channel.kind == kind for channel in party.channels)


def _is_company(party: Any) -> bool:  # noqa: ANN401
    return (party.kind or PartyKind.company) == PartyKind.company


WANTED: tuple[Want, ...] = (
    Want("legal_name", _l("Legal name"), 10, lambda one: bool(one.legal_name), _is_company),
    Want("tax_number", _l("Tax number"), 20, lambda one: bool(one.tax_number), _is_company),
    Want("country", _l("Country"), 10, lambda one: bool(one.country)),
    Want("phone", _l("Phone"), 15, lambda one: bool(one.phone) or _reached(one, ChannelKind.phone)),
    Want("email", _l("E-mail"), 15, lambda one: bool(one.email) or _reached(one, ChannelKind.email)),
    Want("addresses", _l("Address"), 15, lambda one: bool(one.addresses)),
    Want("contacts", _l("Contact person"), 15, lambda one: bool(one.contacts), _is_company),
    Want(
        "bank_accounts", _l("Bank account"), 15, lambda one: bool(one.bank_accounts), lambda one: bool(one.is_supplier)
    ),
    Want("source", _l("Source"), 5, lambda one: bool(one.source), lambda one: bool(one.is_customer)),
    Want("birthday", _l("Birthday"), 5, lambda one: bool(one.birthday), lambda one: not _is_company(one)),
)


def missing(party: Any) -> list[Want]:  # noqa: ANN401 -- a record or a draft
    """Return what is wanted of a counterparty and is not there, the weightiest first."""
    return sorted((want for want in _of(party) if not want.has(party)), key=lambda want: -want.weight)


def missing_of(session: Session, party: Party) -> list[Want]:
    """Return what is missing of a stored counterparty, by one statement, without reading its rows."""

    def some(entity: Any, *where: Any) -> Any:  # noqa: ANN401 -- a class of rows
        return select(entity.id).where(entity.party_id == party.id, *where).exists()

    found = session.execute(
        select(
            some(PartyAddress),
            some(PartyContact),
            some(PartyBankAccount),
            some(PartyChannel, PartyChannel.kind == ChannelKind.phone),
            some(PartyChannel, PartyChannel.kind == ChannelKind.email),
        )
    ).one()
    kinds = (ChannelKind.phone, ChannelKind.email)
    channels = [SimpleNamespace(kind=kind) for kind, is_there in zip(kinds, found[3:], strict=True) if is_there]
    names = ("kind", "legal_name", "tax_number", "country", "phone", "email", "source", "birthday")
    own = {name: getattr(party, name) for name in (*names, "is_customer", "is_supplier")}
    rows = {"addresses": found[0], "contacts": found[1], "bank_accounts": found[2], "channels": channels}
    return missing(SimpleNamespace(**own, **rows))


def score(party: Any) -> int:  # noqa: ANN401 -- a record or a draft
    """Return how much of what is wanted is there, in percent of the weights."""
    wanted = list(_of(party))
    there = sum(want.weight for want in wanted if want.has(party))
    return round(FULL * there / sum(want.weight for want in wanted))


def _of(party: Any) -> Iterator[Want]:  # noqa: ANN401
    return (want for want in WANTED if want.fits(party))


def incomplete() -> ColumnElement[bool]:
    """Return the condition of counterparties that are to be completed."""
    return Party.completeness < ENOUGH


def fill(session: Session, derive: Callable[[Party], None], *, most: int) -> int:
    """Work out the keys and the completeness of some counterparties that have none yet; return of how many.

    Nothing that people have typed changes: neither version nor history do.
    """
    below = (Party.addresses, Party.contacts, Party.channels, Party.bank_accounts, Party.identifiers, Party.interests)
    found = (
        select(Party).where(Party.completeness.is_(None), Party.anonymised_at.is_(None)).order_by(Party.id).limit(most)
    )
    parties = session.scalars(found.options(*(selectinload(each) for each in below))).all()
    rows = []
    with session.no_autoflush:
        for party in parties:
            derive(party)
            names = ("id", "name_key", "latin_key", "sound_key", "completeness", "search_text")
            rows.append({name: getattr(party, name) for name in names})
            session.expunge(party)
    table: Any = Party.__table__
    for row in rows:
        values = {name: value for name, value in row.items() if name != "id"}
        session.connection().execute(update(table).where(table.c.id == row["id"]).values(values))
    return len(rows)
