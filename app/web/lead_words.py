"""The clock of a lead in words: how long somebody has been waiting, and how much time is left."""

from datetime import datetime

from markupsafe import Markup

from app.i18n import gettext as _
from app.i18n import ngettext
from app.models.lead import Lead
from app.models.notification import NotificationKind
from app.services.working_time import Calendar

HOUR, DAY = 60, 480  # a working day has eight hours
SOON = 10  # minutes


def lasting(minutes: int) -> str:
    """Return a time of work in words: minutes, hours or working days."""
    if minutes < HOUR:
        return ngettext("%(num)s minute", "%(num)s minutes", minutes)
    if minutes < DAY:
        return ngettext("%(num)s hour", "%(num)s hours", minutes // HOUR)
    return ngettext("%(num)s working day", "%(num)s working days", minutes // DAY)


def norm(minutes: int | None) -> str | Markup:
    """Return a norm in words, a dash for none."""
    return lasting(minutes) if minutes else Markup('<span class="muted" aria-hidden="true">—</span>')


def clock(lead: Lead, hours: Calendar, *, at: datetime) -> tuple[str, str]:
    """Return how a lead's clock stands: a word for its colour ("late", "soon", "due", "done", "none") and the words."""
    if lead.response_minutes == 0:
        return "done", _("answered at once")
    if lead.response_minutes is not None:
        return "done", _("answered after %(time)s", time=lasting(lead.response_minutes))
    if not lead.waits or lead.respond_by is None:
        return "none", ""
    left = hours.between(at, lead.respond_by)
    if lead.respond_by <= at:
        return "late", _("%(time)s too late", time=lasting(-left))
    return ("soon" if left <= SOON else "due"), _("%(time)s left", time=lasting(left))


def clock_cell(lead: Lead, hours: Calendar, *, at: datetime) -> Markup:
    """Return the clock as safe HTML for lists and cards."""
    kind, words = clock(lead, hours, at=at)
    if not words:
        return Markup('<span class="muted" aria-hidden="true">—</span>')
    return Markup('<span class="lead-clock lead-{}">{}</span>').format(kind, words)


def told(kind: NotificationKind, said: str) -> str:
    """Return how much time is left, or how long somebody has been waiting, as a notification says it."""
    minutes = int(said) if said.isascii() and said.isdecimal() else 0
    if kind is NotificationKind.lead_waits:
        return _("%(time)s left", time=lasting(minutes))
    return _("Waiting for %(time)s of working time", time=lasting(minutes))
