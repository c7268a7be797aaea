"""Screens and REST of activities: what is planned and done. Notes are written and read on their records' cards."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, ClassVar

from flask import request
from flask_appbuilder.security.sqla.models import User
from markupsafe import Markup, escape
from marshmallow import fields, validate
from sqlalchemy.orm import selectinload
from wtforms.validators import Optional

from app import clock
from app.db import db
from app.i18n import lazy_gettext as _l
from app.models.activity import Activity, ActivityKind, ActivityState
from app.models.party import Party
from app.services import planned
from app.web import day_marks, menu, overdue, record_names
from app.web.api import CrudApi
from app.web.board import Board
from app.web.calendar import Calendar, Shown
from app.web.cells import NOTHING
from app.web.charts import Chart
from app.web.crm_form import CrmForm, fill
from app.web.crud import CrudView
from app.web.link_field import LinkField
from app.web.planning import KindField
from app.web.records import Records
from app.web.schema import LinkedField, MemberField
from app.web.verbs import Verb, reason

ORDER = 13
LOADED = [selectinload(Activity.owner)]
ABOUT = ["entity", "record_id"]
WHAT = ["kind", "subject", "body"]
WHEN = ["due_at", "is_all_day", "duration_minutes", "remind_at", "recurrence"]
WHO = ["owner", "team", "priority", "direction"]
FORM = [*WHAT, *WHEN, *WHO]
FIELDSETS = [
    (None, {"fields": ["about_party", *WHAT]}),
    (_l("When"), {"fields": WHEN}),
    (_l("Who"), {"fields": WHO}),
]
EDIT_FIELDSETS = [
    (None, {"fields": WHAT}),
    (_l("When"), {"fields": WHEN}),
    (_l("Who"), {"fields": WHO}),
    (_l("Result"), {"fields": ["result"]}),
]
SHOWN = [
    "kind",
    "state",
    "record",
    "due_at",
    "duration_minutes",
    "owner",
    "team",
    "direction",
    "priority",
    "body",
    "result",
    "taking_part",
    "recurrence",
    "remind_at",
    "done_at",
    "author",
]
SEARCHED = ["kind", "state", "due_at", "priority", "owner", "team", "direction", "done_at", "author"]
NAMES: Mapping[str, Any] = {
    "about_party": _l("About"),
    "author": _l("Planned by"),
    "body": _l("Details"),
    "direction": _l("Direction"),
    "done_at": _l("Done on"),
    "due_at": _l("When"),
    "duration_minutes": _l("Duration in minutes"),
    "is_all_day": _l("The whole day"),
    "next_due_at": _l("When is that"),
    "next_kind": _l("Plan the next one"),
    "next_subject": _l("What is to be done next"),
    "owner": _l("Who does it"),
    "priority": _l("Priority"),
    "record": _l("About"),
    "recurrence": _l("Repeats"),
    "remind_at": _l("Remind at"),
    "result": _l("Result"),
    "taking_part": _l("Taking part"),
}
HINTS: Mapping[str, Any] = {
    "due_at": _l("Day and time, such as 2026-03-31 14:30; of calls and meetings when they begin."),
    "recurrence": _l(
        "FREQ=WEEKLY;BYDAY=MO repeats every Monday, FREQ=MONTHLY;INTERVAL=3 every quarter. The next one is planned "
        "when this one is done."
    ),
    "remind_at": _l("You are told in the program, and by mail if your settings say so."),
}


def _is_planned(activity: Activity) -> bool:
    return activity.state is ActivityState.planned


def _tomorrow(activity: Activity) -> Mapping[str, Any]:
    """Offer to do it a day later than now, or than it was planned for."""
    later = max(activity.due_at or clock.now(), clock.now()) + timedelta(days=1)
    return {"due_at": later}


VERBS = [
    Verb(
        "finish",
        planned.finish_and_plan,
        label=_l("Done"),
        icon="circle-check",
        when=_is_planned,
        why=lambda one: reason(planned.refuse_done, one),
        to=ActivityState.done,
        needs_time=True,
        needs_actor=True,
        primary=True,
        undo="reopen",
        arguments={
            "result": fields.String(validate=validate.Length(max=planned.LONGEST_TEXT)),
            "next_kind": MemberField(ActivityKind),
            "next_subject": fields.String(validate=validate.Length(max=planned.LONGEST_SUBJECT)),
            "next_due_at": fields.AwareDateTime(),
        },
    ),
    Verb(
        "postpone",
        planned.postpone,
        label=_l("Postpone"),
        icon="clock",
        when=_is_planned,
        why=lambda one: reason(planned.refuse_done, one),
        needs_time=True,
        needs_actor=True,
        primary=True,
        arguments={"due_at": fields.AwareDateTime(required=True)},
        offered=_tomorrow,
    ),
    Verb(
        "invite",
        planned.invite,
        label=_l("Add a colleague"),
        icon="user-plus",
        when=_is_planned,
        why=lambda one: reason(planned.refuse_done, one),
        needs_time=True,
        needs_actor=True,
        arguments={"user": LinkedField(User, required=True)},
    ),
    Verb(
        "cancel",
        planned.cancel,
        label=_l("Cancel it"),
        icon="x",
        when=_is_planned,
        why=lambda one: reason(planned.refuse_done, one),
        to=ActivityState.cancelled,
        needs_time=True,
        needs_actor=True,
        danger=True,
        undo="reopen",
        arguments={"reason": fields.String(validate=validate.Length(max=planned.LONGEST_TEXT))},
    ),
    Verb(
        "reopen",
        planned.reopen,
        label=_l("Plan it again"),
        icon="undo-2",
        when=lambda one: one.state in {ActivityState.done, ActivityState.cancelled},
        to=ActivityState.planned,
        needs_time=True,
        needs_actor=True,
    ),
]


class ActivityRecords(Records):
    """Activities without notes: a note belongs to its record, whose card shows it."""

    def selection(self, *, where: Any = (), text: str = "", filters: Any = None) -> Any:
        """Return the query of what passes the conditions."""
        return super().selection(where=[*where, Activity.kind != ActivityKind.note], text=text, filters=filters)

    def one(self, key: Any, filters: Any = None, options: Sequence[Any] | None = None) -> Any:
        """Return one activity, None for a note."""
        found = super().one(key, filters, options)
        return found if found is None or found.kind is not ActivityKind.note else None

    def page(self, selection: Any, **about: Any) -> Any:
        """Return a page of activities, with the names of what they are about."""
        found = super().page(selection, **about)
        record_names.remember(found.rows)
        return found


def records() -> ActivityRecords:
    """Return the door to the table."""
    return ActivityRecords(Activity, save=planned.save, remove=planned.remove, options=LOADED)


class ActivityView(CrudView):
    """List, board, calendar, form and card of activities."""

    datamodel = records()
    one_name = _l("Activity")
    many_name = _l("Activities")
    hint = _l("What is to be done: calls, meetings, tasks, letters. Plan them here or on the card of a client.")
    form_template = "web/activity_form.html"
    label_columns: Any = dict(NAMES)
    description_columns: ClassVar[Any] = dict(HINTS)
    list_columns: ClassVar = ["subject", "kind", "record", "due_at", "state", "priority", "owner"]
    show_columns: ClassVar = SHOWN
    add_columns: ClassVar = ["about_party", *FORM]
    add_fieldsets: ClassVar = FIELDSETS
    edit_columns: ClassVar = [*FORM, "result"]
    edit_fieldsets: ClassVar = EDIT_FIELDSETS
    add_form_extra_fields: ClassVar = {
        "about_party": LinkField(NAMES["about_party"], [Optional()], entity=Party),
        "kind": KindField(_l("Kind")),
    }
    edit_form_extra_fields: ClassVar = {"kind": KindField(_l("Kind"))}
    search_columns: ClassVar = SEARCHED
    order_columns: ClassVar = ["due_at", "subject", "state", "priority", "done_at"]
    base_order = ("due_at", "desc")
    key_facts: ClassVar = ["record", "due_at", "owner"]
    stages: ClassVar = (ActivityState.planned, ActivityState.done)
    worked_out: ClassVar = frozenset({"record", "taking_part", "about_party"})
    boards: ClassVar = [
        Board(
            "state",
            moves={"planned": "reopen", "done": "finish", "cancelled": "cancel"},
            title=("subject",),
            facts=("due_at",),
            ends=frozenset({"done", "cancelled"}),
        ),
    ]
    calendars: ClassVar = [Calendar("due_at", title=("subject",), kind="kind")]
    charts: ClassVar = [
        Chart("by_kind", _l("Activities by kind"), "kind", kind="pie"),
        Chart("done_by_week", _l("Done by week"), "done_at"),
    ]
    verbs: ClassVar = VERBS

    def value(self, record: Any, name: str) -> Any:
        """Say what it is about, how late it is, and who takes part."""
        if name == "record":
            return record_names.link_of(record)
        if name == "taking_part":
            people = [str(one.user or one.contact) for one in record.participants]
            return escape(", ".join(people)) if people else NOTHING
        if name == "due_at":
            return due_cell(record)
        return super().value(record, name)

    def fill(self, form: CrmForm, record: Any, columns: Sequence[str]) -> None:
        """Put the form's values into an activity; the party that is chosen is what it is about, else what was given."""
        fill(form, record, [name for name in columns if name != "about_party"])
        if "about_party" in columns:
            chosen = form._fields["about_party"].data
            told = (Party.__stem__, chosen.id) if chosen is not None else about_of(request.form.get("about"))
            record.entity, record.record_id = told or (None, None)

    def prefill(self, form: CrmForm) -> None:
        """Take what it is about from the address of a card's button, and the reader as who does it."""
        super().prefill(form)
        if "owner" in form and form.owner.data is None:
            form.owner.data = db.session.get(User, self.appbuilder.sm.current_user.id)

    def day_marks(self, shown: Shown) -> Mapping[date, Sequence[Any]]:
        """Return the holidays and who is away on the days of the calendar."""
        return day_marks.of(db.session(), shown.first, shown.last)

    def told_about(self) -> Any:
        """Return what a form plans something about, as a link, None when the address names nothing."""
        told = about_of(request.values.get("about"))
        name = record_names.names_of(db.session(), [told]).get(told) if told is not None else None
        return Markup('<a href="/{}/show/{}">{}</a>').format(*told, name) if told and name else None


