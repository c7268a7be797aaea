"""Contracts: drawn up, approved, sent, in force, prolonged, amended, and brought to their end."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from app import money
from app.errors import DomainError
from app.i18n import LANGUAGES
from app.i18n import gettext as _
from app.lifecycle import move, refuse
from app.models.contract import BINDING, CONTRACT_MOVES, IN_FORCE, Contract, ContractState, Renewal
from app.models.number_series import SeriesKind
from app.models.organisation import Organisation
from app.models.party import Party
from app.search import search_text
from app.services import access, public_link, validity
from app.services import contract_link as links
from app.services import contract_term as terms
from app.services import document as documents
from app.services import number as numbers
from app.services import organisation as organisations
from app.services import period as periods
from app.services.access import Actor
from app.services.collected import Collected
from app.services.party_rules import refuse_erased
from app.services.text import is_blank, line, lines

USUAL = timedelta(days=30)  # how long the customer's page is open when nobody says how long
LONGEST_TERMS, LONGEST_NOTE, LONGEST_REASON = 100_000, 20_000, 500
_FREE = frozenset({"note", "owner_id", "team_id", "search_text", "version", "changed_at"})
_COPIED = ("organisation", "party", "deal", "kind", "subject", "language", "currency", "tax_note", "place")
_DAYS = ("notice_days", "reminder_days")
MADE = "made"  # the purpose of a file that was made from a template: it says what the contract says
_TOLD = ("organisation", "party", "kind", "subject", "terms", "amount", "currency", "tax_note", "place")
_TOLD_DAYS = ("valid_from", "valid_until", "renewal", "renew_months", "notice_days")


def save(session: Session, contract: Contract) -> None:
    """Judge a contract and add it to the session; one that is no draft keeps what it says.

    Raises Refusals with everything that is wrong, by field; nothing is changed then.
    """
    with session.no_autoflush:
        contract.state = contract.state or ContractState.draft
        if contract.state is not ContractState.draft:
            text = _("Only a draft is changed; take the contract back, or make an amendment")
            documents.refuse_columns(contract, free=_FREE, text=text)
            contract.note = lines(contract.note or "", limit=LONGEST_NOTE, field="note") or None
            session.add(contract)
            return
        _judge(session, contract)
    session.add(contract)


def _judge(session: Session, contract: Contract) -> None:
    found = Collected()
    ours = documents.linked(session, contract, "organisation", Organisation) or organisations.first(session)
    party = documents.linked(session, contract, "party", Party)
    if ours is None:
        found.refuse("organisation", _("Say which of your organisations this is for"))
    if party is None:
        found.refuse("party", _("Say whom this is for"))
    else:
        found.take("party", lambda: refuse_erased(party))
    values = _texts(contract, found)
    values["currency"] = (
        (contract.currency or (party and party.currency) or (ours and ours.currency) or "").strip().upper()
    )
    if found.take("currency", lambda: money.digits(values["currency"])) is not None and contract.amount is not None:
        values["amount"] = found.take("amount", partial(_amount, contract.amount, values["currency"]))
    values["language"] = (contract.language or (party and party.language) or "en").strip().lower()
    if values["language"] not in LANGUAGES:
        codes = ", ".join(LANGUAGES)
        found.refuse("language", _("Letters and documents are written in one of: %(codes)s", codes=codes))
    validity.refuse_days(contract, found)
    _judge_renewal(contract, found)
    found.settle()
    documents.put(contract, values | {"organisation": ours, "party": party})
    assert party is not None  # noqa: S101 -- its absence was refused
    contract.search_text = search_text([contract.number, contract.subject, party.name, party.tax_number])
    _let_file_go(contract)


def _let_file_go(contract: Contract) -> None:
    """Let a file that was made from a template go when the contract says something else than it does."""
    if contract.file is None or contract.file.purpose != MADE:
        return
    told = documents.state_of(contract).attrs
    if any(told[name].history.has_changes() for name in (*_TOLD, *_TOLD_DAYS)):
        contract.file = None


def _texts(contract: Contract, found: Collected) -> dict[str, Any]:
    values: dict[str, Any] = {"amendment": contract.amendment or 0, "renewals": contract.renewals or 0}
    values["renewal"] = contract.renewal or Renewal.none
    subject = found.take("subject", partial(line, contract.subject or "", limit=250))
    if subject is not None and is_blank(subject):
        found.refuse("subject", _("Say in a few words what the contract is about"))
    values["subject"] = subject
    for name, most in (("tax_note", 250), ("place", 120)):
        values[name] = found.take(name, partial(line, getattr(contract, name) or "", limit=most)) or None
    for name, most in (("terms", LONGEST_TERMS), ("note", LONGEST_NOTE)):
        values[name] = found.take(name, partial(lines, getattr(contract, name) or "", limit=most)) or None
    for name in _DAYS:
        days = getattr(contract, name)
        values[name] = 30 if days is None else days
        if not 0 <= values[name] <= 3650:  # noqa: PLR2004 -- ten years
            found.refuse(name, _("Between no day and ten years is possible"))
    return values


def _amount(amount: Decimal, currency: str) -> Decimal:
    if amount < 0:
        raise DomainError(_("An amount is not below zero"))
    if money.quantize(amount, currency) != amount:
        raise DomainError(_("This currency has no such small parts"))
    return documents.number(amount)


def _judge_renewal(contract: Contract, found: Collected) -> None:
    renewal, months = contract.renewal or Renewal.none, contract.renew_months
    if renewal is Renewal.automatic and not 1 <= (months or 0) <= 120:  # noqa: PLR2004 -- ten years
        found.refuse("renew_months", _("Say by how many months it goes on, 1 to 120"))
    if renewal is not Renewal.automatic and months is not None:
        found.refuse("renew_months", _("Only what goes on by itself has months of renewal"))
    if renewal is not Renewal.none and contract.valid_until is None and not contract.is_amendment:
        found.refuse("valid_until", _("What goes on after its last day needs one"))
    if renewal is not Renewal.none and contract.is_amendment:
        found.refuse("renewal", _("An amendment has no renewal of its own"))


def remove(session: Session, contract: Contract) -> None:  # noqa: ARG001 -- every rule of deleting takes its session
    """Say whether a contract may be deleted: DomainError once it had a number."""
    if contract.state is not ContractState.draft or contract.number is not None:
        raise DomainError(_("Only a draft without a number can be deleted; cancel the contract"), field="state")


# --- up to the signatures ---------------------------------------------------------------------------------------------


def submit(session: Session, contract: Contract) -> None:
    """Ask for the approval of a draft. Raises DomainError when it does not say from when it holds, or what."""
    refuse_submit(contract)
    documents.lock(session, contract)
    contract.reason = None
    move(CONTRACT_MOVES, contract, ContractState.approval)
    session.flush()


def refuse_submit(contract: Contract) -> None:
    """Raise DomainError when a draft lacks what an approval judges."""
    refuse(CONTRACT_MOVES, contract, ContractState.approval)
    if contract.valid_from is None:
        raise DomainError(_("Say from which day it holds"), field="valid_from")
    if not contract.terms and contract.file_id is None:
        raise DomainError(_("Write the terms, or choose the file that holds them"), field="terms")
    if contract.parent is not None and contract.parent.state not in IN_FORCE:
        raise DomainError(_("The contract that it amends is not in force"), field="parent")


def approve(session: Session, contract: Contract, *, at: datetime, by: Actor) -> None:
    """Approve what was submitted; with it comes the number."""
    refuse(CONTRACT_MOVES, contract, ContractState.approved)
    documents.lock(session, contract)
    today = periods.today(contract.organisation, at)
    with session.no_autoflush:  # it becomes another one in a single statement
        if contract.number is None:
            contract.number = _number(session, contract, today)
            contract.search_text += search_text([contract.number])
        contract.approved_at, contract.approved_by_id = at, by.user_id
        move(CONTRACT_MOVES, contract, ContractState.approved)
    session.flush()


def _number(session: Session, contract: Contract, today: date) -> str | None:
    """Take the next number; an amendment has that of its contract."""
    if contract.parent is not None:
        return contract.parent.number
    contract.series = contract.series or numbers.ensured(session, contract.organisation, SeriesKind.contract)
    return numbers.take(session, contract.series, on=today, today=today).text


def reject(session: Session, contract: Contract, *, reason: str) -> None:
    """Send what was submitted back, and say why."""
    if contract.state is not ContractState.approval:
        refuse(CONTRACT_MOVES, contract, ContractState.approved)
    why = said(reason)
    documents.lock(session, contract)
    contract.reason = why
    move(CONTRACT_MOVES, contract, ContractState.draft)
    session.flush()


def revise(session: Session, contract: Contract, *, at: datetime) -> None:
    """Take a contract back to change it; the customer's link ends. Raises DomainError once somebody has signed."""
    refuse_revise(contract)
    documents.lock(session, contract)
    public_link.end(contract, at=at)
    contract.approved_at = contract.approved_by_id = None
    move(CONTRACT_MOVES, contract, ContractState.draft)
    session.flush()


