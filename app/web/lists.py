"""`ListView`: the list of an entity: search, filters, order, columns, pages by key, saved views.

What the reader asks for stands in the address (see `listing`); what may be asked for is declared by the view.
"""

from builtins import list as many
from collections.abc import Sequence
from typing import Any, ClassVar

import sqlalchemy as sa
from flask import make_response, request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access
from flask_babel import get_locale
from markupsafe import Markup, escape
from sqlalchemy import inspect
from sqlalchemy.orm import MANYTOONE, selectinload

from app.columns import Exact, Instant
from app.db import db
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.services import access
from app.services.comparison import FROM_TODAY
from app.services.named_days import PERIODS
from app.web import guarded, listing, settings
from app.web.card import CardView
from app.web.fields import choices_of
from app.web.filters import GIVEN, IDLE, MINE, TAGS, Wanted, beside, column_of, operators_of
from app.web.filters import conditions as conditions_of
from app.web.keyset import Page
from app.web.labels import LABELS
from app.web.lookup import entity_of, stem_of
from app.web.records import COUNT_CAP
from app.web.special_filters import special_of
from app.web.standard import standard_options

_FROM_TODAY = {
    "last": _l("within the last (days)"),
    "over": _l("longer ago than (days)"),
    "next": _l("within the next (days)"),
}
SIGNS = {"ge": "≥", "le": "≤", "gt": ">", "lt": "<", "neq": "≠"}


def chosen_of(options: str, chosen: str) -> Markup:
    """Return options with one of them selected."""
    mark = f'<option value="{escape(chosen)}"'
    return Markup(options.replace(mark, f"{mark} selected", 1) if chosen else options)  # noqa: S704 -- both are escaped


