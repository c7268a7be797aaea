"""Merging two counterparties into one: what would happen, and doing it (ADR 22).

The winner keeps its key, the loser becomes a shadow: archived, found nowhere, its old address leads to the winner. What
named it names the winner from then on, whoever sees it; what issued documents say stays as it is. Every value and row
that changes is remembered, so that `party_merge_undo` can bring it back.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.party import ChannelKind, Party, PartyChannel
from app.models.party_merge import PartyMerge, PartyMergeRow, RowFate
from app.roles import ACT, CHANGE
from app.services import access, field_right, find, history, party_group, party_metric
from app.services import party as parties
from app.services import party_merge_places as places
from app.services.access import Actor
from app.services.bin_codec import packed

# What one chooses by field, in the order of the card.
FIELDS = (
    *("kind", "name", "legal_name", "country", "tax_number", "tax_branch", "registration_number"),
    *("phone", "email", "website", "language", "preferred_channel", "call_time", "currency", "credit_limit"),
    *("birthday", "source", "external_id", "note"),
)
COLUMNS: Any = Party.__table__.c
PARTS = ("is_customer", "is_supplier", "is_partner")  # the winner plays them all
TOGETHER = (("tax_number", "tax_branch"),)  # what makes sense together only
KEPT_AS = {"phone": ChannelKind.phone, "email": ChannelKind.email, "website": ChannelKind.website}


@dataclass(frozen=True)
class Choice:
    """One field of two counterparties: what each says, and which one is proposed."""

    name: str
    ours: Any
    theirs: Any
    takes_other: bool

    @property
    def differs(self) -> bool:
        """Say whether both say something, and not the same."""
        return self.ours != self.theirs and self.ours is not None and self.theirs is not None


@dataclass(frozen=True)
class Plan:
    """What a merge would do: `moves` counts rows by table, `takes` are the fields that would come from the loser."""

    choices: list[Choice]
    moves: dict[str, int] = field(default_factory=dict)

    @property
    def takes(self) -> frozenset[str]:
        """Return the fields that are proposed to come from the loser."""
        return frozenset(choice.name for choice in self.choices if choice.takes_other)


def plan(session: Session, winner: Party, *, other: Party) -> Plan:
    """Return what merging another counterparty into this one would do; fields that the actor may not see are left out.

    Raises DomainError when the two cannot be merged.
    """
    judge(session, winner, other=other)
    hidden = field_right.hidden(session, Party, CHANGE)
    connection = session.connection()
    moves: dict[str, int] = {}
    for link in places.links():
        count = len(places.moving(connection, link, loser_id=other.id, winner_id=winner.id))
        if count:
            moves[link.table.name] = moves.get(link.table.name, 0) + count
    return Plan([_choice(name, winner, other) for name in FIELDS if name not in hidden], moves)


def _choice(name: str, winner: Party, other: Party) -> Choice:
    ours, theirs = getattr(winner, name) or None, getattr(other, name) or None
    return Choice(name, ours, theirs, takes_other=ours is None and theirs is not None)


def judge(session: Session, winner: Party, *, other: Party) -> None:
    """Refuse what cannot be merged. Raises NotReached for one that the actor may not change, DomainError."""
    for party in (winner, other):
        access.require(session, party, ACT)
        access.require(session, party, CHANGE)
        parties.refuse_merged(party)
        if party.anonymised_at is not None:
            raise DomainError(_("This person was made anonymous; nothing can be written down about him any more"))
    if winner.id == other.id:
        raise DomainError(_("Choose two different parties"), field="other")


def merge(
    session: Session, winner: Party, *, other: Party, by: Actor, at: datetime, take: Collection[str] | None = None
) -> Party:
    """Merge another counterparty into this one, and return the winner.

    `take` are the fields whose values come from the other; without it, those that are empty here. Raises NotReached
    for one of the two that the actor may not change, DomainError or Refusals when they cannot be merged or the outcome
    breaks a rule; nothing has changed then.
    """
    judge(session, winner, other=other)
    _lock(session, winner.id, other.id)
    with session.begin_nested():
        return _merge(session, winner, other, by=by, at=at, take=take)


def _lock(session: Session, *keys: int) -> None:
    """Let nobody else merge or change these two meanwhile."""
    with access.everything(session, why="both were asked for; a lock sees no owners"):
        session.execute(select(Party.id).where(Party.id.in_(keys)).order_by(Party.id).with_for_update())


def _merge(
    session: Session, winner: Party, loser: Party, *, by: Actor, at: datetime, take: Collection[str] | None
) -> Party:
    taken = _taken(session, winner, loser, take)
    before = {name: _packed(winner, name) for name in (*FIELDS, *PARTS, "parent_id")}
    lost = {name: _packed(loser, name) for name in ("archived_at", "parent_id")}
    dropped = _dropped(winner, loser, taken)
    values = {name: getattr(loser, name) for name in taken}
    values |= {name: getattr(winner, name) or getattr(loser, name) for name in PARTS}
    values["parent_id"] = _parent(session, winner, loser)
    loser.archived_at, loser.merged_into_id, loser.parent_id = at, winner.id, None
    session.flush()
    connection = session.connection()
    made = PartyMerge(
        party_id=winner.id, loser_id=loser.id, fields={}, loser_before=lost, merged_at=at, by_id=by.user_id
    )
    session.add(made)
    session.flush()
    moved: list[dict[str, Any]] = []
    for link in places.links():
        keys = places.moving(connection, link, loser_id=loser.id, winner_id=winner.id)
        keys = [key for key in keys if (link.name, key) != ("party.parent_id", winner.id)]
        places.move(connection, link, keys, to=winner.id, at=at)
        moved += [_row(made.id, link, key) for key in keys]
    session.expire_all()
    for name, value in values.items():
        if getattr(winner, name) != value:
            setattr(winner, name, value)
    added = [winner_channel for winner_channel in (_channel(winner, *each) for each in dropped) if winner_channel]
    parties.save(session, winner)
    session.flush()
    made.fields = {name: [value, after] for name, value in before.items() if (after := _packed(winner, name)) != value}
    moved += [_made(made.id, channel) for channel in added]
    if moved:
        session.execute(insert(PartyMergeRow), moved)
    _tell(session, winner, loser, moved)
    return winner


def _taken(session: Session, winner: Party, loser: Party, take: Collection[str] | None) -> set[str]:
    """Return the fields that come from the loser: chosen ones; of those that the actor may not change, empty ones."""
    hidden = field_right.hidden(session, Party, CHANGE)
    unknown = set(take or ()) - set(FIELDS)
    if unknown:
        raise DomainError(_("One cannot choose “%(name)s” here", name=min(unknown)[:60]), field="take")
    proposed = {name for name in FIELDS if _choice(name, winner, loser).takes_other}
    found = proposed if take is None else (set(take) - hidden) | (proposed & hidden)
    for names in TOGETHER:
        found = found | set(names) if names[0] in found else found
    return found


def _dropped(winner: Party, loser: Party, taken: Collection[str]) -> list[tuple[ChannelKind, str]]:
    """Return numbers and addresses that would be lost: those not chosen stay as further ways to reach the winner."""
    found = []
    for name, kind in KEPT_AS.items():
        lost = getattr(winner if name in taken else loser, name)
        kept = getattr(loser if name in taken else winner, name)
        if lost and lost != kept:
            found.append((kind, lost))
    return found


def _channel(winner: Party, kind: ChannelKind, value: str) -> PartyChannel | None:
    if any(channel.kind == kind and channel.value == value for channel in winner.channels):
        return None
    made = PartyChannel(kind=kind, value=value, raw=value)
    winner.channels.append(made)
    return made


def _parent(session: Session, winner: Party, loser: Party) -> int | None:
    """Return what the winner is a part of: it takes the loser's place where it stood below it, never a circle."""
    if winner.parent_id is not None and loser.id not in party_group.above(session, winner.parent_id):
        return winner.parent_id
    theirs = loser.parent_id
    return theirs if theirs is not None and winner.id not in party_group.above(session, theirs) else None


