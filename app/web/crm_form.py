"""`CrmForm`: the base of every form, with the rules of what it shows and needs, and refusals at their fields."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from flask_appbuilder.forms import DynamicForm
from flask_babel import get_translations
from wtforms import HiddenField, SelectField, StringField, TextAreaField

from app.db import db
from app.i18n import gettext
from app.roles import CHANGE
from app.services import field_right
from app.web import form_rules
from app.web.form_rules import text_of


class Translations:
    """WTForms' own texts from our catalogues: it ships no Armenian."""

    def gettext(self, string: str) -> str:
        return gettext(string)

    def ngettext(self, singular: str, plural: str, n: int) -> str:
        return str(get_translations().ungettext(singular, plural, n))  # WTForms fills in the values itself


class CrmForm(DynamicForm):
    """The base of every form: our translations, errors that belong to no field, the version it was opened with.

    `rules` say which fields are shown and needed as things stand; see app/web/form_rules.py.
    """

    rules: ClassVar[Sequence[form_rules.Rule]] = ()
    entity: ClassVar[Any] = None  # what its records are; fields that the reader may not change are left out
    stored: Any = None  # the record that the form was opened for
    _fields: Any

    class Meta(DynamicForm.Meta):
        """Our own translations."""

        def get_translations(self, form: Any) -> Translations:  # noqa: ARG002
            return Translations()

    record_version = HiddenField()

    @classmethod
    def refresh(cls, obj: Any = None) -> "CrmForm":
        """Build the form for a request."""
        return cls(obj=obj)

    def process(self, formdata: Any = None, obj: Any = None, *args: Any, **kwargs: Any) -> None:
        """Take the values, and note the record that they are of."""
        self.stored = obj
        if self.entity is not None:
            for name in field_right.hidden(db.session(), self.entity, CHANGE) & self._fields.keys():
                del self[name]
        super().process(formdata, obj, *args, **kwargs)
        self.look()

    def look(self) -> None:
        """Give every field what the rules say of it now: `off`, `asked`, and on what it depends (`by`)."""
        off, needed, by = (
            self.out_of_sight(),
            form_rules.needed(self.rules, self.read),
            form_rules.chosen_by(self.rules),
        )
        for name, field in self._fields.items():
            field.off, field.asked, field.by = name in off, name in needed and name not in off, by.get(name, "")

    def out_of_sight(self) -> set[str]:
        """Return the fields that the rules hide now; what a record holds already is never hidden."""
        return {name for name in form_rules.off(self.rules, self.read) if self._may_hide(name)}

    def _may_hide(self, name: str) -> bool:
        return self.stored is None or form_rules.is_empty(getattr(self.stored, name, None))

    def read(self, path: str) -> str:
        """Return what stands in a field as the rules compare it: "person", "7"; of a link also a fact of it."""
        name, _dot, fact = path.partition(".")
        value = self._fields[name].data if name in self._fields else getattr(self.stored, name, None)
        return text_of(getattr(value, fact, None) if fact else value)

    def validate(self, extra_validators: Any = None) -> bool:
        """Judge what is in sight, and ask for what the rules need."""
        every, hidden = self._fields, self.out_of_sight()
        self._fields = type(every)((name, field) for name, field in every.items() if name not in hidden)
        try:
            valid = super().validate(extra_validators)
        finally:
            self._fields = every
        return self._has_needed(hidden) and self._fits_choices() and valid

    def _has_needed(self, hidden: set[str]) -> bool:
        empty = [
            field
            for name in sorted(form_rules.needed(self.rules, self.read) - hidden)
            if (field := self._fields.get(name)) is not None and not self.read(name).strip() and not field.errors
        ]
        for field in empty:
            field.errors = [field.gettext("This field is required.")]
        return not empty

    def _fits_choices(self) -> bool:
        """Say whether what was chosen belongs to what it depends on."""
        strange = [
            field
            for name, by in form_rules.chosen_by(self.rules).items()
            if (field := self._fields.get(name)) is not None
            and field.data is not None
            and self.read(by)
            and self.read(f"{name}.{by}_id") != self.read(by)
        ]
        for field in strange:
            field.errors = [*field.errors, gettext("Not a valid choice.")]
        return not strange

    def refuse(self, errors: dict[str, list[str]]) -> None:
        """Put refusals at their fields; what belongs to no field of this form goes to the top."""
        for name, texts in errors.items():
            field = self._fields.get(name) or self._fields.get(name.removesuffix("_id"))
            inner = getattr(field, "refuse", None) if field is not None else self._lines_of(name)
            if inner is not None:
                inner(name, texts)
            elif field is not None and not isinstance(field, HiddenField):
                field.errors = [*field.errors, *texts]
            else:
                self.form_errors: list[str] = [*self.form_errors, *texts]

    def _lines_of(self, name: str) -> Any:
        field = self._fields.get(name.partition("-")[0])
        return getattr(field, "refuse", None)


def fill(form: Any, record: Any, columns: Iterable[str]) -> None:
    """Put the form's values of these columns into the record; an emptied text becomes None where it may.

    What the form's rules put out of sight stays as it stands in the record.
    """
    hidden = form.out_of_sight() if isinstance(form, CrmForm) else frozenset()
    for name in columns:
        if name in hidden:
            continue
        field = form._fields[name]
        if isinstance(field, StringField | TextAreaField) and not isinstance(field, SelectField):
            text = (field.data or "").replace("\r\n", "\n")
            column = record.__table__.c.get(name)
            setattr(record, name, text if text.strip() or (column is not None and not column.nullable) else None)
        else:
            field.populate_obj(record, name)
