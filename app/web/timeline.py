"""What happened to a record, newest first: changes, notes, files, letters and payments in one stream, page by page."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import sqlalchemy as sa
from flask_appbuilder.security.sqla.models import User
from markupsafe import Markup
from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from app.columns import Exact, Instant
from app.i18n import gettext as _
from app.i18n import label_of, language
from app.models.activity import ActivityKind, ActivityState
from app.models.base import Entity
from app.models.letter import LetterState
from app.models.mailing import RecipientPhase
from app.money import format_decimal, format_money
from app.roles import Scope
from app.services import activity as activities
from app.services import field_right, planned
from app.services.access import Actor
from app.services.activity import MENTION, retyped
from app.web import happened
from app.web.cells import amount_of, day, moment, of_list
from app.web.happened import Cursor
from app.web.prose import linked

PAGE = 30
FOLDED = timedelta(minutes=1)
MEGABYTE = 2**20
Change = tuple[str, str, str]  # label, before, after
Links = dict[tuple[type[Any], int], str]  # names of linked records that the reader sees


@dataclass(frozen=True)
class File:
    """An attached file; `shown_as` is how a browser may show it: "image", "pdf", or "" when it may only be kept."""

    id: int
    name: str
    size: int
    media_type: str

    @property
    def shown_as(self) -> str:
        """Return how the file is previewed."""
        if self.media_type == "application/pdf":
            return "pdf"
        return "image" if self.media_type.startswith("image/") else ""

    @property
    def told_size(self) -> str:
        """Return the size as people read it."""
        if self.size >= MEGABYTE:
            amount = (Decimal(self.size) / MEGABYTE).quantize(Decimal("0.1"))
            return _("%(size)s MB", size=format_decimal(amount, language()))
        return _("%(size)s KB", size=format_decimal(Decimal(-(-self.size // 1024)), language()))


@dataclass
class Event:
    """One entry: who did what when; `changes` are (label, before, after) as text."""

    at: datetime
    who: str
    what: str
    changes: list[Change] = field(default_factory=list)
    source: str = "change"
    key: int = 0
    text: Markup = Markup()  # noqa: RUF009 -- it never changes
    typed: str = ""
    version: int = 0
    edited_at: datetime | None = None
    is_own: bool = False
    is_deleted: bool = False
    files: list[File] = field(default_factory=list)
    url: str = ""
    state: LetterState | None = None
    stage: ActivityState | None = None


@dataclass(frozen=True)
class Page:
    """Entries of a record, how much there is at all, and the cursor behind which earlier ones stand, if any do."""

    events: list[Event]
    counted: happened.Counted
    after: str = ""

    def holds(self, key: int) -> bool:
        """Say whether a note is on this page."""
        return any(event.source == "note" and event.key == key for event in self.events)


@dataclass(frozen=True)
class Reader:
    """Who reads: his rows, the areas that he may see, and the moment."""

    actor: Actor
    may: Callable[[str], bool]
    at: datetime


class _Told(NamedTuple):
    """What the rows of one page need to be put into words."""

    record: Entity
    labels: Mapping[str, Any]
    links: Links
    people: dict[int, tuple[str, str]]  # user name, full name
    reader: Reader | None
    hidden: frozenset[str]  # fields that the reader may not see


def page(
    session: Session, record: Entity, labels: Mapping[str, Any], reader: Reader, *, only: str = "", after: str = ""
) -> Page:
    """Return one page of what happened, of one source or of all that the reader may see."""
    rows, counted = happened.rows(session, record, reader, only=only, start=Cursor.read(after), most=PAGE + 1)
    kept = rows[:PAGE]
    events = _events(session, record, labels, kept, reader)
    return Page(events, counted, Cursor.of(kept[-1]).written() if len(rows) > PAGE else "")


def place_of(session: Session, record: Entity, key: int) -> str:
    """Return the cursor of the page that begins with a note, an empty one when the record has no such note."""
    note = activities.one(session, record, key)
    return Cursor(note.created_at, happened.RANK["note"], note.id + 1).written() if note is not None else ""


def last_change(session: Session, record: Entity) -> Event | None:
    """Return the newest change of a record that has a word for users."""
    rows = happened.changes(session, record, most=PAGE)
    return next(iter(_events(session, record, {}, rows, None)), None)


def _events(
    session: Session, record: Entity, labels: Mapping[str, Any], rows: Sequence[Any], reader: Reader | None
) -> list[Event]:
    changes = {row.id: json.loads(row.text) for row in rows if row.source == "change"}
    notes = [row.text for row in rows if row.source == "note"]
    shown = [changes[row.id] for row in rows if row.word == "change"]
    hidden = field_right.hidden(session, type(record))
    told = _Told(record, labels, _links(session, record, shown), _people(session, notes), reader, hidden)
    found: list[Event] = []
    for group in _grouped(rows, changes):
        event = _event(group, changes, told)
        if event is not None:
            found.append(event)
    return found


# --- folding ----------------------------------------------------------------------------------------------------------


def _grouped(rows: Sequence[Any], changes: dict[int, Any]) -> list[list[Any]]:
    """Put rows together that one reads as one: one act, or one person's changes or files within a minute."""
    groups: list[list[Any]] = []
    for row in rows:
        last = groups[-1][-1] if groups else None
        if last is not None and _belong(last, row):
            groups[-1].append(row)
            if row.source == "change":
                changes[row.id] = (
                    changes[row.id] if row.word != "change" else _merged(changes[row.id], changes[last.id])
                )
        else:
            groups.append([row])
    return groups


