"""`BoardFace`: the records of a list as cards in columns, one for each state or linked record.

A card that is moved to another column does what the button of its card does: the service's verb with its rights, or,
where the column is a plain field, the change that the list's cell would make. The screen never sets a state.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar

import sqlalchemy as sa
from flask import abort, jsonify, redirect, request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name

from app import clock
from app.db import db
from app.errors import Conflict, DomainError, NotFound
from app.i18n import gettext as _
from app.roles import ACT, CHANGE
from app.services import access
from app.web import dialog
from app.web.board_declared import Board, Column, Way, key_of
from app.web.face import Faced, FaceView, attribute_condition, overtaken
from app.web.filters import column_of
from app.web.totals import Sums
from app.web.verbs import Verb, run

MOST_CARDS = 50
MOST_COLUMNS = 12
MOST_KEY_DIGITS = 18


class BoardFace(FaceView):
    """Boards by declaration; see the module's text."""

    boards: ClassVar[Sequence[Board]] = ()

    # --- pages ----------------------------------------------------------------------------------------------------

    @expose("/board")
    @has_access
    @permission_name("see")
    def show_board(self) -> Any:
        """Show the records as cards in columns."""
        wish = self.asked()
        board = self._board(wish)
        selection = self.on_board(wish)
        columns = self.columns_of(board, wish, selection)
        self._deal(board, wish, selection, columns)
        count = sum(column.count for column in columns)
        return self.face_page("board", wish, count=count, columns=columns, **self._about_cards(board, columns))

    @expose("/board/more")
    @has_access
    @permission_name("see")
    def more_cards(self) -> str:
        """Return more cards of a column, from a cursor on."""
        wish = self.asked()
        board = self._board(wish)
        selection = self.on_board(wish)
        columns = self.columns_of(board, wish, selection)
        column = next((each for each in columns if each.key == request.args.get("column")), None)
        if column is None:
            abort(404)
        found = self.datamodel.page(
            selection.filter(attribute_condition(self._attribute(board.by), column.value)).options(
                *self.loaders_of(board.facts)
            ),
            sorts=wish.sorts,
            page_size=MOST_CARDS,
            after=wish.after,
        )
        column.cards, column.after = found.rows, found.after
        return self.page(
            "web/board_cards.html",
            wish=wish,
            trail=self.trail(wish),
            column=column,
            **self._about_cards(board, columns),
        )

    def on_board(self, wish: Faced) -> Any:
        """Return the query of the records on a board; a view may show less than its list."""
        return self.selection(wish)

    def _board(self, wish: Faced) -> Board:
        return next((board for board in self.boards if board.by == wish.by), self.boards[0])

    def _about_cards(self, board: Board, columns: Sequence[Column]) -> dict[str, Any]:
        """Return what the template of cards asks for."""
        ways = self._ways(board, [(column.key, column.label) for column in columns])
        return {
            "board": board,
            "ways": partial(self._ways_of, board, ways),
            "rotten": self.rot_of(board, columns),
        }

    # --- columns --------------------------------------------------------------------------------------------------

    def columns_of(self, board: Board, wish: Faced, selection: Any) -> list[Column]:
        """Return the columns with their counts and sums: one statement, and one that names linked records."""
        attribute = self._attribute(board.by)
        currency = self._currency if self._currency is not None else sa.null()
        amount = sa.func.sum(self.total_of(board.amount)) if board.amount else sa.null()
        measures = [attribute.label("in_column"), currency.label("in_currency"), sa.func.count(self.datamodel.get_pk())]
        by = [attribute, *([self._currency] if self._currency is not None else [])]
        found: dict[Any, list[Sums]] = {}
        for value, of, count, total in selection.with_entities(*measures, amount).group_by(*by).order_by(None).all():
            sums = {board.amount: total or Decimal(0)} if board.amount else {}
            found.setdefault(value, []).append(Sums(count, sums, of))
        records = self.column_records(board, wish)
        values = self._values(board, found) if records is None else [*records]
        texts = {key: str(record) for key, record in records.items()} if records else self._column_texts(board, values)
        is_ordered = records is not None or self._members(board)
        ordered = values if is_ordered else sorted(values, key=lambda one: (one is None, texts[one]))
        return [
            Column(
                key=key_of(value),
                value=value,
                label=texts[value],
                sums=sorted(found.get(value, []), key=lambda one: -one.count),
                limit=board.wip.get(key_of(value)),
                url=self._url_of(board, wish, value),
                record=(records or {}).get(value),
            )
            for value in ordered
        ]

    def column_records(self, board: Board, wish: Faced) -> Mapping[Any, Any] | None:  # noqa: ARG002
        """Return the linked records that a board's columns are, in their order; None: those that cards name."""
        return None

    def beside_sum(self, column: Column, one: Sums) -> str:  # noqa: ARG002
        """Return what stands beside a column's sum; nothing as a rule."""
        return ""

    def _column_texts(self, board: Board, values: Sequence[Any]) -> dict[Any, str]:
        texts = dict(self._texts(board.by, values))
        return texts | {None: str(board.empty)} if board.empty else texts

    def _members(self, board: Board) -> list[Any]:
        kind = column_of(self.datamodel.obj, board.by).type
        return list(kind.enum_class) if isinstance(kind, sa.Enum) and kind.enum_class is not None else []

    def _values(self, board: Board, found: Mapping[Any, list[Sums]]) -> list[Any]:
        """Return what the columns stand for: every choice; of linked records those with most cards."""
        members = self._members(board)
        if not members:
            most = sorted(found, key=lambda value: -sum(one.count for one in found[value]))
            return most[:MOST_COLUMNS]
        return [*([None] if board.empty or None in found else []), *members]

    def _url_of(self, board: Board, wish: Faced, value: Any) -> str:
        """Return the address of the list of a column's records, none where no filter finds them."""
        if board.by not in self.search_columns:
            return ""
        own = self._found_by(board.by, value, "")
        filters = tuple(dict.fromkeys((*wish.filters, *own)))
        return wish.address(f"{self.route_base}/list/", filters=filters, group="") if own else ""

    def _deal(self, board: Board, wish: Faced, selection: Any, columns: Sequence[Column]) -> None:
        """Give every column its first cards: the keys of all in one statement, each column within its index."""
        filled = [column for column in columns if column.count]
        if not filled:
            return
        attribute, key = self._attribute(board.by), self.datamodel.get_pk()
        terms = self.datamodel.terms(selection, wish.sorts)
        order = [term.clause() for term in terms]
        within = selection.filter(*self._own_rows())
        parts = [
            within.filter(attribute_condition(attribute, column.value))
            .with_entities(key.label("key"))
            .order_by(*order)
            .limit(MOST_CARDS + 1)
            .subquery()
            for column in filled
        ]
        keys = sa.union_all(*(sa.select(part.c.key) for part in parts)).subquery()
        rows = db.session.query(self.datamodel.obj).join(keys, keys.c.key == key)
        places = {column.key: column for column in filled}
        for record in rows.options(*self.loaders_of(board.facts)).order_by(*order).all():
            places[self._key(record, board)].cards.append(record)
        for column in filled:
            if len(column.cards) > MOST_CARDS:
                column.cards = column.cards[:MOST_CARDS]
                column.after = self.datamodel.cursor(column.cards[-1], terms)

    def _own_rows(self) -> list[Any]:
        """Return the row rule as a condition: parts of a union are reached by it here, not by the session."""
        entity = self.datamodel.obj
        cut = access.cut(db.session(), entity)
        return [] if cut is None else [cut]

    def _key(self, record: Any, board: Board) -> str:
        return key_of(getattr(record, self._attribute(board.by).key))

    # --- where a card may go --------------------------------------------------------------------------------------

    def _ways(self, board: Board, targets: Sequence[tuple[str, str]]) -> list[Way]:
        """Return the columns that this reader could move cards to, whatever their states say."""
        if not board.moves:
            return [Way(key, label, None) for key, label in targets] if board.by in self.cells_to_edit() else []
        verbs = {verb.name: verb for verb in self.verbs}
        named = [(key, label, board.moves[key]) for key, label in targets if key in board.moves]
        return [Way(key, label, verbs[name]) for key, label, name in named if name in verbs and self.may(name)]

    def _ways_of(self, board: Board, ways: Sequence[Way], record: Any) -> list[Way]:
        """Return where a card may go now."""
        here = self._key(record, board)
        return [way for way in ways if way.key != here and self._is_open(way, record)]

    def _is_open(self, way: Way, record: Any) -> bool:
        if way.verb is None:
            return self.lets(CHANGE, record)
        return way.verb.when(record) and access.allowed(db.session(), record, ACT)

    def rot_of(self, board: Board, columns: Sequence[Column]) -> Callable[[Any, str], int]:  # noqa: ARG002
        """Return what says for how many days a card has lain where that is too long, else 0."""
        return partial(self._rotten_days, board, clock.now())

    def asks_first(self, way: Way) -> bool:
        """Say whether a move opens a dialog."""
        return way.verb is not None and dialog.asks(way.verb)

    @staticmethod
    def _rotten_days(board: Board, now: Any, record: Any, key: str) -> int:
        """Return for how many days a card has lain unchanged where that is too long, else 0."""
        if board.rot_after is None or key in board.ends:
            return 0
        age = now - record.changed_at
        return int(age.days) if age > board.rot_after else 0

    def _refusal(self, board: Board, record: Any, key: str, columns: Mapping[str, str]) -> str:
        """Return why a card may not go to a column."""
        verb = next((each for each in self.verbs if each.name == board.moves.get(key)), None)
        if verb is not None and not self.may(verb.name):
            return _("You may not do this: %(what)s", what=str(verb.label))
        if not board.moves and board.by not in self.cells_to_edit():
            return str(board.reason) or _("You may look at these cards but not move them.")
        here = columns.get(self._key(record, board), "")
        text = _(
            "%(name)s cannot go from “%(from)s” to “%(to)s”.", **{"name": str(record), "from": here, "to": columns[key]}
        )
        return f"{text} {board.reason}".strip()

    # --- moving ---------------------------------------------------------------------------------------------------

    @expose("/board/<int:pk>", methods=["POST"])
    @has_access
    @permission_name("see")
    def move_card(self, pk: int) -> Any:
        """Do what brings a card to another column, or say why it stays."""
        wish = self.asked()
        board = self._board(wish)
        record = self._found(str(pk))
        home, to = wish.address(f"{self.route_base}/board"), request.form.get("to", "")
        columns = self._labels(board, record, to)
        if to not in columns:
            abort(404)
        before, way = self._key(record, board), None
        ways = self._ways_of(board, self._ways(board, [*columns.items()]), record)
        way = next((each for each in ways if each.key == to), None)
        if way is None:
            return self.refused_move(self._refusal(board, record, to, columns) if to != before else "", home)
        if way.verb is not None and self.asks_first(way):
            return self._open_dialog(way.verb, pk)
        try:
            record = self._go(board, way, record)
        except NotFound:
            abort(404)
        except Conflict:
            return self.refused_move(overtaken(), home)
        except DomainError as refusal:
            return self.refused_move(str(refusal), home)
        if record is None:  # what was done to it took it out of the reader's sight
            return self.moved(_("Done: %(what)s", what=columns[to]), home, column="", card="", heads={})
        return self._went(board, wish, record, (before, columns))

    def _labels(self, board: Board, record: Any, to: str) -> dict[str, str]:
        """Return the names of the columns that a move may be about, by key."""
        members = self._members(board)
        standing = getattr(record, self._attribute(board.by).key)
        link = [int(to)] if to.isdecimal() and len(to) <= MOST_KEY_DIGITS else []
        values = [None, *members] if members else list(dict.fromkeys([None, standing, *link]))
        texts = self._column_texts(board, values)
        return {key_of(value): text for value, text in texts.items()}

    def _go(self, board: Board, way: Way, record: Any) -> Any:
        if way.verb is None:
            return self.change_value(record, board.by, way.key)
        find = partial(self.datamodel.one, record.id, self._base_filters)
        db.session.expunge(record)  # the verb reads it anew, within its own transaction
        run(db.session(), way.verb, find, self.more_of(way.verb))
        return find()

    def _open_dialog(self, verb: Verb, pk: int) -> Any:
        address = f"{self.route_base}/{pk}/{verb.name}"
        return jsonify(open=address) if self.by_script() else redirect(address)

    def _went(self, board: Board, wish: Faced, record: Any, start: tuple[str, Mapping[str, str]]) -> Any:
        """Answer with the card where it stands now, the heads of all columns and the way back."""
        (before, names), key = start, self._key(record, board)
        text = _("%(name)s is now in “%(column)s”.", name=str(record), column=names.get(key, key))
        selection = self.on_board(wish)
        columns = self.columns_of(board, wish, selection)
        about = self._about_cards(board, columns)
        home, undo = wish.address(f"{self.route_base}/board"), None
        ways = self._ways_of(board, self._ways(board, [*names.items()]), record)
        back = next((way for way in ways if way.key == before), None)
        if back is not None and not self.asks_first(back):
            url = wish.address(f"{self.route_base}/board/{record.id}")
            undo = (_("Undo"), url, {"to": before, "record_version": str(getattr(record, "version", 1))})
        if not self.by_script():
            return self.moved(text, home, undo=undo)
        is_there = self.datamodel.count(selection.filter(self.datamodel.get_pk() == record.id))
        column = next((each for each in columns if each.key == key), None)
        if column is not None and is_there:
            column.cards = [record]
        about["trail"] = self.trail(wish)
        card = self.page("web/board_cards.html", wish=wish, column=column, **about) if column is not None else ""
        heads = {each.key: self.page("web/board_head.html", column=each, board=board) for each in columns}
        return self.moved(text, home, undo=undo, column=key, card=card, heads=heads)

    # --- a verb's address -----------------------------------------------------------------------------------------

    @expose("/<int:pk>/<string:verb>", methods=["GET"])
    @has_access
    @permission_name("see")
    def acted(self, pk: int, verb: str) -> Any:
        """Show the card at a verb's address with the verb's dialog open: the address itself is no act."""
        chosen = next((each for each in self.verbs if each.name == verb and dialog.asks(each)), None)
        if chosen is None or not self.may(verb):
            return self.show(str(pk))
        record = self._found(str(pk))
        if not chosen.when(record):
            return self.show(str(pk))
        return self._card(record, {verb: dialog.open_dialog(chosen, record, self.label_columns)})


__all__ = ["Board", "BoardFace", "Column", "Way", "key_of"]
