"""The desk at which a statement is matched: proposals taken, what is sure by itself, looking for something else."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.models.bank_statement import BankLine, BankRule, BankStatement, LineState
from app.models.invoice import Invoice, InvoiceKind, InvoiceState
from app.models.party import Party
from app.models.payment import Payment
from app.services import bank_match as matching
from app.services import bank_settle as settling
from app.services import search as searches
from app.services.allocation import When
from app.services.bank_match import Kind, Proposal
from app.services.payment import Share

MOST_FOUND = 12
MOST_SHARES = 50


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What somebody has chosen for a line: documents with amounts, a payment, a counterparty, or a reason to ignore.

    Shape: `documents` are (id, amount or None for as much as possible).
    """

    documents: Sequence[tuple[int, Decimal | None]] = ()
    payment_id: int | None = None
    party_id: int | None = None
    reason: str = ""
    with_charge: bool = False
    exchange_rate: Decimal | None = None

    @classmethod
    def of(cls, proposal: Proposal, session: Session) -> "Choice":
        """Return the choice that takes a proposal."""
        if proposal.kind is Kind.rule:
            rule = session.get(BankRule, proposal.rule_id)
            return cls(reason=rule.reason if rule is not None else proposal.words)
        if proposal.kind is Kind.payment and proposal.payment is not None:
            return cls(payment_id=proposal.payment.id)
        if proposal.kind is Kind.party:
            return cls(party_id=proposal.party_id)
        return cls(documents=[(each.id, None) for each in proposal.documents], with_charge=proposal.with_charge)


def take(session: Session, line: BankLine, choice: Choice, *, when: When) -> None:
    """Do what was chosen for a line.

    Raises DomainError or Refusals ("shares-0-amount") for what cannot be; what the chooser does not see is not found.
    """
    if choice.documents:
        _take_documents(session, line, choice, when)
    elif choice.payment_id is not None:
        payment = session.scalars(select(Payment).where(Payment.id == choice.payment_id)).one_or_none()
        if payment is None:
            raise DomainError(_("Not found"), field="payment")
        settling.link(session, line, payment, when=when)
    elif choice.party_id is not None:
        party = session.scalars(select(Party).where(Party.id == choice.party_id)).unique().one_or_none()
        if party is None:
            raise DomainError(_("Not found"), field="party")
        settling.advance(session, line, party, when=when, exchange_rate=choice.exchange_rate)
    elif choice.reason:
        settling.ignore(session, line, reason=choice.reason, when=when)
    else:
        raise DomainError(_("Choose what it pays"), field="")


def _take_documents(session: Session, line: BankLine, choice: Choice, when: When) -> None:
    ids = [key for key, _amount in choice.documents]
    if len(ids) > MOST_SHARES or len(set(ids)) != len(ids):
        raise DomainError(_("Choose each document once"), field="invoice")
    known = {one.id: one for one in session.scalars(select(Invoice).where(Invoice.id.in_(ids)))}
    missing = {f"shares-{at}-invoice": [_("Not found")] for at, key in enumerate(ids) if key not in known}
    if missing:
        raise Refusals(missing)
    shares = [Share(invoice=known[key], amount=amount) for key, amount in choice.documents]
    try:
        settling.settle(
            session, line, shares, when=when, exchange_rate=choice.exchange_rate, with_charge=choice.with_charge
        )
    except Refusals as refusal:
        told = {name.replace("allocations-", "shares-", 1): texts for name, texts in refusal.errors.items()}
        raise Refusals(told) from None


def match_sure(session: Session, statement: BankStatement, *, when: When) -> int:
    """Match the lines of a statement about which there is no doubt, where its account says so; return how many."""
    if not statement.account.match_sure:
        return 0
    waiting = select(BankLine).where(BankLine.statement_id == statement.id, BankLine.state == LineState.open)
    done = 0
    for came_in in (True, False):
        side = BankLine.amount > 0 if came_in else BankLine.amount < 0
        lines = session.scalars(waiting.where(side).order_by(BankLine.position)).all()
        if not lines:
            continue
        known = matching.book(session, statement, lines, came_in=came_in)
        paid: set[int] = set()
        for line in lines:
            found = matching.sure(matching.compare(line, known))
            if found is None or found.documents[0].id in paid:
                continue
            try:
                with session.begin_nested():
                    take(session, line, Choice.of(found, session), when=when)
            except DomainError:
                session.refresh(line)
                continue  # a closed period, or a document that somebody has just settled: it waits for a person
            paid.add(found.documents[0].id)
            done += 1
    return done


def look_for(session: Session, line: BankLine, text: str) -> tuple[list[Invoice], list[Party]]:
    """Return open documents that fit a line's direction and currency, and counterparties, by what was typed."""
    wanted = text.strip()
    if not wanted:
        return [], []
    kind = InvoiceKind.invoice if line.came_in else InvoiceKind.credit_note
    parties = (
        session.scalars(
            select(Party)
            .where(*searches.conditions(session, Party, wanted), Party.merged_into_id.is_(None))
            .order_by(Party.name, Party.id)
            .limit(MOST_FOUND)
        )
        .unique()
        .all()
    )
    by_text = searches.conditions(session, Invoice, wanted)
    open_ones = (
        select(Invoice)
        .where(
            Invoice.organisation_id == line.statement.organisation_id,
            Invoice.currency == line.currency,
            Invoice.kind == kind,
            Invoice.state != InvoiceState.draft,
            Invoice.allocated < Invoice.gross,
        )
        .order_by(Invoice.due_on, Invoice.id)
        .limit(MOST_FOUND)
    )
    of_parties = Invoice.party_id.in_([one.id for one in parties])
    found = session.scalars(open_ones.where(or_(and_(*by_text), of_parties) if by_text else of_parties))
    return list(found), list(parties)


def next_open(session: Session, statement: BankStatement, *, after: int = 0) -> BankLine | None:
    """Return the next line that waits behind a place, else the first one that does."""
    waiting = select(BankLine).where(BankLine.statement_id == statement.id, BankLine.state == LineState.open)
    waiting = waiting.order_by(BankLine.position).limit(1)
    return session.scalars(waiting.where(BankLine.position > after)).first() or session.scalars(waiting).first()
