"""The occasions of rules: planned a day ahead, written when they are due, each once.

A plan is a row for each (rule, counterparty, slot), made while the rule is held. When its moment has come the row is
held, all that speaks for the letter is read anew by the statement that planned it, and the letter and the word about it
are written in one transaction: a worker that dies has written nothing, and two of them write one.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import label_of
from app.models.contact_rule import ContactRule, LeftOut, OccurrenceState, RuleOccurrence
from app.models.letter import Letter
from app.models.mail_template import MailingChannel
from app.models.party import Party
from app.models.suppression import ContactChannel
from app.models.text_message import TextMessage
from app.outbox import Errand, Outbox, enqueue
from app.services import access, gate, letter_rule, mailing_audience
from app.services import contact_rule as rules
from app.services import mail_server as mail_servers
from app.services import rule_occasion as occasions
from app.services import sms_provider as sms_providers
from app.services.gate import NotContactedError
from app.services.letter_rule import Compose
from app.services.mailing_audience import Candidate
from app.services.rule_occasion import Found

TOPIC = "contact_rule.run"
PORTION = 200
AHEAD = timedelta(days=1)
EVERY = timedelta(minutes=15)  # so often it is looked for new occasions


# --- planning ---------------------------------------------------------------------------------------------------------


def plan(session: Session, rule_id: int, *, at: datetime) -> int:
    """Write down the next occasions of a rule that come until tomorrow; return how many, fewer than PORTION at the end.

    The rule is held meanwhile: whoever plans it too, waits, and finds what is there already.
    """
    held = select(ContactRule).where(ContactRule.id == rule_id, ContactRule.is_active.is_(True))
    rule = session.scalars(held.with_for_update()).one_or_none()
    if rule is None:
        return 0
    today = occasions.today(rule, at=at)
    patience = timedelta(days=occasions.PATIENCE.get(rule.occasion, occasions.USUAL_PATIENCE))
    first = max(rule.since, today - patience)
    if first > today + AHEAD:
        return 0
    asked = occasions.of(session, rule, first=first, last=today + AHEAD, at=at).subquery("found")
    fresh = select(asked).where(~known(rule, asked.c.party_id, asked.c.slot))
    rows = session.execute(fresh.order_by(asked.c.party_id, asked.c.slot).limit(PORTION)).all()
    session.add_all(_planned(rule, occasions.read(rule, row)) for row in rows)
    session.flush()
    return len(rows)


def known(rule: ContactRule, party_id: ColumnElement[int], slot: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that an occasion of a rule has a row."""
    return exists().where(
        RuleOccurrence.rule_id == rule.id, RuleOccurrence.party_id == party_id, RuleOccurrence.slot == slot
    )


def _planned(rule: ContactRule, found: Found) -> RuleOccurrence:
    return RuleOccurrence(
        rule_id=rule.id,
        occasion=rule.occasion,
        party_id=found.party_id,
        slot=found.slot,
        record_id=found.record_id,
        happens_on=found.happens_on,
        due_at=occasions.due_at(rule, found.writes_on),
    )


# --- writing ----------------------------------------------------------------------------------------------------------


def due(session: Session, *, at: datetime, after: tuple[datetime, int] | None = None) -> list[tuple[datetime, int]]:
    """Return moments and keys of the next occasions that are due, the earliest first; they go on `after` one.

    Rules that are switched off wait, and so do those of companies that have nothing to send by.
    """
    ready = [rule.id for rule in rules.active(session) if _can_send(session, rule)]
    asked = select(RuleOccurrence.due_at, RuleOccurrence.id).where(
        RuleOccurrence.state == OccurrenceState.planned, RuleOccurrence.due_at <= at, RuleOccurrence.rule_id.in_(ready)
    )
    if after is not None:
        moment, key = after
        same = (RuleOccurrence.due_at == moment) & (RuleOccurrence.id > key)
        asked = asked.where((RuleOccurrence.due_at > moment) | same)
    rows = session.execute(asked.order_by(RuleOccurrence.due_at, RuleOccurrence.id).limit(PORTION))
    return [(row.due_at, row.id) for row in rows]


def _can_send(session: Session, rule: ContactRule) -> bool:
    try:
        if rule.channel is MailingChannel.sms:
            sms_providers.require(session, rule.organisation)
        else:
            mail_servers.ready(session, rule.organisation)
    except DomainError:
        return False
    return True


def fulfil(session: Session, key: int, *, compose: Compose, at: datetime) -> Letter | TextMessage | None:
    """Write the letter of an occasion and return it; None when it was left out, or is not to be written now."""
    held = select(RuleOccurrence).where(RuleOccurrence.id == key, RuleOccurrence.state == OccurrenceState.planned)
    one = session.scalars(held.with_for_update(of=RuleOccurrence)).one_or_none()
    if one is None or not one.rule.is_active or one.due_at > at:
        return None
    reason = why_not(session, one, at=at)
    party = access.get(session, Party, one.party_id)
    if reason is not None or party is None:
        _leave_out(session, one, reason or LeftOut.moot, at=at)
        return None
    whom = next(iter(mailing_audience.candidates(one.rule, party)))
    if whom.address is None:
        _leave_out(session, one, LeftOut.no_address, at=at)
    elif _is_held_out(session, one.rule, party, whom, at=at):
        _decide(one, OccurrenceState.held_out, at=at)
        session.flush()
    else:
        return _write(session, one, party, whom, compose=compose, at=at)
    return None


