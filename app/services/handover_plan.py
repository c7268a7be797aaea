"""Who would get what: the plan of a hand-over, made over all rows and without writing anything.

The same data and the same wish give the same plan; its fingerprint tells whether it still holds when it is carried out.
"""

import hashlib
import heapq
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from sqlalchemy import func, literal, not_, null, select
from sqlalchemy.orm import Session

from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.models.handover import Strategy
from app.services import access, handover_places
from app.services import handover_kinds as kinds
from app.services import handover_people as people
from app.services.handover_people import Person
from app.services.handover_places import Facts, Place

MOST = 100_000  # records of one hand-over
Named = Callable[[str], str]


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What somebody asks for: whose records go to whom, and what is done besides.

    `to` are the receivers: one, several by load, or who gets what no territory names. `areas` None means all.
    `with_closed` takes along what needs no work any more, `together` leaves documents with their party's new owner,
    `moves_team` gives records the team of their new owner.
    """

    leaver_id: int
    strategy: Strategy = Strategy.one
    to: tuple[int, ...] = ()
    places: tuple[Place, ...] = ()
    areas: frozenset[str] | None = None
    with_closed: bool = True
    together: bool = True
    moves_team: bool = True
    head_id: int | None = None
    ends_substitutions: bool = False
    locks: bool = False
    leaves_behind: bool = False

    def kept(self) -> dict[str, Any]:
        """Return it as JSON keeps it."""
        found = asdict(self) | {"strategy": self.strategy.value}
        found["areas"] = sorted(self.areas) if self.areas is not None else None
        return found | {"to": list(self.to), "places": [list(place) for place in self.places]}

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> "Wish":
        """Return what JSON has kept."""
        areas = kept["areas"]
        about: dict[str, Any] = {"strategy": Strategy(kept["strategy"]), "to": tuple(kept["to"])}
        about["places"] = tuple(Place(*each) for each in kept["places"])
        about["areas"] = frozenset(areas) if areas is not None else None
        return cls(**(dict(kept) | about))


class Move(NamedTuple):
    """One record that changes hands."""

    entity: str
    record_id: int
    team_id: int | None
    to_id: int
    to_team_id: int | None


class Row(NamedTuple):
    """One record of the leaver."""

    id: int
    team_id: int | None
    party_id: int | None
    is_closed: bool


@dataclass(frozen=True)
class Plan:
    """What would go to whom; `stays` counts by kind what is left with the leaver."""

    wish: Wish
    leaver: Person
    people: Mapping[int, Person]
    moves: Sequence[Move]
    stays: Mapping[str, int]

    @property
    def fingerprint(self) -> str:
        """Return what tells this plan from another one: which records go to whom."""
        told = json.dumps([self.leaver.id, self.moves])
        return hashlib.sha256(told.encode()).hexdigest()

    @property
    def counts(self) -> dict[tuple[int, str], int]:
        """Return how many records of each kind each receiver would get."""
        return dict(Counter((move.to_id, move.entity) for move in self.moves))

    def some(self, to_id: int, entity: str, most: int) -> list[int]:
        """Return the keys of the first records of a kind that somebody would get."""
        found = (move.record_id for move in self.moves if (move.to_id, move.entity) == (to_id, entity))
        return [key for key, _place in zip(found, range(most), strict=False)]


def plan(session: Session, wish: Wish, *, named: Named = str) -> Plan:
    """Work out who would get what; `named` says what a kind of records is called.

    Raises NotFound when the leaver is not within the actor's reach, and Refusals at the fields ("to", "place-2",
    "head") for receivers who are out of reach, locked, or may not see what they would get.
    """
    reached = people.reached(session)
    leaver = people.leaver(reached, wish.leaver_id)
    offered = {each.id: each for each in people.receivers(reached, leaver.id)}
    _refuse_unknown(wish, offered)
    known = {stem: kind for stem, kind in kinds.kinds().items() if wish.areas is None or stem in wish.areas}
    with access.everything(session, why="a hand-over leaves nothing behind that its maker does not see"):
        rows = {stem: _rows(session, kind, wish) for stem, kind in known.items()}
        if any(rows.values()) and not wish.to and not (wish.strategy is Strategy.territory and wish.places):
            raise DomainError(_("Choose who gets the records"), field="to")
        moves = list(_moves(_chooser(session, wish, offered, named), rows, wish, offered))
        stays = _staying(session, wish, rows)
    return Plan(wish, leaver, reached, moves, stays)


def _refuse_unknown(wish: Wish, offered: Mapping[int, Person]) -> None:
    """Refuse people who are not offered, at their fields: out of reach, locked, or without any right."""
    text = _("Choose somebody who is offered here")
    errors: dict[str, list[str]] = {}
    if any(user_id not in offered for user_id in wish.to):
        errors["to"] = [text]
    for at, place in enumerate(wish.places):
        if place.person_id not in offered:
            errors[f"place-{at}"] = [text]
        elif not place.country and not place.text:
            errors[f"place-{at}"] = [_("Name a country, a region or the beginning of a postal code")]
    if wish.head_id is not None and wish.head_id not in offered:
        errors["head"] = [text]
    if errors:
        raise Refusals(errors)


def _rows(session: Session, entity: Any, wish: Wish) -> list[Row]:  # noqa: ANN401 -- a mapped class
    """Return the leaver's records of a kind in their order; one statement."""
    party = kinds.link_to_party(entity)
    asked = select(entity.id, entity.team_id, null() if party is None else party, kinds.closed(entity))
    asked = asked.where(entity.owner_id == wish.leaver_id).order_by(entity.id).limit(MOST + 1)
    if not wish.with_closed:
        asked = asked.where(not_(kinds.closed(entity)))
    found = [Row(row[0], row[1], row[2], bool(row[3])) for row in session.execute(asked)]
    if len(found) > MOST:
        raise DomainError(_("At most 100,000 records can be handed over at once. Leave some kinds out."), field="areas")
    return found


