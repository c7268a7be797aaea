"""Mailings: their rules, and what people do with them.

Who gets one is in mailing_audience, how it is sent in mailing_ledger.
"""

import secrets
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session

from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.i18n import label_of
from app.lifecycle import move
from app.models.document_template import DocumentTemplate
from app.models.mail_template import MailingChannel, MailTemplate
from app.models.mailing import MAILING_MOVES, OPEN, Mailing, MailingKind, MailingRecipient, MailingState, RecipientPhase
from app.models.organisation import Organisation
from app.outbox import enqueue
from app.roles import EXPORT
from app.services import document_bundle as bundles
from app.services import mail_picture as pictures
from app.services import mail_server as mail_servers
from app.services import mail_template as templates
from app.services import mailing_letter as letters
from app.services import segment as segments
from app.services import sms_provider as sms_providers
from app.services.access import Actor
from app.services.text import is_blank, line

CHECK, SEND = "mailing.check", "mailing.send"
MOST_HELD_OUT, LONGEST_ATTRIBUTION, DAY = 50, 365, 24
_KEPT_BY_CHECK = (MailingState.checking, MailingState.checked, MailingState.scheduled)


def save(session: Session, mailing: Mailing) -> None:
    """Refuse what no mailing can be, and a change of what was checked already. Raises Refusals by field."""
    errors: dict[str, list[str]] = {}
    with session.no_autoflush:
        mailing.state = mailing.state or MailingState.draft
        if mailing.state is not MailingState.draft:
            raise DomainError(_("Only a draft can be changed; take it back to a draft first"), field="state")
        mailing.kind = mailing.kind or MailingKind.marketing
        mailing.channel = mailing.channel or MailingChannel.email
        try:
            mailing.name = line(mailing.name or "", limit=120)
        except DomainError as refusal:
            errors["name"] = [refusal.text]
        if is_blank(mailing.name or ""):
            errors["name"] = [_("A mailing needs a name")]
        for name, usual in (("window_from", 0), ("window_to", DAY), ("holdout_percent", 0), ("attribution_days", 14)):
            if getattr(mailing, name) is None:
                setattr(mailing, name, usual)
        _check_numbers(mailing, errors)
        _check_template(session, mailing, errors)
        keys = [each.party_id or (each.party.id if each.party else None) for each in mailing.parties]
        if len(keys) != len(set(keys)):
            errors["parties"] = [_("Each counterparty stands here once")]
        if errors:
            raise Refusals(errors)
        session.add(mailing)


def remove(session: Session, mailing: Mailing) -> None:
    """Delete a draft, or what was cancelled before anybody was written to."""
    if mailing.started_at is not None or mailing.state not in {MailingState.draft, MailingState.cancelled}:
        raise DomainError(_("Only what was never sent can be deleted"), field="state")
    session.delete(mailing)


def _check_numbers(mailing: Mailing, errors: dict[str, list[str]]) -> None:
    bounds = {
        "holdout_percent": (0, MOST_HELD_OUT),
        "attribution_days": (1, LONGEST_ATTRIBUTION),
        "window_from": (0, DAY - 1),
        "window_to": (1, DAY),
        "per_hour": (1, 1_000_000),
        "per_domain_hour": (1, 1_000_000),
    }
    for name, (least, most) in bounds.items():
        value = getattr(mailing, name)
        if value is not None and not least <= value <= most:
            errors[name] = [_("A number from %(least)s to %(most)s", least=least, most=most)]
    if not errors.keys() & {"window_from", "window_to"} and mailing.window_from >= mailing.window_to:
        errors["window_to"] = [_("The end comes after the beginning")]


def _check_template(session: Session, mailing: Mailing, errors: dict[str, list[str]]) -> None:
    """Refuse a mailing without what it says; the template of another way is taken out."""
    if mailing.channel is MailingChannel.paper:
        mailing.template, mailing.template_id = None, None
        letter = mailing.letter or (session.get(DocumentTemplate, mailing.letter_id) if mailing.letter_id else None)
        errors |= {"letter": [letters.wrong(letter)]} if letters.wrong(letter) else {}
        return
    mailing.letter, mailing.letter_id = None, None
    found = mailing.template or (session.get(MailTemplate, mailing.template_id) if mailing.template_id else None)
    if found is None:
        errors["template"] = [_("This is needed")]
    elif found.channel is not mailing.channel:
        errors["template"] = [_("This template is for another way of sending")]


