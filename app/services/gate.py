"""The one gate: whether somebody may be written to now. Everything that writes to people asks it, each time anew.

One statement answers for one letter and for a hundred thousand alike (`of_many`), over plain tables: the answer is the
same whoever asks. What only puts off (the quiet time) is asked for one letter alone, when it is about to leave. Who may
not be written to is told with the reason, and each refusal is counted (`refuse`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    Subquery,
    Table,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    null,
    or_,
    select,
)
from sqlalchemy.orm import Session

from app.columns import Key
from app.db import after_rollback, metadata
from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import label_of
from app.models.consent import Consent, ConsentPurpose, ConsentState
from app.models.party import Party, PartyChannel
from app.models.suppression import (
    ContactChannel,
    ContactKind,
    ContactMade,
    ContactPolicy,
    ContactRefusal,
    NoContact,
    Suppression,
    SuppressionReason,
)
from app.services import gate_address as addresses
from app.services import quiet_time

_ALL = frozenset(ContactKind)
_WISHED = frozenset({ContactKind.marketing, ContactKind.service})
# Which kinds of letters each reason stops, and how that is called.
STOPS: dict[SuppressionReason, tuple[frozenset[ContactKind], NoContact]] = {
    SuppressionReason.erased: (_ALL, NoContact.erased),
    SuppressionReason.bounced: (_ALL, NoContact.bounced),
    SuppressionReason.wrong: (_ALL, NoContact.suppressed),
    SuppressionReason.blocked: (_WISHED | {ContactKind.personal}, NoContact.blocked),
    SuppressionReason.complained: (_WISHED, NoContact.suppressed),
    SuppressionReason.law: (_WISHED, NoContact.suppressed),
    SuppressionReason.unsubscribed: (frozenset({ContactKind.marketing}), NoContact.opted_out),
}
PURPOSES = {
    ContactChannel.email: ConsentPurpose.marketing_mail,
    ContactChannel.sms: ConsentPurpose.marketing_sms,
    ContactChannel.message: ConsentPurpose.marketing_messenger,
    ContactChannel.call: ConsentPurpose.phone_calls,
}  # on paper no consent is needed, only that nobody has objected
_LOUD = frozenset({ContactChannel.sms, ContactChannel.message, ContactChannel.call})


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Whether a letter may go: to which address, else why not and, where it only has to wait, until when."""

    ok: bool
    channel: ContactChannel
    kind: ContactKind
    reason: NoContact | None = None
    until: datetime | None = None
    address: str | None = None
    party_id: int | None = None
    contact_id: int | None = None

    @property
    def text(self) -> str:
        """Say it in a sentence."""
        if self.ok:
            return _("May be written to")
        return _("Not sent: %(why)s", why=label_of(self.reason))


class NotContactedError(DomainError):
    """The gate has said no; `answer` says why."""

    def __init__(self, answer: Answer, field: str | None = None) -> None:
        super().__init__(answer.text, field)
        self.answer = answer


def may_contact(
    session: Session,
    party: Party | None,
    channel: ContactChannel,
    kind: ContactKind,
    *,
    address: str | None = None,
    contact_id: int | None = None,
    organisation_id: int | None = None,
    rules: ContactPolicy | None = None,
    at: datetime,
) -> Answer:
    """Say whether somebody may be written to at a moment.

    `party` is None for who is no counterparty (one of us, a lead). Without `address` it is the one that the party, or
    the contact person, has. `organisation_id` is whose policy holds, by default that of our first company; who asks
    often gives `rules`.
    """
    if address is None and party is not None:
        address = addresses.of_party(party, channel, contact_id=contact_id)
    if party is not None and contact_id is None and address is not None:
        contact_id = addresses.contact_of(party, address)

    def answer(*, reason: NoContact | None = None, until: datetime | None = None) -> Answer:
        return Answer(
            ok=reason is None,
            channel=channel,
            kind=kind,
            reason=reason,
            until=until,
            address=address,
            party_id=party.id if party is not None else None,
            contact_id=contact_id,
        )

    who = one(party, channel, address, contact_id)
    rules = rules if rules is not None else policy(session, organisation_id)
    found = session.execute(of_many(who, channel=channel, kind=kind, rules=rules, at=at)).one()
    if found.reason is not None:
        return answer(reason=NoContact(found.reason))
    if party is not None and may_wait(channel, kind):
        until = quiet_time.until(rules, quiet_time.zones_of(party, address), at=at)
        if until is not None:
            return answer(reason=NoContact.quiet, until=until)
    return answer()


