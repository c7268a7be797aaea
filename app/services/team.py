"""Teams form a tree: none stands below itself."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.team import Team, subtree


def save(session: Session, team: Team) -> None:
    """Add a team to the session; DomainError at its field for one that would stand below itself."""
    with session.no_autoflush:
        if _is_below_itself(session, team):
            raise DomainError(_("A team cannot stand below itself or below one of its own teams"), field="parent")
    session.add(team)


def _is_below_itself(session: Session, team: Team) -> bool:
    above = team.parent
    if above is None or above is team:
        return above is team
    teams = session.execute(select(Team.id, Team.parent_id)).all()
    return team.id is not None and above.id in subtree(teams, {team.id})
