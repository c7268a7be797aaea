"""Statements of the bank: loading what a file says, once, and taking a loaded one back.

A file is loaded whole or not at all. A line is one of its kind on its account: by the bank's reference where it has
one, else by all that it says, and among equal ones of a day by its place, so that a file that overlaps with another
adds what is new.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, insert, or_, select
from sqlalchemy.orm import Session

from app import money
from app.errors import DomainError
from app.i18n import gettext as _
from app.models.attachment import Attachment
from app.models.bank_statement import (
    BankLine,
    BankProfile,
    BankStatement,
    LineState,
    StatementFormat,
    StatementState,
)
from app.models.organisation import OrganisationBankAccount
from app.outbox import enqueue
from app.services import bin as bins
from app.services import period as periods
from app.services.allocation import written
from app.services.bank_entry import Entry, Parsed

ZERO = Decimal(0)
_CHUNK = 500


@dataclass
class Loaded:
    """What came of a file: new statements, how many of its lines are new, and how many were there already."""

    statements: list[BankStatement] = field(default_factory=list)
    added: int = 0
    known: int = 0


def load(
    session: Session,
    parsed: Sequence[Parsed],
    *,
    file: Attachment | None,
    at: datetime,
    account: OrganisationBankAccount | None = None,
    draft: BankStatement | None = None,
    profile: BankProfile | None = None,
) -> Loaded:
    """Store the statements of a file that are not there yet.

    `file` is None for what came in no file. `account` is the one that was chosen, for files that name none; `draft` is
    the statement that waited for its columns. Raises DomainError at "file" or "account", and nothing is kept then.
    """
    found = Loaded()
    for each in parsed:
        statement = draft if draft is not None and not found.statements else BankStatement()
        _put(session, statement, each, file=file, account=account)
        statement.profile = profile or statement.profile
        rows, known = _new_rows(session, statement, each.entries, at=at)
        found.known += known
        if not rows and (known or _is_there(session, statement)):
            continue
        statement.line_count = statement.open_count = len(rows)
        statement.known_count = known
        session.add(statement)
        session.flush()
        _store(session, statement, rows)
        _tell_gaps(session, statement)
        found.statements.append(statement)
        found.added += len(rows)
    session.flush()
    return found


def begin(
    session: Session, *, account: OrganisationBankAccount | None, file: Attachment, at: datetime
) -> BankStatement:
    """Keep a table whose columns nobody has said yet."""
    if account is None:
        raise DomainError(_("A table does not say of which account it is: choose the account"), field="account")
    statement = BankStatement(
        organisation=account.organisation,
        account=account,
        format=StatementFormat.csv,
        state=StatementState.draft,
        currency=account.currency or account.organisation.currency,
        file=file,
        sha256=file.sha256,
        created_at=at,
    )
    session.add(statement)
    session.flush()
    return statement


def account_of(session: Session, parsed: Parsed, chosen: OrganisationBankAccount | None) -> OrganisationBankAccount:
    """Return which of our accounts a statement is of. Raises DomainError when it is none, or not the chosen one."""
    if not parsed.account:
        if chosen is None:
            raise DomainError(_("The file does not say of which account it is: choose the account"), field="account")
        return chosen
    if chosen is not None:
        if not _is_named(chosen, parsed.account):
            text = _("The file is of the account %(other)s, not of the chosen one", other=parsed.account)
            raise DomainError(text, field="account")
        return chosen
    numbers = select(OrganisationBankAccount).order_by(OrganisationBankAccount.id)
    fitting = [each for each in session.scalars(numbers) if _is_named(each, parsed.account)]
    fitting = [each for each in fitting if each.currency in {None, parsed.currency}] or fitting
    if not fitting:
        text = _("None of our companies has the account %(number)s", number=parsed.account)
        raise DomainError(text, field="account")
    return fitting[0]


def _is_named(account: OrganisationBankAccount, number: str) -> bool:
    """Say whether a file means an account; a Dutch bank may write the last digits of its IBAN alone."""
    wanted = number.replace(" ", "").upper()
    if wanted in {account.iban, account.account}:
        return True
    short = wanted.lstrip("0")
    is_tail = short.isdecimal() and len(short) >= 7 and (account.iban or "").startswith("NL")  # noqa: PLR2004
    return is_tail and (account.iban or "")[8:].lstrip("0") == short


def _put(
    session: Session,
    statement: BankStatement,
    parsed: Parsed,
    *,
    file: Attachment | None,
    account: OrganisationBankAccount | None,
) -> None:
    """Give a statement its head, and refuse one that does not add up."""
    ours = account_of(session, parsed, account)
    held = select(OrganisationBankAccount.id).where(OrganisationBankAccount.id == ours.id)
    session.execute(held.with_for_update(key_share=True))  # two loads of one account follow each other
    currency = parsed.currency or ours.currency or ours.organisation.currency
    if ours.currency is not None and currency != ours.currency:
        text = _("The account is in %(ours)s, the statement in %(theirs)s", ours=ours.currency, theirs=currency)
        raise DomainError(text, field="file")
    try:
        digits = money.digits(currency)
    except DomainError as refusal:
        raise DomainError(refusal.text, field="file") from None
    for entry in parsed.entries:
        if entry.amount != money.quantize(entry.amount, currency):
            text = _("Line %(line)s: %(currency)s has %(digits)s decimals", line=entry.line, currency=currency,
                     digits=digits)  # fmt: skip
            raise DomainError(text, field="file")
    _refuse_balance(parsed, currency)
    statement.organisation, statement.account = ours.organisation, ours
    statement.format, statement.state = StatementFormat(parsed.format), StatementState.loaded
    statement.number, statement.currency = parsed.number or None, currency
    statement.opening, statement.closing = parsed.opening, parsed.closing
    statement.from_on, statement.until_on = parsed.from_on, parsed.until_on
    if statement.from_on and statement.until_on and statement.from_on > statement.until_on:
        raise DomainError(_("The statement ends before it begins"), field="file")
    statement.file = file
    statement.sha256 = file.sha256 if file is not None else hashlib.sha256(repr(parsed).encode()).hexdigest()


def _refuse_balance(parsed: Parsed, currency: str) -> None:
    """Raise DomainError when the entries do not lead from the opening balance to the closing one."""
    if parsed.opening is None or parsed.closing is None:
        return
    reached = parsed.opening + sum((each.amount for each in parsed.entries), ZERO)
    if reached != parsed.closing:
        raise DomainError(
            _(
                "The statement does not add up: with its entries %(opening)s becomes %(reached)s, not %(closing)s",
                opening=written(parsed.opening, currency),
                reached=written(reached, currency),
                closing=written(parsed.closing, currency),
            ),
            field="file",
        )


def key_of(entry: Entry, turn: int) -> str:
    """Return what makes a booking one of its kind on its account; `turn` counts equal ones of a file."""
    told: list[Any] = [str(entry.booked_on), f"{entry.amount:.4f}"]
    if entry.reference:
        told += ["reference", entry.reference]
    else:
        told += [entry.account, entry.name, entry.text, entry.end_to_end, entry.structured]
    return hashlib.sha256(json.dumps([*told, turn], ensure_ascii=False).encode()).hexdigest()


def _new_rows(
    session: Session, statement: BankStatement, entries: Sequence[Entry], *, at: datetime
) -> tuple[list[dict[str, Any]], int]:
    """Return the rows of the entries that are new, and how many were there already; entries of nothing are no rows."""
    turns: dict[str, int] = {}
    rows: dict[str, dict[str, Any]] = {}
    for entry in entries:
        if not entry.amount:
            continue
        base = key_of(entry, 0)
        turns[base] = turns.get(base, 0) + 1
        rows[key_of(entry, turns[base])] = _row(statement, entry, len(rows) + 1, at)
    keys = list(rows)
    there: set[str] = set()
    with session.no_autoflush:
        for start in range(0, len(keys), _CHUNK):
            asked = select(BankLine.key).where(
                BankLine.account_id == statement.account.id, BankLine.key.in_(keys[start : start + _CHUNK])
            )
            there.update(session.scalars(asked))
    return [row | {"key": key} for key, row in rows.items() if key not in there], len(there)


def _row(statement: BankStatement, entry: Entry, position: int, at: datetime) -> dict[str, Any]:
    return {
        "account_id": statement.account.id,
        "position": position,
        "booked_on": entry.booked_on,
        "value_on": entry.value_on,
        "amount": entry.amount,
        "currency": statement.currency,
        "payer": entry.name or None,
        "payer_account": entry.account.replace(" ", "").upper() or None,
        "payer_bank": entry.bank or None,
        "payer_tax_number": entry.tax_number or None,
        "text": entry.text or None,
        "end_to_end": entry.end_to_end or None,
        "bank_reference": entry.reference or None,
        "structured": entry.structured or None,
        "code": entry.code or None,
        "state": LineState.open,
        "made_payment": False,
        "version": 1,
        "created_at": at,
        "changed_at": at,
    }


def _store(session: Session, statement: BankStatement, rows: list[dict[str, Any]]) -> None:
    """Write the lines; the file that they come from is kept, so that the audit need not repeat each of them."""
    if rows:
        session.execute(insert(BankLine), [row | {"statement_id": statement.id} for row in rows])


def _is_there(session: Session, statement: BankStatement) -> bool:
    """Say whether a statement without entries was loaded already."""
    with session.no_autoflush:
        same = select(BankStatement.id).where(
            BankStatement.account_id == statement.account.id,
            BankStatement.sha256 == statement.sha256,
            BankStatement.state == StatementState.loaded,
            BankStatement.number.is_not_distinct_from(statement.number),
        )
        return session.scalar(same.limit(1)) is not None


def _tell_gaps(session: Session, statement: BankStatement) -> None:
    """Compare a statement's opening balance with the closing one before it, and the next one's with its closing."""
    statement.gap = _gap(statement, _before(session, statement))
    following = session.scalars(
        select(BankStatement)
        .where(
            BankStatement.account_id == statement.account_id,
            BankStatement.id != statement.id,
            BankStatement.from_on >= statement.until_on,
            or_(BankStatement.from_on > statement.from_on, BankStatement.id > statement.id),
        )
        .order_by(BankStatement.from_on, BankStatement.id)
        .limit(1)
    ).first()
    if following is not None:
        following.gap = _gap(following, statement)


def _before(session: Session, statement: BankStatement) -> BankStatement | None:
    return session.scalars(
        select(BankStatement)
        .where(
            BankStatement.account_id == statement.account_id,
            BankStatement.id != statement.id,
            BankStatement.closing.is_not(None),
            BankStatement.until_on <= statement.from_on,
            or_(BankStatement.until_on < statement.from_on, BankStatement.id < statement.id),
        )
        .order_by(BankStatement.until_on.desc(), BankStatement.id.desc())
        .limit(1)
    ).first()


def _gap(statement: BankStatement, before: BankStatement | None) -> Decimal | None:
    if before is None or before.closing is None or statement.opening is None:
        return None
    return statement.opening - before.closing


def recount(session: Session, statement: BankStatement) -> None:
    """Count the lines of a statement that wait."""
    session.flush()
    waiting = select(func.count()).where(BankLine.statement_id == statement.id, BankLine.state == LineState.open)
    statement.open_count = session.scalar(waiting) or 0


def refuse_closed(statement: BankStatement, line: BankLine) -> None:
    """Raise DomainError for a line of a closed period."""
    periods.refuse_locked(statement.organisation, line.booked_on, "booked_on")


def erase(session: Session, statement: BankStatement) -> None:
    """Delete a statement of which no line is matched, with its lines; its file goes when nothing else needs it."""
    session.flush()
    for line in session.scalars(select(BankLine).where(BankLine.statement_id == statement.id)):
        session.delete(line)
    file = statement.file
    session.flush()
    session.delete(statement)
    session.flush()
    if file is not None:
        others = select(func.count()).where(BankStatement.file_id == file.id)
        if not session.scalar(others):
            digest = file.sha256
            session.delete(file)
            session.flush()
            enqueue(session, bins.SWEEP, digests=[digest])


def remove(session: Session, statement: BankStatement) -> None:  # noqa: ARG001 -- every rule of deleting takes its session
    """Refuse: a statement is taken back, so that its payments are."""
    raise DomainError(_("A statement is not deleted; take it back instead"), field="state")