def _write(
    session: Session, one: RuleOccurrence, party: Party, whom: Candidate, *, compose: Compose, at: datetime
) -> Letter | TextMessage | None:
    try:
        made = letter_rule.send(session, one, party, whom, compose=compose, at=at)
    except NotContactedError as refusal:
        gate_says = refusal.answer.reason
        _leave_out(session, one, LeftOut(gate_says.value) if gate_says else LeftOut.blocked, at=at)
        return None
    except DomainError:
        _leave_out(session, one, LeftOut.unwritable, at=at)
        return None
    _decide(one, OccurrenceState.written, at=at)
    if isinstance(made, Letter):
        one.letter = made
    else:
        one.text_message = made
    session.flush()
    return made


def _is_held_out(session: Session, rule: ContactRule, party: Party, whom: Candidate, *, at: datetime) -> bool:
    """Say whether somebody whom the gate lets through gets no letter, to compare with: always the same ones of a rule.

    Who would get none anyway is not one of them: else the two groups would not be alike.
    """
    if not rule.holdout_percent or rule.seed is None:
        return False
    drawn = mailing_audience.draw(rule.seed, party.id)
    if drawn * 100 >= rule.holdout_percent:
        return False
    answer = gate.may_contact(
        session,
        party,
        ContactChannel(rule.channel.value),
        letter_rule.kind_of(rule),
        address=whom.address,
        organisation_id=rule.organisation_id,
        at=at,
    )
    return answer.ok or answer.until is not None


def _decide(one: RuleOccurrence, state: OccurrenceState, *, at: datetime) -> None:
    """Note that somebody is written to, or held out; of both the orders of the same days count."""
    one.state, one.done_at, one.reason = state, at, None
    one.counts_from = occasions.today(one.rule, at=at)
    one.counts_until = one.counts_from + timedelta(days=one.rule.attribution_days)


def retry(session: Session, one: RuleOccurrence, *, at: datetime) -> None:
    """Let an occasion that was left out be written after all. Raises DomainError where that cannot be.

    What speaks against it by now is said at once; the gate is asked when it is written.
    """
    refuse_retry(one)
    with access.everything(session, why="an occasion is there or not, whoever asks"):
        reason = why_not(session, one, at=at)
    if reason is not None:
        raise DomainError(_("Not sent: %(why)s", why=label_of(reason)))
    one.state, one.reason, one.done_at, one.due_at = OccurrenceState.planned, None, None, at
    session.flush()
    enqueue(session, TOPIC, due_at=at)


def refuse_retry(one: RuleOccurrence) -> None:
    """Raise DomainError where an occasion cannot be tried again."""
    if one.state is not OccurrenceState.left_out:
        raise DomainError(_("Only what was left out is tried again; a letter that has failed is tried again itself"))
    if one.letter_id is not None or one.text_message_id is not None:
        raise DomainError(_("Its letter was written and called off: what it was for is no longer there"))
    if not one.rule.is_active:
        raise DomainError(_("The rule is not in use: switch it on first"))


def why_not(session: Session, one: RuleOccurrence, *, at: datetime) -> LeftOut | None:
    """Say what speaks against a planned occasion by now, before the gate is asked; None when nothing does."""
    rule, party = one.rule, access.get(session, Party, one.party_id)
    if party is None or party.anonymised_at is not None:
        return LeftOut.erased
    if party.archived_at is not None:
        return LeftOut.archived
    day = one.happens_on + timedelta(days=rule.days)
    if occasions.is_over(rule, day, on=occasions.today(rule, at=at)):
        return LeftOut.late
    return why_moot(session, one, at=at)


def why_moot(session: Session, one: RuleOccurrence, *, at: datetime) -> LeftOut | None:
    """Say whether an occasion is no longer there, or its counterparty no longer in the segment."""
    rule = one.rule
    day = one.happens_on + timedelta(days=rule.days)
    if not _stands(session, one, first=day, last=day, at=at, in_segment=False):
        return LeftOut.moot
    if rule.segment is not None and not _stands(session, one, first=day, last=day, at=at, in_segment=True):
        return LeftOut.not_in_segment
    return None


def _stands(session: Session, one: RuleOccurrence, **within: object) -> bool:
    asked = occasions.of(session, one.rule, **within).subquery("found")  # type: ignore[arg-type]
    found = select(asked.c.slot).where(asked.c.party_id == one.party_id, asked.c.slot == one.slot)
    return session.execute(found.limit(1)).first() is not None


def _leave_out(session: Session, one: RuleOccurrence, reason: LeftOut, *, at: datetime) -> None:
    one.state, one.reason, one.done_at = OccurrenceState.left_out, reason, at
    session.flush()


def lost_reason(session: Session, letter: Letter, *, at: datetime) -> bool:
    """Say whether a letter of a rule that waits is for nothing by now, and note it: nobody gets it any more.

    Only for what may change at any moment: somebody has ordered again, a contract goes on.
    """
    found = select(RuleOccurrence).where(RuleOccurrence.letter_id == letter.id)
    one = session.scalars(found).one_or_none()
    if one is None:
        return False
    reason = why_moot(session, one, at=at)
    if reason is None:
        return False
    _leave_out(session, one, reason, at=at)
    return True


# --- going on by itself -----------------------------------------------------------------------------------------------


def tend(session: Session, *, at: datetime) -> bool:
    """Call for the work of rules when some is due, or nobody has looked for a while; say whether it was called for."""
    if session.scalar(select(ContactRule.id).where(ContactRule.is_active.is_(True)).limit(1)) is None:
        return False
    under_way = select(Outbox.id).where(Outbox.topic == TOPIC, Outbox.state.in_((Errand.pending, Errand.claimed)))
    if session.scalar(under_way.limit(1)) is not None:
        return False
    lately = select(Outbox.id).where(Outbox.topic == TOPIC, Outbox.created_at > at - EVERY)
    if session.scalar(lately.limit(1)) is not None and not due(session, at=at):
        return False
    enqueue(session, TOPIC, due_at=at)
    return True