def _belong(later: Any, earlier: Any) -> bool:
    if later.source != earlier.source or later.person_id != earlier.person_id or later.word == "delete":
        return False
    soon = later.at - earlier.at <= FOLDED
    if later.source == "file":
        return bool(soon)
    if later.source != "change" or later.word != "change":
        return False
    same_act = later.request_id is not None and later.request_id == earlier.request_id
    return bool(same_act or (soon and earlier.word == "change" and later.person_id is not None))


def _merged(earlier: dict[str, Any], later: dict[str, Any]) -> dict[str, Any]:
    """Return two changes as one: what stood before the earlier, what stands after the later."""
    found = dict(earlier)
    for name, (before, after) in later.items():
        found[name] = [earlier[name][0] if name in earlier else before, after]
    return {name: pair for name, pair in found.items() if pair[0] != pair[1]}


# --- words ------------------------------------------------------------------------------------------------------------


def _event(group: list[Any], changes: dict[int, Any], told: _Told) -> Event | None:
    row, oldest = group[0], group[-1]
    name = f"{row.first_name} {row.last_name}".strip() if row.first_name else ""
    event = Event(row.at, name, "", source=row.source, key=row.id)
    match row.source:
        case "note":
            _as_note(event, row, told)
        case "file":
            event.what = _("File") if len(group) == 1 else _("Files")
            event.is_own = told.reader is not None and row.person_id == told.reader.actor.user_id
            event.files = [File(one.id, one.text, one.number, one.word) for one in reversed(group)]
        case "letter":
            event.what, event.state = _("Letter"), LetterState(row.word)
            event.text, event.url = Markup("{}").format(row.text), f"/letter/show/{row.id}"
        case "mailing":
            _as_mailing(event, row, told)
        case "payment":
            _as_payment(event, row)
        case "activity":
            _as_activity(event, row, told)
        case _:
            titles = {"add": _("Created"), "change": _("Changed"), "delete": _("Deleted"), "restore": _("Restored")}
            event.who, event.what = name or _("System"), titles.get(oldest.word, oldest.word)
            event.changes = [] if oldest.word == "add" else _readable(told, changes[oldest.id])
            if oldest.word == "change" and not event.changes:
                return None  # only what users have no word for, or what was undone at once
    return event


def _as_note(event: Event, row: Any, told: _Told) -> None:
    event.what, event.version, event.edited_at = _("Note"), row.number, row.edited_at
    event.text = linked(row.text, {key: full for key, (_user, full) in told.people.items()})
    event.is_own = told.reader is not None and row.person_id == told.reader.actor.user_id
    event.is_deleted = row.deleted_at is not None
    if event.is_own:
        event.typed = retyped(row.text, {key: user for key, (user, _full) in told.people.items()})


def _as_activity(event: Event, row: Any, told: _Told) -> None:
    kind, state, sent = row.word.split(" ")
    event.what, event.stage = label_of(ActivityKind(kind)), ActivityState(state)
    if sent:  # how far the letter is says more than that it is written
        event.state, event.stage = LetterState(sent), None
    subject, _line, more = row.text.partition("\n")
    event.text = Markup("<strong>{}</strong>").format(subject)
    if more.strip():
        event.text += Markup("<br>{}").format(more.strip())
    if told.reader is not None and planned.is_reached(told.reader.actor, row.person_id, row.number):
        event.url = f"/activity/show/{row.id}"


