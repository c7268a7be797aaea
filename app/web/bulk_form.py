"""The fields of a bulk edit: for each one whether it stays, is set or is cleared, and what it is set to.

Shape: `how.<name>` is "" (stays), "set", "clear", or for a yes-or-no "yes" or "no"; `<name>` is the value as the
record's own form takes it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from sqlalchemy import inspect
from wtforms import BooleanField

from app.i18n import gettext as _
from app.services.history import plain
from app.web.crm_form import CrmForm, fill

KEEP, SET, CLEAR, YES, NO = "", "set", "clear", "yes", "no"


@dataclass(frozen=True)
class BulkField:
    """One field on the page: its name, what is done to it, the column that keeps it, and its input."""

    name: str
    how: str
    column: Any
    form: CrmForm

    @property
    def input(self) -> Any:
        """Return the field itself."""
        return self.form[self.name]

    @property
    def is_flag(self) -> bool:
        """Say whether it is a yes or no."""
        return isinstance(self.input, BooleanField)

    @property
    def choices(self) -> list[tuple[str, str]]:
        """Return what may be done to it, with words."""
        if self.is_flag:
            return [(KEEP, _("Leave as it is")), (YES, _("Set to yes")), (NO, _("Set to no"))]
        clear = [(CLEAR, _("Clear"))] if self.column.nullable else []
        return [(KEEP, _("Leave as it is")), (SET, _("Set to")), *clear]

    @property
    def is_chosen(self) -> bool:
        """Say whether it is changed."""
        return self.how in {value for value, _text in self.choices} - {KEEP}

    def is_valid(self) -> bool:
        """Judge the value by the rules of its field; an empty one is cleared on purpose only."""
        if self.how != SET:
            return True
        if not self.form.validate():
            return False
        if self.input.data is None or not str(self.input.data).strip():
            text = _("Give a value, or choose “Clear”") if self.column.nullable else _("This field is required")
            self.input.errors = [text]
            return False
        return True

    def value(self) -> Any:
        """Return the new value as history keeps it."""
        if self.how in {YES, NO}:
            return self.how == YES
        if self.how == CLEAR:
            return None
        holder = SimpleNamespace(__table__=self.column.table)
        fill(self.form, holder, [self.name])
        found = getattr(holder, self.name)
        return found.id if self.column.key != self.name else plain(found)


def fields_of(view: Any, posted: Mapping[str, str] | None = None) -> list[BulkField]:
    """Return the fields that a view's list may edit, as they were posted."""
    names = view.inline_names()
    return [_field(view, name, posted or {}) for name in view.edit_columns if name in names]


def _field(view: Any, name: str, posted: Mapping[str, str]) -> BulkField:
    how = posted.get(f"how.{name}", KEEP)
    kind = view.form_of_cell(name)
    form = kind() if how == SET else kind(formdata=None)
    mapper = inspect(view.datamodel.obj)
    relation = mapper.relationships.get(name)
    column = mapper.columns[name] if relation is None else next(iter(relation.local_columns))
    return BulkField(name, how, column, form)


def given_by(fields: Iterable[BulkField]) -> dict[str, Any]:
    """Return the new values by column."""
    return {field.column.key: field.value() for field in fields if field.is_chosen}
