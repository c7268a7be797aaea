"""Payments of the demo company: most customers pay in time, some late, some in parts, too much or not at all."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from app import money
from app.models.allocation import WriteOff
from app.models.invoice import Invoice
from app.models.payment import Payment, PaymentMethod
from app.services import allocation as allocations
from app.services import payment as payments
from app.services.allocation import When

if TYPE_CHECKING:
    from app.demo.trade import Stage

# How customers pay, by the share of them.
HABITS = {
    "in_time": 46,
    "late": 18,
    "in_parts": 8,
    "in_part": 7,
    "too_much": 3,
    "less_charge": 4,
    "bounced": 2,
    "never": 12,
}
_METHODS = (PaymentMethod.bank_transfer,) * 7 + (PaymentMethod.card, PaymentMethod.cash, PaymentMethod.direct_debit)
_CHARGE = Decimal("3.50")
_BOUNCED = {
    "nl": "Teruggeboekt door de bank",
    "ru": "Возвращено банком",
    "hy": "Հետ է վերադարձվել բանկի կողմից",
    "en": "Returned by the bank",
}


def plan(stage: "Stage", find: Callable[[], Invoice | None], day: date) -> None:
    """Plan what becomes of an invoice that is issued on a day; `find` returns it when the time has come."""
    habit = stage.random.choices(list(HABITS), list(HABITS.values()))[0]
    method = stage.random.choice(_METHODS)
    after = {"late": stage.random.randint(35, 70)}.get(habit, stage.random.randint(4, 29))
    if habit == "never":
        return

    def pay(share: Decimal = Decimal(1), extra: Decimal = Decimal(0)) -> Callable[[datetime], None]:
        def act(at: datetime) -> None:
            invoice = find()
            if invoice is None or invoice.rest <= 0:
                return
            with stage.diary.entry(at, stage.actor("accountant")) as touched:
                amount = money.quantize(invoice.rest * share + extra, invoice.currency)
                touched.append(_paid(stage, invoice, amount, method, at))

        return act

    first = day + timedelta(days=after)
    if habit in {"in_parts", "in_part"}:
        stage.at(first, pay(Decimal("0.4")))
        if habit == "in_parts":
            stage.at(first + timedelta(days=12), pay())
    elif habit == "too_much":
        stage.at(first, pay(extra=Decimal(25)))
    elif habit == "less_charge":
        stage.at(first, pay(extra=-_CHARGE))
        stage.at(first + timedelta(days=2), _write_off(stage, find))
    else:
        stage.at(first, pay())
        if habit == "bounced":
            stage.at(first + timedelta(days=3), _bounce(stage, find))


def _paid(stage: "Stage", invoice: Invoice, amount: Decimal, method: PaymentMethod, at: datetime) -> Payment:
    by = stage.actor("accountant")
    when = When(at=at, by=by)
    return payments.pay(stage.session, invoice, amount=amount, method=method, reference=invoice.number, when=when)


def _write_off(stage: "Stage", find: Callable[[], Invoice | None]) -> Callable[[datetime], None]:
    def act(at: datetime) -> None:
        invoice = find()
        if invoice is None or not Decimal(0) < invoice.rest <= _CHARGE:
            return
        by = stage.actor("accountant")
        with stage.diary.entry(at, by):
            allocations.write_off(stage.session, invoice, reason=WriteOff.bank_charge, when=When(at=at, by=by))

    return act


def _bounce(stage: "Stage", find: Callable[[], Invoice | None]) -> Callable[[datetime], None]:
    def act(at: datetime) -> None:
        invoice = find()
        if invoice is None:
            return
        rows = allocations.standing(stage.session.execute(allocations.of(invoice)).scalars().all())
        payment = next((row.payment for row in rows if row.payment is not None), None)
        if payment is None:
            return
        by = stage.actor("accountant")
        with stage.diary.entry(at, by) as touched:
            reason = _BOUNCED[invoice.language]
            payments.cancel(stage.session, payment, reason=reason, when=When(at=at, by=by))
            touched.append(payment)

    return act
