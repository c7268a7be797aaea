"""Notifications: the bell's last ones, the page of all, what each person wants to be told of."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask import abort, current_app, flash, g, redirect, request
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, permission_name
from flask_appbuilder.security.sqla.models import ApiKey, User
from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from app import clock
from app.db import db, unit_of_work
from app.i18n import gettext as _
from app.i18n import label_of
from app.models.base import entity_of
from app.models.handover import Handover
from app.models.notification import ALWAYS, Notification, NotificationKind
from app.services import access
from app.services import activity as activities
from app.services import notification as notifications
from app.services.key_notice import KEY
from app.web import export_words, lead_words, timeline
from app.web.cells import card_url, day

LAST = 10  # in the bell
PAGE = 40
Named = dict[tuple[str, int], Any]  # records that the reader may see


@dataclass(frozen=True)
class Told:
    """One notification in words; what the reader may no longer see is not named and leads nowhere."""

    id: int
    text: str
    record: str
    more: str
    made_at: datetime
    is_read: bool
    is_open: bool


class NotificationView(BaseView):
    """What the reader was told."""

    route_base = "/notification"
    class_permission_name = "profile"  # everybody who has settings of his own has notifications
    default_view = "list"

    @expose("/list/")
    @has_access
    @permission_name("see")
    def list(self) -> str:
        """Show all notifications, the newest first."""
        before = request.args.get("before", "")
        key = int(before) if before.isascii() and before.isdecimal() and len(before) <= 18 else None  # noqa: PLR2004
        found = _found(before=key, most=PAGE + 1)
        return str(
            self.render_template(
                "web/notifications.html",
                title=_("Notifications"),
                told=in_words(db.session(), found[:PAGE], self._may),
                earlier=found[PAGE - 1].id if len(found) > PAGE else None,
                has_new=bool(unread()),
            )
        )

    @expose("/recent")
    @has_access
    @permission_name("see")
    def recent(self) -> str:
        """Show the last notifications, for the bell."""
        told = in_words(db.session(), _found(most=LAST), self._may)
        return str(self.render_template("web/notification_rows.html", told=told))

    @expose("/<int:told_id>/open", methods=["POST"])
    @has_access
    @permission_name("see")
    def open(self, told_id: int) -> Any:
        """Mark a notification as read and lead to what it is about."""
        with unit_of_work(db.session()) as session:
            found = notifications.read(session, told_id, user_id=g.user.id, at=clock.now()) if told_id < 2**63 else None
            if found is None:
                abort(404)
            about, is_received = (found.entity, found.record_id, found.activity_id, found.kind), _is_of_handover(found)
        if is_received:
            return redirect(f"/received/{about[1]}")
        record = self._record(about[0], about[1])
        if isinstance(record, ApiKey):
            return redirect("/key/list/")
        if record is None:
            flash(_("What this was about is gone, or you no longer see it."), "warning")
            return redirect("/notification/list/")
        return redirect(export_words.place(record) if about[3] in ALWAYS else self._place(record, about[2]))

    def _place(self, record: Any, activity_id: int | None) -> str:
        """Return the address of the card, at the note where there is one, however long ago it was written."""
        if activity_id is None:
            return card_url(record)
        session = db.session()
        reader = timeline.Reader(access.required(session), self._may, clock.now())
        query = ""
        if not timeline.page(session, record, {}, reader).holds(activity_id):
            query = f"?after={timeline.place_of(session, record, activity_id)}".replace("+", "%2B")
        return f"{card_url(record)}{query}#note-{activity_id}"

    @expose("/read", methods=["POST"])
    @has_access
    @permission_name("see")
    def read(self) -> Any:
        """Mark all notifications as read."""
        with unit_of_work(db.session()) as session:
            notifications.read_all(session, user_id=g.user.id, at=clock.now())
        return redirect("/notification/list/")

    @expose("/settings", methods=["GET", "POST"])
    @has_access
    @permission_name("see")
    def settings(self) -> Any:
        """Show and store what the reader wants to be told of."""
        if request.method == "POST":
            chosen = {kind for kind in NotificationKind if kind.value in request.form.getlist("kind")}
            with unit_of_work(db.session()) as session:
                notifications.want(session, chosen, user_id=g.user.id)
            flash(_("Your settings are saved."), "success")
            return redirect("/notification/settings")
        wanted = notifications.wanted(db.session(), g.user.id)
        about = {
            "title": _("What I am told of"),
            "kinds": [each for each in NotificationKind if each not in ALWAYS],
            "wanted": wanted,
        }
        return self.render_template("web/notifications.html", **about)

    def _may(self, area: str) -> bool:
        return bool(self.appbuilder.sm.may(area, "see"))

    def _record(self, stem: str, key: int) -> Any:
        if stem == KEY:
            return _own_keys(db.session(), {key}).get((KEY, key))
        entity = entity_of(stem)
        return access.get(db.session(), entity, key) if entity is not None and self._may(stem) else None


def unread() -> int | None:
    """Return how many notifications the reader has not read, None for those who have no bell."""
    appbuilder: Any = current_app.extensions["appbuilder"]
    if not g.user.is_authenticated or not appbuilder.sm.may("profile", "see"):
        return None
    return notifications.unread(db.session(), g.user.id)


def _found(*, most: int, before: int | None = None) -> "list[Notification]":
    return [*db.session.execute(notifications.of(g.user.id, before=before).limit(most)).scalars()]


def in_words(session: Session, found: "list[Notification]", may: Any) -> "list[Told]":
    """Return notifications as the reader may read them."""
    named = _named(session, found, may)
    people = _people(session, found)
    return [_told(one, named.get((one.entity, one.record_id)), people) for one in found]


def _named(session: Session, found: "list[Notification]", may: Any) -> Named:
    """Return the records that notifications are about, one statement per kind of record."""
    wanted: dict[str, set[int]] = {}
    for one in found:
        wanted.setdefault(one.entity, set()).add(one.record_id)
    named: Named = {}
    named |= _own_keys(session, wanted.pop(KEY, set()))
    for stem, keys in wanted.items():
        entity = entity_of(stem)
        if entity is not None and may(stem):
            seen = session.execute(select(entity).where(inspect(entity).primary_key[0].in_(keys))).unique().scalars()
            named |= {(stem, record.id): record for record in seen}
    return named


def _own_keys(session: Session, keys: set[int]) -> Named:
    """Return which of these keys for REST are the reader's."""
    found = select(ApiKey).where(ApiKey.id.in_(keys), ApiKey.user_id == g.user.id) if keys else None
    return {(KEY, key.id): key for key in session.execute(found).unique().scalars()} if found is not None else {}


