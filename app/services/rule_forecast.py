"""To whom a rule would write in the next days, and why not to others, as things stand now.

It asks the same statement as the plan, in the reader's rows, and the gate. Who may not see what the occasion is about
(orders, contracts) is told no names, and no number of few.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, cast, func, literal, select, union_all
from sqlalchemy.orm import Session, joinedload, selectinload

from app.columns import Key
from app.errors import DomainError
from app.models.contact_rule import ContactRule, LeftOut, Occasion, OccurrenceState, RuleOccurrence
from app.models.party import Party
from app.models.suppression import ContactChannel, NoContact
from app.roles import SEE
from app.services import access, gate, letter_rule, mailing_audience
from app.services import gate_address as addresses
from app.services import rule_occasion as occasions
from app.services.mailing_audience import Candidate
from app.services.rule_occasion import RECORDS, Found

DAYS = 30
MOST = 200  # so many are looked at one by one
SHOWN = 20
FEWEST = 30  # fewer are not told to who may not see what the occasion is about


@dataclass(frozen=True, kw_only=True)
class Expected:
    """One letter that is to come: to whom, on which day, what about, and why it would not be written."""

    party: Party
    on: date
    happens_on: date
    about: str
    reason: LeftOut | None


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """The next 30 days of a rule.

    Of `total` occasions `looked_at` were judged, the earliest ones: `written` would be written now, `left_out` says how
    many would not and why. `is_hidden` says that the reader may not see whom it is about; then `total` is None for few.
    `problem` says why nothing can be told at all.
    """

    total: int | None = 0
    looked_at: int = 0
    written: int = 0
    left_out: Mapping[LeftOut, int] = field(default_factory=dict)
    rows: Sequence[Expected] = ()
    is_hidden: bool = False
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of the occasions of a rule until now: how many by state, and of those left out by reason."""

    states: Mapping[OccurrenceState, int]
    reasons: Mapping[LeftOut, int]


def outcome(session: Session, rule: ContactRule) -> Outcome:
    """Count what became of the occasions that the session's actor may see; one statement."""
    asked = (
        select(RuleOccurrence.state, RuleOccurrence.reason, func.count().label("number"))
        .where(RuleOccurrence.rule_id == rule.id, RuleOccurrence.occasion.in_(seen(session)))
        .group_by(RuleOccurrence.state, RuleOccurrence.reason)
        .order_by(RuleOccurrence.state, RuleOccurrence.reason)
    )
    states: dict[OccurrenceState, int] = {}
    reasons: dict[LeftOut, int] = {}
    for row in session.execute(asked):
        states[row.state] = states.get(row.state, 0) + row.number
        if row.reason is not None:
            reasons[row.reason] = row.number
    return Outcome(states={each: states[each] for each in OccurrenceState if each in states}, reasons=reasons)


def seen(session: Session) -> list[Occasion]:
    """Return the kinds of occasions of which the session's actor may see whom they come to."""
    actor = access.required(session)
    return [each for each, area in occasions.AREAS.items() if actor.has(area, SEE) and actor.has("party", SEE)]


def of_party(session: Session, party: Party) -> ColumnElement[bool]:
    """Return the condition of those occasions of a counterparty that the session's actor may see."""
    return and_(RuleOccurrence.party_id == party.id, RuleOccurrence.occasion.in_(seen(session)))


def may_see(session: Session, rule: ContactRule) -> bool:
    """Say whether the session's actor may see what the occasions of a rule are about."""
    return rule.occasion in seen(session)


def forecast(session: Session, rule: ContactRule, *, at: datetime) -> Forecast:
    """Return to whom a rule would write in the next 30 days, beginning today or when it may begin."""
    today = occasions.today(rule, at=at)
    first, last = max(today, rule.since), today + timedelta(days=DAYS)
    if first > last:
        return Forecast()
    try:
        if not may_see(session, rule):
            with access.everything(session, why="a number of many tells nothing of anybody"):
                total = _count(session, _open(session, rule, first=first, last=last, at=at))
            return Forecast(total=total if total >= FEWEST else None, is_hidden=True)
        asked = _open(session, rule, first=first, last=last, at=at)
    except DomainError as refusal:
        return Forecast(problem=refusal.text)
    total = _count(session, asked)
    rows = session.execute(asked.order_by("place", "party_id").limit(MOST)).all()
    found = [occasions.read(rule, row) for row in rows]
    parties = _parties(session, found)
    reasons = _judged(session, rule, found, parties, at=at)
    left_out: dict[LeftOut, int] = {}
    for reason in reasons:
        if reason is not None:
            left_out[reason] = left_out.get(reason, 0) + 1
    shown = _shown(session, rule, list(zip(found, reasons, strict=True))[:SHOWN], parties)
    written = len(reasons) - sum(left_out.values())
    return Forecast(total=total, looked_at=len(found), written=written, left_out=left_out, rows=shown)


