"""A letter from a card: a page of its own, which works without scripts and keeps what was typed; and its templates."""

from dataclasses import dataclass, field
from typing import Any, BinaryIO, ClassVar, cast

from flask import abort, current_app, flash, redirect, render_template, request
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, permission_name

from app import clock
from app.db import db, unit_of_work
from app.errors import Conflict, DomainError, Refusals
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.attachment import Attachment
from app.models.letter import LetterTemplate
from app.roles import ACT
from app.services import access, idempotency, letter_card, letter_template
from app.services import attachment as attachments
from app.web import menu
from app.web.activities import checked, media_type_of
from app.web.api import CrudApi
from app.web.crud import CrudView
from app.web.records import Records

ORDER = 49
LONGEST = {"to": 250, "subject": 250, "text": 20_000}
COLUMNS = ["name", "language", "subject", "text", "is_active"]
PLACES = _l("{party}, {contact}, {me} and {organisation} stand for names.")


@dataclass
class Draft:
    """A letter as it is typed."""

    to: str = ""
    subject: str = ""
    text: str = ""
    template: str = ""
    files: set[str] = field(default_factory=set)
    errors: dict[str, list[str]] = field(default_factory=dict)


class LetterWritingView(BaseView):
    """Writes letters about parties, leads and deals."""

    route_base = "/letter_writing"
    class_permission_name = "letter"
    base_permissions: ClassVar = ["can_write"]
    default_view = "write_letter"
    many_name = _l("Letters")

    @expose("/<stem>/<int:record_id>", methods=["GET", "POST"])
    @has_access
    @permission_name("write")
    def write_letter(self, stem: str, record_id: int) -> Any:
        """Show an empty letter, fill a template in, or send what was typed, once."""
        record = self._record(stem, record_id)
        if request.method == "GET":
            first = next(iter(letter_card.recipients(db.session(), record)), None)
            return self._page(record, Draft(to=first.address if first is not None else ""))
        draft = self._typed()
        if "fill" in request.form:
            return self._page(record, self._from_template(record, draft))
        try:
            with unit_of_work(db.session()) as session:
                self._send(session, self._record(stem, record_id), draft)
        except Refusals as refusal:
            draft.errors = refusal.errors
        except DomainError as refusal:
            draft.errors = {refusal.field or "": [refusal.text]}
        except Conflict:  # a double click: the first one sends it
            return redirect(f"/{stem}/show/{record_id}#history")
        if draft.errors:
            return self._page(self._record(stem, record_id), draft), 422
        flash(_("The letter is on its way."), "success")
        return redirect(f"/{stem}/show/{record_id}#history")

    def _record(self, stem: str, record_id: int) -> Any:
        """Return a record that the reader reaches; whoever does not see it gets what an unknown one gets."""
        entity = letter_card.KINDS.get(stem)
        if entity is None or not self.appbuilder.sm.may(stem, "see"):
            abort(404)
        record = access.get(db.session(), entity, record_id)
        if record is None:
            abort(404)
        access.require(db.session(), record, ACT)
        return record

    @staticmethod
    def _typed() -> Draft:
        said = {name: request.form.get(name, "")[:most] for name, most in LONGEST.items()}
        chosen = set(request.form.getlist("file"))
        return Draft(said["to"], said["subject"], said["text"], request.form.get("template", ""), chosen)

    @staticmethod
    def _from_template(record: Any, draft: Draft) -> Draft:
        session = db.session()
        chosen = next((one for one in letter_template.offered(session) if str(one.id) == draft.template), None)
        if chosen is None:
            draft.errors = {"template": [_("Choose a template")]}
            return draft
        to = next((one for one in letter_card.recipients(session, record) if one.address == draft.to.lower()), None)
        known = letter_card.names(session, record, to, by=access.required(session))
        for name in ("subject", "text"):
            filled, missing = letter_template.filled(getattr(chosen, name), known)
            setattr(draft, name, filled)
            if missing:
                draft.errors[name] = [letter_card.why_missing(missing)]
        return draft

    def _send(self, session: Any, record: Any, draft: Draft) -> None:
        key, by, at = request.form.get("form_key", ""), access.required(session), clock.now()
        asked = idempotency.digest([request.path])
        row, done = idempotency.begin(session, user_id=by.user_id or 0, key=key, body_sha256=asked, at=at)
        if done:
            return
        given = checked([one for one in request.files.getlist("files") if one.filename])
        chosen = [one for one in letter_card.files_of(session, record) if str(one.id) in draft.files]
        chosen += [self._stored(session, record, one, by_id=by.user_id, at=at) for one in given]
        said = {"to": draft.to, "subject": draft.subject, "text": draft.text}
        letter = letter_card.send(session, record, **said, files=chosen, key=key, by=by, at=at)
        idempotency.end(row, status=201, answer={"id": letter.id})

    @staticmethod
    def _stored(session: Any, record: Any, given: Any, *, by_id: int | None, at: Any) -> Attachment:
        return attachments.store(
            session,
            cast("BinaryIO", given.stream),
            files=current_app.config["CRM_VAR"] / "files",
            name=given.filename or "",
            media_type=media_type_of(given),
            entity=record.__stem__,
            record_id=record.id,
            at=at,
            by_id=by_id,
        )

    def _page(self, record: Any, draft: Draft) -> str:
        session = db.session()
        screens: Any = self.appbuilder.baseviews
        screen = next(each for each in screens if each.route_base == f"/{record.__stem__}")
        return str(
            render_template(
                "web/letter_writing.html",
                title=_("Write a letter"),
                appbuilder=self.appbuilder,
                view=self,
                screen=screen,
                record=record,
                draft=draft,
                recipients=letter_card.recipients(session, record),
                templates=letter_template.offered(session),
                files=letter_card.files_of(session, record),
            )
        )


