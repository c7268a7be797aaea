"""Tags: words that people put on records of any kind to find them together."""

from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Connection, ForeignKey, Index, String, Text, UniqueConstraint, delete, event
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import Choice, Key
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.base import Entity, Line

LONGEST = 40


class TagColour(StrEnum):
    """The palette: names, since the shades of a name differ by day and by night."""

    grey = "grey"
    red = "red"
    orange = "orange"
    yellow = "yellow"
    green = "green"
    teal = "teal"
    blue = "blue"
    violet = "violet"
    pink = "pink"


label(
    TagColour,
    grey=_l("Grey"),
    red=_l("Red"),
    orange=_l("Orange"),
    yellow=_l("Yellow"),
    green=_l("Green"),
    teal=_l("Teal"),
    blue=_l("Blue"),
    violet=_l("Violet"),
    pink=_l("Pink"),
)


class Tag(Entity):
    """A word with a colour; `name_key` is its folded spelling, so that "VIP" and "vip" are one tag."""

    __tablename__ = "tag"
    __stem__ = "tag"
    __table_args__ = (CheckConstraint("length(trim(name)) > 0", name="name_filled"),)

    name: Mapped[str] = mapped_column(String(LONGEST))
    name_key: Mapped[str] = mapped_column(Text(), unique=True, info={"internal": True})
    colour: Mapped[TagColour] = mapped_column(Choice(TagColour), default=TagColour.grey)

    def __str__(self) -> str:
        return self.name


class Tagging(Line):
    """A tag on a record, whose rights decide who sees it. Shape: `entity` and `record_id` name the record."""

    __tablename__ = "tagging"
    __table_args__ = (
        UniqueConstraint("entity", "record_id", "tag_id"),
        Index("ix_tagging_tag_id_entity_record_id", "tag_id", "entity", "record_id"),
    )

    entity: Mapped[str] = mapped_column(String(40))
    record_id: Mapped[int] = mapped_column(Key)
    tag_id: Mapped[int] = mapped_column(ForeignKey("tag.id", ondelete="CASCADE"))
    tag: Mapped["Tag"] = relationship("Tag")


def _take_along(_mapper: Any, connection: Connection, record: Any) -> None:  # noqa: ANN401 -- any mapped record
    """Take the tags off a record that is deleted."""
    about = delete(Tagging).where(Tagging.entity == record.__stem__, Tagging.record_id == record.id)
    connection.execute(about)


event.listen(Entity, "after_delete", _take_along, propagate=True)