def may_wait(channel: ContactChannel, kind: ContactKind) -> bool:
    """Say whether such a letter waits for the end of the quiet time."""
    if channel is ContactChannel.paper:
        return False  # a letter on paper wakes nobody
    return kind is ContactKind.marketing or (kind is ContactKind.service and channel in _LOUD)


def one(party: Party | None, channel: ContactChannel, address: str | None, contact_id: int | None) -> Subquery:
    """Return one recipient as `of_many` wants them."""
    digest = addresses.digest(channel, address) if address is not None else None
    return select(
        cast(literal(party.id if party is not None else None), Key).label("party_id"),
        cast(literal(contact_id), Key).label("contact_id"),
        cast(literal(address), String(320)).label("address"),
        cast(literal(digest), String(64)).label("digest"),
    ).subquery("who")


# --- one statement ----------------------------------------------------------------------------------------------------


def of_many(
    who: Subquery, *, channel: ContactChannel, kind: ContactKind, rules: ContactPolicy, at: datetime
) -> Select[Any]:
    """Return the statement that gives the rows of `who` with a `reason`, None for those that may be written to.

    Shape: `who` has party_id, contact_id and address in its normal form, and may have more, which come along. With a
    column `digest` (services.gate_address) erased addresses that were typed again are known too; without it they are
    found when the letter leaves. Of several rows with one address the first is written to, by party and contact.
    """
    party = metadata.tables[Party.__tablename__]
    alone = _alone(who, party, channel=channel, kind=kind, rules=rules, at=at).label("alone")
    judged = select(*who.c, alone).select_from(who.outerjoin(party, party.c.id == who.c.party_id)).subquery("judged")
    place = func.row_number().over(
        partition_by=(judged.c.address, judged.c.alone), order_by=(judged.c.party_id, judged.c.contact_id)
    )
    is_double = and_(judged.c.alone.is_(None), place > 1)
    reason = case((is_double, NoContact.duplicate.value), else_=judged.c.alone).label("reason")
    return select(*(judged.c[column.name] for column in who.c), reason)


def _alone(
    who: Subquery, party: Table, *, channel: ContactChannel, kind: ContactKind, rules: ContactPolicy, at: datetime
) -> ColumnElement[Any]:
    """Return why one row may not be written to, whatever the others are; the gravest reason first."""
    found: list[tuple[ColumnElement[bool], NoContact]] = [
        (party.c.anonymised_at.is_not(None), NoContact.erased),
        (or_(who.c.address.is_(None), who.c.address == ""), NoContact.no_address),
    ]
    if kind in _WISHED:
        found.append((party.c.archived_at.is_not(None), NoContact.archived))
    if channel is ContactChannel.email:
        found.append((_of_channel(who, "bounced_at"), NoContact.bounced))
    for reason, (kinds, called) in STOPS.items():
        if kind in kinds:
            found.append((_left_alone(who, channel, reason), called))
    if kind is ContactKind.marketing:
        found.append((_of_channel(who, "opted_out_at"), NoContact.opted_out))
        found += _consent(who, channel)
        if rules.cap_count:
            found.append((_sent_lately(who, rules, at) >= rules.cap_count, NoContact.capped))
    return case(*((condition, literal(reason.value, String(24))) for condition, reason in found), else_=null())


def _left_alone(who: Subquery, channel: ContactChannel, reason: SuppressionReason) -> ColumnElement[bool]:
    kept = metadata.tables[Suppression.__tablename__]
    same = kept.c.address == who.c.address
    standing = [kept.c.channel == channel, kept.c.reason == reason, kept.c.lifted_at.is_(None)]
    if "digest" in who.c:
        same = kept.c.digest == who.c.digest
    return exists().where(same, *standing)


