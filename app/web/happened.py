"""The rows of a record's history: one statement over all sources, by key, so that every page costs the same.

Each source gives rows of the same columns. At one moment the source that stands later in SOURCES comes first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import Integer, Select, String, Text, and_, case, cast, false, func, null, or_, select, union_all
from sqlalchemy.orm import Session

from app.columns import Amount, Instant, Key
from app.models.activity import Activity, ActivityKind, ActivityState
from app.models.allocation import Allocation
from app.models.attachment import Attachment
from app.models.base import Entity
from app.models.history import Act, FieldChange
from app.models.invoice import Invoice
from app.models.letter import Letter
from app.models.mailing import Mailing, MailingRecipient, RecipientPhase
from app.models.notification import Follower
from app.models.party import Party
from app.models.payment import Payment
from app.services import access, planned
from app.services import activity as activities

if TYPE_CHECKING:
    from app.web.timeline import Reader

COLUMNS: dict[str, Any] = {
    "id": Key,
    "at": Instant(),
    "person_id": Integer(),
    "word": String(120),
    "text": Text(),
    "number": Key,
    "edited_at": Instant(),
    "deleted_at": Instant(),
    "amount": Amount(),
    "request_id": String(36),
}
TOLD = (Act.add, Act.change, Act.move, Act.delete, Act.restore)  # views and the like stand in the audit alone
Source = Callable[["Entity", "Reader"], Select[Any] | None]


@dataclass(frozen=True)
class Cursor:
    """A place in the history: behind the row of this moment, rank and id."""

    at: datetime
    rank: int
    id: int

    @classmethod
    def of(cls, row: Any) -> "Cursor":
        """Return the place of a row."""
        return cls(row.at, row.rank, row.id)

    @classmethod
    def read(cls, text: str) -> "Cursor | None":
        """Return the place that an address names, None when it names none."""
        at, _sign, rest = text[:80].partition("~")
        rank, _sign, key = rest.partition("~")
        try:
            found = cls(datetime.fromisoformat(at), int(rank), int(key))
        except ValueError:
            return None
        sound = found.at.tzinfo is not None and found.at.year > 1 and 0 <= found.id < 2**63
        return found if sound and found.at.year < 9999 else None  # noqa: PLR2004 -- what can be told in another zone

    def written(self) -> str:
        """Return the place as text for an address."""
        return f"{self.at.isoformat()}~{self.rank}~{self.id}"


def rows(
    session: Session, record: Entity, reader: "Reader", *, only: str, start: Cursor | None, most: int
) -> tuple[list[Any], "Counted"]:
    """Return the rows of a record that the reader may see, newest first, behind a place, and how much there is at all.

    The counts ride on the rows: one statement says both, but where there are no rows to ride on.
    """
    branches = [
        _behind(rank, source, found, start, most)
        for rank, (source, find) in enumerate(SOURCES.items())
        if only in {"", source} and (found := find(record, reader)) is not None
    ]
    counts = _counts(record, reader)
    read = _read(session, branches, most, counts) if branches else []
    if read:
        return read, Counted.of(read[0])
    with access.everything(session, why="the same, where there are no rows for the counts to ride on"):
        return read, Counted.of(session.execute(select(*counts)).one())


def changes(session: Session, record: Entity, *, most: int) -> list[Any]:
    """Return the last changes of a record, newest first."""
    return _read(session, [_behind(0, "change", _changes(record), None, most)], most)


def _read(session: Session, branches: list[Select[Any]], most: int, more: Sequence[Any] = ()) -> list[Any]:
    every = union_all(*branches).subquery()
    named = select(every, User.first_name, User.last_name, *more).outerjoin(User, User.id == every.c.person_id)
    ordered = named.order_by(every.c.at.desc(), every.c.rank.desc(), every.c.id.desc())
    with access.everything(session, why="every source cuts its rows itself; activities are cut by their record alone"):
        return list(session.execute(ordered.limit(most)).all())


def _behind(rank: int, source: str, found: Select[Any], start: Cursor | None, most: int) -> Select[Any]:
    part = found.subquery()
    where: list[Any] = []
    if start is not None:
        same = {True: sa.true(), False: false()}[rank < start.rank] if rank != start.rank else part.c.id < start.id
        where = [or_(part.c.at < start.at, and_(part.c.at == start.at, same))]
    told = select(sa.literal(rank).label("rank"), sa.literal(source).label("source"), *part.c).where(*where)
    return select(told.order_by(part.c.at.desc(), part.c.id.desc()).limit(most).subquery())


# --- sources ----------------------------------------------------------------------------------------------------------


def _columns(**given: Any) -> list[Any]:
    return [given.get(name, cast(null(), kind)).label(name) for name, kind in COLUMNS.items()]


def _changes(record: Entity, _reader: "Reader | None" = None) -> Select[Any]:
    told = _columns(
        id=FieldChange.id,
        at=FieldChange.at,
        person_id=FieldChange.actor_id,
        word=case((FieldChange.act == Act.move, Act.change.value), else_=cast(FieldChange.act, String(24))),
        text=cast(FieldChange.changes, Text),
        request_id=FieldChange.request_id,
    )
    about = [FieldChange.entity == record.__stem__, FieldChange.record_id == record.id, FieldChange.part.is_(None)]
    return select(*told).where(*about, FieldChange.act.in_(TOLD))


def _files(record: Entity, _reader: "Reader") -> Select[Any]:
    told = _columns(
        id=Attachment.id,
        at=Attachment.created_at,
        person_id=Attachment.created_by_id,
        word=Attachment.media_type,
        text=Attachment.name,
        number=Attachment.size,
    )
    return select(*told).where(Attachment.entity == record.__stem__, Attachment.record_id == record.id)


def _notes(record: Entity, reader: "Reader") -> Select[Any]:
    told = _columns(
        id=Activity.id,
        at=Activity.created_at,
        person_id=Activity.author_id,
        text=Activity.body,
        number=Activity.version,
        edited_at=Activity.edited_at,
        deleted_at=Activity.deleted_at,
    )
    about = [Activity.entity == record.__stem__, Activity.record_id == record.id, Activity.kind == ActivityKind.note]
    return select(*told).where(*about, activities.readable(by=reader.actor, at=reader.at))


def _done(record: Entity, _reader: "Reader") -> Select[Any]:
    """Return what was done about a record, or will not be; what is planned stands above the history."""
    told = _columns(
        id=Activity.id,
        at=func.coalesce(Activity.done_at, Activity.changed_at),
        person_id=Activity.owner_id,
        word=cast(Activity.kind, String(24)) + " " + cast(Activity.state, String(24)) + " " + _sent(),
        text=Activity.subject + "\n" + func.coalesce(Activity.result, Activity.body, ""),
        number=Activity.team_id,
    )
    is_over = and_(Activity.kind != ActivityKind.note, Activity.state != ActivityState.planned)
    return select(*told).where(planned.about(record), is_over)


def _sent() -> Any:
    """Return how far the letter is for which an activity stands, "" for any other activity."""
    found = select(cast(Letter.state, String(24))).where(Letter.activity_id == Activity.id).limit(1)
    return func.coalesce(found.scalar_subquery(), "")


def _letters(record: Entity, reader: "Reader") -> Select[Any] | None:
    if not reader.may("letter") or isinstance(record, Letter):
        return None
    about = and_(Letter.entity == record.__stem__, Letter.record_id == record.id)
    if isinstance(record, Party):
        about = or_(about, Letter.party_id == record.id)
    about = and_(about, Letter.activity_id.is_(None))  # an activity stands for the others
    told = _columns(
        id=Letter.id,
        at=Letter.created_at,
        person_id=Letter.owner_id,
        word=cast(Letter.state, String(24)),
        text=Letter.subject,
    )
    return select(*told).where(about, *_own_rows(Letter, reader))


def _mailings(record: Entity, _reader: "Reader") -> Select[Any] | None:
    """Return the mailings that a counterparty was sent, each once with the farthest that came of it.

    Like what is done about a record they are seen by whoever sees the record.
    """
    if not isinstance(record, Party):
        return None
    row = MailingRecipient
    noted = {"answered": row.answered_at, "unsubscribed": row.unsubscribed_at}
    noted |= {"clicked": row.clicked_at, "opened": row.opened_at}
    phases = (RecipientPhase.sent, RecipientPhase.bounced, RecipientPhase.refused)
    word = case(
        *((func.count(column) > 0, name) for name, column in noted.items()),
        *((func.count(case((row.phase == each, 1))) > 0, each.value) for each in phases),
        else_=RecipientPhase.uncertain.value,
    )
    told = _columns(id=func.min(row.id), at=func.min(row.handed_at), word=word, text=Mailing.name, number=Mailing.id)
    sent = select(*told).join(Mailing, Mailing.id == row.mailing_id)
    return sent.where(row.party_id == record.id, row.handed_at.is_not(None)).group_by(Mailing.id, Mailing.name)


def _payments(record: Entity, reader: "Reader") -> Select[Any] | None:
    """Return a counterparty's payments, or what was allocated to a document, for those who see payments."""
    if not reader.may("payment") or not isinstance(record, Party | Invoice):
        return None
    kind = cast(Payment.kind, String(24))
    if isinstance(record, Party):
        told = _columns(
            id=Payment.id,
            at=Payment.created_at,
            word=kind + " " + Payment.currency,
            text=Payment.reference,
            number=Payment.id,
            amount=Payment.amount,
        )
        return select(*told).where(Payment.party_id == record.id, *_own_rows(Payment, reader))
    told = _columns(
        id=Allocation.id,
        at=Allocation.created_at,
        person_id=Allocation.by_id,
        word=case((Allocation.reverses_id.is_not(None), "undone"), else_=kind) + " " + Payment.currency,
        text=Payment.reference,
        number=Payment.id,
        amount=case((Allocation.payment_id == Payment.id, Allocation.credit_amount), else_=Allocation.amount),
    )
    paid = or_(Payment.id == Allocation.payment_id, Payment.id == Allocation.refund_id)
    about = or_(Allocation.invoice_id == record.id, Allocation.credit_note_id == record.id)
    return select(*told).join(Payment, paid).where(about, *_own_rows(Payment, reader))