# --- the way of a mailing ---------------------------------------------------------------------------------------------


def check(session: Session, mailing: Mailing, *, by: Actor, at: datetime) -> None:
    """Begin to find out who gets it: the worker writes the ledger. Raises Refusals with what is missing."""
    errors: dict[str, list[str]] = {}
    if mailing.tag_id is None and mailing.segment_id is None and not mailing.parties:
        errors["tag"] = [_("Say to whom it goes: a tag, a segment, or counterparties one by one")]
    errors |= _wrong_segment(session, mailing, at=at)
    errors |= _unfit_template(session, mailing)
    if mailing.channel is not MailingChannel.sms and not address_of(mailing.organisation):
        text = _("The law wants the address of the sender in each mail: give it to your company")
        if mailing.channel is MailingChannel.paper:
            text = _("A letter that comes back needs the address of the sender: give it to your company")
        errors["organisation"] = [text]
    if errors:
        raise Refusals(errors)
    move(MAILING_MOVES, mailing, MailingState.checking)
    if mailing.template is not None:
        mailing.version_id = templates.latest(session, mailing.template).id
    else:
        mailing.letter_version_id = letters.published(session, mailing)
    mailing.seed, mailing.checked_at, mailing.due_at = secrets.token_hex(16), None, None
    session.flush()
    enqueue(session, CHECK, mailing.id, due_at=at, actor_id=by.user_id)


def _unfit_template(session: Session, mailing: Mailing) -> dict[str, list[str]]:
    """Return what stands against the template now, by field."""
    template = mailing.template
    if template is None:
        wrong = letters.unfit(session, mailing.letter)
        return {"letter": [wrong]} if wrong else {}
    if _misses_pictures(session, template):
        return {"template": [_("A picture of this template is gone, or too large: open the template and save it")]}
    if template.channel is not mailing.channel:
        return {"template": [_("This template is for another way of sending")]}
    return {} if template.is_active else {"template": [_("This template is out of use")]}


def _misses_pictures(session: Session, template: MailTemplate) -> bool:
    """Say whether the template that holds now shows what is no longer among its files."""
    said = templates.latest(session, template).content["languages"]
    kept = {each.id for each in templates.pictures(session, template) if each.size <= templates.LARGEST_PICTURE}
    return bool(pictures.wanted_by(said) - kept)


def _wrong_segment(session: Session, mailing: Mailing, *, at: datetime) -> dict[str, list[str]]:
    """Return what stands against the segment: whoever checks does not see it, or not what it asks."""
    if mailing.segment_id is None:
        return {}
    if mailing.segment is None:
        return {"segment": [_("You do not see this segment")]}
    try:
        segments.members(session, mailing.segment, at=at)
    except DomainError as refusal:
        return {"segment": [refusal.text]}
    return {}


def address_of(organisation: Organisation) -> str:
    """Return the postal address of one of our companies in one line, empty where there is none."""
    if not organisation.street or not organisation.city:
        return ""
    town = " ".join(filter(None, (organisation.postal_code, organisation.city)))
    return ", ".join(filter(None, (organisation.street, town, organisation.country)))


def reopen(session: Session, mailing: Mailing) -> None:
    """Make a draft of it again; what the check has found is forgotten."""
    if mailing.state not in _KEPT_BY_CHECK:
        move(MAILING_MOVES, mailing, MailingState.draft)
    if mailing.state is MailingState.scheduled:
        move(MAILING_MOVES, mailing, MailingState.checked)
    move(MAILING_MOVES, mailing, MailingState.draft)
    mailing.version_id = mailing.letter_version_id = mailing.seed = mailing.checked_at = mailing.due_at = None
    session.flush()
    gone = delete(MailingRecipient).where(MailingRecipient.mailing_id == mailing.id)
    session.execute(gone.execution_options(synchronize_session=False))


def schedule(session: Session, mailing: Mailing, *, due_at: datetime, at: datetime) -> None:
    """Let it begin at a moment. Raises DomainError at "due_at" for one that is past."""
    _refuse_unsendable(session, mailing)
    if due_at <= at:
        raise DomainError(_("This moment is past"), field="due_at")
    move(MAILING_MOVES, mailing, MailingState.scheduled)
    mailing.due_at = due_at
    session.flush()