def _as_mailing(event: Event, row: Any, told: _Told) -> None:
    done = {"answered": _("Answered"), "unsubscribed": _("Unsubscribed")}
    done |= {"clicked": _("Followed a link"), "opened": _("Opened")}
    event.what = _("Mailing")
    event.text = Markup("{} · {}").format(row.text, done.get(row.word) or label_of(RecipientPhase(row.word)))
    reader = told.reader
    if reader is not None and reader.may("mailing") and reader.actor.reach("mailing").scope is Scope.all:
        event.url = f"/mailing/show/{row.number}"


def _as_payment(event: Event, row: Any) -> None:
    kind, _space, currency = row.word.partition(" ")
    names = {"receipt": _("Payment"), "refund": _("Refund"), "undone": _("Payment taken off")}
    event.what, event.url = names[kind], f"/payment/show/{row.number}"
    reference = f" · {row.text}" if row.text else ""
    event.text = Markup("{}{}").format(format_money(abs(row.amount), currency, language()), reference)


def _people(session: Session, notes: Sequence[str]) -> dict[int, tuple[str, str]]:
    keys = {int(found[1]) for text in notes for found in MENTION.finditer(text)}
    if not keys:
        return {}
    named = select(User.id, User.username, User.first_name, User.last_name).where(User.id.in_(keys))
    return {row.id: (row.username, f"{row.first_name} {row.last_name}".strip()) for row in session.execute(named)}


def in_words(session: Session, entity: type[Any], labels: Mapping[str, Any], changes: dict[str, Any]) -> list[Change]:
    """Return changes of any record of an entity as the reader's words: label, before, after."""
    blank = entity()  # what it is about may be gone
    hidden = field_right.hidden(session, entity)
    return _readable(_Told(blank, labels, _links(session, blank, [changes]), {}, None, hidden), changes)


def _readable(told: _Told, changes: dict[str, Any]) -> list[Change]:
    columns = inspect(type(told.record)).columns
    found = []
    for name, (before, after) in changes.items():
        column = columns.get(name)
        is_silent = column is not None and column.info.get("internal")
        if name in told.hidden or is_silent or (before is None and after is None):
            continue  # the last was erased
        text = told.labels.get(name.removesuffix("_id")) or told.labels.get(name) or name
        then, now = (_text(told, column, value) for value in (before, after))
        found.append((str(text), then, now))
    return found


def _text(told: _Told, column: Any, value: Any) -> str:
    if value is None or value == "":
        return "—"
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if column is None:
        return str(value)[:200]
    if isinstance(column.type, Exact):
        return amount_of(told.record, column, Decimal(str(value)))
    if isinstance(column.type, sa.Enum) and column.type.enum_class is not None:
        return label_of(column.type.enum_class(value))
    if isinstance(column.type, sa.Date):
        return day(date.fromisoformat(str(value)))
    if isinstance(column.type, Instant):
        return moment(datetime.fromisoformat(str(value)))
    if column.foreign_keys and isinstance(value, int):
        target = _target(told.record, column)
        return told.links.get((target, value), f"#{value}") if target is not None else f"#{value}"
    standard = column.info.get("of")
    return of_list(standard, str(value)) if standard else str(value)[:200]


def _target(record: Entity, column: Any) -> type[Any] | None:
    for relation in inspect(type(record)).relationships:
        if relation.local_columns == {column}:
            return relation.mapper.class_
    return None


def _links(session: Session, record: Entity, changes: Sequence[Mapping[str, Any]]) -> Links:
    """Return the names of the linked records that changes speak of, as far as the reader sees them."""
    columns = inspect(type(record)).columns
    wanted: dict[type[Any], set[int]] = {}
    for name, values in (item for one in changes for item in one.items()):
        column = columns.get(name)
        is_told = column is not None and column.foreign_keys and not column.info.get("internal")
        target = _target(record, column) if is_told else None
        if target is not None:
            wanted.setdefault(target, set()).update(value for value in values if isinstance(value, int))
    found: Links = {}
    for entity, keys in wanted.items():
        if keys:
            seen = session.execute(select(entity).where(entity.id.in_(keys))).unique().scalars()
            found |= {(entity, one.id): str(one) for one in seen}
    return found
