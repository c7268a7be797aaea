"""The secret address of one's calendar: made, shown once and made void in one's settings; read by other programs."""

from typing import Any

from flask import Response, abort, current_app, flash, g, redirect, request
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, permission_name

from app import clock
from app.db import db, unit_of_work
from app.documents import ical
from app.i18n import gettext as _
from app.i18n import in_language, label_of
from app.models.activity import Activity, ActivityState
from app.services import access
from app.services import calendar_feed as feeds
from app.services import user as users
from app.web import record_names

HOME = "/profile/calendar/"
KEPT_MINUTES = 5  # so long a program need not ask again


class CalendarView(BaseView):
    """One's own calendar address, and how one is reminded."""

    route_base = "/profile/calendar"
    class_permission_name = "profile"
    default_view = "index"

    @expose("/", methods=["GET"])
    @has_access
    @permission_name("see")
    def index(self) -> str:
        """Show whether there is an address, when it was read last, and how one is reminded."""
        return self._page()

    @expose("/make", methods=["POST"])
    @has_access
    @permission_name("see")
    def make(self) -> Any:
        """Make an address, and show it this once; the one before is void."""
        with unit_of_work(db.session()) as work:
            token = feeds.make(work, g.user.id, at=clock.now())
        answer = Response(self._page(address=f"{current_app.config['CRM_PUBLIC_URL']}/calendar/feed/{token}.ics"))
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @expose("/revoke", methods=["POST"])
    @has_access
    @permission_name("see")
    def revoke(self) -> Any:
        """Make the address void."""
        with unit_of_work(db.session()) as work:
            feeds.revoke(work, g.user.id)
        flash(_("The address is void; programs that use it get nothing any more."), "success")
        return redirect(HOME)

    @expose("/reminders", methods=["POST"])
    @has_access
    @permission_name("see")
    def reminders(self) -> Any:
        """Keep whether one is reminded by mail too."""
        with unit_of_work(db.session()) as work:
            users.ensure_profile(work, g.user.id).reminders_by_mail = request.form.get("by_mail") == "1"
        flash(_("Your settings are saved."), "success")
        return redirect(HOME)

    def _page(self, address: str = "") -> str:
        session = db.session()
        profile = g.user.profile
        return str(
            self.render_template(
                "web/calendar_feed.html",
                title=_("My calendar and reminders"),
                feed=feeds.of(session, g.user.id),
                address=address,
                by_mail=bool(profile is not None and profile.reminders_by_mail),
            )
        )


class FeedView(BaseView):
    """The calendar itself, for programs that know its secret address and nothing else of us."""

    route_base = "/calendar/feed"
    default_view = "feed"

    @expose("/<token>.ics", methods=["GET"])
    def feed(self, token: str) -> Response:
        """Answer with the calendar of the address's owner; an unknown address is not there."""
        session, at = db.session(), clock.now()
        owner = feeds.owner_of(session, token)
        if owner is None:
            abort(404)
        found = feeds.activities(session, owner, at=at)
        with access.acting(session, owner.actor), in_language(owner.language):
            names = record_names.names_of(
                session, [(one.entity, one.record_id) for one in found if one.entity and one.record_id]
            )
            entries = [_entry(one, names) for one in found]
        if feeds.is_news(session, owner, at=at):
            with unit_of_work(session) as work:
                feeds.was_read(work, owner, at=at)
        answer = Response(ical.calendar(owner.name, entries, time_zone=owner.time_zone), mimetype="text/calendar")
        answer.headers["Cache-Control"] = f"private, max-age={KEPT_MINUTES * 60}"
        answer.headers["X-Robots-Tag"] = "noindex"
        return answer


def _entry(one: Activity, names: dict[tuple[str, int], str]) -> ical.Entry:
    about = names.get((one.entity or "", one.record_id or 0), "")
    title = f"{label_of(one.kind)}: {one.subject}" + (f" · {about}" if about else "")
    assert one.due_at is not None  # noqa: S101 -- the query asks for those that have a time
    return ical.Entry(
        key=f"activity-{one.id}",
        title=title,
        text=one.result or one.body or "",
        begins_at=one.due_at,
        is_all_day=one.is_all_day,
        minutes=one.duration_minutes,
        recurrence=one.recurrence,
        is_done=one.state is ActivityState.done,
        changed_at=one.changed_at,
        version=one.version,
    )


def register(appbuilder: Any) -> None:
    """Register the pages."""
    appbuilder.add_view_no_menu(CalendarView)
    appbuilder.add_view_no_menu(FeedView)
