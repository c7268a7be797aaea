"""What screens say of exports: of which records they are, where their list stands, what an alarm tells."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from flask import current_app

from app.i18n import gettext as _
from app.models.export_run import ExportRun
from app.web.cells import whole


def many_of(entity: str) -> str:
    """Return the word for many records of a kind, the stem where no screen has one."""
    screens: Any = current_app.extensions["appbuilder"].baseviews
    named = (str(each.many_name) for each in screens if each.route_base == f"/{entity}" and hasattr(each, "many_name"))
    return next(named, entity)


def place(run: ExportRun) -> str:
    """Return the address of the list of what its person took away on the days of an alarm."""
    last = run.alarmed_at or run.created_at
    first = last.date() - timedelta(days=1)
    args = {"flt.owner.eq": run.owner_id, "flt.created_at.ge": first.isoformat(), "order": "-created_at"}
    return f"/export_run/list/?{urlencode(args)}"


def told(said: str) -> str:
    """Return an alarm's figures in words; `said` is "12345 300", or "12345 -" for somebody without a usual day."""
    now, _space, usual = said.partition(" ")
    if not now.isdecimal():
        return ""
    if not usual.isdecimal():
        return _("%(rows)s rows in 24 hours, and there is no usual day to compare with yet", rows=whole(int(now)))
    return _("%(rows)s rows in 24 hours; usual are %(usual)s a day", rows=whole(int(now)), usual=whole(int(usual)))
