"""Verbs: acts of a service that a button and a REST address share.

`POST /<stem>/<id>/<verb>` (the button) and `POST /api/v1/<stem>/<id>/<verb>` run the same function in one unit of
work, behind the right `can_<verb>` of the area. A view and an API name the same list of verbs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from app import clock
from app.db import unit_of_work
from app.errors import Conflict, NotFound
from app.services import access
from app.services.allocation import When
from app.web.records import refused_by_database

Act = Callable[..., Any]


@dataclass(frozen=True)
class Verb:
    """One act on one record.

    `act(session, record, **arguments)` is the service's function; `when(record)` says whether it is possible now
    (the button shows only then); `confirm` asks first; `arguments` maps names of inputs to marshmallow fields.
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


def run(session: Session, verb: Verb, find: Callable[[], Any], given: Mapping[str, Any]) -> Any:
    """Do the act in one unit of work and return its result.

    Raises NotFound when the record is not there, Conflict when somebody else was quicker, and as DomainError what
    the rules or the database refuse.
    """
    record: Any = None
    try:
        with unit_of_work(session):
            record = find()
            if record is None:
                raise NotFound
            told: dict[str, Any] = dict(given)
            if verb.needs_time:
                told["at"] = clock.now()
            if verb.needs_actor:
                told["by"] = access.required(session)
            if verb.needs_when:
                told["when"] = When(at=clock.now(), on=told.pop("on", None), by=access.required(session))
            result = verb.act(session, record, **told)
            session.flush()
            return result
    except StaleDataError:
        raise Conflict from None
    except (IntegrityError, DataError) as error:
        raise refused_by_database(error, type(record).__table__) from None