class ListView(CardView):
    """List of an entity; see the module's text."""

    list_title: Any = ""
    list_template = "web/list.html"
    list_top: ClassVar[str] = ""  # a template of what stands above the list, on every face
    hint: Any = ""  # what an empty list says
    other_columns: ClassVar[Sequence[str] | None] = None  # what a reader may add; default: the card's own columns

    @expose("/list/")
    @has_access
    def list(self) -> Any:
        """Show one page of the records that match."""
        wish = self.asked()
        selection = self.selection(wish)
        count = self.datamodel.count(selection)
        found = self.datamodel.page(
            selection,
            options=self._loaders(wish.columns),
            sorts=wish.sorts,
            page_size=self._size_of_page(wish, count),
            after=wish.after,
            before=wish.before,
            from_end=wish.is_last,
            page=wish.page,
        )
        answer = make_response(self._list_page(wish, found, count))
        if request.headers.get("HX-Target") == "list":
            place = {"page": wish.page, "after": wish.after, "before": wish.before, "is_last": wish.is_last}
            answer.headers["HX-Push-Url"] = wish.address(f"{self.route_base}/list/", **place)
        return answer

    def _list_page(self, wish: listing.Asked, found: Page, count: int, **about: Any) -> str:
        return self.page(
            about.pop("template", self.list_template),
            title=self.list_title,
            rows=found.rows,
            found=found,
            at=self._page_at(wish, count),
            count=count,
            cap=COUNT_CAP,
            wish=wish,
            sizes=listing.PAGE_SIZES,
            filters=[self._filter_field(name, wish) for name in self.filter_columns],
            filter_name=listing.name_of,
            in_panel=self._panel_filters(wish).__contains__,
            choices=self.column_choices(),
            kinds={name: self.kind_of(name) for name in wish.columns},
            names={name: self.label(name) for name in wish.columns},
            bulk=self.acts_on_many(),
            trail=self.trail(wish),
            partial=request.headers.get("HX-Target") == "list",
            **about,
        )

    def asked(self) -> listing.Asked:
        """Return what the address asks for."""
        return listing.asked(
            self.datamodel.obj,
            search_columns=self.filter_columns,
            order_columns=self.order_columns,
            list_columns=self.list_columns,
            other_columns=self.column_choices(),
            base_order=self.base_order,
            page_size=settings.page_size(self.page_size),
        )

    @property
    def filter_columns(self) -> Sequence[str]:
        """Return what one filters by: the declared columns, and tags where records take them."""
        return [*self.search_columns, TAGS] if self.has_tags else self.search_columns

    def selection(self, wish: listing.Asked) -> Any:
        """Return the query of all records that the reader asked for."""
        where = conditions_of(self.datamodel.obj, wish.filters, self.filter_columns)
        return self.datamodel.selection(where=where, text=wish.text, filters=self._base_filters)

    # --- pages ----------------------------------------------------------------------------------------------------

    @staticmethod
    def _size_of_page(wish: listing.Asked, count: int) -> int:
        """Return how many rows to show: the last page of a counted list has what is left over."""
        return (count - 1) % wish.page_size + 1 if wish.is_last and 0 < count <= COUNT_CAP else wish.page_size

    @staticmethod
    def _page_at(wish: listing.Asked, count: int) -> int | None:
        """Return the number of the page for the reader, None where nobody knows it."""
        if not wish.is_last:
            return wish.page
        return max(count - 1, 0) // wish.page_size if count <= COUNT_CAP else None

    # --- columns --------------------------------------------------------------------------------------------------

    def column_choices(self) -> Sequence[str]:
        """Return the columns that a reader may show: the list's own, then those of the card."""
        kept: many[str] | None = getattr(self, "_column_choices", None)
        if kept is None:
            every = type(self)  # whole; what is kept is cut to each reader below
            others = [*(every.show_columns if every.other_columns is None else every.other_columns), TAGS]
            kept = [name for name in dict.fromkeys([*every.list_columns, *others]) if self._is_cheap(name)]
            self._column_choices = kept
        return guarded.open_to(self.datamodel.obj, kept)

    def _is_cheap(self, name: str) -> bool:
        """Say whether a column can be read for a whole page at once: of the table, or one record that it names."""
        if name in type(self).list_columns:
            return True
        if name == TAGS:
            return self.has_tags
        mapper = inspect(self.datamodel.obj)
        relation = mapper.relationships.get(name)
        is_one = relation is not None and relation.direction is MANYTOONE
        return name in mapper.columns or name in beside(self.datamodel.obj) or is_one

    def _loaders(self, names: Sequence[str]) -> many[Any]:
        """Return the loader options of linked records that are shown and not loaded anyway."""
        relations = inspect(self.datamodel.obj).relationships
        extra = [name for name in names if name in relations and name not in self.list_columns]
        return [selectinload(getattr(self.datamodel.obj, name)) for name in extra]

    def kind_of(self, name: str) -> str:
        """Return a word for a column's type, which lists align and filters choose inputs by."""
        is_beside = name in beside(self.datamodel.obj)
        column = column_of(self.datamodel.obj, name) if is_beside else self.datamodel.obj.__table__.c.get(name)
        kind = None if column is None else column.type
        if isinstance(kind, Exact):
            return "number"
        if isinstance(kind, sa.Integer) and not column.foreign_keys:
            return "number"
        return "date" if isinstance(kind, sa.Date | Instant) else "text"

    def label(self, name: str) -> str:
        """Return a column's label."""
        return str(self.label_columns.get(name, LABELS.get(name, name)))

    # --- filters --------------------------------------------------------------------------------------------------

    def _filter_field(self, name: str, wish: listing.Asked) -> dict[str, Any]:
        """Return what the filter panel needs of one column: its label, how it is chosen, and what is set now."""
        column = column_of(self.datamodel.obj, name)
        operators = operators_of(column)
        standing = {one.operator: str(one.value) for one in self._panel_filters(wish) if one.column == name}
        about: dict[str, Any] = {"name": name, "label": self.label(name), "kind": self.kind_of(name), "set": standing}
        about |= {"options": self._options(column, standing), "lookup": None, "mine": "", "text": "", "periods": None}
        about["range"] = "ge" in operators
        about["operators"] = [] if about["range"] else [each for each in ("ct", "eq", "neq", "sw") if each in operators]
        about["may_be_empty"] = "empty" in operators and bool(column.nullable)
        about["may_be_idle"] = IDLE in operators
        if about["kind"] == "date":
            about["periods"] = [(key, text) for key, (text, _span) in PERIODS.items()]
        if entity := self._linked_by(name, column):
            about["lookup"] = stem_of(entity)
            about["mine"] = {"user": _("Me"), "team": _("My team")}.get(about["lookup"], "")
            about["text"] = self._name_of(name, standing.get("eq") or standing.get("neq") or "")
        return about

    def _linked_by(self, name: str, column: Any) -> Any:
        """Return the entity whose records a filter's value names, None where it names none."""
        if name in beside(self.datamodel.obj):
            return next((entity_of(key.column.table.name) for key in column.foreign_keys), None)
        linked = column.foreign_keys and name in self.datamodel.list_properties
        return self.datamodel.get_related_model(name) if linked else None

    @staticmethod
    def _options(column: Any, standing: dict[str, str]) -> Markup | None:
        """Return what a column's value is chosen from, with the one that is set now; None when it is typed."""
        chosen = standing.get("eq") or standing.get("neq") or ""
        standard = column.info.get("of")
        if standard:
            return chosen_of(standard_options(standard, str(get_locale())), chosen)
        offered = choices_of(column)
        if offered is None:
            return None
        option = Markup('<option value="{}">{}</option>')
        return chosen_of(Markup("").join(option.format(*each) for each in offered), chosen)

    def _panel_filters(self, wish: listing.Asked) -> many[Wanted]:
        """Return the filters that the panel shows in its inputs; it has one place for each."""
        places: dict[tuple[str, str], Wanted] = {}
        for one in wish.filters:
            column = column_of(self.datamodel.obj, one.column)
            if one.operator in special_of(column):
                continue  # it has no input of its own, and is carried on as it is
            ranged = "ge" in operators_of(column)
            is_period = self.kind_of(one.column) == "date" and one.operator == "eq" and str(one.value) in PERIODS
            if one.group == 0 and (not ranged or one.operator in {"ge", "le"} or is_period):
                places.setdefault((one.column, one.operator if ranged else ""), one)
        return [*places.values()]

    def _name_of(self, name: str, value: str) -> str:
        """Return what a filter's linked record is called, as far as the reader may see it."""
        if value == MINE:
            return _("My team") if stem_of(self.datamodel.get_related_model(name)) == "team" else _("Me")
        entity = self._linked_by(name, column_of(self.datamodel.obj, name))
        chosen = access.get(db.session(), entity, int(value)) if value.isdecimal() else None
        return str(chosen) if chosen is not None else ""

    def told(self, one: Wanted) -> str:
        """Return a filter in words: "Country: Armenia", "Due date ≤ 31 Mar 2026"."""
        label, value = self.label(one.column), str(one.value)
        column = column_of(self.datamodel.obj, one.column)
        if one.operator == "empty":
            return f"{label}: {_('empty') if value in {'1', 'true'} else _('not empty')}"
        if (special := special_of(column).get(one.operator)) is not None:
            return str(special.yes if value in {"1", "true"} else special.no)
        if one.operator == IDLE:
            return _("Nobody is working on it") if value in {"1", "true"} else _("Somebody is working on it")
        if one.operator == GIVEN:
            return _("Handed over (%(number)s)", number=value)
        if one.operator in FROM_TODAY:
            return f"{label} {_FROM_TODAY[one.operator]} {value}"
        return f"{label}{self._sign(one.operator)} {self._told_value(one.column, column, value)}"

    @staticmethod
    def _sign(operator: str) -> str:
        words = {"sw": _("starts with")}
        sign = SIGNS.get(operator) or words.get(operator)
        return f" {sign}" if sign else ":"

    def _told_value(self, name: str, column: Any, value: str) -> str:
        if self.kind_of(name) == "date" and value in PERIODS:
            return str(PERIODS[value][0])
        options = choices_of(column)
        if options is not None:
            names = dict(options)
            return ", ".join(str(names.get(each, each)) for each in ([value] if value in names else value.split(",")))
        if self._linked_by(name, column):
            return self._name_of(name, value) or value
        return value
