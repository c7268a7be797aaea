"""The funnel of the deals that began in a period: how far they came, what was lost from where, and how long it took.

A cohort is followed to the present: whatever happened to its deals later counts. A deal that comes to a stage again is
counted once as one that came there, and as often as it did among the entries. "As far as" counts the deals that reached
a stage or a later one, so that one which skips a stage is missing nowhere. Time in a stage is that of the stays which
have ended, in working hours, from the log of stages.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.deal import Deal
from app.models.pipeline import Pipeline, Stage, StageType
from app.models.stage_log import StageLog
from app.services import report_frame as frame
from app.services.report_frame import (
    PERSON,
    TEAM,
    Asked,
    Asks,
    Column,
    Drawing,
    Group,
    Kind,
    Parameter,
    Report,
    Result,
    Row,
)
from app.services.report_period import DAY, Span

PERIOD = Parameter("period", _l("Begun in"), Asks.period, usual="this_year")
PIPELINE = Parameter("pipeline", _l("Pipeline"), Asks.pipeline)


@dataclass
class Step:
    """What the log tells of one stage."""

    came: int = 0
    entries: int = 0
    left: int = 0
    minutes: int = 0
    lost: int = 0
    stands: int = 0


def find(session: Session, asked: Asked) -> Result:
    """Return the funnel of a pipeline, the default one where none is named; five statements."""
    stages = _stages(session, asked["pipeline"])
    heads = (
        Column("stage", _l("Stage")),
        Column("reached", _l("Came as far as"), Kind.number),
        Column("share", _l("Of all begun"), Kind.percent),
        Column("step", _l("Of the stage before"), Kind.percent),
        Column("came", _l("Were in it"), Kind.number),
        Column("again", _l("Came again"), Kind.number),
        Column("stands", _l("Stand in it now"), Kind.number),
        Column("lost", _l("Lost from it"), Kind.number),
        Column("stay", _l("Mean stay, working time"), Kind.minutes),
    )
    if not stages:
        return frame.result(heads, [])
    cohort = _cohort(session, asked, stages[0].pipeline_id)
    steps = {stage.id: Step() for stage in stages}
    for key, came, entries in session.execute(_entries(cohort)):
        if key in steps:
            steps[key].came, steps[key].entries = came, entries
    for key, left, minutes in session.execute(_stays(cohort)):
        if key in steps:
            steps[key].left, steps[key].minutes = left, minutes or 0
    for stage, lost_from, count in session.execute(_standing(cohort)):
        if stage in steps:
            steps[stage].stands += count
        if lost_from in steps:
            steps[lost_from].lost += count
    reached = _reached(session, cohort, stages)
    rows = [*_rows(stages, steps, reached)] if sum(reached.values()) else []
    notes = [_("Deals that were deleted, or went to another pipeline, are not among them.")] if rows else []
    return frame.result(heads, rows, notes=notes, drawing=Drawing("stage", ("reached",)))


def bounds(span: Span, asked: Asked) -> tuple[datetime, datetime]:
    """Return the moments between which the days of a span lie where our first company is; the second is without."""
    begins, ends = (datetime.combine(day, time(), asked.zone) for day in (span.first, span.last + DAY))
    return begins, ends


def _stages(session: Session, pipeline_id: int | None) -> list[Any]:
    """Return the stages of a pipeline in their order, the ends last: won, then lost."""
    asked = select(Stage.id, Stage.name, Stage.type, Stage.pipeline_id).join(Pipeline, Pipeline.id == Stage.pipeline_id)
    chosen = Pipeline.is_default.is_(True) if pipeline_id is None else Pipeline.id == pipeline_id
    found = session.execute(asked.where(chosen).order_by(Stage.position, Stage.id)).all()
    order = {StageType.open: 0, StageType.won: 1, StageType.lost: 2}
    return sorted(found, key=lambda stage: order[stage.type])


def _cohort(session: Session, asked: Asked, pipeline_id: int) -> Any:  # noqa: ANN401
    """Return the keys of the deals that began in the period, within the reader's rows."""
    begins, ends = bounds(asked["period"], asked)
    return (
        select(Deal.id, Deal.stage_id, Deal.lost_from_id)
        .join(StageLog, StageLog.deal_id == Deal.id)
        .where(
            Deal.pipeline_id == pipeline_id,
            StageLog.from_name.is_(None),
            StageLog.at >= begins,
            StageLog.at < ends,
            *frame.cut(session, asked, Deal),
        )
        .subquery()
    )


def _entries(cohort: Any) -> Any:  # noqa: ANN401
    came, entries = func.count(StageLog.deal_id.distinct()), func.count()
    found = select(StageLog.to_id, came, entries).join(cohort, cohort.c.id == StageLog.deal_id)
    return found.group_by(StageLog.to_id)


def _stays(cohort: Any) -> Any:  # noqa: ANN401
    found = select(StageLog.from_id, func.count(), func.sum(StageLog.working_minutes))
    found = found.join(cohort, cohort.c.id == StageLog.deal_id)
    return found.where(StageLog.from_id.is_not(None)).group_by(StageLog.from_id)


def _standing(cohort: Any) -> Any:  # noqa: ANN401
    found = select(cohort.c.stage_id, cohort.c.lost_from_id, func.count())
    return found.group_by(cohort.c.stage_id, cohort.c.lost_from_id)


def _reached(session: Session, cohort: Any, stages: list[Any]) -> dict[int, int]:  # noqa: ANN401
    """Return of how many deals each place in the order is the furthest that they came to; being lost is no place."""
    places = {stage.id: at for at, stage in enumerate(stages) if stage.type is not StageType.lost}
    place = case(places, value=StageLog.to_id, else_=-1)
    furthest = (
        select(StageLog.deal_id, func.max(place).label("place"))
        .join(cohort, cohort.c.id == StageLog.deal_id)
        .group_by(StageLog.deal_id)
        .subquery()
    )
    found = session.execute(select(furthest.c.place, func.count()).group_by(furthest.c.place))
    return {max(place, 0): count for place, count in found}


def _rows(stages: list[Any], steps: dict[int, Step], reached: dict[int, int]) -> Iterator[Row]:
    whole, before = sum(reached.values()), 0
    for at, stage in enumerate(stages):
        step = steps[stage.id]
        is_lost = stage.type is StageType.lost
        as_far = step.stands if is_lost else sum(count for place, count in reached.items() if place >= at)
        values = (
            stage.name,
            as_far,
            frame.share(as_far, whole),
            None if is_lost or at == 0 else frame.share(as_far, before),
            step.came,
            step.entries - step.came,
            step.stands,
            step.lost if stage.type is StageType.open else None,
            frame.mean(step.minutes, step.left),
        )
        before = as_far
        yield Row(values)


REPORT = Report(
    "funnel",
    Group.deals,
    _l("Funnel"),
    _l("How far the deals begun in a period came, from where they were lost, and how long they stood in each stage."),
    ("deal",),
    (PERIOD, PIPELINE, TEAM, PERSON),
    find,
)
