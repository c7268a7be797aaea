"""What people do with mailings, and with single recipients of them."""

from typing import Any

from marshmallow import fields as ma
from marshmallow import validate

from app.i18n import lazy_gettext as _l
from app.models.mail_template import MailingChannel
from app.models.mailing import Mailing, MailingState, RecipientPhase
from app.services import mailing as mailings
from app.services import paper_run
from app.web.verbs import Verb


def _is(*states: MailingState) -> Any:
    return lambda mailing: mailing.state in states


def is_on_paper(mailing: Mailing) -> bool:
    """Say whether a mailing goes as letters on paper."""
    return mailing.channel is MailingChannel.paper


def _is_with_us(mailing: Mailing) -> bool:
    """Say whether letters may lie printed on somebody's desk."""
    return is_on_paper(mailing) and mailing.state in {MailingState.sending, MailingState.paused}


S = MailingState
VERBS = [
    Verb(
        "check",
        mailings.check,
        label=_l("Find out who gets it"),
        icon="check",
        when=_is(S.draft),
        to=S.checking,
        needs_actor=True,
        needs_time=True,
        primary=True,
    ),
    Verb(
        "start",
        mailings.start,
        label=_l("Send"),
        icon="send",
        when=_is(S.checked, S.scheduled, S.paused),
        to=S.sending,
        needs_time=True,
        needs_actor=True,
        primary=True,
        confirm=_l("It is sent to everybody in the list below, beginning now."),
    ),
    Verb(
        "schedule",
        mailings.schedule,
        label=_l("Send later"),
        icon="calendar",
        when=_is(S.checked),
        to=S.scheduled,
        arguments={"due_at": ma.AwareDateTime(required=True)},
        needs_time=True,
    ),
    Verb("unschedule", mailings.unschedule, label=_l("Do not begin by itself"), icon="x", when=_is(S.scheduled)),
    Verb("pause", mailings.pause, label=_l("Pause"), icon="clock", when=_is(S.sending), to=S.paused, primary=True),
    Verb(
        "reopen",
        mailings.reopen,
        label=_l("Back to a draft"),
        icon="undo-2",
        when=_is(S.checking, S.checked, S.scheduled),
        to=S.draft,
    ),
    Verb(
        "posted",
        paper_run.posted,
        label=_l("The letters were posted"),
        icon="check",
        when=_is_with_us,
        fits=is_on_paper,
        arguments={
            "posted_on": ma.Date(required=True, metadata={"label": _l("Posted on"), "example": "2026-04-02"}),
            "all_but": ma.String(
                validate=validate.Length(max=500), metadata={"label": _l("All but these numbers"), "example": "3, 7-9"}
            ),
            "why": ma.String(validate=validate.Length(max=250), metadata={"label": _l("Why these were not posted")}),
        },
        needs_time=True,
        primary=True,
    ),
    Verb(
        "print_again",
        paper_run.print_again,
        label=_l("Print again"),
        icon="printer",
        when=_is_with_us,
        fits=is_on_paper,
        confirm=_l("All letters that were not said to be posted are printed once more. Throw the former ones away."),
        needs_time=True,
    ),
    Verb(
        "cancel",
        mailings.cancel,
        label=_l("Cancel"),
        icon="x",
        when=_is(S.draft, S.checked, S.scheduled, S.sending, S.paused),
        to=S.cancelled,
        confirm=_l("Nothing more of it will be sent. Cancel it?"),
        danger=True,
        needs_time=True,
    ),
]
AGAIN = [
    Verb(
        "retry",
        mailings.retry,
        label=_l("Try again"),
        icon="rotate-ccw",
        when=lambda row: row.phase in mailings.AGAIN,
        confirm=_l("If it has arrived after all, it arrives twice. Try again?"),
        needs_time=True,
        primary=True,
    ),
    Verb(
        "returned",
        paper_run.returned,
        label=_l("Came back"),
        icon="undo-2",
        when=lambda row: row.phase is RecipientPhase.sent and is_on_paper(row.mailing),
        fits=lambda row: is_on_paper(row.mailing),
        confirm=_l("Nobody writes to this postal address any more. Did the letter come back?"),
        needs_time=True,
    ),
]