def _open(session: Session, rule: ContactRule, *, first: date, last: date, at: datetime) -> Select[Any]:
    """Return the statement of the occasions that nothing was decided about yet."""
    asked = occasions.of(session, rule, first=first, last=last, at=at).subquery("found")
    done = (
        select(RuleOccurrence.id)
        .where(
            RuleOccurrence.rule_id == rule.id,
            RuleOccurrence.party_id == asked.c.party_id,
            RuleOccurrence.slot == asked.c.slot,
            RuleOccurrence.state != OccurrenceState.planned,
        )
        .exists()
    )
    return select(asked).where(~done)


def _count(session: Session, asked: Select[Any]) -> int:
    return int(session.execute(select(func.count()).select_from(asked.subquery())).scalar_one())


def _parties(session: Session, found: Sequence[Found]) -> dict[int, Party]:
    wanted = select(Party).where(Party.id.in_({each.party_id for each in found}))
    loaded = wanted.options(
        selectinload(Party.contacts),
        selectinload(Party.channels),
        selectinload(Party.addresses),
        joinedload(Party.owner),
    )
    return {party.id: party for party in session.scalars(loaded).unique()}


def _judged(
    session: Session, rule: ContactRule, found: Sequence[Found], parties: Mapping[int, Party], *, at: datetime
) -> list[LeftOut | None]:
    """Return why each letter would not be written, None where it would; one statement for all of them."""
    whom = [next(iter(mailing_audience.candidates(rule, parties[each.party_id]))) for each in found]
    channel = ContactChannel(rule.channel.value)
    asked = {each.party_id: each for each in whom if each.address}
    told: dict[int, LeftOut] = {}
    if asked:
        who = union_all(*(_one(each, channel) for each in asked.values())).subquery("who")
        rules = gate.policy(session, rule.organisation_id)
        statement = gate.of_many(who, channel=channel, kind=letter_rule.kind_of(rule), rules=rules, at=at)
        for row in session.execute(statement).mappings():
            if row["reason"] is not None and row["reason"] != NoContact.duplicate.value:
                told[row["party_id"]] = LeftOut(row["reason"])
    return [told.get(each.party_id) if each.address else LeftOut.no_address for each in whom]


def _one(whom: Candidate, channel: ContactChannel) -> Any:  # noqa: ANN401 -- a statement of one row
    return select(
        cast(literal(whom.party_id), Key).label("party_id"),
        cast(literal(whom.contact_id), Key).label("contact_id"),
        cast(literal(whom.address), String(320)).label("address"),
        cast(literal(addresses.digest(channel, whom.address or "")), String(64)).label("digest"),
    )


def _shown(
    session: Session,
    rule: ContactRule,
    found: Sequence[tuple[Found, LeftOut | None]],
    parties: Mapping[int, Party],
) -> list[Expected]:
    names = _names(session, rule, [each for each, _reason in found])
    return [
        Expected(
            party=parties[each.party_id],
            on=each.writes_on,
            happens_on=each.happens_on,
            about=names.get(each.record_id or 0, rule.holiday or ""),
            reason=reason,
        )
        for each, reason in found
    ]


def _names(session: Session, rule: ContactRule, found: Sequence[Found]) -> dict[int, str]:
    """Return what the records that occasions are about are called, by key."""
    entity = RECORDS.get(rule.occasion)
    if entity is None or not found:
        return {}
    keys = {each.record_id for each in found if each.record_id is not None}
    return {one.id: str(one) for one in session.scalars(select(entity).where(entity.id.in_(keys)))}
