"""Where providers of text messages tell what became of one, and bring answers. Nobody here is signed in.

The mark in the address is the proof, and the provider's signature where it signs; whatever is wrong, it is not there.
"""

from typing import Any

from flask import current_app, make_response, request
from flask_appbuilder import BaseView, expose
from werkzeug.exceptions import NotFound

from app import clock
from app.db import db, unit_of_work
from app.errors import TooManyTries
from app.models.sms_provider import SmsProviderKind
from app.services import sms_provider, text_report
from app.web import often
from app.web.signing_in import client_address

LARGEST = 64 * 1024  # bytes
SIGNATURE = "X-Twilio-Signature"


class TextReportView(BaseView):
    """One report or answer; see the module's text."""

    route_base = "/t"
    default_view = "take"

    @expose("/<string:token>", methods=["POST"])
    def take(self, token: str) -> Any:
        """Note what is told, once."""
        request.max_content_length = LARGEST
        meant = text_report.read(token)
        if meant is None:
            return self._nothing()
        given = request.form.to_dict()
        with unit_of_work(db.session()) as work, text_report.heard(work):
            provider = text_report.provider_of(work, meant)
            is_heard = provider is not None and (
                provider.kind is not SmsProviderKind.twilio or self._is_signed(provider.organisation_id, token, given)
            )
            if provider is not None and is_heard:
                text_report.take(work, meant, provider, given, at=clock.now())
        if not is_heard:
            return self._nothing()
        is_twilio = provider is not None and provider.kind is SmsProviderKind.twilio
        answer = make_response("<Response/>" if is_twilio else "OK", 200)
        answer.headers["Content-Type"] = "text/xml" if is_twilio else "text/plain"
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @staticmethod
    def _is_signed(organisation_id: int, token: str, given: dict[str, str]) -> bool:
        found = sms_provider.outgoing(db.session(), organisation_id)
        url = f"{current_app.config['CRM_PUBLIC_URL'].rstrip('/')}/t/{token}"
        said = request.headers.get(SIGNATURE, "")
        return found is not None and text_report.is_signed(url, given, said, password=found.password)

    @staticmethod
    def _nothing() -> Any:
        """Answer to an address that means nothing; whoever tries many waits."""
        try:
            often.refuse_too_often(client_address(), at=clock.now())
        except TooManyTries as refusal:
            answer = make_response("", 429)
            answer.headers["Retry-After"] = str(refusal.seconds)
            return answer
        raise NotFound


def register(appbuilder: Any) -> None:
    """Register the address; providers are told it with each message."""
    appbuilder.add_view_no_menu(TextReportView)
