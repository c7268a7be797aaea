"""Pairs of counterparties that may be one: found over the whole base by a job, looked at, merged or dismissed for good.

The job takes the counterparties by their keys, a portion at a time, and remembers how far it is: a killed one goes on.
Each portion is joined with the base by the indexed keys (tax number, telephone, e-mail, name in Latin letters, sound)
within the database; what meets there is scored as while one types (services.party_alike).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, String, Table, and_, delete, func, literal, or_, select, union_all, update
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.models.party import Party
from app.models.party_pair import PairState, PartyPair
from app.models.setting import Setting
from app.services import access, party_alike
from app.services.access import Actor
from app.services.find_index import insert_into
from app.services.party_alike import Named
from app.services.party_duplicate import DuplicateReason as Because

PORTION = 2_000
CROWD = 25  # so many share a value: the switchboard of an office block, no sign of being one
SHOWN = 50
CURSOR = "party_pairs_at"  # the key of the last counterparty that was compared
_PAIR: Table = PartyPair.__table__  # type: ignore[assignment]
_JOINED: tuple[tuple[Because, str], ...] = (
    (Because.tax_number, "tax_number"),
    (Because.email, "email"),
    (Because.phone, "phone"),
    (Because.name, "name_key"),
    (Because.similar_name, "latin_key"),
    (Because.similar_name, "sound_key"),
)


@dataclass(frozen=True)
class Pair:
    """Two counterparties that the reader sees, and why they may be one."""

    id: int
    one: Party
    other: Party
    score: int
    reasons: tuple[Because, ...]


# --- finding ----------------------------------------------------------------------------------------------------------


def scan(session: Session, *, at: datetime) -> bool:
    """Compare the next counterparties with the base; return whether there are more, and begin anew after the last."""
    place = session.get(Setting, CURSOR)
    after = int(place.value) if place is not None else 0
    table: Any = Party.__table__
    some = select(table.c.id).where(table.c.id > after).order_by(table.c.id).limit(PORTION)
    keys = list(session.connection().execute(some).scalars())
    if keys:
        _compare(session, keys[0], keys[-1], at=at)
    reached = keys[-1] if len(keys) == PORTION else 0
    if place is None:
        session.add(Setting(name=CURSOR, value=reached))
    else:
        place.value = reached
    session.flush()
    return bool(reached)


def _compare(session: Session, first: int, last: int, *, at: datetime) -> None:
    """Write the pairs whose lower key lies within a portion; open ones that no longer meet go."""
    met: dict[tuple[int, int], set[Because]] = {}
    parties: dict[int, Named] = {}
    for row in session.connection().execute(union_all(*_questions(first, last))):
        met.setdefault((row.one_id, row.other_id), set()).add(Because(row.reason))
        parties[row.one_id] = Named(row.one_id, "", row.one_latin, row.one_sound, row.one_country, row.one_tax)
        parties[row.other_id] = Named(row.other_id, "", row.latin, row.sound, row.country, row.tax)
    rows = [
        {
            "one_id": one,
            "other_id": other,
            "score": score,
            "reasons": _said(reasons),
            "state": PairState.open,
            "found_at": at,
        }
        for (one, other), reasons in met.items()
        if (score := _score(reasons, parties[one], parties[other])) >= party_alike.LEAST
    ]
    standing = and_(_PAIR.c.one_id.between(first, last), _PAIR.c.state == PairState.open)
    session.connection().execute(delete(_PAIR).where(standing))
    for start in range(0, len(rows), 500):
        statement = insert_into(session, _PAIR)
        session.connection().execute(statement.on_conflict_do_nothing(), rows[start : start + 500])


def _questions(first: int, last: int) -> Iterator[Select[Any]]:
    table: Any = Party.__table__
    for reason, name in _JOINED:
        one, other, crowd = table.alias("one"), table.alias("other"), table.alias("crowd")
        same = one.c[name] == other.c[name]
        shared = select(func.count()).where(crowd.c[name] == one.c[name]).scalar_subquery()
        yield select(
            literal(reason.value, String).label("reason"),
            one.c.id.label("one_id"),
            other.c.id.label("other_id"),
            one.c.latin_key.label("one_latin"),
            one.c.sound_key.label("one_sound"),
            one.c.country.label("one_country"),
            one.c.tax_number.label("one_tax"),
            other.c.latin_key.label("latin"),
            other.c.sound_key.label("sound"),
            other.c.country.label("country"),
            other.c.tax_number.label("tax"),
        ).where(
            one.c.id.between(first, last),
            same,
            one.c.id < other.c.id,
            one.c[name] != "",
            one.c.merged_into_id.is_(None),
            other.c.merged_into_id.is_(None),
            shared <= CROWD,
        )


def _score(reasons: set[Because], one: Named, other: Named) -> int:
    if Because.name in reasons or (
        Because.similar_name in reasons and party_alike.similar(one, other) < party_alike.ALIKE
    ):
        reasons.discard(Because.similar_name)
    return party_alike.score(reasons, one, other)


def _said(reasons: Iterable[Because]) -> str:
    found = set(reasons)
    return ",".join(reason.value for reason in Because if reason in found)


# --- looking ----------------------------------------------------------------------------------------------------------


def open_pairs(
    session: Session, *, of: Party | None = None, after: tuple[int, int] | None = None, most: int = SHOWN
) -> list[Pair]:
    """Return the pairs of which the actor sees both, likeliest first: all, or `of` one, `after` the last one seen."""
    found = (
        select(PartyPair)
        .where(PartyPair.state == PairState.open, *_seen(session))
        .order_by(PartyPair.score.desc(), PartyPair.id.desc())
        .limit(most)
    )
    if of is not None:
        found = found.where(_with(of))
    if after is not None:
        score, key = after
        found = found.where(or_(PartyPair.score < score, and_(PartyPair.score == score, PartyPair.id < key)))
    pairs = session.scalars(found).all()
    keys = {key for pair in pairs for key in (pair.one_id, pair.other_id)}
    parties = {party.id: party for party in session.scalars(select(Party).where(Party.id.in_(keys)))}
    return [
        Pair(
            pair.id,
            parties[pair.one_id],
            parties[pair.other_id],
            pair.score,
            tuple(map(Because, filter(None, pair.reasons.split(",")))),
        )
        for pair in pairs
    ]


def _seen(session: Session) -> list[Any]:
    """Return the conditions that the actor sees both parties of a pair, and that neither was merged into another."""
    cut = access.cut(session, Party)
    return [
        select(Party.id)
        .where(Party.id == column, Party.merged_into_id.is_(None), *([] if cut is None else [cut]))
        .correlate(PartyPair)
        .exists()
        for column in (PartyPair.one_id, PartyPair.other_id)
    ]


def _with(party: Party) -> Any:  # noqa: ANN401 -- a condition
    return or_(PartyPair.one_id == party.id, PartyPair.other_id == party.id)


def count_of(session: Session, party: Party) -> Select[Any]:
    """Return the statement of how many pairs a counterparty is in, of which the actor sees both."""
    is_open = PartyPair.state == PairState.open
    return select(func.count()).select_from(PartyPair).where(_with(party), is_open, *_seen(session))


def dismiss(session: Session, pair_id: int, *, by: Actor) -> None:
    """Say that two counterparties are not the same, for good. Raises NotFound for a pair that the actor sees not."""
    is_open = (PartyPair.id == pair_id, PartyPair.state == PairState.open)
    pair = session.execute(select(PartyPair.id).where(*is_open, *_seen(session))).scalar()
    if pair is None:
        raise NotFound("party_pair")
    session.execute(
        update(PartyPair)
        .where(PartyPair.id == pair)
        .values(state=PairState.dismissed, by_id=by.user_id)
        .execution_options(synchronize_session=False)
    )
