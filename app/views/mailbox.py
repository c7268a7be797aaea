"""Screens and REST of mailboxes and of the mails that came in: administrators say where they are, and see what came."""

from typing import Any, ClassVar

from flask import abort, current_app, flash, redirect, request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, no_cache, permission_name
from markupsafe import Markup
from sqlalchemy.orm import selectinload

from app import clock
from app.db import db, unit_of_work
from app.errors import DomainError
from app.exchange import imap
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.base import entity_of
from app.models.mailbox import Mailbox, ReceivedMail
from app.roles import CHANGE
from app.services import access, received_mail
from app.services import mailbox as mailboxes
from app.web import menu
from app.web.api import CrudApi
from app.web.card_tabs import Related
from app.web.cells import NOTHING
from app.web.crud import CrudView
from app.web.form_rules import Is, Require, Show
from app.web.records import Records
from app.web.verbs import Verb, reason

ORDER = 87
WRITING = {"add", "edit", "delete"}
PLACE = ["host", "port", "security", "login", "folder"]
COURSE = ["looked_at", "error"]
MAIN = ["name", "source", "is_active", "every_minutes", "since"]
AFTER = ["after", "move_to"]
FORM = [*MAIN, *PLACE, *AFTER]
FIELDSETS = [
    (None, {"fields": MAIN}),
    (_l("Server"), {"fields": PLACE}),
    (_l("When a mail was taken in"), {"fields": AFTER}),
]
LABELS = {
    "after": _l("In the mailbox"),
    "error": _l("What was wrong"),
    "every_minutes": _l("Look every (minutes)"),
    "folder": _l("Folder"),
    "host": _l("Server (IMAP)"),
    "is_active": _l("In use"),
    "login": _l("User name"),
    "looked_at": _l("Last looked at"),
    "move_to": _l("To the folder"),
    "port": _l("Port"),
    "security": _l("Encryption"),
    "since": _l("Take in mails from this day on"),
    "source": _l("Source of leads"),
}
VERBS = [
    Verb(
        "look_now",
        mailboxes.look_now,
        label=_l("Look now"),
        icon="rotate-ccw",
        when=lambda mailbox: mailbox.is_active,
        primary=True,
    )
]


class MailboxView(CrudView):
    """Mailboxes that are read."""

    datamodel = Records(
        Mailbox,
        save=mailboxes.save,
        remove=mailboxes.remove,
        search=None,
        options=[selectinload(Mailbox.source)],
    )
    one_name = _l("Mailbox")
    many_name = _l("Mailboxes")
    hint = _l("Mails of a mailbox are filed to whom they belong; from somebody unknown they make leads.")
    card_template = "web/mailbox_card.html"
    list_columns: ClassVar = ["name", "login", "host", "source", "is_active", *COURSE]
    show_columns: ClassVar = [*FORM, *COURSE]
    show_fieldsets: ClassVar = [*FIELDSETS, (_l("Reading"), {"fields": COURSE})]
    add_columns: ClassVar = FORM
    add_fieldsets: ClassVar = FIELDSETS
    edit_columns: ClassVar = FORM
    edit_fieldsets: ClassVar = FIELDSETS
    search_columns: ClassVar = ["name", "host", "is_active", "source"]
    order_columns: ClassVar = ["name", "looked_at"]
    base_order = ("name", "asc")
    key_facts: ClassVar = ["login", "host", "looked_at"]
    label_columns: Any = LABELS
    related: ClassVar = [Related("received_mail", "mailbox")]
    rules: ClassVar = [
        Show("move_to", when=Is("after", "moved")),
        Require("move_to", when=Is("after", "moved")),
    ]
    quick: ClassVar = None
    verbs: ClassVar = VERBS
    has_tags: ClassVar = False

    @expose("/<int:pk>/password", methods=["POST"])
    @has_access
    @permission_name("change")
    @no_cache
    def password(self, pk: int) -> Any:
        """Keep the password of a mailbox, sealed; it is shown to nobody."""
        try:
            with unit_of_work(db.session()) as work:
                mailbox = access.get(work, Mailbox, pk)
                if mailbox is None:
                    abort(404)
                access.require(work, mailbox, CHANGE)
                mailboxes.set_password(work, mailbox, request.form.get("password", ""), at=clock.now())
        except DomainError as refusal:
            return self._card(self._found(str(pk)), wrong=str(refusal)), 422
        flash(_("The password is kept, encrypted."), "success")
        return redirect(f"{self.route_base}/show/{pk}")

    @expose("/<int:pk>/try", methods=["POST"])
    @has_access
    @permission_name("change")
    @no_cache
    def try_it(self, pk: int) -> Any:
        """Sign in to a mailbox and open its folder; nothing is read and nothing changed."""
        session = db.session()
        mailbox = self._found(str(pk))
        access.require(session, mailbox, CHANGE)
        password, folder = mailboxes.password_of(session, mailbox.id), mailbox.folder
        if password is None:
            flash(_("Give the password of the mailbox first"), "warning")
            return redirect(f"{self.route_base}/show/{pk}")
        server = imap.server_of(mailbox, password, current_app.config)
        session.rollback()  # nothing is held while the server thinks
        try:
            with imap.opened(server) as talk:
                talk.open(folder)
        except imap.AwayError as away:
            flash(_("It does not work: %(why)s", why=str(away)), "danger")
        else:
            flash(_("It works: the folder can be opened."), "success")
        return redirect(f"{self.route_base}/show/{pk}")

    def has_password(self, record: Mailbox) -> bool:
        """Say whether a mailbox can be opened."""
        return mailboxes.has_password(db.session(), record)