def refuse_revise(contract: Contract) -> None:
    """Raise DomainError when a contract cannot be changed any more."""
    refuse(CONTRACT_MOVES, contract, ContractState.draft)
    if contract.signatures:
        raise DomainError(_("Somebody has signed it already: cancel it and make another one"), field="state")


def send(session: Session, contract: Contract, *, at: datetime, until: date | None = None) -> None:
    """Say that a contract is sent, and open the customer's page up to a day (30 days without one)."""
    refuse(CONTRACT_MOVES, contract, ContractState.sent)
    documents.lock(session, contract)
    today = periods.today(contract.organisation, at)
    with session.no_autoflush:
        contract.sent_on, contract.link_until = today, links.last_day(until, today)
        move(CONTRACT_MOVES, contract, ContractState.sent)
        links.make(contract)
    session.flush()


def cancel(session: Session, contract: Contract, *, reason: str, at: datetime) -> None:
    """Give a contract up that is not signed by both, and say why; the customer's link ends."""
    refuse(CONTRACT_MOVES, contract, ContractState.cancelled)
    why = said(reason)
    documents.lock(session, contract)
    public_link.end(contract, at=at)
    contract.reason = why
    move(CONTRACT_MOVES, contract, ContractState.cancelled)
    session.flush()


def said(reason: str | None) -> str:
    """Return a reason as it is kept; DomainError at "reason" without one."""
    why = line(reason or "", limit=LONGEST_REASON, field="reason")
    if is_blank(why):
        raise DomainError(_("Say why"), field="reason")
    return why


