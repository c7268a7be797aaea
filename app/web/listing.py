"""What a list was asked for: page, order, filters, search text; everything is checked against what is declared."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import request

from app.errors import DomainError
from app.web.filters import Wanted, column_of, conditions

PAGE_SIZES = (25, 50, 100)
MOST_PAGES = 400_000
_FILTER = re.compile(r"flt\.(\w{1,60})\.([a-z]{2,5})")
_NATURAL = re.compile(r"\d{1,7}")


@dataclass(frozen=True)
class Asked:
    """One list's wishes, cleaned: an unknown column or operator is left out, sizes are clamped."""

    page: int
    page_size: int
    order: tuple[str, str] | None
    text: str
    filters: tuple[Wanted, ...]

    def address(self, path: str, **changes: Any) -> str:
        """Return the address of this list with some wishes changed; every filter is kept."""
        order = changes.get("order", self.order)
        args: list[tuple[str, Any]] = [("q", changes.get("text", self.text))]
        args += [(f"flt.{one.column}.{one.operator}", one.value) for one in changes.get("filters", self.filters)]
        if order:
            args += [("order", order[0]), ("direction", order[1])]
        args += [("page", changes.get("page", 0) or ""), ("size", changes.get("page_size", self.page_size))]
        return f"{path}?{urlencode([(key, value) for key, value in args if value not in ('', None)])}"


def asked(
    entity: type[Any],
    *,
    search_columns: Iterable[str],
    order_columns: Iterable[str],
    base_order: tuple[str, str] | None,
    page_size: int,
) -> Asked:
    """Read the wishes from the address."""
    args = request.args
    order = base_order
    if args.get("order", "") in set(order_columns):
        order = (args["order"], "desc" if args.get("direction") == "desc" else "asc")
    return Asked(
        page=min(_natural("page", 0), MOST_PAGES),
        page_size=min(max(_natural("size", page_size), 1), max(PAGE_SIZES)),
        order=order,
        text=args.get("q", "").strip()[:200],
        filters=tuple(_filters(entity, set(search_columns))),
    )


def _filters(entity: type[Any], declared: set[str]) -> Iterable[Wanted]:
    for name in request.args:
        match = _FILTER.fullmatch(name)
        if match is None or match[1] not in declared:
            continue
        for value in request.args.getlist(name)[:20]:
            wanted = Wanted(match[1], match[2], value.strip()[:200])
            if wanted.value and _works(entity, wanted, declared):
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


__all__ = ["PAGE_SIZES", "Asked", "asked", "column_of"]
