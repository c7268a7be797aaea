"""Cells that name something: a text that people type, and a hidden key that says which record or code it is.

The key counts while the text is what stands for it; a text that was typed without the script, or pasted, is looked
up by app.web.naming. All rows of a form are read in one statement for each kind of record.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import inspect, select
from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, SelectField, TextAreaField

from app import clock
from app.db import db
from app.i18n import language
from app.models.base import Owned
from app.money import format_decimal, plain
from app.web.fields import ChoiceField, DateField, DecimalField, ListField
from app.web.link_field import FEW, LinkField
from app.web.lookup import KEY_DIGITS, stem_of
from app.web.naming import Meant, few_records, meant, meant_in_list, spoken
from app.web.request_cache import request_cache
from app.web.standard import standard_list

TEXT = "-text"  # the name of the typed text: that of the cell with this behind it
_READ = "_cell_records"
_SHOWN = "_cell_lists"
_TAXES = ("rate", "category")


class CellLink(LinkField):
    """A link of one row of many: its record may have been read with those of the other rows."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Take the record that was read together with the others, or find it."""
        text = valuelist[0].strip() if valuelist else ""
        read = request_cache(_READ).get((self.entity, text))
        if read is None:
            super().process_formdata(valuelist)
        else:
            self.unknown, self.data = False, read


def preload(rows: Sequence[Any], columns: Iterable[str]) -> None:
    """Read the records that standing rows name in one statement each, and hold them as long as the request."""
    if not rows:
        return
    relations = inspect(type(rows[0])).relationships
    for name in columns:
        entity = relations[name].mapper.class_ if name in relations else None
        if entity is None or issubclass(entity, Owned):
            continue  # what belongs to somebody is read one by one: a row shows it even to those who do not see it
        column = next(iter(relations[name].local_columns))
        _read(entity, {str(getattr(row, column.key)) for row in rows if name in inspect(row).unloaded})


def _read(entity: Any, keys: Iterable[str]) -> dict[str, Any]:
    """Return the reader's records by their keys as text."""
    kept = request_cache(_READ)
    wanted = {key for key in keys if key.isdecimal() and len(key) <= KEY_DIGITS}
    missing = sorted(int(key) for key in wanted if (entity, key) not in kept)
    if missing:
        column = inspect(entity).primary_key[0]
        for record in db.session.execute(select(entity).where(column.in_(missing))).unique().scalars():
            kept[entity, str(record.id)] = record
    return {key: kept[entity, key] for key in wanted if (entity, key) in kept}


def settle(
    sent: list[dict[str, str]], form: type[Any], standing: Sequence[Mapping[str, Any]]
) -> list[dict[str, tuple[str, str]]]:
    """Give every cell of the sent rows the key of what its text means; return the texts that mean nothing."""
    unknown: list[dict[str, tuple[str, str]]] = [{} for _row in sent]
    blank = form()
    for name, field in blank._fields.items():
        if not isinstance(field, LinkField | ListField):
            continue
        known = _texts_of(field, sent, name, standing)
        typed = {place: row[name + TEXT].strip() for place, row in enumerate(sent) if name + TEXT in row}
        asked = {place: text for place, text in typed.items() if text != known.get(sent[place].get(name, ""))}
        answers = _meant(field, {text for text in asked.values() if text})
        for place, text in asked.items():
            answer = answers.get(text, Meant())
            sent[place][name] = str(answer.key or "")
            if text and answer.refusal:
                unknown[place][name] = (text, answer.refusal)
    return unknown


def _texts_of(
    field: Any, sent: Iterable[Mapping[str, str]], name: str, standing: Sequence[Mapping[str, Any]]
) -> dict[str, str]:
    """Return the text that stands for each key of a column, without reading what no row asks for."""
    if isinstance(field, ListField):
        return dict(standard_list(field.of))
    texts = {key: str(record) for key, record in _read(field.entity, {row.get(name, "") for row in sent}).items()}
    there = [row[name] for row in standing if row.get(name) is not None]
    return {str(record.id): str(record) for record in there} | texts


def _meant(field: Any, texts: set[str]) -> dict[str, Meant]:
    if not texts:
        return {}
    if isinstance(field, ListField):
        return meant_in_list(field.of, texts)
    found = meant(field.entity, texts, on=clock.today())
    kept = request_cache(_READ)
    for answer in found.values():
        if answer.record is not None:
            kept[field.entity, str(answer.key)] = answer.record
    return found


def as_form(name: str, rows: Iterable[Mapping[str, str]]) -> MultiDict[str, str]:
    """Return rows as a form sends them, numbered from 0; never empty, for an empty form counts as none."""
    fields = [(f"{name}-{at}-{cell}", value) for at, row in enumerate(rows) for cell, value in row.items()]
    return MultiDict([("", ""), *fields])


# --- what the template asks ---------------------------------------------------------------------------------------


def kind_of(field: Any) -> str:
    """Return how a cell is edited: by its kind the script knows what keys and pasted texts mean there."""
    kinds = (
        (LinkField, "link"),
        (ListField, "link"),
        (ChoiceField, "choice"),
        (SelectField, "choice"),
        (BooleanField, "check"),
        (DecimalField, "number"),
        (DateField, "date"),
        (TextAreaField, "text"),
    )
    return next((kind for of, kind in kinds if isinstance(field, of)), "line")


def key_of(field: Any) -> str:
    """Return the hidden key of a cell that names something."""
    if isinstance(field, ListField):
        return str(field.data or "")
    return str(field.data.id) if field.data is not None else ""


def text_of(field: Any, unknown: Mapping[str, tuple[str, str]]) -> str:
    """Return the visible text of a cell that names something: what was typed when it means nothing."""
    if field.short_name in unknown:
        return unknown[field.short_name][0]
    if isinstance(field, ListField):
        return dict(standard_list(field.of)).get(field.data or "", field.data or "")
    return "" if field.data is None else str(field.data)


def stem_of_cell(field: Any) -> str:
    """Return the kind of record by which a cell asks the server."""
    return stem_of(field.entity)


def list_of(field: Any) -> str:
    """Return the name of the short list that a cell chooses from, "" when it asks the server."""
    if isinstance(field, ListField):
        return str(field.of)
    stem = stem_of(field.entity) if isinstance(field, LinkField) else ""
    return stem if stem in FEW else ""


def lists(form: Any) -> list[tuple[str, list[tuple[Any, str, tuple[str, ...], str]]]]:
    """Return each short list of a row that the page does not show yet: key, text, other names, facts of a tax."""
    shown = request_cache(_SHOWN)
    found = []
    for field in form:
        name = list_of(field)
        if name and shown.setdefault(name, field.id) == field.id:
            found.append((name, _offered(field)))
    return found


def _offered(field: Any) -> list[tuple[Any, str, tuple[str, ...], str]]:
    if isinstance(field, ListField):
        return [(code, text, (code,), "") for code, text in standard_list(field.of)]
    offered = []
    for record in few_records(field.entity):
        text = str(record)
        others = tuple(said for said in spoken(record) if said != text)
        facts = f"{record.category} {plain(record.rate)}" if all(hasattr(record, name) for name in _TAXES) else ""
        offered.append((record.id, text, others, facts))
    return sorted(offered, key=lambda each: each[1])


def decimal_marks() -> dict[str, str]:
    """Return the signs by which the reader's language writes numbers."""
    written = format_decimal(Decimal("1234.5"), language())
    return {"group": written[1], "decimal": written[-2]}