def start(session: Session, mailing: Mailing, *, at: datetime, by: Actor | None = None) -> None:
    """Begin to send, or go on after a pause; the file of letters on paper is for whoever starts it."""
    if mailing.channel is MailingChannel.paper and by is not None and not by.has(MailingRecipient.__stem__, EXPORT):
        raise DomainError(_("Letters on paper leave as a file: your role may not take lists of recipients"))
    _refuse_unsendable(session, mailing)
    move(MAILING_MOVES, mailing, MailingState.sending)
    mailing.started_at = mailing.started_at or at
    mailing.ended_at = None
    session.flush()
    enqueue(session, SEND, mailing.id, due_at=at, actor_id=by.user_id if by is not None else None)


def _refuse_unsendable(session: Session, mailing: Mailing) -> None:
    if mailing.channel is MailingChannel.sms:
        sms_providers.require(session, mailing.organisation)
    elif mailing.channel is MailingChannel.email:
        mail_servers.ready(session, mailing.organisation)
    waiting = exists().where(MailingRecipient.mailing_id == mailing.id, MailingRecipient.phase.in_(OPEN))
    if mailing.state is not MailingState.done and not session.scalar(select(waiting)):
        raise DomainError(_("Nobody is left to write to"))


def unschedule(session: Session, mailing: Mailing) -> None:
    """Let it wait for somebody who starts it."""
    if mailing.state is not MailingState.scheduled:
        raise DomainError(
            _("This cannot be done while the state is “%(state)s”", state=label_of(mailing.state)), field="state"
        )
    move(MAILING_MOVES, mailing, MailingState.checked)
    mailing.due_at = None
    session.flush()


def pause(session: Session, mailing: Mailing) -> None:
    """Stop sending at once; what is on its way at this moment arrives."""
    move(MAILING_MOVES, mailing, MailingState.paused)
    session.flush()


def cancel(session: Session, mailing: Mailing, *, at: datetime) -> None:
    """Send no more of it."""
    move(MAILING_MOVES, mailing, MailingState.cancelled)
    mailing.ended_at = at
    session.flush()
    is_paper = mailing.channel is MailingChannel.paper  # what is printed and not posted is not sent either
    phases = OPEN if is_paper else (RecipientPhase.queued,)
    waiting = update(MailingRecipient).where(
        MailingRecipient.mailing_id == mailing.id, MailingRecipient.phase.in_(phases)
    )
    values = {"phase": RecipientPhase.skipped, "token": None, "lease_until": None}
    session.execute(waiting.values(**values).execution_options(synchronize_session=False))
    if is_paper:
        bundles.stop(session, mailing.id, at=at)


# --- single recipients ------------------------------------------------------------------------------------------------

AGAIN = (RecipientPhase.refused, RecipientPhase.uncertain)


def retry(session: Session, recipient: MailingRecipient, *, at: datetime) -> None:
    """Try an address again that was refused, or of which nobody knows; its mail keeps its Message-ID."""
    mailing = recipient.mailing
    if recipient.phase not in AGAIN:
        text = _("This cannot be done while the state is “%(state)s”", state=label_of(recipient.phase))
        raise DomainError(text, field="phase")
    if mailing.state not in {MailingState.sending, MailingState.paused, MailingState.done}:
        text = _("This cannot be done while the state is “%(state)s”", state=label_of(mailing.state))
        raise DomainError(text, field="phase")
    recipient.phase, recipient.due_at, recipient.tries, recipient.answer = RecipientPhase.queued, at, 0, None
    session.flush()
    if mailing.state is MailingState.done:
        start(session, mailing, at=at)
    elif mailing.state is MailingState.sending:
        enqueue(session, SEND, mailing.id, due_at=at)


# --- hours ------------------------------------------------------------------------------------------------------------


def opening(mailing: Mailing, *, at: datetime) -> datetime:
    """Return from when on it may be sent: `at` itself within the hours of the day that it was given."""
    if (mailing.window_from, mailing.window_to) == (0, DAY):
        return at
    local = at.astimezone(ZoneInfo(mailing.organisation.time_zone))
    if mailing.window_from <= local.hour < mailing.window_to:
        return at
    begin = local.replace(hour=mailing.window_from, minute=0, second=0, microsecond=0)
    if local.hour >= mailing.window_to:
        begin += timedelta(days=1)
    return begin.astimezone(at.tzinfo)
