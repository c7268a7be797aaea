"""`Exports`: what a list shows as a file: the same filters, order and columns, and all pages of it.

Rows are read by key, a thousand at a time, under the same row rule as the list itself, so that memory stays flat.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, Any, ClassVar
from urllib.parse import quote
from zoneinfo import ZoneInfo

from flask import Response, abort, request, stream_with_context
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name
from markupsafe import Markup

from app import clock
from app.db import db
from app.exchange.table import Value, csv_chunks, write_xlsx
from app.i18n import language
from app.roles import EXPORT
from app.services import access
from app.web import listing
from app.web.card import CardView
from app.web.keyset import beyond
from app.web.locale import choose_time_zone
from app.web.plain import Plain
from app.web.saved import SavedViews

CHUNK = 1_000
PIECE = 64 * 1024
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORMATS = ("xlsx", "csv")


@dataclass(frozen=True)
class Table:
    """What goes into a file: the heads of its columns, and its rows."""

    heads: list[str]
    rows: Iterable[Sequence[Value]]


class Exports(SavedViews):
    """Lists as files; see the module's text."""

    own_values: ClassVar[Collection[str] | None] = None  # columns that `value` says more of; None: it may be any

    @expose("/list/export")
    @has_access
    @permission_name("export")
    def export(self) -> Response:
        """Send the list as a file: XLSX from a file that is written first, CSV while it is read."""
        kind = request.args.get("format", FORMATS[0])
        if kind not in FORMATS:
            abort(404)
        wish = self.asked()
        if kind == "csv":
            # Between the pieces no transaction stays open: how fast a reader takes them is his affair.
            table = self.table(wish, pause=db.session.remove)
            pieces = csv_chunks(table.heads, table.rows, language=language())
            answer = Response(stream_with_context(pieces), mimetype="text/csv")
        else:
            answer = self._workbook(self.table(wish))
        answer.headers["Content-Disposition"] = self._disposition(kind)
        return answer

    def address_of_file(self, wish: listing.Asked, kind: str) -> str:
        """Return the address of this list as a file."""
        given = wish.address(f"{self.route_base}/list/export")
        return f"{given}{'&' if '?' in given else '?'}format={kind}"

    def _workbook(self, table: Table) -> Response:
        file = TemporaryFile(prefix="list-", suffix=".xlsx")  # noqa: SIM115 -- it is closed when it is sent
        try:
            write_xlsx(file, table.heads, table.rows, title=str(self.many_name), language=language())
            size = file.tell()
            file.seek(0)
        except BaseException:
            file.close()
            raise
        answer = Response(_pieces(file), mimetype=XLSX)
        answer.call_on_close(file.close)
        answer.content_length = size
        return answer

    def _disposition(self, kind: str) -> str:
        """Return how the file is called: in the reader's language, and for old programs in ASCII."""
        day = clock.today(choose_time_zone())
        name = quote(f"{self.many_name} {day}.{kind}", safe="")
        return f"attachment; filename=\"{self.stem}-{day}.{kind}\"; filename*=UTF-8''{name}"

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

    def _chunk(self, wish: listing.Asked, last: Sequence[Any]) -> Sequence[Any]:
        """Return the next records in the order of the list, each with the values by which it stands where it does."""
        selection = self.selection(wish)
        cut = access.cut(db.session(), self.datamodel.obj, EXPORT)
        selection = selection if cut is None else selection.filter(cut)
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


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece
