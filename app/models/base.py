"""What every table shares: key, moments, optimistic lock, owner."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import ForeignKey, Index, Integer, text
from sqlalchemy.orm import Mapped, declared_attr, mapped_column, relationship

from app import clock
from app.columns import Instant, Key
from app.db import Model

if TYPE_CHECKING:
    from flask_appbuilder.security.sqla.models import User

    from app.models.tag import Tag
    from app.models.team import Team


class Entity(Model):
    """A table with a key, creation and change moments, and a version that detects two editors.

    Units: moments in UTC. `version` grows by one with every UPDATE; a stale one raises StaleDataError.
    """

    __abstract__ = True
    __stem__: str  # the one name of the noun in every layer: "party"
    # fields that need rights of their own: {"bank_account": ("bank_accounts",)} is the area "party.bank_account"
    __guards__: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    created_at: Mapped[datetime] = mapped_column(Instant(), default=clock.now)
    changed_at: Mapped[datetime] = mapped_column(Instant(), default=clock.now, onupdate=clock.now)
    version: Mapped[int] = mapped_column(Integer, default=1)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805
        return {"version_id_col": cls.version}

    @declared_attr
    def tags(cls) -> Mapped[list["Tag"]]:  # noqa: N805
        """Give a record its tags, to be read only: services.tag puts them on and takes them off."""
        about = f"and_({cls.__name__}.id == foreign(Tagging.record_id), Tagging.entity == {cls.__stem__!r})"
        return relationship(
            "Tag",
            secondary="tagging",
            primaryjoin=about,
            secondaryjoin="foreign(Tagging.tag_id) == Tag.id",
            order_by="Tag.name",
            viewonly=True,
        )


def entity_of(stem: str) -> type[Any] | None:
    """Return the entity of a stem, None when there is none, or none any more."""
    return next((m.class_ for m in Model.registry.mappers if getattr(m.class_, "__stem__", None) == stem), None)


class Line(Model):
    """A row that lives and dies with its parent: key only."""

    __abstract__ = True

    id: Mapped[int] = mapped_column(Key, primary_key=True)


class Owned:
    """Rows that belong to a person and a team: the row rule (services.access) reads these two columns.

    One record may be shared with others too, unless its kind says that it is not.
    """

    __is_shared__ = True

    owner_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"), index=True)
    team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id", ondelete="SET NULL"), index=True)

    @declared_attr
    def owner(cls) -> Mapped["User | None"]:  # noqa: N805
        return relationship("User", foreign_keys=[cls.owner_id])  # type: ignore[list-item]

    @declared_attr
    def team(cls) -> Mapped["Team | None"]:  # noqa: N805
        return relationship("Team", foreign_keys=[cls.team_id])  # type: ignore[list-item]


def index_where(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Return an index of the rows that meet a condition in SQL, on both databases."""
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))
