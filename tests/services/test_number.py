"""Legal numbers: gapless, in order, by pattern and period."""

from datetime import date

import pytest

from app.errors import DomainError, Refusals
from app.models.number_series import NumberCounter, NumberSeries, Restart, SeriesKind
from app.services import number as numbers

TODAY = date(2026, 3, 31)


def series_of(session, made, **values) -> NumberSeries:
    given = {"kind": "invoice", "prefix": "F", "pattern": "{prefix}{year}-{n:05}"} | values
    if "organisation" not in given:
        given["organisation"] = made.organisation(series=False)
    record = NumberSeries(**given)
    numbers.save(session, record)
    session.flush()
    return record


def taken(session, series, *days) -> list[str]:
    return [numbers.take(session, series, on=day, today=TODAY).text for day in days]


@pytest.mark.parametrize(
    ("pattern", "restart", "texts"),
    [
        ("{prefix}{year}-{n:05}", "yearly", ["F2025-00001", "F2025-00002", "F2026-00001", "F2026-00002"]),
        ("{prefix}/{yy}{month}/{n}", "monthly", ["F/2512/1", "F/2512/2", "F/2601/1", "F/2603/1"]),
        ("№ {n:03}", "never", ["№ 001", "№ 002", "№ 003", "№ 004"]),
    ],
)
def test_numbers_follow_their_pattern_and_begin_again(session, made, pattern, restart, texts):
    series = series_of(session, made, pattern=pattern, restart=restart)
    days = [date(2025, 12, 30), date(2025, 12, 31), date(2026, 1, 1), date(2026, 3, 31)]
    assert taken(session, series, *days) == texts


def test_a_number_knows_its_period_and_count(session, made):
    number = numbers.take(session, series_of(session, made), on=TODAY, today=TODAY)
    assert (number.text, number.period, number.n) == ("F2026-00001", "2026", 1)


def test_a_rollback_takes_nothing(session, made):
    series = series_of(session, made)
    taken(session, series, TODAY)
    savepoint = session.begin_nested()
    assert taken(session, series, TODAY) == ["F2026-00002"]
    savepoint.rollback()
    assert taken(session, series, TODAY) == ["F2026-00002"]


@pytest.mark.parametrize(
    ("on", "text"),
    [
        (date(2026, 3, 29), "The last number of this series is of 2026-03-30; the next cannot be of an earlier day"),
        (date(2026, 4, 1), "The date cannot be after today, 2026-03-31"),
        (date(2026, 2, 28), "The period up to 2026-02-28 is closed"),
    ],
)
def test_a_wrong_day_is_refused_and_takes_nothing(session, made, on, text):
    series = series_of(session, made)
    series.organisation.lock_date = date(2026, 2, 28)
    taken(session, series, date(2026, 3, 30))
    for act in (numbers.take, numbers.check):
        with pytest.raises(DomainError) as caught:
            act(session, series, on=on, today=TODAY)
        assert (caught.value.text, caught.value.field) == (text, "on")
    counter = session.get(NumberCounter, (series.id, "2026"), populate_existing=True)
    assert (counter.first, counter.last, counter.last_on) == (1, 1, date(2026, 3, 30))
    assert taken(session, series, date(2026, 3, 30)) == ["F2026-00002"]


def test_a_day_of_the_last_period_is_still_possible(session, made):
    series = series_of(session, made)
    assert taken(session, series, TODAY, date(2025, 12, 31)) == ["F2026-00001", "F2025-00001"]


@pytest.mark.parametrize(
    ("pattern", "restart", "text"),
    [
        ("{prefix}{year}", "yearly", "The pattern needs {n} once, the place of the number"),
        ("{year}{n}{n}", "yearly", "The pattern needs {n} once, the place of the number"),
        ("{prefix}{n}", "yearly", "Numbers that begin again every year need the year in them"),
        ("{year}-{n}", "monthly", "Numbers that begin again every month need the month in them"),
        ("{year}-{n}-{day}", "yearly", "The pattern may hold {prefix}, {year}, {yy}, {month} and {n} or {n:05}"),
        ("{year.__class__}{n}", "never", "The pattern may hold {prefix}, {year}, {yy}, {month} and {n} or {n:05}"),
        ("{year:05}{n}", "yearly", "Only the number itself can be padded with zeros"),
    ],
)
def test_patterns_that_are_refused(session, made, pattern, restart, text):
    series = NumberSeries(
        organisation=made.organisation(series=False), kind="invoice", pattern=pattern, restart=restart
    )
    with pytest.raises(Refusals) as caught:
        numbers.save(session, series)
    assert caught.value.errors == {"pattern": [text]}


def test_what_was_numbered_with_is_not_changed(session, made):
    series = series_of(session, made)
    series.prefix = "G"
    numbers.save(session, series)
    taken(session, series, TODAY)
    series.prefix, series.restart = "H", Restart.never
    with pytest.raises(Refusals) as caught:
        numbers.save(session, series)
    text = ["This series has numbers already; make a new one"]
    assert caught.value.errors == {"prefix": text, "restart": text}


def test_the_series_saved_last_is_the_default(session, made):
    first = series_of(session, made)
    second = series_of(session, made, organisation=first.organisation, prefix="G")
    assert (first.is_default, second.is_default) == (False, True)
    assert numbers.default(session, first.organisation, SeriesKind.invoice) is second


def test_an_organisation_gets_a_series_for_each_kind_once(session, made):
    us = made.organisation(series=False)
    first = numbers.make_defaults(session, us)
    assert [(series.kind, series.prefix) for series in first] == [
        (SeriesKind.sale_order, "SO-"),
        (SeriesKind.invoice, "INV-"),
        (SeriesKind.credit_note, "CN-"),
        (SeriesKind.quote, "Q-"),
        (SeriesKind.delivery, "D-"),
        (SeriesKind.contract, "C-"),
    ]
    assert numbers.make_defaults(session, us) == first


def test_a_series_may_go_on_from_another_program(session, made):
    series = series_of(session, made)
    numbers.start_at(session, series, next_n=1207, on=TODAY)
    assert taken(session, series, TODAY) == ["F2026-01207"]
    with pytest.raises(DomainError) as caught:
        numbers.start_at(session, series, next_n=5, on=TODAY)
    assert caught.value.field == "next_n"
