"""What a list was asked for: columns, order, filters, text, page; everything is checked against what is declared.

All of it stands in the address, so that a link shows the same list to another reader:
`q` text · `flt.<column>.<operator>` a filter · `any<n>.<column>.<operator>` filters of which one must hold ·
`order=-issued_on,number` · `cols=number,party` · `size` · `after`/`before` a cursor, `last=1` the end · `page` where
one is, for the reader · `view` the saved view that it began with.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from flask import request

from app.errors import DomainError
from app.web.filters import IDLE, Wanted, column_of, conditions
from app.web.keyset import LONGEST

PAGE_SIZES = (25, 50, 100)
MOST_PAGES = 400_000
MOST_SORTS = 4
MOST_FILTERS = 40
MOST_GROUPS = 9
_FILTER = re.compile(r"(?:flt|any([1-9]))\.(\w{1,60})\.([a-z]{2,5})")
_NATURAL = re.compile(r"\d{1,7}")
Sort = tuple[str, bool]  # a column, and whether from the greatest to the least
LAYOUT = ("q", "order", "cols", "size")


@dataclass(frozen=True)
class Asked:
    """One list's wishes, cleaned: an unknown column or operator is left out, sizes are clamped.

    `sorts` and `columns` are what holds; `given_sorts` and `given_columns` what the address itself says.
    """

    sorts: tuple[Sort, ...]
    columns: tuple[str, ...]
    page_size: int
    text: str = ""
    filters: tuple[Wanted, ...] = ()
    given_sorts: tuple[Sort, ...] = ()
    given_columns: tuple[str, ...] = ()
    page: int = 0
    after: str = ""
    before: str = ""
    is_last: bool = False
    view: int | None = None

    def address(self, path: str, **changes: Any) -> str:
        """Return the address of this list with some wishes changed; it begins with the first page again."""
        fresh: dict[str, Any] = {"page": 0, "after": "", "before": "", "is_last": False}
        if "sorts" in changes:
            changes["given_sorts"] = changes["sorts"]
        if "columns" in changes:
            changes["given_columns"] = changes["columns"]
        wish = replace(self, **(fresh | changes))
        args = [*wish.query(), ("page", wish.page or ""), ("after", wish.after), ("before", wish.before)]
        args += [("last", "1" if wish.is_last else ""), ("view", wish.view or "")]
        return f"{path}?{urlencode([(key, value) for key, value in args if value not in ('', None)])}".rstrip("?")

    def query(self) -> list[tuple[str, Any]]:
        """Return what a saved view keeps: everything but the page."""
        args: list[tuple[str, Any]] = [("q", self.text)]
        args += [(name_of(one), one.value) for one in self.filters]
        args.append(("order", ",".join(f"-{name}" if down else name for name, down in self.given_sorts)))
        args += [("cols", ",".join(self.given_columns)), ("size", self.page_size)]
        return [(key, value) for key, value in args if value != ""]

    def sorted_by(self, name: str, *, more: bool = False) -> tuple[Sort, ...]:
        """Return the order after a click on a column: turned round when it led already; `more` keeps the others."""
        down = next((not was for column, was in self.sorts if column == name), False)
        if not more:
            return ((name, down if self.sorts[:1] and self.sorts[0][0] == name else False),)
        if name in {column for column, _down in self.sorts}:
            return tuple((column, down if column == name else was) for column, was in self.sorts)
        return (*self.sorts, (name, False))[-MOST_SORTS:]

    def without(self, gone: Wanted) -> tuple[Wanted, ...]:
        """Return the filters but one."""
        return tuple(one for one in self.filters if one != gone)

    @property
    def groups(self) -> list[list[Wanted]]:
        """Return the filters as a reader sees them: each alone, or several of which one must hold."""
        alone = [[one] for one in self.filters if one.group == 0]
        numbers = sorted({one.group for one in self.filters} - {0})
        return alone + [[one for one in self.filters if one.group == number] for number in numbers]


def name_of(one: Wanted) -> str:
    """Return a filter's name in the address."""
    return f"any{one.group}.{one.column}.{one.operator}" if one.group else f"flt.{one.column}.{one.operator}"


