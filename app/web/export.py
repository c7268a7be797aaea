"""`Exports`: what a list shows as a file: the same filters, order and columns, and all pages of it.

Rows are read by key, a thousand at a time, under the same row rule as the list itself, so that memory stays flat. How
they leave, and what is noted of it, is `hand_out`'s.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name
from markupsafe import Markup

from app.db import db
from app.exchange.table import Value
from app.i18n import gettext as _
from app.models.export_run import ExportKind
from app.roles import EXPORT
from app.services import access
from app.web import listing
from app.web.card import CardView
from app.web.hand_out import FORMATS, Parcel, Table, hand_out
from app.web.keyset import beyond
from app.web.locale import choose_time_zone
from app.web.plain import Plain
from app.web.saved import SavedViews

CHUNK = 1_000


class Exports(SavedViews):
    """Lists as files; see the module's text."""

    own_values: ClassVar[Collection[str] | None] = None  # columns that `value` says more of; None: it may be any

    @expose("/list/export", methods=["GET", "POST"])
    @has_access
    @permission_name("export")
    def export(self) -> Any:
        """Ask why the list is wanted as a file, and send it."""
        wish = self.asked()
        return hand_out(self, self.parcel(wish))

    def parcel(self, wish: listing.Asked) -> Parcel:
        """Return the list as it leaves."""
        return Parcel(
            kind=ExportKind.list,
            right=(str(self.class_permission_name), EXPORT),
            entity=self.stem,
            title=str(self.many_name),
            file=self.stem,
            back=wish.address(f"{self.route_base}/list/"),
            rows=self.datamodel.count(self._reached(wish), cap=None),
            heads=[self.label(name) for name in wish.columns],
            read=lambda pause: self.table(wish, pause=pause),
            about=self.told_all(wish),
        )

    def told_all(self, wish: listing.Asked) -> list[str]:
        """Return in words which records a list has."""
        texts = [_("Search") + f": “{wish.text}”"] if wish.text else []
        return texts + [f" {_('or')} ".join(self.told(one) for one in group) for group in wish.groups]

    def gives_files(self) -> bool:
        """Say whether the reader may take this list as a file, and there is one."""
        return "export" not in self.exclude_route_methods and bool(self.may("export"))

    def address_of_file(self, wish: listing.Asked, kind: str) -> str:
        """Return the address of this list as a file."""
        given = wish.address(f"{self.route_base}/list/export")
        return f"{given}{'&' if '?' in given else '?'}format={kind}"

    # --- rows -----------------------------------------------------------------------------------------------------

    def table(self, wish: listing.Asked, *, pause: Callable[[], None] | None = None) -> Table:
        """Return everything that matches, as the list shows it; `pause` is called after each thousand rows.

        The rows are read when they are asked for.
        """
        rows = self._rows(wish, access.required(db.session()), ZoneInfo(choose_time_zone()), pause)
        return Table([self.label(name) for name in wish.columns], rows)

    def _rows(
        self, wish: listing.Asked, actor: access.Actor, zone: ZoneInfo, pause: Callable[[], None] | None
    ) -> Iterator[list[Value]]:
        last: Sequence[Any] = ()
        columns = [Plain(self.datamodel.obj.__table__, name, zone) for name in wish.columns]
        while True:
            access.act_as(db.session(), actor)  # rows are read after the request itself, and its session, have ended
            found = self._chunk(wish, last)
            rows = [self._row(record, columns) for record, *_standing in found]
            last = found[-1][1:] if found else ()
            if pause is not None:
                pause()
            yield from rows
            if len(rows) < CHUNK:
                return

    def _reached(self, wish: listing.Asked) -> Any:
        """Return the query of the records that match, cut to those that the reader may export."""
        selection = self.selection(wish)
        cut = access.cut(db.session(), self.datamodel.obj, EXPORT)
        return selection if cut is None else selection.filter(cut)

    def _chunk(self, wish: listing.Asked, last: Sequence[Any]) -> Sequence[Any]:
        """Return the next records in the order of the list, each with the values by which it stands where it does."""
        selection = self._reached(wish)
        terms = self.datamodel.terms(selection, wish.sorts)
        if last:
            least = db.session().get_bind().dialect.name == "sqlite"
            selection = selection.filter(beyond(terms, last, empty_is_least=least))
        wanted = selection.options(*self.datamodel.options, *self._loaders(wish.columns))
        wanted = wanted.add_columns(*(term.column for term in terms)).order_by(*(term.clause() for term in terms))
        found: Sequence[Any] = wanted.limit(CHUNK).all()
        return found

    # --- values ---------------------------------------------------------------------------------------------------

    def _row(self, record: Any, columns: Sequence[Plain]) -> list[Value]:
        row = [self._value_as_shown(record, column) for column in columns]
        if row[0] is None:
            row[0] = str(record)  # as the list shows it: a draft has no number yet
        return row

    def _value_as_shown(self, record: Any, column: Plain) -> Value:
        """Return a record's value; where the view has words of its own for it, these."""
        typed = column.of(record)
        if self._says_more(column.name) and isinstance(typed, str | int | None):
            shown = Markup(self.value(record, column.name)).striptags()  # noqa: S704 -- it is taken apart, not shown
            if shown not in {"", "—"} and shown != " ".join(str("" if typed is None else typed).split()):
                return shown
        return typed

    def _says_more(self, name: str) -> bool:
        """Say whether the view may have its own way to show a column."""
        if name in self.formatters_columns:
            return True
        return type(self).value is not CardView.value and (self.own_values is None or name in self.own_values)


__all__ = ["FORMATS", "Exports", "Table"]
