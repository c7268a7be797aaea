"""A bank statement of the demo company: what its customers have paid of late, and what nobody knows at first sight."""

from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.models.bank_statement import BankRule, BankStatement
from app.models.invoice import Invoice, InvoiceKind, InvoiceState
from app.models.organisation import Organisation
from app.services import bank_rule as rules
from app.services import bank_statement as statements
from app.services.bank_entry import Entry, Parsed

WORDS = {"en": "Invoice {}", "nl": "Factuur {}", "ru": "Оплата по счёту {}", "hy": "Վճարում {} հաշվով"}
OPENING, FEE, CHARGE = Decimal("18250.00"), Decimal("12.40"), Decimal("3.50")
MOST = 8


def ensure(session: Session, *, organisation: Organisation, today: date) -> int:
    """Load one statement of yesterday, with lines that wait; return how many were added."""
    if session.scalar(select(BankStatement.id).limit(1)) is not None or not organisation.bank_accounts:
        return 0
    account = organisation.bank_accounts[0]
    account.fee_tolerance = Decimal(5)
    if session.scalar(select(BankRule.id).limit(1)) is None:
        rules.save(session, BankRule(name="Bankkosten", text="kosten zakelijk", reason="Bankkosten", is_active=True))
    currency = account.currency or organisation.currency
    entries = _entries(_owed(session, organisation, currency, today), today - timedelta(days=1))
    parsed = Parsed(
        format="camt",
        account=str(account),
        currency=currency,
        number=f"{today.timetuple().tm_yday:03}",
        opening=OPENING,
        closing=OPENING + sum((each.amount for each in entries), Decimal(0)),
        entries=entries,
    ).complete()
    loaded = statements.load(session, [parsed], file=None, at=clock.now(), account=account)
    return len(loaded.statements)


def _owed(session: Session, organisation: Organisation, currency: str, today: date) -> list[Invoice]:
    asked = (
        select(Invoice)
        .where(
            Invoice.organisation_id == organisation.id,
            Invoice.currency == currency,
            Invoice.kind == InvoiceKind.invoice,
            Invoice.state != InvoiceState.draft,
            Invoice.allocated < Invoice.gross,
            Invoice.issued_on < today,
        )
        .order_by(Invoice.issued_on.desc(), Invoice.id.desc())
        .limit(MOST)
    )
    return list(session.scalars(asked))


def _entries(owed: list[Invoice], day: date) -> list[Entry]:
    """Return what the bank has booked: paid in full, in part, less a charge, without a number, by nobody we know."""
    found = []
    for at, invoice in enumerate(owed):
        amount, text = invoice.rest, WORDS.get(invoice.language, WORDS["en"]).format(invoice.number)
        if at % 4 == 1:
            amount = min(amount, max(Decimal(1), (amount / 2).quantize(Decimal(1))))
        elif at % 4 == 2 and amount > CHARGE:  # noqa: PLR2004 -- the third of four
            amount -= CHARGE
        elif at % 4 == 3:  # noqa: PLR2004 -- the last of four
            text = ""
        found.append(
            Entry(booked_on=day, amount=amount, name=invoice.party.name, text=text, reference=f"DEMO{at + 1:04}")
        )
    found.append(
        Entry(booked_on=day, amount=Decimal("75.00"), name="J. Jansen", text="Tuinadvies", reference="DEMO8001")
    )
    found.append(Entry(booked_on=day, amount=-FEE, text="Kosten zakelijk pakket", reference="DEMO8002"))
    return found


__all__ = ["ensure"]