def asked(
    entity: type[Any],
    *,
    search_columns: Iterable[str],
    order_columns: Iterable[str],
    list_columns: Sequence[str],
    other_columns: Iterable[str] = (),
    base_order: tuple[str, str] | None,
    page_size: int,
) -> Asked:
    """Read the wishes from the address."""
    args = request.args
    known = {*list_columns, *other_columns}
    columns = tuple(dict.fromkeys(name for name in _names("cols") if name in known))
    sorts = tuple(_sorts(args.get("order", ""), set(order_columns)))
    base = ((base_order[0], base_order[1] == "desc"),) if base_order else ()
    return Asked(
        sorts=sorts or base,
        columns=columns or tuple(list_columns),
        page_size=min(max(_natural("size", page_size), 1), max(PAGE_SIZES)),
        text=args.get("q", "").strip()[:200],
        filters=tuple(_filters(entity, set(search_columns)))[:MOST_FILTERS],
        given_sorts=sorts,
        given_columns=columns,
        page=min(_natural("page", 0), MOST_PAGES),
        after=args.get("after", "")[:LONGEST],
        before=args.get("before", "")[:LONGEST],
        is_last=args.get("last") == "1",
        view=_natural("view", 0) or None,
    )


def _names(key: str) -> list[str]:
    """Return the column names of a parameter: given once with commas, or once each, as a form of ticks does."""
    return [name for value in request.args.getlist(key)[:200] for name in value[:4000].split(",") if name]


def _sorts(text: str, declared: set[str]) -> Iterable[Sort]:
    seen: set[str] = set()
    for part in text[:500].split(","):
        name = part.removeprefix("-")
        if name in declared and name not in seen and len(seen) < MOST_SORTS:
            seen.add(name)
            yield name, part.startswith("-")


def _filters(entity: type[Any], declared: set[str]) -> Iterable[Wanted]:
    """Read the filters; those of the filter panel become one group when the reader asked for any of them."""
    found = [*_named(entity, declared), *_panel(entity, declared)]
    if request.args.get("match") == "any":
        free = next((n for n in range(1, MOST_GROUPS + 1) if n not in {one.group for one in found}), 0)
        found = [replace(one, group=one.group or free) for one in found]
    yield from dict.fromkeys(found)


def _named(entity: type[Any], declared: set[str]) -> Iterable[Wanted]:
    for name in request.args:
        match = _FILTER.fullmatch(name)
        if match is None or match[2] not in declared:
            continue
        for value in request.args.getlist(name)[:20]:
            wanted = Wanted(match[2], match[3], value.strip()[:200], int(match[1] or 0))
            if wanted.value and _works(entity, wanted, declared):
                yield wanted


def _panel(entity: type[Any], declared: set[str]) -> Iterable[Wanted]:
    """Read the pairs of the filter panel that leave the operator to the reader: `o.name=sw`, `v.name=Gar`."""
    for name in sorted(declared):
        operator, value = request.args.get(f"o.{name}", ""), request.args.get(f"v.{name}", "").strip()[:200]
        if operator in {"empty", "full"}:
            operator, value = "empty", "1" if operator == "empty" else "0"
        value = "1" if operator == IDLE else value
        wanted = Wanted(name, operator, value)
        if operator and value and _works(entity, wanted, declared):
            yield wanted


def _works(entity: type[Any], wanted: Wanted, declared: set[str]) -> bool:
    try:
        conditions(entity, [wanted], declared)
    except DomainError:
        return False
    return True


def _natural(name: str, otherwise: int) -> int:
    value = request.args.get(name, "")
    return int(value) if _NATURAL.fullmatch(value) else otherwise


__all__ = ["PAGE_SIZES", "Asked", "asked", "column_of", "name_of"]
