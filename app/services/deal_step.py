"""The steps of deals from stage to stage: what speaks against one, and doing it with its row in the log."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.deal import Deal, DealCheck
from app.models.lost_reason import LostReason
from app.models.pipeline import Stage, StageCheck, StageType
from app.models.stage_log import StageLog
from app.services import deal_need as needs
from app.services import working_time
from app.services.access import Actor
from app.services.collected import Collected
from app.services.text import is_blank, lines

NOTE = 4000  # characters


def move(session: Session, deal: Deal, stage: Stage, *, by: Actor, at: datetime) -> None:
    """Bring an open deal to another stage of its pipeline.

    Raises Refusals with everything that speaks against it, each at the field that would mend it; nothing is changed
    then. Losing a deal needs its reason: see `lose`.
    """
    refuse_move(deal, stage)
    if stage.type is StageType.lost:
        raise DomainError(_("Say why the deal was lost"), field="reason")
    _step(session, deal, stage, by=by, at=at)


def refuse_move(deal: Deal, stage: Stage) -> None:
    """Raise Refusals when a deal cannot go to a stage now."""
    if deal.state is not StageType.open:
        raise DomainError(_("The deal is closed; reopen it first"), field="stage")
    if stage.pipeline_id != deal.pipeline_id:
        raise DomainError(_("“%(stage)s” is a stage of another pipeline", stage=stage.name), field="stage")
    if stage.id == deal.stage_id:
        raise DomainError(_("The deal is in “%(stage)s” already", stage=stage.name), field="stage")
    ways = {each.to_id for each in deal.stage.moves}
    found = Collected()
    if ways and stage.id not in ways:
        text = _("A deal cannot go from “%(from_stage)s” to “%(stage)s”", from_stage=deal.stage.name, stage=stage.name)
        found.refuse("stage", text)
        found.settle()
    needs.refuse(deal, stage, found)
    found.settle()


def end_of(deal: Deal, type: StageType) -> Stage:  # noqa: A002 -- the column's name
    """Return the stage of a deal's pipeline where deals are won, or lost."""
    return next(stage for stage in deal.pipeline.stages if stage.type is type)


def win(session: Session, deal: Deal, *, by: Actor, at: datetime) -> None:
    """Close a deal as won. Raises Refusals as `move` does."""
    move(session, deal, end_of(deal, StageType.won), by=by, at=at)


def lose(session: Session, deal: Deal, *, reason: LostReason, note: str, by: Actor, at: datetime) -> None:
    """Close a deal as lost and say why; the stage where that happened is kept.

    Raises Refusals at "reason" and "note", and as `move` does.
    """
    stage, found = end_of(deal, StageType.lost), Collected()
    if reason is None or not reason.is_active:
        found.refuse("reason", _("Choose a reason that is in use"))
    text = found.take("note", lambda: lines(note or "", limit=NOTE))
    if text is not None and is_blank(text):
        found.refuse("note", _("Say in a few words how the deal was lost"))
    found.settle()
    refuse_move(deal, stage)
    before = deal.stage
    deal.lost_reason, deal.lost_note = reason, text
    deal.lost_from = before
    deal.lost_from_id = before.id
    _step(session, deal, stage, by=by, at=at)


def reopen(session: Session, deal: Deal, *, by: Actor, at: datetime) -> None:
    """Go on with a closed deal, in the stage where it was won or lost. Raises DomainError when it is open."""
    refuse_reopen(deal)
    stage = deal.lost_from or _won_from(session, deal)
    deal.lost_reason = deal.lost_from = deal.lost_note = None
    deal.lost_from_id = deal.lost_reason_id = None
    _step(session, deal, stage, by=by, at=at)


def refuse_reopen(deal: Deal) -> None:
    """Raise DomainError when a deal is not closed."""
    if deal.state is StageType.open:
        raise DomainError(_("The deal is open"), field="stage")


def _won_from(session: Session, deal: Deal) -> Stage:
    """Return the stage from which a deal was won, the first one of its pipeline when that is gone."""
    last = select(StageLog.from_id).where(StageLog.deal_id == deal.id).order_by(StageLog.id.desc()).limit(1)
    key = session.scalar(last)
    open_ones = [stage for stage in deal.pipeline.stages if stage.type is StageType.open]
    return next((stage for stage in open_ones if stage.id == key), open_ones[0])


def begin(session: Session, deal: Deal, *, by: Actor | None, at: datetime) -> None:
    """Write the first row of a new deal's log: its life begins."""
    deal.entered_at = at.replace(microsecond=0)
    deal.last_touch_at = at
    session.add(
        StageLog(
            deal=deal,
            at=deal.entered_at,
            to_id=deal.stage.id,
            to_name=deal.stage.name,
            state=deal.state,
            by_id=by.user_id if by else None,
        )
    )


def relocate(session: Session, deal: Deal, stage: Stage, *, by: Actor, at: datetime) -> None:
    """Bring a deal elsewhere whatever the stages ask for: its stage is going away. It stays open, won or lost."""
    _step(session, deal, stage, by=by, at=at)


def _step(session: Session, deal: Deal, stage: Stage, *, by: Actor, at: datetime) -> None:
    """Change the stage and write it down. Clocks may run apart: a step is never earlier than the one before."""
    moment = max(at.replace(microsecond=0), deal.entered_at)
    seconds = int((moment - deal.entered_at).total_seconds())
    with session.no_autoflush:  # half a step must not reach the database
        minutes = working_time.between(session, deal.entered_at, moment, user_id=deal.owner_id)
    session.add(
        StageLog(
            deal=deal,
            at=moment,
            from_id=deal.stage.id,
            from_name=deal.stage.name,
            to_id=stage.id,
            to_name=stage.name,
            state=stage.type,
            seconds=seconds,
            working_minutes=minutes,
            by_id=by.user_id,
        )
    )
    deal.stage, deal.stage_id = stage, stage.id
    deal.state, deal.entered_at = stage.type, moment
    deal.closed_at = None if stage.type is StageType.open else deal.closed_at or moment
    deal.last_touch_at = max(at, deal.last_touch_at)
    session.flush()


def tick(session: Session, deal: Deal, *, check: StageCheck, by: Actor, at: datetime) -> None:
    """Note that one thing of the checklist of a deal's stage has been done; doing it twice is once."""
    if check.stage_id != deal.stage_id:
        raise DomainError(_("This stands on the checklist of another stage"), field="check")
    if all(each.check_id != check.id for each in deal.checked):
        deal.checked.append(DealCheck(check=check, check_id=check.id, at=at, by_id=by.user_id))
        deal.last_touch_at = max(at, deal.last_touch_at)
    session.flush()


def untick(session: Session, deal: Deal, *, check: StageCheck) -> None:
    """Note that one thing of the checklist has not been done after all."""
    deal.checked = [each for each in deal.checked if each.check_id != check.id]
    session.flush()
