"""Lines: the rows that belong to a record (contacts, addresses, order lines), edited in the record's own form.

A view declares `lines = {"contacts": ("name", "role", "phone")}` and names "contacts" among its columns. A row is
matched to the standing ones by its hidden id within this record only: an id of another record's row makes a new row.
Rows left blank are dropped, rows taken out of the form are deleted, and the order of the form is the order that is
kept. A cell that names a record or a code of a list is a text with a hidden key beside it (app/web/line_cells.py).
"""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from sqlalchemy import inspect
from wtforms import BooleanField, FieldList, Form, FormField, HiddenField, SelectField
from wtforms.utils import unset_value

from app.i18n import gettext as _
from app.web import line_cells as cells
from app.web.crm_form import CrmForm, Translations, fill
from app.web.form_converter import FormConverter
from app.web.labels import LABELS, OF_ROWS
from app.web.line_cells import CellLink
from app.web.records import Records
from app.web.request_cache import request_cache

MOST = 500
ADD = "add_line"  # the button that asks for one more row without a script: its value names the rows
GONE = "gone"  # the tick that takes a row out without a script


class LineForm(Form):
    """The base of one row's form: no form token of its own, our translations.

    `unknown` are the cells whose text means nothing: name → (text, refusal).
    """

    class Meta:
        """Our own translations."""

        def get_translations(self, form: Any) -> Translations:  # noqa: ARG002
            """Return WTForms' texts from our catalogues."""
            return Translations()

    id = HiddenField()
    unknown: Mapping[str, tuple[str, str]] = {}

    @property
    def is_blank(self) -> bool:
        """Say whether nothing was typed into the row: choices and ticks alone make no row."""
        typed = [
            field
            for name, field in self._fields.items()
            if name != "id" and not isinstance(field, SelectField | BooleanField)
        ]
        named = any(field.raw_data and str(field.raw_data[0]).strip() for field in typed)
        return not self.id.data and not self.unknown and not named

    def refuse_unknown(self) -> bool:
        """Say at each cell that means nothing why; False when there is one."""
        for name, (_text, refusal) in self.unknown.items():
            self[name].errors = [refusal]
        return not self.unknown


class LineConverter(FormConverter):
    """Makes links that find the records of all rows together."""

    def _field(self, name: str, about: dict[str, Any]) -> Any:
        made = super()._field(name, about)
        if made.field_class.__name__ == "LinkField":
            return CellLink(*made.args, **made.kwargs)
        return made


