"""The unsorted leads: what waits longest first, to be accepted, rejected or merged with a key each."""

from dataclasses import dataclass
from typing import Any

from flask import request
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, permission_name
from sqlalchemy import func, nulls_last, select
from sqlalchemy.orm import joinedload

from app import clock
from app.db import db
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.lead import Lead, LeadRejection, LeadState
from app.services import working_time
from app.services.row_condition import WALKS
from app.web import lead_words, menu

ORDER = 11
MOST = 50


@dataclass(frozen=True)
class Waiting:
    """One lead with its clock in words and its twin among those shown, if it has one."""

    lead: Lead
    kind: str
    words: str
    twin: Lead | None


class UnsortedView(BaseView):
    """The inbox of leads."""

    route_base = "/unsorted"
    class_permission_name = "lead"
    default_view = "waiting"
    many_name = _l("Unsorted leads")

    @expose("/")
    @has_access
    @permission_name("see")
    def waiting(self) -> str:
        """Show what waits to be sorted; those that are held back on demand."""
        state = LeadState.held if request.args.get("held") else LeadState.new
        session, at = db.session(), clock.now()
        found = select(Lead).where(Lead.state == state).options(joinedload(Lead.source), joinedload(Lead.owner))
        found = found.order_by(nulls_last(Lead.respond_by), Lead.received_at, Lead.id).limit(MOST)
        rows = list(session.execute(found.execution_options(**{WALKS: True})).unique().scalars())
        counted = select(Lead.state, func.count()).where(Lead.state.in_((LeadState.new, LeadState.held)))
        counts = {row[0]: row[1] for row in session.execute(counted.group_by(Lead.state))}
        hours = working_time.load(session)
        return str(
            self.render_template(
                "web/unsorted.html",
                title=_("Unsorted leads"),
                waiting=[self._told(lead, rows, hours, at=at) for lead in rows],
                state=state,
                counts={each.value: count for each, count in counts.items()},
                reasons=list(LeadRejection),
                may={verb: self.appbuilder.sm.may("lead", verb) for verb in ("accept", "reject", "merge", "release")},
            )
        )

    @staticmethod
    def _told(lead: Lead, rows: list[Lead], hours: working_time.Calendar, *, at: Any) -> Waiting:
        kind, words = lead_words.clock(lead, hours, at=at)
        same = (
            each
            for each in rows
            if each.id < lead.id
            and any(
                getattr(each, name) and getattr(each, name) == getattr(lead, name)
                for name in ("phone", "email", "messenger")
            )
        )
        return Waiting(lead, kind, words, next(same, None))


def register(appbuilder: Any) -> None:
    """Register the screen."""
    menu.place(appbuilder, UnsortedView, "unsorted", label=_l("Unsorted leads"), group="sales", icon="inbox")