def _packed(party: Party, name: str) -> Any:  # noqa: ANN401 -- what JSON can hold
    value = getattr(party, name)
    return packed(COLUMNS[name], value, is_null=value is None)


def _row(merge_id: int, link: places.Link, key: int) -> dict[str, Any]:
    return {"merge_id": merge_id, "table": link.table.name, "column": link.column.name, "row_id": key,
            "fate": RowFate.moved}  # fmt: skip


def _made(merge_id: int, channel: PartyChannel) -> dict[str, Any]:
    table = PartyChannel.__tablename__
    return {"merge_id": merge_id, "table": table, "column": "id", "row_id": channel.id, "fate": RowFate.made}


def _tell(session: Session, winner: Party, loser: Party, moved: list[dict[str, Any]]) -> None:
    """Write history, find what has a new party under its new name, and have the figures counted anew."""
    history.note(session, winner, "merged", None, f"{loser.name} (#{loser.id})")
    told(session, moved, before=loser.id, after=winner.id)
    party_metric.mark(session, [winner.id, loser.id])


def told(session: Session, moved: list[dict[str, Any]], *, before: int, after: int) -> None:
    """Tell of moved records that their party is another now, in their histories and where they are found."""
    by_table: dict[str, list[int]] = {}
    for row in moved:
        if row["fate"] == RowFate.moved and row["column"] == "party_id":
            by_table.setdefault(row["table"], []).append(row["row_id"])
    kinds = find.kinds()
    for name, keys in by_table.items():
        entity = places.entity_of_table(PartyMerge.metadata.tables[name])
        if entity is None:
            continue
        if history.is_recorded(entity):
            history.note_many(session, entity.__stem__, [(key, {"party_id": [before, after]}) for key in keys])
        if entity.__stem__ in kinds:
            find.index(session, entity, keys)


def merged_into(session: Session, party: Party) -> list[PartyMerge]:
    """Return the merges that have made a counterparty what it is, the latest first."""
    return list(
        session.scalars(
            select(PartyMerge).where(PartyMerge.party_id == party.id).order_by(PartyMerge.id.desc()).limit(20)
        )
    )


def count(party: Party) -> Any:  # noqa: ANN401 -- a statement
    """Return the statement of how many were merged into a counterparty."""
    return select(func.count()).select_from(PartyMerge).where(PartyMerge.party_id == party.id)
