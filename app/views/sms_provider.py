"""Screens and REST of the providers by which our companies send text messages."""

from typing import Any, ClassVar

from flask import abort, current_app, flash, redirect, request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, no_cache, permission_name
from sqlalchemy.orm import selectinload

from app import clock
from app.db import db, unit_of_work
from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.sms_provider import SmsProvider
from app.roles import CHANGE
from app.services import access, text_report
from app.services import sms_provider as providers
from app.web import menu
from app.web.api import CrudApi
from app.web.crud import CrudView
from app.web.records import Records

ORDER = 88
FORM = ["organisation", "kind", "login", "sender", "is_active"]
LABELS = {
    "is_active": _l("In use"),
    "kind": _l("Provider"),
    "login": _l("User name"),
    "organisation": _l("Our company"),
    "sender": _l("Sender"),
}
LOADED = [selectinload(SmsProvider.organisation)]


class SmsProviderView(CrudView):
    """Providers of text messages."""

    datamodel = Records(SmsProvider, save=providers.save, search=None, options=LOADED)
    one_name = _l("Provider of text messages")
    many_name = _l("Providers of text messages")
    hint = _l("A company sends text messages by its account at a provider; without one it sends none.")
    card_template = "web/sms_provider_card.html"
    list_columns: ClassVar = FORM
    show_columns: ClassVar = FORM
    add_columns: ClassVar = FORM
    edit_columns: ClassVar = FORM[1:]
    search_columns: ClassVar = ["organisation", "kind", "is_active"]
    order_columns: ClassVar = ["kind", "login"]
    base_order = ("login", "asc")
    key_facts: ClassVar = ["organisation", "kind", "sender"]
    label_columns: Any = LABELS
    quick: ClassVar = None
    has_tags: ClassVar = False

    @expose("/<int:pk>/password", methods=["POST"])
    @has_access
    @permission_name("change")
    @no_cache
    def password(self, pk: int) -> Any:
        """Keep the password of the account, sealed; it is shown to nobody."""
        try:
            with unit_of_work(db.session()) as work:
                provider = access.get(work, SmsProvider, pk)
                if provider is None:
                    abort(404)
                access.require(work, provider, CHANGE)
                providers.set_password(work, provider, request.form.get("password", ""), at=clock.now())
        except DomainError as refusal:
            return self._card(self._found(str(pk)), wrong=str(refusal)), 422
        flash(_("The password is kept, encrypted."), "success")
        return redirect(f"{self.route_base}/show/{pk}")

    def reports_to(self, record: SmsProvider) -> str:
        """Return the address at which the provider tells what arrived, and brings answers."""
        token = text_report.token(text_report.PROVIDER, record.id)
        return f"{current_app.config['CRM_PUBLIC_URL'].rstrip('/')}/t/{token}"

    def has_password(self, record: SmsProvider) -> bool:
        """Say whether a password is kept."""
        return providers.has_password(db.session(), record)


class SmsProviderApi(CrudApi):
    """REST of providers of text messages; passwords are given on the screen alone."""

    datamodel = Records(SmsProvider, save=providers.save, search=None, options=LOADED)
    list_columns: ClassVar = FORM
    show_columns: ClassVar = FORM
    add_columns: ClassVar = FORM
    edit_columns: ClassVar = FORM[1:]
    search_columns: ClassVar = ["organisation", "kind", "is_active"]
    order_columns: ClassVar = ["kind", "login"]
    base_order = ("login", "asc")
    label_columns: Any = LABELS
    has_tags: ClassVar = False
    examples: ClassVar = {"post": {"organisation": 1, "kind": "smsc", "login": "office", "sender": "Grachten"}}


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    label = _l("Providers of text messages")
    menu.place(appbuilder, SmsProviderView, "sms_provider", label=label, group="settings", icon="message-square")
    appbuilder.add_api(SmsProviderApi)
