"""A quote or an order from a deal: they copy the lines and know where they came from."""

from typing import Any

from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.deal import Deal
from app.models.pipeline import StageType
from app.models.quote import Quote, QuoteLine
from app.models.sale_order import OrderState, SaleOrder, SaleOrderLine
from app.services import organisation as organisations
from app.services import quote as quotes
from app.services import sale_order as orders

COPIED = ("product", "text", "quantity", "unit", "unit_price", "discount_percent", "tax")


def make_quote(session: Session, deal: Deal) -> Quote:
    """Make a draft of a quote from the lines of a deal, in the party's language, and return it stored.

    Raises DomainError when the deal is lost or without lines, Refusals as quotes do ("lines-0-tax").
    """
    refuse(deal)
    quote = Quote(**_head(session, deal), language=deal.party.language)
    with session.no_autoflush:
        quote.lines = [QuoteLine(**{name: getattr(line, name) for name in COPIED}) for line in deal.lines]
        quotes.save(session, quote)
    session.flush()
    return quote


def make_order(session: Session, deal: Deal) -> SaleOrder:
    """Make a draft of an order from the lines of a deal and return it stored.

    Raises DomainError when the deal is lost or without lines, Refusals as orders do ("lines-0-tax").
    """
    refuse(deal)
    order = SaleOrder(**_head(session, deal), state=OrderState.draft)
    with session.no_autoflush:
        order.lines = [SaleOrderLine(**{name: getattr(line, name) for name in COPIED}) for line in deal.lines]
        orders.save(session, order)
    session.flush()
    return order


def _head(session: Session, deal: Deal) -> dict[str, Any]:
    return {
        "deal": deal,
        "party": deal.party,
        "organisation": organisations.first(session),
        "currency": deal.currency,
        "prices_include_tax": False,
        "owner_id": deal.owner_id,
        "team_id": deal.team_id,
    }


def refuse(deal: Deal) -> None:
    """Raise DomainError when no document can be made from a deal."""
    refuse_lost(deal)
    if not deal.lines:
        raise DomainError(_("The deal has no lines yet"), field="lines")


def refuse_lost(deal: Deal) -> None:
    """Raise DomainError when a deal is lost."""
    if deal.state is StageType.lost:
        raise DomainError(_("The deal is lost; reopen it first"), field="stage")
