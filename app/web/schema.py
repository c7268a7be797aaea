"""REST schemas from a model's columns: what goes in, what comes out, what OpenAPI says of it.

Money and quantities are strings with a dot. A link to another record goes in as its id and comes out as
`{"id", "text"}`; an object instead of an id is refused, an unknown or invisible id is "Unknown id.".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields, validate
from sqlalchemy import inspect
from sqlalchemy.orm import RelationshipProperty

from app.columns import Amount, Exact, Instant, limit_of
from app.db import db
from app.errors import DomainError
from app.money import plain
from app.services import access
from app.web.lookup import stem_of

AMOUNT_PLACES = 4  # money; quantities, prices and rates have more


def _currency_of(record: Any, name: str) -> str | None:
    """Return the currency that an amount of a record, or of its document, is in."""
    own = getattr(record, f"{name.removesuffix('amount')}currency", None)
    if own:
        return str(own)
    document = getattr(record, "invoice", None) or getattr(record, "order", None) or record
    return getattr(record, "currency", None) or getattr(document, "currency", None)


class ExactField(fields.Field):
    """A decimal number as a JSON string with a dot."""

    def __init__(self, kind: Exact, **about: Any) -> None:
        super().__init__(metadata={"type": "string", "format": "decimal", "example": "12.50"}, **about)
        self.kind = kind

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:  # noqa: ARG002
        if value is None:
            return None
        return plain(value, _currency_of(obj, attr or "") if self.kind.places == AMOUNT_PLACES else None)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Decimal:  # noqa: ARG002
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise ValidationError("A decimal number as a string with a dot is expected.")
        text = str(value)
        if not text.removeprefix("-").replace(".", "", 1).isdecimal() or not text.isascii():
            raise ValidationError("A decimal number as a string with a dot is expected.")
        try:
            return self.kind.fit(text)
        except DomainError as error:
            raise ValidationError(str(error)) from None


class MemberField(fields.Field):
    """A member of an enumeration by its value."""

    def __init__(self, of: Any, **about: Any) -> None:
        super().__init__(metadata={"type": "string", "enum": [member.value for member in of]}, **about)
        self.of = of

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:  # noqa: ARG002
        return None if value is None else str(value.value)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        if not isinstance(value, str):
            raise ValidationError("Not a valid choice.")
        try:
            return self.of(value)
        except ValueError:
            raise ValidationError("Not a valid choice.") from None


class LinkedField(fields.Field):
    """Another record: its id going in, its id and name coming out."""

    def __init__(self, entity: Any, *, out: bool = False, **about: Any) -> None:
        shape: dict[str, Any] = {"type": "integer", "description": f"id of a {stem_of(entity)}"}
        if out:
            named = {"id": {"type": "integer"}, "text": {"type": "string"}}
            shape = {"type": "object", "properties": named, "required": [*named], "description": f"a {stem_of(entity)}"}
        super().__init__(metadata=shape, **about)
        self.entity = entity

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> dict[str, Any] | None:  # noqa: ARG002
        return None if value is None else {"id": value.id, "text": str(value)}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValidationError("An id is expected.")
        found = access.get(db.session(), self.entity, value)
        if found is None:
            raise ValidationError("Unknown id.")
        return found


def field_of(entity: type[Any], name: str, *, out: bool, required: bool | None = None) -> fields.Field:
    """Return the schema field of a column, a link or a property."""
    mapper = inspect(entity)
    prop = mapper.all_orm_descriptors.get(name)
    prop = getattr(prop, "property", None)
    if isinstance(prop, RelationshipProperty):
        if out:
            return LinkedField(prop.mapper.class_, out=True, allow_none=True)
        (local,) = prop.local_columns
        return LinkedField(
            prop.mapper.class_, required=not local.nullable if required is None else required, allow_none=local.nullable
        )
    column = mapper.columns.get(name)
    getter = getattr(getattr(entity, name, None), "fget", None)
    if getter is not None and getter.__annotations__.get("return") is Decimal:
        return ExactField(Amount(), dump_only=True)
    if column is None:
        return fields.Raw(dump_only=True, metadata={"type": "string"})
    if out:
        return _column_field(column, {"allow_none": column.nullable})
    needed = not column.nullable and column.default is None and column.server_default is None
    return _column_field(column, {"required": needed if required is None else required, "allow_none": column.nullable})


def _column_field(column: Any, about: dict[str, Any]) -> fields.Field:
    kind = column.type
    if isinstance(kind, Exact):
        return ExactField(kind, **about)
    if isinstance(kind, sa.Enum) and kind.enum_class is not None:
        return MemberField(kind.enum_class, **about)
    if isinstance(kind, sa.Boolean):
        return fields.Boolean(truthy={True}, falsy={False}, **about)
    if isinstance(kind, sa.Integer):
        most = limit_of(kind) - 1
        return fields.Integer(strict=True, validate=validate.Range(-most, most), **about)
    if isinstance(kind, sa.Date):
        return fields.Date(metadata={"example": date(2026, 3, 31).isoformat()}, **about)
    if isinstance(kind, Instant):
        return fields.AwareDateTime(**about)
    if isinstance(kind, sa.JSON):
        return fields.Raw(**about)
    return fields.String(validate=validate.Length(max=kind.length) if getattr(kind, "length", None) else None, **about)


class _Strict(Schema):
    class Meta:
        unknown = RAISE


@dataclass(frozen=True)
class Lines:
    """Rows that go in and come out with their record.

    `given` are the columns that a caller sets, `optional` those of them that the service fills in, `computed` those
    that only come out.
    """

    entity: Any
    name: str
    given: tuple[str, ...]
    optional: tuple[str, ...] = ()
    computed: tuple[str, ...] = ()

    @cached_property
    def _row_in(self) -> type[Schema]:
        made: dict[str, Any] = {
            each: field_of(self.entity, each, out=False, required=False if each in self.optional else None)
            for each in self.given
        }
        made["id"] = fields.Integer(strict=True, allow_none=True)
        return type(f"{self.name}In", (_Strict,), made)

    @cached_property
    def _row_out(self) -> type[Schema]:
        names = ("id", *self.given, *self.computed)
        return type(f"{self.name}Out", (Schema,), {each: field_of(self.entity, each, out=True) for each in names})

    def incoming(self) -> fields.Field:
        """Return the field of a request: a list of rows; an `id` names a standing row."""
        return fields.List(fields.Nested(self._row_in), validate=validate.Length(max=500))

    def outgoing(self) -> fields.Field:
        """Return the field of an answer."""
        return fields.List(fields.Nested(self._row_out))

    def fill(self, record: Any, relation: str, rows: list[dict[str, Any]]) -> None:
        """Make a record's rows equal to the given ones; an id of another record's row makes a new row."""
        standing = {row.id: row for row in getattr(record, relation)}
        made = []
        for position, given in enumerate(rows, 1):
            row = standing.pop(given.get("id"), None) or self.entity()
            for name, value in given.items():
                if name != "id":
                    setattr(row, name, value)
            if "position" in self.entity.__table__.c:
                row.position = position
            made.append(row)
        setattr(record, relation, made)


def schema(
    entity: type[Any],
    names: list[str],
    *,
    name: str,
    out: bool = False,
    partial: bool = False,
    lines: Mapping[str, Lines] | None = None,
    defaulted: Sequence[str] = (),
    more: Mapping[str, fields.Field] | None = None,
    shapes: Mapping[str, fields.Field] | None = None,
) -> type[Schema]:
    """Return a marshmallow schema class of the named columns; going in, unknown names are refused.

    `more` are ready fields beyond the columns, `shapes` those of columns whose type does not say what they hold.
    """
    made = {
        each: (shapes or {}).get(each)
        or field_of(entity, each, out=out, required=False if partial or each in defaulted else None)
        for each in names
    }
    for relation, about in (lines or {}).items():
        made[relation] = about.outgoing() if out else about.incoming()
    base: type[Schema] = Schema if out else _Strict
    return type(name, (base,), made | dict(more or {}))


def strict(name: str, **made: fields.Field) -> type[Schema]:
    """Return a schema class of ready fields that refuses unknown names."""
    return type(name, (_Strict,), made)


__all__ = ["EXCLUDE", "Lines", "schema", "strict"]
