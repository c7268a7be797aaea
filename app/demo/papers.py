"""Documents of the demo company from supplied templates: letters and labels in four languages, acts, reminders."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import clock
from app.demo.diary import Diary
from app.demo.team import People
from app.i18n import LANGUAGES
from app.models.base import Entity
from app.models.document_template import PaperKind
from app.models.made_document import MadeDocument
from app.models.organisation import Organisation
from app.models.party import Party
from app.models.sale_order import OrderState, SaleOrder
from app.roles import Scope
from app.services import document_make, document_supplied
from app.services import document_template as templates
from app.services import invoice as invoices
from app.services.access import Actor

ACTS, REMINDERS = 3, 2


def ensure(session: Session, *, organisation: Organisation, people: People, today: date) -> int:
    """Make the documents once, in a database without any; return how many were made."""
    if session.scalar(select(func.count()).select_from(MadeDocument)):
        return 0
    at = min(datetime.combine(today, time(8, 30), UTC), clock.now())
    document_supplied.install(session, at=at)
    by, diary, made = Actor(people.ids["office"], "office", Scope.all), Diary(session), 0
    with diary.entry(at, by) as touched:
        for kind, record, language in _wanted(session, today):
            template = templates.best(session, kind, language=language, organisation=organisation)
            if template is not None:
                touched.append(document_make.make(session, record, template, language=language, by=by, at=at))
                made += 1
    return made


def _wanted(session: Session, today: date) -> Iterator[tuple[PaperKind, Entity, str]]:
    """Return what is made: of which kind, of which record, in which language."""
    customers = select(Party).where(Party.is_customer, Party.archived_at.is_(None)).order_by(Party.id)
    for language in LANGUAGES:
        party = session.scalars(customers.where(Party.language == language).limit(1)).first()
        if party is not None:
            yield PaperKind.letter, party, language
            yield PaperKind.label, party, language
    closed = select(SaleOrder).where(SaleOrder.state == OrderState.closed).order_by(SaleOrder.id).limit(ACTS)
    for order in session.scalars(closed).all():
        yield PaperKind.act, order, order.party.language
    for invoice in session.scalars(invoices.due(today).limit(REMINDERS)).all():
        yield PaperKind.reminder, invoice, invoice.language
