"""How soon leads were answered: of those that came in a period, by person, source or channel.

Minutes are those of working time until the first answer, as each lead keeps them; the median is exact. "In time" is
what was answered before its limit, of those that had one and were answered, or wait past it. Leads that are held back,
or were merged into others, do not count.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import and_, case, func, select
from sqlalchemy.orm import Session

from app.i18n import gettext as _
from app.i18n import label_of
from app.i18n import lazy_gettext as _l
from app.models.lead import OPEN, Lead, LeadState
from app.models.lead_source import LeadSource
from app.services import report_frame as frame
from app.services.report_frame import (
    PERSON,
    TEAM,
    Asked,
    Asks,
    Behind,
    Column,
    Drawing,
    Group,
    Kind,
    Parameter,
    Report,
    Result,
    Row,
)
from app.services.report_funnel import bounds

PERIOD = Parameter("period", _l("Received in"), Asks.period, usual="this_year")
WAYS = (("person", _l("Person")), ("source", _l("Source")), ("channel", _l("Channel")))
BY = Parameter("by", _l("By"), Asks.choice, usual="person", choices=WAYS)
LEFT_OUT = (LeadState.held, LeadState.merged)


@dataclass
class Sum:
    """The answers to the leads of one person, source or channel."""

    name: str
    leads: int = 0
    in_time: int = 0
    late: int = 0
    minutes: Counter[int] = field(default_factory=Counter)


def find(session: Session, asked: Asked) -> Result:
    """Return the times of answers; one statement."""
    begins, ends = bounds(asked["period"], asked)
    is_in_time = case((Lead.responded_at <= Lead.respond_by, 1), else_=0)
    is_waiting = and_(Lead.state.in_(OPEN), Lead.responded_at.is_(None), Lead.respond_by < asked.at)
    is_late = case((Lead.responded_at > Lead.respond_by, 1), (is_waiting, 1), else_=0)
    keys: dict[str, tuple[Any, ...]] = {
        "person": (Lead.owner_id.label("key"), User.first_name, User.last_name),
        "source": (Lead.source_id.label("key"), LeadSource.name),
        "channel": (Lead.channel.label("key"),),
    }
    by = keys[asked["by"]]
    counts = (func.count(Lead.id), func.sum(is_in_time), func.sum(is_late))
    wanted = select(Lead.response_minutes, *counts, *by).where(
        Lead.state.not_in(LEFT_OUT),
        Lead.received_at >= begins,
        Lead.received_at < ends,
        *frame.cut(session, asked, Lead),
    )
    if asked["by"] == "person":
        wanted = wanted.outerjoin(User, User.id == Lead.owner_id)
    elif asked["by"] == "source":
        wanted = wanted.outerjoin(LeadSource, LeadSource.id == Lead.source_id)
    found: dict[Any, Sum] = {}
    for row in session.execute(wanted.group_by(Lead.response_minutes, *by)):
        minutes, leads, in_time, late, key = row[:5]
        one = found.setdefault(key, Sum(_name(asked["by"], row)))
        one.leads, one.in_time, one.late = one.leads + leads, one.in_time + in_time, one.late + late
        if minutes is not None:
            one.minutes[minutes] += leads
    heads = (
        Column("key", dict(WAYS)[asked["by"]]),
        Column("leads", _l("Leads"), Kind.number),
        Column("answered", _l("Answered"), Kind.number),
        Column("answered_share", _l("Answered, share"), Kind.percent),
        Column("median", _l("Median until the answer"), Kind.minutes),
        Column("mean", _l("Mean until the answer"), Kind.minutes),
        Column("in_time", _l("In time, share"), Kind.percent),
        Column("late", _l("Late or past the limit"), Kind.number),
    )
    ordered = sorted(found.items(), key=lambda pair: (-pair[1].leads, pair[1].name))
    rows = [Row(_values(one), behind={"leads": _behind(asked, key)}) for key, one in ordered]
    if not rows:
        return Result(heads, [])
    whole = Sum(_("Total"))
    for one in found.values():
        whole.leads, whole.in_time, whole.late = (
            whole.leads + one.leads,
            whole.in_time + one.in_time,
            whole.late + one.late,
        )
        whole.minutes += one.minutes
    notes = [_("Times are working time; held back and merged leads do not count.")]
    return Result(heads, rows, [Row(_values(whole))], notes, Drawing("key", ("leads",)))


def _values(one: Sum) -> tuple[Any, ...]:
    answered = one.minutes.total()
    return (
        one.name,
        one.leads,
        answered,
        frame.share(answered, one.leads),
        frame.median(one.minutes),
        frame.mean(sum(minutes * count for minutes, count in one.minutes.items()), answered),
        frame.share(one.in_time, one.in_time + one.late),
        one.late,
    )


def _name(by: str, row: Any) -> str:  # noqa: ANN401 -- a row of leads
    if by == "person":
        return f"{row.first_name or ''} {row.last_name or ''}".strip() or _("Nobody")
    if by == "source":
        return row.name or _("Unknown source")
    return label_of(row.key)


def _behind(asked: Asked, key: Any) -> Behind:  # noqa: ANN401
    begins, ends = (moment.isoformat() for moment in bounds(asked["period"], asked))
    column = {"person": "owner", "source": "source", "channel": "channel"}[asked["by"]]
    one = (f"{column}.empty", "1") if key is None else (f"{column}.eq", str(getattr(key, "value", key)))
    others = [pair for pair in frame.whose(asked) if not pair[0].startswith(f"{column}.")]
    states = ",".join(state.value for state in LeadState if state not in LEFT_OUT)
    return Behind("lead", (("received_at.ge", begins), ("received_at.lt", ends), ("state.in", states), *others, one))


REPORT = Report(
    "response",
    Group.deals,
    _l("Answers to leads"),
    _l("How soon leads were answered, and how many in time, by person, source or channel."),
    ("lead",),
    (PERIOD, BY, TEAM, PERSON),
    find,
)
