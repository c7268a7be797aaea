"""Pipelines: the rules of storing them, their order, the default one, and taking a stage away."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import func, inspect, select, update
from sqlalchemy.orm import Session

from app import money
from app.errors import DomainError
from app.i18n import LANGUAGES, in_language, ngettext
from app.i18n import gettext as _
from app.models.deal import Deal
from app.models.lost_reason import LostReason
from app.models.pipeline import Pipeline, Stage, StageType
from app.models.tag import TagColour
from app.services import access, deal_step
from app.services.access import Actor
from app.services.collected import Collected
from app.services.text import is_blank, line

MOST_STAGES = 20
HOUR = 60
DAY = 8 * HOUR  # minutes of working time that a working day has


def save(session: Session, pipeline: Pipeline) -> None:
    """Bring a pipeline with its stages into its normal form and add it to the session.

    Raises Refusals by field ("stages-0-name"): of its stages one is where deals are won, one where they are lost, at
    least one is open.
    """
    with session.no_autoflush:
        found = Collected()
        name = found.take("name", lambda: line(pipeline.name or "", limit=120))
        if name is not None and is_blank(name):
            found.refuse("name", _("A pipeline needs a name"))
        code = (pipeline.currency or "").strip().upper() or None
        if code is not None:
            found.take("currency", lambda: money.digits(code))
        _check_stages(pipeline, found)
        _refuse_standing(session, pipeline, found)
        found.settle()
        pipeline.name, pipeline.currency = name or "", code
        if pipeline.is_default or default(session) is None:
            make_default(session, pipeline)
        session.add(pipeline)


def _check_stages(pipeline: Pipeline, found: Collected) -> None:
    stages = pipeline.stages
    if len(stages) > MOST_STAGES:
        found.refuse("stages", _("At most %(most)s stages are possible", most=MOST_STAGES))
        return
    names: set[str] = set()
    for at, stage in enumerate(stages):
        stage.position = at + 1
        stage.type = stage.type or StageType.open
        stage.colour = stage.colour or TagColour.grey
        told = found.take(f"stages-{at}-name", lambda text=stage.name: line(text or "", limit=120))  # type: ignore[misc]
        if told is not None and is_blank(told):
            found.refuse(f"stages-{at}-name", _("A stage needs a name"))
        elif told is not None and told.casefold() in names:
            found.refuse(f"stages-{at}-name", _("Two stages have this name"))
        stage.name = told or stage.name
        names.add((told or "").casefold())
        check_chances(stage, found, f"stages-{at}-")
    count = {kind: sum(stage.type is kind for stage in stages) for kind in StageType}
    if count[StageType.won] != 1 or count[StageType.lost] != 1:
        found.refuse("stages", _("A pipeline has one stage where deals are won and one where they are lost"))
    if not count[StageType.open]:
        found.refuse("stages", _("A pipeline needs at least one open stage"))


def check_chances(stage: Stage, found: Collected, prefix: str = "") -> None:
    """Judge the probability and the norm of a stage; an end is certain."""
    if stage.type is not StageType.open:
        stage.probability = 100 if stage.type is StageType.won else 0
    stage.probability = stage.probability or 0
    if not 0 <= stage.probability <= 100:  # noqa: PLR2004 -- percent
        found.refuse(f"{prefix}probability", _("A probability is between 0 and 100 percent"))
    if stage.norm_minutes is not None and stage.norm_minutes <= 0:
        found.refuse(f"{prefix}norm_minutes", _("A norm is above zero"))


def _refuse_standing(session: Session, pipeline: Pipeline, found: Collected) -> None:
    """Refuse to take stages away, or to give them another type, where deals stand."""
    if not inspect(pipeline).persistent:
        return
    gone = inspect(pipeline).attrs.stages.history.deleted
    turned = [stage for stage in pipeline.stages if inspect(stage).attrs.type.history.deleted]
    counts = standing(session, pipeline)
    for stage in [*gone, *turned]:
        count = counts.get(stage.id, 0)
        if count:
            text = ngettext(
                "%(count)s deal stands in “%(stage)s”; bring it elsewhere first",
                "%(count)s deals stand in “%(stage)s”; bring them elsewhere first",
                count,
                count=count,
                stage=stage.name,
            )
            found.refuse("stages", text)


def standing(session: Session, pipeline: Pipeline) -> Mapping[int, int]:
    """Return how many deals each stage of a pipeline holds or has lost: stage id → count."""
    lost = Deal.lost_from_id
    with access.everything(session, why="a stage is in use whoever owns the deals in it"):
        here = select(Deal.stage_id, func.count()).where(Deal.pipeline_id == pipeline.id).group_by(Deal.stage_id)
        from_here = select(lost, func.count()).where(Deal.pipeline_id == pipeline.id, lost.is_not(None)).group_by(lost)
        found = {key: int(count) for key, count in session.execute(here)}
        for key, count in session.execute(from_here):
            if key is not None:
                found[key] = found.get(key, 0) + int(count)
    return found


def make_default(session: Session, pipeline: Pipeline) -> None:
    """Let new deals go into this pipeline unless another one is chosen."""
    if pipeline.archived_at is not None:
        raise DomainError(_("This pipeline is out of use"), field="is_default")
    # at once, before the new default is stored: there is only one at any time
    others = update(Pipeline).where(Pipeline.is_default, Pipeline.id != (pipeline.id or 0))
    session.execute(others.values(is_default=False))
    pipeline.is_default = True


def archive(session: Session, pipeline: Pipeline, *, at: datetime) -> None:
    """Take a pipeline out of use: its deals stay, no new ones come. Raises DomainError for the default one."""
    refuse_archive(pipeline)
    pipeline.archived_at = at
    session.flush()


def refuse_archive(pipeline: Pipeline) -> None:
    """Raise DomainError when a pipeline cannot be taken out of use."""
    if pipeline.archived_at is not None:
        raise DomainError(_("This pipeline is out of use"))
    if pipeline.is_default:
        raise DomainError(_("Make another pipeline the default one first"), field="is_default")


def restore(session: Session, pipeline: Pipeline) -> None:
    """Take a pipeline into use again."""
    pipeline.archived_at = None
    session.flush()


def remove_stage(session: Session, stage: Stage, *, to: Stage | None, by: Actor, at: datetime) -> None:
    """Take a stage away; the deals in it go `to` another one of the same type and pipeline, each with its log.

    Raises DomainError at "to" when deals stand in it and nothing is said, or something that does not fit.
    """
    pipeline = stage.pipeline
    if sum(each.type is stage.type for each in pipeline.stages) < 2:  # noqa: PLR2004 -- itself and another
        raise DomainError(_("A pipeline needs a stage of this type"))
    with access.everything(session, why="all deals of a stage that goes away go elsewhere, whoever owns them"):
        inside = select(Deal).where((Deal.stage_id == stage.id) | (Deal.lost_from_id == stage.id))
        deals = session.scalars(inside).all()
        if deals and to is None:
            text = ngettext(
                "%(count)s deal stands in “%(stage)s”: say where it goes",
                "%(count)s deals stand in “%(stage)s”: say where they go",
                len(deals),
                count=len(deals),
                stage=stage.name,
            )
            raise DomainError(text, field="to")
        if to is not None and (to.id == stage.id or to.pipeline_id != stage.pipeline_id or to.type is not stage.type):
            raise DomainError(_("Choose another stage of the same pipeline and type"), field="to")
        for deal in deals:
            assert to is not None  # noqa: S101 -- its absence was refused
            if deal.lost_from_id == stage.id:
                deal.lost_from, deal.lost_from_id = to, to.id
            if deal.stage_id == stage.id:
                deal_step.relocate(session, deal, to, by=by, at=at)
        session.flush()
        pipeline.stages.remove(stage)
        for position, each in enumerate(pipeline.stages):
            each.position = position + 1
        session.flush()


def remove(session: Session, pipeline: Pipeline) -> None:  # noqa: ARG001 -- every rule of deleting takes its session
    """Say whether a pipeline may be deleted: DomainError for the default one."""
    if pipeline.is_default:
        raise DomainError(_("Make another pipeline the default one first"), field="is_default")


def default(session: Session) -> Pipeline | None:
    """Return the pipeline that new deals go into, None when there is none."""
    return session.scalar(select(Pipeline).where(Pipeline.is_default))


def first_stage(pipeline: Pipeline) -> Stage:
    """Return the stage where deals begin."""
    return next(stage for stage in pipeline.stages if stage.type is StageType.open)


def in_use(session: Session) -> list[Pipeline]:
    """Return the pipelines that take deals, the default one first."""
    wanted = select(Pipeline).where(Pipeline.archived_at.is_(None)).order_by(Pipeline.is_default.desc(), Pipeline.name)
    return list(session.scalars(wanted))


def make_first(session: Session, language: str) -> Pipeline | None:
    """Make a first pipeline and reasons of losses in a language, where there are none yet."""
    if session.scalar(select(Pipeline.id).limit(1)) is not None:
        return None
    with in_language(language if language in LANGUAGES else "en"):
        pipeline = Pipeline(name=_("Sales"), is_default=True)
        pipeline.stages = first_stages()
        reasons = (_("Too expensive"), _("A competitor was chosen"), _("No need any more"), _("No answer"), _("Other"))
    save(session, pipeline)
    if session.scalar(select(LostReason.id).limit(1)) is None:
        session.add_all([LostReason(name=name, position=at + 1) for at, name in enumerate(reasons)])
    session.flush()
    return pipeline


def first_stages() -> list[Stage]:
    """Return the stages that most companies begin with, in the reader's language."""
    return [
        Stage(name=_("New"), probability=10, colour=TagColour.grey, norm_minutes=2 * DAY),
        Stage(name=_("Qualified"), probability=25, colour=TagColour.blue, norm_minutes=5 * DAY),
        Stage(
            name=_("Offer"), probability=50, colour=TagColour.violet, norm_minutes=5 * DAY, needs_on_entry=["amount"]
        ),
        Stage(name=_("Negotiation"), probability=75, colour=TagColour.orange, norm_minutes=10 * DAY),
        Stage(name=_("Won"), type=StageType.won, probability=100, colour=TagColour.green),
        Stage(name=_("Lost"), type=StageType.lost, probability=0, colour=TagColour.red),
    ]
