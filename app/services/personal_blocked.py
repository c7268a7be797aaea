"""What stands in the way of erasing a counterparty: what still runs, is open, or is not issued yet."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.i18n import gettext as _
from app.models.deal import Deal
from app.models.invoice import Invoice, InvoiceState
from app.models.letter import Letter, LetterState
from app.models.payment import Payment, PaymentState
from app.models.person_export import PersonExport, PersonExportState
from app.models.pipeline import StageType
from app.models.quote import Quote, QuoteState
from app.models.sale_order import UNDER_WAY, OrderState, SaleOrder
from app.models.text_message import OPEN as TEXTS_OPEN
from app.models.text_message import TextMessage, TextPhase

MOST = 5  # named of each kind


@dataclass(frozen=True, kw_only=True)
class Obstacle:
    """Records that must be settled first, the first of them by key and name."""

    stem: str
    text: str
    records: list[Any]


def obstacles(session: Session, party_id: int) -> list[Obstacle]:
    """Return what must be settled before a counterparty is erased, over all rows."""
    found = [
        (Deal, _("deals are open"), Deal.state == StageType.open),
        (Quote, _("quotes wait for an answer"), Quote.state.in_((QuoteState.draft, QuoteState.sent))),
        (
            SaleOrder,
            _("orders are under way"),
            SaleOrder.state.in_((OrderState.draft, *sorted(UNDER_WAY))),
        ),
        (Invoice, _("drafts of documents are not issued"), Invoice.state == InvoiceState.draft),
        (
            Invoice,
            _("documents are not settled"),
            (Invoice.state != InvoiceState.draft) & (Invoice.allocated < Invoice.gross),
        ),
        (
            Payment,
            _("payments are not used up"),
            (Payment.state == PaymentState.recorded) & (Payment.allocated < Payment.amount),
        ),
        (
            Letter,
            _("letters are under way"),
            Letter.state.in_((LetterState.pending, LetterState.claimed, LetterState.data, LetterState.uncertain)),
        ),
        (
            TextMessage,
            _("text messages are under way"),
            TextMessage.phase.in_((*TEXTS_OPEN, TextPhase.uncertain)),
        ),
        (
            PersonExport,
            _("an export of this person is being made"),
            PersonExport.state.in_((PersonExportState.queued, PersonExportState.running)),
        ),
    ]
    told = []
    for entity, text, where in found:
        kind: Any = entity
        records = (
            session.scalars(select(kind).where(kind.party_id == party_id, where).order_by(kind.id).limit(MOST))
            .unique()
            .all()
        )
        if records:
            told.append(Obstacle(stem=kind.__stem__, text=text, records=list(records)))
    return told
