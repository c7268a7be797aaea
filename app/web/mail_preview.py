"""`MailPreview`: a tab that shows a mailing, or a template of them, as one recipient after another will read it.

The page of a mail is served by itself, under a policy that lets it load nothing and run nothing; its pictures stand in
it.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlencode

from flask import Response, abort, current_app, flash, redirect, request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name

from app import clock
from app.db import db, unit_of_work
from app.documents import mailing_preview as documents
from app.documents.mailing_preview import Seen
from app.errors import DomainError, NotFound
from app.i18n import LANGUAGES, ngettext
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.mailing import Mailing
from app.models.party import Party
from app.services import access
from app.services import attachment as attachments
from app.services import mail_template as templates
from app.services import mailing_frame as frames
from app.services import mailing_preview as previews
from app.services import mailing_trial as trials
from app.services import organisation as organisations
from app.services.mailing_preview import Shown
from app.web import audited
from app.web.card_tabs import Own
from app.web.lookup import KEY_DIGITS, offered

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
LONGEST = 100
LONGEST_LIST = 1_000
TAB = Own("preview", _l("Preview"), "web/mail_preview.html")


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What the tab shows: for whom, in which language of those that there are, and the letter; `wrong` is a refusal."""

    who: Shown
    language: str
    languages: tuple[tuple[str, str], ...]
    seen: Seen
    is_text: bool
    text: str
    wrong: str


class MailPreview(ABC):
    """A tab of a view and the page within it; see the module's text."""

    appbuilder: Any
    route_base: Any
    may: Any
    _found: Any
    _card: Any
    trying: ClassVar[str]  # the right that trying a letter out needs

    @abstractmethod
    def mailing_of(self, record: Any) -> Mailing | None:
        """Return what is shown of a record as a mailing, None where that cannot be."""

    def preview_of(self, record: Any) -> Preview | None:
        """Return what the tab shows, as the address says: `who` by key or `q` by name, and `language`."""
        mailing = self.mailing_of(record)
        if mailing is None:
            return None
        text, wrong = request.args.get("q", "").strip()[:LONGEST], ""
        who = self._who(mailing, text)
        if who is None:
            wrong = _("Nobody of this name is among them") if text else ""
            who = self._who(mailing, "", is_asked=False) or previews.nobody(mailing)
        if who.record is not None:
            audited.opened(self, who.record)
        said = _said(mailing)
        code = self._language(said, who, mailing)
        return Preview(
            who=who,
            language=code,
            languages=tuple((each, LANGUAGES[each]["name"]) for each in LANGUAGES if each in said),
            seen=_seen(mailing, said[code], who, code),
            is_text=previews.is_text(mailing),
            text=text,
            wrong=wrong,
        )

    @expose("/<int:pk>/letter", methods=["GET"])
    @has_access
    @permission_name("see")
    def letter_page(self, pk: int) -> Response:
        """Send the page of a mail as somebody will read it, able to load and to run nothing."""
        mailing = self.mailing_of(self._found(str(pk)))
        if mailing is None or previews.is_text(mailing):
            abort(404)
        who = (previews.nobody(mailing) if request.args.get("who") == "0" else None) or self._who(mailing, "")
        if who is None:
            abort(404)
        if who.record is not None:
            audited.opened(self, who.record)
        said = _said(mailing)
        code = self._language(said, who, mailing)
        page = documents.page(said[code], previews.around(mailing, code, _pictures(mailing, said[code])), who.words)
        answer = Response(page, mimetype="text/html")
        answer.headers["Content-Security-Policy"] = POLICY
        answer.headers["Referrer-Policy"] = "no-referrer"
        answer.headers["X-Robots-Tag"] = "noindex, nofollow"
        return answer

    def tries(self) -> bool:
        """Say whether the reader may try a letter out."""
        return self.may(self.trying)

    def tried(self, pk: int) -> Any:
        """Send the letter that is shown to addresses of our own accounts; a refusal stands at its field."""
        to = request.form.get("to", "").strip()[:LONGEST_LIST]
        try:
            with unit_of_work(db.session()) as session:
                record = self._found(str(pk))
                shown = self.preview_of(record)
                if shown is None:
                    raise DomainError(_("Set up your own company first"))
                by = access.required(session)
                count = trials.ask(
                    session, record, to=to, who=shown.who, language=shown.language, by=by, at=clock.now()
                )
        except DomainError as refusal:
            return self._card(self._found(str(pk)), trial={"to": to, "wrong": str(refusal)}), 422
        told = ngettext("%(num)s letter to try is on its way", "%(num)s letters to try are on their way", count)
        flash(told, "success")
        back = {name: request.args[name] for name in ("who", "language") if name in request.args}
        return redirect(f"{self.route_base}/show/{pk}?{urlencode({'tab': TAB.name, **back})}", code=303)

    # --- for whom -------------------------------------------------------------------------------------------------

    def _who(self, mailing: Mailing, text: str, *, is_asked: bool = True) -> Shown | None:
        """Return for whom it is shown; `is_asked` says that the address names somebody."""
        session, may = db.session(), self.appbuilder.sm.may
        said = request.args.get("who", "") if is_asked and not text else ""
        key = int(said) if said.isascii() and said.isdecimal() and len(said) <= KEY_DIGITS else None
        if previews.has_recipients(session, mailing):
            if not may("mailing_recipient", "see"):
                return None
            return previews.recipient(session, mailing, key=key, text=text)
        if not may("party", "see"):
            return None
        try:
            of = previews.chosen(session, mailing, at=clock.now())
        except DomainError:  # a segment that asks for what this reader does not see
            return None
        keys = {each.id for each in offered(Party, {"q": text})} if text else None
        sees_people = may("party.personal", "see")
        return previews.party(session, mailing, of=of, key=key, keys=keys, sees_people=sees_people)

    @staticmethod
    def _language(said: dict[str, Any], who: Shown, mailing: Mailing) -> str:
        wanted = request.args.get("language", "")
        return wanted if wanted in said else frames.language_of(said, who.language, mailing.organisation.language)


def first_company(template: Any) -> Mailing | None:
    """Return a template as a mailing of our first company, None as long as there is none."""
    us = organisations.first(db.session())
    return previews.as_mailing(template, us) if us is not None else None


def _said(mailing: Mailing) -> dict[str, Any]:
    content = mailing.content or templates.latest(db.session(), mailing.written)
    said: dict[str, Any] = content.content["languages"]
    return said


def _seen(mailing: Mailing, said: dict[str, Any], who: Shown, code: str) -> Seen:
    around = previews.around(mailing, code, {})
    if previews.is_text(mailing):
        way_out = frames.EXAMPLE_WAY_OUT if around.unsubscribe else ""
        return documents.message(said["message"] or "", who.words, way_out=way_out)
    return documents.letter(said, around, who.words)


def _pictures(mailing: Mailing, said: dict[str, Any]) -> dict[int, str]:
    """Return the pictures of a mail as addresses that hold all of them; what is gone stays empty."""
    wanted = {block["picture"]["id"] for block in said["blocks"] if block["kind"] == "image"}
    found: dict[int, str] = {}
    for each in templates.pictures(db.session(), mailing.written) if wanted else ():
        if each.id not in wanted or each.size > templates.LARGEST_PICTURE:
            continue
        try:
            place = attachments.path_of(each, files=current_app.config["CRM_VAR"] / "files")
        except NotFound:
            continue
        found[each.id] = documents.within(place.read_bytes(), each.media_type)
    return found