def _of_channel(who: Subquery, moment: str) -> ColumnElement[bool]:
    kept = metadata.tables[PartyChannel.__tablename__]
    return exists().where(kept.c.value == who.c.address, kept.c.party_id == who.c.party_id, kept.c[moment].is_not(None))


def _consent(who: Subquery, channel: ContactChannel) -> list[tuple[ColumnElement[bool], NoContact]]:
    """Return what the log of consents says: the latest word about the address, or about its person, counts.

    What a counterparty has taken back as a whole holds for its contact persons too; what it has given does not.
    """
    purpose = PURPOSES.get(channel)
    if purpose is None:
        return []
    kept = metadata.tables[Consent.__tablename__]
    same_person = or_(
        kept.c.contact_id == who.c.contact_id, and_(kept.c.contact_id.is_(None), who.c.contact_id.is_(None))
    )
    of_all = and_(kept.c.contact_id.is_(None), kept.c.state == ConsentState.withdrawn)
    said = (
        select(kept.c.state)
        .where(
            kept.c.party_id == who.c.party_id,
            kept.c.purpose == purpose,
            or_(kept.c.address == who.c.address, and_(kept.c.address.is_(None), or_(same_person, of_all))),
        )
        .order_by(kept.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return [
        (func.coalesce(said == ConsentState.withdrawn, false()), NoContact.opted_out),
        (said.is_(None), NoContact.no_consent),
    ]


def _sent_lately(who: Subquery, rules: ContactPolicy, at: datetime) -> ColumnElement[int]:
    kept = metadata.tables[ContactMade.__tablename__]
    same_person = or_(
        kept.c.contact_id == who.c.contact_id, and_(kept.c.contact_id.is_(None), who.c.contact_id.is_(None))
    )
    since = at - timedelta(days=rules.cap_days)
    return (
        select(func.count())
        .select_from(kept)
        .where(kept.c.party_id == who.c.party_id, same_person, kept.c.at > since)
        .scalar_subquery()
    )


# --- the policy, and what is noted ------------------------------------------------------------------------------------


def policy(session: Session, organisation_id: int | None = None) -> ContactPolicy:
    """Return the policy of one of our companies, by default of the first; the usual one where none was set."""
    wanted = select(ContactPolicy).order_by(ContactPolicy.organisation_id).limit(1)
    if organisation_id is not None:
        wanted = wanted.where(ContactPolicy.organisation_id == organisation_id)
    found = session.scalars(wanted).one_or_none()
    return found if found is not None else usual()


def usual() -> ContactPolicy:
    """Return the policy that holds until somebody sets another; it belongs to no session."""
    names = ("cap_count", "cap_days", "quiet_from", "quiet_until", "quiet_days", "soft_count", "soft_days")
    table = metadata.tables[ContactPolicy.__tablename__]
    defaults: dict[str, Any] = {name: getattr(table.c[name].default, "arg", None) for name in names}
    return ContactPolicy(**{name: each(None) if callable(each) else each for name, each in defaults.items()})


def note_contact(session: Session, answer: Answer, *, at: datetime) -> None:
    """Count a letter of marketing that has left, so that the next are put off by the policy."""
    if answer.kind is ContactKind.marketing and answer.party_id is not None:
        session.add(ContactMade(party_id=answer.party_id, contact_id=answer.contact_id, channel=answer.channel, at=at))
        session.flush()


def refuse(session: Session, answer: Answer, *, sender: str, at: datetime, field: str | None = None) -> None:
    """Count a refusal and raise it as NotContactedError; nothing when the answer is yes.

    The count stays when what is raised undoes everything else.
    """
    if answer.ok:
        return
    note_refusal(session, answer, sender=sender, at=at)
    raise NotContactedError(answer, field)


def note_refusal(session: Session, answer: Answer, *, sender: str, at: datetime) -> None:
    """Count a refusal, whatever becomes of the unit of work in which it happened."""
    said = {
        "refused_at": at,
        "party_id": answer.party_id,
        "contact_id": answer.contact_id,
        "channel": answer.channel,
        "kind": answer.kind,
        "reason": answer.reason,
        "sender": sender[:40],
    }

    def again(work: Session) -> None:
        work.add(ContactRefusal(**said))

    session.add(ContactRefusal(**said))
    session.flush()
    after_rollback(session, again)
