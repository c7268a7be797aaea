"""Tags on records: who may change a record tags it; a tag that nobody has used before is made on the way."""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any
from zlib import crc32

from sqlalchemy import ColumnElement, Select, String, and_, cast, delete, literal, not_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.base import Entity
from app.models.tag import LONGEST, Tag, TagColour, Tagging
from app.services import history
from app.services.text import is_blank, line

MOST = 20  # on one record
OFFERED = 200  # of all tags, to choose from while one types
_FIELD = "tag"
_COLOURS = [colour for colour in TagColour if colour != TagColour.grey]


def save(session: Session, tag: Tag) -> None:
    """Bring a tag into its normal form. Raises DomainError at "name" when it is empty, too long, or there already."""
    with session.no_autoflush:
        tag.name = _name(tag.name or "", field="name")
        tag.name_key = key_of(tag.name)
        twin = session.scalar(select(Tag.id).where(Tag.name_key == tag.name_key, Tag.id != (tag.id or 0)))
        if twin is not None:
            raise DomainError(_("There is such a tag already"), field="name")
        session.add(tag)


def add(session: Session, record: Entity, *, name: str) -> Tag:
    """Put a tag on a record; one that is there stays. Raises DomainError at "tag"."""
    tag = _known_or_new(session, _name(name, field=_FIELD))
    standing = {each.id: each.name for each in session.scalars(of(record))}
    if tag.id in standing:
        return tag
    if len(standing) >= MOST:
        raise _too_many()
    session.add(Tagging(entity=record.__stem__, record_id=record.id, tag_id=tag.id))
    session.flush()
    _note(session, record, standing.values(), [*standing.values(), tag.name])
    return tag


def remove(session: Session, record: Entity, *, tag_id: int) -> str | None:
    """Take a tag off a record and return its word, None when it had no such tag; the tag itself stays for others."""
    if not -(2**63) < tag_id < 2**63:
        return None
    row = session.scalar(select(Tagging).where(_about(record), Tagging.tag_id == tag_id))
    if row is None:
        return None
    standing = {each.id: each.name for each in session.scalars(of(record))}
    session.delete(row)
    session.flush()
    name = standing.pop(tag_id)
    _note(session, record, [*standing.values(), name], standing.values())
    return name


def put(session: Session, record: Entity, names: Sequence[str]) -> None:
    """Give a record exactly these tags. Raises DomainError at "tag"."""
    wanted = {key_of(word): word for word in (_name(name, field=_FIELD) for name in reversed(names))}
    if len(wanted) > MOST:
        raise _too_many()
    standing = {tag.name_key: tag for tag in session.scalars(of(record))}
    gone = [tag.id for word, tag in standing.items() if word not in wanted]
    after = [tag.name for word, tag in standing.items() if word in wanted]
    session.execute(delete(Tagging).where(_about(record), Tagging.tag_id.in_(gone)))
    new = wanted.keys() - standing.keys()
    known = {tag.name_key: tag for tag in session.scalars(select(Tag).where(Tag.name_key.in_(new)))}
    for key in sorted(new):
        tag = known.get(key) or _known_or_new(session, wanted[key])
        session.add(Tagging(entity=record.__stem__, record_id=record.id, tag_id=tag.id))
        after.append(tag.name)
    session.flush()
    _note(session, record, [tag.name for tag in standing.values()], after)


def _note(session: Session, record: Entity, before: Iterable[str], after: Iterable[str]) -> None:
    told = [", ".join(sorted(names, key=key_of)) or None for names in (before, after)]
    history.note(session, record, "tags", *told)


def of(record: Entity) -> Select[Tag]:
    """Return the tags of a record by name."""
    return select(Tag).join(Tagging, Tagging.tag_id == Tag.id).where(_about(record)).order_by(Tag.name)


def named(prefix: str = "") -> Select[str]:
    """Return the names of the tags that begin with what is typed."""
    found = select(Tag.name).order_by(Tag.name).limit(OFFERED)
    return found.where(Tag.name_key.startswith(key_of(prefix), autoescape=True)) if prefix.strip() else found


def having(entity: type[Any], operator: str, value: Any) -> ColumnElement[bool]:  # noqa: ANN401 -- from a filter
    """Return the condition for records with a tag: `eq`, `neq` or `in`, by id or name; `empty` for any tag at all."""
    tagged = select(Tagging.record_id).where(Tagging.entity == entity.__stem__)
    if operator == "empty":
        has_any: ColumnElement[bool] = entity.id.in_(tagged)
        return not_(has_any) if value else has_any
    wanted = value if isinstance(value, list) else [value]
    keys = [int(one) for one in map(str, wanted) if one.isdecimal() and len(one) <= 18]  # noqa: PLR2004 -- BIGINT
    names = [key_of(str(one)) for one in wanted if not str(one).isdecimal()]
    meant = select(Tag.id).where(Tag.id.in_(keys) | Tag.name_key.in_(names))
    found: ColumnElement[bool] = entity.id.in_(tagged.where(Tagging.tag_id.in_(meant)))
    return not_(found) if operator == "neq" else found


def rows(record: Entity) -> Select[Any]:
    """Return the tags of a record as rows of (what, number, word, colour), for a statement that asks more at once."""
    told = (
        literal("tag", String).label("what"),
        Tag.id.label("number"),
        Tag.name.label("word"),
        cast(Tag.colour, String(24)).label("colour"),
    )
    found: Select[Any] = select(*told).join(Tagging, Tagging.tag_id == Tag.id).where(_about(record))  # type: ignore[assignment]
    return found


def key_of(name: str) -> str:
    """Return the spelling by which tags are compared."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _too_many() -> DomainError:
    return DomainError(_("A record has at most %(most)s tags", most=MOST), field=_FIELD)


def _known_or_new(session: Session, name: str) -> Tag:
    known = session.scalar(select(Tag).where(Tag.name_key == key_of(name)))
    if known is not None:
        return known
    made = Tag(name=name, name_key=key_of(name), colour=_colour(name))
    try:
        with session.begin_nested():
            session.add(made)
    except IntegrityError:  # somebody has made it at the same moment
        return session.scalars(select(Tag).where(Tag.name_key == key_of(name))).one()
    return made


def _name(text: str, *, field: str) -> str:
    found = line(text, limit=LONGEST, field=field)
    if is_blank(found):
        raise DomainError(_("Write the word of the tag"), field=field)
    return found


def _colour(name: str) -> TagColour:
    """Return a colour by the name, so that the same word looks alike in every company."""
    return _COLOURS[crc32(key_of(name).encode()) % len(_COLOURS)]


def _about(record: Entity) -> ColumnElement[bool]:
    return and_(Tagging.entity == record.__stem__, Tagging.record_id == record.id)


__all__: Sequence[str] = ("MOST", "add", "having", "key_of", "named", "of", "put", "remove", "rows", "save")
