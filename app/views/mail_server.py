"""Screens and REST of the mail servers of our companies: where they are, and how letters are signed."""

from typing import Any, ClassVar

from flask import abort, flash, redirect, request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, no_cache, permission_name
from sqlalchemy.orm import selectinload

from app import clock
from app.db import db, unit_of_work
from app.errors import DomainError
from app.exchange import dns_text
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.mail_server import PASSWORD, MailServer
from app.roles import CHANGE
from app.services import access
from app.services import mail_server as servers
from app.web import menu
from app.web.api import CrudApi
from app.web.crud import CrudView
from app.web.records import Records
from app.web.verbs import Verb

ORDER = 87
PLACE = ["host", "port", "security", "login", "is_active"]
SIGNING = ["dkim_domain", "dkim_selector"]
BACK = ["return_path"]
FORM = ["organisation", *PLACE, *SIGNING, *BACK]
FIELDSETS = [
    (None, {"fields": ["organisation"]}),
    (_l("Server"), {"fields": PLACE}),
    (_l("Signature (DKIM)"), {"fields": SIGNING}),
    (_l("Letters that come back"), {"fields": BACK}),
]
LABELS = {
    "dkim_domain": _l("Signing domain"),
    "dkim_selector": _l("Selector"),
    "host": _l("Server (SMTP)"),
    "is_active": _l("In use"),
    "login": _l("User name"),
    "organisation": _l("Our company"),
    "port": _l("Port"),
    "return_path": _l("Address for letters that come back"),
    "security": _l("Encryption"),
    "verified_at": _l("Found in the DNS"),
}
VERBS = [
    Verb(
        "make_key",
        servers.make_key,
        label=_l("Make a key"),
        icon="key-round",
        when=lambda server: server.dkim_domain is not None,
        confirm=_l("The key before ends: letters are signed by the new one at once. Make it?"),
        needs_time=True,
    )
]


class MailServerView(CrudView):
    """Mail servers of our companies."""

    datamodel = Records(MailServer, save=servers.save, search=None, options=[selectinload(MailServer.organisation)])
    one_name = _l("Mail server")
    many_name = _l("Mail servers")
    hint = _l(
        "A company may have a mail server of its own and sign its letters; without one that of the program is used."
    )
    card_template = "web/mail_server_card.html"
    list_columns: ClassVar = ["organisation", "host", "login", "is_active", "dkim_domain", "verified_at"]
    show_columns: ClassVar = [*FORM, "verified_at"]
    show_fieldsets: ClassVar = [*FIELDSETS, (_l("Checked"), {"fields": ["verified_at"]})]
    add_columns: ClassVar = FORM
    add_fieldsets: ClassVar = FIELDSETS
    edit_columns: ClassVar = FORM[1:]
    edit_fieldsets: ClassVar = FIELDSETS[1:]
    search_columns: ClassVar = ["organisation", "host", "is_active"]
    order_columns: ClassVar = ["host"]
    base_order = ("host", "asc")
    key_facts: ClassVar = ["organisation", "login", "verified_at"]
    label_columns: Any = LABELS
    quick: ClassVar = None
    verbs: ClassVar = VERBS
    has_tags: ClassVar = False

    @expose("/<int:pk>/password", methods=["POST"])
    @has_access
    @permission_name("change")
    @no_cache
    def password(self, pk: int) -> Any:
        """Keep the password of a mail server, sealed; it is shown to nobody."""
        try:
            with unit_of_work(db.session()) as work:
                server = self._theirs(pk)
                servers.set_password(work, server, request.form.get("password", ""), at=clock.now())
        except DomainError as refusal:
            return self._card(self._found(str(pk)), wrong=str(refusal)), 422
        flash(_("The password is kept, encrypted."), "success")
        return redirect(f"{self.route_base}/show/{pk}")

    @expose("/<int:pk>/look_up", methods=["POST"])
    @has_access
    @permission_name("change")
    @no_cache
    def look_up(self, pk: int) -> Any:
        """Ask the DNS whether it tells our key."""
        record = servers.record_of(self._theirs(pk))
        db.session().rollback()  # nothing is held while the DNS thinks
        try:
            if record is None:
                raise DomainError(_("Make a key first"))
            told = dns_text.text_of(record[0])
            with unit_of_work(db.session()):
                servers.compare(self._theirs(pk), told, at=clock.now())
        except DomainError as refusal:
            flash(str(refusal), "warning")
        else:
            flash(_("The DNS tells our key: letters are signed so that others can check it."), "success")
        return redirect(f"{self.route_base}/show/{pk}")

    @staticmethod
    def _theirs(pk: int) -> MailServer:
        server = access.get(db.session(), MailServer, pk)
        if server is None:
            abort(404)
        access.require(db.session(), server, CHANGE)
        return server

    def has_password(self, record: MailServer) -> bool:
        """Say whether a password is kept."""
        return servers.has(db.session(), record, PASSWORD)

    def dns_record(self, record: MailServer) -> tuple[str, str] | None:
        """Return what the DNS must hold."""
        return servers.record_of(record)


class MailServerApi(CrudApi):
    """REST of mail servers; passwords are given on the screen alone."""

    datamodel = Records(MailServer, save=servers.save, search=None, options=[selectinload(MailServer.organisation)])
    list_columns: ClassVar = ["organisation", "host", "login", "is_active", "dkim_domain", "verified_at"]
    show_columns: ClassVar = [*FORM, "verified_at"]
    add_columns: ClassVar = FORM
    edit_columns: ClassVar = FORM[1:]
    search_columns: ClassVar = ["organisation", "host", "is_active"]
    order_columns: ClassVar = ["host"]
    base_order = ("host", "asc")
    label_columns: Any = LABELS
    verbs: ClassVar = VERBS
    has_tags: ClassVar = False
    examples: ClassVar = {
        "post": {"organisation": 1, "host": "smtp.example.com", "port": 587, "login": "office@example.com"}
    }


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(appbuilder, MailServerView, "mail_server", label=_l("Mail servers"), group="settings", icon="mail")
    appbuilder.add_api(MailServerApi)
