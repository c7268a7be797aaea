"""Stages: what one of them may ask of deals, and where they may go from it."""

from sqlalchemy import exists, inspect, select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.deal import Deal
from app.models.pipeline import Pipeline, Stage, StageMove
from app.services import access, pipeline
from app.services.collected import Collected
from app.services.deal_need import NEEDS
from app.services.document import linked
from app.services.text import is_blank, line

MOST_CHECKS = 20


def save(session: Session, stage: Stage) -> None:
    """Bring a stage into its normal form and add it to the session.

    Raises Refusals by field ("checks-0-text"): a stage keeps its type while deals stand in it.
    """
    with session.no_autoflush:
        found = Collected()
        if linked(session, stage, "pipeline", Pipeline) is None:
            raise DomainError(_("A stage is made in the form of its pipeline"))
        name = found.take("name", lambda: line(stage.name or "", limit=120))
        if name is not None and is_blank(name):
            found.refuse("name", _("A stage needs a name"))
        pipeline.check_chances(stage, found)
        if inspect(stage).attrs.type.history.deleted and _is_used(session, stage):
            found.refuse("type", _("Deals stand in this stage: its type stays as it is"))
        for field in ("needs_on_entry", "needs_on_exit"):
            if set(getattr(stage, field) or []) - NEEDS.keys():
                found.refuse(field, _("Not a valid choice."))
        _check_list(stage, found)
        _check_moves(stage, found)
        role = found.take("owner_role", lambda: line(stage.owner_role or "", limit=64) or None)
        found.settle()
        stage.name, stage.owner_role = name or "", role
        session.add(stage)


def _check_list(stage: Stage, found: Collected) -> None:
    if len(stage.checks) > MOST_CHECKS:
        found.refuse("checks", _("At most %(most)s things can be checked", most=MOST_CHECKS))
    for at, each in enumerate(stage.checks):
        each.position = at + 1
        text = found.take(f"checks-{at}-text", lambda typed=each.text: line(typed or "", limit=250))  # type: ignore[misc]
        if text is not None and is_blank(text):
            found.refuse(f"checks-{at}-text", _("Say what is to be done"))
        each.text = text or each.text


def _check_moves(stage: Stage, found: Collected) -> None:
    beside = {each.id for each in stage.pipeline.stages if each.id != stage.id}
    for each in stage.moves:
        each.pipeline_id = stage.pipeline_id
        key = each.to.id if each.to is not None else each.to_id
        if key not in beside:
            found.refuse("moves", _("Choose another stage of the same pipeline"))


def may_go_to(stage: Stage, keys: set[int]) -> None:
    """Let deals go from a stage to these alone; none means to any."""
    standing = {each.to_id: each for each in stage.moves}
    stage.moves = [standing.get(key) or StageMove(to_id=key, pipeline_id=stage.pipeline_id) for key in sorted(keys)]


def _is_used(session: Session, stage: Stage) -> bool:
    with access.everything(session, why="a stage is in use whoever owns the deals in it"):
        return bool(session.scalar(select(exists().where(Deal.stage_id == stage.id))))
