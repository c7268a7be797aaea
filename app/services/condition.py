"""Trees of conditions: groups of which all, any or none must hold, down to single ones; one engine for all of them.

Lists give it their filters, segments what was built for them. A tree says nothing of tables: whoever compiles it says
what a single condition means, and what comes of it is SQL with bound values, never text.

A segment's tree is kept as JSON, `{"version": 1, "all": [...]}`. A part is a group (`{"all" | "any" | "none": [...]}`),
a single condition (`{"field": "country", "is": "eq", "value": "NL"}`) or one on what belongs to the record:
`{"has": "order", "where": [single, …], "count" | "sum:net" | "distinct": {"is": "ge", "value": 2}, "currency": "EUR",
"days": 90}`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from sqlalchemy import ColumnElement, and_, false, func, not_, or_, true

from app.errors import DomainError
from app.i18n import gettext as _

VERSION = 1
DEEPEST = 5  # groups within groups
MOST_PARTS = 60  # conditions and groups of one tree
MOST_VALUES = 100  # of one condition
LONGEST = 200  # a value
MOST_DAYS = 36_500
Join = Literal["all", "any", "none"]
JOINS: tuple[Join, ...] = ("all", "any", "none")
COUNT, DISTINCT, SUM = "count", "distinct", "sum:"
Value = str | tuple[str, ...]


@dataclass(frozen=True)
class Is:
    """A single condition: a field, an operator that its type knows, a value as text."""

    field: str
    operator: str
    value: Value = ""


@dataclass(frozen=True)
class Has:
    """How many, or how much, of what belongs to the record meets some conditions within the last `days`.

    `measure` is "count", "distinct" or "sum:" with the name of a field; sums are of one currency.
    """

    thing: str
    where: tuple[Is, ...] = ()
    measure: str = COUNT
    operator: str = "ge"
    value: str = "1"
    currency: str = ""
    days: int | None = None


@dataclass(frozen=True)
class Group:
    """Parts of which all, any or none must hold. Of no parts all hold, and none does; "any" of none finds nothing."""

    join: Join
    parts: tuple[Any, ...] = ()


Leaf = Callable[[Any], ColumnElement[bool]]


def compiled(part: Any, leaf: Leaf) -> ColumnElement[bool]:  # noqa: ANN401 -- a group, or what `leaf` understands
    """Return the SQL condition of a tree; `leaf` says what a single condition means."""
    if not isinstance(part, Group):
        return leaf(part)
    made = [compiled(each, leaf) for each in part.parts]
    if part.join == "all":
        return and_(true(), *made)
    either = or_(false(), *made)
    # what is unknown (an empty field) is no reason to leave somebody out: it counts as not met
    return either if part.join == "any" else not_(func.coalesce(either, false()))


def leaves(part: Any) -> Iterator[Is | Has]:  # noqa: ANN401 -- a group or a single condition
    """Yield every single condition of a tree, in its order."""
    if isinstance(part, Group):
        for each in part.parts:
            yield from leaves(each)
    else:
        yield part


# --- JSON -------------------------------------------------------------------------------------------------------------


def parsed(given: Any) -> Group:  # noqa: ANN401 -- whatever somebody sent
    """Return the tree that JSON describes; DomainError at "definition" for what is none, too deep or too long."""
    if not isinstance(given, Mapping) or given.get("version") != VERSION:
        raise _wrong(_("The conditions are not in a form that is known here"))
    budget = [MOST_PARTS + 1]
    tree = _part({key: value for key, value in given.items() if key != "version"}, 0, budget)
    if not isinstance(tree, Group):
        raise _wrong(_("The conditions are not in a form that is known here"))
    return tree


def _wrong(text: str) -> DomainError:
    return DomainError(text, field="definition")


def _part(given: Any, depth: int, budget: list[int]) -> Group | Is | Has:  # noqa: ANN401
    budget[0] -= 1
    if budget[0] < 0:
        raise _wrong(_("At most %(most)s conditions are possible", most=MOST_PARTS))
    if not isinstance(given, Mapping):
        raise _wrong(_("The conditions are not in a form that is known here"))
    if "field" in given:
        return _single(given)
    if "has" in given:
        return _has(given, budget)
    join = next((each for each in JOINS if each in given), None)
    if join is None or len(given) != 1 or not isinstance(given[join], list):
        raise _wrong(_("The conditions are not in a form that is known here"))
    if depth >= DEEPEST:
        raise _wrong(_("Groups can be nested %(most)s deep at most", most=DEEPEST))
    return Group(join, tuple(_part(each, depth + 1, budget) for each in given[join]))


def _single(given: Mapping[str, Any]) -> Is:
    if set(given) - {"field", "is", "value"}:
        raise _wrong(_("The conditions are not in a form that is known here"))
    return Is(_text(given["field"]), _text(given.get("is", "eq")), _value(given.get("value", "")))


def _has(given: Mapping[str, Any], budget: list[int]) -> Has:
    rest = set(given) - {"has", "where", "currency", "days"}
    where, days = given.get("where", []), given.get("days")
    if len(rest) > 1 or not isinstance(where, list):
        raise _wrong(_("The conditions are not in a form that is known here"))
    if days is not None and (isinstance(days, bool) or not isinstance(days, int) or not 0 < days <= MOST_DAYS):
        raise _wrong(_("Write a whole number of days"))
    measure = _text(rest.pop()) if rest else COUNT
    asked = given.get(measure, {"is": "ge", "value": 1})
    if not isinstance(asked, Mapping) or set(asked) - {"is", "value"}:
        raise _wrong(_("The conditions are not in a form that is known here"))
    inner = tuple(_part(each, DEEPEST, budget) for each in where)
    if not all(isinstance(each, Is) for each in inner):
        raise _wrong(_("The conditions are not in a form that is known here"))
    return Has(
        _text(given["has"]),
        cast("tuple[Is, ...]", inner),
        measure,
        _text(asked.get("is", "ge")),
        _text(asked.get("value", "1")),
        _text(given.get("currency", "")),
        days,
    )


def _text(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, bool):
        return "1" if value else "0"
    if not isinstance(value, str | int) or len(str(value)) > LONGEST:
        raise _wrong(_("The conditions are not in a form that is known here"))
    return str(value).strip()


def _value(value: Any) -> Value:  # noqa: ANN401
    if not isinstance(value, list):
        return _text(value)
    if len(value) > MOST_VALUES:
        raise _wrong(_("At most %(most)s values are possible here", most=MOST_VALUES))
    return tuple(_text(each) for each in value)


def dumped(tree: Group) -> dict[str, Any]:
    """Return a tree as it is kept."""
    return {"version": VERSION, **_plain(tree)}


def _plain(part: Group | Is | Has) -> dict[str, Any]:
    if isinstance(part, Group):
        return {part.join: [_plain(each) for each in part.parts]}
    if isinstance(part, Is):
        return {"field": part.field, "is": part.operator, "value": _listed(part.value)}
    made: dict[str, Any] = {"has": part.thing, part.measure: {"is": part.operator, "value": part.value}}
    if part.where:
        made["where"] = [_plain(each) for each in part.where]
    if part.currency:
        made["currency"] = part.currency
    if part.days is not None:
        made["days"] = part.days
    return made


def _listed(value: Value) -> list[str] | str:
    return list(value) if isinstance(value, tuple) else value
