"""`Tagged`: tags at the head of a card, put on by typing and taken off by a click, with scripts or without."""

from typing import Any, ClassVar

from flask import abort, flash, redirect, request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name

from app.db import db, unit_of_work
from app.errors import DomainError
from app.i18n import gettext as _
from app.models.tag import LONGEST
from app.services import tag as tags
from app.web import toast
from app.web.ways import onward


class Tagged:
    """Tags of a card; see the module's text."""

    has_tags: ClassVar[bool]
    route_base: Any
    longest_tag = LONGEST

    def may_tag(self) -> bool:
        """Say whether the reader may change records of this kind, and so their tags."""
        return bool(self.has_tags and self.may("change"))  # type: ignore[attr-defined]

    def _taggable(self, pk: int) -> Any:
        if not self.has_tags:
            abort(404)
        record = self._found(str(pk))  # type: ignore[attr-defined]
        if not self.may_tag():
            abort(403)
        return record

    @expose("/<int:pk>/tag", methods=["POST"])
    @has_access
    @permission_name("see")
    def tag(self, pk: int) -> Any:
        """Put a tag on a record; a word that is no tag yet becomes one."""
        try:
            with unit_of_work(db.session()) as session:
                tags.add(session, self._taggable(pk), name=request.form.get("tag", ""))
        except DomainError as refusal:
            flash(str(refusal), "danger")
        return self._back_to_card(pk)

    @expose("/<int:pk>/untag/<int:tag_id>", methods=["POST"])
    @has_access
    @permission_name("see")
    def untag(self, pk: int, tag_id: int) -> Any:
        """Take a tag off a record, with a way back."""
        with unit_of_work(db.session()) as session:
            name = tags.remove(session, self._taggable(pk), tag_id=tag_id)
        if name is not None:
            undo = (_("Undo"), f"{self.route_base}/{pk}/tag", {"tag": name})
            toast.say(_("The tag “%(name)s” is taken off.", name=name), "success", undo=undo)
        return self._back_to_card(pk)

    def _back_to_card(self, pk: int) -> Any:
        return redirect(onward(request.form.get("back"), f"{self.route_base}/show/{pk}"))
