"""The doors for what arrives from outside: signed requests and messages of programs, and forms on foreign pages.

Nobody here is signed in. Programs prove themselves by a signature; forms by a ticket, a little work of the browser and
limits. What is let in is told no more than the number under which it is stored.
"""

from collections.abc import Callable
from typing import Any

from flask import Response, abort, current_app, jsonify, make_response, render_template, request
from flask_appbuilder import BaseView, expose

from app import clock
from app.db import db, unit_of_work
from app.errors import NotAllowed, Refusals
from app.i18n import LANGUAGES, in_language
from app.models.lead_source import LeadChannel, LeadForm
from app.services import intake, intake_read
from app.services import lead_form as forms
from app.services import lead_source as sources
from app.services.intake import About, Taken
from app.web import framed
from app.web.signing_in import client_address

LARGEST = 1024 * 1024  # bytes
WIDEST_FORM = 256 * 1024
LONGEST = 500


class IntakeView(BaseView):
    """Where programs send requests and messages, signed."""

    route_base = "/intake"
    default_view = "take_request"

    @expose("/<string:code>", methods=["POST"])
    def take_request(self, code: str) -> Any:
        """Take a request."""
        return self._take(code, intake_read.request, None)

    @expose("/<string:code>/message", methods=["POST"])
    def take_message(self, code: str) -> Any:
        """Take a message that somebody has written by another service."""
        return self._take(code, intake_read.message, LeadChannel.message)

    @staticmethod
    def _take(code: str, read: Callable[..., Any], channel: LeadChannel | None) -> Any:
        request.max_content_length = LARGEST
        body = request.get_data(cache=False)
        headers = {name.lower(): value for name, value in request.headers.items()}
        at = clock.now()
        try:
            with unit_of_work(db.session()) as work:
                source = sources.by_code(work, code)
                number = sources.require_signed(work, source, headers, body, at=at)
                assert source is not None  # noqa: S101 -- an unknown one was refused
                about = About(external_id=number, channel=channel, read=read)
                taken = intake.receive(work, source, body, at=at, about=about)
                answer = _told(taken)
        except NotAllowed:
            return jsonify(message="The signature does not fit."), 401
        return jsonify(answer), (200 if not taken.is_new else 202 if answer.get("error") or taken.is_held else 201)


def _told(taken: Taken) -> dict[str, Any]:
    """Return what a program is told: the number of what is stored, its state, and what could not be read."""
    state = taken.lead.state.value if taken.lead is not None else "known"
    found: dict[str, Any] = {"id": taken.arrival.id, "state": state}
    return found | ({"error": taken.arrival.error} if taken.arrival.error else {})


class PublicFormView(BaseView):
    """Forms as they stand on foreign pages: a page for a frame, and the line that puts it there."""

    route_base = "/form"
    default_view = "page"

    @expose("/<string:code>", methods=["GET"])
    def page(self, code: str) -> Any:
        """Show a form."""
        form = _form(code)
        return self._shown(form, {name: request.args.get(name, "")[:LONGEST] for name in forms.CARRIED}, {})

    @expose("/<string:code>.js", methods=["GET"])
    def snippet(self, code: str) -> Any:
        """Return the script that puts a form's frame where it stands."""
        form = _form(code)
        place = f"{current_app.config['CRM_PUBLIC_URL']}/form/{form.code}"
        answer = make_response(render_template("web/lead_form_snippet.js", place=place, title=form.name))
        answer.headers["Content-Type"] = "text/javascript; charset=utf-8"
        answer.headers["Cache-Control"] = "public, max-age=3600"
        return framed.for_all(answer)

    @expose("/<string:code>", methods=["POST"])
    def send(self, code: str) -> Any:
        """Store what was sent; what cannot be answered comes back with what was typed."""
        request.max_content_length = WIDEST_FORM
        form, at = _form(code), clock.now()
        typed = {name: value[: intake_read.TEXT] for name, value in request.form.items()}
        with in_language(_language(form)):
            try:
                forms.check(form, typed)
            except Refusals as refusal:
                return self._shown(form, typed, refusal.errors, status=422)
        sent = forms.judge(form, typed, at=at)
        kept = {name: value for name, value in typed.items() if name not in {"ticket", "proof"}}
        with unit_of_work(db.session()) as work:
            found = forms.by_code(work, code)
            if found is None:
                abort(404)
            address = client_address()
            forms.store(work, found, kept, sent, address=address, language=_language(found), at=at)
        return self._shown(form, {}, {}, is_sent=True)

    @staticmethod
    def _shown(
        form: LeadForm, typed: dict[str, str], errors: dict[str, list[str]], *, status: int = 200, is_sent: bool = False
    ) -> Response:
        language = _language(form)
        with in_language(language):
            page = render_template(
                "web/lead_form.html",
                form=form,
                text=next((each for each in form.texts if each.language == language), None),
                ticket=forms.ticket(form, at=clock.now()),
                spoken=language,
                typed=typed,
                errors=errors,
                carried=forms.CARRIED,
                trap=forms.TRAP,
                is_sent=is_sent,
            )
        answer = make_response(page)
        answer.status_code = status
        return framed.by(answer, (form.sites or "").split())


def _form(code: str) -> LeadForm:
    form = forms.by_code(db.session(), code)
    if form is None:
        abort(404)
    return form


def _language(form: LeadForm) -> str:
    """Return the language in which a form speaks: the one that is asked for, if it has texts in it or none at all."""
    asked = request.values.get("language", "")
    spoken = {each.language for each in form.texts}
    best = asked or request.accept_languages.best_match(sorted(spoken or LANGUAGES))
    if best in LANGUAGES and (not spoken or best in spoken):
        return str(best)
    return form.source.language if form.source.language in spoken or not spoken else min(spoken)


def register(appbuilder: Any) -> None:
    """Register the doors."""
    appbuilder.add_view_no_menu(IntakeView)
    appbuilder.add_view_no_menu(PublicFormView)
