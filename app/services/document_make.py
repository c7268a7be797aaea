"""Making documents: the data of a record taken once, kept with the version of the template, and rendered by the worker.

Nothing is rendered here. What is needed and missing is refused with the place where it is filled in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from app.errors import DomainError, Refusals
from app.i18n import LANGUAGES, in_language, label_of
from app.i18n import gettext as _
from app.models.base import Owned
from app.models.document_template import DocumentTemplate, DocumentTemplateVersion, PageSize
from app.models.made_document import MadeDocument, MadeState
from app.models.organisation import Organisation
from app.models.party import Party
from app.outbox import enqueue
from app.search import search_text
from app.services import document_field, document_kinds, document_papers, organisation_picture
from app.services import document_template as templates
from app.services import organisation as organisations
from app.services import period as periods
from app.services.access import Actor
from app.services.document_field import Field, Paper, Place
from app.services.document_source import compiled

RENDER = "document.render"
MOST_ROWS = 5_000
document_papers.load()


@dataclass(frozen=True)
class Missing:
    """A needed value that there is not, and where it is filled in."""

    name: str
    label: str
    place: Place | None


class MissingData(Refusals):
    """Needed values are missing; `missing` says which."""

    def __init__(self, missing: Sequence[Missing]) -> None:
        self.missing = list(missing)
        super().__init__({each.name: [_("“%(name)s” is needed", name=each.label)] for each in missing})


def make(
    session: Session,
    record: Any,  # noqa: ANN401 -- of any kind that has fields
    template: DocumentTemplate,
    *,
    language: str,
    by: Actor | None,
    at: datetime,
    is_archival: bool = False,
) -> MadeDocument:
    """Make a document of a record with the last published version of a template; the worker makes its file.

    Raises DomainError when the template is not published, not in use or for something else, MissingData (Refusals by
    the fields' names) when needed values are missing; nothing is made then.
    """
    version = templates.published(session, template)
    if version is None or not template.is_active:
        raise DomainError(_("This template is not in use: publish it first"), field="template")
    paper = paper_of(template, record)
    told = language if language in LANGUAGES else template.language
    ours = ours_of(session, template, record)
    data = taken(session, paper, record, told, on=periods.today(ours, at))
    missing = missing_of(paper, record, data)
    if missing:
        raise MissingData(missing)
    pictures = organisation_picture.pinned(session, ours)
    made = MadeDocument(
        state=MadeState.draft,
        kind=template.kind,
        title=_title(template, data, told),
        number=data.get("number"),
        language=told,
        organisation=ours,
        party=_party(record),
        entity=record.__stem__,
        record_id=record.id,
        template_version=version,
        data={"fields": data} | ({"pictures": pictures} if pictures else {}),
        is_archival=is_archival,
    )
    _give(made, record, by)
    made.search_text = search_text([made.title, made.number, made.party.name if made.party is not None else None])
    session.add(made)
    session.flush()
    enqueue(session, RENDER, made.id, due_at=at, actor_id=by.user_id if by is not None else None)
    return made


def paper_of(template: DocumentTemplate, record: Any) -> Paper:  # noqa: ANN401
    """Return what is known of a template's kind for a record. Raises DomainError when it is for something else."""
    paper = document_field.of(template.kind, type(record))
    if paper is None:
        raise DomainError(_("“%(name)s” is a template for something else", name=template.name), field="template")
    return paper


def taken(session: Session, paper: Paper, record: Any, language: str, *, on: date) -> dict[str, Any]:  # noqa: ANN401
    """Return the values of all fields on a day as plain data; the ones that a record has not are None."""
    with in_language(language):
        found = {document_kinds.MADE_ON.name: on} | paper.data(session, record, language)
    values = {each.name: _plain(each, found.get(each.name)) for each in paper.fields}
    return values | {document_field.CURRENCY: found.get(document_field.CURRENCY)}


def missing_of(paper: Paper, record: Any, data: dict[str, Any]) -> list[Missing]:  # noqa: ANN401
    """Return what is needed and missing."""
    return [
        Missing(each.name, str(each.label), paper.place(record, each.name))
        for each in paper.fields
        if each.is_needed and data.get(each.name) in (None, "", [])
    ]


def _plain(of: Field, value: Any) -> Any:  # noqa: ANN401 -- what JSON holds
    if of.kind == "rows":
        rows = list(value or [])
        if len(rows) > MOST_ROWS:
            raise DomainError(_("A document has at most %(most)s lines", most=MOST_ROWS))
        return [{each.name: _plain(each, row.get(each.name)) for each in of.fields} for row in rows]
    if of.kind == "yesno":
        return bool(value)
    return None if value is None else str(value)


def _title(template: DocumentTemplate, data: dict[str, Any], language: str) -> str:
    """Return what the register calls a document: by its kind and number, else as its template is called."""
    if not data.get("number"):
        return template.name
    with in_language(language):
        return f"{label_of(template.kind)} {data['number']}"[:250]


def ours_of(session: Session, template: DocumentTemplate, record: Any) -> Organisation:  # noqa: ANN401
    """Return which of ours a document is of: the record's, else the template's, else the first."""
    found = getattr(record, "organisation", None) or template.organisation or organisations.first(session)
    if found is None:
        raise DomainError(_("There is no organisation of ours yet"))
    return found


def _party(record: Any) -> Party | None:  # noqa: ANN401
    return record if isinstance(record, Party) else getattr(record, "party", None)


def _give(made: MadeDocument, record: Any, by: Actor | None) -> None:  # noqa: ANN401
    if isinstance(record, Owned) and (record.owner_id is not None or record.team_id is not None):
        made.owner_id, made.team_id = record.owner_id, record.team_id
    elif by is not None:
        made.owner_id, made.team_id = by.user_id, by.team_id


def layout_of(version: DocumentTemplateVersion | DocumentTemplate, paper: Paper) -> dict[str, Any]:
    """Return the compiled parts of a version and its page, as `documents.studio.Layout` takes them.

    Raises DomainError at the part that is wrong.
    """
    margins = (version.margin_top, version.margin_right, version.margin_bottom, version.margin_left)
    return {
        "body": compiled(version.body, paper, field="body"),
        "header": compiled(version.header, paper, field="header", in_margin=True),
        "footer": compiled(version.footer, paper, field="footer", in_margin=True),
        "style": version.style,
        "page_size": str(version.page_size or PageSize.a4),
        "margins": margins,
    }