# --- in force ---------------------------------------------------------------------------------------------------------


def amend(session: Session, contract: Contract) -> Contract:
    """Make the draft of an amendment: what it leaves open stays as it is; there is one at a time."""
    refuse_amend(session, contract)
    documents.lock(session, contract)
    last = select(func.max(Contract.amendment)).where(Contract.parent_id == contract.id)
    with access.everything(session, why="amendments are counted over all of them"):
        number = (session.scalar(last) or 0) + 1
    values = {name: getattr(contract, name) for name in (*_COPIED, *_DAYS)}
    draft = Contract(parent=contract, amendment=number, renewal=Renewal.none, **values)
    draft.owner_id, draft.team_id = contract.owner_id, contract.team_id
    with session.no_autoflush:
        save(session, draft)
    session.flush()
    return draft


def refuse_amend(session: Session, contract: Contract) -> None:
    """Raise DomainError unless a contract is in force and no other amendment of it is under way."""
    if contract.is_amendment:
        raise DomainError(_("Amend the contract itself"), field="state")
    refuse_unless_in_force(contract)
    under_way = exists().where(
        Contract.parent_id == contract.id, Contract.state.not_in([*BINDING, ContractState.cancelled])
    )
    with access.everything(session, why="there is one amendment at a time, whoever makes it"):
        if session.scalar(select(under_way)):
            raise DomainError(_("Another amendment of this contract is under way"), field="state")


def refuse_unless_in_force(contract: Contract) -> None:
    """Raise DomainError unless both have signed a contract and it has not ended."""
    if contract.state not in IN_FORCE:
        raise DomainError(_("This contract is not in force"), field="state")


def terminate(
    session: Session,
    contract: Contract,
    *,
    reason: str,
    at: datetime,
    on: date | None = None,
) -> None:
    """End a contract on a day, today without one, and say why; its amendments end with it.

    Raises DomainError at "on" for a day that is over or after the last one.
    """
    refuse_terminate(contract)
    why, today = said(reason), periods.today(contract.organisation, at)
    day = on or today
    if day < today:
        raise DomainError(_("This day is over already"), field="on")
    if contract.ends_on is not None and day > contract.ends_on:
        raise DomainError(_("It ends earlier by itself, on %(day)s", day=contract.ends_on.isoformat()), field="on")
    documents.lock(session, contract)
    contract.reason, contract.terminated_on = why, day
    if day <= today:
        end(session, contract, ContractState.terminated)
    session.flush()


def refuse_terminate(contract: Contract) -> None:
    """Raise DomainError when a contract cannot be ended by notice."""
    if contract.is_amendment:
        raise DomainError(_("An amendment ends with its contract"), field="state")
    refuse(CONTRACT_MOVES, contract, ContractState.terminated)


def end(session: Session, contract: Contract, to: ContractState) -> None:
    """Let a contract and its amendments in force be over: expired or terminated."""
    with access.everything(session, why="amendments end with their contract, whoever sees them"):
        rows = session.scalars(terms.amendments(contract)).all()
    for each in (contract, *(one for one in rows if one.state in IN_FORCE)):
        each.ends_on = each.ends_on or contract.ends_on
        each.terminated_on, each.reason = contract.terminated_on, contract.reason
        if each.state is ContractState.signed and to is ContractState.expired:
            move(CONTRACT_MOVES, each, ContractState.active)
        move(CONTRACT_MOVES, each, to)


def prolong(session: Session, contract: Contract, *, until: date, at: datetime) -> None:  # noqa: ARG001 -- as others
    """Let a contract go on up to a later day, as both have agreed; one that has expired is in force again."""
    refuse_prolong(contract)
    if contract.ends_on is not None and until <= contract.ends_on:
        raise DomainError(_("The new last day is after the one that holds"), field="until")
    documents.lock(session, contract)
    terms.set_end(contract, until)
    contract.renewals += 1
    if contract.state is ContractState.expired:
        move(CONTRACT_MOVES, contract, ContractState.active)
    session.flush()


def refuse_prolong(contract: Contract) -> None:
    """Raise DomainError when nobody has agreed that a contract may go on, or notice was given."""
    if contract.is_amendment or contract.state not in {ContractState.active, ContractState.expired}:
        refuse(CONTRACT_MOVES, contract, ContractState.expired)
    if contract.renewal is Renewal.none:
        raise DomainError(_("This contract ends on its last day; make an amendment"), field="state")
    if contract.terminated_on is not None:
        raise DomainError(_("Notice was given"), field="state")
