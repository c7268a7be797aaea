"""`Segmenting`: the chosen counterparties of a list put into a static segment, one that is there or a new one.

What is chosen may be everything that a list shows, a saved view too: it becomes keys when it is put there.
"""

from typing import Any

from flask import abort, current_app, flash, redirect, request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name
from sqlalchemy import select

from app import clock
from app.db import db, unit_of_work
from app.errors import DomainError, NotAllowed
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.segment import Segment, SegmentKind
from app.roles import CHANGE
from app.services import access, segment_members
from app.services import segment as segments
from app.web import bulk_preview
from app.web.verbs import ForMany

AREA = Segment.__stem__
VERB = ForMany(AREA, _l("Add to a segment"), "filter")
OFFERED = 200
_KEY_DIGITS = 18


class Segmenting:
    """The act on many records; see the module's text."""

    appbuilder: Any
    route_base: Any
    may: Any
    _picked: Any
    _bulk_page: Any
    _back: Any

    def acts_on_many(self) -> list[ForMany]:
        """Return what is done to ticked records, and putting them into a segment for those who may."""
        acts: list[ForMany] = super().acts_on_many()  # type: ignore[misc]
        return [*acts, VERB] if _may(CHANGE) else acts

    @expose("/many/segment", methods=["POST"])
    @has_access
    @permission_name("see")
    def add_to_segment(self) -> Any:
        """Ask into which static segment the chosen records go, and put them there."""
        if not _may(CHANGE):
            raise NotAllowed(f"{AREA}.{CHANGE}")
        picked = self._picked()
        if "segment" not in request.form:
            return self._segment_page(picked)
        try:
            with unit_of_work(db.session()) as session:
                kept = _segment(session)
                count = segment_members.add(session, kept, keys=picked.found_keys(), at=clock.now())
                name, key = kept.name, kept.id
        except DomainError as refusal:
            return self._segment_page(picked, str(refusal)), 422
        flash(_("“%(name)s” has %(count)s members now.", name=name, count=count), "success")
        return redirect(f"/segment/show/{key}")

    def _segment_page(self, picked: Any, error: str = "") -> str:
        total = bulk_preview.count(self, picked.selection)
        page: str = self._bulk_page(
            "web/segment_fill.html",
            picked,
            total=total,
            verb=VERB,
            error=error,
            offered=_offered(),
            chosen=request.form.get("segment", ""),
            fresh=request.form.get("fresh", ""),
            may_add=_may("add"),
        )
        return page


def _may(verb: str) -> bool:
    return bool(current_app.extensions["appbuilder"].sm.may(AREA, verb))


def _offered() -> list[Segment]:
    """Return the static segments that the reader may change, the first ones by name."""
    session = db.session()
    found = select(Segment).where(Segment.kind == SegmentKind.static)
    cut = access.cut(session, Segment, CHANGE)
    found = found if cut is None else found.where(cut)
    return list(session.scalars(found.order_by(Segment.name, Segment.id).limit(OFFERED)).unique())


def _segment(session: Any) -> Segment:
    """Return the segment that was chosen, or a new one of the name that was typed."""
    key, name = request.form.get("segment", ""), request.form.get("fresh", "").strip()
    if key.isascii() and key.isdecimal() and len(key) <= _KEY_DIGITS:
        found = access.get(session, Segment, int(key))
        if found is None:
            abort(404)
        access.require(session, found, CHANGE)
        return found
    if not name:
        raise DomainError(_("Choose a segment, or write the name of a new one"))
    if not _may("add"):
        raise NotAllowed(f"{AREA}.add")
    made = Segment(name=name, kind=SegmentKind.static, definition=dict(segments.EMPTY))
    access.give_to_actor(session, made)
    segments.save(session, made)
    session.flush()
    return made