class LetterTemplateView(CrudView):
    """Templates of letters."""

    datamodel = Records(LetterTemplate, save=letter_template.save, search=None)
    one_name = _l("Letter template")
    many_name = _l("Letter templates")
    hint = _l("A template fills in a letter that somebody writes on a card.")
    list_columns: ClassVar = ["name", "language", "subject", "is_active"]
    show_columns: ClassVar = COLUMNS
    add_columns: ClassVar = COLUMNS
    edit_columns: ClassVar = COLUMNS
    search_columns: ClassVar = ["name", "language", "is_active"]
    order_columns: ClassVar = ["name", "language"]
    base_order = ("name", "asc")
    key_facts: ClassVar = ["language", "subject"]
    label_columns: Any = {"text": _l("Text"), "is_active": _l("In use")}
    description_columns: ClassVar = {"subject": PLACES, "text": PLACES}
    quick: ClassVar = None
    has_tags: ClassVar = False


class LetterTemplateApi(CrudApi):
    """REST of templates of letters."""

    datamodel = Records(LetterTemplate, save=letter_template.save, search=None)
    list_columns: ClassVar = ["name", "language", "subject", "is_active"]
    show_columns: ClassVar = COLUMNS
    add_columns: ClassVar = COLUMNS
    edit_columns: ClassVar = COLUMNS
    search_columns: ClassVar = ["name", "language", "is_active"]
    order_columns: ClassVar = ["name"]
    base_order = ("name", "asc")
    has_tags: ClassVar = False
    examples: ClassVar = {
        "post": {"name": "Thanks", "language": "en", "subject": "Thank you", "text": "Dear {contact}, … {me}"}
    }


def register(appbuilder: Any) -> None:
    """Register the page, the screens and the resource."""
    appbuilder.add_view_no_menu(LetterWritingView)
    menu.place(
        appbuilder,
        LetterTemplateView,
        "letter_template",
        label=_l("Letter templates"),
        group="settings",
        icon="file-text",
    )
    appbuilder.add_api(LetterTemplateApi)
