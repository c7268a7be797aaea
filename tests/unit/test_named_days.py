"""Days named from today: exact first and last days."""

from datetime import date, timedelta

import pytest

from app.services.named_days import PERIODS, span

SUNDAY = date(2026, 11, 22)
FIRST_AND_LAST = {
    "today": ("2026-11-22", "2026-11-22"),
    "yesterday": ("2026-11-21", "2026-11-21"),
    "tomorrow": ("2026-11-23", "2026-11-23"),
    "this_week": ("2026-11-16", "2026-11-22"),
    "last_week": ("2026-11-09", "2026-11-15"),
    "next_week": ("2026-11-23", "2026-11-29"),
    "this_month": ("2026-11-01", "2026-11-30"),
    "last_month": ("2026-10-01", "2026-10-31"),
    "next_month": ("2026-12-01", "2026-12-31"),
    "this_quarter": ("2026-10-01", "2026-12-31"),
    "last_quarter": ("2026-07-01", "2026-09-30"),
    "this_year": ("2026-01-01", "2026-12-31"),
    "last_year": ("2025-01-01", "2025-12-31"),
    "last_7_days": ("2026-11-16", "2026-11-22"),
    "last_30_days": ("2026-10-24", "2026-11-22"),
    "last_90_days": ("2026-08-25", "2026-11-22"),
    "next_7_days": ("2026-11-22", "2026-11-28"),
    "next_30_days": ("2026-11-22", "2026-12-21"),
}


def days(name: str, today: date) -> tuple[str, str]:
    first, after = span(name, today=today)
    return first.isoformat(), (after - timedelta(days=1)).isoformat()


def test_every_period_has_its_days():
    assert {name: days(name, SUNDAY) for name in PERIODS} == FIRST_AND_LAST


@pytest.mark.parametrize(
    ("name", "today", "expected"),
    [
        ("last_month", date(2026, 1, 31), ("2025-12-01", "2025-12-31")),
        ("next_month", date(2026, 12, 31), ("2027-01-01", "2027-01-31")),
        ("this_month", date(2028, 2, 29), ("2028-02-01", "2028-02-29")),
        ("last_quarter", date(2026, 2, 15), ("2025-10-01", "2025-12-31")),
        ("last_year", date(2028, 2, 29), ("2027-01-01", "2027-12-31")),
        ("this_week", date(2026, 11, 23), ("2026-11-23", "2026-11-29")),
        ("last_week", date(2027, 1, 1), ("2026-12-21", "2026-12-27")),
    ],
)
def test_periods_at_the_edges_of_the_calendar(name: str, today: date, expected: tuple[str, str]):
    assert days(name, today) == expected


def test_an_unknown_period_is_none():
    with pytest.raises(KeyError):
        span("someday", today=SUNDAY)
