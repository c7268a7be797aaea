"""Who gets a lead: fairly in turn, by load, territory and language, never who is away, locked or full; many at once."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from threading import Barrier

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.orm import Session

from app import migrating
from app.db import prepare_engine, unit_of_work
from app.models.lead import Lead, LeadArrival, LeadState
from app.models.lead_source import Assignment, LeadReceiver, LeadSource
from app.models.work_schedule import Absence
from app.services import access, intake, lead_assignment
from app.services import lead_source as sources
from app.services import user as users
from app.services.intake import About
from tests.factories import Made

NOON = datetime(2026, 3, 31, 9, tzinfo=UTC)
NAMES = ("manager", "manager2", "office", "support")
WORKERS, EACH = 8, 6


def source_of(session: Session, made: Made, rule: Assignment, **receivers: dict[str, object]) -> LeadSource:
    source = LeadSource(name=f"Source {rule.value}", assignment=rule, norm_minutes=None, language="nl")
    source.norm_minutes = None
    for name, about in receivers.items():
        source.receivers.append(LeadReceiver(user=made.user(name), turn=0, **about))
    sources.save(session, source)
    session.flush()
    return source


def give(session: Session, source: LeadSource, **values: object) -> str | None:
    lead = Lead(source=source, name="Anna", received_at=NOON, **values)
    lead_assignment.assign(session, source, lead, at=NOON)
    session.add(lead)
    session.flush()
    return next((each.user.username for each in source.receivers if each.user_id == lead.owner_id), None)


def test_in_turn_each_gets_one_after_the_other(session: Session, made: Made):
    source = source_of(session, made, Assignment.in_turn, manager={}, manager2={}, office={})
    assert [give(session, source) for _n in range(7)] == [
        *("manager", "manager2", "office"),
        *("manager", "manager2", "office", "manager"),
    ]


def test_nobody_gets_one_who_is_away_locked_or_full(session: Session, made: Made):
    source = source_of(session, made, Assignment.in_turn, manager={}, manager2={}, office={}, support={"most_open": 1})
    session.add(Absence(user=made.user("manager"), begins_on=date(2026, 3, 31), ends_on=date(2026, 3, 31)))
    made.user("manager2").active = False
    session.flush()
    assert [give(session, source) for _n in range(4)] == ["office", "support", "office", "office"]
    made.user("office").active = False
    session.flush()
    assert give(session, source) is None


def test_the_least_loaded_gets_it_counting_all_open_leads(session: Session, made: Made):
    other = source_of(session, made, Assignment.in_turn, manager={})
    give(session, other)
    give(session, other)
    source = source_of(session, made, Assignment.least_loaded, manager={}, manager2={})
    assert [give(session, source) for _n in range(3)] == ["manager2", "manager2", "manager"]


def test_a_region_goes_before_its_country_and_that_before_all(session: Session, made: Made):
    source = source_of(
        *(session, made, Assignment.territory),
        manager={"country": "NL"},
        manager2={"country": "NL", "region": "Utrecht"},
        office={},
        support={"country": "RU"},
    )
    assert give(session, source, country="NL", region="utrecht") == "manager2"
    assert give(session, source, country="NL", region="Drenthe") == "manager"
    assert give(session, source, country="FR") == "office"
    assert give(session, source, country="RU") == "support"
    assert give(session, source) == "office"


def test_in_turn_too_nobody_gets_what_is_not_his(session: Session, made: Made):
    about = {"manager": {"language": "nl"}, "manager2": {"country": "RU"}, "office": {}}
    source = source_of(session, made, Assignment.in_turn, **about)
    assert [give(session, source, language="ru", country="RU") for _n in range(3)] == ["manager2", "office", "manager2"]
    assert give(session, source, language="nl", country="NL") == "manager"


def test_who_speaks_the_language_gets_it(session: Session, made: Made):
    source = source_of(session, made, Assignment.language, manager={"language": "nl"}, manager2={"language": "ru"})
    assert [give(session, source, language=each) for each in ("ru", "nl", "hy")] == ["manager2", "manager", None]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    most=some.lists(some.none() | some.integers(1, 6), min_size=1, max_size=4),
    away=some.sets(some.integers(0, 3), max_size=2),
    wanted=some.integers(1, 16),
)
def test_turns_are_fair_within_capacity(
    session: Session, made: Made, most: list[int | None], away: set[int], wanted: int
):
    """Nobody gets more than one above another who had room; who is full or away gets none; none stays needlessly."""
    with session.begin_nested() as inside:
        here = NAMES[: len(most)]
        about = {name: {"most_open": each} for name, each in zip(here, most, strict=True)}
        source = source_of(session, made, Assignment.in_turn, **about)
        absent = {name for at, name in enumerate(here) if at in away}
        for name in absent:
            session.add(Absence(user=made.user(name), begins_on=NOON.date(), ends_on=NOON.date()))
        session.flush()
        got = Counter(give(session, source) for _n in range(wanted))
        room = {name: wanted if each is None else each for name, each in zip(here, most, strict=True)}
        present = [name for name in here if name not in absent]
        assert all(got[name] == 0 for name in absent)
        assert all(got[name] <= room[name] for name in present)
        for one in present:
            for other in present:
                assert got[one] <= got[other] + 1 or got[other] == room[other]
        assert got[None] == max(wanted - sum(room[name] for name in present), 0)
        inside.rollback()
    session.expire_all()


# --- many at once -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own_url(database_url: str, tmp_path_factory: pytest.TempPathFactory, worker_name: str) -> str:
    """A database beside the one that the other tests share: here transactions are real."""
    if database_url.startswith("sqlite"):
        url = f"sqlite:///{tmp_path_factory.mktemp('leads_at_once')}/real.db"
    else:
        from tests.servers import create_database

        url = create_database(database_url, f"crm_leads_{worker_name}")
    migrating.upgrade(url)
    return url


@pytest.fixture
def opened(app, own_url: str) -> Iterator[Callable[[], Session]]:
    options = {"connect_args": {"timeout": 30, "check_same_thread": False}} if own_url.startswith("sqlite") else {}
    engine: Engine = create_engine(own_url, pool_size=WORKERS, max_overflow=2, **options)
    prepare_engine(engine)

    def open_session() -> Session:
        session = Session(engine.execution_options(begins="IMMEDIATE"))
        access.act_as(session, access.SYSTEM)
        return session

    yield open_session
    engine.dispose()


def test_eight_intakes_at_once_share_fairly_and_store_each_number_once(opened: Callable[[], Session]):
    with opened() as session, unit_of_work(session):
        made = Made(session)
        for name in NAMES:
            about = {"first_name": name, "last_name": name, "email": f"{name}@example.org", "roles": []}
            users.make(session, username=name, password="correct horse battery", **about)
        source = source_of(session, made, Assignment.in_turn, manager={}, manager2={}, office={}, support={})
        source.per_minute = 1000
        key = source.id
    ready = Barrier(WORKERS)

    def work(worker: int) -> list[bool]:
        found = []
        ready.wait()
        for turn in range(EACH):
            for number in (f"own-{worker}-{turn}", f"shared-{turn}"):
                with opened() as session, unit_of_work(session):
                    about = About(external_id=number)
                    standing = session.get_one(LeadSource, key)
                    payload = b'{"email": "%s@b.example"}' % number.encode()
                    found.append(intake.receive(session, standing, payload, at=NOON, about=about).is_new)
        return found

    with ThreadPoolExecutor(WORKERS) as pool:
        results = [each for found in pool.map(work, range(WORKERS)) for each in found]
    assert Counter(results) == {True: WORKERS * EACH + EACH, False: (WORKERS - 1) * EACH}
    with opened() as session:
        owners = Counter(session.scalars(select(Lead.owner_id)))
        numbers = list(session.scalars(select(LeadArrival.external_id)))
        states = set(session.scalars(select(Lead.state)))
    assert len(numbers) == len(set(numbers)) == WORKERS * EACH + EACH
    assert sorted(owners.values()) == [13, 13, 14, 14]
    assert states == {LeadState.new}
