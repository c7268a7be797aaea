"""What a company has already, as far as its first steps go; one statement answers all of it."""

from dataclasses import dataclass

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from app.models.invoice import Invoice, InvoiceState
from app.models.organisation import Organisation, OrganisationBankAccount
from app.models.party import Party
from app.models.sale_order import SaleOrder

ALONE = 1  # the administrator himself


@dataclass(frozen=True)
class Standing:
    """Which first steps are done; `organisation_id` is the company to go on with, None when there is none."""

    organisation_id: int | None
    company: bool
    bank: bool
    users: bool
    party: bool
    order: bool
    invoice: bool


def standing(session: Session) -> Standing:
    """Look at the data: nobody has to tick anything off."""
    issued = Invoice.state != InvoiceState.draft
    row = session.execute(
        select(
            select(func.min(Organisation.id)).scalar_subquery(),
            exists(select(OrganisationBankAccount.id)),
            select(func.count(User.id)).where(User.active.is_(True)).scalar_subquery() > ALONE,
            exists(select(Party.id)),
            exists(select(SaleOrder.id)),
            exists(select(Invoice.id).where(issued)),
        )
    ).one()
    organisation_id, bank, users, party, order, invoice = row
    found = (bank, users, party, order, invoice)
    return Standing(organisation_id, organisation_id is not None, *(bool(each) for each in found))
