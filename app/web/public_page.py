"""`PublicPage`: pages that show one record to whoever has its link, without signing in.

A link that does not work answers alike, whatever is wrong with it; who tries many waits. No cache keeps such a page, no
search engine lists it, no other page learns its address.
"""

from typing import Any

from flask import g, make_response, render_template, request

from app import clock
from app.errors import DomainError, Refusals, TooManyTries
from app.i18n import LANGUAGES, in_language
from app.i18n import gettext as _
from app.web import often
from app.web.crm_form import CrmForm
from app.web.signing_in import client_address


class PublicPage:
    """What the pages of quotes and contracts share; `template` shows a state: read, done, wait or ended."""

    template: str

    def page(self, state: str, *, title: str, status: int = 200, **about: Any) -> Any:
        """Return a page that stays between us and the reader."""
        answer = private(make_response(render_template(self.template, state=state, title=title, **about)))
        answer.status_code = status
        return answer

    def ended(self) -> Any:
        """Answer to a link that does not work."""
        try:
            often.refuse_too_often(client_address(), at=clock.now())
        except TooManyTries as refusal:
            answer = self.page("wait", title=_("Please wait"), status=429, text=refusal.text)
            answer.headers["Retry-After"] = str(refusal.seconds)
            return answer
        with in_language(asked("")):
            return self.page("ended", title=_("This link has ended"), status=404)


def refuse(form: CrmForm, refusal: DomainError) -> None:
    """Put a refusal at the fields of a form."""
    form.refuse(refusal.errors if isinstance(refusal, Refusals) else {refusal.field or "": [refusal.text]})


def private(answer: Any) -> Any:
    """Return an answer that no cache keeps, no search engine lists and no other page learns the address of."""
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    return answer


def asked(code: str) -> str:
    """Return the language that the reader chose on the page, else that of the record, else of the browser's session."""
    chosen = request.args.get("lang", "")
    if chosen in LANGUAGES:
        return chosen
    if code in LANGUAGES:
        return code
    session_code = getattr(g, "locale", None)
    return session_code if session_code in LANGUAGES else (request.accept_languages.best_match(LANGUAGES) or "en")
