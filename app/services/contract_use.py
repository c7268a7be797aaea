"""What is done under a contract: which documents may name it, and what was ordered and invoiced of its amount."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import case, cast, func, null, select, union_all
from sqlalchemy.orm import Session

from app.columns import Amount
from app.errors import DomainError
from app.i18n import gettext as _
from app.models.contract import BINDING, IN_FORCE, Contract
from app.models.invoice import Invoice, InvoiceKind, InvoiceState
from app.models.organisation import Organisation
from app.models.party import Party
from app.models.sale_order import OrderState, SaleOrder
from app.services import access

ZERO = Decimal(0)
_COUNTED = [each for each in OrderState if each not in {OrderState.draft, OrderState.cancelled}]


@dataclass(frozen=True)
class Used:
    """What was ordered and invoiced under a contract in one currency; `left` is what of its amount is not ordered.

    Units: amounts with tax; invoices less credit notes. `left` is None in another currency than the contract's, and
    without an amount.
    """

    currency: str
    ordered: Decimal = ZERO
    invoiced: Decimal = ZERO
    left: Decimal | None = None


def refuse(
    document: Any,  # noqa: ANN401 -- a quote, order or invoice
    contract: Contract,
    party: Party,
    organisation: Organisation,
    *,
    is_new: bool,
) -> None:
    """Raise DomainError when a document cannot be under a contract; `is_new` says that it has just been named."""
    if contract.is_amendment:
        raise DomainError(_("Choose the contract itself, not its amendment"), field="contract")
    if contract.party_id != party.id:
        raise DomainError(_("This contract is with somebody else"), field="contract")
    if contract.organisation_id != organisation.id:
        raise DomainError(_("This contract is of another of our organisations"), field="contract")
    possible = BINDING if isinstance(document, Invoice) else IN_FORCE  # what was delivered in time is invoiced later
    if is_new and contract.state not in possible:
        raise DomainError(_("This contract is not in force"), field="contract")


def used(session: Session, contract: Contract, *, amount: Decimal | None) -> list[Used]:
    """Return what was ordered and invoiced under a contract, by currency, its own first; `amount` holds now."""
    back = case((Invoice.kind == InvoiceKind.credit_note, -Invoice.gross), else_=Invoice.gross)
    orders = (
        select(SaleOrder.currency, func.sum(SaleOrder.gross).label("ordered"), cast(null(), Amount()).label("invoiced"))
        .where(SaleOrder.contract_id == contract.id, SaleOrder.state.in_(_COUNTED))
        .group_by(SaleOrder.currency)
    )
    invoices = (
        select(Invoice.currency, cast(null(), Amount()), func.sum(back))
        .where(Invoice.contract_id == contract.id, Invoice.state != InvoiceState.draft)
        .group_by(Invoice.currency)
    )
    with access.everything(session, why="what a contract has come to does not depend on who asks"):
        rows = session.execute(union_all(orders, invoices)).all()
    ordered: dict[str, Decimal] = {row[0]: row[1] for row in rows if row[1] is not None}
    invoiced: dict[str, Decimal] = {row[0]: row[2] for row in rows if row[2] is not None}
    others = sorted({*ordered, *invoiced} - {contract.currency})
    return [
        Used(
            code,
            ordered.get(code, ZERO),
            invoiced.get(code, ZERO),
            None if amount is None or code != contract.currency else amount - ordered.get(code, ZERO),
        )
        for code in (contract.currency, *others)
    ]
