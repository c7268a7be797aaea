"""What a document comes to, worked out once more with fractions: the product's own pricing is not asked."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from tests.property.books import half_up


class Sold(NamedTuple):
    """A line: how much of what price, less so many percent, under which tax."""

    quantity: Decimal
    price: Decimal
    discount: Decimal
    category: str
    rate: Decimal


class Terms(NamedTuple):
    """What holds for the whole document."""

    digits: int
    included: bool
    per_line: bool
    discount: Decimal
    charge: Decimal


def totals(lines: Sequence[Sold], terms: Terms) -> tuple[Decimal, Decimal, Decimal]:
    """Return net, tax and gross."""
    amounts = [
        half_up(Fraction(line.quantity) * Fraction(line.price) * (100 - Fraction(line.discount)) / 100, terms.digits)
        for line in lines
    ]
    groups = sorted({(line.rate, line.category) for line in lines}, key=lambda group: (-group[0], group[1]))
    sums = [sum(a for a, line in zip(amounts, lines, strict=True) if (line.rate, line.category) == g) for g in groups]
    net = tax = Decimal(0)
    shares = zip(
        groups, split(terms.discount, sums, terms.digits), split(terms.charge, sums, terms.digits), strict=True
    )
    for (rate, category), discount, charge in shares:
        own = [a for a, line in zip(amounts, lines, strict=True) if (line.rate, line.category) == (rate, category)]
        cuts = split(discount, own, terms.digits)
        parts = [*(amount - cut for amount, cut in zip(own, cuts, strict=True)), charge]
        of_group = taxed(parts, Fraction(rate), terms)
        tax += of_group
        net += sum(parts) - (of_group if terms.included else 0)
    return net, tax, net + tax


def taxed(parts: Sequence[Decimal], rate: Fraction, terms: Terms) -> Decimal:
    """Return the tax on the parts of one group."""
    share = rate / (1 + rate) if terms.included else rate
    if terms.per_line:
        return sum((half_up(Fraction(part) * share, terms.digits) for part in parts), Decimal(0))
    return half_up(Fraction(sum(parts)) * share, terms.digits)


def split(amount: Decimal, over: Sequence[Decimal], digits: int) -> list[Decimal]:
    """Split an amount in proportion, the odd steps to those that lost most by cutting, then to the largest."""
    whole = Fraction(sum(over))
    if len(over) == 1 or not whole:
        return [amount, *[Decimal(0)] * (len(over) - 1)]
    quotas = [Fraction(amount) * Fraction(each) / whole * 10**digits for each in over]
    steps = [quota.numerator // quota.denominator for quota in quotas]
    order = sorted(range(len(over)), key=lambda at: (steps[at] - quotas[at], -quotas[at], at))
    for at in order[: int(amount.scaleb(digits)) - sum(steps)]:
        steps[at] += 1
    return [Decimal(count).scaleb(-digits) for count in steps]
