"""What an export must keep to: its cap by role, its reason, and what is unusual; as administrators set it."""

from dataclasses import dataclass
from typing import Any

from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.export_run import PERSONAL, ExportCap, ExportRule
from app.services import access, history, policy, roles

DEFAULT_CAP = 10_000  # rows of a file, for every role but the administrator's
LARGEST = 10_000_000
NUMBERS = ("reason_from", "alarm_times", "alarm_least", "alarm_new")
CAP = "export.most_rows"  # how a role's history calls it


def rule(session: Session) -> ExportRule:
    """Return the rule that holds; a new one with what is delivered, not yet stored, when nobody has changed it."""
    kept = session.execute(select(ExportRule).order_by(ExportRule.id).limit(1)).scalar_one_or_none()
    return kept or ExportRule(
        reason_from=500, reason_areas=[*PERSONAL], alarm_times=5, alarm_least=1_000, alarm_new=5_000
    )


def save(session: Session, found: ExportRule, *, given: dict[str, Any]) -> None:
    """Keep what an administrator has set; DomainError at the field of a number that will not do."""
    for name in NUMBERS:
        if not isinstance(given[name], int) or not 0 < given[name] <= LARGEST:
            raise DomainError(_("A whole number from 1 to %(most)s", most=LARGEST), field=name)
    for name in NUMBERS:
        setattr(found, name, given[name])
    found.reason_areas = sorted(given["reason_areas"])
    session.add(found)
    session.flush()


@dataclass(frozen=True)
class Terms:
    """What holds for one export: how many rows it may have (None: any number), and whether it needs a reason."""

    most_rows: int | None
    needs_reason: bool

    def is_too_large(self, rows: int) -> bool:
        """Say whether so many rows may not leave in one file."""
        return self.most_rows is not None and rows > self.most_rows


def terms(session: Session, found: ExportRule, *, right: tuple[str, str], entity: str, rows: int) -> Terms:
    """Return the terms of an export by the session's actor: `right` is the area and verb that let him."""
    return Terms(cap(session, *right), entity in found.reason_areas or rows >= found.reason_from)


# --- caps -------------------------------------------------------------------------------------------------------------


def cap(session: Session, area: str, verb: str) -> int | None:
    """Return how many rows the session's actor may take in one file, None for any number.

    Of his roles with the right, the widest counts: as with rows (ADR 12).
    """
    actor = access.required(session)
    found = policy.of_roles(session, actor.roles)
    if actor.user_id is None or policy.has_all(found.values()):
        return None
    return _widest_of(session, [name for name, one in found.items() if one.may(area, verb)])


def _widest_of(session: Session, names: list[str]) -> int | None:
    kept = _caps(session, names)
    most = [kept.get(name, DEFAULT_CAP) for name in names]
    return None if None in most else max((each for each in most if each is not None), default=DEFAULT_CAP)


def _caps(session: Session, names: list[str]) -> dict[str, int | None]:
    kept = select(Role.name, ExportCap.most_rows).join(ExportCap, ExportCap.role_id == Role.id)
    return {row[0]: row[1] for row in session.execute(kept.where(Role.name.in_(names)))}


def cap_of(session: Session, role: Role) -> int | None:
    """Return how many rows a role may take in one file, None for any number."""
    return None if role.name in roles.FIXED else _caps(session, [role.name]).get(role.name, DEFAULT_CAP)


def set_cap(session: Session, role: Role, most_rows: int | None) -> None:
    """Let a role take so many rows in one file, None for any number.

    Raises DomainError for the administrator's role, a number that will not do, and more than the actor may take.
    """
    roles.require_open(role)
    if most_rows is not None and not 0 < most_rows <= LARGEST:
        raise DomainError(_("A whole number from 1 to %(most)s", most=LARGEST), field="most_rows")
    roles.require_within(session, roles.policy_of(session, role))
    before, mine = cap_of(session, role), _widest(session)
    if mine is not None and (most_rows is None or most_rows > mine) and most_rows != before:
        raise DomainError(
            _("You may take at most %(most)s rows yourself, and give no more.", most=mine), field="most_rows"
        )
    kept = session.execute(select(ExportCap).where(ExportCap.role_id == role.id)).scalar_one_or_none()
    kept = kept or ExportCap(role_id=role.id)
    kept.most_rows = most_rows
    session.add(kept)
    session.flush()
    history.note(session, role, CAP, before, most_rows)


def _widest(session: Session) -> int | None:
    """Return the widest cap of the actor's roles, whatever they let him export."""
    actor = access.required(session)
    if actor.user_id is None or policy.has_all(roles.own(session)):
        return None
    return _widest_of(session, sorted(actor.roles))
