"""`Activities`: the life of a record on its card: notes, files, who follows it, and what happened to it.

Every route finds the record through the view's own door first: who does not see it gets the same answer as for one
that is not there. A note that is refused comes back as it was typed.
"""

from dataclasses import dataclass, field
from typing import Any, BinaryIO, ClassVar, cast
from urllib.parse import urlencode

from flask import Response, abort, current_app, flash, jsonify, redirect, request, send_file
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, has_access_api, permission_name
from sqlalchemy import select
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.datastructures import FileStorage

from app import clock
from app.db import db, unit_of_work
from app.errors import Conflict, DomainError, NotAllowed, NotFound
from app.i18n import gettext as _
from app.models.activity import Activity
from app.models.attachment import Attachment
from app.models.base import Entity, Owned
from app.services import access, colleague, file_kind, idempotency
from app.services import activity as activities
from app.services import attachment as attachments
from app.services import notification as notifications
from app.web import drafts, timeline, toast

MOST_FILES = 20
SHOWN = file_kind.SHOWN
CHIPS = {
    "note": "notes",
    "activity": "activities",
    "change": "changes",
    "file": "files",
    "letter": "letters",
    "payment": "payments",
}


@dataclass(frozen=True)
class Tried:
    """A note as it was typed, with what was refused; `key` names the note that was edited, None for a new one."""

    text: str
    errors: dict[str, list[str]] = field(default_factory=dict)
    key: int | None = None
    theirs: str | None = None
    version: int = 0


@dataclass(frozen=True)
class Life:
    """What the card shows of a record's life."""

    base: str
    card: str
    page: timeline.Page
    only: str
    is_following: bool
    may_write: bool
    tried: Tried | None = None

    @property
    def chips(self) -> list[tuple[str, int]]:
        """Return the filters that the reader has, each with its count, in the order of the page."""
        counts = self.page.counted.by_source
        return [(name, counts[source]) for source, name in CHIPS.items() if source in counts]

    def address(self, *, only: str = "", after: str = "") -> str:
        """Return what follows the address of the card, or of the history by itself, for another part of it."""
        query = urlencode({name: value for name, value in (("only", only), ("after", after)) if value})
        return f"?{query}" if query else ""


