"""What the row rule costs: the same page for two people whose rights differ in nothing but the rows that they reach.

The company gets a tree of 50 teams with 300 people who own all its records; one of them sees everything by his role,
the others what is their own, their team's, or that of all teams below them. Cards are of a record that all of them see.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.db import Model, db, unit_of_work
from app.models.base import Owned
from app.models.invoice import Invoice
from app.models.party import Party
from app.models.sales_plan import SalesPlan
from app.models.search_entry import SearchEntry, is_findable
from app.models.team import Team, UserProfile
from app.roles import PRESETS, SEE, Reach, Scope
from app.services import access, role_change, roles
from app.services import user as users
from benchmarks import stage
from benchmarks.clock import in_turn, statements
from benchmarks.figures import Cost

TEAMS, PEOPLE = 50, 300
REGIONS = 7  # below the first team; the others stand below these
PRESET = "Head of sales"
WARM = 5
READERS = {
    "everything": Scope.all,
    "own": Scope.own,
    "team": Scope.team,
    "region": Scope.subtree,
    "company": Scope.subtree,
}


def measure(app: Flask, *, repeat: int, people: int = PEOPLE) -> list[Cost]:
    """Fill the tree with so many people, then measure each page for all readers in turn."""
    with app.app_context():
        session = db.session()
        access.act_as(session, access.SYSTEM)
        with unit_of_work(session):
            keys = _hire(session, people)
            _give(session)
            party, invoice = _seen_by_all(session, keys["own"])
        db.session.remove()
        stage.tidy()
    browsers = {name: stage.browser(app, f"reader-{name}") for name in READERS}
    pages = {
        "list": "/party/list/",
        "invoices": "/invoice/list/",
        "card": f"/party/show/{party}",
        "invoice": f"/invoice/show/{invoice}",
        "palette": "/find/results?q=ва",
    }
    return [cost for key, path in pages.items() for cost in _page(app, key, path, browsers, repeat=repeat)]


def _page(app: Flask, key: str, path: str, browsers: dict[str, Any], *, repeat: int) -> Iterator[Cost]:
    with app.app_context():
        engine = db.engines[None]
    counts = []
    for browser in browsers.values():
        _got(browser, path)
        with statements(engine) as ran:
            _got(browser, path)
        counts.append(len(ran))
    taken = in_turn([partial(_got, browser, path) for browser in browsers.values()], repeat=repeat, warm=WARM)
    for name, times, count in zip(browsers, taken, counts, strict=True):
        yield Cost(key, name, ms=times.median, cpu_ms=times.work, statements=count)


def _got(browser: Any, path: str) -> None:  # noqa: ANN401 -- Flask's test client
    answer = browser.get(path)
    if answer.status_code != 200:  # noqa: PLR2004
        raise RuntimeError(f"{path}: {answer.status_code}")


# --- the company ------------------------------------------------------------------------------------------------------


def _hire(session: Session, count: int) -> dict[str, int]:
    """Make the teams, the people and the readers; return the readers' keys."""
    teams: list[Team] = []
    for number in range(TEAMS):
        above = None if number == 0 else teams[0] if number <= REGIONS else teams[1 + number % REGIONS]
        teams.append(Team(name=f"Department {number}", parent=above))
        session.add(teams[-1])
        session.flush()
    people = [_person(session, f"person-{number}", PRESET, teams[number % TEAMS]) for number in range(count)]
    lowest = teams[-1]
    region = lowest.parent
    places = {"everything": lowest, "own": lowest, "team": lowest, "region": region, "company": teams[0]}
    keys = {}
    for name, scope in READERS.items():
        role = roles.make(session, f"Reader of {name}", base=PRESET)
        areas = {(area, SEE): Reach(scope) for area in PRESETS[PRESET].grants}
        role_change.put(session, role, rights={}, reaches=areas)
        keys[name] = _person(session, f"reader-{name}", role.name, places[name])
    keys["all"] = people[0]
    return keys


def _person(session: Session, name: str, role: str, team: Team | None) -> int:
    made = users.make(
        session,
        username=name,
        first_name=name.title(),
        last_name="Measured",
        email=f"{name}@example.com",
        password=stage.PASSWORD,
        roles=[role],
        team=team,
        language="en",
        time_zone="UTC",
        trusted=True,
    )
    session.flush()
    return int(made.id)


def _give(session: Session) -> None:
    """Let the people of the tree own every record, spread evenly; what belongs to a party goes with it."""
    found = session.execute(select(UserProfile.user_id, UserProfile.team_id).where(UserProfile.team_id.is_not(None)))
    people = [(user, team) for user, team in found.all()]
    session.execute(text("CREATE TEMPORARY TABLE spread (id INTEGER PRIMARY KEY, owner_id INTEGER, team_id INTEGER)"))
    rows = [{"id": at, "owner_id": user, "team_id": team} for at, (user, team) in enumerate(people)]
    session.execute(text("INSERT INTO spread VALUES (:id, :owner_id, :team_id)"), rows)
    for entity in sorted(_owned(), key=lambda one: one is not Party):
        columns = entity.__table__.c
        of = "party" if "party_id" in columns and entity is not Party else None
        for column in ("owner_id", "team_id"):
            given = (
                f"(SELECT {column} FROM party WHERE party.id = {entity.__tablename__}.party_id)"
                if of
                else f"(SELECT {column} FROM spread WHERE spread.id = {entity.__tablename__}.id % {len(people)})"
            )
            session.execute(text(f"UPDATE {entity.__tablename__} SET {column} = {given}"))
            if is_findable(entity):
                mine = f"(SELECT {column} FROM {entity.__tablename__} WHERE {entity.__tablename__}.id = record_id)"
                session.execute(
                    text(f"UPDATE search_entry SET {column} = {mine} WHERE entity = :stem"), {"stem": entity.__stem__}
                )
    session.execute(text("DROP TABLE spread"))
    session.expire_all()
    if session.execute(select(func.count(Party.team_id.distinct()))).scalar_one() < TEAMS:
        raise RuntimeError("the records are not spread over the teams")


def _owned() -> list[Any]:
    found = [mapper.class_ for mapper in Model.registry.mappers if issubclass(mapper.class_, Owned)]
    apart = {SearchEntry, SalesPlan}  # a plan is somebody's by what it says
    return [one for one in found if one not in apart and hasattr(one, "__stem__")]


def _seen_by_all(session: Session, owner_id: int) -> tuple[int, int]:
    """Return a party and an invoice of the reader who sees only his own."""
    key = session.execute(select(Invoice.party_id, Invoice.id).order_by(Invoice.id).limit(1)).one()
    for entity, found in ((Party, key.party_id), (Invoice, key.id)):
        record = session.get_one(entity, found)
        profile = session.execute(select(UserProfile).where(UserProfile.user_id == owner_id)).scalar_one()
        record.owner_id, record.team_id = owner_id, profile.team_id
    session.flush()
    return int(key.party_id), int(key.id)
