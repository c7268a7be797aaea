"""What links in the letters of mailings lead to: the address behind one, a picture, or the preferences.

A link leads to an address of its own mailing and nowhere else; whatever is wrong with one, it is not there.
"""

import base64
from typing import Any

from flask import current_app, make_response, redirect, request
from flask_appbuilder import BaseView, expose
from werkzeug.exceptions import NotFound

from app import clock, errors
from app.db import db, unit_of_work
from app.documents import mailing as documents
from app.documents import rule_letter
from app.errors import TooManyTries
from app.models.mailing import MailingRecipient
from app.services import access, mail_picture, mailing_count, mailing_frame, mailing_link, preference, rule_link
from app.services import attachment as attachments
from app.services.mailing_frame import Around
from app.services.mailing_link import CLICK, LEAVE, OF_RULES, OPEN, RULE_CLICK, Meant
from app.web import framed, often
from app.web.signing_in import client_address

YEAR = 31_536_000  # seconds: an address with other bytes behind it is another address
_DOT = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


class MailingPublicView(BaseView):
    """One link of a letter; see the module's text."""

    route_base = "/m"
    default_view = "follow"

    @expose("/<string:token>", methods=["GET"])
    def follow(self, token: str) -> Any:
        """Note that somebody is here, and lead him on; send a picture without noting anything."""
        if mail_picture.is_one(token):
            return self._picture(token)
        meant = mailing_link.read(token)
        if meant is None:
            return self._nothing()
        if meant.act in OF_RULES:
            return self._of_rule(meant)
        with unit_of_work(db.session()) as work, mailing_count.followed(work, meant, at=clock.now()) as found:
            place = _address(found, meant.number) if found is not None and meant.act == CLICK else None
            if found is not None and meant.act == LEAVE and found.address is not None:
                place = preference.url(mailing_frame.whom_of(found), public_url=current_app.config["CRM_PUBLIC_URL"])
        if found is None or (meant.act != OPEN and place is None):
            return self._nothing()
        return self._answer(place)

    def _of_rule(self, meant: Meant) -> Any:
        """Note the same of an automatic letter, and lead on."""
        is_click, place = meant.act == RULE_CLICK, None
        with unit_of_work(db.session()) as work, rule_link.followed(work, meant, at=clock.now()) as found:
            if found is not None and is_click and found.content is not None and found.letter is not None:
                said = found.content.content["languages"].get(found.letter.language)
                place = rule_letter.link(said, meant.number) if said is not None else None
        if found is None or (is_click and place is None):
            return self._nothing()
        return self._answer(place)

    @staticmethod
    def _answer(place: str | None) -> Any:
        """Lead to an address, or send the dot by which it is known that a letter was opened."""
        answer = redirect(place, 302) if place is not None else make_response(_DOT)
        if place is None:
            answer.headers["Content-Type"] = "image/gif"
        answer.headers["Cache-Control"] = "no-store"
        answer.headers["Referrer-Policy"] = "no-referrer"
        answer.headers["X-Robots-Tag"] = "noindex, nofollow"
        return answer

    def _picture(self, token: str) -> Any:
        session = db.session()
        with access.acting(session, preference.GUEST):
            picture = mail_picture.found(session, token)
        if picture is None:
            return self._nothing()
        try:
            place = attachments.path_of(picture, files=current_app.config["CRM_VAR"] / "files")
        except errors.NotFound:
            return self._nothing()
        answer = make_response(place.read_bytes())  # a megabyte at most
        answer.headers["Content-Type"] = picture.media_type
        answer.set_etag(picture.sha256)
        answer.make_conditional(request)
        answer.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
        answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        answer.headers["Referrer-Policy"] = "no-referrer"
        return framed.for_all(answer)

    @staticmethod
    def _nothing() -> Any:
        """Answer to a link that means nothing; whoever tries many waits."""
        try:
            often.refuse_too_often(client_address(), at=clock.now())
        except TooManyTries as refusal:
            answer = make_response("", 429)
            answer.headers["Retry-After"] = str(refusal.seconds)
            return answer
        raise NotFound


def _address(recipient: MailingRecipient, number: int) -> str | None:
    """Return the address behind a link of the letter that somebody got, None where it has none of this number."""
    content = recipient.mailing.content
    if content is None:
        return None
    said = content.content["languages"]
    code = mailing_frame.language_of(said, recipient.language, recipient.mailing.organisation.language)
    around = Around(language=code, sender="", legal="", unsubscribe="", pictures={}, opens=False)
    links = documents.laid_out(said[code], around).links
    return links[number] if number < len(links) else None


def register(appbuilder: Any) -> None:
    """Register the links; letters lead to them."""
    appbuilder.add_view_no_menu(MailingPublicView)
