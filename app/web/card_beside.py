"""`Beside`: the records before and after one in the list that the reader came from, and where it stands there.

What the list was asked for stands in the address of the card (`from`, see app/web/ways.py), so that nothing is kept
about the reader; the script takes it out of the address bar. A card that names no list stands in the plain one.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name
from sqlalchemy import func

from app.db import db
from app.services import access
from app.web.keyset import beyond
from app.web.ways import with_list

LONGEST = 1_500  # characters of a list's wishes; more than that does not travel
COUNTED = 10_000


@dataclass(frozen=True)
class Place:
    """Where a record stands in a list: the keys beside it, and its number of how many."""

    before: int | None
    after: int | None
    number: int
    count: int


class Beside:
    """Neighbours of a record in a list; see the module's text."""

    route_base: Any
    datamodel: Any

    def trail(self, wish: Any) -> str:
        """Return what a list adds to the addresses of its cards: nothing when it is the plain list."""
        args = wish.address("", page=wish.page, after=wish.after, before=wish.before, is_last=wish.is_last)
        usual = {("size", str(self.page_size))}  # type: ignore[attr-defined]
        kept = [pair for pair in parse_qsl(args.removeprefix("?")) if pair not in usual]
        return _carried(urlencode(kept))

    @expose("/<int:pk>/beside", methods=["GET"])
    @has_access
    @permission_name("see")
    def beside(self, pk: int) -> str:
        """Show where a record stands in a list, with links to the ones beside it."""
        place = self._place(pk)
        if place is None:
            self._found(str(pk))  # type: ignore[attr-defined]  # who does not see it learns nothing
        carried = _carried(urlencode([*request.args.items(multi=True)]))
        return str(self.page("web/card_beside.html", place=place, carried=carried, cap=COUNTED))  # type: ignore[attr-defined]

    def _place(self, pk: int) -> Place | None:
        """Return where a record stands in the list that the address asks for, None when it is not in there."""
        if pk >= 2**63:
            return None
        wish, key = self.asked(), self.datamodel.get_pk()  # type: ignore[attr-defined]
        every = self.selection(wish)  # type: ignore[attr-defined]
        entity = self.datamodel.obj
        cut = access.cut(db.session(), entity)
        if cut is not None:  # parts of the statement below are reached by the row rule here
            every = every.filter(cut)
        terms = self.datamodel.terms(every, wish.sorts)
        standing = every.filter(key == pk).with_entities(*(term.column for term in terms)).first()
        if standing is None:
            return None
        least = db.session().get_bind().dialect.name == "sqlite"

        def side(*, backward: bool) -> Any:
            where = beyond(terms, list(standing), backward=backward, empty_is_least=least)
            return every.filter(where).with_entities(key.label("key"))

        def nearest(*, backward: bool) -> Any:
            by = [term.clause(backward=backward) for term in terms]
            return side(backward=backward).order_by(*by).limit(1).scalar_subquery()

        def number(rows: Any) -> Any:
            some = rows.order_by(None).limit(COUNTED + 1).subquery()
            return db.session.query(func.count()).select_from(some).scalar_subquery()

        row = db.session.query(
            nearest(backward=True),
            nearest(backward=False),
            number(side(backward=True)),
            number(every.with_entities(key.label("key"))),
        ).one()
        return Place(row[0], row[1], row[2] + 1, row[3])


def _carried(query: str) -> str:
    return with_list("", query) if query and len(query) <= LONGEST else ""
