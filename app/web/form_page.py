"""What a form's page says besides its fields: the rules for the browser, the errors with their places."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wtforms import FieldList, PasswordField

from app.web import form_rules
from app.web.crm_form import CrmForm
from app.web.form_rules import text_of
from app.web.link_field import LinkField, few_of, is_few


@dataclass(frozen=True)
class Wrong:
    """One error: the field's label, what is wrong, and the id of the input that it leads to."""

    label: str
    text: str
    place: str


def wrongs(form: CrmForm, order: list[str]) -> list[Wrong]:
    """Return every error of a form, in the order in which its fields stand on the page."""
    found = [Wrong("", str(text), "") for text in form.form_errors]
    for name in order:
        field = form._fields.get(name)
        if field is not None:
            found += _of_lines(field) if isinstance(field, FieldList) else _of(field)
    return found


def _of(field: Any, label: str = "") -> Iterator[Wrong]:
    for text in field.errors:
        yield Wrong(label or str(field.label.text), str(text), field.id)


def _of_lines(field: Any) -> list[Wrong]:
    """Return the errors of rows, each with the row's number; what belongs to no row leads to the rows."""
    found = [
        wrong
        for at, entry in enumerate(field.entries, 1)
        for one in entry.form
        for wrong in _of(one, f"{field.label.text} {at}: {one.label.text}")
    ]
    own = [Wrong(str(field.label.text), text, f"{field.id}-title") for text in field.errors if isinstance(text, str)]
    return found or own


def for_browser(form: CrmForm) -> dict[str, Any]:
    """Return the rules and what they need to know: values of fields that are not on the form, facts of links."""
    if not form.rules:
        return {}
    fixed, facts = {}, {}
    paths = form_rules.looked_at(form.rules)
    for path in sorted(paths):
        name, _dot, fact = path.partition(".")
        if name not in form._fields:
            fixed[path] = form.read(path)
        elif fact:
            facts[path] = _facts(form._fields[name], fact)
    for name, by in form_rules.chosen_by(form.rules).items():
        field = form._fields.get(name)
        if isinstance(field, LinkField) and is_few(field.entity):
            facts[f"{name}.{by}"] = _facts(field, f"{by}_id")
    standing = [
        name for rule in form.rules if isinstance(rule, form_rules.Show) for name in rule.fields if _stands(form, name)
    ]
    return {"rules": form_rules.told(form.rules), "fixed": fixed, "facts": facts, "standing": standing}


def _stands(form: CrmForm, name: str) -> bool:
    return form.stored is not None and not form_rules.is_empty(getattr(form.stored, name, None))


def _facts(field: Any, fact: str) -> dict[str, str]:
    """Return a fact of each record that a link offers, by id."""
    records = few_of(field.entity) if is_few(field.entity) else []
    if field.data is not None:
        records = [*records, field.data]
    return {str(record.id): text_of(getattr(record, fact, None)) for record in records}


def has_secret(form: CrmForm) -> bool:
    """Say whether a form asks for a password: nothing of it is ever kept."""
    return any(isinstance(field, PasswordField) for field in form)
