"""Compiles a tree of conditions into one condition over counterparties, for one reader and one day.

Values are read in the type of what they are compared with and are bound, never written into SQL. What belongs to a
counterparty counts as far as the reader sees it; a field that he may not see refuses. A counterparty whose figures
were never counted has none: its numbers are zero, its days empty.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Select, and_, exists, false, func, not_, or_, select
from sqlalchemy.orm import Session, aliased

from app.columns import Exact
from app.errors import DomainError
from app.i18n import gettext as _
from app.models.consent import Consent, ConsentPurpose, ConsentState
from app.models.party import Party
from app.models.product import Product
from app.models.product_category import ProductCategory
from app.roles import SEE
from app.services import access, comparison, condition
from app.services import tag as tags
from app.services.comparison import FROM_TODAY, Today
from app.services.condition import COUNT, DISTINCT, SUM, Has, Is
from app.services.condition_field import (
    BESIDE,
    CATEGORY,
    COMES,
    CONSENT,
    NONE_IS_ZERO,
    PARTY,
    TAGS,
    THINGS,
    Field,
    Thing,
)

HOLDS = {
    "eq": lambda one, other: one == other,
    "neq": lambda one, other: one != other,
    "gt": lambda one, other: one > other,
    "lt": lambda one, other: one < other,
    "ge": lambda one, other: one >= other,
    "le": lambda one, other: one <= other,
}
MOST_COUNT = 10**9
MOST_COMING = 366
FEBRUARY_28, FEBRUARY_29 = 228, 229


@dataclass(frozen=True)
class Compiler:
    """Compiles conditions for the session's actor, as of a day."""

    session: Session
    today: Today

    def of(self, tree: Any) -> ColumnElement[bool]:  # noqa: ANN401 -- a group or a single condition
        """Return the condition that a counterparty meets a tree. Raises DomainError at "definition"."""
        return condition.compiled(tree, self._leaf)

    def _leaf(self, one: Is | Has) -> ColumnElement[bool]:
        with _told(one):
            return self._has(one) if isinstance(one, Has) else self._is(one)

    # --- single conditions ----------------------------------------------------------------------------------------

    def _is(self, one: Is) -> ColumnElement[bool]:
        field = PARTY.get(one.field)
        if field is None:
            raise refused(_("One cannot ask for “%(field)s”", field=one.field[:60]))
        self.require(field.area, field.label)
        made = self._compared(field, one)
        return _beside(field, made, at_none=_holds_of_none(field, one)) if field.way == BESIDE else made

    def _compared(self, field: Field, one: Is) -> ColumnElement[bool]:
        operator, value = one.operator, one.value
        if operator not in field.operators:
            raise refused(_("“%(field)s” cannot be compared in this way", field=str(field.label)))
        if field.way in _WAYS:
            return _WAYS[field.way](operator, value)
        if operator in FROM_TODAY:
            return comparison.from_today(field.column, operator, _one(value), self.today)
        if operator == COMES:
            return _comes(field.column, int(_one(value)), self.today.day)
        if operator == "empty":
            return comparison.compared(field.column, operator, comparison.truth(_one(value) or "1"))
        return self._of_values(field, operator, value)

    def _of_values(self, field: Field, operator: str, value: condition.Value) -> ColumnElement[bool]:
        """Return the condition that a field compares so with one value, or with several."""
        if operator == "in":
            several = value if isinstance(value, tuple) else tuple(filter(None, value.split(",")))
            read: Any = [self._read(field, each) for each in several]
        else:
            read = self._read(field, _one(value))
        if field.way == CATEGORY:
            return _of_category(field.column, read if operator == "in" else [read], wanted=operator != "neq")
        return comparison.compared(field.column, operator, read)

    def _read(self, field: Field, value: str) -> Any:  # noqa: ANN401 -- in the column's type
        if not value:
            raise refused(_("“%(field)s” still needs a value", field=str(field.label)))
        kind = sa.Integer() if field.way == CATEGORY else field.column.type
        return comparison.read(kind, value, lambda: self.today)

    def require(self, area: str, label: Any) -> None:  # noqa: ANN401 -- a lazy text
        """Refuse what the reader may not see: its mere condition would tell it."""
        if area and not access.required(self.session).has(area, SEE):
            raise refused(_("“%(field)s” needs a right that you do not have", field=str(label)))

    def value(self, one: Any) -> Any:  # noqa: ANN401 -- a part of a tree, an expression
        """Return what a counterparty has where a condition asks: a value, a number, a sum; None for groups and marks.

        Raises DomainError for what the reader may not see.
        """
        if isinstance(one, Has) and (thing := THINGS.get(one.thing)) is not None:
            self.require(thing.area, thing.label)
            measured, _wanted = _measure(thing, one)
            mine = self._rows(thing, one).with_only_columns(measured).where(thing.party == Party.id)
            return mine.correlate(Party).scalar_subquery()
        field = PARTY.get(one.field) if isinstance(one, Is) else None
        if field is None or field.way in {TAGS, CONSENT}:
            return None
        self.require(field.area, field.label)
        if field.way != BESIDE:
            return field.column
        found = select(field.column).where(field.column.table.c.party_id == Party.id).limit(1)
        return found.correlate(Party).scalar_subquery()

    # --- what belongs to a counterparty ---------------------------------------------------------------------------

    def _has(self, one: Has) -> ColumnElement[bool]:
        thing = THINGS.get(one.thing)
        if thing is None:
            raise refused(_("One cannot ask for “%(field)s”", field=one.thing[:60]))
        self.require(thing.area, thing.label)
        measured, wanted = _measure(thing, one)
        having = comparison.OPERATORS[one.operator](measured, wanted)
        found = self._rows(thing, one)
        is_none = one.measure == COUNT and (one.operator, wanted) in {("eq", 0), ("le", 0), ("lt", 1)}
        if is_none:
            return Party.id.not_in(found)
        if HOLDS[one.operator](type(wanted)(0), wanted):  # who has none meets it as well
            return Party.id.not_in(found.group_by(thing.party).having(not_(having)))
        if one.measure == COUNT and one.operator == "ge" and wanted == 1:
            return Party.id.in_(found)
        return Party.id.in_(found.group_by(thing.party).having(having))

    def _rows(self, thing: Thing, one: Has) -> Select[Any]:
        """Return the statement of the counterparties of those rows that meet the inner conditions."""
        found = select(thing.party).where(thing.party.is_not(None), *thing.base())
        if thing.via is not None:
            found = found.join(thing.via)
        if thing.owned is not None and (cut := access.cut(self.session, thing.owned)) is not None:
            found = found.where(cut)
        if one.currency:
            found = found.where(thing.fields["currency"].column == one.currency)
        if one.days is not None:
            if thing.on is None:
                raise refused(_("“%(field)s” has no day to count from", field=str(thing.label)))
            found = found.where(comparison.from_today(thing.on, "last", one.days, self.today))
        for each in one.where:
            field = thing.fields.get(each.field)
            if field is None:
                raise refused(_("One cannot ask for “%(field)s”", field=each.field[:60]))
            with _told(each):
                found = found.where(self._compared(field, each))
        return found


