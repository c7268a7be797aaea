"""Signatures under contracts: noted by us, or given on the customer's page; the second one makes a contract binding.

Each keeps by SHA-256 what was signed: all that the contract says, and its file.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from app import money
from app.errors import DomainError
from app.i18n import gettext as _
from app.lifecycle import move, refuse
from app.models.attachment import Attachment
from app.models.contract import (
    CONTRACT_MOVES,
    IN_FORCE,
    Contract,
    ContractSignature,
    ContractState,
    Side,
)
from app.models.notification import NotificationKind
from app.services import chain, public_link
from app.services import contract as contracts
from app.services import contract_link as links
from app.services import contract_term as terms
from app.services import document as documents
from app.services import notification as notifications
from app.services import period as periods
from app.services.access import Actor
from app.services.public_link import NAME_LENGTH, Said
from app.services.text import is_blank, line

_SAID = ("number", "subject", "terms", "language", "currency", "tax_note", "place", "valid_from", "valid_until")
_NUMBERS = ("amendment", "renew_months", "notice_days")


def content(contract: Contract) -> dict[str, Any]:
    """Return what a contract says, as it is hashed: texts, days as ISO, amounts with their digits."""
    said = {name: str(value) if (value := getattr(contract, name)) is not None else None for name in _SAID}
    said |= {name: str(getattr(contract, name) or 0) for name in _NUMBERS}
    amount = contract.amount
    return said | {
        "kind": contract.kind.value,
        "renewal": contract.renewal.value,
        "amount": money.plain(amount, contract.currency) if amount is not None else None,
        "ours": contract.organisation.name,
        "theirs": contract.party.name,
        "file": contract.file.sha256 if contract.file is not None else None,
    }


def digest(contract: Contract) -> str:
    """Return the SHA-256 of what a contract says."""
    return chain.sha256(content(contract))


def sign_ours(
    session: Session,
    contract: Contract,
    *,
    at: datetime,
    by: Actor,
    name: str,
    position: str | None = None,
    on: date | None = None,
) -> None:
    """Note that we have signed."""
    _note(session, contract, Side.ours, Said(name=name, position=position), at=at, by=by, on=on)


def sign_theirs(
    session: Session,
    contract: Contract,
    *,
    at: datetime,
    by: Actor,
    name: str,
    position: str | None = None,
    on: date | None = None,
) -> None:
    """Note that the other side has signed on paper; the customer's link ends with it."""
    _note(session, contract, Side.theirs, Said(name=name, position=position), at=at, by=by, on=on)


def refuse_sign(contract: Contract, side: Side) -> None:
    """Raise DomainError when a side cannot sign now."""
    refuse(CONTRACT_MOVES, contract, ContractState.signed)
    if contract.signed_by(side) is not None:
        raise DomainError(_("This side has signed already"), field="state")
    if contract.parent is not None and contract.parent.state not in IN_FORCE:
        raise DomainError(_("The contract that it amends is not in force"), field="parent")


def _note(
    session: Session,
    contract: Contract,
    side: Side,
    said: Said,
    *,
    at: datetime,
    by: Actor | None,
    on: date | None = None,
) -> None:
    """Write a signature down; with the second one the contract is signed, and in force from its first day on."""
    refuse_sign(contract, side)
    name = line(said.name or "", limit=NAME_LENGTH, field="name")
    if is_blank(name):
        raise DomainError(_("Say who has signed"), field="name")
    position = line(said.position or "", limit=NAME_LENGTH, field="position") or None
    today = periods.today(contract.organisation, at)
    day = on or today
    if day > today:
        raise DomainError(_("The date cannot be after today, %(day)s", day=today.isoformat()), field="on")
    documents.lock(session, contract)
    contract.signatures.append(
        ContractSignature(
            side=side,
            signed_on=day,
            name=name,
            position=position,
            is_electronic=by is None,
            content_sha256=digest(contract),
            address=said.known_address,
            agent=said.known_agent,
            noted_at=at,
            noted_by_id=by.user_id if by is not None else None,
        )
    )
    if side is Side.theirs:
        public_link.end(contract, at=at)
    if all(contract.signed_by(each) is not None for each in Side):
        public_link.end(contract, at=at)
        move(CONTRACT_MOVES, contract, ContractState.signed)
        terms.set_end(contract, contract.valid_until)
        come_into_force(contract, today=today)
    session.flush()


def come_into_force(contract: Contract, *, today: date) -> bool:
    """Let a signed contract hold from its first day on, an amendment with its new last day; say whether it does."""
    if contract.valid_from is None or contract.valid_from > today:
        return False
    move(CONTRACT_MOVES, contract, ContractState.active)
    if contract.parent is not None and contract.valid_until is not None:
        terms.set_end(contract.parent, contract.valid_until)
    return True


def keep_copy(session: Session, contract: Contract, *, side: Side, file: int, by: Actor) -> None:  # noqa: ARG001
    """Make one of the contract's files the signed copy of a side, once. Raises DomainError at "file" for any other."""
    signature = contract.signed_by(side)
    if signature is None:
        raise DomainError(_("This side has not signed yet"), field="side")
    if signature.file_id is not None:
        raise DomainError(_("This signature has its copy already"), field="file")
    signature.file = own_file(session, contract, file)
    session.flush()


def choose_file(session: Session, contract: Contract, *, file: int) -> None:
    """Make one of the contract's files the document that is approved, sent and signed."""
    if contract.state is not ContractState.draft:
        refuse(CONTRACT_MOVES, contract, ContractState.approval)
    contract.file = own_file(session, contract, file)
    session.flush()


def own_file(session: Session, contract: Contract, key: int) -> Attachment:
    """Return a PDF among the files of a contract. Raises DomainError at "file" for anything else."""
    found = session.get(Attachment, key)
    kept = (Contract.__stem__, contract.id)
    if found is None or (found.entity, found.record_id) != kept or found.purpose == contracts.MADE:
        raise DomainError(_("This is no file of this contract"), field="file")
    if found.media_type != "application/pdf":
        raise DomainError(_("Choose a PDF"), field="file")
    return found


# --- the customer's page ----------------------------------------------------------------------------------------------


def accept(session: Session, token: str, said: Said, *, at: datetime) -> None:
    """Sign a contract by its link, once. Raises NotFound when the link does not work (any more)."""
    with links.followed(session, token, at=at) as contract:
        _note(session, contract, Side.theirs, said, at=at, by=None)
        _tell(session, contract, at=at)


def decline(session: Session, token: str, said: Said, *, at: datetime) -> None:
    """Turn a contract down by its link: it is a draft again, cancelled when we have signed it. As `accept` refuses."""
    with links.followed(session, token, at=at) as contract:
        name = line(said.name or "", limit=NAME_LENGTH, field="name")
        if is_blank(name):
            raise DomainError(_("Give your name"), field="name")
        why = contracts.said(said.reason)
        documents.lock(session, contract)
        public_link.end(contract, at=at)
        contract.reason = f"{name}: {why}"[: contracts.LONGEST_REASON]
        to = ContractState.cancelled if contract.signatures else ContractState.draft
        move(CONTRACT_MOVES, contract, to)
        session.flush()
        _tell(session, contract, at=at)


def _tell(session: Session, contract: Contract, *, at: datetime) -> None:
    """Tell who follows a contract what the customer has done."""
    people = notifications.followers(session, contract)
    said = contract.state.value
    notifications.tell(session, NotificationKind.change_of_state, contract, people, at=at, said=said)