class LinesField(FieldList):
    """The rows of one to-many relationship."""

    row_kind = ""  # what app/static/js looks for: "document" rows have a price

    def __init__(self, label: Any = None, entity: Any = None, columns: Iterable[str] = (), **options: Any) -> None:
        self.entity = entity
        self.columns = tuple(columns)
        self.too_many = False
        form = options.pop("form", None) or line_form(entity, self.columns)
        self.row_form = form
        super().__init__(FormField(form), label, max_entries=MOST, **options)

    @property
    def is_ordered(self) -> bool:
        """Say whether the order of the rows is kept."""
        return self.entity is None or "position" in self.entity.__table__.c

    @property
    def most(self) -> int:
        """Return how many rows are possible."""
        return MOST

    @property
    def is_first_here(self) -> bool:
        """Say whether no other rows of this page have asked: what all share is written once."""
        kept = request_cache("_lines_page")
        return kept.setdefault("first", self) is self

    def process(self, formdata: Any, data: Any = unset_value, extra_filters: Any = None) -> None:
        """Take the rows of the record, or those of the sent form."""
        rows = data if isinstance(data, list) else []
        cells.preload(rows, self.columns)
        self.process_rows(formdata, [as_data(row, self.columns) for row in rows], extra_filters)

    def process_rows(self, formdata: Any, rows: list[dict[str, Any]], extra_filters: Any = None) -> None:
        """Build the entries from plain rows, or from the sent form in its order."""
        self.too_many = False
        if not formdata:
            super().process(formdata, rows, extra_filters)
            return
        sent = self._sent(formdata)
        self.too_many = len(sent) > MOST
        unknown = cells.settle(sent, self.row_form, rows)
        standing = {row["id"]: row for row in rows if row["id"]}
        super().process(
            cells.as_form(self.name, sent), [standing.get(row.get("id", ""), {}) for row in sent], extra_filters
        )
        for entry, found in zip(self.entries, unknown, strict=False):
            entry.form.unknown = found
        if formdata.get(ADD) == self.name and len(self.entries) < MOST:
            self._add_entry(None)

    def _sent(self, formdata: Any) -> list[dict[str, str]]:
        """Return the rows of a sent form by the names of their cells, in the order of the form."""
        found: dict[str, dict[str, str]] = {}
        start = f"{self.name}-"
        for key, value in formdata.items(multi=True):
            if key.startswith(start):
                number, dash, cell = key.removeprefix(start).partition("-")
                if dash and number.isdecimal():
                    found.setdefault(number, {}).setdefault(cell, value)
        return [row for row in found.values() if GONE not in row]

    @property
    def filled(self) -> list[Any]:
        """Return the entries that are not blank, in the order of the form."""
        return [entry for entry in self.entries if not entry.form.is_blank]

    def validate(self, form: Any, extra_validators: Any = ()) -> bool:  # noqa: ARG002 -- rows judge themselves
        """Check the rows that are not blank."""
        self.errors = []
        if self.too_many:
            self.errors = [_("At most %(most)s lines are possible", most=MOST)]
            return False
        results = [entry.form.validate() & entry.form.refuse_unknown() for entry in self.filled]
        if not all(results):
            self.errors = [_("Please look at the marked rows.")]
        return all(results)

    def populate_obj(self, obj: Any, name: str) -> None:
        """Make the record's rows equal to the form's."""
        standing = {str(row.id): row for row in getattr(obj, name)}
        rows = []
        for position, entry in enumerate(self.filled, 1):
            row = standing.pop(entry.form.id.data or "", None) or self.entity()
            fill(entry.form, row, self.columns)
            if "position" in self.entity.__table__.c:
                row.position = position
            rows.append(row)
        setattr(obj, name, rows)

    def refuse(self, name: str, texts: list[str]) -> None:
        """Put a refusal such as "contacts-0-email" at its row's field."""
        parts = name.split("-")
        rows = self.filled
        if len(parts) == len(("lines", "0", "quantity")) and parts[1].isdecimal() and int(parts[1]) < len(rows):
            field = rows[int(parts[1])].form._fields.get(parts[2].removesuffix("_id"))
            if field is not None:
                field.errors = [*field.errors, *texts]
                self.errors = [_("Please look at the marked rows.")]
                return
        self.errors = [*self.errors, *texts]

    def blank(self) -> Any:
        """Return an unbound row for the template that the script clones."""
        return self.row_form(prefix=f"{self.name}-__n__-")

    def about(self, blank: Any) -> list[tuple[str, str, str, str]]:
        """Return name, label, kind and short list of each column, asked once for all rows."""
        return [
            (name, str(blank[name].label.text), cells.kind_of(blank[name]), cells.list_of(blank[name]))
            for name in self.columns
        ]

    stem_of = staticmethod(cells.stem_of_cell)
    decimal_marks = staticmethod(cells.decimal_marks)
    key_of = staticmethod(cells.key_of)
    text_of = staticmethod(cells.text_of)

    def lists(self) -> list[tuple[str, list[tuple[Any, str, tuple[str, ...], str]]]]:
        """Return the short lists that the cells choose from and that stand nowhere on the page yet."""
        return cells.lists(self.blank())


def asks_for_row(typed: Any) -> bool:
    """Say whether a form was sent only to get one more row."""
    return bool(typed.get(ADD))


def as_data(row: Any, columns: Iterable[str]) -> dict[str, Any]:
    """Return a row's values as a form takes them."""
    return {name: getattr(row, name) for name in columns} | {"id": str(row.id or "")}


def line_form(entity: Any, columns: Iterable[str]) -> type[LineForm]:
    """Return a form class for one row of an entity."""
    converter = LineConverter(Records(entity, search=None))
    labels = LABELS | OF_ROWS.get(entity.__tablename__, {})
    return cast("type[LineForm]", converter.create_form(labels, list(columns), base=LineForm))


def lines_fields(entity: Any, declared: Mapping[str, tuple[str, ...]], labels: dict[str, Any]) -> dict[str, LinesField]:
    """Return a lines field for each declared relationship of an entity."""
    relations = inspect(entity).relationships
    return {
        name: LinesField(labels.get(name, name), entity=relations[name].mapper.class_, columns=columns)
        for name, columns in declared.items()
    }


__all__ = ["CrmForm", "LineForm", "LinesField", "lines_fields"]
