"""One's own day, and the day of the people whom one leads."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, permission_name
from flask_babel import format_date
from sqlalchemy import select

from app import clock
from app.db import db
from app.i18n import gettext as _
from app.i18n import language
from app.i18n import lazy_gettext as _l
from app.models.activity import Activity, ActivityKind
from app.models.party import Party
from app.models.sales_plan import SalesPlan
from app.services import access, day, field_right, plan_fact, working_time
from app.web import day_marks, menu, overdue, plan_page, record_names
from app.web.fields import date_example
from app.web.locale import choose_time_zone

ORDER = 1


class DayView(BaseView):
    """What is to be done today."""

    route_base = "/day"
    class_permission_name = Activity.__stem__
    default_view = "day"

    @expose("/", methods=["GET"])
    @has_access
    @permission_name("see")
    def day(self) -> str:
        """Show what the reader has to do: what is late, today, the next days, what has no date."""
        session, at = db.session(), clock.now()
        actor = access.required(session)
        zone = ZoneInfo(choose_time_zone())
        found = day.of(session, actor, at=at, zone=zone)
        record_names.remember(found.every)
        today = at.astimezone(zone).date()
        holiday = working_time.load(session, user_id=actor.user_id).holiday(today, language=language())
        sections = [
            ("late", _("What is late"), found.late, found.late_count),
            ("today", _("Today"), found.today, len(found.today)),
            ("ahead", _("Next 7 days"), found.ahead, len(found.ahead)),
            ("undated", _("Without a date"), found.undated, len(found.undated)),
        ]
        return str(
            self.render_template(
                "web/day.html",
                title=_("My day"),
                told_day=format_date(today, "full"),
                sections=sections,
                done_today=found.done_today,
                most=day.MOST_AHEAD if found.is_cut else 0,
                phones=_phones(found.every),
                holiday=holiday,
                away=[text for text, _begins, _ends in day_marks.absences(session, today, today)],
                leads=day.leads(actor),
                me=actor.user_id,
                due=lambda one: overdue.due(one.due_at, at=at, is_all_day=one.is_all_day),
                late=lambda one: overdue.overdue_at(one.due_at, at=at, is_all_day=one.is_all_day),
                about=record_names.link_of,
                may=self.may,
                example=f"{date_example()} 14:30",
            )
        )

    @expose("/team", methods=["GET"])
    @has_access
    @permission_name("see")
    def team(self) -> str:
        """Show the day of the people whom the reader leads; each number leads to its activities."""
        session, at = db.session(), clock.now()
        actor = access.required(session)
        zone = ZoneInfo(choose_time_zone())
        today = at.astimezone(zone).date()
        people = day.of_team(session, actor, at=at, zone=zone, on=today) if day.leads(actor) else []
        sees_plans = bool(people) and bool(self.appbuilder.sm.may(SalesPlan.__stem__, "see"))
        return str(
            self.render_template(
                "web/day_team.html",
                title=_("Day of the team"),
                told_day=format_date(today, "full"),
                people=people,
                leads=day.leads(actor),
                plans=plan_fact.by_person(session, at=at) if sees_plans else {},
                told=plan_page.told,
                bar=plan_page.bar,
            )
        )

    def may(self, verb: str) -> bool:
        """Say whether the reader has a verb of activities."""
        return bool(self.appbuilder.sm.may(Activity.__stem__, verb))


def _phones(shown: Sequence[Activity]) -> dict[int, str]:
    """Return the telephone numbers of the parties to be called, by activity, as far as the reader may see them."""
    session = db.session()
    calls = {one.id: one.record_id for one in shown if one.kind is ActivityKind.call and one.entity == Party.__stem__}
    if not calls or "phone" in field_right.hidden(session, Party) or not access.required(session).has(Party.__stem__):
        return {}
    asked = select(Party.id, Party.phone).where(Party.id.in_(set(calls.values())), Party.phone.is_not(None))
    numbers = {row.id: row.phone for row in session.execute(asked)}
    return {key: numbers[party_id] for key, party_id in calls.items() if party_id in numbers}


def register(appbuilder: Any) -> None:
    """Register the pages."""
    menu.place(appbuilder, DayView, "day", label=_l("My day"), group="", icon="sun")
