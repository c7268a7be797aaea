"""The stages of a deal's pipeline at the head of its card: where it may go, and what is missing for that."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from app.errors import DomainError, Refusals
from app.models.deal import Deal
from app.models.pipeline import Stage, StageType
from app.services import deal as deals
from app.services.deal_need import NEEDS


@dataclass(frozen=True)
class Reason:
    """Why a deal cannot go to a stage now; `url` is the field of its form that would mend it, "" without one."""

    text: str
    url: str = ""


@dataclass(frozen=True)
class StageStep:
    """One stage: `verb` is what leads there from now, "" where nothing does; `why` says what is missing for it."""

    stage: Stage
    is_now: bool
    is_past: bool
    verb: str
    why: list[Reason]

    @property
    def is_possible(self) -> bool:
        """Say whether one press leads there."""
        return bool(self.verb) and not self.why


VERBS = {StageType.open: "move", StageType.won: "win", StageType.lost: "lose"}
PLACES = {"contacts": "?tab=contacts", "checks": "#checks"}  # parts of the card, not of the form


def steps(deal: Deal, *, may: Collection[str], edits: bool) -> list[StageStep]:
    """Return the stages in their order; `may` are the verbs that the reader has, `edits` whether the form is his."""
    here = deal.stage.position
    return [
        StageStep(
            stage,
            is_now=stage.id == deal.stage_id,
            is_past=deal.state is not StageType.lost and stage.position < here,
            verb=VERBS[stage.type] if stage.id != deal.stage_id and VERBS[stage.type] in may else "",
            why=_why(deal, stage, edits=edits) if stage.id != deal.stage_id else [],
        )
        for stage in deal.pipeline.stages
    ]


def _why(deal: Deal, stage: Stage, *, edits: bool) -> list[Reason]:
    try:
        deals.refuse_move(deal, stage)
    except DomainError as refusal:
        errors: Any = refusal.errors if isinstance(refusal, Refusals) else {refusal.field or "": [str(refusal)]}
        return [Reason(str(text), _place(deal, name, edits=edits)) for name, texts in errors.items() for text in texts]
    return []


def _place(deal: Deal, name: str, *, edits: bool) -> str:
    if name in PLACES:
        return f"/deal/show/{deal.id}{PLACES[name]}"
    return f"/deal/edit/{deal.id}#{name}" if edits and name in NEEDS else ""
