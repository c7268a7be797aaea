"""Sharing of one record: the verb that every kind of record with an owner has, on screen and over REST."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask_appbuilder.security.sqla.models import User
from marshmallow import fields

from app.i18n import lazy_gettext as _l
from app.models.base import Entity, Owned
from app.models.record_share import ShareLevel
from app.models.team import Team
from app.services import share as shares
from app.web.schema import LinkedField, MemberField
from app.web.verbs import Verb

SHARE = "share"
ARGUMENTS: Mapping[str, Any] = {
    "user": LinkedField(User),
    "team": LinkedField(Team),
    "level": MemberField(ShareLevel, required=True),
    "ends_on": fields.Date(metadata={"example": "2026-12-31"}),
}
VERB = Verb(
    SHARE,
    shares.share,
    label=_l("Share with colleagues"),
    icon="user-plus",
    arguments=ARGUMENTS,
    offered=lambda _record: {"level": ShareLevel.see, "ends_on": None},
    needs_time=True,
    needs_actor=True,
)


@dataclass(frozen=True)
class Shared:
    """Somebody with whom the record of a card is shared: `field` and `key` name him to the verb."""

    field: str
    key: int
    name: str
    may_change: bool
    ends_on: date | None


def is_shared(entity: type[Any]) -> bool:
    """Say whether records of an entity may be shared one by one."""
    return issubclass(entity, Entity) and issubclass(entity, Owned) and entity.__is_shared__


def with_share(entity: type[Any], verbs: Sequence[Verb]) -> list[Verb]:
    """Return the verbs of a kind of records, with sharing where they may be shared."""
    has_it = any(verb.name == SHARE for verb in verbs)
    return [*verbs, VERB] if is_shared(entity) and not has_it else list(verbs)


def of_rows(rows: Sequence[Any]) -> list[Shared]:
    """Return with whom a record is shared, by name, out of the statement about a card's margin."""
    fields_of = {shares.PERSON: "user", shares.GROUP: "team"}
    found = []
    for row in rows:
        if row.what in fields_of:
            level, _space, day = row.colour.partition(" ")
            ends_on = date.fromisoformat(day) if day else None
            found.append(Shared(fields_of[row.what], row.number, row.word, level == "change", ends_on))
    return sorted(found, key=lambda one: one.name.casefold())
