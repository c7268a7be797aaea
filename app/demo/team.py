"""People of the demo company: six accounts in three teams, each with a language and a time zone of its own."""

from dataclasses import dataclass
from random import Random
from typing import Any

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.team import Team
from app.services import password as passwords
from app.services import user as users

DOMAIN = "houtkade.example"
SALES, NORTH, EAST = "Sales", "Team Noord", "Команда «Восток»"


@dataclass(frozen=True)
class Person:
    """One account of the demo."""

    username: str
    first_name: str
    last_name: str
    role: str
    team: str | None
    language: str
    time_zone: str


PERSONS = (
    Person("head", "Marit", "Veenstra", "Head of sales", SALES, "en", "Europe/Amsterdam"),
    Person("manager", "Daan", "Hoekstra", "Sales manager", NORTH, "nl", "Europe/Amsterdam"),
    Person("manager2", "Анна", "Лебедева", "Sales manager", EAST, "ru", "Europe/Moscow"),
    Person("accountant", "Eleanor", "Whitfield", "Accountant", None, "en", "Europe/London"),
    Person("marketer", "Նարե", "Սարգսյան", "Marketer", None, "hy", "Asia/Yerevan"),
    Person("office", "Sanne", "de Wit", "Back office", None, "nl", "Europe/Amsterdam"),
)
_EASTERN = frozenset({"RU", "AM"})


@dataclass(frozen=True)
class People:
    """Keys of the demo's accounts by user name and of its teams by name."""

    ids: dict[str, int]
    teams: dict[str, int]

    def owner_for(self, country: str, random: Random) -> dict[str, int | None]:
        """Return who owns a counterparty: mostly the manager for its country; some nobody has taken yet."""
        name, team = ("manager2", EAST) if country in _EASTERN else ("manager", NORTH)
        drawn = random.randrange(100)
        if drawn < 78:  # noqa: PLR2004 -- in hundred
            return {"owner_id": self.ids[name], "team_id": self.teams[team]}
        if drawn < 86:  # noqa: PLR2004
            return {"owner_id": self.ids["head"], "team_id": self.teams[SALES]}
        return {"owner_id": None, "team_id": self.teams[team] if drawn < 94 else None}  # noqa: PLR2004


def ensure(session: Session, *, password: str | None) -> tuple[People, dict[str, str]]:
    """Make the teams and accounts that are missing; return all of them, and the passwords of the new accounts.

    One password serves all: the given one, whatever it is, or one that is made up.
    """
    teams = {team.name: team for team in session.execute(select(Team)).scalars()}
    for name in (SALES, NORTH, EAST):
        if name not in teams:
            teams[name] = Team(name=name, parent=None if name == SALES else teams[SALES])
            session.add(teams[name])
            session.flush()
    word = password or passwords.generate()
    accounts = _accounts(session)
    fresh: dict[str, str] = {}
    for person in PERSONS:
        if person.username in accounts:
            continue
        accounts[person.username] = users.make(
            session,
            username=person.username,
            first_name=person.first_name,
            last_name=person.last_name,
            email=f"{person.username}@{DOMAIN}",
            password=word,
            roles=[person.role],
            team=teams[person.team] if person.team else None,
            language=person.language,
            time_zone=person.time_zone,
            trusted=True,
        )
        fresh[person.username] = word
    for team, username in ((SALES, "head"), (NORTH, "manager"), (EAST, "manager2")):
        if teams[team].head is None:
            teams[team].head = accounts[username]
    session.flush()
    keys = {person.username: accounts[person.username].id for person in PERSONS}
    return People(keys, {name: teams[name].id for name in (SALES, NORTH, EAST)}), fresh


def _accounts(session: Session) -> dict[str, Any]:
    names = [person.username for person in PERSONS]
    found = session.execute(select(User).where(User.username.in_(names))).unique().scalars()
    return {user.username: user for user in found}