def _own_rows(entity: type[Any], reader: "Reader") -> list[Any]:
    """Return the row rule as a condition: parts of a union are reached by it here, not by the session."""
    cut = access.rows(entity, reader.actor)
    return [] if cut is None else [cut]


SOURCES: dict[str, Source] = {
    "change": _changes,
    "file": _files,
    "letter": _letters,
    "mailing": _mailings,
    "payment": _payments,
    "activity": _done,
    "note": _notes,
}
RANK = {source: rank for rank, source in enumerate(SOURCES)}


# --- counters ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Counted:
    """How much there is of each source that the reader may see, and whether he follows the record.

    `is_following` is what the reader said himself, None when he has said nothing; `planned` how much is to be done.
    """

    by_source: dict[str, int]
    is_following: bool | None
    planned: int

    @classmethod
    def of(cls, row: Any) -> "Counted":
        """Read the counts that a row carries."""
        found = {source: getattr(row, f"count_{source}", None) for source in SOURCES}
        known = {source: count for source, count in found.items() if count is not None}
        return cls(known, row.own_following, row.count_planned)


def _counts(record: Entity, reader: "Reader") -> list[Any]:
    found = {source: find(record, reader) for source, find in SOURCES.items()}
    about = [Follower.entity == record.__stem__, Follower.record_id == record.id]
    own = select(Follower.is_following).where(*about, Follower.user_id == reader.actor.user_id).scalar_subquery()
    ahead = select(func.count()).where(planned.about(record), Activity.state == ActivityState.planned).scalar_subquery()
    return [
        *(_number(source, part) for source, part in found.items() if part is not None),
        own.label("own_following"),
        ahead.label("count_planned"),
    ]


def _number(source: str, found: Select[Any]) -> Any:
    part = found.subquery()
    count = select(func.count()).select_from(part)
    if source == "note":
        count = count.where(part.c.deleted_at.is_(None))
    return count.scalar_subquery().label(f"count_{source}")
