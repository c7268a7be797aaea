"""How somebody's screens look: widths of columns, what is folded or dismissed. Nothing of it concerns anybody else."""

import re
from collections.abc import Mapping

from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.team import UserProfile
from app.services import user as users

NARROWEST, WIDEST = 48, 1200  # CSS pixels of a column
MOST_COLUMNS = 80
MOST_LISTS = 200
MOST_PUT_AWAY = 100
_NAME = re.compile(r"[a-z][a-z0-9_.:]{0,79}")


def keep_widths(session: Session, user_id: int, entity: str, widths: Mapping[str, int]) -> None:
    """Remember how wide the columns of a list are; no widths at all forget it.

    Units: CSS pixels; a width outside of what makes sense becomes the nearest that does. Raises DomainError.
    """
    if len(widths) > MOST_COLUMNS or not all(_NAME.fullmatch(name) for name in [entity, *widths]):
        raise DomainError(_("This is no list of ours"), field="entity")
    profile = _locked(session, user_id)
    kept = {name: about for name, about in (profile.column_widths or {}).items() if name != entity}
    if widths:
        fitted = {name: min(max(width, NARROWEST), WIDEST) for name, width in widths.items()}
        kept = dict([*kept.items(), (entity, fitted)][-MOST_LISTS:])
    profile.column_widths = kept


def put_away(session: Session, user_id: int, name: str, *, is_away: bool) -> None:
    """Remember that somebody has folded or dismissed a part of the screen, or wants to see it again.

    Shape: `side` is the sidebar, `group:settings` a group of it, `start:logo` a line of the list of first steps.
    """
    if not _NAME.fullmatch(name):
        raise DomainError(_("There is no such part of the screen"), field="name")
    profile = _locked(session, user_id)
    others = [each for each in profile.put_away or [] if each != name]
    profile.put_away = [*others, name][-MOST_PUT_AWAY:] if is_away else others


def _locked(session: Session, user_id: int) -> UserProfile:
    """Return somebody's profile as it stands now; his other windows wait."""
    profile = users.ensure_profile(session, user_id)
    session.refresh(profile, with_for_update=True)
    return profile
