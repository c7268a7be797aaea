"""`FaceView`: what every other face of a list shares: the address keeps the list's query, the page keeps its frame.

A face shows the records that the list would show, through the same row rule; its address says the rest: `by` what a
board's columns are, `start` which days a calendar shows, `span` and `on` how much of it and where.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, ClassVar
from urllib.parse import urlencode

import sqlalchemy as sa
from flask import Response, jsonify, make_response, redirect, request
from sqlalchemy import inspect
from sqlalchemy.orm import MANYTOONE, selectinload
from werkzeug.datastructures import MultiDict

from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.base import Owned
from app.roles import CHANGE
from app.web import cells, toast
from app.web.charts import Charts
from app.web.keyset import Page
from app.web.totals import Grouped
from app.web.ways import onward

PLACE = ("by", "start", "span", "on")
SPANS = ("month", "week", "day")
FACES = {  # name → text, icon, and where it stands under the list's address
    "list": (_l("List"), "list", "list/"),
    "board": (_l("Board"), "kanban", "board"),
    "calendar": (_l("Calendar"), "calendar-days", "calendar"),
    "chart": (_l("Chart"), "chart-column", "chart"),
    "gallery": (_l("Gallery"), "layout-grid", "gallery"),
}
_DAY = re.compile(r"(19|2[01])\d\d-\d\d-\d\d")


@dataclass(frozen=True)
class Faced(Grouped):
    """A list's wishes with where one is on its other faces; a saved view keeps the former only."""

    by: str = ""
    start: str = ""
    span: str = ""
    on: str = ""

    def address(self, path: str, **changes: Any) -> str:
        """Return the address of a face with some wishes changed."""
        place = {name: changes.pop(name, getattr(self, name)) for name in PLACE}
        address = super().address(path, **changes)
        told = urlencode({name: value for name, value in place.items() if value})
        return f"{address}{'&' if '?' in address else '?'}{told}" if told else address

    def place(self) -> list[tuple[str, str]]:
        """Return where one is, for forms that carry it on."""
        return [(name, getattr(self, name)) for name in PLACE if getattr(self, name)]


@dataclass(frozen=True)
class Face:
    """One entry of the switch."""

    name: str
    label: str
    icon: str
    url: str
    here: bool


class FaceView(Charts):
    """What the faces of a list share; see the module's text."""

    boards: ClassVar[Sequence[Any]] = ()
    calendars: ClassVar[Sequence[Any]] = ()
    gallery: ClassVar[Sequence[str]] = ()

    def face_names(self) -> Sequence[str]:
        """Return the faces that the view declares."""
        declared = {"board": self.boards, "calendar": self.calendars, "chart": self.charts, "gallery": self.gallery}
        return ["list", *(name for name, what in declared.items() if what)]

    def faces(self, wish: Grouped) -> Sequence[Face]:
        """Return the switch: the same query on every face; nothing where there is but the list."""
        names = self.face_names()
        here = request.path.removeprefix(f"{self.route_base}/").partition("/")[0]
        return [
            Face(name, str(label), icon, wish.address(f"{self.route_base}/{path}"), name == here)
            for name, (label, icon, path) in FACES.items()
            if name in names and len(names) > 1
        ]

    def asked(self) -> Faced:
        """Return what the address asks for, with where one is."""
        wish = super().asked()
        known = {
            "by": {board.by for board in self.boards[1:]},
            "start": {calendar.start for calendar in self.calendars[1:]},
            "span": set(SPANS[1:]) if self.calendars else set(),
        }
        place = {name: value for name in known if (value := request.args.get(name, "")) in known[name]}
        if self.calendars and (on := day_of(request.args.get("on", ""))):
            place["on"] = str(on)
        given: dict[str, Any] = {each.name: getattr(wish, each.name) for each in fields(Grouped)}
        return Faced(**given | place)

    def face_page(self, face: str, wish: Faced, *, count: int, found: Page | None = None, **about: Any) -> Response:
        """Answer with a face in the list's frame, or with what is inside of it when a part was asked for."""
        page = self._list_page(wish, found or Page([]), count, template=f"web/{face}.html", face=face, **about)
        answer = make_response(page)
        if request.headers.get("HX-Target") == "list":
            place = {} if found is None else {"page": wish.page, "after": wish.after, "before": wish.before}
            answer.headers["HX-Push-Url"] = wish.address(f"{self.route_base}/{face}", **place)
        return answer

    def loaders_of(self, names: Sequence[str]) -> Sequence[Any]:
        """Return the loader options of what cards show: the view's own, linked records among the names, the owner."""
        entity = self.datamodel.obj
        relations = inspect(entity).relationships
        linked = {name for name in names if name in relations and relations[name].direction is MANYTOONE}
        if issubclass(entity, Owned):
            linked.add("owner")
        return [*self.datamodel.options, *(selectinload(getattr(entity, name)) for name in sorted(linked))]

    def heading_of(self, record: Any, names: Sequence[str]) -> str:
        """Return what a card is headed with: the first of these values that is there, else the record's own name."""
        found = next((str(value) for name in names if (value := getattr(record, name, None))), "")
        return found or str(record)

    def told_amount(self, record: Any, name: str) -> str:
        """Return an amount of a record with its currency."""
        value, column = getattr(record, name), record.__table__.c[name]
        if value is None:
            return ""
        currency = cells.currency_of(record, column)
        told = cells.amount_of(record, column, value)
        return f"{told} {currency}" if currency else told

    # --- answers to what was moved --------------------------------------------------------------------------------

    @staticmethod
    def by_script() -> bool:
        """Say whether our script asks, which reads refusals itself."""
        return bool(request.headers.get("X-Part"))

    def moved(self, text: str, otherwise: str, *, undo: toast.Undo | None = None, **about: Any) -> Any:
        """Answer that something was moved, with the way back where there is one."""
        if self.by_script():
            label, url, told = undo or ("", "", {})
            way = {"label": label, "url": url, "fields": told} if undo else None
            return jsonify(said=text, undo=way, **about)
        toast.say(text, undo=undo)
        return redirect(onward(request.form.get("back"), otherwise))

    def refused_move(self, text: str, otherwise: str) -> Any:
        """Answer that something stays where it is, and why."""
        if self.by_script():
            return jsonify(refused=text)
        toast.say(text, "danger")
        return redirect(onward(request.form.get("back"), otherwise))

    def change_value(self, record: Any, name: str, value: str) -> Any:
        """Store one value by the door of the list's cells: its field, its rules, the version that was read.

        Raises DomainError, Conflict, NotFound.
        """
        form = self._cell_form(name)(formdata=MultiDict({name: value}), obj=record)
        if not form.validate():
            raise DomainError(" ".join(str(text) for field in form for text in field.errors))
        asked = request.form.get("record_version", "")
        return self.datamodel.store(
            lambda kept: self.fill(form, kept, [name]),
            record.id,
            filters=self._base_filters,
            version=int(asked) if asked.isdecimal() else -1,
        )

    def may_change(self, record: Any, name: str) -> bool:
        """Say whether the reader may edit a column of a record in its state."""
        return name in self.cells_to_edit() and self.lets(CHANGE, record)


def overtaken() -> str:
    """Return what is said when somebody else was quicker."""
    return _("Somebody else has just changed this record. Look at it and try again.")


def day_of(text: str) -> date | None:
    """Return the day that an address names, None for anything else."""
    if not _DAY.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def attribute_condition(attribute: Any, value: Any) -> sa.ColumnElement[bool]:
    """Return the condition that an attribute has a value, the empty one included."""
    found: sa.ColumnElement[bool] = attribute.is_(None) if value is None else attribute == value
    return found