def _people(session: Session, found: "list[Notification]") -> dict[int, str]:
    """Return the names of those whom the notes mention."""
    bodies = [one.activity.body or "" for one in found if one.activity is not None]
    keys = {int(mention[1]) for body in bodies for mention in activities.MENTION.finditer(body)}
    if not keys:
        return {}
    named = select(User.id, User.first_name, User.last_name).where(User.id.in_(keys))
    return {row.id: f"{row.first_name} {row.last_name}".strip() for row in session.execute(named)}


def _told(one: Notification, record: Any, people: dict[int, str]) -> Told:
    who = str(one.by) if one.by is not None else _("System")
    if _is_of_handover(one):
        return _told_of_handover(one, who)
    text = {
        NotificationKind.mention: _("%(who)s mentions you", who=who),
        NotificationKind.note: _("%(who)s has written a note", who=who),
        NotificationKind.change_of_state: _("%(who)s has changed the state", who=who),
        NotificationKind.assigned: _("%(who)s has given you a record", who=who),
        NotificationKind.shared: _("%(who)s has shared a record with you", who=who),
        NotificationKind.job_failed: _("Background work has failed"),
        NotificationKind.export_alarm: _("%(who)s takes away unusually many rows", who=who),
        NotificationKind.key_ends: _("A key for REST ends soon"),
        NotificationKind.reminder: _("You wanted to be reminded"),
        NotificationKind.lead_waits: _("A lead waits for your answer"),
        NotificationKind.lead_late: _("A lead was not answered in time"),
        NotificationKind.letter_came: _("A letter has come"),
        NotificationKind.contract_ends: _("A contract ends soon"),
        NotificationKind.obligation_late: _("What a contract asks for is overdue"),
    }[one.kind]
    name = _named_by_kind(record) if record is not None else _("A record that is gone, or that you no longer see")
    more = _more(one, record, people) if record is not None else ""
    return Told(one.id, text, name, more, one.made_at, one.read_at is not None, record is not None)


def _named_by_kind(record: Any) -> str:
    """Return a record's name behind the word for its kind: a number alone says little."""
    if isinstance(record, ApiKey):
        return str(record.name)
    screens: Any = current_app.extensions["appbuilder"].baseviews
    kind = next((str(each.one_name) for each in screens if each.route_base == f"/{record.__stem__}"), "")
    return f"{kind} · {record}" if kind else str(record)


def _is_of_handover(one: Notification) -> bool:
    """Say whether somebody is told what he was handed over."""
    return one.entity == Handover.__stem__ and one.kind is NotificationKind.assigned


def _told_of_handover(one: Notification, who: str) -> Told:
    """Return what the receiver of a hand-over reads: he needs no right to hand over himself."""
    text = _("%(who)s has handed records over to you", who=who)
    record = _("Records: %(count)s", count=one.said or "")
    return Told(one.id, text, record, "", one.made_at, is_read=one.read_at is not None, is_open=True)


def _more(one: Notification, record: Any, people: dict[int, str]) -> str:  # noqa: PLR0911 -- one a kind
    if isinstance(record, ApiKey):
        return _("It ends on %(day)s.", day=day(record.expires_on)) if record.expires_on else ""
    if one.activity is not None:
        gone = one.activity.deleted_at is not None
        return _("This note is deleted.") if gone else activities.excerpt(one.activity.body or "", people)
    if one.kind is NotificationKind.export_alarm:
        return export_words.told(one.said or "")
    if one.kind in {NotificationKind.contract_ends, NotificationKind.obligation_late}:
        return day(date.fromisoformat(one.said)) if one.said else ""
    if one.kind in {NotificationKind.lead_waits, NotificationKind.lead_late}:
        return lead_words.told(one.kind, one.said or "")
    if one.kind is NotificationKind.change_of_state:
        kind = inspect(type(record)).columns["state"].type
        return label_of(kind.enum_class(one.said)) if one.said in {each.value for each in kind.enum_class} else ""
    return ""


def register(appbuilder: Any) -> None:
    """Register the page, and give the frame its bell."""
    appbuilder.add_view_no_menu(NotificationView)
    current_app.jinja_env.globals["unread_notifications"] = unread
