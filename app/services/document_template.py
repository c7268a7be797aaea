"""Rules of templates: safe on every save, compiled before they are published, chosen by kind and language."""

from collections.abc import Iterable
from datetime import datetime
from functools import partial

from sqlalchemy import exists, or_, select, update
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import DEFAULT_LANGUAGE, LANGUAGES, label_of
from app.i18n import gettext as _
from app.models.document_template import PAGE, WORD, WORDS, DocumentTemplate, DocumentTemplateVersion, PaperKind
from app.models.organisation import Organisation
from app.services import document_field, document_papers
from app.services.access import Actor
from app.services.collected import Collected
from app.services.document_field import Paper
from app.services.document_markup import safe, safe_style
from app.services.document_source import compiled
from app.services.text import is_blank, line

WIDEST = 80  # millimetres of a margin
document_papers.load()


def save(session: Session, template: DocumentTemplate) -> None:
    """Bring a template into its safe form and add it. Raises Refusals by field, each with line and reason.

    The default of a kind and language is the one saved last as such.
    """
    found = Collected()
    with session.no_autoflush:
        name = found.take("name", partial(line, template.name or "", limit=120))
        if name is not None and is_blank(name):
            found.refuse("name", _("This is needed"))
        template.name = name or template.name
        _judge(template, found)
        found.settle()
        if template.is_default:
            _be_the_default(session, template)
        session.add(template)


def check(template: DocumentTemplate) -> None:
    """Bring what a template says into its safe form, whatever it is called. Raises Refusals by field."""
    found = Collected()
    _judge(template, found)
    found.settle()


def _judge(template: DocumentTemplate, found: Collected) -> None:
    template.language = template.language if template.language in LANGUAGES else DEFAULT_LANGUAGE
    template.kind = template.kind or PaperKind.letter
    paper = document_field.of(template.kind)
    if paper is None:
        found.refuse("kind", _("Nothing is known yet of documents of the kind “%(kind)s”", kind=_kind(template)))
    for each in PAGE[1:]:
        width = getattr(template, each)
        if width is not None and not 0 <= width <= WIDEST:
            found.refuse(each, _("Between 0 and %(most)s millimetres", most=WIDEST))
    _clean(template, paper, found)


def _kind(template: DocumentTemplate) -> str:
    return label_of(template.kind)


def _clean(template: DocumentTemplate, paper: Paper | None, found: Collected) -> None:
    for each in WORDS:
        typed = getattr(template, each) or ""
        rule = partial(safe_style, typed) if each == "style" else partial(safe, typed, field=each)
        clean = found.take(each, rule)
        if clean is None:
            continue
        setattr(template, each, clean)
        if paper is not None and each != "style":
            found.take(each, partial(compiled, clean, paper, field=each, in_margin=each != "body"))


def _be_the_default(session: Session, template: DocumentTemplate) -> None:
    ours = template.organisation.id if template.organisation is not None else template.organisation_id
    same = DocumentTemplate.organisation_id.is_(None) if ours is None else DocumentTemplate.organisation_id == ours
    others = (
        DocumentTemplate.kind == template.kind,
        DocumentTemplate.language == template.language,
        same,
        DocumentTemplate.is_default,
        DocumentTemplate.id != (template.id or 0),
    )
    # at once, before the new default is stored: there is only one at any time
    session.execute(update(DocumentTemplate).where(*others).values(is_default=False))


def remove(session: Session, template: DocumentTemplate) -> None:
    """Delete a template that was never published. Raises DomainError for another one: documents stand on it."""
    if session.scalar(select(exists().where(DocumentTemplateVersion.template_id == template.id))):
        raise DomainError(_("This template was published: take it out of use instead"))
    session.delete(template)


def publish(session: Session, template: DocumentTemplate, *, by: Actor | None, at: datetime) -> DocumentTemplateVersion:
    """Freeze a template as it stands: from now on documents are made from this version.

    Raises Refusals by field when something in it is wrong, DomainError when it is empty or nothing has changed.
    """
    save(session, template)
    if is_blank(template.body) and template.docx_sha256 is None:
        raise DomainError(_("An empty template makes no document"), field="body")
    refuse_unchanged(session, template)
    last = published(session, template)
    version = DocumentTemplateVersion(
        template=template,
        number=1 if last is None else last.number + 1,
        published_at=at,
        published_by_id=by.user_id if by is not None else None,
        **{name: getattr(template, name) for name in (*PAGE, *WORDS, *WORD)},
    )
    session.add(version)
    session.flush()
    return version


def refuse_unchanged(session: Session, template: DocumentTemplate) -> None:
    """Raise DomainError when a template says just what its last version says."""
    last = published(session, template)
    if last is not None and not differs(template, last):
        raise DomainError(_("Nothing has changed since version %(number)s", number=last.number))


def published(session: Session, template: DocumentTemplate) -> DocumentTemplateVersion | None:
    """Return the version that documents are made from: the last one."""
    if not template.id:
        return None
    found = select(DocumentTemplateVersion).where(DocumentTemplateVersion.template_id == template.id)
    return session.scalar(found.order_by(DocumentTemplateVersion.number.desc()).limit(1))


def differs(template: DocumentTemplate, version: DocumentTemplateVersion) -> bool:
    """Say whether a template says something else than one of its versions."""
    return any(getattr(template, name) != getattr(version, name) for name in (*PAGE, *WORDS, *WORD))


def restore(session: Session, template: DocumentTemplate, *, number: int) -> None:
    """Let a template say again what one of its versions said. Raises DomainError at "number"."""
    version = session.scalar(
        select(DocumentTemplateVersion).where(
            DocumentTemplateVersion.template_id == template.id, DocumentTemplateVersion.number == number
        )
    )
    if version is None:
        raise DomainError(_("There is no version %(number)s", number=number), field="number")
    for name in (*PAGE, *WORDS, *WORD):
        setattr(template, name, getattr(version, name))


def fitting(
    session: Session, kinds: Iterable[str], *, language: str, organisation: Organisation | None = None
) -> list[DocumentTemplate]:
    """Return the published templates in use for kinds of documents, the most fitting first.

    First comes the reader's language, then our organisation's, then English; ours before those of all; defaults first.
    """
    ours = organisation.id if organisation is not None else None
    of_ours = or_(DocumentTemplate.organisation_id.is_(None), DocumentTemplate.organisation_id == ours)
    found = session.scalars(
        select(DocumentTemplate).where(
            DocumentTemplate.kind.in_([PaperKind(kind) for kind in kinds]),
            DocumentTemplate.is_active.is_(True),
            of_ours,
            exists().where(DocumentTemplateVersion.template_id == DocumentTemplate.id),
        )
    ).all()
    wanted = [language, organisation.language if organisation is not None else DEFAULT_LANGUAGE, DEFAULT_LANGUAGE]

    def rank(each: DocumentTemplate) -> tuple[int, bool, bool, str, int]:
        at = wanted.index(each.language) if each.language in wanted else len(wanted)
        return at, each.organisation_id is None, not each.is_default, each.name, each.id

    return sorted(found, key=rank)


def best(
    session: Session, kind: str, *, language: str, organisation: Organisation | None = None
) -> DocumentTemplate | None:
    """Return the template for a kind that fits best; None when there is none in any language."""
    return next(iter(fitting(session, [kind], language=language, organisation=organisation)), None)
