"""Deals: what they obey when they are stored, how one is placed, and which need attention."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from functools import partial

from sqlalchemy import inspect
from sqlalchemy.orm import Session

from app import clock, money
from app.errors import DomainError
from app.i18n import gettext as _
from app.models.deal import Deal, DealContact, DealLine
from app.models.party import Party
from app.models.pipeline import Pipeline, Stage, StageType
from app.search import search_text
from app.services import access, deal_line
from app.services import organisation as organisations
from app.services import pipeline as pipelines
from app.services.access import Actor
from app.services.collected import Collected
from app.services.deal_step import begin, lose, move, refuse_move, refuse_reopen, reopen, tick, untick, win
from app.services.document import linked
from app.services.party_rules import refuse_erased
from app.services.text import is_blank, line, lines

__all__ = [
    "lose",
    "move",
    "place",
    "refuse_move",
    "refuse_reopen",
    "reopen",
    "save",
    "tick",
    "untick",
    "win",
]

_NOTE = 20_000
_AGREED = ("amount", "currency", "party_id")  # what stays as it is once a deal is closed


def save(session: Session, deal: Deal) -> None:
    """Bring a deal into its normal form and add it to the session; a new one begins in the first stage.

    The stage changes by `move` alone. Raises Refusals with everything that is wrong, by field ("lines-0-quantity").
    """
    with session.no_autoflush:
        found, is_new = Collected(), not inspect(deal).persistent
        if not is_new:
            _refuse_steps(session, deal)
        title = found.take("title", lambda: line(deal.title or "", limit=250))
        if title is not None and is_blank(title):
            found.refuse("title", _("A deal needs a title"))
        party = linked(session, deal, "party", Party)
        if party is None:
            found.refuse("party", _("Say whom this is for"))
        elif is_new:
            found.take("party", lambda: refuse_erased(party))
        if is_new:
            _choose_stage(session, deal, found)
        deal_currency = _currency(session, deal, party, found)
        note = found.take("note", lambda: lines(deal.note or "", limit=_NOTE) or None)
        source = found.take("source", lambda: line(deal.source or "", limit=60) or None)
        if party is not None:
            _check_contacts(deal, party, found)
        sums = deal_line.judged(session, deal, deal_currency, found) if deal_currency else None
        amount = _amount(deal, deal_currency, found) if sums is None else sums
        found.settle()
        assert party is not None  # noqa: S101 -- its absence was refused
        deal.title, deal.note, deal.source = title or "", note, source
        deal.party, deal.currency = party, deal_currency or ""
        if deal.amount != amount:
            deal.amount = amount
        deal.search_text = search_text([deal.title, party.name, party.tax_number])
        session.add(deal)
        if is_new:
            begin(session, deal, by=access.current(session), at=deal.entered_at or clock.now())
        else:
            deal.last_touch_at = max(clock.now(), deal.last_touch_at)


def _refuse_steps(session: Session, deal: Deal) -> None:
    """Refuse that a stored deal changes its stage by a form, or what was agreed once it is closed."""
    attributes = inspect(deal).attrs
    if any(attributes[name].history.has_changes() for name in ("stage", "stage_id", "pipeline", "pipeline_id")):
        raise DomainError(_("The stage of a deal is changed by its buttons, not in the form"), field="stage")
    changed = [name for name in _AGREED if attributes[name].history.has_changes()]
    if attributes["party"].history.has_changes():
        changed.append("party")
    lines_changed = attributes["lines"].history.has_changes() or any(map(session.is_modified, deal.lines))
    if deal.state is not StageType.open and (changed or lines_changed):
        field = changed[0].removesuffix("_id") if changed else "lines"
        raise DomainError(_("The deal is closed; reopen it first"), field=field)


def _choose_stage(session: Session, deal: Deal, found: Collected) -> None:
    pipeline = linked(session, deal, "pipeline", Pipeline) or pipelines.default(session)
    if pipeline is None:
        found.refuse("pipeline", _("There is no pipeline yet: an administrator makes one"))
        return
    stage = linked(session, deal, "stage", Stage) or pipelines.first_stage(pipeline)
    if pipeline.archived_at is not None:
        found.refuse("pipeline", _("This pipeline is out of use"))
    if stage.pipeline_id != pipeline.id:
        found.refuse("stage", _("“%(stage)s” is a stage of another pipeline", stage=stage.name))
    elif stage.type is not StageType.open:
        found.refuse("stage", _("A deal begins in an open stage"))
    deal.pipeline, deal.pipeline_id = pipeline, pipeline.id
    deal.stage, deal.stage_id = stage, stage.id
    deal.state = StageType.open


def _currency(session: Session, deal: Deal, party: Party | None, found: Collected) -> str | None:
    """Return the currency: the deal's, else that of its pipeline, its party, our company."""
    ours = None if deal.currency else organisations.first(session)
    pipeline = deal.pipeline
    offered = (deal.currency, pipeline and pipeline.currency, party and party.currency, ours and ours.currency)
    code = next((str(each).strip().upper() for each in offered if each), None)
    if code is None:
        found.refuse("currency", _("Choose the currency"))
        return None
    return code if found.take("currency", lambda: money.digits(code)) is not None else None


def _amount(deal: Deal, currency: str | None, found: Collected) -> Decimal | None:
    if deal.amount is None or currency is None:
        return deal.amount
    if deal.amount < 0:
        found.refuse("amount", _("An amount is not below zero"))
        return None
    return found.take("amount", partial(money.on_grid, deal.amount, currency, "amount"))


def _check_contacts(deal: Deal, party: Party, found: Collected) -> None:
    known = {each.id for each in party.contacts}
    seen: set[int] = set()
    for at, each in enumerate(deal.contacts):
        key = each.contact.id if each.contact is not None else each.contact_id
        if key not in known:
            found.refuse(f"contacts-{at}-contact", _("Choose somebody of the deal's party"))
        elif key in seen:
            found.refuse(f"contacts-{at}-contact", _("This person is named twice"))
        seen.add(key)


def place(
    session: Session,
    *,
    party: Party,
    title: str,
    by: Actor | None,
    at: datetime,
    pipeline: Pipeline | None = None,
    stage: Stage | None = None,
    amount: Decimal | None = None,
    currency: str | None = None,
    expected_on: date | None = None,
    source: str | None = None,
    note: str | None = None,
    owner_id: int | None = None,
    team_id: int | None = None,
    contacts: Iterable[DealContact] = (),
    lines: Iterable[DealLine] = (),
) -> Deal:
    """Make a deal in a stage, the first one of the default pipeline unless it is said, and return it stored.

    Without an owner it belongs to who places it. Raises Refusals as `save` does.
    """
    deal = Deal(title=title, party=party, amount=amount, currency=currency, expected_on=expected_on, source=source)
    deal.note, deal.owner_id, deal.team_id, deal.entered_at = note, owner_id, team_id, at
    if owner_id is None and by is not None:
        deal.owner_id, deal.team_id = by.user_id, team_id or by.team_id
    if stage is not None:
        deal.pipeline, deal.stage = pipeline or stage.pipeline, stage
    elif pipeline is not None:
        deal.pipeline = pipeline
    deal.contacts, deal.lines = list(contacts), list(lines)
    save(session, deal)
    session.flush()
    return deal
