"""The customer's page of a contract: read, signed or declined by whoever follows its link, without signing in."""

from typing import Any

from flask import request
from flask_appbuilder import BaseView, expose
from wtforms import BooleanField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from app import clock
from app.db import db, unit_of_work
from app.errors import DomainError, NotFound
from app.i18n import gettext as _
from app.i18n import in_language, label_of, written_day
from app.i18n import lazy_gettext as _l
from app.models.contract import Contract, Renewal, Side
from app.money import format_money
from app.services import contract_link as links
from app.services import contract_signing as signing
from app.services.public_link import NAME_LENGTH, REASON_LENGTH, Said
from app.web.crm_form import CrmForm
from app.web.public_page import PublicPage, asked, private, refuse
from app.web.signing_in import client_address
from app.web.stored_file import sent


class SignForm(CrmForm):
    """Who signs, as what, and that it is meant."""

    name = StringField(
        _l("Your name"),
        [InputRequired(), Length(max=NAME_LENGTH)],
        render_kw={"autocomplete": "name", "maxlength": NAME_LENGTH},
    )
    position = StringField(
        _l("Your position"),
        [InputRequired(), Length(max=NAME_LENGTH)],
        render_kw={"autocomplete": "organization-title", "maxlength": NAME_LENGTH},
    )
    agreed = BooleanField(_l("I have read the contract and agree to it"), [InputRequired()])


class DeclineForm(CrmForm):
    """Who turns it down, and why."""

    name = StringField(
        _l("Your name"),
        [InputRequired(), Length(max=NAME_LENGTH)],
        id="decline-name",
        render_kw={"autocomplete": "name", "maxlength": NAME_LENGTH},
    )
    reason = TextAreaField(_l("Why not?"), [InputRequired(), Length(max=REASON_LENGTH)], render_kw={"rows": 3})


class ContractPublicView(PublicPage, BaseView):
    """One contract by its link; see the module's text."""

    route_base = "/c"
    default_view = "show"
    template = "web/contract_public.html"

    @expose("/<string:token>", methods=["GET"])
    def show(self, token: str) -> Any:
        """Show the contract with the two answers; looking at it, as programs that read mail do, answers nothing."""
        return self._read(token, SignForm(formdata=None), DeclineForm(formdata=None))

    @expose("/<string:token>/pdf", methods=["GET"])
    def pdf(self, token: str) -> Any:
        """Send the contract's file."""
        try:
            with links.followed(db.session(), token, at=clock.now()) as contract:
                if contract.file is None:
                    raise NotFound
                return private(sent(contract.file))
        except NotFound:
            return self.ended()

    @expose("/<string:token>/accept", methods=["POST"])
    def accept(self, token: str) -> Any:
        """Take the other side's signature: name, position, and the tick that it is meant."""
        form = SignForm()
        if not form.validate():
            return self._read(token, form, DeclineForm(formdata=None), 422)
        return self._answer(token, form, is_accepted=True)

    @expose("/<string:token>/decline", methods=["POST"])
    def decline(self, token: str) -> Any:
        """Take the other side's refusal, with name and reason."""
        form = DeclineForm()
        if not form.validate():
            return self._read(token, SignForm(formdata=None), form, 422)
        return self._answer(token, form, is_accepted=False)

    def _answer(self, token: str, form: CrmForm, *, is_accepted: bool) -> Any:
        said = Said(
            name=form.name.data,
            position=form.position.data if is_accepted else None,
            reason=None if is_accepted else form.reason.data,
            address=client_address(),
            agent=request.user_agent.string,
        )
        act = signing.accept if is_accepted else signing.decline
        try:
            with links.followed(db.session(), token, at=clock.now()) as contract:
                code = contract.language
            with unit_of_work(db.session()) as work:
                act(work, token, said, at=clock.now())
        except NotFound:
            return self.ended()
        except DomainError as refusal:
            refuse(form, refusal)
            if is_accepted:
                return self._read(token, form, DeclineForm(formdata=None), 422)
            return self._read(token, SignForm(formdata=None), form, 422)
        with in_language(asked(code)):
            return self.page("done", title=_("Thank you"), is_accepted=is_accepted)

    def _read(self, token: str, signing_form: CrmForm, declining: CrmForm, status: int = 200) -> Any:
        try:
            with links.followed(db.session(), token, at=clock.now()) as contract:
                code = asked(contract.language)
                with in_language(code):
                    shown = said_by(contract, code)
        except NotFound:
            return self.ended()
        with in_language(code):
            return self.page(
                "read",
                status=status,
                title=shown["title"],
                shown=shown,
                token=token,
                accepting=signing_form,
                declining=declining,
                code=code,
            )


def said_by(contract: Contract, code: str) -> dict[str, Any]:
    """Return what the page says of a contract, in the reader's language."""
    ours = contract.signed_by(Side.ours)
    facts = [
        (_("Kind"), label_of(contract.kind)),
        (_("With"), contract.party.name),
        (_("Valid from"), _told(contract.valid_from, code)),
        (_("Valid until"), _told(contract.valid_until, code)),
    ]
    if contract.amount is not None:
        facts.append((_("Amount"), format_money(contract.amount, contract.currency, code)))
    if contract.tax_note:
        facts.append((_("Note on taxes"), contract.tax_note))
    if contract.renewal is not Renewal.none:
        facts.append((_("After the last day"), label_of(contract.renewal)))
        facts.append((_("Notice (days before the end)"), str(contract.notice_days)))
    if ours is not None:
        facts.append((_("Signed by us"), f"{ours.name}, {written_day(ours.signed_on, code)}"))
    number = str(contract)
    return {
        "title": _("Amendment %(number)s", number=number)
        if contract.is_amendment
        else _("Contract %(number)s", number=number),
        "seller": contract.organisation.name,
        "subject": contract.subject,
        "terms": contract.terms,
        "has_file": contract.file is not None,
        "until": _told(contract.link_until, code),
        "facts": [(name, value) for name, value in facts if value],
    }


def _told(day: Any, code: str) -> str:
    return written_day(day, code) if day is not None else ""


def register(appbuilder: Any) -> None:
    """Register the page; whoever is to sign gets its address."""
    appbuilder.add_view_no_menu(ContractPublicView)
