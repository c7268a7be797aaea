"""`Planner`: what is planned about a record on its card: shown, planned anew, kept as done.

Every route finds the record through the view's own door first; what is refused comes back as it was typed.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from flask import abort, flash, g, redirect, request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name
from flask_appbuilder.security.sqla.models import User
from wtforms import BooleanField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from app import clock
from app.db import db, unit_of_work
from app.errors import Conflict, DomainError, NotAllowed, Refusals
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.activity import Activity
from app.roles import ACT
from app.services import access, idempotency, planned
from app.web import overdue
from app.web.crm_form import CrmForm
from app.web.fields import MomentField
from app.web.link_field import LinkField
from app.web.planning import KindField

if TYPE_CHECKING:
    from app.web.activities import Life


class PlanForm(CrmForm):
    """What is to be done about a record, by whom and when; or what one has just done."""

    kind = KindField(_l("Kind"))
    subject = StringField(_l("What is to be done"), [InputRequired(), Length(max=planned.LONGEST_SUBJECT)])
    due_at = MomentField(_l("When"), [Optional()], render_kw={"autocomplete": "off"})
    owner = LinkField(_l("Who does it"), [Optional()], entity=User)
    body = TextAreaField(_l("Details"), [Optional(), Length(max=planned.LONGEST_TEXT)], render_kw={"rows": 2})
    is_done = BooleanField(_l("It is done already"))


@dataclass(frozen=True)
class Coming:
    """One thing that is planned, as the card shows it."""

    activity: Activity
    due: str
    late: str
    is_reached: bool
    may_finish: bool


class Planner:
    """Routes and facts of what is planned about a record; see the module's text."""

    has_activities: ClassVar[bool]
    stem: Any
    route_base: Any
    appbuilder: Any

    def plans(self) -> bool:
        """Say whether the reader may plan something on these cards."""
        return (
            self.has_activities
            and self.stem != Activity.__stem__
            and bool(self.appbuilder.sm.may(Activity.__stem__, "add"))
        )

    def plan_form(self) -> CrmForm:
        """Return an empty form for what is to be done; the reader does it himself."""
        form = PlanForm(formdata=None)
        form.owner.data = g.user
        return form

    def coming(self, record: Any, life: "Life") -> list[Coming]:
        """Return what is planned about a record, to those who see activities at all."""
        sm = self.appbuilder.sm
        if not life.page.counted.planned or self.stem == Activity.__stem__ or not sm.may(Activity.__stem__, "see"):
            return []
        session, at = db.session(), clock.now()
        actor, may_finish = access.required(session), bool(sm.may(Activity.__stem__, "finish"))
        return [
            Coming(
                one,
                overdue.due(one.due_at, at=at, is_all_day=one.is_all_day),
                overdue.overdue_at(one.due_at, at=at, is_all_day=one.is_all_day),
                planned.is_reached(actor, one.owner_id, one.team_id),
                may_finish and access.is_own(session, one, ACT),
            )
            for one in planned.coming(session, record)
        ]

    @expose("/<int:pk>/plan", methods=["POST"])
    @has_access
    @permission_name("see")
    def plan(self, pk: int) -> Any:
        """Plan something about a record, or keep what was done, once."""
        if self.stem == Activity.__stem__ or not self.has_activities:
            abort(404)
        if not self.plans():
            raise NotAllowed(f"{Activity.__stem__}.add")
        form = PlanForm()
        record = self._of_life(pk)  # type: ignore[attr-defined]
        if not form.validate():
            return self._card(record, plan_form=form), 422  # type: ignore[attr-defined]
        try:
            made = self._planned(pk, form)
        except DomainError as refusal:
            form.refuse(refusal.errors if isinstance(refusal, Refusals) else {refusal.field or "": [str(refusal)]})
            return self._card(self._of_life(pk), plan_form=form), 422  # type: ignore[attr-defined]
        except Conflict:  # the same form is being kept by another request
            made = None
        if made is not None:
            flash(_("Saved: %(name)s", name=made), "success")
        return redirect(f"{self.route_base}/show/{pk}#history")

    def _planned(self, pk: int, form: CrmForm) -> str | None:
        with unit_of_work(db.session()) as session:
            record = self._of_life(pk)  # type: ignore[attr-defined]
            row, done = self._once(session, request.form.get("form_key", ""))  # type: ignore[attr-defined]
            if done:
                return None
            by, at = access.required(session), clock.now()
            about: dict[str, Any] = {"kind": form.kind.data, "subject": form.subject.data, "by": by, "at": at}
            if form.is_done.data:
                made = planned.log(session, record, result=form.body.data, **about)
            else:
                owner_id = form.owner.data.id if form.owner.data is not None else by.user_id
                made = planned.plan(
                    session, record, due_at=form.due_at.data, owner_id=owner_id, body=form.body.data, **about
                )
            if row is not None:
                idempotency.end(row, status=201, answer={"id": made.id})
            return str(made)
