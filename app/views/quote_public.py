"""The customer's page of a quote: read, accepted or turned down by whoever follows its link, without signing in.

A link that does not work answers alike, whatever is wrong with it: unknown, used, revoked, over, replaced.
"""

from typing import Any

from flask import request
from flask_appbuilder import BaseView, expose
from wtforms import BooleanField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from app import clock
from app.db import db, unit_of_work
from app.documents import quote as papers
from app.errors import DomainError, NotFound
from app.i18n import gettext as _
from app.i18n import in_language
from app.i18n import lazy_gettext as _l
from app.models.quote import QuoteState
from app.services import quote_link as links
from app.services import quote_paper
from app.services.public_link import Said
from app.web.crm_form import CrmForm
from app.web.public_page import PublicPage, asked, private, refuse
from app.web.signing_in import client_address
from app.web.stored_file import sent


class AcceptForm(CrmForm):
    """Who accepts, and that it is meant."""

    name = StringField(
        _l("Your name"),
        [InputRequired(), Length(max=links.NAME_LENGTH)],
        render_kw={"autocomplete": "name", "maxlength": links.NAME_LENGTH},
    )
    agreed = BooleanField(_l("I accept this quote"), [InputRequired()])


class RejectForm(CrmForm):
    """Who turns it down, and why."""

    name = StringField(
        _l("Your name"),
        [InputRequired(), Length(max=links.NAME_LENGTH)],
        id="reject-name",
        render_kw={"autocomplete": "name", "maxlength": links.NAME_LENGTH},
    )
    reason = TextAreaField(_l("Why not?"), [InputRequired(), Length(max=links.REASON_LENGTH)], render_kw={"rows": 3})


class QuotePublicView(PublicPage, BaseView):
    """One quote by its link; see the module's text."""

    route_base = "/q"
    default_view = "show"
    template = "web/quote_public.html"

    @expose("/<string:token>", methods=["GET"])
    def show(self, token: str) -> Any:
        """Show the quote with the two answers; looking at it, as programs that read mail do, answers nothing."""
        return self._read(token, AcceptForm(formdata=None), RejectForm(formdata=None))

    @expose("/<string:token>/pdf", methods=["GET"])
    def pdf(self, token: str) -> Any:
        """Send the quote's file."""
        try:
            with links.followed(db.session(), token, at=clock.now()) as quote:
                if quote.file is None:
                    raise NotFound
                return private(sent(quote.file))
        except NotFound:
            return self.ended()

    @expose("/<string:token>/accept", methods=["POST"])
    def accept(self, token: str) -> Any:
        """Take the quote's acceptance, with the name of who gives it."""
        form = AcceptForm()
        if not form.validate():
            return self._read(token, form, RejectForm(formdata=None), 422)
        return self._answer(token, QuoteState.accepted, form, accepting=form)

    @expose("/<string:token>/reject", methods=["POST"])
    def reject(self, token: str) -> Any:
        """Take the quote's refusal, with name and reason."""
        form = RejectForm()
        if not form.validate():
            return self._read(token, AcceptForm(formdata=None), form, 422)
        return self._answer(token, QuoteState.rejected, form, rejecting=form)

    def _answer(
        self,
        token: str,
        to: QuoteState,
        form: CrmForm,
        *,
        accepting: CrmForm | None = None,
        rejecting: CrmForm | None = None,
    ) -> Any:
        reason = form.reason.data if "reason" in form else None
        said = Said(name=form.name.data, reason=reason, address=client_address(), agent=request.user_agent.string)
        try:
            with links.followed(db.session(), token, at=clock.now()) as quote:
                code = quote.language
            with unit_of_work(db.session()) as work:
                links.answer(work, token, to, said, at=clock.now())
        except NotFound:
            return self.ended()
        except DomainError as refusal:
            refuse(form, refusal)
            shown = accepting or AcceptForm(formdata=None), rejecting or RejectForm(formdata=None)
            return self._read(token, *shown, 422)
        with in_language(asked(code)):
            return self.page("done", title=_("Thank you"), is_accepted=to == QuoteState.accepted)

    def _read(self, token: str, accepting: CrmForm, rejecting: CrmForm, status: int = 200) -> Any:
        try:
            with links.followed(db.session(), token, at=clock.now()) as quote:
                content, has_file, state = quote_paper.content(quote), quote.file is not None, str(quote)
        except NotFound:
            return self.ended()
        code = asked(content["document"]["language"])
        content["document"] = content["document"] | {"language": code}
        doc, _assets = papers.printed(content)
        with in_language(code):
            return self.page(
                "read",
                status=status,
                title=_("Quote %(number)s", number=state),
                doc=doc["doc"],
                token=token,
                has_file=has_file,
                accepting=accepting,
                rejecting=rejecting,
                code=code,
            )


def register(appbuilder: Any) -> None:
    """Register the page; letters lead to it."""
    appbuilder.add_view_no_menu(QuotePublicView)
