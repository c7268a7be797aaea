"""An order from a deal: it copies the lines and knows where it came from."""

from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.deal import Deal
from app.models.pipeline import StageType
from app.models.sale_order import OrderState, SaleOrder, SaleOrderLine
from app.services import organisation as organisations
from app.services import sale_order as orders

COPIED = ("product", "text", "quantity", "unit", "unit_price", "discount_percent", "tax")


def make(session: Session, deal: Deal) -> SaleOrder:
    """Make a draft of an order from the lines of a deal and return it stored.

    Raises DomainError when the deal is lost or without lines, Refusals as orders do ("lines-0-tax").
    """
    refuse(deal)
    order = SaleOrder(
        deal=deal,
        party=deal.party,
        organisation=organisations.first(session),
        currency=deal.currency,
        prices_include_tax=False,
        state=OrderState.draft,
        owner_id=deal.owner_id,
        team_id=deal.team_id,
    )
    order.lines = [SaleOrderLine(**{name: getattr(line, name) for name in COPIED}) for line in deal.lines]
    orders.save(session, order)
    session.flush()
    return order


def refuse(deal: Deal) -> None:
    """Raise DomainError when no order can be made from a deal."""
    refuse_lost(deal)
    if not deal.lines:
        raise DomainError(_("The deal has no lines yet"), field="lines")


def refuse_lost(deal: Deal) -> None:
    """Raise DomainError when a deal is lost."""
    if deal.state is StageType.lost:
        raise DomainError(_("The deal is lost; reopen it first"), field="stage")
