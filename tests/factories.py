"""Factories: the people and records that tests speak of."""

from typing import Any

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.party import Party
from app.models.team import Team
from app.services import party as parties
from app.services import user as users

# user name → (role, team, first name, last name); "north" and "south" are teams below "sales", headed by head
PEOPLE = {
    "head": ("Head of sales", "sales", "Helena", "Head"),
    "manager": ("Sales manager", "north", "Mark", "Manager"),
    "manager2": ("Sales manager", "south", "Maria", "Manager"),
    "accountant": ("Accountant", None, "Ada", "Accountant"),
    "marketer": ("Marketer", None, "Max", "Marketer"),
    "office": ("Back office", None, "Olga", "Office"),
    "auditor": ("Read-only auditor", None, "Aram", "Auditor"),
    "nobody": (None, None, "Nora", "Nobody"),
}


def make_users(session: Session, password: str) -> None:
    """Make one user per role, in two teams of one department."""
    sales = Team(name="sales")
    teams: dict[str | None, Team | None] = {None: None, "sales": sales}
    session.add(sales)
    session.flush()
    for name in ("north", "south"):
        teams[name] = Team(name=name, parent=sales)
        session.add(teams[name])
    session.flush()
    for name, (role, team, first, last) in PEOPLE.items():
        users.make(
            session,
            username=name,
            first_name=first,
            last_name=last,
            email=f"{name}@example.org",
            password=password,
            roles=[role] if role else [],
            team=teams[team],
        )
    sales.head = user(session, "head")
    session.flush()


def user(session: Session, name: str) -> User:
    """Return a user by name."""
    return session.execute(select(User).where(User.username == name)).unique().scalar_one()


class Made:
    """Makes records with plausible values; every value may be given."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def user(self, name: str) -> User:
        return user(self.session, name)

    def party(self, name: str = "Tulpen & Zonen B.V.", *, owner: str | None = None, **values: Any) -> Party:
        record = Party(**{"name": name, "country": "NL"} | values)
        if owner is not None:
            person = self.user(owner)
            record.owner = person
            record.team_id = person.profile.team_id
        parties.save(self.session, record)
        self.session.add(record)
        self.session.flush()
        return record
