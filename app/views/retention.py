"""Screens of retention: the term of each kind of data, what is due, and the people who may be forgotten."""

import re
from typing import Any, ClassVar

from flask import current_app, flash, redirect, render_template, request
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, permission_name

from app import clock
from app.db import db, unit_of_work
from app.errors import DomainError, NotAllowed, NotFound
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.party import Party
from app.services import access, form_draft, retention
from app.services import personal_erase as erasing
from app.web import menu
from app.web.cells import whole as number

ORDER = 96
MOST = 50  # people on one page, and erased in one go


class RetentionView(BaseView):
    """Terms of all kinds of data; see the module's text."""

    route_base = "/retention_rule"
    class_permission_name = "retention_rule"
    base_permissions: ClassVar = ["can_see", "can_change"]
    default_view = "index"
    many_name = _l("Retention")

    @expose("/", methods=["GET"])
    @has_access
    @permission_name("see")
    def index(self) -> str:
        """Show every kind with its term, what is due and when it last ran."""
        return self._index({}, {})

    def _index(self, typed: dict[str, str], errors: dict[str, str]) -> str:
        sm, config = self.appbuilder.sm, current_app.config
        fixed = [
            (_("Bin"), _("%(days)s days", days=config["CRM_BIN_DAYS"]), "CRM_BIN_DAYS"),
            (_("Audit"), _("%(years)s years", years=config["CRM_AUDIT_YEARS"]), "CRM_AUDIT_YEARS"),
            (_("Drafts of forms"), _("%(days)s days", days=form_draft.LASTS.days), ""),
        ]
        return str(
            render_template(
                "web/retention.html",
                title=_("Retention"),
                appbuilder=self.appbuilder,
                view=self,
                rules=retention.standing(db.session(), at=clock.now()),
                fixed=fixed,
                may_change=sm.may("retention_rule", "change"),
                typed=typed,
                errors=errors,
            )
        )

    @expose("/terms", methods=["POST"])
    @has_access
    @permission_name("change")
    def change_terms(self) -> Any:
        """Store the terms that were typed."""
        typed = {name: value.strip() for name, value in request.form.items() if name.startswith("days-")}
        errors: dict[str, str] = {}
        try:
            with unit_of_work(db.session()) as session:
                for name, value in typed.items():
                    which = name.removeprefix("days-")
                    if not re.fullmatch(r"[0-9]{1,6}", value, re.ASCII):
                        errors[name] = _("A whole number of days, 0 for ever")
                    elif int(value) != retention.days_of(session, which):
                        self._set(session, which, int(value), errors)
                if errors:
                    raise DomainError("")
        except NotFound:
            return redirect("/retention_rule/")
        except DomainError:
            return self._index(typed, errors), 422
        flash(_("Your settings are saved."), "success")
        return redirect("/retention_rule/")

    @staticmethod
    def _set(session: Any, name: str, days: int, errors: dict[str, str]) -> None:
        try:
            retention.set_term(session, name, days=days)
        except DomainError as refusal:
            errors[refusal.field or ""] = str(refusal)

    # --- people who may be forgotten ----------------------------------------------------------------------------------

    @expose("/people", methods=["GET"])
    @has_access
    @permission_name("see")
    def people(self) -> str:
        """Show people of whom nothing was heard for as long as the term says."""
        return self._people()

    def _people(self, typed: dict[str, Any] | None = None, errors: list[str] | None = None) -> str:
        session = db.session()
        found = retention.people_due(session, at=clock.now(), most=MOST) if self._sees_people() else []
        return str(
            render_template(
                "web/retention_people.html",
                title=_("People who may be forgotten"),
                appbuilder=self.appbuilder,
                view=self,
                people=found,
                days=retention.days_of(session, "person"),
                may_erase=self.appbuilder.sm.may("erasure", "erase"),
                typed=typed or {},
                errors=errors or [],
            )
        )

    def _sees_people(self) -> bool:
        return bool(self.appbuilder.sm.may("party", "see"))

    @expose("/people", methods=["POST"])
    @has_access
    @permission_name("see")
    def erase_people(self) -> Any:
        """Erase the people who were ticked, each by himself; who is refused stays, and it is said why."""
        if not self.appbuilder.sm.may("erasure", "erase"):
            raise NotAllowed("erasure.erase")
        keys = [int(each) for each in request.form.getlist("party") if re.fullmatch(r"[0-9]{1,18}", each, re.ASCII)]
        reason, counted = request.form.get("reason", ""), request.form.get("count", "").strip()
        errors = []
        if not keys:
            errors.append(_("Tick at least one person"))
        if not reason.strip():
            errors.append(_("Say why"))
        if keys and counted != str(len(set(keys))):
            errors.append(_("Type how many people you have ticked: %(count)s", count=number(len(set(keys)))))
        if errors:
            return self._people({"chosen": keys, "reason": reason, "count": counted}, errors), 422
        due = {party.id for party in retention.people_due(db.session(), at=clock.now(), most=MOST)}
        done, refused = self._erase([key for key in dict.fromkeys(keys) if key in due], reason)
        for text in refused:
            flash(text, "danger")
        if done:
            flash(_("Erased for good: %(count)s", count=number(done)), "success")
        return redirect("/retention_rule/people")

    @staticmethod
    def _erase(keys: list[int], reason: str) -> tuple[int, list[str]]:
        done, refused = 0, []
        for key in keys:
            try:
                with unit_of_work(db.session()) as session:
                    person = erasing.find_for(session, key)
                    erasing.erase(
                        session,
                        person,
                        reason=reason,
                        typed_name=person.name,
                        by=access.required(session),
                        at=clock.now(),
                        files=current_app.config["CRM_VAR"] / "files",
                    )
                done += 1
            except (DomainError, NotFound, NotAllowed) as refusal:
                party = access.get(db.session(), Party, key)
                refused.append(f"{party}: {refusal}" if party is not None else str(refusal))
        return done, refused


def register(appbuilder: Any) -> None:
    """Register the screens."""
    menu.place(appbuilder, RetentionView, "retention_rule", label=_l("Retention"), group="security", icon="clock")