def about_of(text: str | None) -> record_names.About | None:
    """Read what a form is about from its hidden field: "party:7"."""
    found = re.fullmatch(r"([a-z_]{1,40}):([0-9]{1,18})", text or "")
    return (found[1], int(found[2])) if found is not None else None


def due_cell(activity: Activity) -> Markup:
    """Return when something is to be done, and how late it is."""
    at = clock.now()
    told = overdue.due(activity.due_at, at=at, is_all_day=activity.is_all_day)
    late = ""
    if activity.state is ActivityState.planned:
        late = overdue.overdue_at(activity.due_at, at=at, is_all_day=activity.is_all_day)
    mark = Markup(' <span class="late">{}</span>').format(late) if late else ""
    if activity.due_at is None:
        return Markup('<span class="muted">{}</span>').format(told)
    return Markup('<time datetime="{}">{}</time>{}').format(activity.due_at.isoformat(), told, mark)


class ActivityApi(CrudApi):
    """REST of activities."""

    datamodel = records()
    list_columns: ClassVar = [*ABOUT, "kind", "state", "subject", "due_at", "is_all_day", "priority", "owner"]
    show_columns: ClassVar = [*ABOUT, "state", *FORM, "result", "done_at", "author"]
    add_columns: ClassVar = [*ABOUT, *FORM]
    edit_columns: ClassVar = [*FORM, "result"]
    search_columns: ClassVar = [*SEARCHED, *ABOUT]
    order_columns: ClassVar = ["due_at", "done_at"]
    base_order = ("due_at", "desc")
    verbs: ClassVar = VERBS
    examples: ClassVar = {
        "post": {
            "entity": "party",
            "record_id": 1,
            "kind": "call",
            "subject": "Ask for the drawing",
            "due_at": "2026-03-31T14:30:00Z",
        }
    }


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(appbuilder, ActivityView, "activity", label=_l("Activities"), group="sales", icon="circle-check")
    appbuilder.add_api(ActivityApi)
