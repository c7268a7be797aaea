"""Letters on paper: many of a mailing printed into one file, piece by piece, and what a person says became of them.

A file is a bundle (models.document_bundle): it leaves by the door of all exports and is kept for a day. Its rows are
claimed for as long as it is printed, and handed over when it is whole; they are sent when somebody says so.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import case, func, insert, select, update
from sqlalchemy.orm import Session

from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.i18n import label_of
from app.models.attachment import Attachment
from app.models.document_bundle import BundleForm, BundleState, DocumentBundle, Lack
from app.models.mail_template import MailingChannel
from app.models.mailing import OPEN, Mailing, MailingKind, MailingRecipient, MailingState, RecipientPhase
from app.models.suppression import ContactChannel, ContactMade, NoContact
from app.outbox import enqueue
from app.roles import EXPORT
from app.services import access, bulk_user, export_rule, letter_office, suppression
from app.services import document_bundle as bundles
from app.services import mailing as mailings
from app.services import mailing_audience as audience
from app.services import mailing_ledger as ledger
from app.services.text import line

MOST = 5_000  # letters of one file; what is more goes into the next
PORTION = 50  # letters that are printed and bound at once
HELD = timedelta(days=90)  # after that nobody knows whether they were posted
LONGEST_REASON = 250
_MOST_NUMBERS = 1_000
_RANGE = re.compile(r"(\d{1,7})(?:\s*[-\u2013\u2014]\s*(\d{1,7}))?")
_AT_ONCE = 500
_OBJECTIONS = frozenset(
    {NoContact.opted_out, NoContact.suppressed, NoContact.bounced, NoContact.erased, NoContact.blocked}
)


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """One letter to be printed: its row, its number, and what its fields say of the recipient."""

    id: int
    number: int
    name: str
    words: dict[str, str]


# --- printing ---------------------------------------------------------------------------------------------------------


def begin(session: Session, mailing: Mailing, *, owner_id: int | None, at: datetime) -> DocumentBundle | None:
    """Return the file that is being printed, else begin the next; None when there is nothing to print now.

    The gate is asked anew about everybody. Letters stand in the order of countries and places, and get a number.
    """
    standing = bundles.unfinished(session, mailing.id)
    if standing is not None or mailing.state is not MailingState.sending:
        return standing if mailing.state is MailingState.sending else None
    token, owner_id = ledger.new_token(), owner_id if owner_id is not None else mailing.owner_id
    claims = ledger.claim(session, mailing, token=token, at=at, most=_most_for(session, owner_id))
    if not claims:
        return None
    claims.sort(key=lambda one: (*(one.words.get(f"buyer.{name}", "") for name in ("country", "town")), one.id))
    keys = [one.id for one in claims]
    _number(session, mailing, keys, until=at + HELD)
    bundle = DocumentBundle(
        entity=MailingRecipient.__stem__,
        form=BundleForm.letters,
        language=mailing.organisation.language,
        keys=keys,
        missing=[],
        settings={"token": token},
        mailing_id=mailing.id,
        total_rows=len(keys),
        done_rows=0,
        owner_id=owner_id,
        team_id=mailing.team_id,
        state=BundleState.running,
        created_at=at,
        started_at=at,
    )
    session.add(bundle)
    session.flush()
    return bundle


def _most_for(session: Session, owner_id: int | None) -> int:
    """Return how many letters a file has: no more than its owner may take away in one."""
    with access.acting(session, bulk_user.starter(session, owner_id).actor):
        cap = export_rule.cap(session, MailingRecipient.__stem__, EXPORT)
    return MOST if cap is None else min(MOST, cap)


def _number(session: Session, mailing: Mailing, keys: Sequence[int], *, until: datetime) -> None:
    last = session.scalar(select(func.max(MailingRecipient.number)).where(MailingRecipient.mailing_id == mailing.id))
    first = int(last or 0) + 1
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        numbers = {key: first + start + place for place, key in enumerate(some)}
        rows = update(MailingRecipient).where(MailingRecipient.id.in_(some))
        values = {"number": case(numbers, value=MailingRecipient.id), "lease_until": until}
        session.execute(rows.values(**values).execution_options(synchronize_session=False))


def portion(session: Session, bundle: DocumentBundle) -> list[Sheet]:
    """Return the next letters of a file; who is not to be written to any more is named as missing."""
    keys = bundle.keys[bundle.done_rows : bundle.done_rows + PORTION]
    columns = MailingRecipient.id, MailingRecipient.number, MailingRecipient.name, MailingRecipient.words
    ours = MailingRecipient.phase == RecipientPhase.claimed, MailingRecipient.token == bundle.settings["token"]
    found = {row.id: row for row in session.execute(select(*columns).where(MailingRecipient.id.in_(keys), *ours))}
    return [
        Sheet(id=key, number=found[key].number, name=found[key].name or "", words=dict(found[key].words))
        for key in keys
        if key in found and "buyer.street" in found[key].words  # those of somebody who was erased are gone
    ]


def printed(session: Session, bundle: DocumentBundle, made: Sequence[int], broken: dict[int, str]) -> None:
    """Note that the next portion is through: `made` are in it, `broken` cannot be made, with the reason."""
    keys = bundle.keys[bundle.done_rows : bundle.done_rows + PORTION]
    for key, why in broken.items():
        row = update(MailingRecipient).where(
            MailingRecipient.id == key, MailingRecipient.token == bundle.settings["token"]
        )
        values = {"phase": RecipientPhase.refused, "answer": why[:LONGEST_REASON], "token": None, "lease_until": None}
        session.execute(row.values(**values).execution_options(synchronize_session=False))
    left = [key for key in keys if key not in set(made) and key not in broken]
    rows = update(MailingRecipient).where(
        MailingRecipient.id.in_(left), MailingRecipient.token == bundle.settings["token"]
    )
    gone = {"phase": RecipientPhase.skipped, "token": None, "lease_until": None}
    session.execute(rows.values(**gone).execution_options(synchronize_session=False))
    lacking = [[key, (Lack.broken if key in broken else Lack.gone).value] for key in keys if key not in set(made)]
    bundle.missing = [*bundle.missing, *lacking]
    bundle.done_rows += len(keys)
    bundle.files += len(made)
    session.flush()


def finish(session: Session, bundle: DocumentBundle, file: Attachment, *, at: datetime) -> bool:
    """Hand the letters of a whole file over to people; False when the mailing is not being sent any more."""
    mailing = session.execute(
        select(Mailing).where(Mailing.id == bundle.mailing_id).with_for_update()
    ).scalar_one_or_none()
    if mailing is None or mailing.state is not MailingState.sending:
        return False
    rows = update(MailingRecipient).where(
        MailingRecipient.mailing_id == mailing.id,
        MailingRecipient.token == bundle.settings["token"],
        MailingRecipient.phase == RecipientPhase.claimed,
    )
    values = {"phase": RecipientPhase.handed_over, "handed_at": at, "lease_until": at + HELD}
    session.execute(rows.values(**values).execution_options(synchronize_session=False))
    bundles.keep(session, bundle, file, files=bundle.files, at=at)
    bundles.drop_parts(session, bundle)
    return True


def give_up(session: Session, bundle: DocumentBundle, message: str, *, at: datetime) -> None:
    """Note that a file cannot be made: its letters are refused with the reason, and may be tried again."""
    rows = update(MailingRecipient).where(
        MailingRecipient.mailing_id == bundle.mailing_id,
        MailingRecipient.token == bundle.settings["token"],
        MailingRecipient.phase == RecipientPhase.claimed,
    )
    values = {"phase": RecipientPhase.refused, "answer": message, "token": None, "lease_until": None}
    session.execute(rows.values(**values).execution_options(synchronize_session=False))
    bundle.break_off(at=at, message=message)
    bundles.drop_parts(session, bundle)


# --- what became of them ----------------------------------------------------------------------------------------------


def waits(session: Session, mailing: Mailing) -> list[tuple[int, int]]:
    """Return the letters that are printed and not said to be posted: (number, key of the row)."""
    columns = MailingRecipient.number, MailingRecipient.id
    mine = MailingRecipient.mailing_id == mailing.id, MailingRecipient.phase == RecipientPhase.handed_over
    return [(row.number, row.id) for row in session.execute(select(*columns).where(*mine).order_by(columns[0]))]


def is_printed(session: Session, mailing: Mailing) -> bool:
    """Say whether nothing is left but to post what is printed."""
    phases = select(MailingRecipient.phase).where(
        MailingRecipient.mailing_id == mailing.id, MailingRecipient.phase.in_(OPEN)
    )
    return set(session.scalars(phases.distinct())) == {RecipientPhase.handed_over}


def objected(session: Session, mailing: Mailing, *, at: datetime) -> list[int]:
    """Return the numbers of printed letters to people who have objected since: they are not to be posted."""
    numbers = {key: number for number, key in waits(session, mailing)}
    if not numbers:
        return []
    refused = audience.refused_by_gate(session, mailing, list(numbers), at=at)
    return sorted(numbers[key] for reason in _OBJECTIONS for key in refused.get(reason, ()))


def posted(
    session: Session, mailing: Mailing, *, posted_on: date, at: datetime, all_but: str = "", why: str = ""
) -> int:
    """Note that the printed letters were posted on a day, all but those of some numbers ("3, 7-9"), and count them.

    Those not posted are refused with the reason, and may be tried again. Raises Refusals by field.
    """
    _refuse_other_ways(mailing)
    if letter_office.is_sandbox():
        raise DomainError(_("Nothing is sent from the sandbox"))
    there = dict(waits(session, mailing))
    errors: dict[str, list[str]] = {}
    zone = ZoneInfo(mailing.organisation.time_zone)
    today = at.astimezone(zone).date()
    first = mailing.started_at.astimezone(zone).date() if mailing.started_at is not None else today
    if not first <= posted_on <= today:
        errors["posted_on"] = [_("A day from the beginning of the mailing until today is expected")]
    try:
        left = _numbers(all_but)
        why = line(why or "", limit=LONGEST_REASON, field="why")
    except DomainError as refusal:
        errors[refusal.field or "all_but"], left = [refusal.text], set()
    odd = sorted(left - there.keys())
    if odd:
        errors["all_but"] = [_("No letter with the number %(number)s is waiting to be posted", number=odd[0])]
    if left and not why and "why" not in errors:
        errors["why"] = [_("Say why these were not posted")]
    if not there:
        raise DomainError(_("No printed letter is waiting to be posted"))
    if errors:
        raise Refusals(errors)
    noon = datetime.combine(posted_on, time(12), tzinfo=zone).astimezone(at.tzinfo)
    sent_at = at if posted_on == today else min(at, noon)
    sent = [key for number, key in there.items() if number not in left]
    _settle(session, sent, {"phase": RecipientPhase.sent, "sent_at": sent_at, "answer": _("Posted")})
    _settle(session, [there[number] for number in left], {"phase": RecipientPhase.refused, "answer": why})
    if mailing.kind is MailingKind.marketing:
        _count(session, sent, at=sent_at)
    ledger.go_on(session, mailing.id, at=at)
    return len(sent)


def _numbers(text: str) -> set[int]:
    """Return the numbers of "3, 7-9". Raises DomainError at "all_but" for what is none."""
    found: set[int] = set()
    for part in (each.strip() for each in (text or "").replace(";", ",").split(",")):
        read = _RANGE.fullmatch(part) if part else None
        if part and read is None:
            raise DomainError(_("Numbers of letters are expected, as in “3, 7-9”"), field="all_but")
        if read is not None:
            first, last = int(read[1]), int(read[2] or read[1])
            if last < first or last - first > _MOST_NUMBERS:
                raise DomainError(_("Numbers of letters are expected, as in “3, 7-9”"), field="all_but")
            found |= set(range(first, last + 1))
    return found


def _settle(session: Session, keys: Sequence[int], values: dict[str, Any]) -> None:
    for start in range(0, len(keys), _AT_ONCE):
        rows = update(MailingRecipient).where(MailingRecipient.id.in_(keys[start : start + _AT_ONCE]))
        free = {"token": None, "lease_until": None}
        session.execute(rows.values(**values, **free).execution_options(synchronize_session=False))


def _count(session: Session, keys: Sequence[int], *, at: datetime) -> None:
    """Count the letters of marketing, so that the next are put off by the policy."""
    whom = select(MailingRecipient.party_id, MailingRecipient.contact_id).where(MailingRecipient.id.in_(keys))
    channel = ContactChannel.paper
    made = [
        {"party_id": row.party_id, "contact_id": row.contact_id, "channel": channel, "at": at}
        for row in session.execute(whom)
        if row.party_id is not None
    ]
    if made:
        session.execute(insert(ContactMade), made)


def print_again(session: Session, mailing: Mailing, *, at: datetime) -> int:
    """Print the letters anew that nobody has said to be posted; return how many these are."""
    _refuse_other_ways(mailing)
    keys = [key for _number, key in waits(session, mailing)]
    if not keys or mailing.state is not MailingState.sending:
        raise DomainError(_("No printed letter is waiting to be posted"))
    _settle(session, keys, {"phase": RecipientPhase.queued, "due_at": at, "handed_at": None})
    enqueue(session, mailings.SEND, mailing.id, due_at=at)
    return len(keys)


def returned(session: Session, recipient: MailingRecipient, *, at: datetime) -> None:
    """Note that a letter has come back: nobody writes to this address on paper any more."""
    _refuse_other_ways(recipient.mailing)
    if recipient.phase is not RecipientPhase.sent:
        text = _("This cannot be done while the state is “%(state)s”", state=label_of(recipient.phase))
        raise DomainError(text, field="phase")
    recipient.phase, recipient.answer = RecipientPhase.bounced, _("Came back: unknown at this address")
    session.flush()
    if recipient.address:
        suppression.bounced(session, ContactChannel.paper, recipient.address, is_hard=True, at=at)


def _refuse_other_ways(mailing: Mailing) -> None:
    if mailing.channel is not MailingChannel.paper:
        raise DomainError(_("This is about letters on paper"))
