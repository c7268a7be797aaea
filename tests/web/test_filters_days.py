"""Filtering moments by a day means the whole day where the reader is."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.models.party import Party
from app.models.team import UserProfile
from tests.conftest import Browser
from tests.factories import Made, user

# In Yerevan (UTC+4) the 10th of March lasts from 20:00 of the 9th to 20:00 of the 10th in UTC.
MOMENTS = {
    "before": datetime(2026, 3, 9, 19, 59, 59, tzinfo=UTC),
    "first": datetime(2026, 3, 9, 20, tzinfo=UTC),
    "last": datetime(2026, 3, 10, 19, 59, 59, 999999, tzinfo=UTC),
    "after": datetime(2026, 3, 10, 20, tzinfo=UTC),
}


@pytest.fixture
def reader(session: Session, made: Made, as_user: Callable[[str], Browser]) -> Browser:
    """An administrator in Yerevan, and four parties changed around the bounds of a day there."""
    for name, moment in MOMENTS.items():
        party = made.party(name)
        session.execute(update(Party).where(Party.id == party.id).values(changed_at=moment))
    profile = session.query(UserProfile).filter_by(user_id=user(session, "office").id).one()
    profile.time_zone = "Asia/Yerevan"
    session.commit()
    return as_user("office")


def found(reader: Browser, operator: str, value: str) -> list[str]:
    query = f"(filters:!((col:changed_at,opr:{operator},value:'{value}')),order_column:name,order_direction:asc)"
    return [row["name"] for row in reader.api("GET", f"/api/v1/party/?q={query}").json["result"]]


@pytest.mark.parametrize(
    ("operator", "names"),
    [
        ("eq", ["first", "last"]),
        ("neq", ["after", "before"]),
        ("ge", ["after", "first", "last"]),
        ("gt", ["after"]),
        ("le", ["before", "first", "last"]),
        ("lt", ["before"]),
    ],
)
def test_a_day_is_the_whole_day_in_the_readers_time_zone(reader: Browser, operator: str, names: list[str]):
    assert found(reader, operator, "2026-03-10") == names


def test_from_and_to_the_same_day_on_the_list_show_that_day(reader: Browser):
    page = reader.get("/party/list/?flt.changed_at.ge=2026-03-10&flt.changed_at.le=2026-03-10").text
    assert [name for name in MOMENTS if f">{name}</a>" in page] == ["first", "last"]


def test_a_moment_stays_a_moment_and_is_utc_when_it_names_no_zone(reader: Browser):
    assert found(reader, "ge", "2026-03-10T20:00:00") == ["after"]
    assert found(reader, "ge", "2026-03-11T00:00:00%2B04:00") == ["after"]
    assert found(reader, "lt", "2026-03-09T20:00:00") == ["before"]


@pytest.mark.parametrize("value", ["0001-01-01", "9999-12-31", "2026-02-30", "0001-01-01T00:00:00%2B04:00"])
def test_a_day_beyond_the_calendar_is_refused(reader: Browser, value: str):
    query = f"(filters:!((col:changed_at,opr:le,value:'{value}')))"
    assert reader.api("GET", f"/api/v1/party/?q={query}").status_code == 400
