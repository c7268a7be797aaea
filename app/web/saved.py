"""`SavedViews`: lists that are kept under a name: as tabs with counters, shared, where a list begins."""

from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import Response, abort, current_app, flash, redirect, request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name
from wtforms import BooleanField, SelectField, StringField

from app.db import db, unit_of_work
from app.errors import DomainError, NotAllowed
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.role import shown_name
from app.models.saved_view import SavedView
from app.roles import PRESETS
from app.services import access, roles
from app.services import saved_view as saved_views
from app.web import listing
from app.web.crm_form import CrmForm
from app.web.keyset import Page
from app.web.lists import ListView
from app.web.records import COUNT_CAP

AREA = "saved_view"
FIELDS = ("name", "is_pinned", "is_default", "is_shared", "role")


def _roles() -> list[tuple[str, str]]:
    """Return the roles that a list may be set for; who may not set one is not worth a statement."""
    appbuilder: Any = current_app.extensions["appbuilder"]
    may = appbuilder.sm.may(AREA, "set_for_role")
    names = roles.names(db.session()) if may else list(PRESETS)
    return [(name, shown_name(name)) for name in names]


class SaveViewForm(CrmForm):
    """How a view is called and who begins with it."""

    name = StringField(_l("Name"))
    is_pinned = BooleanField(_l("Show it as a tab, with its number of records"))
    is_default = BooleanField(_l("My list begins with it"))
    is_shared = BooleanField(_l("Everybody who sees the list may use it"))
    role = SelectField(_l("Lists of this role begin with it"), choices=lambda: [("", "—"), *_roles()])


class SavedViews(ListView):
    """Saved views of a list; see the module's text."""

    @expose("/list/")
    @has_access
    def list(self) -> Any:
        """Show the list; without any wish, as its saved view says."""
        if not request.args:
            reader = access.required(db.session())
            first = saved_views.first_of(saved_views.of(db.session(), reader, self.stem), reader)
            if first is not None:
                return redirect(self.address_of(first))
        return super().list()

    def _list_page(self, wish: listing.Asked, found: Page, count: int, **about: Any) -> str:
        reader = access.required(db.session())
        views = saved_views.of(db.session(), reader, self.stem)
        current = next((view for view in views if view.id == wish.view), None)
        form = about.pop("save_form", None) or SaveViewForm(
            formdata=None, **{name: getattr(current, name) for name in FIELDS} if current is not None else {}
        )
        return super()._list_page(
            wish,
            found,
            count,
            views=views,
            current=current,
            changed=current is not None and urlencode(wish.query()) != current.query,
            save_form=form,
            may_share=self._may("share"),
            may_set_for_role=self._may("set_for_role"),
            may_remove=current is not None and (current.user_id == reader.user_id or self._may("share")),
            query=urlencode([*wish.query(), *([("view", wish.view)] if wish.view else [])]),
            **about,
        )

    def _may(self, verb: str) -> bool:
        return bool(self.appbuilder.sm.may(AREA, verb))

    def address_of(self, view: SavedView) -> str:
        """Return the address of a saved view: it says all, so that it shows the same when the view has changed."""
        return f"{self.route_base}/list/?{view.query}{'&' if view.query else ''}view={view.id}"

    @expose("/list/count")
    @has_access
    @permission_name("see")
    def count(self) -> Response:
        """Return how many records a list has, for the counter of its tab."""
        count = self.datamodel.count(self.selection(self.asked()))
        return Response(f"{COUNT_CAP}+" if count > COUNT_CAP else str(count), mimetype="text/plain")

    @expose("/list/views", methods=["POST"])
    @has_access
    @permission_name("see")
    def keep_view(self) -> Any:
        """Keep what the address asks for under a name."""
        form = SaveViewForm()
        wish = self.asked()
        view = SavedView(entity=self.stem, query=urlencode(wish.query()))
        for name in FIELDS:
            setattr(view, name, form[name].data or (None if name == "role" else form[name].data))
        view.name = view.name or ""
        try:
            with unit_of_work(db.session()) as session:
                kept = saved_views.save(
                    session,
                    view,
                    access.required(session),
                    may_share=self._may("share"),
                    may_set_for_role=self._may("set_for_role"),
                )
                address, name = self.address_of(kept), kept.name
        except DomainError as refusal:
            form.refuse({refusal.field or "": [str(refusal)]})
            return self._refused_view(wish, form), 422
        flash(_("The view “%(name)s” is saved.", name=name), "success")
        return redirect(address)

    def _refused_view(self, wish: listing.Asked, form: SaveViewForm) -> str:
        selection = self.selection(wish)
        found = self.datamodel.page(selection, sorts=wish.sorts, page_size=wish.page_size)
        return self._list_page(wish, found, self.datamodel.count(selection), save_form=form, save_open=True)

    @expose("/list/views/<int:pk>/delete", methods=["POST"])
    @has_access
    @permission_name("see")
    def drop_view(self, pk: int) -> Any:
        """Delete a saved view; the list stays as it is."""
        try:
            with unit_of_work(db.session()) as session:
                reader = access.required(session)
                found = saved_views.visible(reader, self.stem).where(SavedView.id == pk)
                view = session.execute(found).scalar_one_or_none()
                if view is None:
                    abort(404)
                name, query = view.name, view.query
                saved_views.remove(session, view, reader, may_share=self._may("share"))
        except NotAllowed:
            abort(403)
        flash(_("The view “%(name)s” is deleted.", name=name), "success")
        return redirect(f"{self.route_base}/list/?{urlencode(parse_qsl(query)) or 'q='}")