def refused(text: str) -> DomainError:
    """Return the refusal of a condition."""
    return DomainError(text, field="definition")


@contextmanager
def _told(one: Is | Has) -> Iterator[None]:
    """Say of which condition a value cannot be read."""
    try:
        yield
    except (ValueError, OverflowError, InvalidOperation):
        raise refused(_("“%(value)s” is no value to compare with here", value=_shown(one.value))) from None
    except DomainError as error:
        raise error if error.field == "definition" else refused(str(error)) from None


def _shown(value: Any) -> str:  # noqa: ANN401
    return (", ".join(value) if isinstance(value, tuple) else str(value))[:60]


def _one(value: condition.Value) -> str:
    if isinstance(value, tuple):
        raise ValueError(value)  # noqa: TRY004 -- bad input, not a bug
    return value


def _measure(thing: Thing, one: Has) -> tuple[Any, Any]:
    """Return what is counted or added up, and the number that it is compared with, in its type."""
    if one.operator not in HOLDS:
        raise refused(_("“%(field)s” cannot be compared in this way", field=str(thing.label)))
    if one.currency and "currency" not in thing.fields:
        raise refused(_("“%(field)s” has no currency", field=str(thing.label)))
    if one.measure.startswith(SUM):
        name = one.measure.removeprefix(SUM)
        if name not in thing.sums:
            raise refused(_("This cannot be added up: “%(field)s”", field=name[:60]))
        column = thing.fields[name].column
        if name != "quantity" and not one.currency:
            raise refused(_("Say in which currency the sum is"))
        kind: Exact = column.type
        return func.coalesce(func.sum(column), sa.literal(Decimal(0), kind)), kind.fit(Decimal(one.value))
    number = int(one.value)
    if not 0 <= number <= MOST_COUNT:
        raise ValueError(one.value)
    if one.measure == DISTINCT and thing.distinct is not None:
        return func.count(thing.distinct.distinct()), number
    if one.measure != COUNT:
        raise refused(_("This cannot be counted: “%(field)s”", field=one.measure[:60]))
    return func.count(), number