def _staying(session: Session, wish: Wish, rows: Mapping[str, Sequence[Row]]) -> dict[str, int]:
    """Return how many records of each kind would stay with the leaver."""
    known = kinds.kinds()
    counts = [select(func.count()).where(kind.owner_id == wish.leaver_id).scalar_subquery() for kind in known.values()]
    every = session.execute(select(*counts, literal(0))).one()
    left = {stem: every[at] - len(rows.get(stem, ())) for at, stem in enumerate(known)}
    return {stem: count for stem, count in left.items() if count}


# --- who gets a record ------------------------------------------------------------------------------------------------

Choose = Callable[[str, Row], int]


def _moves(
    choose: Choose, rows: Mapping[str, Sequence[Row]], wish: Wish, offered: Mapping[int, Person]
) -> Iterator[Move]:
    """Give every record a receiver, parties first; their documents go with them to whoever may see these."""
    of_party: dict[int, int] = {}
    for stem, found in rows.items():
        for row in found:
            with_party = of_party.get(row.party_id or 0) if wish.together and stem != kinds.PARTY else None
            fits = with_party is not None and stem in offered[with_party].areas
            to_id = with_party if fits and with_party is not None else choose(stem, row)
            if stem == kinds.PARTY:
                of_party[row.id] = to_id
            team_id = offered[to_id].team_id if wish.moves_team else None
            yield Move(stem, row.id, row.team_id, to_id, row.team_id if team_id is None else team_id)


def _chooser(session: Session, wish: Wish, offered: Mapping[int, Person], named: Named) -> Choose:
    if wish.strategy is Strategy.load:
        return _by_load(session, wish, offered, named)
    if wish.strategy is Strategy.territory:
        return _by_territory(session, wish, offered, named)
    return lambda stem, _row: _able(offered, wish.to[0], stem, "to", named)


def _able(offered: Mapping[int, Person], user_id: int, stem: str, field: str, named: Named) -> int:
    """Return a receiver who may see a kind of records; DomainError at his field when he may not."""
    if stem in offered[user_id].areas:
        return user_id
    text = _("%(person)s may not see: %(kind)s", person=offered[user_id].name, kind=named(stem))
    raise DomainError(text, field=field)


def _by_load(session: Session, wish: Wish, offered: Mapping[int, Person], named: Named) -> Choose:
    """Give each record to who has the fewest open ones of its kind; closed ones are dealt out evenly."""
    order = sorted(set(wish.to))
    heaps: dict[tuple[str, bool], list[tuple[int, int]]] = {}

    def heap(stem: str, *, is_closed: bool) -> list[tuple[int, int]]:
        able = [user_id for user_id in order if stem in offered[user_id].areas]
        if not able:
            raise DomainError(_("Nobody whom you have chosen may see: %(kind)s", kind=named(stem)), field="to")
        open_now = {} if is_closed else _open_of(session, kinds.kinds()[stem], able)
        found = [(open_now.get(user_id, 0), user_id) for user_id in able]
        heapq.heapify(found)
        return found

    def choose(stem: str, row: Row) -> int:
        key = stem, row.is_closed
        if key not in heaps:
            heaps[key] = heap(stem, is_closed=row.is_closed)
        count, user_id = heaps[key][0]
        heapq.heapreplace(heaps[key], (count + 1, user_id))
        return user_id

    return choose


def _open_of(session: Session, entity: Any, user_ids: Sequence[int]) -> dict[int, int]:  # noqa: ANN401
    """Return how many open records of a kind each of some people has."""
    asked = select(entity.owner_id, func.count()).where(entity.owner_id.in_(user_ids), not_(kinds.closed(entity)))
    return {row[0]: row[1] for row in session.execute(asked.group_by(entity.owner_id))}


def _by_territory(session: Session, wish: Wish, offered: Mapping[int, Person], named: Named) -> Choose:
    """Give each record to the person of its party's territory; the first place that fits decides."""
    facts: dict[int, Facts] = handover_places.facts(session, wish.leaver_id)
    chosen: dict[int, int | None] = {}

    def choose(stem: str, row: Row) -> int:
        at = None
        if row.party_id is not None:
            if row.party_id not in chosen:
                chosen[row.party_id] = handover_places.first(wish.places, facts.get(row.party_id))
            at = chosen[row.party_id]
        if at is not None and (stem in offered[wish.places[at].person_id].areas or not wish.to):
            return _able(offered, wish.places[at].person_id, stem, f"place-{at}", named)
        if not wish.to:
            raise DomainError(_("Some records are in none of these places: choose who gets them"), field="to")
        return _able(offered, wish.to[0], stem, "to", named)

    return choose


__all__ = ["Move", "Place", "Plan", "Wish", "plan"]
