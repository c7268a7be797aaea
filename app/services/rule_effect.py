"""What came of automatic letters: what became of them, and whether those written to ordered more than those held out.

A counterparty counts once in each rule, by its first occasion that the gate let through: what comes later may be what
the letter has brought. It is written to or held out by lot, and of both the orders of the same number of days count,
from the day of the letter on. Orders are all that are confirmed, whoever sees them, net of tax; of few people nothing
is told (see mailing_effect).
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Date, Select, Subquery, and_, case, func, or_, select, type_coerce
from sqlalchemy.orm import Session

from app.models.contact_rule import ContactRule, OccurrenceState, RuleOccurrence
from app.models.letter import Letter, LetterState
from app.models.mailing import RecipientPhase
from app.models.sale_order import SaleOrder
from app.models.text_message import TextMessage, TextPhase
from app.services import access, uplift
from app.services import rule_occasion as occasions
from app.services.mailing_count import Numbers
from app.services.mailing_effect import NOT_COUNTED, Effect, group


def effect(session: Session, rule: ContactRule, *, at: datetime) -> Effect | None:
    """Return what came of the letters of a rule until now, by three statements; None before the first."""
    with access.everything(session, why="what a rule has brought counts all letters and orders, and names nobody"):
        letters = numbers(session, rule)
        side = _sides(rule)
        first, last = (func.min(side.c.counts_from), func.max(side.c.counts_until))
        columns = side.c.held, func.count().label("people"), _day(first, "first"), _day(last, "last")
        sized = {row.held: row for row in session.execute(select(*columns).group_by(side.c.held))}
        if not sized:
            return None
        rows = session.execute(_bought(side)).all()
    currency = rule.organisation.currency
    groups = [
        group(sized[held].people if held in sized else 0, [row for row in rows if row.held == held], currency)
        for held in (0, 1)
    ]
    written, held_out = groups
    until = max(row.last for row in sized.values())
    is_compared = held_out.sample.people > 0
    return Effect(
        letters=letters,
        currency=currency,
        first=min(row.first for row in sized.values()),
        last=until,
        is_open=rule.is_active or occasions.today(rule, at=at) <= until,
        written=written,
        held_out=held_out,
        elsewhere=sum(row.orders for row in rows if row.currency != currency and groups[row.held].orders is not None),
        buying=uplift.of_shares(written.sample, held_out.sample) if is_compared else None,
        spending=uplift.of_means(written.sample, held_out.sample) if is_compared else None,
        days=rule.attribution_days,
    )


def _day(column: ColumnElement[date], name: str) -> ColumnElement[date]:
    return type_coerce(column, Date()).label(name)


def numbers(session: Session, rule: ContactRule) -> Numbers:
    """Return what became of the letters of a rule, by one statement."""
    came_back = Letter.bounced_at.is_not(None)
    is_sent = or_(and_(Letter.state == LetterState.sent, ~came_back), TextMessage.phase == TextPhase.sent)
    one = RuleOccurrence
    acts = (one.opened_at, one.clicked_at, one.answered_at, one.unsubscribed_at)
    counted = (
        select(
            func.count(case((is_sent, 1))).label("sent"),
            func.count(case((came_back, 1))).label("bounced"),
            *(func.count(each) for each in acts),
        )
        .outerjoin(Letter, Letter.id == one.letter_id)
        .outerjoin(TextMessage, TextMessage.id == one.text_message_id)
        .where(one.rule_id == rule.id)
    )
    sent, bounced, *heard = session.execute(counted).one()
    return Numbers({RecipientPhase.sent: sent, RecipientPhase.bounced: bounced}, {}, *heard)


def _sides(rule: ContactRule) -> Subquery:
    """Return the counterparties of a rule, each with its days and `held`: 1 where it is held out, else 0.

    A letter that was called off while it waited is one that was written: nobody asks that about the held out. One that
    became both by a merge is in neither. Since another share is held out it is begun anew.
    """
    one = RuleOccurrence
    counted = [one.rule_id == rule.id, one.counts_from.is_not(None)]
    if rule.held_out_since is not None:
        counted.append(one.done_at >= rule.held_out_since)
    held = case((one.state == OccurrenceState.held_out, 1), else_=0)
    return (
        select(
            one.party_id,
            func.max(held).label("held"),
            func.min(one.counts_from).label("counts_from"),
            func.min(one.counts_until).label("counts_until"),
        )
        .where(*counted)
        .group_by(one.party_id)
        .having(func.max(held) == func.min(held))
        .subquery("side")
    )


def _bought(side: Subquery) -> Select[Any]:
    return (
        select(
            side.c.held,
            side.c.party_id,
            SaleOrder.currency,
            func.count().label("orders"),
            func.sum(SaleOrder.net).label("net"),
        )
        .select_from(side)
        .join(SaleOrder, SaleOrder.party_id == side.c.party_id)
        .where(
            SaleOrder.ordered_on >= side.c.counts_from,
            SaleOrder.ordered_on <= side.c.counts_until,
            SaleOrder.state.not_in(NOT_COUNTED),
        )
        .group_by(side.c.held, side.c.party_id, SaleOrder.currency)
    )
