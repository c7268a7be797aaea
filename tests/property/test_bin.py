"""Whatever stands in a row of any table survives the bin's JSON, exactly."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from sqlalchemy import JSON, Column, Enum, Table, TypeDecorator

from app.columns import Exact, Instant
from app.db import metadata
from app.services.bin_codec import packed, unpacked

PLAIN = some.none() | some.booleans() | some.integers() | some.text() | some.floats(allow_nan=False)
TREES = some.recursive(PLAIN, lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner), max_leaves=6)


KNOWN = {
    bool: some.booleans(),
    int: some.integers(-(2**63), 2**63 - 1),
    float: some.floats(allow_nan=False),
    str: some.text(),
    bytes: some.binary(),
    date: some.dates(),
    datetime: some.datetimes(),
}


def values(column: Column[Any]) -> some.SearchStrategy[Any]:
    """What a column may hold."""
    kind: Any = column.type
    if isinstance(kind, Exact):
        most = 10 ** (kind.digits - kind.places) - 1
        return some.decimals(-most, most, places=kind.places)
    if isinstance(kind, Instant):
        return some.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=some.just(UTC))  # noqa: DTZ001
    if isinstance(kind, JSON):
        return TREES
    if isinstance(kind, Enum) and kind.enum_class is not None:
        return some.sampled_from(list(kind.enum_class))
    return KNOWN[(kind.impl_instance if isinstance(kind, TypeDecorator) else kind).python_type]


def rows(table: Table) -> some.SearchStrategy[dict[str, Any]]:
    return some.fixed_dictionaries({column.name: values(column) for column in table.c if column.computed is None})


@pytest.mark.parametrize("name", sorted(metadata.tables))
@settings(max_examples=20, deadline=None)
@given(data=some.data())
def test_a_row_survives(name: str, data: some.DataObject):
    table = metadata.tables[name]
    row = data.draw(rows(table))
    kept = json.loads(json.dumps({key: packed(table.c[key], value, is_null=False) for key, value in row.items()}))
    back = {key: unpacked(table.c[key], plain) for key, plain in kept.items()}
    for key, value in row.items():
        if isinstance(table.c[key].type, JSON) and value is None:
            assert back[key] is JSON.NULL
        else:
            assert (back[key], type(back[key])) == (value, type(value))


@pytest.mark.parametrize("name", ["party", "field_change"])
def test_nothing_stays_nothing(name: str):
    for column in metadata.tables[name].c:
        back = unpacked(column, packed(column, None, is_null=True))
        assert str(back) == "NULL" if isinstance(column.type, JSON) else back is None


def test_a_type_without_a_rule_is_no_loss_but_a_refusal():
    with pytest.raises(TypeError, match=r"party.name: no rule for set"):
        packed(metadata.tables["party"].c.name, {1}, is_null=False)


def test_how_values_are_written():
    party, allocation = metadata.tables["party"].c, metadata.tables["allocation"].c
    assert packed(party.credit_limit, Decimal("10.5000"), is_null=False) == "10.5000"
    assert packed(party.birthday, date(1990, 5, 1), is_null=False) == "1990-05-01"
    moment = datetime(2026, 3, 31, 12, 0, 0, 1, tzinfo=UTC)
    assert packed(allocation.created_at, moment, is_null=False) == "2026-03-31T12:00:00.000001+00:00"
