"""Background work of deliveries: making the note that goes with the goods."""

from datetime import timedelta
from io import BytesIO

from app import clock
from app.documents import delivery as documents
from app.documents.engine import DocumentError
from app.errors import DomainError
from app.i18n import gettext as _
from app.models.delivery import Delivery
from app.services import access, delivery_paper, organisation_picture
from app.services import attachment as attachments
from app.services import delivery as deliveries
from app.tasks.registry import Work, handles


@handles(deliveries.FILE, lease=timedelta(minutes=2), limit=timedelta(minutes=3))
def render(work: Work) -> None:
    """Make the PDF of a delivery that has left, and store it; once made it stays."""
    with work.reading() as session:
        delivery = access.get(session, Delivery, work.record_id)
        if delivery is None or delivery.number is None:
            raise DomainError(_("Only a delivery that has left has a note"))
        if delivery.file_id is not None:
            return
        content = delivery_paper.content(delivery)
        pinned = organisation_picture.pinned(session, delivery.organisation)
    try:
        pictures = organisation_picture.bytes_of(pinned, files=work.settings["CRM_VAR"] / "files")
        made = documents.pdf(content, pictures=pictures)
    except DocumentError as problem:
        if problem.may_pass:
            raise TimeoutError(problem.reason) from problem  # tried again later; what is wrong in itself is final
        raise
    with work.storing() as session:
        delivery = access.get(session, Delivery, work.record_id)
        if delivery is None:
            raise DomainError(_("Only a delivery that has left has a note"))
        delivery.file = attachments.store(
            session,
            BytesIO(made),
            files=work.settings["CRM_VAR"] / "files",
            name=f"{delivery}.pdf".replace("/", "-"),
            media_type="application/pdf",
            entity=Delivery.__stem__,
            record_id=delivery.id,
            purpose="document",
            at=clock.now(),
            by_id=work.actor_id,
        )
