"""`Copies`: a new form that begins with what another record says, but for what makes that one itself."""

from typing import Any, ClassVar

import sqlalchemy as sa
from flask import request
from sqlalchemy import inspect
from sqlalchemy.schema import UniqueConstraint

from app.web import audited
from app.web.crm_form import CrmForm

NUMBERS = frozenset({"number", "reference", "external_id"})  # they name one record, whether the table says so or not


class Copies:
    """Copies of records by the form; see the module's text."""

    route_base: Any
    datamodel: Any
    add_columns: ClassVar[Any]
    verbs: ClassVar[Any]
    exclude_route_methods: ClassVar[Any]

    def copy_url(self, record: Any) -> str:
        """Return where a copy of a record begins, "" where there is none or a verb does it better."""
        has_verb = any(verb.name == "copy" for verb in self.verbs)
        may = "add" not in self.exclude_route_methods and self.may("add")  # type: ignore[attr-defined]
        return f"{self.route_base}/add?copy={record.id}" if may and not has_verb else ""

    def take_over(self, form: CrmForm) -> None:
        """Fill a new form from the record that the address names with `copy`, as far as the reader sees it."""
        key = request.args.get("copy", "")
        source = self.datamodel.one(key, self._base_filters) if key.isdecimal() else None  # type: ignore[attr-defined]
        if source is None:
            return
        audited.opened(self, source)
        fresh = {name: form[name].data for name in self.own_names() if name in form}
        form.process(formdata=None, obj=source)
        for name, value in fresh.items():
            form[name].data = value
        for field in form:
            for entry in getattr(field, "entries", []):
                entry.form.id.data = ""

    def own_names(self) -> set[str]:
        """Return the fields that a copy does not take over: unique ones, numbers, and the days of a document."""
        table = self.datamodel.obj.__table__
        alone = {column.name for column in table.c if column.unique}
        alone |= {c.name for one in table.constraints if isinstance(one, UniqueConstraint) for c in one.columns}
        alone |= {c.name for index in table.indexes if index.unique for c in index.columns}
        days = {c.name for c in table.c if c.name.endswith("_on") and isinstance(c.type, sa.Date)}
        relations = inspect(self.datamodel.obj).relationships
        links = {one.key for one in relations if {column.name for column in one.local_columns} & (alone - {"id"})}
        return {name for name in {*alone, *days, *links, *NUMBERS} if name in self.add_columns}
