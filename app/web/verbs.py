"""Verbs: acts of a service that a button and a REST address share.

`POST /<stem>/<id>/<verb>` (the button) and `POST /api/v1/<stem>/<id>/<verb>` run the same function in one unit of
work, behind the right `can_<verb>` of the area. A view and an API name the same list of verbs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from app import clock
from app.db import unit_of_work
from app.errors import Conflict, DomainError, NotFound
from app.i18n import gettext as _
from app.roles import ACT
from app.services import access
from app.services.allocation import When
from app.web.records import refused_by_database

Act = Callable[..., Any]


class ForMany(NamedTuple):
    """What the bar over the ticked records of a list offers: a button that sends them to `/many/<name>`."""

    name: str
    label: Any
    icon: str
    confirm: Any = None
    danger: bool = False


@dataclass(frozen=True)
class Verb:
    """One act on one record.

    `act(session, record, **arguments)` is the service's function; `when(record)` says whether it is possible now
    (the button shows only then); `confirm` asks first; `arguments` maps names of inputs to marshmallow fields.
    `fits(record)` says whether such a record ever has the verb; `why(record)` is the reason why it is not possible now,
    in the words of the service's own check, None when it is; `to` is the state that it leads to; `undo` names the verb
    that takes it back.
    `needs_time` and `needs_actor` pass `at=` and `by=`; `needs_when` passes both, with the argument `on`, as one
    `when=`. `offered(record)` are the values that the button's dialog begins with.
    """

    name: str
    act: Act
    label: Any
    icon: str = "check"
    when: Callable[[Any], bool] = field(default=lambda _record: True)
    confirm: Any = None
    danger: bool = False
    arguments: Mapping[str, Any] = field(default_factory=dict)
    needs_time: bool = False
    needs_actor: bool = False
    needs_when: bool = False
    offered: Callable[[Any], Mapping[str, Any]] = field(default=lambda _record: {})
    primary: bool = False
    fits: Callable[[Any], bool] = field(default=lambda _record: True)
    why: Callable[[Any], str | None] | None = None
    to: Any = None
    undo: str = ""
    ends: bool = False

    def for_many(self) -> ForMany:
        """Return its button in the bar over the ticked records."""
        return ForMany(self.name, self.label, self.icon, self.confirm, self.danger)

    def refused(self, record: Any) -> str | None:
        """Return why the act is not possible now, None when nothing is known against it."""
        text = self.why(record) if self.why is not None else None
        if text is None and not self.when(record):
            text = _("This cannot be done at present")
        return text


def reason(check: Callable[..., None], *arguments: Any, **named: Any) -> str | None:
    """Return the text with which a service's check refuses, None when it does not."""
    try:
        check(*arguments, **named)
    except DomainError as refusal:
        return " ".join(dict.fromkeys(str(refusal).splitlines()))
    return None


def run(session: Session, verb: Verb, find: Callable[[], Any], given: Mapping[str, Any]) -> Any:
    """Do the act in one unit of work and return its result.

    Raises NotFound when the record is not there, NotAllowed when the actor only sees it, Conflict when somebody was
    quicker, and as DomainError what the rules or the database refuse.
    """
    record: Any = None
    try:
        with unit_of_work(session):
            record = find()
            if record is None:
                raise NotFound
            access.require(session, record, ACT)
            result = verb.act(session, record, **told(session, verb, given, at=clock.now()))
            session.flush()
            return result
    except StaleDataError:
        raise Conflict from None
    except (IntegrityError, DataError) as error:
        raise refused_by_database(error, type(record).__table__) from None


def told(session: Session, verb: Verb, given: Mapping[str, Any], *, at: datetime) -> dict[str, Any]:
    """Return a verb's arguments with the moment and the actor where it needs them."""
    found: dict[str, Any] = dict(given)
    if verb.needs_time:
        found["at"] = at
    if verb.needs_actor:
        found["by"] = access.required(session)
    if verb.needs_when:
        found["when"] = When(at=at, on=found.pop("on", None), by=access.required(session))
    return found
