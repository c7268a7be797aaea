"""Letters that bring a contract: in which words, with its file, and with the link by which it is read and signed."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.i18n import gettext as _
from app.i18n import in_language
from app.lifecycle import refuse
from app.models.contract import CONTRACT_MOVES, Contract, ContractState
from app.models.letter import CONTRACT, Letter
from app.models.suppression import ContactKind
from app.services import access, public_link
from app.services import contract as contracts
from app.services import contract_link as links
from app.services import letter_office as offices
from app.services import mail_server as mail_servers
from app.services import period as periods
from app.services.access import Actor
from app.services.letter_bring import bring


def send_contract(
    session: Session,
    contract: Contract,
    *,
    at: datetime,
    by: Actor | None,
    to: str | None = None,
    subject: str | None = None,
    text: str | None = None,
) -> Letter:
    """Write the letter that brings the customer's page of a contract; an approved one is sent by it.

    Raises DomainError or Refusals at "state", "to", "subject", "text".
    """
    mail_servers.ready(session, contract.organisation)
    refuse_send_contract(contract)
    if contract.state is ContractState.approved:
        contracts.send(session, contract, at=at)
    today = periods.today(contract.organisation, at)
    if not links.is_alive(contract) or contract.link_until is None or contract.link_until < today:
        links.renew(session, contract, at=at)
    return bring(
        session,
        contract,
        to=to,
        subject=subject or subject_of(contract),
        text=text or text_of(contract),
        purpose=CONTRACT,
        kind=ContactKind.transactional,
        at=at,
        by=by,
    )


def refuse_send_contract(contract: Contract) -> None:
    """Raise DomainError unless a contract is approved, or waits for the customer."""
    if contract.state is ContractState.sent:
        links.refuse_renew(contract)
    else:
        refuse(CONTRACT_MOVES, contract, ContractState.sent)


def subject_of(contract: Contract) -> str:
    """Return the subject of the letter that brings a contract, in the contract's language."""
    with in_language(contract.language):
        return _("%(title)s from %(name)s", title=_title(contract), name=_us(contract))


def text_of(contract: Contract) -> str:
    """Return the text of the letter that brings a contract, in its language; the link has its place in it."""
    with in_language(contract.language):
        about = _("We send you for signing: %(title)s, %(subject)s.", title=_title(contract), subject=contract.subject)
        asked = _("Here you read it, sign it or turn it down:") + "\n" + public_link.PLACE
        closing = _("Yours sincerely,") + "\n" + _us(contract)
        return "\n\n".join([_("Dear Sir or Madam,"), about, asked, closing])


def _title(contract: Contract) -> str:
    if contract.is_amendment:
        return _("Amendment %(number)s", number=contract)
    return _("Contract %(number)s", number=contract)


def _us(contract: Contract) -> str:
    return contract.organisation.legal_name or contract.organisation.name


def with_link(session: Session, letter: Letter) -> str:
    """Return a letter's text as it leaves: with the link, or a dash where that has ended meanwhile."""
    contract = access.get(session, Contract, letter.record_id)
    link = links.url(contract, public_url=offices.ready(has_own=True).public_url) if contract is not None else None
    return letter.body.replace(public_link.PLACE, link or "—")
