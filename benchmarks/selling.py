"""What selling is measured on beside the demo company: a pipeline that is full."""

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import clock
from app.models.deal import Deal
from app.models.party import Party
from app.models.pipeline import StageType
from app.services import deal as deals
from app.services import pipeline as pipelines
from app.services.access import SYSTEM

MOST_OPEN = 2_000


def fill(session: Session, *, rows: int) -> int:
    """Place open deals until the default pipeline has 2,000, one for fifty parties at most; return how many stand."""
    pipeline = pipelines.default(session)
    if pipeline is None:
        return 0
    open_ones = select(func.count()).select_from(Deal).where(Deal.state == StageType.open, Deal.pipeline == pipeline)
    there = int(session.scalar(open_ones) or 0)
    wanted = max(min(MOST_OPEN, rows // 50) - there, 0)
    stages = [stage for stage in pipeline.stages if stage.type is StageType.open and not stage.needs_on_entry]
    parties = session.scalars(select(Party).where(Party.archived_at.is_(None)).order_by(Party.id).limit(wanted)).all()
    for at, party in enumerate(parties):
        deals.place(
            session,
            party=party,
            title=f"Season {at + 1}",
            by=SYSTEM,
            at=clock.now() - timedelta(days=at % 40),
            stage=stages[at % len(stages)],
            owner_id=party.owner_id,
            team_id=party.team_id,
        )
    return there + len(parties)
