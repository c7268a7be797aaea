"""Counterparties that may be one and the same, near misses among them: sought by indexed keys first, then scored.

Blocks: tax number, telephone, e-mail, folded name (`party_duplicate`), then the name in Latin letters and how it
sounds, whole and by its beginning. Only what shares a block is compared letter by letter, of each block only so many.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rapidfuzz import fuzz
from sqlalchemy import Select, select, union_all
from sqlalchemy.orm import Session

from app.models.party import Party
from app.services import access
from app.services import party_duplicate as exact
from app.services.name_sound import latin_key, sound_key
from app.services.party_duplicate import SHOWN, Duplicate, DuplicateReason

Because = DuplicateReason
WEIGHTS = {Because.tax_number: 70, Because.email: 40, Because.phone: 36, Because.name: 45}
LEAST = 33  # a score below is told to nobody
SURE = 75  # from here on two are the same, as far as a program can tell
ALIKE = 85  # how alike two names must be, of 100, to be told as similar
OTHER_NUMBER, OTHER_COUNTRY = 50, 15  # what speaks against: another tax number, another country
EACH = 40  # candidates of one block
SHORTEST = 4  # letters of a key that is sought by its beginning
_LAST = "~"  # behind every letter of a key


@dataclass(frozen=True)
class Named:
    """What of a counterparty is compared besides exact values."""

    id: int | None
    name: str
    latin: str
    sound: str
    country: str | None
    tax_number: str | None

    @classmethod
    def of(cls, party: Any) -> "Named":  # noqa: ANN401 -- a record, a draft or a row
        """Return it of a record or a draft, whose keys may not be worked out yet."""
        name = party.name or ""
        latin = getattr(party, "latin_key", None) or latin_key(name)
        sound = getattr(party, "sound_key", None) or sound_key(name)
        return cls(party.id, name, latin, sound, party.country, party.tax_number)


def likely(session: Session, party: Party) -> list[Duplicate]:
    """Return the counterparties that may be this one, the likeliest first; it has been through the rules of save.

    Whoever asks tells the reader only those that he sees.
    """
    return _together(session, [party], _near)[0]


def likely_of_each(session: Session, parties: Sequence[Any]) -> list[list[Duplicate]]:
    """Return for each of many what may be the same one: of near misses those that sound alike as a whole."""
    return _together(session, parties, _sounding)


def score(reasons: Iterable[DuplicateReason], one: Named, other: Named) -> int:
    """Return how sure it is that two are the same, from 0 to 100."""
    found = set(reasons)
    total = float(sum(WEIGHTS.get(reason, 0) for reason in found))
    if Because.name not in found:
        total += similar(one, other) * 0.4 if Because.similar_name in found else 0
    differs = one.tax_number and other.tax_number and one.tax_number != other.tax_number
    total -= OTHER_NUMBER if differs else 0
    total -= OTHER_COUNTRY if one.country and other.country and one.country != other.country else 0
    return max(0, min(100, round(total)))


def similar(one: Named, other: Named) -> float:
    """Return how alike two names are, from 0 to 100: letter by letter, and as they sound."""
    if not one.latin or not other.latin:
        return 0.0
    written = fuzz.ratio(one.latin, other.latin)
    heard = fuzz.ratio(one.sound, other.sound) if min(len(one.sound), len(other.sound)) >= SHORTEST else 0.0
    return float(max(written, (written + heard) / 2))


def _together(session: Session, parties: Sequence[Any], blocks: Any) -> list[list[Duplicate]]:  # noqa: ANN401
    with session.no_autoflush:
        known = exact.duplicates_of_each(session, parties)
        near = blocks(session, [Named.of(party) for party in parties])
    return [_ranked(Named.of(party), *each) for party, *each in zip(parties, known, near, strict=True)]


def _ranked(party: Named, known: list[Duplicate], near: list[Named]) -> list[Duplicate]:
    others = {other.id: other for other in near if other.id is not None}
    found = []
    for twin in known:
        other = others.pop(twin.party_id, None)
        found.append(replace(twin, score=score(twin.reasons, party, other or replace(party, id=twin.party_id))))
    for key, other in others.items():
        if similar(party, other) >= ALIKE:
            reasons = (Because.similar_name,)
            found.append(Duplicate(key, other.name, reasons, score(reasons, party, other)))
    kept = [twin for twin in found if twin.score >= LEAST or twin.reasons != (Because.similar_name,)]
    return sorted(kept, key=lambda twin: (-twin.score, twin.party_id))[:SHOWN]


# --- blocks -----------------------------------------------------------------------------------------------------------

_SHOWN = (Party.id, Party.name, Party.country, Party.tax_number, Party.latin_key, Party.sound_key)


def _near(session: Session, wanted: Sequence[Named]) -> list[list[Named]]:
    """Return what shares a key, or its beginning, with each."""
    return [_asked(session, list(_beginnings(one)), one.id) for one in wanted]


def _beginnings(one: Named) -> Iterator[Select[*tuple[Any, ...]]]:
    for column, key in ((Party.latin_key, one.latin), (Party.sound_key, one.sound)):
        if len(key) < SHORTEST:
            continue
        begins = key[: max(SHORTEST, len(key) * 6 // 10)].rstrip()
        for condition in ((column == key,), (column >= begins, column < begins + _LAST)):
            yield (
                select(*_SHOWN).where(*condition, Party.merged_into_id.is_(None)).order_by(column, Party.id).limit(EACH)
            )


def _asked(session: Session, questions: list[Select[*tuple[Any, ...]]], own: int | None) -> list[Named]:
    if not questions:
        return []
    one = union_all(*(select(question.subquery()) for question in questions))
    with access.everything(session, why="a duplicate is one whoever owns it; who asks tells those that he sees"):
        rows = session.execute(one).all()
    return list({row.id: _named(row) for row in rows if row.id != own}.values())


def _sounding(session: Session, wanted: Sequence[Named]) -> list[list[Named]]:
    """Return what sounds like each as a whole, by one question for all."""
    keys = sorted({one.sound for one in wanted if len(one.sound) >= SHORTEST})
    if not keys:
        return [[] for _one in wanted]
    with access.everything(session, why="a duplicate is one whoever owns it; who asks tells those that he sees"):
        rows = session.execute(
            select(*_SHOWN).where(Party.sound_key.in_(keys), Party.merged_into_id.is_(None)).limit(EACH * len(keys))
        ).all()
    by_key: dict[str, list[Named]] = {}
    for row in rows:
        by_key.setdefault(row.sound_key, []).append(_named(row))
    return [[other for other in by_key.get(one.sound, []) if other.id != one.id][:EACH] for one in wanted]


def _named(row: Any) -> Named:  # noqa: ANN401 -- a row of a block
    return Named(row.id, row.name, row.latin_key, row.sound_key, row.country, row.tax_number)
