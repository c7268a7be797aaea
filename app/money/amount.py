"""Amounts on the grid of their currency: rounding, splitting, converting.

Units: major units. Every rounding is half up, away from zero; a float is a TypeError, never a number.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from decimal import (
    ROUND_DOWN,
    ROUND_HALF_UP,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    localcontext,
)
from functools import cache

from babel.numbers import get_currency_precision, is_currency

from app.errors import DomainError
from app.i18n import gettext as _

# Digits before and after the point that the column types keep (18 in all).
AMOUNT = (14, 4)
QUANTITY = (12, 6)
RATE = (8, 10)

# A product of two 18-digit numbers has 36 digits, more than the 28 of Python's default context, which would round
# in silence. With 100 digits products are exact, and a quotient is far closer to its true value (1e-80) than any
# quotient of such numbers can be to a tie without being one, so that rounding it afterwards rounds once.
_EXACT = Context(prec=100, rounding=ROUND_HALF_UP, traps=[InvalidOperation, DivisionByZero, Overflow])


def exact() -> AbstractContextManager[Context]:
    """Compute without loss inside this block, whatever the caller's decimal context is."""
    return localcontext(_EXACT)


@cache
def digits(currency: str) -> int:
    """Return how many decimals amounts of a currency have: EUR 2, JPY 0, AMD 2, BHD 3.

    The accounting digits, not those of cash (no lumas circulate, but an invoice in drams may state them).
    Raises DomainError for what is no currency code.
    Source: CLDR, supplemental currency data.
    """
    if not is_currency(currency):
        raise DomainError(_("“%(code)s” is not a currency code", code=currency), field="currency")
    return get_currency_precision(currency)


def step(currency: str) -> Decimal:
    """Return the smallest amount of a currency: 0.01 for EUR, 1 for JPY."""
    return Decimal((0, (1,), -digits(currency)))


def within(value: Decimal | int, limits: tuple[int, int], field: str | None = None) -> Decimal:
    """Return the number if it has at most that many digits before and after the point.

    Raises DomainError at `field` when it has more, TypeError for a float or text.
    """
    if isinstance(value, bool) or not isinstance(value, Decimal | int):
        raise TypeError(f"an exact number is a Decimal, not a {type(value).__name__}")
    number = Decimal(value)
    whole, places = limits
    if not number.is_finite():
        raise DomainError(_("This is not a number"), field=field)
    if number and number.adjusted() >= whole:
        raise DomainError(_("This number is too large"), field=field)
    if number.quantize(Decimal((0, (1,), -places)), context=_EXACT) != number:
        raise DomainError(_("At most %(places)s decimals are possible here", places=places), field=field)
    return number


def quantize(amount: Decimal | int, currency: str) -> Decimal:
    """Round to the currency, half up: 15.445 EUR is 15.45, and -15.445 is -15.45.

    Raises DomainError beyond 14 digits before the point.
    """
    if isinstance(amount, bool) or not isinstance(amount, Decimal | int):
        raise TypeError(f"an exact number is a Decimal, not a {type(amount).__name__}")
    number = Decimal(amount)
    if not number.is_finite():
        raise DomainError(_("This is not a number"))
    if number and number.adjusted() > AMOUNT[0]:
        raise DomainError(_("This number is too large"))
    rounded = number.quantize(step(currency), context=_EXACT)
    if rounded.adjusted() >= AMOUNT[0]:
        raise DomainError(_("This number is too large"))
    return _EXACT.plus(rounded)  # no minus zero


def on_grid(amount: Decimal | int, currency: str, field: str | None = None) -> Decimal:
    """Return an amount with the currency's decimals, and refuse one that would have to be rounded for it."""
    return quantize(within(amount, (AMOUNT[0], digits(currency)), field), currency)


def percent_of(amount: Decimal | int, percent: Decimal | int, currency: str) -> Decimal:
    """Return so many percent of an amount, rounded once."""
    with exact():
        return quantize(within(amount, AMOUNT) * within(percent, RATE) / 100, currency)


def in_currency(amount: Decimal | int, rate: Decimal | int, currency: str) -> Decimal:
    """Convert an amount into `currency`, rounded once.

    Units: `rate` is how much of `currency` one unit of the amount's currency is worth.
    Raises DomainError when the rate is not above zero.
    """
    if within(rate, RATE, "exchange_rate") <= 0:
        raise DomainError(_("An exchange rate must be above zero"), field="exchange_rate")
    with exact():
        return quantize(within(amount, AMOUNT) * rate, currency)


def apportion(total: Decimal, quotas: Sequence[Decimal], currency: str) -> list[Decimal]:
    """Round the quotas to the currency so that they add up to `total`, the rounded sum of the quotas.

    The method of the largest remainder: cut every quota towards zero, then give the missing steps to those that
    lost most; of equal claims the larger quota is first, then the earlier one, so that the order of the lines of a
    document changes none of its totals. Quotas of both signs are possible, and negating everything negates the
    result, so that a full credit note mirrors its invoice line by line.
    """
    unit = step(currency)
    with exact():
        whole = [(quota / unit).to_integral_value(ROUND_DOWN) for quota in quotas]
        missing = int(total / unit - sum(whole))
        sign = 1 if missing >= 0 else -1
        lost = [sign * (quota / unit - cut) for quota, cut in zip(quotas, whole, strict=True)]
        order = sorted(range(len(quotas)), key=lambda i: (-lost[i], -abs(quotas[i]), i))
        for i in order[: abs(missing)]:
            whole[i] += sign
        return [quantize(count * unit, currency) for count in whole]


def split(total: Decimal | int, weights: int | Sequence[Decimal | int], currency: str) -> list[Decimal]:
    """Split an amount into so many equal parts, or in proportion to weights, by largest remainder.

    The parts always add up to the total, each is less than a step away from its exact share, and the same input
    gives the same parts; of equal parts the earlier ones get the odd steps.
    Raises DomainError when there is nothing to split over.
    """
    amount = on_grid(total, currency)
    given = [1] * weights if isinstance(weights, int) else weights
    with exact():
        shares = [within(weight, (AMOUNT[0], RATE[1])) for weight in given]
        whole = sum(shares, Decimal(0))
        if whole <= 0 or any(share < 0 for share in shares):
            raise DomainError(_("There is nothing to split this amount over"))
        return apportion(amount, [amount * share / whole for share in shares], currency)


def instalments(total: Decimal | int, parts: int, currency: str) -> list[Decimal]:
    """Divide an amount into payments that differ by at most one step, the larger ones last.

    Raises DomainError when the amount has fewer steps than there are payments.
    """
    amount = on_grid(total, currency)
    if parts < 1:
        raise DomainError(_("At least one payment is needed"), field="parts")
    with exact():
        each, more = divmod(int(abs(amount) / step(currency)), parts)
        if not each:
            raise DomainError(_("This amount is too small for so many payments"), field="parts")
        unit = step(currency).copy_sign(amount)
        return [quantize((each + (i >= parts - more)) * unit, currency) for i in range(parts)]