class MailboxApi(CrudApi):
    """REST of mailboxes; passwords are given on the screen alone."""

    datamodel = Records(
        Mailbox,
        save=mailboxes.save,
        remove=mailboxes.remove,
        search=None,
        options=[selectinload(Mailbox.source)],
    )
    list_columns: ClassVar = ["name", "login", "host", "source", "is_active", *COURSE]
    show_columns: ClassVar = [*FORM, *COURSE]
    add_columns: ClassVar = FORM
    edit_columns: ClassVar = FORM
    search_columns: ClassVar = ["name", "host", "is_active", "source"]
    order_columns: ClassVar = ["name"]
    base_order = ("name", "asc")
    label_columns: Any = LABELS
    verbs: ClassVar = VERBS
    has_tags: ClassVar = False
    examples: ClassVar = {
        "post": {"name": "Sales", "host": "imap.example.com", "login": "sales@example.com", "source": 1, "port": 993}
    }


MAIL_LOADED = [selectinload(ReceivedMail.mailbox), selectinload(ReceivedMail.party), selectinload(ReceivedMail.lead)]
MAIL_LISTED = ["received_at", "kind", "from_address", "subject", "party", "lead", "mailbox", "error"]
MAIL_SHOWN = ["kind", "from_name", "from_address", "subject", "sent_at", "received_at", "size", "error"]
MAIL_FILED = ["party", "lead", "letter", "record_id", "raw", "mailbox", "number", "settled_at"]
MAIL_LABELS = {
    "from_address": _l("Address of the sender"),
    "from_name": _l("Sender"),
    "kind": _l("Taken for"),
    "lead": _l("Lead"),
    "mailbox": _l("Mailbox"),
    "sent_at": _l("Sent"),
    "letter": _l("Answers our letter"),
    "number": _l("Message-ID of the letter"),
    "raw": _l("The mail as it came"),
    "record_id": _l("Filed to"),
    "settled_at": _l("Mailbox told"),
    "size": _l("Size in bytes"),
    "error": _l("What was wrong"),
}
MAIL_VERBS = [
    Verb(
        "read_again",
        received_mail.read_again,
        label=_l("File it again"),
        icon="rotate-ccw",
        when=lambda mail: mail.kind in received_mail.OPEN,
        why=lambda mail: reason(received_mail.refuse_again, mail),
        primary=True,
    )
]


class ReceivedMailView(CrudView):
    """What came in, and what each mail was taken for."""

    datamodel = Records(ReceivedMail, search=None, options=MAIL_LOADED)
    one_name = _l("Received e-mail")
    many_name = _l("Received e-mails")
    hint = _l("Every mail of the mailboxes stands here once, with what it was taken for.")
    exclude_route_methods: ClassVar = CrudView.exclude_route_methods | WRITING
    list_columns: ClassVar = MAIL_LISTED
    show_columns: ClassVar = [*MAIL_SHOWN, *MAIL_FILED]
    show_fieldsets: ClassVar = [(None, {"fields": MAIL_SHOWN}), (_l("Filed"), {"fields": MAIL_FILED})]
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = ["kind", "from_address", "mailbox", "party", "lead", "received_at"]
    order_columns: ClassVar = ["received_at"]
    base_order = ("received_at", "desc")
    key_facts: ClassVar = ["kind", "from_address", "received_at"]
    label_columns: Any = MAIL_LABELS
    verbs: ClassVar = MAIL_VERBS
    has_tags: ClassVar = False
    has_activities: ClassVar = False

    def value(self, record: Any, name: str) -> Any:
        """Link the record to which a mail was filed, and its file."""
        if name == "raw" and record.raw is not None:
            return Markup('<a href="{}">{}</a>').format(
                f"{self.route_base}/{record.id}/file/{record.raw_id}?download=1", record.raw.name
            )
        if name == "record_id":
            entity = entity_of(record.entity) if record.entity else None
            found = access.get(db.session(), entity, record.record_id) if entity is not None else None
            if found is None:
                return NOTHING
            return Markup('<a href="{}">{}</a>').format(f"/{record.entity}/show/{found.id}", str(found))
        return super().value(record, name)


class ReceivedMailApi(CrudApi):
    """REST of mails that came in."""

    datamodel = Records(ReceivedMail, search=None, options=MAIL_LOADED)
    exclude_route_methods: ClassVar = {"post", "put", "delete", "info"}
    list_columns: ClassVar = MAIL_LISTED
    show_columns: ClassVar = [*MAIL_SHOWN, "party", "lead", "letter", "mailbox", "number", "settled_at"]
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = ["kind", "from_address", "mailbox", "party", "lead", "received_at"]
    order_columns: ClassVar = ["received_at"]
    base_order = ("received_at", "desc")
    label_columns: Any = MAIL_LABELS
    verbs: ClassVar = MAIL_VERBS
    has_tags: ClassVar = False


def register(appbuilder: Any) -> None:
    """Register the screens and the resources."""
    menu.place(appbuilder, MailboxView, "mailbox", label=_l("Mailboxes"), group="settings", icon="mail")
    menu.place(
        appbuilder, ReceivedMailView, "received_mail", label=_l("Received e-mails"), group="settings", icon="inbox"
    )
    appbuilder.add_api(MailboxApi)
    appbuilder.add_api(ReceivedMailApi)