class Activities:
    """Routes of a card's life; see the module's text."""

    has_activities: ClassVar[bool] = True  # False: no notes, files and followers on this card
    route_base: Any
    datamodel: Any
    label_columns: Any
    appbuilder: Any

    def life(self, record: Any, tried: Tried | None = None) -> Life:
        """Return what the card shows of a record's life."""
        session = db.session()
        reader = self._reader()
        only = next((source for source, name in CHIPS.items() if name == request.args.get("only")), "")
        tried = tried or self._kept()
        after = request.args.get("after", "")
        page = timeline.page(session, record, self.label_columns, reader, only=only, after=after)
        if tried is not None and tried.key is not None and not page.holds(tried.key):
            after = timeline.place_of(session, record, tried.key)
            page = timeline.page(session, record, self.label_columns, reader, after=after)
        noted = page.counted.is_following
        owns = isinstance(record, Owned) and record.owner_id == reader.actor.user_id
        return Life(
            base=f"{self.route_base}/{record.id}",
            card=f"{self.route_base}/show/{record.id}",
            page=page,
            only=CHIPS.get(only, ""),
            is_following=owns if noted is None else noted,
            may_write=self.has_activities,
            tried=tried,
        )

    def _reader(self) -> timeline.Reader:
        sm = self.appbuilder.sm
        return timeline.Reader(access.required(db.session()), lambda area: bool(sm.may(area, "see")), clock.now())

    @staticmethod
    def _kept() -> Tried | None:
        """Return what was typed before the session ended."""
        kept = drafts.kept()
        if kept is None:
            return None
        parts = request.path.split("/")
        key = int(parts[-2]) if parts[-1] == "edit" and parts[-2].isdecimal() else None
        version = kept.get("version", "")
        return Tried(kept.get("text", ""), key=key, version=int(version) if version.isdecimal() else 0)

    # --- reading --------------------------------------------------------------------------------------------------

    @expose("/<int:pk>/timeline", methods=["GET"])
    @has_access
    @permission_name("see")
    def happened_part(self, pk: int) -> str:
        """Show a part of what happened, without the rest of the card."""
        record = self._found(str(pk))  # type: ignore[attr-defined]
        return str(self.page("web/timeline.html", record=record, life=self.life(record), part=True))  # type: ignore[attr-defined]

    @expose("/<int:pk>/colleagues", methods=["GET"])
    @has_access_api
    @permission_name("see")
    def colleagues(self, pk: int) -> Response:
        """Return who may be mentioned in a note about a record, as `{"results": [{"user", "text"}]}`."""
        record = self._found(str(pk))  # type: ignore[attr-defined]
        session = db.session()
        own = access.required(session).user_id
        found = colleague.offered(session, record, request.args.get("q", "")[:60], but=own)
        return jsonify(results=[{"user": user.username, "text": str(user)} for user in found])

    @expose("/<int:pk>/file/<int:key>", methods=["GET"])
    @has_access
    @permission_name("see")
    def attached(self, pk: int, key: int) -> Response:
        """Send a file of a record: pictures and PDFs to be looked at, everything else to be kept."""
        record = self._found(str(pk))  # type: ignore[attr-defined]
        found = self._file(record, key)
        try:
            path = attachments.path_of(found, files=current_app.config["CRM_VAR"] / "files")
        except NotFound:
            abort(404)
        is_shown = found.media_type in SHOWN and "download" not in request.args
        answer = send_file(
            path,
            mimetype=found.media_type if found.media_type in SHOWN else "application/octet-stream",
            as_attachment=not is_shown,
            download_name=found.name,
            etag=found.sha256,
        )
        if found.media_type != "application/pdf":  # the browser's own viewer of those needs more than nothing
            answer.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'self'"
        return answer

    # --- writing --------------------------------------------------------------------------------------------------

    @expose("/<int:pk>/note", methods=["POST"])
    @has_access
    @permission_name("see")
    def write_note(self, pk: int) -> Any:
        """Keep a note, files, or both, once."""
        text = request.form.get("text", "")
        given = [one for one in request.files.getlist("files") if one.filename]
        try:
            with unit_of_work(db.session()) as session:
                record = self._of_life(pk)
                row, done = self._once(session, request.form.get("form_key", ""))  # type: ignore[attr-defined]
                key = row.answer["id"] if done else self._write(session, record, text, given)
                if row is not None and not done:
                    idempotency.end(row, status=201, answer={"id": key})
                drafts.forget(session)
        except DomainError as refusal:
            tried = Tried(text, {refusal.field or "": [str(refusal)]})
            return self._card(self._found(str(pk)), note=tried), 422  # type: ignore[attr-defined]
        except Conflict:  # the same form is being kept by another request
            return redirect(self._card_of(pk))
        return redirect(self._card_of(pk, key))

    def _write(self, session: Any, record: Any, text: str, given: list[FileStorage]) -> int | None:
        by, at = access.required(session), clock.now()
        note = activities.write(session, record, text=text, by=by, at=at) if text.strip() or not given else None
        if given:
            notifications.follow(session, record, user_id=by.user_id or 0)
        for one in checked(given):
            attachments.store(
                session,
                cast("BinaryIO", one.stream),
                files=current_app.config["CRM_VAR"] / "files",
                name=one.filename or "",
                media_type=media_type_of(one),
                entity=record.__stem__,
                record_id=record.id,
                at=at,
                by_id=by.user_id,
            )
        return note.id if note is not None else None

    @expose("/<int:pk>/note/<int:key>/edit", methods=["GET", "POST"])
    @has_access
    @permission_name("see")
    def edit_note(self, pk: int, key: int) -> Any:
        """Show one's own note to be changed, or keep what it says now."""
        record = self._of_life(pk)
        if request.method == "GET":
            note = self._own(record, key)
            kept = self._kept()
            tried = kept or Tried(self._typed(note), key=key, version=note.version)
            return self._card(record, note=tried)  # type: ignore[attr-defined]
        text, version = request.form.get("text", ""), request.form.get("version", "")
        opened = int(version) if version.isascii() and version.isdecimal() else -1
        try:
            with unit_of_work(db.session()) as session:
                record = self._of_life(pk)
                note = self._own(record, key)
                by, at = access.required(session), clock.now()
                activities.edit(session, note, record, text=text, version=opened, by=by, at=at)
                drafts.forget(session)
        except DomainError as refusal:
            tried = Tried(text, {refusal.field or "": [str(refusal)]}, key, version=opened)
            return self._card(self._found(str(pk)), note=tried), 422  # type: ignore[attr-defined]
        except (Conflict, StaleDataError):
            record = self._found(str(pk))  # type: ignore[attr-defined]
            note = self._own(record, key)
            return self._card(record, note=Tried(text, {}, key, self._typed(note), note.version)), 409  # type: ignore[attr-defined]
        return redirect(self._card_of(pk, key))

    @expose("/<int:pk>/note/<int:note_id>/delete", methods=["POST"])
    @has_access
    @permission_name("see")
    def delete_note(self, pk: int, note_id: int) -> Any:
        """Delete one's own note, with a way back."""
        with unit_of_work(db.session()) as session:
            note = self._own(self._of_life(pk), note_id)
            activities.remove(session, note, by=access.required(session), at=clock.now())
        address = f"{self.route_base}/{pk}/note/{note_id}/restore"
        toast.say(_("The note is deleted."), undo=(_("Undo the deletion"), address, {}))
        return redirect(self._card_of(pk))

    @expose("/<int:pk>/note/<int:note_id>/restore", methods=["POST"])
    @has_access
    @permission_name("see")
    def restore_note(self, pk: int, note_id: int) -> Any:
        """Bring one's own note back."""
        try:
            with unit_of_work(db.session()) as session:
                note = self._own(self._of_life(pk), note_id)
                activities.restore(session, note, by=access.required(session), at=clock.now())
        except DomainError as refusal:
            flash(str(refusal), "danger")
            return redirect(self._card_of(pk))
        flash(_("The note is back."), "success")
        return redirect(self._card_of(pk, note_id))

    @expose("/<int:pk>/file/<int:file_id>/delete", methods=["POST"])
    @has_access
    @permission_name("see")
    def delete_file(self, pk: int, file_id: int) -> Any:
        """Delete one's own file of a record."""
        try:
            with unit_of_work(db.session()) as session:
                file = self._file(self._of_life(pk), file_id)
                name = file.name
                attachments.remove(session, file, by=access.required(session))
        except DomainError as refusal:
            flash(str(refusal), "danger")
        else:
            flash(_("The file “%(name)s” is deleted.", name=name), "success")
        return redirect(self._card_of(pk))

    @expose("/<int:pk>/follow", methods=["POST"])
    @has_access
    @permission_name("see")
    def follow(self, pk: int) -> Any:
        """Let the reader be told about a record."""
        return self._follow(pk, is_following=True)

    @expose("/<int:pk>/unfollow", methods=["POST"])
    @has_access
    @permission_name("see")
    def unfollow(self, pk: int) -> Any:
        """Tell the reader nothing more about a record."""
        return self._follow(pk, is_following=False)

    def _follow(self, pk: int, *, is_following: bool) -> Any:
        with unit_of_work(db.session()) as session:
            record = self._of_life(pk)
            user_id = access.required(session).user_id or 0
            note = notifications.follow if is_following else notifications.unfollow
            note(session, record, user_id=user_id)
            name = str(record)
        text = _("You follow %(name)s.", name=name) if is_following else _("You no longer follow %(name)s.", name=name)
        flash(text, "success")
        return redirect(self._card_of(pk))

    # --- ways -----------------------------------------------------------------------------------------------------

    def _of_life(self, pk: int) -> Entity:
        """Return a record that may be written about; 404 where it is not the reader's or has no such life."""
        if not self.has_activities:
            abort(404)
        return cast("Entity", self._found(str(pk)))  # type: ignore[attr-defined]

    @staticmethod
    def _file(record: Entity, key: int) -> Attachment:
        about = select(Attachment).where(
            Attachment.id == min(key, 2**63 - 1),
            Attachment.entity == record.__stem__,
            Attachment.record_id == record.id,
        )
        found = db.session.execute(about).scalar_one_or_none()
        if found is None:
            abort(404)
        return found

    @staticmethod
    def _own(record: Entity, key: int) -> Activity:
        session = db.session()
        note = activities.one(session, record, key)
        if note is None:
            abort(404)
        if note.author_id != access.required(session).user_id:
            raise NotAllowed("activity.change")
        return note

    @staticmethod
    def _typed(note: Activity) -> str:
        return activities.retyped(note.body or "", {one.user_id: one.user.username for one in note.mentions})

    def _card_of(self, pk: int, key: int | None = None) -> str:
        return f"{self.route_base}/show/{pk}" + (f"#note-{key}" if key is not None else "#history")


def media_type_of(given: FileStorage) -> str:
    """Return what a file is by how it begins, whatever its sender says of it; its place in the stream stays."""
    head = given.stream.read(16)
    given.stream.seek(0)
    return file_kind.media_type_of(head)


def checked(given: list[FileStorage]) -> list[FileStorage]:
    """Return the files if all of them may be kept. Raises DomainError at "files"."""
    if len(given) > MOST_FILES:
        raise DomainError(_("At most %(most)s files at once", most=MOST_FILES), field="files")
    for one in given:
        if file_kind.is_program(one.filename or ""):
            raise DomainError(_("“%(name)s” is a program; programs are not kept", name=one.filename), field="files")
        if not one.stream.read(1):
            raise DomainError(_("“%(name)s” is empty", name=one.filename), field="files")
        one.stream.seek(0)
    return given
