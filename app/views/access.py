"""The access X-ray: may this person do this to that record, and which rule says so. For administrators."""

import re
from typing import Any, ClassVar

from flask import render_template, request
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, permission_name
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import select

from app.db import db
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.services import xray
from app.web import menu, rights

ORDER = 92
_KEY = re.compile(r"(\d{1,18})/?(?:[?#].*)?$")


class AccessView(BaseView):
    """One page: a person, a right, a record if one likes, and the answer."""

    route_base = "/access"
    class_permission_name = "role"
    base_permissions: ClassVar = ["can_xray"]
    default_view = "index"
    title = _l("Access X-ray")

    @expose("/")
    @has_access
    @permission_name("xray")
    def index(self) -> str:
        """Ask, and answer what is asked in the address: it can be sent to somebody."""
        session, areas = db.session(), rights.areas(self.appbuilder)
        people = session.execute(select(User).order_by(User.first_name, User.last_name, User.id)).unique().scalars()
        found = {str(user.id): user for user in people}
        user = found.get(request.args.get("user", ""))
        area, _dot, verb = request.args.get("right", "").partition(".")
        is_right = any(each.name == area and verb in each.verbs for each in areas)
        typed = request.args.get("record", "").strip()
        key = _KEY.search(typed)
        errors = {}
        if request.args and user is None:
            errors["user"] = _("Choose a person")
        if request.args and not is_right:
            errors["right"] = _("Choose a right")
        if typed and key is None:
            errors["record"] = _("Paste the address of a card, or type its number at the end of it")
        answer = None
        if user is not None and is_right and not errors:
            answer = xray.explain(session, user, area, verb, int(key[1]) if key else None)
        return str(
            render_template(
                "web/access.html",
                title=self.title,
                appbuilder=self.appbuilder,
                people=list(found.values()),
                user=user,
                areas=areas,
                right=f"{area}.{verb}",
                typed=typed,
                errors=errors,
                answer=answer,
                whose=xray.owner_of(answer.record) if answer is not None else (None, None),
                named=rights.named(self.appbuilder, f"{area}.{verb}") if is_right else "",
                verb_label=lambda action: _("Other acts") if action == "act" else rights.verb_label(action),
            )
        )


def register(appbuilder: Any) -> None:
    """Register the page."""
    menu.place(appbuilder, AccessView, "access", label=_l("Access X-ray"), group="security", icon="search")
