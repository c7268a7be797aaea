"""Rules of automatic letters: what one may be, and switching it on and off."""

import secrets
from datetime import datetime

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from app import clock
from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.models.contact_rule import ContactRule, Occasion, OccurrenceState, RuleOccurrence
from app.models.mail_template import MailingChannel, MailTemplate
from app.models.mailing import MailingKind
from app.services import rule_occasion as occasions
from app.services import segment as segments
from app.services.text import is_blank, line

LONGEST_NAME = 120
NAMED = 12  # so many names of holidays are told to whoever types another
_YEAR = 365
_MONTHS = 60
# How many days before and after its occasion a rule may write.
DAYS = {
    Occasion.birthday: (-_MONTHS, _MONTHS),
    Occasion.holiday: (-_MONTHS, _MONTHS),
    Occasion.one_order: (1, _YEAR),
    Occasion.after_order: (0, _YEAR),
    Occasion.after_delivery: (0, _YEAR),
    Occasion.contract_end: (-_YEAR, _YEAR),
}
_LAST_HOUR = 23
MOST_HELD_OUT = 50  # percent
USUAL_ATTRIBUTION = 14  # days


def save(session: Session, rule: ContactRule) -> None:
    """Bring a rule into its normal form and add it. Raises Refusals by field."""
    errors: dict[str, list[str]] = {}
    with session.no_autoflush:
        rule.occasion = rule.occasion or Occasion.birthday
        rule.kind = rule.kind or MailingKind.marketing
        rule.channel = rule.channel or MailingChannel.email
        rule.is_active = bool(rule.is_active)
        rule.tracks_opens, rule.tracks_clicks = bool(rule.tracks_opens), rule.tracks_clicks is not False
        _name(rule, errors)
        for name in ("organisation", "template"):
            if getattr(rule, name) is None:
                errors[name] = [_("This is needed")]
        _times(rule, errors)
        _holiday(session, rule, errors)
        _template(rule, rule.template, errors)
        _segment(session, rule, errors)
        if errors:
            raise Refusals(errors)
        _draw(rule)
        session.add(rule)


def _draw(rule: ContactRule) -> None:
    """Begin to compare anew when another share is held out: before, nobody was drawn for it."""
    rule.seed = rule.seed or secrets.token_hex(16)
    if not rule.holdout_percent:
        rule.held_out_since = None
    elif rule.held_out_since is None or inspect(rule).attrs.holdout_percent.history.has_changes():
        rule.held_out_since = clock.now()


def _name(rule: ContactRule, errors: dict[str, list[str]]) -> None:
    try:
        rule.name = line(rule.name or "", limit=LONGEST_NAME)
    except DomainError as refusal:
        errors["name"] = [refusal.text]
    else:
        if is_blank(rule.name):
            errors["name"] = [_("A rule needs a name")]


def _times(rule: ContactRule, errors: dict[str, list[str]]) -> None:
    rule.days = rule.days if rule.days is not None else 0
    rule.hour = rule.hour if rule.hour is not None else 10
    rule.since = rule.since or clock.today(rule.organisation.time_zone if rule.organisation is not None else "UTC")
    rule.holdout_percent = rule.holdout_percent or 0
    rule.attribution_days = rule.attribution_days if rule.attribution_days is not None else USUAL_ATTRIBUTION
    bounds = {
        "days": DAYS[rule.occasion],
        "hour": (0, _LAST_HOUR),
        "holdout_percent": (0, MOST_HELD_OUT),
        "attribution_days": (1, _YEAR),
    }
    for name, (least, most) in bounds.items():
        if not least <= getattr(rule, name) <= most:
            errors[name] = [_("A number from %(least)s to %(most)s is expected", least=least, most=most)]


def _holiday(session: Session, rule: ContactRule, errors: dict[str, list[str]]) -> None:
    """Find the holiday that somebody has typed, and forget it for other occasions."""
    if rule.occasion is not Occasion.holiday:
        rule.country = rule.holiday = None
        return
    if not rule.country:
        errors["country"] = [_("This is needed")]
        return
    today = clock.today("UTC")
    found = occasions.holiday_called(session, rule.country, rule.holiday or "", on=today)
    if found is not None:
        rule.holiday = found
        return
    known = sorted(occasions.holidays_of(session, rule.country, today.year))
    if not known:
        errors["country"] = [_("No holidays of this country are known")]
        return
    names = ", ".join(known[:NAMED])
    errors["holiday"] = [_("This country has no holiday of this name; it has, for example: %(names)s", names=names)]


def _template(rule: ContactRule, template: MailTemplate | None, errors: dict[str, list[str]]) -> None:
    if template is None:
        return
    if template.channel is not rule.channel:
        errors["template"] = [_("This template is for another way of writing")]
    elif not template.is_active:
        errors["template"] = [_("This template is not in use")]


def _segment(session: Session, rule: ContactRule, errors: dict[str, list[str]]) -> None:
    """Refuse a segment that asks what whoever makes the rule may not see: its forecast would tell it."""
    if rule.segment is None:
        if rule.segment_id is not None:
            errors["segment"] = [_("You do not see this segment")]
        return
    try:
        segments.members(session, rule.segment, at=clock.now())
    except DomainError as refusal:
        errors["segment"] = [refusal.text]


def remove(session: Session, rule: ContactRule) -> None:
    """Refuse to delete a rule that has written: a new one like it would write the same once more."""
    has_written = select(RuleOccurrence.id).where(
        RuleOccurrence.rule_id == rule.id, RuleOccurrence.state == OccurrenceState.written
    )
    if session.scalar(has_written.limit(1)) is not None:
        raise DomainError(_("This rule has written already: switch it off instead"))


def switch_on(session: Session, rule: ContactRule, *, at: datetime) -> None:
    """Let a rule write from today on; nothing older is made up for."""
    if rule.is_active:
        raise DomainError(_("This rule is in use already"), field="is_active")
    save(session, rule)
    today = occasions.today(rule, at=at)
    rule.is_active = True
    rule.since = max(rule.since, today)
    session.flush()


def switch_off(session: Session, rule: ContactRule) -> None:
    """Let a rule write no more; what is planned waits, and is left out once its day is over."""
    if not rule.is_active:
        raise DomainError(_("This rule is not in use"), field="is_active")
    rule.is_active = False
    session.flush()


def active(session: Session) -> list[ContactRule]:
    """Return the rules that are in use, the oldest first."""
    return list(session.scalars(select(ContactRule).where(ContactRule.is_active.is_(True)).order_by(ContactRule.id)))