# --- ways to a field --------------------------------------------------------------------------------------------------


def _beside(field: Field, made: ColumnElement[bool], *, at_none: bool) -> ColumnElement[bool]:
    link = field.column.table.c.party_id
    if at_none:  # whoever has no row there meets it as well
        return Party.id.not_in(select(link).where(not_(func.coalesce(made, false()))))
    return Party.id.in_(select(link).where(made))


def _holds_of_none(field: Field, one: Is) -> bool:
    """Say whether a counterparty without figures meets a condition on one."""
    if one.operator == "empty":
        return comparison.truth(_one(one.value) or "1") and field.name not in NONE_IS_ZERO
    if field.name not in NONE_IS_ZERO or one.operator not in HOLDS:
        return False
    return bool(HOLDS[one.operator](Decimal(0), Decimal(_one(one.value))))


def _tagged(operator: str, value: condition.Value) -> ColumnElement[bool]:
    if operator == "empty":
        return tags.having(Party, "empty", comparison.truth(_one(value) or "1"))
    several = list(value) if isinstance(value, tuple) else [each for each in value.split(",") if each]
    if not several:
        raise ValueError(value)
    return tags.having(Party, operator, several if operator == "in" else several[0])


def _agreed(operator: str, value: condition.Value) -> ColumnElement[bool]:
    """Return the condition that the latest word of somebody there on a purpose is a yes."""
    purpose, wanted = ConsentPurpose(_one(value)), operator == "eq"
    said, later = aliased(Consent), aliased(Consent)
    is_later = exists().where(
        later.party_id == said.party_id,
        later.purpose == said.purpose,
        later.id > said.id,
        later.contact_id.is_not_distinct_from(said.contact_id),
        later.address.is_not_distinct_from(said.address),
    )
    given = select(said.party_id).where(said.purpose == purpose, said.state == ConsentState.given, not_(is_later))
    return Party.id.in_(given) if wanted else Party.id.not_in(given)


_WAYS = {TAGS: _tagged, CONSENT: _agreed}


def _of_category(column: Any, keys: list[int], *, wanted: bool) -> ColumnElement[bool]:  # noqa: ANN401
    """Return the condition that a product is of one of some categories, or of a part of one."""
    part, top = aliased(ProductCategory), aliased(ProductCategory)
    beginning = top.path + " / "
    is_below = or_(part.id == top.id, func.substr(part.path, 1, func.length(beginning)) == beginning)
    below = select(part.id).join(top, is_below).where(top.id.in_(keys))
    products = select(Product.id).where(Product.category_id.in_(below))
    found: ColumnElement[bool] = column.in_(products) if wanted else column.not_in(products)
    return found


def _comes(column: Any, days: int, today: date) -> ColumnElement[bool]:  # noqa: ANN401
    """Return the condition that a day of the year is today or within the next days; 29 February counts as the 28th."""
    if not 0 <= days <= MOST_COMING:
        raise ValueError(days)
    if days >= MOST_COMING - 1:
        return and_(column.is_not(None))
    of_year = sa.extract("month", column) * 100 + sa.extract("day", column)
    begins, ends = (each.month * 100 + each.day for each in (today, today + timedelta(days=days)))
    if ends == FEBRUARY_28:
        ends = FEBRUARY_29 if not _is_leap((today + timedelta(days=days)).year) else ends
    return or_(of_year >= begins, of_year <= ends) if ends < begins else of_year.between(begins, ends)


def _is_leap(year: int) -> bool:
    return (date(year + 1, 1, 1) - date(year, 1, 1)).days == MOST_COMING
