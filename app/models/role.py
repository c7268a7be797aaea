"""What we know of a role beyond the framework: what it was copied from, and what was changed about it."""

from typing import TYPE_CHECKING, Any

from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import Choice
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.base import Line
from app.roles import ADMIN, Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_NAME = 64  # the framework's column

Role.__stem__ = "role"  # the framework's role takes part under its own noun

NAMES: "Mapping[str, Any]" = {
    ADMIN: _l("Administrator"),
    "Head of sales": _l("Head of sales"),
    "Sales manager": _l("Sales manager"),
    "Accountant": _l("Accountant"),
    "Marketer": _l("Marketer"),
    "Back office": _l("Back office"),
    "Support agent": _l("Support agent"),
    "Warehouse": _l("Warehouse"),
    "Read-only auditor": _l("Read-only auditor"),
    "API client": _l("API client"),
}


def shown_name(name: str) -> str:
    """Return a role's name in the reader's language; roles that people made have one name in all."""
    return str(NAMES.get(name, name))


Role.__str__ = lambda self: shown_name(self.name)

label(
    Scope,
    none=_l("None"),
    own=_l("Own"),
    team=_l("Team's"),
    subtree=_l("Teams below too"),
    all=_l("All"),
)


class RoleBase(Line):
    """What a role that people made was copied from; None for one that began empty."""

    __tablename__ = "role_base"

    role_id: Mapped[int] = mapped_column(ForeignKey("ab_role.id", ondelete="CASCADE"), unique=True)
    role: Mapped["Role"] = relationship("Role")
    base: Mapped[str | None] = mapped_column(String(LONGEST_NAME))
    note: Mapped[str | None] = mapped_column(String(250))


class RoleChange(Line):
    """One difference between a role and what it is based on.

    Shape: `verb` is a verb of the area with `is_granted`, or an action (app.roles.ACTIONS) with `scope` and
    `unassigned`; a row may be both. What is None is as in the base.
    """

    __tablename__ = "role_change"
    __table_args__ = (
        UniqueConstraint("role_id", "area", "verb"),
        CheckConstraint("is_granted IS NOT NULL OR scope IS NOT NULL OR unassigned IS NOT NULL", name="says_something"),
    )

    role_id: Mapped[int] = mapped_column(ForeignKey("ab_role.id", ondelete="CASCADE"))
    area: Mapped[str] = mapped_column(String(60))
    verb: Mapped[str] = mapped_column(String(60))
    is_granted: Mapped[bool | None] = mapped_column()
    scope: Mapped[Scope | None] = mapped_column(Choice(Scope))
    unassigned: Mapped[bool | None] = mapped_column()
