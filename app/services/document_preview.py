"""The preview of a template that is being written: what stands in the form, filled with a real record.

Nothing of it becomes a document or a version. The worker makes the pages with the rights of whoever asked; each person
has one preview, the last one, and it is thrown away after an hour.
"""

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.attachment import Attachment
from app.models.document_template import PAGE, WORDS, DocumentTemplate, PageSize, PaperKind
from app.outbox import Errand, Outbox, enqueue
from app.services import access, document_make
from app.services import attachment as attachments
from app.services import bin as bins
from app.services import document_template as templates
from app.services.access import Actor
from app.services.collected import Collected

TOPIC = "document.preview"
FORGET = "document.forget"
HOLDER = "document_preview"  # to what its file belongs; the record is the person who asked
KEPT = timedelta(hours=1)
MOST_PAGES = 10
_ABOUT = "about.json"
_DIGITS = 3  # of a margin
E_ = TypeVar("E_", bound=StrEnum)
Typed = Mapping[str, str]


@dataclass(frozen=True)
class Made:
    """What the worker made: pages as PNG, or why there are none. `missing` are the names of needed values without any.

    `count` is how many pages the document has; of many only the first are made.
    """

    stem: str
    record_id: int
    kind: str
    name: str
    pictures: tuple[bytes, ...] = ()
    count: int = 0
    problem: str = ""
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Standing:
    """How far a preview is: it waits, it is there, or it came to nothing."""

    key: int
    file: Attachment | None
    is_waiting: bool


def typed(given: Typed) -> DocumentTemplate:
    """Return the template that a form says, added to no session. Raises Refusals by field."""
    found = Collected()
    kind = found.take("kind", partial(_member, PaperKind, given.get("kind", "")))
    size = found.take("page_size", partial(_member, PageSize, given.get("page_size", "") or PageSize.a4))
    margins = {each: found.take(each, partial(_whole, given.get(each, ""))) for each in PAGE[1:]}
    found.settle()
    return DocumentTemplate(
        name=given.get("name", "").strip()[:120] or _("Preview"),
        kind=kind,
        language=given.get("language", ""),
        page_size=size,
        **margins,
        **{each: given.get(each, "") for each in WORDS},
    )


def _member(of: type[E_], given: str) -> E_:
    try:
        return of(given)
    except ValueError:
        raise DomainError(_("This is needed")) from None


def _whole(given: str) -> int:
    text = given.strip()
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
        raise DomainError(_("Between 0 and %(most)s millimetres", most=templates.WIDEST))
    return int(text)


def ask(session: Session, record: Any, given: Typed, *, by: Actor, at: datetime) -> Outbox:  # noqa: ANN401
    """Let the worker show what a form says with a record's data, instead of whatever this person asked for before.

    Raises Refusals by field, each with line and reason, when it cannot be a template.
    """
    template = typed(given)
    templates.check(template)
    paper = document_make.paper_of(template, record)
    document_make.layout_of(template, paper)
    for before in session.scalars(select(Outbox).where(Outbox.topic == TOPIC, Outbox.record_id == by.user_id)):
        session.delete(before)
    _empty(session, by.user_id)  # a database may give the key of a deleted row again: its file must not answer for it
    words = {each: str(getattr(template, each)) for each in ("name", "kind", "language", *PAGE, *WORDS)}
    about = {"stem": record.__stem__, "of": record.id, "template": words}
    return enqueue(session, TOPIC, by.user_id, due_at=at, actor_id=by.user_id, **about)


def newest(session: Session, entity: type[Any]) -> Any:  # noqa: ANN401 -- of any kind that has fields
    """Return the newest record that the actor sees, None when there is none; merged ones lead to others."""
    merged = getattr(entity, "merged_into_id", None)
    found = select(entity).where(*([] if merged is None else [merged.is_(None)]))
    return session.execute(found.order_by(entity.id.desc()).limit(1)).unique().scalar_one_or_none()


def standing(session: Session, key: int, *, by: Actor) -> Standing | None:
    """Return one's own preview; None for that of another, and for one that a later one has replaced."""
    job = access.get(session, Outbox, key)
    if job is None or (job.topic, job.record_id) != (TOPIC, by.user_id):
        return None
    file = next((each for each in _files(session, by.user_id) if each.name == _name(key)), None)
    return Standing(key, file, is_waiting=file is None and job.state in {Errand.pending, Errand.claimed})


def keep(session: Session, key: int, made: Made, *, files: Path, by_id: int | None, at: datetime) -> None:
    """Store what the worker made as the person's only preview, for an hour."""
    _empty(session, by_id)
    stored = attachments.store(
        session,
        BytesIO(_packed(made)),
        files=files,
        name=_name(key),
        media_type="application/zip",
        entity=HOLDER,
        record_id=by_id,
        purpose="preview",
        at=at,
        by_id=by_id,
    )
    enqueue(session, FORGET, stored.id, due_at=at + KEPT, digest=stored.sha256)


def forget(session: Session, file_id: int, digest: str) -> None:
    """Throw a preview away, and its bytes when nothing else has the same."""
    file = session.get(Attachment, file_id)
    if file is not None and file.entity == HOLDER:
        session.delete(file)
    enqueue(session, bins.SWEEP, digests=[digest], soon=True)


def read(file: Attachment, *, files: Path, pages: Sequence[int] = ()) -> Made:
    """Return what a preview's file says, with the pages that are asked for, counted from 0; others are empty.

    Raises NotFound when the bytes are gone.
    """
    with attachments.open_file(file, files=files) as source, zipfile.ZipFile(source) as packed:
        about = json.loads(packed.read(_ABOUT))
        names = [name for name in packed.namelist() if name != _ABOUT]
        pictures = tuple(packed.read(name) if at in pages else b"" for at, name in enumerate(names))
    return Made(**about | {"missing": tuple(about["missing"])}, pictures=pictures)


def _packed(made: Made) -> bytes:
    about = {name: getattr(made, name) for name in ("stem", "record_id", "kind", "name", "count", "problem", "missing")}
    target = BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as packed:  # pictures are packed already
        packed.writestr(_ABOUT, json.dumps(about))
        for number, picture in enumerate(made.pictures, start=1):
            packed.writestr(f"{number:02}.png", picture)
    return target.getvalue()


def _empty(session: Session, user_id: int | None) -> None:
    """Delete what a person was shown; its bytes go when its own hour is over."""
    for before in _files(session, user_id):
        session.delete(before)


def _files(session: Session, user_id: int | None) -> Sequence[Attachment]:
    return session.scalars(
        select(Attachment).where(Attachment.entity == HOLDER, Attachment.record_id == user_id).order_by(Attachment.id)
    ).all()


def _name(key: int) -> str:
    return f"preview-{key}.zip"
