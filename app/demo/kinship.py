"""Which counterparties of the demo company belong together: groups of companies, and some that were typed in twice."""

from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.demo.party import MARK, NUMBERED
from app.models.party import Party, PartyKind
from app.services import history, party_metric, party_pairs
from app.services import party as parties

TWIN = f"{MARK}TWIN-"
TWINS = 6
GROUPS, MEMBERS = 3, 4
_VOWELS = ("a", "e", "i", "o", "u", "а", "е", "и", "о", "ա", "ե")


def ensure(session: Session, *, today: date, counts: bool) -> int:
    """Tie companies into groups, type some in twice, and look for pairs; return how many were added.

    `counts` works out the figures of all at once; a large demo leaves that to the worker.
    """
    standing = select(func.count()).select_from(Party).where(Party.external_id.like(f"{TWIN}%"))
    if session.execute(standing).scalar_one():
        return 0
    companies = list(
        session.scalars(
            select(Party)
            .where(Party.external_id.like(NUMBERED), Party.kind == PartyKind.company, Party.archived_at.is_(None))
            .order_by(Party.id)
            .limit(60)
        )
    )
    at = datetime.combine(today - timedelta(days=3), time(9), UTC)
    with history.dated(session, at=at):
        _tie(session, companies, at=at)
        added = [_twin(session, company, number, at=at) for number, company in enumerate(companies[-TWINS:], 1)]
    if counts:
        last: int | None = 0
        while last is not None:
            last = party_metric.portion(session, after=last, at=at)
        while party_pairs.scan(session, at=at):
            pass
    return len(added)


def _tie(session: Session, companies: list[Party], *, at: datetime) -> None:
    """Make groups of companies of one country and one owner: a top, two below it, one below the first of them."""
    by_place: dict[tuple[str | None, int | None], list[Party]] = {}
    for company in companies:
        by_place.setdefault((company.country, company.owner_id), []).append(company)
    groups = [each for each in by_place.values() if len(each) >= MEMBERS][:GROUPS]
    for top, left, right, below in (each[:MEMBERS] for each in groups):
        for member, parent in ((left, top), (right, top), (below, left)):
            member.parent, member.changed_at = parent, at
            parties.save(session, member)


def _twin(session: Session, of: Party, number: int, *, at: datetime) -> Party:
    """Type a counterparty in once more as people do: by telephone, with a slip, without its papers."""
    twin = Party(
        kind=of.kind,
        name=_slip(of.name),
        country=of.country,
        language=of.language,
        phone=of.phone if number % 2 else None,
        is_customer=True,
        owner_id=of.owner_id,
        team_id=of.team_id,
        external_id=f"{TWIN}{number:03}",
        created_at=at,
        changed_at=at,
    )
    parties.save(session, twin)
    return twin


def _slip(name: str) -> str:
    """Return a name in which the last vowel but one of its longest word is missing."""
    longest = max(name.split(), key=len)
    places = [at for at, sign in enumerate(longest) if sign.casefold() in _VOWELS and at > 0]
    if not places:
        return name
    at = places[len(places) // 2]
    return name.replace(longest, longest[:at] + longest[at + 1 :], 1)
