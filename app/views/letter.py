"""Screens and REST of letters: how far each has come, and what a person decides where the program cannot."""

from typing import Any, ClassVar

from flask import current_app
from markupsafe import Markup, escape
from sqlalchemy.orm import selectinload

from app import lifecycle
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.invoice import Invoice
from app.models.letter import LETTER_MOVES, Letter, LetterState
from app.services import letter as letters
from app.web import menu
from app.web.api import CrudApi
from app.web.cells import NOTHING
from app.web.crud import CrudView
from app.web.records import Records
from app.web.verbs import Verb, reason

ORDER = 48
LOADED = [selectinload(Letter.party), selectinload(Letter.organisation), selectinload(Letter.attachment)]
WRITING = {"add", "edit", "delete"}
LISTED = ["state", "to_address", "subject", "party", "record_id", "sent_at", "answer"]
ENVELOPE = ["from_name", "from_address", "to_name", "to_address", "reply_to", "party", "record_id", "language"]
CONTENT = ["subject", "body", "attachment"]
COURSE = ["created_at", "due_at", "tries", "sent_at", "bounced_at", "answer", "message_id", "owner", "team"]
SHOWN = [(None, {"fields": ENVELOPE}), (_l("Text"), {"fields": CONTENT}), (_l("Sending"), {"fields": COURSE})]
SEARCHED = ["state", "party", "organisation", "to_address", "created_at", "sent_at"]
ORDERED = ["created_at", "due_at", "sent_at", "state"]
LABELS = {
    "answer": _l("The server said"),
    "attachment": _l("Attached file"),
    "body": _l("Text"),
    "bounced_at": _l("Came back"),
    "due_at": _l("Next try"),
    "from_address": _l("Address of the sender"),
    "from_name": _l("Sender"),
    "message_id": _l("Message-ID of the letter"),
    "record_id": _l("Record"),
    "reply_to": _l("Replies go to"),
    "sent_at": _l("Sent"),
    "to_address": _l("Address of the recipient"),
    "to_name": _l("Recipient"),
    "tries": _l("Tries"),
}
VERBS = [
    Verb(
        "resend",
        letters.resend,
        label=_l("Send again"),
        icon="send",
        when=lambda letter: letter.state == LetterState.uncertain,
        fits=lambda letter: letter.state == LetterState.uncertain,
        to=LetterState.pending,
        confirm=_l("Perhaps this letter has arrived; then it arrives twice. Send it again?"),
        needs_time=True,
        primary=True,
    ),
    Verb(
        "mark_sent",
        letters.mark_sent,
        label=_l("It has arrived"),
        icon="circle-check",
        when=lambda letter: letter.state == LetterState.uncertain,
        fits=lambda letter: letter.state == LetterState.uncertain,
        to=LetterState.sent,
        needs_time=True,
    ),
    Verb(
        "retry",
        letters.retry,
        label=_l("Try again"),
        icon="rotate-ccw",
        when=lambda letter: letter.state in letters.TRIED_AGAIN,
        why=lambda letter: reason(letters.refuse_retry, letter),
        to=LetterState.pending,
        needs_time=True,
        primary=True,
    ),
    Verb(
        "cancel",
        letters.cancel,
        label=_l("Do not send"),
        icon="x",
        when=lambda letter: LetterState.cancelled in lifecycle.allowed(LETTER_MOVES, letter.state),
        why=lambda letter: reason(lifecycle.refuse, LETTER_MOVES, letter, LetterState.cancelled),
        to=LetterState.cancelled,
        confirm=_l("This letter will not be sent any more. Cancel it?"),
        danger=True,
    ),
]


def record_link(letter: Letter) -> Markup:
    """Return a link to the record that a letter is about, named by its kind."""
    if letter.entity is None or letter.record_id is None:
        return NOTHING
    screens: Any = current_app.extensions["appbuilder"].baseviews
    screen = next((each for each in screens if each.route_base == f"/{letter.entity}"), None)
    if screen is None:
        return escape(_("No. %(id)s", id=letter.record_id))
    return Markup('<a href="{}">{}</a>').format(f"{screen.route_base}/show/{letter.record_id}", str(screen.one_name))


def attachment_link(letter: Letter) -> Markup:
    """Return the name of the attached file, with a link where its record's own rights guard it."""
    if letter.attachment is None:
        return NOTHING
    if letter.entity != Invoice.__stem__:
        return escape(letter.attachment.name)
    return Markup('<a href="{}">{}</a>').format(f"/invoice/pdf/{letter.record_id}", letter.attachment.name)


class LetterView(CrudView):
    """List and card of letters; they are written where their record is."""

    datamodel = Records(Letter, options=LOADED)
    one_name = _l("Letter")
    many_name = _l("Letters")
    hint = _l("Letters are written where their subject is: open an invoice and send it.")
    exclude_route_methods: ClassVar = CrudView.exclude_route_methods | WRITING
    list_columns: ClassVar = LISTED
    show_columns: ClassVar = [*ENVELOPE, *CONTENT, *COURSE]
    show_fieldsets: ClassVar = SHOWN
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = SEARCHED
    order_columns: ClassVar = ORDERED
    base_order = ("created_at", "desc")
    key_facts: ClassVar = ["state", "to_address", "sent_at"]
    label_columns: Any = LABELS
    verbs: ClassVar = VERBS
    has_tags: ClassVar = False
    stages: ClassVar = (LetterState.pending, LetterState.sent)

    def value(self, record: Any, name: str) -> Any:
        """Link the record and the file."""
        if name == "record_id":
            return record_link(record)
        return attachment_link(record) if name == "attachment" else super().value(record, name)


class LetterApi(CrudApi):
    """REST of letters."""

    has_tags: ClassVar = False

    datamodel = Records(Letter, options=LOADED)
    exclude_route_methods: ClassVar = {"post", "put", "delete", "info"}
    list_columns: ClassVar = ["entity", "purpose", *LISTED]
    show_columns: ClassVar = [
        *("state", "entity", "purpose", "organisation", *ENVELOPE),
        *("subject", "body", "attachment_id", "due_at", "tries", "sent_at", "bounced_at", "answer"),
        *("message_id", "owner", "team"),
    ]
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = [*SEARCHED, "entity", "record_id"]
    order_columns: ClassVar = ORDERED
    base_order = ("created_at", "desc")
    label_columns: Any = LABELS
    verbs: ClassVar = VERBS


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(appbuilder, LetterView, "letter", label=_l("Letters"), group="money", icon="mail")
    appbuilder.add_api(LetterApi)
