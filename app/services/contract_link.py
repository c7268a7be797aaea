"""The customer's own page of a contract: its link, who may follow it, and the answer that ends it.

How such a link is made is told in services.public_link. It is open up to a day, and while the contract waits for the
customer: whatever is wrong with one (unknown, used, revoked, over) looks the same from outside.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError, NotFound
from app.i18n import gettext as _
from app.models.contract import Contract, ContractState
from app.services import access, public_link
from app.services import document as documents
from app.services import period as periods
from app.services.public_link import GUEST

USUAL, LONGEST = timedelta(days=30), timedelta(days=366)
_KIND = "contract"


def make(contract: Contract) -> None:
    """Give a contract a new link; the one before ends."""
    public_link.make(contract, kind=_KIND)


def last_day(until: date | None, today: date) -> date:
    """Return up to which day a link is open. Raises DomainError at "until" for one that is over, or far away."""
    day = until or today + USUAL
    if day < today:
        raise DomainError(_("This day is over already"), field="until")
    if day > today + LONGEST:
        raise DomainError(_("A link is open for a year at most"), field="until")
    return day


def is_alive(contract: Contract) -> bool:
    """Say whether a contract has a link that works, as far as its row says."""
    return contract.state is ContractState.sent and public_link.is_there(contract)


def url(contract: Contract, *, public_url: str) -> str | None:
    """Return the address of the customer's page, None when there is none."""
    return public_link.url(contract, kind=_KIND, public_url=public_url, base="/c") if is_alive(contract) else None


def revoke(session: Session, contract: Contract, *, at: datetime) -> None:
    """End the customer's link; the contract stays sent, and a signature on paper is noted."""
    refuse_revoke(contract)
    documents.lock(session, contract)
    public_link.end(contract, at=at)
    session.flush()


def refuse_revoke(contract: Contract) -> None:
    """Raise DomainError when a contract has no link that works."""
    if not is_alive(contract):
        raise DomainError(_("This contract has no link that works"), field="state")


def renew(session: Session, contract: Contract, *, at: datetime, until: date | None = None) -> None:
    """Make another link for a contract that the customer has not signed; the one before ends."""
    refuse_renew(contract)
    day = last_day(until, periods.today(contract.organisation, at))
    documents.lock(session, contract)
    contract.link_until = day
    make(contract)
    session.flush()


def refuse_renew(contract: Contract) -> None:
    """Raise DomainError unless a contract waits for the customer."""
    if contract.state is not ContractState.sent or any(each.side == "theirs" for each in contract.signatures):
        raise DomainError(_("This contract does not wait for the customer"), field="state")


@contextmanager
def followed(session: Session, token: str, *, at: datetime) -> Iterator[Contract]:
    """Read a contract as whoever follows its link: it and what it names, nothing else is asked for inside.

    Raises NotFound for any link that does not work.
    """
    with (
        access.acting(session, GUEST),
        access.everything(session, why="who follows a contract's link is no user, and sees that contract"),
    ):
        yield _find(session, token, at=at)


def _find(session: Session, token: str, *, at: datetime) -> Contract:
    wanted = select(Contract).where(
        Contract.link_sha256 == public_link.hashed(token),
        Contract.link_ended_at.is_(None),
        Contract.state == ContractState.sent,
    )
    contract = session.scalars(wanted).one_or_none()
    if contract is None or contract.link_until is None:
        raise NotFound
    if contract.link_until < periods.today(contract.organisation, at):
        raise NotFound
    return contract
