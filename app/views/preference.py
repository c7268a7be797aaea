"""The page behind the link in a letter: which marketing somebody wants, without signing in; and the one-click address.

Looking changes nothing, as programs that read mail do. A link that does not work answers alike, whatever is wrong.
"""

from typing import Any

from flask import make_response, render_template, request
from flask_appbuilder import BaseView, expose

from app import clock
from app.db import db, unit_of_work
from app.errors import NotFound, TooManyTries
from app.i18n import LANGUAGES, in_language
from app.i18n import gettext as _
from app.services import preference as preferences
from app.services.preference import How
from app.web import often
from app.web.signing_in import client_address

PAGE, ONE_CLICK = "Preference page", "One click in the letter"  # words of the log of consents, in its one language
ASKED = "One-Click"  # Source: RFC 8058, 3.1


class PreferenceView(BaseView):
    """One address by its link; see the module's text."""

    route_base = "/p"
    default_view = "show"

    @expose("/<string:token>", methods=["GET"])
    def show(self, token: str) -> Any:
        """Show what is on and off."""
        return self._page_of(token)

    @expose("/<string:token>", methods=["POST"])
    def keep(self, token: str) -> Any:
        """Keep what was chosen, or switch everything off."""
        wanted = set() if request.form.get("act") == "none" else set(request.form.getlist("on"))
        try:
            whom = preferences.read(token)
            code = self._language(preferences.choices(db.session(), whom)[1])
            with in_language(code), unit_of_work(db.session()) as work:
                on = {each for each in preferences.PURPOSES if each.value in wanted}
                chosen = request.form.get("language", "")
                preferences.decide(work, whom, on=on, how=_how(PAGE), at=clock.now(), language=chosen)
        except NotFound:
            return self._ended()
        return self._page_of(token, is_kept=True, chosen=request.form.get("language", ""))

    @expose("/<string:token>/one-click", methods=["POST"])
    def one_click(self, token: str) -> Any:
        """End marketing to this address, as the recipient's mail program asks; nobody has a session here."""
        if request.form.get("List-Unsubscribe") != ASKED:
            return _private(make_response("", 422))
        try:
            whom = preferences.read(token)
            with unit_of_work(db.session()) as work:
                preferences.unsubscribe(work, whom, how=_how(ONE_CLICK), at=clock.now())
        except NotFound:
            return self._ended()
        return _private(make_response("", 200))

    def _page_of(self, token: str, *, is_kept: bool = False, chosen: str = "") -> Any:
        try:
            whom = preferences.read(token)
            found, code = preferences.choices(db.session(), whom)
        except NotFound:
            return self._ended()
        code = self._language(chosen or code)
        with in_language(code):
            rows = [(each, preferences.wording(each.purpose)) for each in found]
            return self._page(
                "read",
                title=_("What may we write to you?"),
                rows=rows,
                token=token,
                code=code,
                address=_veiled(whom.address),
                is_kept=is_kept,
            )

    @staticmethod
    def _language(known: str) -> str:
        asked = request.args.get("lang", "")
        if asked in LANGUAGES:
            return asked
        return known if known in LANGUAGES else (request.accept_languages.best_match(LANGUAGES) or "en")

    def _ended(self) -> Any:
        """Answer to a link that does not work; whoever tries many waits."""
        try:
            often.refuse_too_often(client_address(), at=clock.now())
        except TooManyTries as refusal:
            answer = self._page("wait", title=_("Please wait"), status=429, text=refusal.text)
            answer.headers["Retry-After"] = str(refusal.seconds)
            return answer
        with in_language(self._language("")):
            return self._page("ended", title=_("This link has ended"), status=404)

    @staticmethod
    def _page(state: str, *, title: str, status: int = 200, **about: Any) -> Any:
        answer = _private(make_response(render_template("web/preference.html", state=state, title=title, **about)))
        answer.status_code = status
        return answer


def _how(way: str) -> How:
    return How(way=way, address=client_address(), agent=request.user_agent.string)


def _veiled(address: str) -> str:
    """Return an address so that its owner knows it and whoever looks over his shoulder does not."""
    name, at, domain = address.rpartition("@")
    return f"{name[:1]}…{at}{domain}" if at else f"…{address[-4:]}"


def _private(answer: Any) -> Any:
    """Return an answer that no cache keeps, no search engine lists and no other page learns the address of."""
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    return answer


def register(appbuilder: Any) -> None:
    """Register the page; letters lead to it."""
    appbuilder.add_view_no_menu(PreferenceView)
