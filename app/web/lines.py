"""Lines: the rows that belong to a record (contacts, addresses, order lines), edited in the record's own form.

A view declares `lines = {"contacts": ("name", "role", "phone")}` and names "contacts" among its columns. A row is
matched to the standing ones by its hidden id within this record only: an id of another record's row makes a new row.
Rows left blank are dropped, rows taken out of the form are deleted.
"""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from sqlalchemy import inspect
from wtforms import BooleanField, FieldList, Form, FormField, HiddenField, SelectField
from wtforms.utils import unset_value

from app.i18n import gettext as _
from app.web.fields import CrmForm, FormConverter, Translations, fill
from app.web.labels import LABELS
from app.web.records import Records

MOST = 500


class LineForm(Form):
    """The base of one row's form: no form token of its own, our translations."""

    class Meta:
        """Our own translations."""

        def get_translations(self, form: Any) -> Translations:  # noqa: ARG002
            """Return WTForms' texts from our catalogues."""
            return Translations()

    id = HiddenField()

    @property
    def is_blank(self) -> bool:
        """Say whether nothing was typed into the row: choices and ticks alone make no row."""
        typed = [
            field
            for name, field in self._fields.items()
            if name != "id" and not isinstance(field, SelectField | BooleanField)
        ]
        return not self.id.data and not any(field.raw_data and str(field.raw_data[0]).strip() for field in typed)


class LinesField(FieldList):
    """The rows of one to-many relationship."""

    def __init__(self, label: Any = None, entity: Any = None, columns: Iterable[str] = (), **options: Any) -> None:
        self.entity = entity
        self.columns = tuple(columns)
        form = options.pop("form", None) or line_form(entity, self.columns)
        self.row_form = form
        super().__init__(FormField(form), label, max_entries=MOST, **options)

    def process(self, formdata: Any, data: Any = unset_value, extra_filters: Any = None) -> None:
        """Take the rows of the record, or those of the sent form."""
        rows = data if isinstance(data, list) else []
        self.process_rows(formdata, [as_data(row, self.columns) for row in rows], extra_filters)

    def process_rows(self, formdata: Any, rows: list[dict[str, Any]], extra_filters: Any = None) -> None:
        """Build the entries from plain rows, or from the sent form."""
        super().process(formdata, rows, extra_filters)

    @property
    def filled(self) -> list[Any]:
        """Return the entries that are not blank, in the order of the form."""
        return [entry for entry in self.entries if not entry.form.is_blank]

    def validate(self, form: Any, extra_validators: Any = ()) -> bool:  # noqa: ARG002 -- rows judge themselves
        """Check the rows that are not blank."""
        self.errors = []
        results = [entry.form.validate() for entry in self.filled]
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


def as_data(row: Any, columns: Iterable[str]) -> dict[str, Any]:
    """Return a row's values as a form takes them."""
    return {name: getattr(row, name) for name in columns} | {"id": str(row.id or "")}


def line_form(entity: Any, columns: Iterable[str]) -> type[LineForm]:
    """Return a form class for one row of an entity."""
    converter = FormConverter(Records(entity, search=None))
    return cast("type[LineForm]", converter.create_form(LABELS, list(columns), base=LineForm))


def lines_fields(entity: Any, declared: Mapping[str, tuple[str, ...]], labels: dict[str, Any]) -> dict[str, LinesField]:
    """Return a lines field for each declared relationship of an entity."""
    relations = inspect(entity).relationships
    return {
        name: LinesField(labels.get(name, name), entity=relations[name].mapper.class_, columns=columns)
        for name, columns in declared.items()
    }


__all__ = ["CrmForm", "LineForm", "LinesField", "lines_fields"]
