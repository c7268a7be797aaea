"""Screens and REST of text messages: how far each has come, and what a person decides where the program cannot."""

from typing import Any, ClassVar

from sqlalchemy.orm import selectinload

from app import lifecycle
from app.i18n import lazy_gettext as _l
from app.models.text_message import TEXT_MOVES, TextMessage, TextPhase
from app.services import text_message as messages
from app.web import menu
from app.web.api import CrudApi
from app.web.crud import CrudView
from app.web.records import Records
from app.web.verbs import Verb, reason

ORDER = 49
LOADED = [selectinload(TextMessage.party), selectinload(TextMessage.organisation)]
LISTED = ["phase", "report", "to_address", "text", "party", "created_at", "sent_at", "answer"]
WHOM = ["to_address", "party", "organisation", "kind"]
REPORT = ["report", "reported_at", "report_reason"]
COURSE = ["phase", "parts", "created_at", "due_at", "tries", "sent_at", "answer", *REPORT, "owner", "team"]
SEARCHED = ["phase", "report", "party", "organisation", "to_address", "kind", "created_at", "sent_at"]
ORDERED = ["created_at", "due_at", "sent_at", "phase"]
LABELS = {
    "answer": _l("The provider said"),
    "due_at": _l("Next try"),
    "kind": _l("Kind of letter"),
    "organisation": _l("Our company"),
    "parts": _l("Parts that are charged for"),
    "party": _l("To whom"),
    "phase": _l("State"),
    "report": _l("Told by the provider"),
    "report_reason": _l("Why it did not arrive"),
    "reported_at": _l("Told"),
    "sent_at": _l("Sent"),
    "text": _l("Text"),
    "to_address": _l("Number"),
    "tries": _l("Tries"),
}
VERBS = [
    Verb(
        "resend",
        messages.resend,
        label=_l("Send again"),
        icon="send",
        when=lambda one: one.phase is TextPhase.uncertain,
        confirm=_l("Perhaps this message has arrived; then it arrives twice. Send it again?"),
        needs_time=True,
        primary=True,
    ),
    Verb(
        "mark_sent",
        messages.mark_sent,
        label=_l("It has arrived"),
        icon="circle-check",
        when=lambda one: one.phase is TextPhase.uncertain,
        needs_time=True,
    ),
    Verb(
        "retry",
        messages.retry,
        label=_l("Try again"),
        icon="rotate-ccw",
        when=lambda one: one.phase in messages.TRIED_AGAIN,
        why=lambda one: reason(messages.refuse_retry, one),
        needs_time=True,
        primary=True,
    ),
    Verb(
        "cancel",
        messages.cancel,
        label=_l("Do not send"),
        icon="x",
        when=lambda one: TextPhase.cancelled in lifecycle.allowed(TEXT_MOVES, one.phase),
        confirm=_l("This message will not be sent any more. Cancel it?"),
        danger=True,
    ),
]


class TextMessageView(CrudView):
    """List and card of text messages."""

    datamodel = Records(TextMessage, search=None, options=LOADED)
    one_name = _l("Text message")
    many_name = _l("Text messages")
    hint = _l("Text messages that the program has sent one by one; those of a mailing stand among its recipients.")
    exclude_route_methods: ClassVar = CrudView.exclude_route_methods | {"add", "edit", "delete"}
    list_columns: ClassVar = LISTED
    show_columns: ClassVar = [*WHOM, "text", *COURSE]
    show_fieldsets: ClassVar = [
        (None, {"fields": WHOM}),
        (_l("Text"), {"fields": ["text"]}),
        (_l("Sending"), {"fields": COURSE}),
    ]
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = SEARCHED
    order_columns: ClassVar = ORDERED
    base_order = ("created_at", "desc")
    key_facts: ClassVar = ["phase", "to_address", "sent_at"]
    label_columns: Any = LABELS
    verbs: ClassVar = VERBS
    has_tags: ClassVar = False
    has_activities: ClassVar = False


class TextMessageApi(CrudApi):
    """REST of text messages."""

    datamodel = Records(TextMessage, search=None, options=LOADED)
    exclude_route_methods: ClassVar = {"post", "put", "delete", "info"}
    list_columns: ClassVar = LISTED
    show_columns: ClassVar = [*WHOM, "text", *COURSE]
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = SEARCHED
    order_columns: ClassVar = ORDERED
    base_order = ("created_at", "desc")
    label_columns: Any = LABELS
    verbs: ClassVar = VERBS
    has_tags: ClassVar = False


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    label = _l("Text messages")
    menu.place(appbuilder, TextMessageView, "text_message", label=label, group="settings", icon="message-square")
    appbuilder.add_api(TextMessageApi)
