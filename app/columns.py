"""Column types that mean the same on both databases (ADR 0004).

Decimals are exact everywhere: NUMERIC on PostgreSQL, a scaled 64-bit integer on SQLite, so that sorting,
summing and comparing never pass through a float. Instants are stored in UTC and come back aware.
"""

import enum
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from sqlalchemy import BigInteger, DateTime, Enum, Integer, Numeric, TypeDecorator
from sqlalchemy.engine import Dialect

from app.errors import DomainError
from app.i18n import gettext as _


class Exact(TypeDecorator[Decimal]):
    """A decimal number of `digits` digits, `places` of them after the point.

    Raises DomainError when a value is out of range or has more decimals than the column keeps:
    money is never rounded by storing it.
    """

    impl = Numeric
    cache_ok = True

    def __init__(self, digits: int = 18, places: int = 4) -> None:
        self.digits = digits
        self.places = places
        self.unit = Decimal(1).scaleb(-places)
        self.limit = Decimal(10) ** (digits - places)
        super().__init__(digits, places)

    def load_dialect_impl(self, dialect: Dialect) -> Any:  # noqa: ANN401
        """Choose the scaled integer on SQLite, NUMERIC elsewhere."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(BigInteger())
        return dialect.type_descriptor(Numeric(self.digits, self.places))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:  # noqa: ANN401
        """Check the range and scale the value."""
        if value is None:
            return None
        exact = self.fit(value)
        return int(exact.scaleb(self.places)) if dialect.name == "sqlite" else exact

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ANN401
        """Give back a Decimal with the column's number of decimals."""
        if value is None:
            return None
        if dialect.name == "sqlite":
            return Decimal(value).scaleb(-self.places)
        return Decimal(value)

    def fit(self, value: Decimal | int | str) -> Decimal:
        """Return the value as the column keeps it, or refuse what it cannot keep exactly."""
        if isinstance(value, float):
            raise TypeError("a float is no exact number")
        try:
            number = Decimal(value)
            exact = number.quantize(self.unit, rounding=ROUND_HALF_UP)
        except InvalidOperation:
            raise DomainError(_("This number is too large")) from None
        if not number.is_finite() or abs(exact) >= self.limit:
            raise DomainError(_("This number is too large"))
        if exact != number:
            raise DomainError(_("At most %(places)s decimals are possible here", places=self.places))
        return exact


def Amount() -> Exact:  # noqa: N802 -- reads as a type in a column
    """Money in major units: 18 digits, 4 decimals."""
    return Exact(18, 4)


def Quantity() -> Exact:  # noqa: N802
    """Quantities and unit prices: 18 digits, 6 decimals."""
    return Exact(18, 6)


def Rate() -> Exact:  # noqa: N802
    """Exchange and tax rates: 18 digits, 10 decimals (a tax of 21 % is 0.21)."""
    return Exact(18, 10)


class Instant(TypeDecorator[datetime]):
    """An aware moment, kept in UTC; a naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC; SQLite keeps it without an offset."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError("a moment needs its time zone")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give back an aware moment in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def Choice(of: type[enum.StrEnum], length: int = 24) -> Enum:  # noqa: N802
    """Store a StrEnum as its lower-case value in a VARCHAR with a CHECK (ADR 0005)."""
    return Enum(
        of,
        native_enum=False,
        create_constraint=True,
        length=length,
        name=of.__name__.lower(),
        values_callable=lambda members: [m.value for m in members],
        validate_strings=True,
    )


# 64-bit keys on PostgreSQL; SQLite autoincrements only an INTEGER primary key, which is 64-bit there anyway.
Key = BigInteger().with_variant(Integer(), "sqlite")


def limit_of(kind: Any) -> int:  # noqa: ANN401
    """Return the first whole number that is too large for a column of this type, on either database."""
    return 2**63 if isinstance(kind, BigInteger) else 2**31


# Of a column: it holds data of people. Opening its record is noted, and it can be taken out of the audit.
PERSONAL = {"personal": True}
