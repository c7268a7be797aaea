"""Screens of roles: who may do what, as a table of areas and verbs with boxes to tick."""

import json
import re
from typing import Any, ClassVar

from flask import Response, abort, flash, g, redirect, render_template, request
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, permission_name
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import select

from app.db import db, unit_of_work
from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import label_of
from app.i18n import lazy_gettext as _l
from app.models.role import LONGEST_NAME, RoleBase, shown_name
from app.roles import ACTIONS, ADMIN, PRESETS, PUBLIC, SEE, WIDTH, Reach, Scope
from app.services import export_rule, role_change, role_demand, role_file, role_undo, roles
from app.web import menu, rights, toast
from app.web.role_history import told

ORDER = 91
LARGEST_FILE = 2**20


class RoleView(BaseView):
    """Roles: the list, the table of one, copying, comparing, files."""

    route_base = "/role"
    class_permission_name = "role"
    base_permissions: ClassVar = ["can_see", "can_add", "can_change", "can_delete"]
    default_view = "index"
    one_name = _l("Role")
    many_name = _l("Roles")
    exclude_route_methods: ClassVar = {"add"}  # a role begins as a copy, on the list
    title = _l("Roles")

    def may(self, verb: str) -> bool:
        """Say whether the reader has a right over roles."""
        return bool(self.appbuilder.sm.may(self.class_permission_name, verb))

    @expose("/list/")
    @has_access
    @permission_name("see")
    def index(self) -> str:
        """Show all roles with who has them and how far they have moved from their base."""
        return self._list()

    def _list(self, *, errors: dict[str, str] | None = None) -> str:
        session = db.session()
        found = roles.shown(session)
        about = [
            {
                "role": role,
                "is_own": role.name != ADMIN and role.name not in PRESETS,
                "base": roles.base_of(session, role),
                "changes": len(roles.changes_of(session, role)),
            }
            for role in found
        ]
        return self._page(
            "web/role_list.html",
            title=self.title,
            rows=about,
            people=roles.people(session),
            errors=errors or {},
            longest=LONGEST_NAME,
        )

    @expose("/show/<int:pk>")
    @has_access
    @permission_name("see")
    def show(self, pk: int) -> str:
        """Show what a role may do, as a table."""
        return self._table(self._role(pk))

    def _table(self, role: Role, *, cap_errors: dict[str, str] | None = None) -> str:
        session = db.session()
        base = roles.base_of(session, role)
        kept = session.execute(select(RoleBase).where(RoleBase.role_id == role.id)).scalar_one_or_none()
        found = roles.policy_of(session, role)
        is_fixed = role.name in roles.FIXED
        return self._page(
            "web/role_show.html",
            title=str(role),
            role=role,
            base=base,
            kept=kept,
            is_own=role.name not in PRESETS and not is_fixed,
            is_fixed=is_fixed,
            policy=found,
            usual=role_change.usual(session, role),
            changes={(each.area, each.verb): each for each in roles.changes_of(session, role)},
            groups=self._groups(),
            basic=rights.BASIC,
            scopes=[(scope.value, label_of(scope)) for scope in WIDTH],
            actions=[action for action in ACTIONS if action != SEE],
            people=roles.holders(session, role),
            needs_second=role_demand.of_role(session, role),
            history=told(session, role, self.appbuilder),
            cap=export_rule.cap_of(session, role),
            cap_errors=cap_errors or {},
            default_cap=export_rule.DEFAULT_CAP,
            longest=LONGEST_NAME,
        )

    def _groups(self) -> list[tuple[str, list[rights.Area]]]:
        found: dict[str, list[rights.Area]] = {}
        for area in rights.areas(self.appbuilder):
            found.setdefault(area.group, []).append(area)
        return [(str(menu.GROUPS[name]), areas) for name, areas in found.items()]

    # --- changing -------------------------------------------------------------------------------------------------

    @expose("/<int:pk>/save", methods=["POST"])
    @has_access
    @permission_name("change")
    def save(self, pk: int) -> Any:
        """Let the role have what is ticked."""
        role = self._role(pk)
        ticked = set(request.form.getlist("right"))
        areas = rights.areas(self.appbuilder)
        wanted = {
            (area.name, verb): f"{area.name}.{verb}" in ticked
            for area in areas
            for verb in area.verbs
            if not area.is_everybodys(verb)
        }
        try:
            reaches = {key: reach for area in areas if area.is_owned for key, reach in _reaches(area.name).items()}
            with unit_of_work(db.session()) as session:
                done = role_change.put(session, role, rights=wanted, reaches=reaches)
        except DomainError as refusal:
            flash(str(refusal), "danger")
        else:
            text = _("Saved: %(count)s changes", count=done) if done else _("Nothing was changed")
            again = (_("Undo"), f"/role/{pk}/undo", {"request": g.request_id})
            toast.say(text, undo=again if done else None)
        return redirect(f"/role/show/{pk}")

    @expose("/<int:pk>/undo", methods=["POST"])
    @has_access
    @permission_name("change")
    def undo(self, pk: int) -> Any:
        """Give the role back the rights and rows that it had before they were saved."""
        role, saved = self._role(pk), request.form.get("request", "")
        return self._done(pk, lambda session: role_undo.undo(session, role, saved), _("The role is as it was before"))

    @expose("/<int:pk>/cap", methods=["POST"])
    @has_access
    @permission_name("change")
    def cap(self, pk: int) -> Any:
        """Set how many rows the role takes in one file; an empty field means any number."""
        role, typed = self._role(pk), request.form.get("most_rows", "")
        plain = re.sub(r"[\s.,]", "", typed)
        most = int(plain) if re.fullmatch(r"[0-9]{1,9}", plain) else 0
        try:
            with unit_of_work(db.session()) as session:
                export_rule.set_cap(session, role, most if plain else None)
        except DomainError as refusal:
            return self._table(self._role(pk), cap_errors={"most_rows": str(refusal), "typed": typed}), 422
        flash(_("Saved: %(name)s", name=str(self._role(pk))), "success")
        return redirect(f"/role/show/{pk}")

    @expose("/<int:pk>/reset", methods=["POST"])
    @has_access
    @permission_name("change")
    def reset(self, pk: int) -> Any:
        """Take back all differences."""
        role = self._role(pk)
        return self._done(pk, lambda session: role_change.reset(session, role), _("The role is as it was delivered"))

    @expose("/<int:pk>/second_factor", methods=["POST"])
    @has_access
    @permission_name("change")
    def second_factor(self, pk: int) -> Any:
        """Let the people of a role need a second factor, or not any more."""
        role, wanted = self._role(pk), request.form.get("second_factor") == "1"
        text = (
            _("People with this role now need a second factor.")
            if wanted
            else _("People with this role need no second factor any more.")
        )
        return self._done(pk, lambda session: role_demand.put(session, role, is_demanded=wanted), text)

    @expose("/<int:pk>/rename", methods=["POST"])
    @has_access
    @permission_name("change")
    def rename(self, pk: int) -> Any:
        """Give a role another name and note."""
        role, given = self._role(pk), request.form
        return self._done(
            pk,
            lambda session: roles.rename(session, role, given.get("name", ""), note=given.get("note", "")),
            _("Saved: %(name)s", name=given.get("name", "").strip()),
        )

    def _done(self, pk: int, act: Any, text: str) -> Any:
        try:
            with unit_of_work(db.session()) as session:
                act(session)
        except DomainError as refusal:
            flash(str(refusal), "danger")
        else:
            flash(text, "success")
        return redirect(f"/role/show/{pk}")

    @expose("/copy", methods=["POST"])
    @has_access
    @permission_name("add")
    def copy(self) -> Any:
        """Make a role that begins as another one, or with nothing."""
        given = request.form
        source = given.get("source", "")
        try:
            with unit_of_work(db.session()) as session:
                made = roles.begun(
                    session,
                    given.get("name", ""),
                    source=self._role(int(source)) if source.isdecimal() else None,
                    note=given.get("note", ""),
                )
                key = made.id
        except DomainError as refusal:
            return self._list(errors={refusal.field or "name": str(refusal)}), 422
        flash(_("Saved: %(name)s", name=given.get("name", "").strip()), "success")
        return redirect(f"/role/show/{key}")

    @expose("/<int:pk>/delete", methods=["POST"])
    @has_access
    @permission_name("delete")
    def delete(self, pk: int) -> Any:
        """Delete a role that people made."""
        role = self._role(pk)
        name = str(role)
        try:
            with unit_of_work(db.session()) as session:
                roles.remove(session, role)
        except DomainError as refusal:
            flash(str(refusal), "danger")
            return redirect(f"/role/show/{pk}")
        flash(_("Deleted: %(name)s", name=name), "success")
        return redirect("/role/list/")

    # --- files and comparing --------------------------------------------------------------------------------------

    @expose("/<int:pk>/file")
    @has_access
    @permission_name("see")
    def file(self, pk: int) -> Response:
        """Send a role as a file that another installation reads."""
        role = self._role(pk)
        text = json.dumps(role_file.of(db.session(), role), ensure_ascii=False, indent=2)
        answer = Response(text + "\n", mimetype="application/json")
        answer.headers["Content-Disposition"] = f'attachment; filename="role-{role.id}.json"'
        return answer

    @expose("/import", methods=["POST"])
    @has_access
    @permission_name("add")
    def take_in(self) -> Any:
        """Make a role from a file, or give one of the same name what stands in the file."""
        sent = request.files.get("file")
        try:
            if sent is None or not sent.filename:
                raise DomainError(_("Choose a file"), field="file")
            given = role_file.read(sent.stream.read(LARGEST_FILE + 1), most=LARGEST_FILE)
            offered = set(rights.rights(rights.areas(self.appbuilder)))
            with unit_of_work(db.session()) as session:
                if not self.may("change"):
                    role_file.require_new(session, given)
                made, left_out = role_file.take_in(session, given, offered=offered)
                key = made.id
        except DomainError as refusal:
            return self._list(errors={"file": str(refusal)}), 422
        flash(_("Saved: %(name)s", name=given["name"]), "success")
        if left_out:
            flash(_("Unknown here, and left out: %(rights)s", rights=", ".join(left_out)), "warning")
        return redirect(f"/role/show/{key}")

    @expose("/compare")
    @has_access
    @permission_name("see")
    def compare(self) -> str:
        """Show in what two roles differ."""
        session, found = db.session(), roles.shown(db.session())
        chosen = [next((role for role in found if str(role.id) == request.args.get(name)), None) for name in ("a", "b")]
        one, other = chosen[0] or found[0], chosen[1] or found[min(1, len(found) - 1)]
        areas = rights.areas(self.appbuilder)
        return self._page(
            "web/role_compare.html",
            title=_("Compare roles"),
            roles=found,
            one=one,
            other=other,
            areas={area.name: area for area in areas},
            differences=role_file.differences(
                roles.policy_of(session, one),
                roles.policy_of(session, other),
                rights=rights.rights(areas),
                owned=[area.name for area in areas if area.is_owned],
            ),
            verb_label=rights.verb_label,
            spoken=spoken,
        )

    # --- parts ----------------------------------------------------------------------------------------------------

    def _role(self, pk: int) -> Role:
        found = None if pk >= 2**31 else db.session().get(Role, pk)
        if found is None or found.name == PUBLIC:
            abort(404)
        return found

    def _page(self, template: str, **about: Any) -> str:
        may = {verb: self.may(verb) for verb in ("add", "change", "delete")}
        return render_template(
            template,
            view=self,
            appbuilder=self.appbuilder,
            may=may,
            shown_name=shown_name,
            spoken_reach=spoken,
            **about,
        )


def spoken(reach: Reach) -> str:
    """Return a reach in words."""
    text = label_of(reach.scope)
    return _("%(scope)s, and nobody's", scope=text) if reach.unassigned and reach.scope is not Scope.all else text


def _reaches(area: str) -> dict[tuple[str, str], Reach | None]:
    """Return the rows that the form asks for in an area, None for "as one sees"; DomainError for what is no scope."""
    nobodys = f"{area}.unassigned" in request.form.getlist("reach")
    found: dict[tuple[str, str], Reach | None] = {}
    for action in ACTIONS:
        given = request.form.get(f"reach.{area}.{action}")
        if given is None:
            continue
        if given not in {"", *Scope}:
            raise DomainError(_("Choose one of the values that are offered"))
        found[area, action] = Reach(Scope(given), nobodys) if given else None
    return found


def register(appbuilder: Any) -> None:
    """Register the screens."""
    menu.place(appbuilder, RoleView, "role", label=_l("Roles"), group="security", icon="shield")
