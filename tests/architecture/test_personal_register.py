"""The register of personal data: no column of text in any table is forgotten, and nothing in it is gone."""

import sqlalchemy as sa

from app.db import Model
from app.services import personal_exempt
from app.services.personal_place import Fate
from app.services.personal_places import PLACES, of_table


def columns() -> dict[str, sa.Column]:
    return {f"{table.name}.{each.name}": each for table in Model.metadata.tables.values() for each in table.columns}


def is_free(column: sa.Column) -> bool:
    """Whether a column can hold words that nobody has foreseen."""
    kind = column.type
    if isinstance(kind, sa.Enum):
        return False
    return isinstance(kind, sa.String | sa.Text | sa.JSON | sa.LargeBinary) or bool(column.info.get("personal"))


def forgotten(found: dict[str, sa.Column]) -> list[str]:
    registered = {f"{place.table}.{name}" for place in PLACES for name in place.columns}
    return sorted(
        name
        for name, column in found.items()
        if is_free(column) and name not in registered and personal_exempt.reason(column.table.name, column.name) is None
    )


def test_every_column_of_text_is_registered_or_exempt_for_a_reason():
    found = columns()
    assert sum(map(is_free, found.values())) > 250
    assert forgotten(found) == []


def test_a_new_table_with_text_is_found():
    table = sa.Table("guest", sa.MetaData(), sa.Column("id", sa.Integer), sa.Column("nickname", sa.String(40)))
    assert forgotten({f"guest.{each.name}": each for each in table.columns}) == ["guest.nickname"]


def test_what_is_declared_personal_is_registered_and_not_kept_but_by_issued_documents():
    for name, column in columns().items():
        if column.info.get("personal") and personal_exempt.reason(column.table.name, column.name) is None:
            place = of_table(column.table.name)
            assert place is not None, name
            assert place.columns[column.name] is not Fate.kept, name


def test_nothing_is_registered_or_exempt_that_is_not_there():
    found = columns()
    registered = {f"{place.table}.{name}" for place in PLACES for name in place.columns}
    assert registered - set(found) == set()
    assert set(personal_exempt.COLUMNS) - set(found) == set()
    assert set(personal_exempt.TABLES) - set(Model.metadata.tables) == set()
    assert len({place.table for place in PLACES}) == len(PLACES)


def test_no_column_is_both_registered_and_exempt():
    registered = {f"{place.table}.{name}" for place in PLACES for name in place.columns}
    both = [name for name in registered if personal_exempt.reason(*name.split(".")) is not None]
    assert both == []


def test_what_stays_says_why():
    kept = [place.table for place in PLACES if Fate.kept in place.columns.values()]
    assert sorted(kept) == [
        *("consent", "contract", "contract_signature", "delivery", "invoice", "invoice_line", "invoice_snapshot"),
        *("made_document", "quote", "sale_order"),
    ]
    assert all(str(place.why) for place in PLACES if place.fate is Fate.kept)
