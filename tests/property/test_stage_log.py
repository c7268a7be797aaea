"""The life of a deal is the sum of the times in its stages, whatever way it goes and however clocks run apart."""

from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models.lost_reason import LostReason
from app.models.pipeline import StageType
from app.models.stage_log import StageLog
from app.services import deal as deals
from app.services.access import SYSTEM
from tests.factories import Made

AT = datetime(2026, 3, 27, 16, 59, 59, 999_999, tzinfo=UTC)  # a Friday before summer time
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["New", "Offer", "Talks", "win", "lose", "reopen"]),
        st.timedeltas(min_value=timedelta(hours=-2), max_value=timedelta(days=9)),
    ),
    max_size=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_times_in_stages_add_up_to_the_life_of_the_deal(
    session: Session, made: Made, steps: list[tuple[str, timedelta]]
):
    work = session.begin_nested()
    deal, reason = made.deal(at=AT), LostReason(name="Price")
    session.add(reason)
    session.flush()
    names, now, done = {each.name: each for each in deal.pipeline.stages}, AT, 0
    for act, passed in steps:
        now += passed
        is_open = deal.state is StageType.open
        if act == "win" and is_open:
            deals.win(session, deal, by=SYSTEM, at=now)
        elif act == "lose" and is_open:
            deals.lose(session, deal, reason=reason, note="No", by=SYSTEM, at=now)
        elif act == "reopen" and not is_open:
            deals.reopen(session, deal, by=SYSTEM, at=now)
        elif act in names and is_open and names[act] is not deal.stage:
            deals.move(session, deal, names[act], by=SYSTEM, at=now)
        else:
            continue
        done += 1
    rows = session.scalars(select(StageLog).where(StageLog.deal_id == deal.id).order_by(StageLog.id)).all()
    life = int((deal.entered_at - rows[0].at).total_seconds())
    stood = session.scalar(select(func.coalesce(func.sum(StageLog.seconds), 0)).where(StageLog.deal_id == deal.id))
    assert (len(rows), stood) == (done + 1, life)
    assert [row.at for row in rows] == sorted(row.at for row in rows)
    assert [after.from_id for after in rows[1:]] == [before.to_id for before in rows[:-1]]
    assert all((row.working_minutes or 0) * 60 <= (row.seconds or 0) for row in rows)
    assert rows[-1].to_id == deal.stage_id
    work.rollback()
