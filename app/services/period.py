"""Closed periods: nothing dated on or before an organisation's lock date changes any more."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.organisation import Organisation


def today(organisation: Organisation, at: datetime) -> date:
    """Return the day that it is for an organisation at a moment."""
    return at.astimezone(ZoneInfo(organisation.time_zone)).date()


def is_locked(organisation: Organisation, day: date) -> bool:
    """Say whether a day lies in a closed period."""
    return organisation.lock_date is not None and day <= organisation.lock_date


def refuse_locked(organisation: Organisation, day: date, field: str | None = None) -> None:
    """Raise DomainError when a day lies in a closed period."""
    if is_locked(organisation, day):
        raise DomainError(
            _("The period up to %(day)s is closed", day=str(organisation.lock_date)),
            field=field,
        )


def hold(session: Session, *organisations: Organisation) -> None:
    """Keep the periods of organisations from being closed or opened until the transaction ends, and read them anew."""
    for organisation in sorted(set(organisations), key=lambda each: each.id):
        if not inspect(organisation).attrs.lock_date.history.has_changes():
            held = select(Organisation.lock_date).where(Organisation.id == organisation.id).with_for_update(read=True)
            set_committed_value(organisation, "lock_date", session.execute(held).scalar_one())


def lock(session: Session, organisation: Organisation, *, until: date | None, at: datetime) -> None:  # noqa: ARG001
    """Close everything up to a day, or open it again with an earlier day or none.

    The move stands in the organisation's history. Raises DomainError for a day that is not over yet.
    """
    if until is not None and until >= today(organisation, at):
        raise DomainError(_("Only days that are over can be closed"), field="until")
    organisation.lock_date = until
