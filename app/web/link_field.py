"""`LinkField`: another record chosen by its name, from a short list or by asking the server while one types."""

from typing import Any, cast

import sqlalchemy as sa
from flask import url_for
from markupsafe import Markup
from wtforms import Field
from wtforms.validators import ValidationError

from app.db import db
from app.i18n import gettext
from app.services import access
from app.web.attributes import html_params
from app.web.lookup import KEY_DIGITS, Adder, adder_of, stem_of
from app.web.request_cache import request_cache

FEW = frozenset(  # shown as a plain list
    {"tax", "unit", "payment_term", "organisation", "number_series", "pipeline", "lost_reason"}
)
MOST_OF_FEW = 200


class LinkWidget:
    """A select that asks the server while one types; it carries only the chosen record, or all where there are few."""

    def __call__(self, field: "LinkField", **kwargs: Any) -> Markup:
        """Return the select."""
        kwargs.setdefault("id", field.id)
        kwargs.pop("class", None)
        if "required" not in kwargs and getattr(field.flags, "required", False):
            kwargs["required"] = True
        stem = stem_of(field.entity)
        if is_few(field.entity):
            offered = all_of_few(field.entity)
            chosen = field.data
            if chosen is not None and all(each[0] != chosen.id for each in offered):
                offered = [(chosen.id, str(chosen)), *offered]
        else:
            kwargs["data-lookup"] = url_for("LookupView.find", stem=stem)
            offered = [(field.data.id, str(field.data))] if field.data is not None else []
        if getattr(field, "by", ""):
            kwargs["data-by"] = field.by
        if adds := adder_of(stem):
            kwargs |= {"data-quick": adds.address, "data-quick-title": adds.title}
        here = field.data.id if field.data is not None else None
        options = Markup("").join(
            Markup('<option value="{}"{}>{}</option>').format(key, Markup(" selected") if key == here else "", text)
            for key, text in offered
        )
        attributes = Markup(html_params(name=field.name, **{"class": "form-control", **kwargs}))  # noqa: S704 -- escapes
        return Markup("<select {}><option value=''></option>{}</select>").format(attributes, options)


def is_few(entity: Any) -> bool:
    """Say whether a select shows all records of an entity: there are few, or they have no name to ask for."""
    stem = stem_of(entity)
    return not stem or stem in FEW


def few_of(entity: Any) -> list[Any]:
    """Return the records of a short list, asked once per request."""
    kept = request_cache("_few")
    if entity not in kept:
        wanted = sa.select(entity).where(*_in_use(entity)).limit(MOST_OF_FEW)
        kept[entity] = list(db.session.execute(wanted).unique().scalars())
    return cast("list[Any]", kept[entity])


def _in_use(entity: Any) -> list[Any]:
    """Return the conditions that records of a short list are not out of use."""
    columns = sa.inspect(entity).columns
    active = [columns["is_active"]] if "is_active" in columns else []
    return [*active, *([columns["archived_at"].is_(None)] if "archived_at" in columns else [])]


def all_of_few(entity: Any) -> list[tuple[int, str]]:
    """Return id and name of all records of a short list."""
    return sorted(((record.id, str(record)) for record in few_of(entity)), key=lambda pair: pair[1])


class LinkField(Field):
    """Another record, chosen by name; only one that the reader may see, or the one that stands there already."""

    widget = LinkWidget()

    def __init__(self, label: Any = None, validators: Any = None, entity: Any = None, **kwargs: Any) -> None:
        super().__init__(label, validators, **kwargs)
        self.entity = entity
        self.unknown = False

    @property
    def adder(self) -> Adder | None:
        """Return where the reader may make the record that is not there yet."""
        return adder_of(stem_of(self.entity))

    def process_formdata(self, valuelist: list[str]) -> None:
        """Find the record; an invisible one is as unknown as one that does not exist."""
        text = valuelist[0].strip() if valuelist else ""
        standing = self.object_data
        self.unknown = False
        if not text:
            self.data = None
        elif standing is not None and text == str(standing.id):
            self.data = standing
        else:
            self.data = (
                access.get(db.session(), self.entity, int(text))
                if text.isdecimal() and len(text) <= KEY_DIGITS
                else None
            )
            self.unknown = self.data is None

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002
        """Refuse an unknown record."""
        if self.unknown:
            raise ValidationError(gettext("Not a valid choice."))
