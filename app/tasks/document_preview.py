"""Background work of previews: the pages of a template that is being written, and throwing them away."""

from datetime import timedelta

from app import clock
from app.documents import studio
from app.documents.pages import pages_of
from app.errors import DomainError, NotAllowed
from app.i18n import gettext as _
from app.i18n import in_language
from app.models.base import entity_of
from app.roles import CHANGE, SEE
from app.services import access, bulk_user, document_make, organisation_picture
from app.services import document_preview as previews
from app.services import period as periods
from app.services.bulk_user import Starter
from app.services.document_preview import Made
from app.tasks.registry import Work, handles


@handles(previews.TOPIC, lease=timedelta(minutes=2), limit=timedelta(minutes=3))
def show(work: Work) -> None:
    """Make the pages of a preview; whatever prevents it is told to the person instead, and nobody else is troubled."""
    with work.reading() as session:
        by = bulk_user.starter(session, work.actor_id)
    with in_language(by.language):
        try:
            made = _made(work, by)
        except NotAllowed:
            made = _nothing(work, _("You may not see what stands in this document"))
        except DomainError as refusal:
            made = _nothing(work, str(refusal))
    with work.storing() as session:
        files = work.settings["CRM_VAR"] / "files"
        previews.keep(session, work.row_id, made, files=files, by_id=work.actor_id, at=clock.now())


@handles(previews.FORGET)
def forget(work: Work) -> None:
    """Throw a preview away whose hour is over."""
    with work.storing() as session:
        previews.forget(session, work.record_id or 0, work.payload["digest"])


def _made(work: Work, by: Starter) -> Made:
    """Take the data with the rights of whoever asked, as they are now, and make the pages with no transaction open."""
    template = previews.typed(work.payload["template"])
    stem, key = work.payload["stem"], work.payload["of"]
    at = clock.now()
    with work.reading() as session, access.acting(session, by.actor):
        by.require(session, "document_template", CHANGE)
        by.require(session, stem, SEE)
        entity = entity_of(stem)
        record = access.get(session, entity, key) if entity is not None else None
        if record is None:
            raise DomainError(_("There is no such record that you see"))
        paper = document_make.paper_of(template, record)
        ours = document_make.ours_of(session, template, record)
        today = periods.today(ours, at)
        pinned = organisation_picture.pinned(session, ours)
        data = document_make.taken(session, paper, record, template.language, on=today)
        missing = tuple(each.name for each in document_make.missing_of(paper, record, data))
        name = str(record)
        layout = document_make.layout_of(template, paper)
    file = studio.pdf(
        studio.Layout(**layout),
        paper.fields,
        data,
        language=template.language,
        title=template.name,
        made_on=today.isoformat(),
        pictures=organisation_picture.bytes_of(pinned, files=work.settings["CRM_VAR"] / "files"),
    )
    pages = pages_of(file, most=previews.MOST_PAGES)
    return Made(stem, key, template.kind, name, pages.pictures, pages.count, missing=missing)


def _nothing(work: Work, why: str) -> Made:
    asked = work.payload
    return Made(asked["stem"], asked["of"], asked["template"]["kind"], "", problem=why)
